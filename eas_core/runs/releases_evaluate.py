"""A release's networks tested again: every network of its record on its task's test images, beside what the record says."""

from __future__ import annotations

from typing import NamedTuple

from eas_core.base.errors import EASError
from eas_core.runs import pipeline
from eas_core.runs.run import Run
from eas_core.runs.specialized import network_of
from eas_core.runs.store import bar
from eas_core.runs.trained import supernet
from eas_core.search.evaluate import score
from eas_core.space.architecture import Architecture

STAGE = "tested-EAS"


class Again(NamedTuple):
    """One scenario: accuracies in percent of ``n`` test images, in the record and now."""

    task: str
    budget: float
    madds: float
    n: int
    recorded: float
    now: float

    @property
    def difference(self) -> float:
        """Now minus recorded, in points."""
        return self.now - self.recorded


def evaluate(run: Run) -> tuple[list[Again], bool]:
    """All scenarios of the record, and whether the test images are bit for bit those of the record.

    Each network is cut out of the supernet and calibrated anew, on training images of the same drawing.
    """
    result = pipeline.record(run, STAGE)["result"]
    weights, _ = supernet(run)
    train, test = run.splits("train", "test")
    found = []
    for row in bar(run, result["rows"], "evaluate"):
        network = network_of(run, weights, Architecture.from_dict(row["architecture"]), train)
        index = test.of_task(run.tasks, run.tasks.index(row["task"]))
        now = score(network, test, run.tasks, index, run.profile.evaluation.batch_size).summary()
        accuracies = 100 * row["accuracy"], 100 * now["accuracy"]
        found.append(Again(row["task"], row["budget"], row["madds"], now["n"], *accuracies))
    return found, test.digest == result["test_digest"]


def refuse_difference(found: list[Again], tolerance: float) -> None:
    """Raise :class:`EASError`, which names the scenario that differs most, if that is by more than ``tolerance`` points."""
    worst = max(found, key=lambda again: abs(again.difference))
    if abs(worst.difference) > tolerance + 1e-9:
        where = f"{worst.task} at {worst.budget:g} M: {worst.now:.2f} % here, {worst.recorded:.2f} % in the record"
        raise EASError(f"evaluate: {where}, of {worst.n} images; more than {tolerance:g} points")
