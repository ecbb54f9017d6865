"""The small live pieces in a real browser: what they say is what Python computes, by keyboard, from a file."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from browser import ROOT, launched, watched, widget_page
from helpers import SMALL, TASKS

from eas_core import widgets
from eas_core.base.errors import EASError
from eas_core.data.task_dropout import apply_mask
from eas_core.network.elastic import centre_crop
from eas_core.network.generator import hard_gates, relaxed_gates
from eas_core.widgets import explorer_data, pieces

pytest.importorskip("anywidget")
DRAW = torch.Generator().manual_seed(0)
LABELS = torch.tensor([0, 3, 5, 1])
LOGITS = (3 * torch.randn(4, TASKS.num_classes, generator=DRAW)).round(decimals=4)
KERNELS = {f"channel {i + 1}": torch.randn(7, 7, generator=DRAW).round(decimals=4) for i in range(3)}
MAKE = {
    "gumbel": lambda: pieces.gumbel(p=0.7, tau=1.0),
    "task_dropout": lambda: pieces.task_dropout(LOGITS, LABELS, TASKS),
    "kernel_crop": lambda: pieces.kernel_crop(KERNELS),
}


@pytest.fixture(scope="module")
def browser():
    with launched() as browser:
        yield browser


@pytest.fixture
def opened(browser, tmp_path):
    """Opens a piece by name over file://, and checks at the end that nothing failed and nothing else was asked for."""
    opened, noted = [], []

    def open_piece(name: str, width: int = 800):
        widget = MAKE[name]()
        path = widget_page(tmp_path, widget)
        page = browser.new_page(viewport={"width": width, "height": 900})
        opened.append(page)
        noted.append(watched(page, tmp_path.as_uri()))
        page.goto(path.as_uri())
        page.wait_for_function("document.documentElement.dataset.widgets === 'mounted'")
        page.wait_for_selector(".eas-drawing[aria-label]")
        return page, widget

    yield open_piece
    for page, (errors, foreign) in zip(opened, noted, strict=True):
        page.close()
        assert not errors
        assert not foreign, "asked another origin"


def call(page, widget, expression: str, **names):
    """A JavaScript expression with the piece's module as ``m`` and its data as ``data``."""
    script = """async ({ source, data, names, expression }) => {
        const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
        const m = await import(url);
        return new Function("m", "data", ...Object.keys(names), `return ${expression}`)(m, data, ...Object.values(names));
    }"""
    data = json.loads(json.dumps(widget.data))
    return page.evaluate(script, {"source": widget._esm, "data": data, "names": names, "expression": expression})


def numbers(page) -> str:
    return page.locator(".eas-numbers").inner_text().replace("\xa0", " ")


@pytest.mark.parametrize("name", MAKE)
def test_every_control_is_labelled_and_every_drawing_described(name, opened):
    page, _ = opened(name)
    for control in page.locator(".eas-widget :is(input, select)").all():
        assert page.locator(f"label[for='{control.get_attribute('id')}']").inner_text().strip()
    for drawing in page.locator("svg").all():
        assert drawing.get_attribute("role") == "img"
        assert drawing.get_attribute("aria-label").strip()
    assert page.locator("[role=status]").count() == 1


@pytest.mark.parametrize("name", MAKE)
def test_the_arrow_keys_move_every_slider(name, opened):
    page, _ = opened(name)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.type") == "range", "the first control is reached by Tab"
    for slider in page.locator("input[type=range]").all():
        before, labels = numbers(page), page.locator("svg").first.get_attribute("aria-label")
        slider.focus()
        start = slider.input_value()
        for _ in range(4):
            page.keyboard.press("ArrowLeft")
        assert slider.input_value() != start
        assert (numbers(page), page.locator("svg").first.get_attribute("aria-label")) != (before, labels)
        assert slider.get_attribute("aria-valuetext")


