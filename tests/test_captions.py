"""Figures and tables of the chapters: numbered, captioned, described; and what the book's extension does for that."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from browser import BUILT, HTML, NO_BOOK, ROOT
from test_typed_numbers import typed

from book import check, prose
from eas_core.base.parsing import parse_yaml
from eas_core.show.best import best_in_bold

CELLS = [
    (path.stem, cell)
    for path in prose.NOTEBOOKS
    for cell in nbformat.read(path, as_version=4).cells
    if "mystnb" in cell.metadata
]
FIGURES = [(page, cell.metadata["mystnb"]) for page, cell in CELLS]
CHAPTERS = [f"executed/{path.stem}.html" for path in prose.NOTEBOOKS if path.stem != "index"]


def test_names_are_unique_and_alternative_texts_too():
    names = [said["figure"]["name"] for _, said in FIGURES]
    texts = [said["image"]["alt"] for _, said in FIGURES if "image" in said]
    assert len(names) == len(set(names)) > 100 and len(texts) == len(set(texts)) > 45


@pytest.mark.parametrize(("page", "said"), FIGURES, ids=[said["figure"]["name"] for _, said in FIGURES])
def test_a_caption_is_a_sentence_without_results(page, said):
    figure, alt = said["figure"], said.get("image", {}).get("alt")
    assert figure["name"].startswith(f"{'fig' if alt else 'tab'}-{page[:2]}-")
    for text in filter(None, (figure["caption"], alt)):
        assert text.endswith(".") and not typed(text) and not list(prose.own(text)), text
    assert figure.get("caption_before", False) == (alt is None), "captions stand above tables and below figures"


@pytest.mark.parametrize("name", ["key", None], ids=["index with a name", "index without"])
def test_headings_of_pandas_come_in_one_row(name):
    pytest.importorskip("bs4")
    headed = runpy.run_path(str(ROOT / "book" / "_ext" / "figure_texts.py"))["headed"]
    table = pd.DataFrame({"a": [1], "b": [2]}, index=pd.Index(["x"], name=name))
    page = headed(table.to_html())
    assert page.count("<tr") == 2 and "<th></th>" not in page
    assert ("<th>key</th><th>a</th>" in page.replace("\n", "").replace(" ", "")) == (name is not None)
    levels = headed(table.set_axis(pd.MultiIndex.from_tuples([("p", "q"), ("p", "r")]), axis=1).to_html())
    assert levels.count("<th>") >= 2 and ("key" in levels) == (name is not None) and "<th></th>" not in levels


@pytest.mark.parametrize(("within", "bold"), [(None, [(1, 0), (2, 0)]), ("budget", [(1, 0), (2, 0), (3, 0)])])
def test_the_best_of_a_column_is_bold(within, bold):
    index = pd.MultiIndex.from_product([[1.75, 2.5], ["p", "q"]], names=["budget", "method"])
    table = pd.DataFrame({"accuracy": [1.25, 2.0, 2.0, 2.0], "n": [9, 9, 9, 9]}, index=index)
    if within is None:
        table.iloc[3, 0] = 0.5
    html = best_in_bold(table, ["accuracy"], within).to_html()
    style = html[: html.index("</style>")]
    assert [(row, column) for row in range(4) for column in range(2) if f"_row{row}_col{column}" in style] == bold
    assert "1.25<" in html and "2.00<" in html and ">9<" in html and "2.50<" in html


@pytest.mark.skipif(not BUILT.exists(), reason=NO_BOOK)
@pytest.mark.parametrize("page", CHAPTERS)
def test_every_figure_of_a_chapter_has_its_number_and_findings_stand_below(page):
    soup = check.Site(HTML).soup(page)
    for image in soup.select("article .cell_output img"):
        if not image.find_parent(class_=["solution", "eas-fallback", "tag_beside"]):
            number = image.find_parent("figure").select_one("figcaption .caption-number").get_text()
            assert number.startswith("Figure "), image["alt"]
    for table in soup.select("article .output-table"):
        assert table.select_one(".caption-number").get_text().startswith("Table ") and table.find("table")
    for cell in soup.select("article .tag_finding"):
        assert not cell.select(".cell_output"), "a finding without a figure or table before it"


def test_symbols_name_chapters_by_the_numbers_that_they_have():
    """``book/symbols.md`` has chapter numbers: who changes the order of chapters has to go through them, and change this."""
    parts = parse_yaml((ROOT / "book" / "_toc.yml").read_bytes())["parts"]
    chapters = [Path(entry["file"]).name[:2] for part in parts if part.get("numbered") for entry in part["chapters"]]
    assert chapters == "00 01 02 03 04 05 06 07 14 08 09 10 15 11 12 13 17".split()
    rows = [
        line.split("|")[-2]
        for line in (ROOT / "book" / "symbols.md").read_text().splitlines()
        if line.startswith("| $")
    ]
    assert len(rows) > 40 and all(
        1 <= int(number) <= len(chapters) for row in rows for number in re.findall(r"\d+", row)
    )


def test_chapters_are_called_by_their_titles():
    """Their numbers follow from ``_toc.yml``, and those of their files are other ones."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "book").glob("*.md"), *(ROOT / "book").glob("*.py"), *prose.NOTEBOOKS]
    named = {path.name: re.findall(r"[Cc]hapters? \d+", path.read_text()) for path in pages}
    assert {name: found for name, found in named.items() if found} == {}
