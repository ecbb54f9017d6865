"""CONTRIBUTING.md: its map is the contract's, the files that it names are there, and its recipes work as written.

Each recipe is carried out on a copy of the tree: its lines are put where it says, linted, and its test is run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_contract import LINT, ROOMS, ROOT

# the copy is what is imported, by the configuration that is copied with it
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
ENVIRONMENT["PYTHONPATH"] = str(ROOT / "tests")  # for tests that use what others define
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
RECIPES = dict(re.findall(r"^### (An? .+?)\n(.+?)(?=^##)", TEXT, re.MULTILINE | re.DOTALL))
STEP = re.compile(  # a place in a file with the lines that belong there, a line that goes, or a new file
    r"^(?:In `(?P<old>[^`]+)`, (?P<where>after|before|instead of|without) `(?P<line>[^\n]+)`|New file `(?P<new>[^`]+)`)"
    r"(?:\.|:\n\n```python\n(?P<code>.+?)^```)$",
    re.MULTILINE | re.DOTALL,
)
CONFTEST = """
import pytest, torch
from eas_core import make_run

torch.set_num_threads(1)

@pytest.fixture
def smoke_run():
    return make_run("smoke", root={root!r}, device="cpu", progress=False)
"""


def test_the_map_draws_the_rooms_of_the_contract_in_their_order():
    drawing = re.search(r"```text\n(.+?)```", TEXT, re.DOTALL)[1]
    assert re.findall(r"│ (\w+) +│", drawing) == ROOMS


def test_files_that_are_named_are_there():
    named = {
        name for name in re.findall(r"`([\w./-]+)`", TEXT) if "/" in name or name.endswith((".md", ".txt", ".toml"))
    }
    made = {step["new"] for recipe in RECIPES.values() for step in STEP.finditer(recipe)}
    assert len(named) > 20
    for name in named - made:
        assert (ROOT / name.removeprefix("../")).exists() or name.startswith(("runs/", "_build/", "book/executed/")), (
            name
        )


def test_there_is_a_recipe_for_every_usual_addition():
    assert list(RECIPES) == ["A baseline", "A claim", "A figure", "A setting", "A command", "A data source"]


def carried_out(recipe: str, tree: Path) -> tuple[set[Path], list[Path]]:
    """Make a recipe's changes in a copy of the project; the files of the library, and the tests, that it touches."""
    for name in ("eas_core", "data_prep"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "releases"):
        (tree / name).symlink_to(ROOT / name)
    touched = []
    for step in STEP.finditer(recipe):
        path = tree / (step["new"] or step["old"])
        touched.append(path)
        if step["new"]:
            assert not path.exists()
            path.parent.mkdir(exist_ok=True)
            path.write_text(step["code"])
            continue
        lines = path.read_text().splitlines(keepends=True)
        (place,) = (number for number, line in enumerate(lines) if step["line"] in line)
        first, last = {"after": (1, 1), "before": (0, 0)}.get(step["where"], (0, 1))
        lines[place + first : place + last] = [step["code"] or ""]
        path.write_text("".join(lines))
    tests = [path for path in touched if path.parent == tree / "tests"]
    return {*touched} - {*tests}, tests


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_works_as_written(name, smoke_run, tmp_path):
    library, tests = carried_out(RECIPES[name], tmp_path)
    assert 1 <= len(library) <= 2 and len(tests) == 1
    if "smoke_run" in tests[0].read_text():
        shutil.copytree(smoke_run.root, tmp_path / "runs")
    (tmp_path / "tests" / "conftest.py").write_text(CONFTEST.format(root=str(tmp_path / "runs")))
    for command in (
        [LINT.with_name("ruff"), "check", "--no-cache", *library, *tests],
        [LINT.with_name("ruff"), "format", "--no-cache", "--check", *library, *tests],
        [LINT, "--no-cache", "--no-logo"],
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
    ):
        done = subprocess.run(list(map(str, command)), cwd=tmp_path, capture_output=True, text=True, env=ENVIRONMENT)
        assert done.returncode == 0, done.stdout + done.stderr
