"""With several workers, what takes minutes is made in one of them only; ``make test`` starts them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import conftest
import pytest

TESTS = Path(__file__).resolve().parent
IN_EACH_WORKER = {"space", "smoke_run"}  # of the whole session, and made in seconds


def session_fixtures(path: Path) -> dict[str, set[str]]:
    """{name: what it asks for} of the fixtures of a file that are made once a session."""
    found = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef) and any('scope="session"' in _text(d) for d in node.decorator_list):
            found[node.name] = {argument.arg for argument in node.args.args}
    return found


def _text(node: ast.AST) -> str:
    return ast.unparse(node).replace("'", '"')


def test_a_fixture_of_the_session_is_made_in_seconds_or_in_one_worker():
    fixtures = session_fixtures(TESTS / "conftest.py")
    assert conftest.SHARED in fixtures and fixtures.keys() >= IN_EACH_WORKER
    for name in fixtures.keys() - IN_EACH_WORKER - {conftest.SHARED}:
        assert conftest.SHARED in fixtures[name], f"{name} is in no group"
    assert not any(session_fixtures(path) for path in TESTS.glob("test_*.py")), "they belong into conftest.py"


def test_no_fixture_is_asked_for_while_a_test_runs():
    """What a test needs must be known when tests are given to workers."""
    asking = [path.name for path in TESTS.glob("*.py") if "request.getfixturevalue(" in path.read_text()]
    assert asking in ([], [Path(__file__).name])


def test_every_test_is_in_its_group_and_those_that_take_minutes_come_first(request):
    """In the worker that runs this, the names by which pytest-xdist hands out tests are looked at too."""
    items = request.session.items
    for item in items:
        (mark,) = item.iter_markers("xdist_group")
        file = item.nodeid.partition("::")[0]
        assert mark.args == ((conftest.SHARED,) if conftest.needs_shared(item) else (file,)), item.nodeid
        if hasattr(request.config, "workerinput") and request.config.getoption("loadgroup"):
            assert item.nodeid.endswith(f"@{mark.args[0]}"), "pytest-xdist does not see the groups"
    needing = [conftest.needs_shared(item) for item in items]
    assert needing == sorted(needing, reverse=True)


def test_tests_that_need_all_jobs_through_another_fixture_are_known(smoke_release, request):
    assert conftest.needs_shared(request.node) and request.node.get_closest_marker("xdist_group").args == (
        conftest.SHARED,
    )


@pytest.mark.parametrize("rule", ["test", "coverage"])
def test_make_hands_out_groups_in_their_order(rule):
    makefile = (TESTS.parent / "Makefile").read_text()
    (options,) = re.findall(r"^WORKERS = (.+)", makefile, re.MULTILINE)
    assert "--dist loadgroup --no-loadscope-reorder" in options
    (recipe,) = re.findall(rf"^{rule}: .*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert "-m pytest $(WORKERS)" in recipe
