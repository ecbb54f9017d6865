"""The prose of all pages keeps the project's word list, and the linter sees what a reader reads and nothing else."""

from __future__ import annotations

import json

import pytest

from book import prose


@pytest.mark.parametrize("path", prose.PAGES, ids=lambda path: path.stem)
def test_pages_keep_the_style(path):
    assert prose.findings(path) == []


SLIPS = (
    "It takes 20 images a class.",
    "A large kernel is the dear choice.",
    "The the network",
    "a MobileNet subnetwork",
    "at 95% of 3x3",
    "Its color",
    "What wins is a matter of luck.",
)
FINE = (
    "20 images per class",
    "An expensive kernel",
    "`20 images a class`",
    "```\n3x3 color\n```",
    "$a - b$",
    "A row of the table is a task.",
)


@pytest.mark.parametrize("text, slip", [*((text, True) for text in SLIPS), *((text, False) for text in FINE)])
def test_slips_are_found_and_nothing_else(text, slip, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"# A page\n\n{text}\n")
    assert bool(prose.findings(page)) == slip
    assert prose.main([str(page)]) == slip


def test_exercises_are_read_and_their_marks_are_not():
    text = "```{exercise-start} Warm-up: one\n:label: ex-1\n```\nA {term}`gate <gate>` in `code`.\n\n```{exercise-end}\n```"
    assert prose.said(text).split() == ["A", "gate", "in", "code."]
    assert prose.said(text, term=r"⟦\2⟧").split()[1] == "⟦gate⟧"


def test_strings_of_code_are_read(tmp_path):
    cells = [{"cell_type": "code", "id": "a", "metadata": {}, "source": ['f"{n} images a class"  # a color\n']}]
    page = tmp_path / "page.ipynb"
    page.write_text(json.dumps({"cells": cells}))
    assert [finding.words for finding in prose.findings(page)] == ["images a class"]


def test_proselint_is_asked():
    pytest.importorskip("proselint")
    assert any(
        "cliche" in advice for _, advice in prose.proselint("This is too good to be true, at the end of the day.")
    )
