"""The prose of the book: what its pages say without code, formulas and marks, and which words its style avoids.

``python -m book.prose [FILE ...]`` prints what proselint and the word list ``book/words.yml`` find, one a line; ``make lint`` calls it.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from eas_core.base.parsing import parse_json, parse_yaml

ROOT = Path(__file__).resolve().parent.parent
WORDS = ROOT / "book" / "words.yml"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# code whose strings and docstrings reach a page
SHOWN = [path for room in ("show", "evidence") for path in sorted((ROOT / "eas_core" / room).glob("*.py"))]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "book").glob("*.md")), *NOTEBOOKS, *SHOWN]
# Checks of proselint that do not fit: straight quotation marks and (C) are Markdown's and equations' here, lines are broken where they
# end, multiply-adds are no adverb, "from 3×3 to 7×7" is no date, and repeated words are in the word list.
LEFT_OUT = (
    "typography.symbols",
    "typography.punctuation",
    "misc.phrasal_adjectives",
    "dates_times",
    "lexical_illusions",
)


class Passage(NamedTuple):
    place: str  # the cell's id, or nothing
    text: str  # Markdown


class Finding(NamedTuple):
    page: str
    place: str
    words: str
    advice: str

    def __str__(self) -> str:
        return f"{self.page}{self.place and ' '}{self.place}: “{self.words}”: {self.advice}"


def passages(path: Path) -> list[Passage]:
    """The Markdown of a page: a passage for each Markdown cell of a notebook, or one for the whole file."""
    if path.suffix != ".ipynb":
        return [Passage("", path.read_text())] if path.suffix == ".md" else []
    cells = parse_json(path.read_text())["cells"]
    return [Passage(cell["id"], "".join(cell["source"])) for cell in cells if cell["cell_type"] == "markdown"]


def strings(path: Path) -> list[Passage]:
    """The strings in the code of a notebook's cells or of a module, docstrings too; what is filled in later is left out."""
    if path.suffix == ".md":
        return []
    codes = [Passage("", path.read_text())]
    if path.suffix == ".ipynb":
        cells = parse_json(path.read_text())["cells"]
        codes = [Passage(cell["id"], "".join(cell["source"])) for cell in cells if cell["cell_type"] == "code"]
    return [
        Passage(place, node.value)
        for place, source in codes
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def said(text: str, term: str = r"\1") -> str:
    """Markdown as it is read: no code, formulas, labels or targets of links; ``term`` is what a ``{term}`` role becomes.

    ``\\1`` in ``term`` is the text that the reader sees, ``\\2`` the entry of the glossary. Lines stay where they are.
    """

    def blank(found: re.Match) -> str:
        return "\n" * found[0].count("\n")

    text = re.sub(r"<!--.*?-->", blank, text, flags=re.S)
    text = re.sub(r"^ *:[\w-]+:.*$|^\(.*\)=$|^\|[-:| ]+\|$", "", _unfenced(text), flags=re.M)
    text = re.sub(r"\$\$.+?\$\$", blank, text, flags=re.S)
    text = re.sub(r"\$[^$]+\$", "x", text)
    text = re.sub(r"\{term\}`([^`<]+?) *<([^>]+)>`", term, text)
    text = re.sub(r"\{term\}`([^`]+)`", term.replace(r"\2", r"\1"), text)
    text = re.sub(r" ?\{cite(:\w+)?\}`[^`]*`", "", text)
    text = re.sub(r"\{ref\}`([^`<]+?) *<[^>]+>`", r"\1", text)
    text = re.sub(r"(\{[\w:]+\})?`+[^`]*`+", "code", text)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"[*#]+|</?\w+[^>]*>", "", text).replace("|", " ; ").replace("&nbsp;", " ")


def _unfenced(text: str) -> str:
    """Markdown without fences and without the code in them; what a directive such as an exercise says stays."""
    kept, inside = [], ""  # the directive or language of the fence that a line is in
    for line in text.split("\n"):
        fence = re.match(r" *(?:`{3,}|:{3,})(.*)", line)
        if fence:
            inside = "" if inside else fence[1].strip() or "code"
        silent = inside and not re.match(r"\{(?!eval-rst|code|math|include)", inside)
        kept.append("" if fence or silent else line)
    return "\n".join(kept)


def findings(path: Path) -> list[Finding]:
    """What the word list and, where it is installed, proselint find in a page, or the word list in strings of code."""
    written = [(passage.place, said(passage.text)) for passage in passages(path)]
    found = [(place, *hit) for place, text in written for check in (own, proselint) for hit in check(text)]
    found += [(place, *hit) for place, text in strings(path) for hit in own(text, code=True)]
    return [Finding(path.stem, *hit) for hit in found]


def own(text: str, code: bool = False) -> Iterator[tuple[str, str]]:
    """(words, advice) for each place where prose breaks the project's word list; ``code``: by rules for code's strings only."""
    for rule in _rules():
        for match in re.finditer(rule["avoid"], text, flags=0 if rule.get("case") else re.I):
            excepted = re.fullmatch(rule.get("but", r"(?!)"), match[0], flags=re.I | re.S)
            if not excepted and (rule.get("code") or not code):
                yield " ".join(match[0].split()), rule["say"]


@cache
def _rules() -> list[dict]:
    return parse_yaml(WORDS.read_text())


def proselint(text: str) -> Iterator[tuple[str, str]]:
    """(words, advice) for each place that proselint's checks find, without those of ``LEFT_OUT``."""
    try:
        from proselint.checks import __register__
        from proselint.config import DEFAULT
        from proselint.registry import CheckRegistry
        from proselint.tools import LintFile
    except ImportError:  # an extra for tests: pip install -e .[test]
        return
    registry = CheckRegistry()
    if not registry.checks:
        registry.register_many(__register__)
    for result in LintFile("page", text).lint(DEFAULT):
        found = result.check_result
        if not found.check_path.startswith(LEFT_OUT):
            start, end = (position - 1 for position in found.span)  # it puts an empty line before the text
            yield " ".join(text[max(start, 0) : end].split()), f"{found.message} ({found.check_path})"


def main(names: list[str]) -> int:
    found = [finding for path in (map(Path, names) if names else PAGES) for finding in findings(path)]
    print(*found, sep="\n", end="\n" if found else "")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