@pytest.mark.parametrize("width", [380, 1280])
@pytest.mark.parametrize("name", MAKE)
def test_nothing_is_wider_than_the_page(name, width, opened):
    page, _ = opened(name, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    outside = page.evaluate("""() => [...document.querySelectorAll("svg text")].filter((text) => {
        const [a, b] = [text.getBoundingClientRect(), text.closest("svg").getBoundingClientRect()];
        return a.width && (a.left < b.left - 1 || a.right > b.right + 1 || a.top < b.top - 1 || a.bottom > b.bottom + 1);
    }).map((text) => text.textContent)""")
    assert not outside
    sizes = page.evaluate("[...document.querySelectorAll('svg text')].map((text) => getComputedStyle(text).fontSize)")
    assert set(sizes) <= {"11px"}


@pytest.mark.parametrize("p, tau, seed", [(0.7, 1.0, 1), (0.02, 3.0, 2), (0.98, 0.1, 7), (0.5, 0.35, 3)])
def test_relaxed_gates_and_their_gradient_are_the_librarys(p, tau, seed, opened):
    page, widget = opened("gumbel")
    z = torch.logit(torch.tensor(p, dtype=torch.float64)).expand(200).clone().requires_grad_()
    h = relaxed_gates(z, torch.from_numpy(explorer_data.uniform(seed, 200)), tau)
    hard_gates(h).sum().backward()
    values = {"p": p, "tau": tau, "seed": seed}
    drawn = call(page, widget, "Array.from(m.relaxed(p, tau, seed, 200))", **values)
    np.testing.assert_allclose(drawn, h.detach().numpy(), atol=1e-9)
    found = call(page, widget, "m.measure(m.relaxed(p, tau, seed, 200), tau)", **values)
    expected = [(h > 0.5).double().mean(), z.grad.mean(), z.grad.std(correction=0)]
    np.testing.assert_allclose([found["share"], found["mean"], found["deviation"]], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("tau", [0.3, 1.0, 3.0])
def test_the_area_right_of_one_half_is_p_at_every_temperature(tau, opened):
    page, widget = opened("gumbel")
    # in the logit of h, where the density has no narrow peaks: dh = h (1 - h) dl
    area = """(() => { let sum = 0; for (let i = 0; i < 30000; i++) {
        const h = 1 / (1 + Math.exp(-(i + 0.5) / 1000)); sum += m.density(h, 0.7, tau) * h * (1 - h) / 1000; }
        return sum; })()"""
    assert abs(call(page, widget, area, tau=tau) - 0.7) < 1e-3


def test_the_gate_says_what_python_computes(opened):
    page, _ = opened("gumbel")
    page.locator("input[type=range]").nth(1).focus()
    page.keyboard.press("End")  # tau = 3
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # Draw again: noise number 2
    h = relaxed_gates(torch.logit(torch.tensor(0.7).double()), torch.from_numpy(explorer_data.uniform(2, 200)), 3.0)
    text = numbers(page)
    assert "exactly 70 %" in text
    assert f"{100 * (h > 0.5).double().mean():.1f} % of these 200 draws" in text
    assert f"mean {(h * (1 - h) / 3).mean():.3f}" in text


@pytest.mark.parametrize("reading", ["exclude", "zero"])
@pytest.mark.parametrize("q, seed, scale", [(0.0, 1, 1.0), (0.6, 1, 0.25), (0.6, 4, 1.0), (1.0, 2, 1.0)])
def test_softmax_under_the_mask_is_the_librarys(reading, q, seed, scale, opened):
    page, widget = opened("task_dropout")
    drawn = torch.from_numpy(explorer_data.uniform(seed, len(LABELS) * len(TASKS))).view(len(LABELS), -1) >= q
    own = torch.nn.functional.one_hot(TASKS.task_of(LABELS), len(TASKS)).bool()
    mask = (drawn | own)[:, TASKS.task_of(torch.arange(TASKS.num_classes))]
    expected = apply_mask(scale * LOGITS, mask, reading).softmax(1)
    code = "m.keptTasks(data, q, seed).map((kept, row) => m.softmax(data, row, kept, reading, scale))"
    found = call(page, widget, code, q=q, seed=seed, reading=reading, scale=scale)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)


def test_both_readings_are_named_for_the_image_that_is_chosen(opened):
    page, _ = opened("task_dropout")
    page.get_by_role("slider", name="Drop rate").focus()
    page.keyboard.press("End")  # q = 1: only the own task is left
    page.get_by_role("combobox", name="Image").select_option("2")
    own = TASKS.membership()[TASKS.task_of(LABELS)]
    for reading in ("exclude", "zero"):
        chance = apply_mask(LOGITS, own, reading).softmax(1)[2, LABELS[2]]
        assert f"{100 * chance:.1f} % under {reading}" in numbers(page)
        page.get_by_role("combobox", name="Reading").select_option(reading)
        assert f"{100 * chance:.1f} %" in page.locator("svg").first.text_content().replace("\xa0", " "), (
            "the row says it too"
        )
    page.locator("svg").first.click(position={"x": 200, "y": 30})  # the first row
    assert page.get_by_role("combobox", name="Image").input_value() == "0"


@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_share_of_the_weights_is_that_of_the_centre_crop(kernel, opened):
    page, widget = opened("kernel_crop")
    for number, weight in enumerate(KERNELS.values()):
        expected = (centre_crop(weight[None, None], kernel).abs().sum() / weight.abs().sum()).item()
        found = call(page, widget, "m.share(data.kernels[number].weights, kernel)", number=number, kernel=kernel)
        assert abs(found - expected) < 1e-6
    page.get_by_role("combobox", name="Channel").select_option("2")
    page.get_by_role("slider", name="Kernel size").focus()
    page.keyboard.press("Home")
    for _ in range((kernel - 3) // 2):
        page.keyboard.press("ArrowRight")
    assert f"{kernel**2} of 49 weights" in numbers(page)
    assert f"Inside the crop: {100 * expected:.1f} %" in numbers(page)
    assert page.locator("rect.eas-faded").count() == 49 - kernel**2


def test_without_anywidget_there_is_no_piece(monkeypatch):
    monkeypatch.setattr(widgets, "HAS_ANYWIDGET", False)
    assert [make() for make in MAKE.values()] == [None, None, None]


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: pieces.gumbel(p=1.0), "p: 1 is not between 0.02 and 0.98"),
        (lambda: pieces.gumbel(tau=0.0), "tau: 0 is not between 0.1 and 3"),
        (lambda: pieces.task_dropout(LOGITS, LABELS, TASKS, q=2), "q: 2 is not between 0 and 1"),
        (lambda: pieces.task_dropout(LOGITS, LABELS, TASKS, reading="drop"), "reading: 'drop' is not one of"),
        (lambda: pieces.task_dropout(LOGITS[:2], LABELS, TASKS), "logits: shape (2, 6) is not (4, 6)"),
        (lambda: pieces.kernel_crop(KERNELS, kernel=4), "kernel: 4 is not one of 3, 5, 7"),
        (lambda: pieces.kernel_crop({"one": torch.zeros(5, 5)}), "kernels: 'one' has shape (5, 5), not (7, 7)"),
    ],
)
def test_wrong_values_are_refused_where_they_enter(make, message):
    with pytest.raises(EASError, match=re.escape(message)):
        make()


def test_the_widgets_can_be_imported_without_anywidget():
    program = """
import sys
sys.modules["anywidget"] = None
import matplotlib.pyplot as plt
from eas_core import widgets
from eas_core.widgets import explorer, pieces
assert pieces.gumbel() is None and not hasattr(explorer, "Explorer") and not hasattr(pieces, "Piece")
widgets.show(None, plt.figure(), "a figure")
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_draw_before_the_first_is_refused():
    with pytest.raises(EASError, match="draw: -1 is not 0"):
        explorer_data.architecture_of(torch.zeros(90), SMALL, 1.0, -1, 4, 0.1)
