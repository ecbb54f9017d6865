"""The names of ``from eas_core import ...``: each is there, and asking for none of them loads nothing."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import eas_core

STUB = Path(eas_core.__file__).with_suffix(".pyi")


@pytest.mark.parametrize("name", eas_core.__all__)
def test_a_public_name_is_what_its_room_has(name):
    module, attribute = eas_core._FOUND[name]
    value = getattr(eas_core, name)
    assert value is getattr(sys.modules[module], attribute)
    assert not callable(value) or inspect.getdoc(value)


def test_type_checkers_are_told_the_same_names():
    listed = next(entry.value for entry in ast.parse(STUB.read_text()).body if isinstance(entry, ast.Assign))
    names = ast.literal_eval(listed)
    assert sorted(names) == sorted(eas_core.__all__) and len(set(names)) == len(names)


def test_names_are_listed_and_a_wrong_one_is_an_attribute_error():
    assert {"make_run", "__version__"} <= set(dir(eas_core))
    with pytest.raises(AttributeError, match="no attribute 'make_runs'"):
        eas_core.make_runs  # noqa: B018 - asked for, to see it refused


def imported(code: str, *watched: str) -> list[str]:
    """Which of the watched modules a fresh process has loaded after running ``code``."""
    script = f"import sys; {code}; print(*(name for name in {watched} if name in sys.modules))"
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()


def test_importing_the_library_loads_no_torch():
    heavy = ("torch", "numpy", "pandas", "matplotlib", "pydantic", "yaml")
    assert imported("import eas_core", *heavy) == []
    assert imported("import eas_core; eas_core.make_run", *heavy) != []


def test_a_job_or_a_page_loads_nothing_that_only_photographs_or_compilers_need():
    """Every job and notebook is a process of its own: what each imports is paid thirty times a book."""
    rooms = [
        f"import eas_core.{room}" for room in ("runs.pipeline", "runs.jobs", "runs.tested", "runs.results", "runs.ofa")
    ]
    rooms += ["import eas_core.show.result_figures", "import eas_core.show.claim_texts"]
    loaded = imported("; ".join(rooms), "torch", "torchvision", "torch._dynamo", "sympy", "IPython")
    assert loaded == ["torch"]


def test_the_api_reference_lists_the_names():
    page = (Path(eas_core.__file__).parents[1] / "book" / "api.md").read_text().split("The shortest way in")[1]
    roles = dict(re.findall(r"{py:\w+}`(\w+) <([\w.]+)>`", page))
    assert {*roles, *re.findall(r"`([A-Z]+)`", page)} == set(eas_core.__all__)
    assert all(roles[name] == ".".join(eas_core._FOUND[name]) for name in roles)
