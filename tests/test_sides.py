"""The table of both sides in tests/README.md names places and tests that exist, and each side has a test."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "tests" / "README.md").read_text().splitlines()
    if line.startswith("| `")
]
SAME = "the same, by its parameters"


@cache
def functions(file: str) -> dict[str, str]:
    """The source of every function of a test module, decorators included."""
    source = (ROOT / "tests" / file).read_text()
    found = (node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))
    return {node.name: "\n".join(map(ast.unparse, (*node.decorator_list, node))) for node in found}


@pytest.mark.parametrize("row", ROWS, ids=[row[0].replace("`", "").replace(" ", ":") for row in ROWS])
def test_a_row_names_a_place_that_exists_and_tests_of_both_sides(row):
    place, condition, reached, one, other = row
    path, name = re.fullmatch(r"`(\S+)` `(\S+)`", place).groups()
    assert re.search(rf"\b{re.escape(name)}\b", (ROOT / path).read_text()), f"{path} has no {name}"
    assert condition and reached
    first, second = (re.findall(r"`(test_\w+\.py)::(test_\w+)`", cell) for cell in (one, other))
    assert first and (second or other == SAME)
    for file, test in (*first, *second):
        assert test in functions(file), f"tests/{file} has no {test}"
    if other == SAME:
        assert any(word in functions(file)[test] for file, test in first for word in ("parametrize", "given(", "for "))


@pytest.mark.parametrize("path", sorted(path.relative_to(ROOT) for path in (ROOT / "eas_core").rglob("*.py")), ids=str)
def test_a_module_that_asks_for_a_device_or_the_environment_is_in_the_table(path):
    asks = re.search(r'"cuda"|torch\.cuda|os\.environ|sys\.platform|getenv', (ROOT / path).read_text())
    assert not asks or any(row[0].split("`")[1] == path.as_posix() for row in ROWS), asks
