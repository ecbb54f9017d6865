"""A reader draws a shape, in a real browser, from a file: two networks judge it, and what is saved is what the library exports."""

from __future__ import annotations

import os
import re
import struct
import zlib
from dataclasses import replace

import pytest
import torch
from browser import launched, watched, widget_page

pytest.importorskip("anywidget")

from eas_core import load_release
from eas_core.base.errors import EASError
from eas_core.data.splits import normalise
from eas_core.space.cost_tables import madds
from eas_core.space.search_space import Architecture
from eas_core.widgets import draw, network_data

DARK = "--pst-color-text-base: #ced6dd; --pst-color-text-muted: #9ca4af; --pst-color-border: #48566b; --pst-color-surface: #29313d"
SHOTS = os.environ.get("EAS_SCREENSHOTS")  # a folder: the tour leaves pictures there


@pytest.fixture(scope="module")
def release():
    return load_release("demo", device="cpu")


@pytest.fixture(scope="module")
def address(release, tmp_path_factory):
    return widget_page(tmp_path_factory.mktemp("draw"), draw.draw_a_shape(release))


@pytest.fixture(scope="module")
def page(address):
    """One page for the whole tour; in the end nothing was complained about and nobody was asked for anything."""
    with launched() as browser:
        page = browser.new_page(viewport={"width": 1100, "height": 900}, accept_downloads=True)
        errors, foreign = watched(page, address.parent.as_uri())
        page.goto(address.as_uri())
        page.wait_for_function("document.querySelectorAll('.eas-top').length === 2")
        yield page
        assert not errors
        assert not foreign, "asked another origin"


def shot(page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def side(page, number: int):
    return page.get_by_role("group", name=f"Network {number}")


def settled(page) -> list[str]:
    """The answer that a screen reader hears, once both networks have given theirs: what each sees."""
    page.wait_for_function("[...document.querySelectorAll('.eas-draw progress')].every((p) => p.hidden)")
    page.wait_for_timeout(400)
    said = page.locator(".eas-draw-summary").inner_text()
    assert said.count("Network") == 2, said
    return re.findall(r": (.+?), \d+ %", said)


def stroke(page, *points: tuple[float, float]) -> None:
    page.locator(".eas-sheet").scroll_into_view_if_needed()
    box = page.locator(".eas-sheet").bounding_box()
    for number, (x, y) in enumerate(points):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=1 if number == 0 else 4)
        if number == 0:
            page.mouse.down()
    page.mouse.up()


def budget(page, number: int, value: float) -> None:
    slider = side(page, number).get_by_role("slider")
    slider.fill(f"{value:.2f}")


def test_a_drawn_triangle_is_a_triangle_to_both(page):
    stroke(page, (0.5, 0.15), (0.86, 0.8), (0.14, 0.8), (0.5, 0.15))
    assert settled(page) == ["triangle", "triangle"]
    shot(page, "triangle")
    shares = [float(text.split()[0]) for text in side(page, 1).locator(".eas-share").all_inner_texts()]
    assert shares == sorted(shares, reverse=True) and sum(shares) == pytest.approx(100, abs=0.4)
    text = side(page, 1).inner_text()
    assert re.search(r"[\d.]+ ms for 1\.\d\d M multiply-adds; calibration took [\d.]+ s", text)
    cost = float(re.search(r"([\d.]+) M multiply-adds, \d+ blocks", text)[1])
    budget(page, 1, 2.4)
    settled(page)
    assert cost < float(re.search(r"([\d.]+) M multiply-adds, \d+ blocks", side(page, 1).inner_text())[1]) <= 2.4


def test_the_pages_answer_is_the_librarys(page, release):
    """Of the pixels that the page shows, by the architecture that it saves, calibrated on the pictures that it carries."""
    names, classes = release.tasks.class_names, list(release.tasks.classes[release.tasks.index("arrows")])
    side(page, 1).get_by_label("Classes").select_option(label="arrows")
    side(page, 2).get_by_label("Classes").select_option(label="arrows")
    page.get_by_role("button", name="Example").click()
    settled(page)
    with page.expect_download() as download:
        side(page, 1).get_by_role("button", name="Save this network").click()
    saved = download.value.path().read_text()
    architecture = Architecture.from_json(saved)
    assert madds(release.profile.search_space(), [architecture])[0] <= 2.4e6
    command = side(page, 1).locator("code").inner_text()
    assert command == (
        f"eas export --release demo --task arrows --budget 2.40 --architecture {download.value.suggested_filename} --out network"
    )
    shown = page.locator(".eas-small").evaluate(
        "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
    )
    image = torch.tensor(shown, dtype=torch.uint8).view(32, 32, 4)[..., :3].permute(2, 0, 1)
    assert any((image == one).all() for one in torch.from_numpy(network_data.drawn(release, "valid", 1)))
    network = network_data.rounded(release.supernet).extract(architecture)
    network_data.calibrated(network, torch.from_numpy(network_data.drawn(release, "train", network_data.PER_CLASS)))
    with torch.no_grad():
        ours = network(normalise(image[None]))[0, classes].softmax(0)
    theirs = dict(re.findall(r"(arrow at \d+)\s+([\d.]+) %", side(page, 1).locator(".eas-bars").inner_text()))
    for number, share in zip(classes, ours, strict=True):
        assert float(theirs[names[number].replace("_", " ")]) == pytest.approx(100 * float(share), abs=0.06)


