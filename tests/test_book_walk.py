"""The built book as its readers walk it: from the cover by links to everything that the paper has.

That links, images and values are there is checked when the book is built, by ``book/check.py``.
"""

from __future__ import annotations

import posixpath
import re

import bs4
import pytest
from browser import BUILT, HTML, NO_BOOK

from book import check

ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")
ITEMS = {
    **{f"eq-{letter}": f"Eq. ({letter.upper()})" for letter in "abcdefghij"},
    "algorithm-1": "Algorithm 1",
    **{f"table-{n}": f"Table {roman}" for n, roman in enumerate(ROMAN[:5], start=1)},
    **{f"figure-{n}": f"Figure {roman}" for n, roman in enumerate(ROMAN, start=1)},
}
pytestmark = pytest.mark.skipif(not BUILT.exists(), reason=NO_BOOK)
SITE = check.Site(HTML)
soup, ids, links, pages = SITE.soup, SITE.ids, SITE.links, SITE.pages


def what_stands_at(page: str, name: str) -> bs4.Tag:
    """The element with this id; for an empty target or a section, the first element with content in or behind it."""
    element = soup(page).find(id=name)
    while element.name == "section" or not element.get_text(strip=True):
        element = element.find_next()
    return element


@pytest.mark.parametrize(("name", "label"), ITEMS.items())
def test_what_the_paper_has_is_two_clicks_away(name, label):
    first = dict.fromkeys(["index.html", *(link.page for link in links("index.html") if link.page in pages())])
    found = {link for page in first for link in links(page) if link.fragment == name and label in link.text}
    assert found, f"no link to {label} on the cover or on a page that the cover links to"
    assert len({link.page for link in found}) == 1
    (page,) = {link.page for link in found}
    assert name in ids(page), f"{page} has no #{name}"
    element = what_stands_at(page, name)
    if name.startswith("eq-"):
        assert {"math", "nohighlight"} <= set(element["class"])
        assert rf"\tag{{{name[-1].upper()}}}" in element.get_text(), f"{page}#{name} is not at {label}"
    else:
        assert element.name in ("h1", "h2", "h3", "h4", "p"), f"{page}#{name} is at {element!s:.100}"
        section = element.find_parent("section")
        kind, number = label.split()
        assert re.search(rf"{kind}s?\b.*\b{number}\b", section.get_text()), f"{page}#{name}: no word of {label} there"
        assert section.select("img, table, .math, pre"), f"{page}#{name}: nothing to see of {label} there"


def test_no_equation_stands_in_the_book_twice():
    tags = [
        tag
        for page in pages()
        for math in soup(page).select("div.math")
        for tag in re.findall(r"\\tag\{(\w)\}", str(math))
    ]
    assert sorted(tags) == list("ABCDEFGHIJ")


def test_no_directive_or_role_is_left_as_text():
    for page in pages():
        for element in soup(page).select("article p, article li, article td"):
            text = element.get_text()
            code = "".join(part.get_text() for part in element.find_all("code"))
            found = re.findall(r"`{3}\{?|\{[a-z:]+\}`|:::\{|\$\$|\]\(#", text.replace(code, "") if code else text)
            assert not found, f"{page}: {text!r:.200}"


def test_citations_lead_to_their_entries():
    cited = 0
    for page in pages():
        for anchor in soup(page).select(".bibtex-citation a[href]"):
            path, _, fragment = anchor["href"].partition("#")
            target = posixpath.normpath(posixpath.join(posixpath.dirname(page), path)) if path else page
            assert target == "bibliography.html"
            entry = soup(target).find(id=fragment)
            assert "citation" in entry["class"], f"{page}: {anchor}"
            text = entry.get_text(" ", strip=True)
            citation = anchor.find_parent(class_="bibtex-citation").get_text()
            assert text.split(",")[0] in citation, f"{page}: {citation} is not {text}"
            assert f"({anchor.get_text()[-4:]})" in text, f"{page}: {citation} is not {text}"
            cited += 1
    assert cited >= 20


@pytest.mark.parametrize("page", [f"executed/{path.name}" for path in sorted(HTML.glob("executed/[0-9][0-9]_*.html"))])
def test_a_chapter_has_a_question_what_was_learnt_and_exercises_with_solutions(page):
    article = soup(page).find("article")
    opening = article.find("h1").find_next("p")
    assert opening.find("strong") and opening.find("strong").get_text().startswith("Question"), opening.get_text()

    headings = [heading.get_text().rstrip("#").strip() for heading in article.find_all("h2")]
    assert headings[-2:] == ["What was learnt", "Exercises"]

    exercises = [element["id"] for element in article.select("div.exercise")]
    assert len(exercises) in (2, 3)
    solved = []
    for solution in article.select("div.solution"):
        title = solution.select_one("p.admonition-title, p.title") or solution.find("p")
        assert title.find("a", href=True), f"{page}: a solution without its exercise: {solution.get_text(' ')!r:.100}"
        solved.append(title.find("a")["href"].partition("#")[2])
        ran = [cell for cell in solution.select("div.cell") if cell.select_one(".cell_input pre")]
        assert any(cell.select(".cell_output *") for cell in ran), (
            f"{page}: the solution of {solved[-1]} shows no output"
        )
    assert sorted(solved) == sorted(exercises)


@pytest.mark.parametrize("page", [page for page in pages() if page.startswith("executed/")] if BUILT.exists() else [])
def test_every_figure_has_an_alternative_text(page):
    for image in soup(page).select(".cell_output img"):
        assert image.get("alt", "").strip() and not image["alt"].endswith(".png"), image
