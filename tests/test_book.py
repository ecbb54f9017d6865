"""The built book in a real browser: every page opens without an error, asks no other origin, and shows what was run."""

from __future__ import annotations

import base64
import functools
import importlib.util
import io
import pkgutil
import pydoc
import re
import runpy
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import pytest
import yaml
from browser import ROOT, built_book, launched, served, watched

import eas_core
from book import check
from eas_core.settings import profiles

TOC = check.toc_pages(yaml.safe_load((ROOT / "book" / "_toc.yml").read_text()))


def names_in(text: str) -> list[str]:
    """The library's names that Markdown gives as code, or in roles such as {py:func}`tasks.apply_mask <eas_core...>`."""
    return re.findall(r"`(?:[^`<]*<)?(eas_core(?:\.\w+)+)>?`", text)


@pytest.mark.parametrize("page", ["paper_map.md", "departures.md", "glossary.md", "gpu.md"])
def test_functions_that_the_prose_names_exist(page):
    for name in names_in((ROOT / "book" / page).read_text()):
        assert pydoc.locate(name) is not None, f"{page} names {name}"


def test_the_paper_map_names_the_library_for_every_equation_table_and_figure():
    rows = [line for line in (ROOT / "book" / "paper_map.md").read_text().splitlines() if line.startswith("| [")]
    assert len(rows) >= 18  # ten equations, the algorithm, and tables and figures, some of them two a row
    for row in rows:
        assert names_in(row), row


def test_the_api_reference_has_every_module_once():
    pages = [path.read_text() for path in sorted((ROOT / "book" / "api").glob("*.md"))]
    described = [name for page in pages for name in re.findall(r"automodule:: (eas_core[\w.]*)", page)]
    modules = {module.name for module in pkgutil.walk_packages(eas_core.__path__, "eas_core.")}
    assert sorted(described) == sorted(modules)


def test_the_gallery_shows_every_figure_but_those_of_solutions(tmp_path):
    pytest.importorskip("myst_parser")
    gallery = runpy.run_path(str(ROOT / "book" / "gallery.py"))
    pixel = io.BytesIO()
    plt.imsave(pixel, [[0.0]], format="png")
    data = {"image/png": base64.b64encode(pixel.getvalue()).decode()}
    picture = nbformat.v4.new_output("display_data", data)
    text, code = nbformat.v4.new_markdown_cell, functools.partial(nbformat.v4.new_code_cell, outputs=[picture])
    cells = [
        text("# Chapter"),
        text("## A $q$ of `it`"),
        code("generator_figures.gates(not_the_last_call); generator_figures.gate_grid(rows)"),
        text("## Exercises"),
        text("```{solution-start} ex\n```"),
    ]
    cells += [code(), text("so\n\n```{solution-end}\n```"), text("### After"), code()]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "01_a.ipynb")
    page = gallery["page"]([tmp_path / "01_a.ipynb"])
    assert re.findall(r"\[(.*)\]\((.*)\)", page) == [
        ("A $q$ of `it`", "01_a.ipynb#a--of-it"),
        ("After", "01_a.ipynb#after"),
    ]
    named = gallery["caption"]("page.first(paper_figures.dropout_ablation)\nsources.lead(page)")
    assert named.startswith("Figure III: EAS with task dropout"), "a function that is named, not called"
    assert page.count("Probabilities of the 90 gates in several scenarios, a small panel each.") == 1, "its caption"
    assert sorted(path.name for path in (tmp_path / "gallery").iterdir()) == ["01_a-1.png", "01_a-2.png"]


@pytest.mark.parametrize("page", ["departures.md"])
def test_settings_that_the_prose_names_exist(page):
    settings = profiles.load("demo").model_dump()
    for name in re.findall(
        r"`((?:supernet|generator|specialize|evaluation|calibration|data)(?:\.\w+)+)",
        (ROOT / "book" / page).read_text(),
    ):
        functools.reduce(lambda level, part: level[part], name.split("."), settings)


@pytest.fixture(scope="module")
def origin():
    """The built book served from this machine."""
    with served(built_book()) as address:
        yield address


@pytest.fixture(scope="module")
def browser(origin):
    with launched() as browser:
        yield browser


@pytest.mark.parametrize("name", TOC)
def test_page_opens_without_errors(name, origin, browser):
    page = browser.new_page()
    errors, foreign = watched(page, origin)
    page.goto(f"{origin}/{name}.html", wait_until="load")
    if page.locator("script[src*='mathjax/']").count():
        page.wait_for_function("window.MathJax && MathJax.startup && MathJax.startup.promise", timeout=30_000)
        page.evaluate("() => MathJax.startup.promise")
        assert page.locator("mjx-container").count() >= page.locator(".math").count(), "mathematics was not set"
        assert page.locator("mjx-merror").count() == 0
    page.wait_for_timeout(200)  # what scripts ask for late
    assert page.title().strip() and page.locator("article h1").first.inner_text().strip()
    assert not errors
    assert not foreign, "asked another origin"
    if page.locator("script[type='application/vnd.jupyter.widget-view+json']").count():
        page.wait_for_selector(".eas-widget svg, .eas-widget canvas")
        assert page.evaluate("document.documentElement.dataset.widgets") == "mounted"
    page.set_viewport_size({"width": 380, "height": 800})
    page.wait_for_timeout(100)
    assert page.evaluate("document.documentElement.scrollWidth") <= 380, "wider than a phone"
    if re.match(r"executed/\d\d_", name):
        assert page.locator(".tag_parameters:visible, .tag_injected-parameters:visible").count() == 0
    page.close()


AXE = [
    ("index", "light"),
    ("index", "dark"),
    ("bibliography", "light"),
    ("api/training", "light"),
    ("executed/08_results", "dark"),
]


@pytest.mark.parametrize(("name", "theme"), AXE)
def test_axe_finds_no_violation(name, theme, origin, browser):
    axe = importlib.util.find_spec("axe_playwright_python")
    if axe is None:
        pytest.skip("axe-playwright-python is not installed: pip install -c constraints.txt -e .[test]")
    page = browser.new_page()
    page.add_init_script(f"localStorage.setItem('mode', '{theme}'); localStorage.setItem('theme', '{theme}')")
    page.goto(f"{origin}/{name}.html", wait_until="load")
    page.wait_for_timeout(500)  # the theme looks for what scrolls
    page.evaluate(Path(axe.origin).with_name("axe.min.js").read_text())
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")["violations"]
    assert not [(one["id"], node["html"][:80]) for one in found for node in one["nodes"]]
    page.close()


def test_run_times_list_every_notebook():
    text = (built_book() / "executed" / "run_times.html").read_text()
    for name in TOC:
        if re.match(r"executed/\d\d_", name):
            assert name.removeprefix("executed/") in text
