"""How long the book's pages take to read, counted in their sources: words, code and exercises."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from eas_core.base.errors import DataError
from eas_core.base.parsing import parse_json

WORDS_PER_MINUTE = 130  # of a text with formulas and figures to look at
CODE_MINUTES = 0.5  # a cell whose code is shown
EXERCISE_MINUTES = {"Warm-up": 5, "Middle": 15, "Open": 25}  # by the first word of an exercise's title


def reading_times(root: Path) -> pd.DataFrame:
    """A row for each chapter in the order of the book: title, words, code cells, exercises, minutes to read and to solve.

    ``root`` is the folder of the project, with ``notebooks/`` and ``book/_toc.yml``; DataError where there is none.
    """
    contents = root / "book" / "_toc.yml"
    if not contents.is_file():
        raise DataError(f"{root}: no book/_toc.yml in this folder")
    names = re.findall(r"executed/(\d\d_\w+)", contents.read_text())
    return pd.DataFrame([_page(root / "notebooks" / f"{name}.ipynb") for name in names], pd.Index(names, name="page"))


def path_minutes(times: pd.DataFrame, pages: Sequence[str], exercises: Sequence[str] = ()) -> float:
    """Minutes to read ``pages`` and to solve the exercises of ``exercises``, both names of rows of ``reading_times``."""
    return float(times.loc[list(pages), "minutes"].sum() + times.loc[list(exercises), "exercise minutes"].sum())


def _page(path: Path) -> dict:
    """Counts of one notebook: solutions are left out, hidden code too."""
    words, code, kinds, inside = 0, 0, [], ""
    title = path.stem
    notebook: Any = parse_json(path.read_text())
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "code":
            tags = cell["metadata"].get("tags", [])
            code += not inside and not any(tag.startswith(("hide", "remove", "parameters")) for tag in tags)
            continue
        if text.startswith("# "):
            title = text.splitlines()[0][2:]
        kinds += re.findall(r"\{exercise-start\} *(\S+):", text)
        inside = "solution" if "{solution-start}" in text else inside
        if not inside:
            words += len(_shown(text).split())
        inside = "" if "{solution-end}" in text else inside
    read = words / WORDS_PER_MINUTE + CODE_MINUTES * code
    solve = sum(EXERCISE_MINUTES[kind] for kind in kinds)
    return {
        "title": title,
        "words": words,
        "code cells": code,
        "exercises": len(kinds),
        "minutes": read,
        "exercise minutes": solve,
    }


def _shown(text: str) -> str:
    """Markdown without what is not read as words: fences of directives, labels, targets of links."""
    text = re.sub(r"^(```|:\w+:|\(.*\)=).*$", "", text, flags=re.M)
    return re.sub(r"\]\([^)]*\)|\{\w+(:\w+)*\}", "", text)
