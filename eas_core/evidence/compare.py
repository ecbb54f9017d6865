"""Accuracy of tested methods, and differences between two of them, with intervals over test images and seeds.

Works on records of kind ``tested-*``, one a seed, whose rows say of every test image whether the network was right. Two
methods are compared on the same images (and, seed by seed, the same random draws), so what is hard for both cancels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit  # scipy.stats takes a second to import

from eas_core.base.errors import DataError
from eas_core.evidence.queries import tasks_of
from eas_core.search.evaluate import unpack


@dataclass(frozen=True)
class Estimate:
    """A mean in percent or points with its 95 % interval; ``n`` test images, ``seeds`` repetitions of the training.

    ``error`` is the standard error (same unit) and ``freedom`` the degrees of freedom of its Student's t.
    """

    mean: float
    low: float
    high: float
    n: int
    seeds: int
    error: float
    freedom: float

    def at(self, confidence: float) -> tuple[float, float]:
        """The interval (low, high) at another confidence than that of ``low`` and ``high``."""
        return _interval(self.mean, self.error, self.freedom, confidence)

    def detectable(self, power: float = 0.8) -> float:
        """The true difference (same unit) that such data show with probability ``power``, on the right side of 0.

        (t_0.975 + t_power) standard errors: the interval must clear zero, and with that probability it does.
        """
        return float(stdtrit(self.freedom, 0.975) + stdtrit(self.freedom, power)) * self.error


def _interval(mean: float, error: float, freedom: float, confidence: float) -> tuple[float, float]:
    """Student's t: mean -/+ its quantile times the standard error."""
    half = float(stdtrit(freedom, (1 + confidence) / 2)) * error
    return mean - half, mean + half


def _estimate(values: np.ndarray, variance: float, freedom: float, n: int, seeds: int, confidence: float) -> Estimate:
    """Mean of ``values``, fractions, whose variance has ``freedom`` degrees of freedom, in percent."""
    mean, error = 100 * float(values.mean()), 100 * float(variance) ** 0.5
    return Estimate(mean, *_interval(mean, error, freedom, confidence), n, seeds, error, freedom)


def estimate(values: np.ndarray, confidence: float = 0.95, own_images: bool = False) -> Estimate:
    """Mean of values (seeds, images), fractions, and its interval in percent, at 95 % unless told otherwise.

    Where all seeds share their test images, images and seeds vary crosswise. The variance of the mean over images,
    Var_i(mean over seeds) / n, and that over seeds, Var_s(mean over images) / S, add up (a little too much: what is
    particular to an image *and* a seed is in both). Student's t with Satterthwaite's degrees of freedom; with one seed
    the interval covers the images only. Where each of several seeds has ``own_images``, its mean varies for both reasons
    already: Var_s(mean over images) / S alone, t with S - 1 degrees of freedom.
    """
    seeds, n = values.shape
    if own_images and seeds > 1:
        return estimate_of_few(values.mean(1), n, seeds, confidence)
    parts = [values.mean(0).var(ddof=1) / n]
    freedom = [n - 1]
    if seeds > 1:
        parts.append(values.mean(1).var(ddof=1) / seeds)
        freedom.append(seeds - 1)
    variance = sum(parts)
    df = variance**2 / sum(part**2 / f for part, f in zip(parts, freedom, strict=True)) if variance > 0 else np.inf
    return _estimate(values, variance, df, n, seeds, confidence)


def estimate_of_few(values: np.ndarray, n: int, seeds: int, confidence: float = 0.95) -> Estimate:
    """Mean of values (k,), fractions, each independent of the others, and its interval in percent: t, k - 1 degrees."""
    return _estimate(values, values.var(ddof=1) / len(values), len(values) - 1, n, seeds, confidence)


def accuracy(records: list[dict], budget: float, task: str | None = None) -> Estimate:
    """Test accuracy in percent at one budget, of all tasks' images together or of one task's."""
    return estimate(_right(records, [budget], task), own_images=_own_images(records))


def difference(
    ours: list[dict], others: list[dict], budgets: list[float], task: str | None = None, confidence: float = 0.95
) -> Estimate:
    """Accuracy of ``ours`` minus that of ``others`` in points, averaged over budgets.

    A record a seed, both in the same order; other seeds on one side raise :class:`DataError`.
    """
    for one, other in zip(ours, others, strict=False):
        _same_conditions([one, other])
        if one["result"]["test_digest"] != other["result"]["test_digest"]:
            raise DataError("records: tested on different images (test_digest differs)")
    seeds = [[record["settings"]["seed"] for record in side] for side in (ours, others)]
    if seeds[0] != seeds[1]:
        raise DataError(f"records: seeds {seeds[0]} are compared with seeds {seeds[1]}; they must be the same")
    values = _right(ours, budgets, task) - _right(others, budgets, task)
    return estimate(values, confidence, _own_images(ours))


def change(
    records: list[dict], first: float, last: float, task: str | None = None, confidence: float = 0.95
) -> Estimate:
    """Accuracy at the budget ``last`` minus that at ``first``, in points."""
    values = _right(records, [last], task) - _right(records, [first], task)
    return estimate(values, confidence, _own_images(records))


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


def _own_images(records: list[dict]) -> bool:
    """Whether each record was tested on images of its own; only some that were raise :class:`DataError`."""
    digests = {record["result"]["test_digest"] for record in records}
    if len(digests) not in (1, len(records)):
        raise DataError("records: some were tested on the same images, others on different ones (test_digest differs)")
    return len(digests) > 1


def _same_conditions(records: list[dict]) -> None:
    """Records of other data or spaces cannot be compared: :class:`DataError` says what differs.

    Seeds may have images of their own: another ``data.seed`` is another drawing of the same data.
    """
    if not records:
        raise DataError("records: none given, at least one seed is needed")
    first = records[0]
    for record in records[1:]:
        for section in ("data", "space"):
            ours, theirs = first["settings"][section], record["settings"][section]
            for key in ours:
                if (section, key) != ("data", "seed") and ours[key] != theirs.get(key):
                    values = f"{ours[key]} and {theirs.get(key)}"
                    raise DataError(f"records: of different profiles, {section}.{key} is {values}")
        drawn = [one["settings"]["data"].get("seed") for one in (first, record)]
        if drawn[0] == drawn[1] and first["result"]["test_digest"] != record["result"]["test_digest"]:
            raise DataError("records: tested on different images (test_digest differs)")
