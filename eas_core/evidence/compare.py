"""Accuracy of tested methods, and differences between two of them, with intervals over test images and seeds.

Works on records of kind ``tested-*``, one a seed, whose rows say of every test image whether the network was right. Two
methods are compared on the same images (and, seed by seed, the same random draws), so what is hard for both cancels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from eas_core.base.errors import DataError
from eas_core.evidence.queries import tasks_of
from eas_core.search.evaluate import unpack


@dataclass(frozen=True)
class Estimate:
    """A mean in percent or points with its 95 % interval; ``n`` test images, ``seeds`` repetitions of the training."""

    mean: float
    low: float
    high: float
    n: int
    seeds: int


def estimate(values: np.ndarray, confidence: float = 0.95) -> Estimate:
    """Mean of values (seeds, images), fractions, and its interval in percent, at 95 % unless told otherwise.

    Images and seeds both vary, crosswise. The variance of the mean over images, Var_i(mean over seeds) / n, and that
    over seeds, Var_s(mean over images) / S, add up (a little too much: what is particular to an image *and* a seed is in
    both). Student's t with Satterthwaite's degrees of freedom; with one seed the interval covers the images only.
    """
    seeds, n = values.shape
    parts = [values.mean(0).var(ddof=1) / n]
    freedom = [n - 1]
    if seeds > 1:
        parts.append(values.mean(1).var(ddof=1) / seeds)
        freedom.append(seeds - 1)
    variance = sum(parts)
    half = 0.0
    if variance > 0:
        df = variance**2 / sum(part**2 / f for part, f in zip(parts, freedom, strict=True))
        half = stats.t.ppf((1 + confidence) / 2, df) * variance**0.5
    mean = values.mean()
    return Estimate(100 * mean, 100 * (mean - half), 100 * (mean + half), n, seeds)


def accuracy(records: list[dict], budget: float, task: str | None = None) -> Estimate:
    """Test accuracy in percent at one budget, of all tasks' images together or of one task's."""
    return estimate(_right(records, [budget], task))


def difference(
    ours: list[dict], others: list[dict], budgets: list[float], task: str | None = None, confidence: float = 0.95
) -> Estimate:
    """Accuracy of ``ours`` minus that of ``others`` in points, averaged over budgets.

    A record a seed, both in the same order; other seeds on one side raise :class:`DataError`.
    """
    _same_conditions(ours + others)
    seeds = [[record["settings"]["seed"] for record in side] for side in (ours, others)]
    if seeds[0] != seeds[1]:
        raise DataError(f"records: seeds {seeds[0]} are compared with seeds {seeds[1]}; they must be the same")
    return estimate(_right(ours, budgets, task) - _right(others, budgets, task), confidence)


def change(
    records: list[dict], first: float, last: float, task: str | None = None, confidence: float = 0.95
) -> Estimate:
    """Accuracy at the budget ``last`` minus that at ``first``, in points."""
    return estimate(_right(records, [last], task) - _right(records, [first], task), confidence)


def cost(records: list[dict], budgets: list[float]) -> float:
    """Mean multiply-adds in millions over seeds, budgets and tasks."""
    return float(np.mean([row["madds"] for r in records for row in r["result"]["rows"] if row["budget"] in budgets]))


def _right(records: list[dict], budgets: list[float], task: str | None) -> np.ndarray:
    """Right or wrong as 0/1, averaged over budgets, shape (seeds, images), tasks in the order of the first record."""
    _same_conditions(records)
    names = [task] if task else tasks_of(records[0])
    values = []
    for record in records:
        rows = {(row["task"], row["budget"]): row for row in record["result"]["rows"]}
        try:
            chosen = [[rows[name, budget] for name in names] for budget in budgets]
            levels = [np.concatenate([unpack(row["correct"], row["n"]) for row in level]) for level in chosen]
        except KeyError as error:
            raise DataError(f"record: {record.get('kind')} has no {error.args[0]}") from None
        values.append(np.mean(levels, axis=0))
    return np.stack(values)


def _same_conditions(records: list[dict]) -> None:
    """Records of other test images, data or spaces cannot be compared: :class:`DataError` says what differs."""
    if not records:
        raise DataError("records: none given, at least one seed is needed")
    first = records[0]
    for record in records[1:]:
        for section in ("data", "space"):
            ours, theirs = first["settings"][section], record["settings"][section]
            for key in ours:
                if ours[key] != theirs.get(key):
                    values = f"{ours[key]} and {theirs.get(key)}"
                    raise DataError(f"records: of different profiles, {section}.{key} is {values}")
        if first["result"]["test_digest"] != record["result"]["test_digest"]:
            raise DataError("records: tested on different images (test_digest differs)")
