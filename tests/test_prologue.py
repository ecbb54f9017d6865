"""The prologue: its figures, its table of symbols, and the times that it promises."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from book import prose
from eas_core.base.errors import DataError
from eas_core.show import prologue_figures
from eas_core.show.reading_tables import path_minutes, reading_times

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = [path for path in prose.NOTEBOOKS if path.stem != "index"]
# commands of LaTeX that are no symbol: relations, layout, functions that all readers know
KNOWN = set(
    "approx arg begin big Big bigl bigr cap cdot cos cup dots end frac ge in infty int le left leftarrow ln log "
    "Longrightarrow max neq pm qquad quad right sim sqrt sum tfrac times top underbrace varnothing mathrm text "
    "operatorname mathbf mathbb mathcal bar hat tag lVert rVert langle rangle odot partial nabla".split()
)


def symbols(text: str) -> set[str]:
    """Letters, Greek ones by name, of the formulas in Markdown; words within formulas left out."""
    formulas = re.findall(r"\$\$(.+?)\$\$|(?<!\\)\$([^$]+)\$", re.sub(r"`[^`]*`", "", text), flags=re.S)
    found = set()
    for formula in map("".join, formulas):
        formula = re.sub(r"\\(text|mathrm|operatorname|tag)\{[^}]*\}|\\(begin|end)\{\w+\}", " ", formula)
        found |= set(re.findall(r"\\([A-Za-z]+)", formula)) - KNOWN
        found |= set(re.findall(r"[A-Za-z]", re.sub(r"\\[A-Za-z]+", " ", formula)))
    return found


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_symbol_of_a_chapter_is_in_the_table(path):
    rows = [line for line in (ROOT / "book" / "symbols.md").read_text().splitlines() if line.startswith("| $")]
    explained = symbols(" ".join(row.split("|")[1] for row in rows))
    used = set().union(*(symbols(passage.text) for passage in prose.passages(path)))
    assert used - explained == set()


def test_symbols_are_found_in_formulas_only():
    assert symbols(r"not a, `$b$`, but $\hat c + \lambda_{\text{val}}$ and $$\mathcal{L}$$") == {"c", "lambda", "L"}


def test_reading_times_count_what_is_read():
    times = reading_times(ROOT)
    assert list(times.index) == [path.stem for path in sorted(CHAPTERS, key=lambda p: list(times.index).index(p.stem))]
    assert times["words"].gt(300).all() and times["minutes"].between(3, 60).all()
    assert times.loc["06_generator", "minutes"] > times.loc["13_photographs", "minutes"]
    pages = ["00_prologue", "01_quickstart"]
    assert path_minutes(times, pages) == pytest.approx(times.loc[pages, "minutes"].sum())
    assert path_minutes(times, pages, pages[:1]) > path_minutes(times, pages) > 0


def test_reading_times_need_the_project(tmp_path):
    with pytest.raises(DataError, match="_toc"):
        reading_times(tmp_path)


def test_figures_of_the_prologue():
    assert len(prologue_figures.block().axes) == 1
    six, titles = torch.rand(6, 16, 16), [f"class {i}" for i in range(6)]
    figure = prologue_figures.toy_tasks(six, torch.rand(6, 15, 15), titles, (3, 5, 7))
    assert len(figure.axes) == 12 and len(figure.axes[6].patches) == 3
    ways = {name: np.full((3, 3), share) for name, share in (("alone", 0.9), ("shared", 0.8), ("cut", 0.5))}
    figure = prologue_figures.toy_sharing(ways, ("near", "middle", "far"), (3, 5, 7), 100)
    assert [line.get_ydata()[0] for line in figure.axes[0].lines[:3]] == [90, 80, 50]
    figure = prologue_figures.toy_gate({"near": [0.5, 0.4], "far": [0.5, 0.9]}, {"near": 0.0, "far": 0.7}, 0.25)
    assert [bar.get_width() for bar in figure.axes[1].patches] == [0.0, 0.7]