def test_classes_of_ones_own_from_none_to_all(page, release):
    chosen = side(page, 1)
    chosen.get_by_label("Classes").select_option(label="those ticked below")
    boxes = page.get_by_role("checkbox")
    assert boxes.count() == release.tasks.num_classes
    settled(page)
    assert chosen.locator(".eas-bars li").count() == 5  # five are ticked at first
    shot(page, "ticked")
    for box in boxes.all():
        box.uncheck()
    assert "Tick at least one class." in chosen.inner_text() and chosen.locator(".eas-bars li").count() == 0
    boxes.nth(7).check()
    settled(page)
    chosen.get_by_text("nothing to choose").wait_for()
    assert "100.0 %" in chosen.locator(".eas-bars").inner_text()
    page.evaluate("document.querySelectorAll('.eas-ticks input').forEach((box) => box.checked || box.click())")
    settled(page)
    assert re.search(r"52 other classes\s+[\d.]+ %", chosen.locator(".eas-bars").inner_text())
    chosen.get_by_label("Classes").select_option(label="polygons")


def test_the_keyboard_draws(page):
    page.get_by_role("button", name="Clear").click()
    before = page.locator(".eas-small").evaluate("c => c.toDataURL()")
    page.locator(".eas-sheet").focus()
    page.keyboard.press("ArrowUp")
    assert page.locator(".eas-small").evaluate("c => c.toDataURL()") == before, "the pen is up"
    page.keyboard.press("Space")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    assert page.locator(".eas-small").evaluate("c => c.toDataURL()") != before
    assert "Pen down" in page.locator(".eas-draw-message").inner_text()


def png(width: int, height: int) -> bytes:
    """A small file of a large black picture: 1 bit a pixel, deflated."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    lines = zlib.compress(bytes((1 + (width + 7) // 8) * height), 9)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
        + chunk(b"IDAT", lines)
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("good.png", png(50, 30), r"^$"),
        ("broken.png", png(50, 30)[:40], r"broken.png: not a picture that this browser can read"),
        ("text.jpg", b"no picture", r"text.jpg: not a picture"),
        ("empty.png", b"", r"empty.png: not a picture"),
        ("huge.png", png(9000, 9000), r"huge.png: 9000 × 9000 pixels, at most 40 million"),
    ],
)
def test_what_is_no_usable_picture_is_one_line(page, name, content, said):
    page.evaluate("document.querySelector('.eas-draw-message').textContent = 'waiting'")
    page.get_by_label("Picture from a file").set_input_files({"name": name, "mimeType": "image/png", "buffer": content})
    page.wait_for_function("document.querySelector('.eas-draw-message').textContent !== 'waiting'")
    message = page.locator(".eas-draw-message").inner_text()
    assert re.search(said, message) and "\n" not in message
    settled(page)


def test_a_file_too_large_is_not_read_when_it_is_dropped(page):
    page.locator(".eas-sheet").evaluate(
        """sheet => {
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([new Uint8Array(21e6)], "heavy.png", { type: "image/png" }));
            sheet.dispatchEvent(new DragEvent("drop", { dataTransfer }));
        }"""
    )
    assert "heavy.png: 21 MB, at most 20" in page.locator(".eas-draw-message").inner_text()


def test_controls_have_names_and_it_fits_a_phone_in_the_dark(page):
    for control in page.locator(".eas-draw :is(select, input, button)").all():
        assert control.evaluate("c => c.labels?.length || c.textContent.trim() || c.ariaLabel")
    page.set_viewport_size({"width": 380, "height": 800})
    page.add_style_tag(content=f":root {{ {DARK} }} body {{ background: #14181e }}")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    shot(page, "phone")


def test_a_browser_without_workers_is_one_line(page, address):
    other = page.context.browser.new_page()
    other.add_init_script("delete window.Worker")
    other.goto(address.as_uri())
    other.wait_for_selector(".eas-draw")
    assert "runs no worker" in other.locator(".eas-draw-message").inner_text()
    other.close()


def test_photographs_are_not_carried_by_pages(release):
    data = release.profile.data.model_copy(update={"source": "tiny-imagenet"})
    photographs = replace(release, profile=release.profile.model_copy(update={"data": data}))
    with pytest.raises(EASError, match="'tiny-imagenet' cannot be drawn"):
        network_data.drawn(photographs, "train", 1)


def test_without_anywidget_there_is_no_widget(release, monkeypatch):
    monkeypatch.setattr(draw.widgets, "HAS_ANYWIDGET", False)
    assert draw.draw_a_shape(release) is None


def test_the_worker_has_no_modules_words():
    assert not re.search(r"^(ex|im)port ", draw.engine(), re.MULTILINE)
