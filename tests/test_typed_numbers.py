"""Chapters state results from records: a number with a unit, or a word of judgement, in a Markdown cell stands in a list with its source."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from book import prose
from eas_core.base.parsing import parse_yaml

LISTED: dict[str, str] = parse_yaml((Path(__file__).parent / "data" / "typed.yml").read_text())
NUMBERS = r"""
    \d[\d.,]* \s? (?: % | percent\b | points?\b | s\b | seconds?\b | ms\b | µs\b | minutes?\b | hours?\b | M\b | [GMk]B\b )
    | \b (?: half\ a | one | two | three | a\ few ) \ (?: percentage\ )? points?\b
    | [±+−] \s? \d
    | (?<! ection\  ) (?<! [\d.] ) \d+ \. \d+ \b
"""
JUDGEMENTS = r"""
    \b (?: holds? (?= [:.,;?] | \ (?: for|here|in|at|under|up|a\ generator )\b ) | inconclusive (?! \ or ) | wins? | won | beats? | beaten
    | outperform\w* | significant\w* | (?: more|less )\ accurate | superior | is\ (?: better|worse|best|worst )
    | (?: better|worse )\ than | loses? ) \b
"""
TYPED = re.compile(f"{NUMBERS}|{JUDGEMENTS}", re.VERBOSE | re.IGNORECASE)


def shown(text: str) -> str:
    """What a cell says, in one line and without formulas."""
    return " ".join(prose.said(text).split())


def typed(text: str) -> list[str]:
    """The numbers and judgements in the words of a cell, those within a listed phrase left out."""
    for phrase in sorted(LISTED, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(phrase)}(?!\w)", " … ", text)
    return [text[max(0, found.start() - 30) : found.end() + 20] for found in TYPED.finditer(text)]


@pytest.mark.parametrize("path", prose.NOTEBOOKS, ids=lambda path: path.stem)
def test_no_result_is_typed_by_hand(path):
    found = [f"{passage.place}: {hit}" for passage in prose.passages(path) for hit in typed(shown(passage.text))]
    assert not found, "from a record, or into tests/data/typed.yml with its source"


def test_every_listed_phrase_is_used():
    text = " ".join(shown(passage.text) for path in prose.NOTEBOOKS for passage in prose.passages(path))
    assert [phrase for phrase in LISTED if phrase not in text] == []


@pytest.mark.parametrize(
    "text",
    [
        "It reaches 74.8 %.",
        "This takes 12 s.",
        "EAS wins by two points.",
        "The claim holds.",
        "a gain of +0.3",
        "q = 0.6 is best",
    ],
)
def test_a_typed_result_is_found(text):
    assert typed(shown(text))


@pytest.mark.parametrize(
    "text", ["A record holds the settings.", "The 7×7 kernel", "$74.8$ `12 s`", "See section 3.2.1 and 95 %"]
)
def test_what_is_no_result_is_not(text):
    assert not typed(shown(text))
