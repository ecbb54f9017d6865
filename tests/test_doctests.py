"""The examples in docstrings are right, and every public function and class has one."""

from __future__ import annotations

import doctest
import importlib
import inspect
from pathlib import Path

import pytest

import eas_core

ROOT = Path(__file__).resolve().parent.parent
FILES = [path for path in sorted((ROOT / "eas_core").rglob("*.py")) if ">>> " in path.read_text()]
MODULES = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in FILES]


@pytest.fixture(scope="module")
def folder(smoke_run, smoke_release, tmp_path_factory) -> Path:
    """Where ``make_run("smoke")`` finds the finished smoke run instead of training it again."""
    place = tmp_path_factory.mktemp("doctests")
    (place / "runs").symlink_to(smoke_run.root)
    (place / "releases").mkdir()
    for release in (*(ROOT / "releases").iterdir(), smoke_release):
        (place / "releases" / release.name).symlink_to(release)
    return place


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_module_are_right(name, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    done = doctest.testmod(importlib.import_module(name), optionflags=flags)
    assert done.failed == 0 and done.attempted > 0, capsys.readouterr().out


@pytest.mark.parametrize("name", eas_core.__all__)
def test_a_public_name_has_an_example(name):
    value = getattr(eas_core, name)
    if inspect.isfunction(value) or inspect.isclass(value) and not issubclass(value, Exception):
        assert ">>> " in inspect.getdoc(value)
