"""Fixtures: one thread (so that bits are the same everywhere), a small search space, one finished smoke run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers import SMALL
from hypothesis import settings

from eas_core.runs import jobs, releases_publish, results
from eas_core.runs.run import Run, make_run
from eas_core.show import release_card
from eas_core.space.search_space import SearchSpace

torch.set_num_threads(1)
settings.register_profile("kit", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("kit")


#: The fixture that takes minutes. With several workers (``pytest -n``) one of them gets all tests that need it.
SHARED = "smoke_evidence"


@pytest.hookimpl(tryfirst=True)  # pytest-xdist's own hook reads the marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Which tests stay together under pytest-xdist's ``--dist loadgroup``: those of a file, and all that need SHARED.

    The latter come first: no group takes longer, and the files after them fill the other workers.
    """
    items.sort(key=needs_shared, reverse=True)
    for item in items:
        group = SHARED if needs_shared(item) else item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(group))
        # pytest-xdist 3.8 hands the group on as the end of `_nodeid`, which pytest 9.2 does not read: it has `_id`
        if config.getoption("loadgroup", False) and hasattr(item, "_id"):
            item._id = type(item._id).parse(f"{item.nodeid}@{group}")


def needs_shared(item: pytest.Item) -> bool:
    """Whether a test asks for SHARED, itself or through another fixture."""
    return SHARED in getattr(item, "fixturenames", ())


@pytest.fixture(scope="session")
def space() -> SearchSpace:
    return SMALL


@pytest.fixture(scope="session")
def smoke_run(tmp_path_factory) -> Run:
    """The smoke profile, every stage done; tests only read from its folder."""
    run = make_run("smoke", root=tmp_path_factory.mktemp("runs"), device="cpu", progress=False)
    results.results(run)
    return run


@pytest.fixture(scope="session")
def smoke_evidence(smoke_run) -> dict:
    """All jobs of the smoke profile, baselines and ablations included; tests only read from it."""
    return jobs.collect(smoke_run)


@pytest.fixture(scope="session")
def smoke_release(smoke_run, smoke_evidence, tmp_path_factory) -> Path:
    """The smoke run as a release; tests only read from its folder."""
    folder = tmp_path_factory.mktemp("releases") / "smoke"
    releases_publish.publish([smoke_run], folder, release_card.card)
    return folder
