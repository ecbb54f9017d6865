"""The page of costs counts the image passes that a run does: a tiny run with every network's images counted."""

from __future__ import annotations

import runpy
from collections import Counter
from itertools import groupby
from pathlib import Path

import pytest
import tiny

from eas_core.network import calibrate as calibration
from eas_core.network.subnetwork import Network
from eas_core.network.supernet import Supernet
from eas_core.runs.jobs import jobs
from eas_core.runs.run import Run
from eas_core.settings import profiles
from eas_core.settings.stages import STAGES, TESTED

ROOT = Path(__file__).parents[1]
COST = runpy.run_path(str(ROOT / "book" / "cost.py"))
MORE = [  # as in the large profiles: several levels of cost, of which one has more random rivals
    "specialize.budgets=[2.3, 3.6, 4.4]",
    "evaluation.random_architectures=1",
    "evaluation.spread_architectures=3",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    return tiny.make_run(tmp_path_factory.mktemp("counted"), *MORE)


def counted(run: Run, stage: str) -> tuple[Counter[str], dict]:
    """The image passes of a stage, all it depends on being there, and its record."""
    found: Counter[str] = Counter()

    def plain(self, images):
        found["calibration" if self.training else "evaluation"] += len(images)
        return network(self, images)

    def elastic(self, images, which):
        found[stage if self.training else "evaluation"] += len(images)
        return supernet(self, images, which)

    def mixed(self, images, paths):
        found[stage] += len(images)
        return multi_path(self, images, paths)

    network, supernet, multi_path = Network.forward, Supernet.forward, Supernet.forward_paths
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration, "_statistics", lambda *made_from: [])  # all passes, also those that memory saves
        patch.setattr(Network, "forward", plain)
        patch.setattr(Supernet, "forward", elastic)
        patch.setattr(Supernet, "forward_paths", mixed)
        record = tiny.make(run, stage)
    return +found, record


@pytest.fixture(scope="module")
def found(run) -> dict[str, tuple[Counter[str], dict]]:
    return {stage: counted(run, stage) for stage in list(STAGES)[1:]}


def extracted(stage: str, record: dict) -> int | None:
    """How many networks a stage extracted, where that depends on what was found."""
    rows = record["result"].get("rows", [])
    if stage.endswith("specialized"):
        return sum(row["candidates"] for row in rows)
    if stage in TESTED:
        return len(list(groupby(row["architecture"] for row in rows)))
    return None


@pytest.mark.parametrize("stage", list(STAGES)[1:])
def test_the_page_counts_what_a_run_does(stage, run, found):
    splits = {split.name: len(split) for split in run.splits("train", "valid", "test")}
    sizes = COST["Sizes"](**splits, tasks=len(run.tasks))
    seen, record = found[stage]
    networks = extracted(stage, record)
    assert +COST["passes"](run.profile, sizes, stage, networks) == seen
    most = COST["passes"](run.profile, sizes, stage)
    assert all(most[kind] >= count for kind, count in seen.items())
    assert seen or stage in ("predictor", "evolved", "amortised")


def test_the_page_counts_all_jobs_of_a_seed():
    profile = profiles.load("imagenet-10")
    often = COST["times"](profile)
    assert often["teacher"] == 1 and often["supernet"] == 7 and often["generator"] == 6
    assert often["pairs"] == often["tested-OFA-T"] == 2 and often["multi_path"] == often["tested-same"] == 1
    assert sum(often.values()) == sum(len(job.stages) for job in jobs(profile))


def test_hours_are_passes_by_rates_and_what_was_not_measured_is_said():
    ten = profiles.load("imagenet-10")
    rates = {"teacher": 10.0, "supernet": 20.0, "generator": 0.5, "evaluation": 100.0}

    def hours(stage):
        return COST["hours"](ten, rates, stage)

    assert hours("teacher") == pytest.approx(120 * (67_237 // 256) * 256 / 10 / 3600)  # less the held-out photographs
    assert hours("generator") == pytest.approx(56_250 / 0.5 / 3600)
    assert hours("pairs") == pytest.approx(16_000 * (2_000 + 10_000) / 100 / 3600)
    assert hours("tested-EAS") == pytest.approx((5 * 10 * 2_000 + 5 * 3_000) / 100 / 3600)
    assert hours("specialized") == pytest.approx(5 * 10 * 8 * (2_000 + 1_000) / 100 / 3600)
    assert hours("multi_path") is None and hours("predictor") == 0
    assert "| not measured |" in "\n".join(COST["table"](rates, "GPU-hours"))
    assert "not measured" not in "\n".join(COST["table"]({**rates, "multi_path": 1.0}, "GPU-hours"))
    provenance = {"time": "2026-01-01T00:00:00Z", "versions": {"torch": "2"}}
    for name, unit in (("x86_64 CPU, 1 thread", "CPU-hours"), ("NVIDIA X", "GPU-hours")):
        text = COST["page"]({name: {"batch": 8, "rates": {"float32": rates}, "provenance": provenance}})
        assert f"{unit} of one seed" in text and f"| `teacher` | 1 | 8.05 | {hours('teacher'):,.0f} |" in text
        assert ("No GPU yet" in text) == ("CPU" in name)
