"""The contract of the rooms: it holds, it goes red when an import runs backwards, and the map draws it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytest.importorskip("importlinter")
ROOT = Path(__file__).resolve().parent.parent
LINT = Path(sys.executable).with_name("lint-imports")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
ROOMS = next(contract["layers"] for contract in CONTRACTS if contract["id"] == "rooms")


def lint(folder: Path) -> subprocess.CompletedProcess:
    """What ``make lint`` asks of the imports of the tree in a folder."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [str(LINT), "--no-cache", "--no-logo"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture
def copy(tmp_path) -> Path:
    """The Python files of the tree and its configuration."""
    for package in ("eas_core", "data_prep"):
        for path in (ROOT / package).rglob("*.py"):
            target = tmp_path / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_no_import_runs_backwards():
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "room, line, broken",
    [
        ("eas_core/base", "from eas_core.space import count", "eas_core.base is not allowed to import eas_core.space"),
        ("eas_core/space", "import eas_core.cli", "eas_core.space is not allowed to import eas_core.cli"),
        ("eas_core/network", "def f():\n    from eas_core.search import evolution", "eas_core.network is not allowed to import eas_core.search"),
        ("data_prep", "from eas_core.settings import profiles", "data_prep is not allowed to import eas_core.settings"),
        ("eas_core/space", "import data_prep", "eas_core.space is not allowed to import data_prep"),
    ],
)  # fmt: skip
def test_an_import_that_runs_backwards_is_named(room, line, broken, copy):
    (copy / room / "backwards.py").write_text(line + "\n")
    done = lint(copy)
    assert done.returncode == 1 and broken in done.stdout


def test_a_circle_inside_a_room_is_named(copy):
    for name, other in (("one", "two"), ("two", "one")):
        (copy / "eas_core" / "search" / f"{name}.py").write_text(f"from eas_core.search import {other}\n")
    done = lint(copy)
    assert done.returncode == 1 and "No cycles are allowed in eas_core.search" in done.stdout


def test_a_new_room_must_be_given_its_place(copy):
    (copy / "eas_core" / "attic").mkdir()
    (copy / "eas_core" / "attic" / "__init__.py").touch()
    done = lint(copy)
    assert done.returncode == 1 and "eas_core.attic" in done.stdout


def test_every_room_says_what_it_is_for():
    for room in ROOMS:
        path = ROOT / "eas_core" / room / "__init__.py"
        assert path.exists() or (ROOT / "eas_core" / f"{room}.py").exists(), room
