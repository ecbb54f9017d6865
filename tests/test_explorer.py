"""The explorer in a real browser: what the page computes is what the library computes, and it answers to its controls.

Everything is tested on a small page and, where it is built, on the book's cover, over http and from the file system.
"""

from __future__ import annotations

import base64
import json
import re
from typing import NamedTuple

import pytest
import torch

pytest.importorskip("anywidget")

from browser import built_book, launched, served, watched, widget_page

from book.check import explorer_state
from eas_core import widgets
from eas_core.base.errors import EASError
from eas_core.base.random import rng
from eas_core.network.generator import ArchitectureGenerator
from eas_core.runs.run import make_run
from eas_core.space.cost_tables import budget_range, madds, params
from eas_core.space.search_space import SMALLEST, Architecture
from eas_core.widgets import explorer as module
from eas_core.widgets import explorer_data


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A smoke run whose generator is drawn at random with wide gates: decisions differ from scenario to scenario."""
    run = make_run("smoke", root=tmp_path_factory.mktemp("runs"), progress=False)
    return run


@pytest.fixture(scope="module")
def generator(run):
    network = module.trained.new_generator(run)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.mul_(3.0 if "head" in name else 1.5)
    return network


@pytest.fixture(scope="module", autouse=True)
def untrained(generator):
    patch = pytest.MonkeyPatch()
    patch.setattr(module.trained, "generator", lambda run: (generator, {}))
    yield
    patch.undo()


@pytest.fixture(scope="module")
def browser():
    with launched() as browser:
        yield browser


class Place(NamedTuple):
    """A page with the explorer: its address, the origin it may ask, and the state it carries."""

    address: str
    origin: str
    state: dict


@pytest.fixture(scope="module", params=["small page", "book, http", "book, file"])
def place(request, tmp_path_factory, run):
    if request.param == "small page":
        path = widget_page(tmp_path_factory.mktemp("page"), module.explore(run))
        yield Place(path.as_uri(), path.parent.as_uri(), explorer_state(path.read_text()))
    else:
        book = built_book()
        state = explorer_state((book / "index.html").read_text())
        if request.param == "book, file":
            yield Place((book / "index.html").as_uri(), book.as_uri(), state)
        else:
            with served(book) as origin:
                yield Place(f"{origin}/index.html", origin, state)


@pytest.fixture
def page(place, browser):
    """The page with the explorer mounted; at the end nothing was complained about and no other origin was asked."""
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    errors, foreign = watched(page, place.origin)
    page.goto(place.address)
    page.wait_for_selector(".eas-explorer rect")
    yield page
    page.wait_for_timeout(50)
    assert not errors
    assert not foreign, "asked another origin"
    page.close()


def rebuilt(state: dict) -> ArchitectureGenerator:
    """The generator of the weights that a page carries."""
    layout, start, tensors = state["facts"]["layout"], 0, {}
    for name, shape in layout:
        count = int(torch.tensor(shape).prod())
        values = torch.frombuffer(bytearray(state["weights"][4 * start : 4 * (start + count)]), dtype=torch.float32)
        tensors[name], start = values.view(shape), start + count
    assert 4 * start == len(state["weights"])
    tasks, size = tensors["task_embedding"].shape
    anchors, hidden = len(tensors["budget_embedding"]), tensors["lstm.weight_hh_l0"].shape[1]
    network = ArchitectureGenerator(tasks, tuple(state["facts"]["range"]), anchors, size, hidden)
    network.load_state_dict(tensors)
    return network


# ---------------------------------------------------------------- the same method on both sides

ASK = """async ([esm, facts, weights, scenarios]) => {
  const url = URL.createObjectURL(new Blob([esm], {type: "text/javascript"}));
  const { answer, toArchitecture, unpack } = await import(url);
  const bytes = new DataView(Uint8Array.from(atob(weights), (c) => c.charCodeAt(0)).buffer);
  const loaded = unpack(bytes, facts.layout);
  return scenarios.map(([task, budget, draw]) => {
    const found = answer(facts, loaded, { task, budget, draw });
    return { z: [...found.z], architecture: toArchitecture(found.index), derived: found.derived, madds: found.madds, params: found.params };
  });
}"""


def test_the_page_computes_what_the_library_computes(page, place):
    state, facts = place.state, place.state["facts"]
    network, space = rebuilt(state), make_run(facts["profile"]).profile.search_space()
    draw = rng(0, "test", "scenarios")
    low, high = facts["range"]
    scenarios = [
        [int(task), low + (high - low) * float(share), number % 4]
        for number, (task, share) in enumerate(
            zip(
                torch.randint(len(facts["tasks"]), (100,), generator=draw),
                torch.rand(100, generator=draw, dtype=torch.float64),
                strict=True,
            )
        )
    ]
    weights = base64.b64encode(state["weights"]).decode()
    found = page.evaluate(ASK, [state["_esm"], facts, weights, scenarios])
    for (task, budget, number), theirs in zip(scenarios, found, strict=True):
        z = explorer_data.logits(network, task, budget)
        torch.testing.assert_close(torch.tensor(theirs["z"], dtype=torch.float32), z, atol=1e-5, rtol=1e-5)
        ours, derived = explorer_data.architecture_of(z, space, budget, number, facts["samples"], facts["tolerance"])
        assert Architecture.from_dict(theirs["architecture"]) == ours, (task, budget, number)
        assert theirs["derived"] == derived
        assert theirs["madds"] == madds(space, [ours])[0] <= 1e6 * budget
        assert theirs["params"] == params(space, [ours])[0]
    assert len({json.dumps(one["architecture"]) for one in found}) > 5, "all scenarios give one architecture"


# ---------------------------------------------------------------- controls


def summary(page) -> str:
    return page.locator(".eas-summary").inner_text()


def drawing(page) -> str:
    return page.locator(".eas-explorer svg").first.inner_html()


def numbers(page) -> tuple[int, int]:
    """(multiply-adds, allowed) as the page says."""
    found, allowed = re.search(r"([\d,]+) multiply-adds of ([\d,]+)", summary(page)).groups()
    return int(found.replace(",", "")), int(allowed.replace(",", ""))


def test_the_slider_answers_to_keyboard_and_mouse(page, place):
    low, high = place.state["facts"]["range"]
    slider = page.get_by_role("slider", name="Budget")
    slider.focus()
    page.keyboard.press("Home")
    first, allowed = numbers(page)
    before = drawing(page)
    assert allowed == pytest.approx(1e6 * low, abs=1) and first <= allowed
    page.keyboard.press("ArrowRight")
    assert numbers(page)[1] > allowed
    page.keyboard.press("End")
    last, allowed = numbers(page)
    assert 0.98 * high <= allowed / 1e6 <= high and first < last <= allowed
    assert drawing(page) != before
    box = slider.bounding_box()
    page.mouse.click(box["x"] + 0.3 * box["width"], box["y"] + box["height"] / 2)
    clicked, allowed = numbers(page)
    assert allowed / 1e6 == pytest.approx(low + 0.3 * (high - low), abs=0.03 * (high - low))
    assert clicked <= allowed and clicked < last


def test_levels_are_marked_and_can_be_chosen(page, place):
    for level in place.state["facts"]["levels"]:
        button = page.locator(".eas-levels").get_by_role("button", name=f"{level:g}", exact=True)
        button.focus()
        page.keyboard.press("Enter")
        assert numbers(page)[1] == pytest.approx(1e6 * level, abs=1)


def test_another_task_gives_its_own_answer(page, place):
    names = [task["name"].replace("_", " ") for task in place.state["facts"]["tasks"]]
    seen = set()
    for name in names:
        page.get_by_label("Task").select_option(label=name)
        assert summary(page).startswith(f"{name}:")
        assert names.count(name) == 1 and name in page.locator(".eas-explorer svg").first.get_attribute("aria-label")
        seen.add(
            page.locator(".eas-explorer .eas-gate").evaluate_all(
                "cells => cells.map((c) => c.style.fillOpacity).join()"
            )
        )
    assert len(seen) == len(names), "two tasks have the same gate probabilities"


def test_two_tasks_are_compared(page, place):
    facts = place.state["facts"]
    first, second = (task["name"].replace("_", " ") for task in facts["tasks"][:2])
    page.get_by_label("Task").select_option(label=first)
    page.get_by_label("Compare with").select_option(label=second)
    text = summary(page)
    assert f"{first}:" in text and f"{second}:" in text and "cosine similarity" in text
    assert page.locator(".eas-explorer svg:visible").count() == 4
    page.get_by_label("Compare with").select_option(value="-1")
    assert page.locator(".eas-explorer svg:visible").count() == 3


def test_samples_keep_the_budget(page):
    again = page.get_by_role("button", name="Sample again")
    differ = 0
    for level in page.locator(".eas-levels button").all():
        level.click()
        seen = set()
        for _ in range(3):
            again.click()
            assert re.search(r"Sample \d+; [1-9]\d* of \d+ samples|was derived", summary(page))
            used, allowed = numbers(page)
            assert used <= allowed
            seen.add(drawing(page))
        differ += len(seen) > 1
    assert differ, "at no level do samples differ"
    page.get_by_role("button", name="Most probable").click()
    assert "Most probable architecture" in summary(page)


def test_controls_have_names_and_can_be_reached_by_tab(page):
    for control in page.locator(".eas-explorer :is(select, input, button)").all():
        assert control.evaluate("c => c.labels?.length || c.textContent.trim() || c.ariaLabel")
    page.get_by_label("Task").focus()
    reached = set()
    for _ in range(12):
        reached.add(page.evaluate("document.activeElement.tagName + document.activeElement.textContent.slice(0, 8)"))
        page.keyboard.press("Tab")
    assert {"INPUT", "BUTTONSample a"} <= reached


def test_it_fits_a_phone(page):
    page.set_viewport_size({"width": 380, "height": 800})
    page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    edge = page.locator(".eas-explorer").evaluate("e => e.getBoundingClientRect().right")
    assert page.locator(".eas-explorer svg:visible").evaluate_all(
        "(all, edge) => all.every((s) => s.getBoundingClientRect().right <= edge)", edge
    )


def test_the_figure_stands_in_without_scripts_and_in_print(place, browser):
    if "page.html" in place.address:
        pytest.skip("the small page has no figure")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(place.address)
    image = page.locator(".eas-fallback img").first
    assert image.is_visible() and image.get_attribute("alt").strip()
    context.close()
    page = browser.new_page()
    page.goto(place.address)
    page.wait_for_selector(".eas-explorer rect")
    assert not page.locator(".eas-fallback img").first.is_visible()
    page.emulate_media(media="print")
    assert page.locator(".eas-fallback img").first.is_visible()
    assert not page.locator(".eas-explorer").is_visible()
    page.close()


# ---------------------------------------------------------------- in Python


def test_without_a_page_python_computes_the_architecture(run):
    explorer = module.explore(run, 1)
    low, _ = budget_range(run.profile.search_space())
    for draw in (0, 1, 2):
        explorer.draw = draw
        cost = madds(run.profile.search_space(), [explorer.architecture])[0] / 1e6
        assert low <= cost <= explorer.budget


def test_what_the_page_drew_is_what_python_sees(run):
    explorer = module.explore(run, 1)
    message = {"task": 2, "budget": explorer.budget, "draw": 4}
    explorer.set_state({**message, "shown": {**message, "architecture": SMALLEST.to_dict(), "derived": True}})
    assert explorer.architecture == SMALLEST and explorer.derived
    explorer.task = 0  # the drawing belongs to another scenario now
    assert explorer.architecture == module.PlainExplorer(run, 0, explorer.budget).architecture or explorer.draw == 4
    explorer.draw = 0
    assert explorer.architecture == module.PlainExplorer(run, 0, explorer.budget).architecture


@pytest.mark.parametrize(
    ("trait", "value", "allowed"),
    [
        ("task", 60, "0 to"),
        ("task", -1, "0 to"),
        ("budget", 1e3, "outside"),
        ("budget", float("nan"), "outside"),
        ("draw", -1, "0"),
        ("other", 60, "none"),
    ],
)
def test_values_out_of_range_are_refused_in_one_line(run, trait, value, allowed):
    explorer = module.explore(run)
    with pytest.raises(EASError, match=rf"^{trait}: .*{allowed}[^\n]*$"):
        setattr(explorer, trait, value)


def test_plain_widgets_do_the_same_without_anywidget(run, monkeypatch):
    both = module.explore(run, 1)
    monkeypatch.setattr(widgets, "HAS_ANYWIDGET", False)
    plain = module.explore(run, 1)
    assert isinstance(plain, module.PlainExplorer)
    assert plain.architecture == both.architecture
    menu, slider, again, _ = plain.box.children
    menu.value = 2
    slider.value = run.profile.generator.budget[1]
    assert (plain.task, plain.budget) == (2, run.profile.generator.budget[1])
    both.task, both.budget = plain.task, plain.budget
    assert plain.architecture == both.architecture
    again.click()
    assert plain.draw == 1


def test_its_network_is_the_architecture_it_shows(run, monkeypatch):
    weights = module.trained._new_supernet(run)
    monkeypatch.setattr(module.trained, "supernet", lambda run: (weights, {}))
    explorer = module.explore(run, 1)
    chosen = explorer.specialize()
    assert chosen.architecture == explorer.architecture and chosen.task == 1
    assert chosen.madds <= explorer.budget
    assert chosen.network(torch.zeros(1, 3, run.profile.space.resolution, run.profile.space.resolution)).shape[0] == 1
