"""What each search gives without a choice by images, and what choosing adds: every method treated alike.

A method's networks are tested as its *picks* (:data:`eas_core.settings.stages.PICKS`): the first candidate, the best of
all candidates on the images that rank them, and for generators the most probable architecture and, as a control, the
first candidate of another task. All search in the profile's own supernet, so that only the search differs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eas_core.evidence import compare
from eas_core.evidence.compare import Estimate
from eas_core.evidence.queries import common_budgets, comparisons, records_of
from eas_core.settings.stages import METHODS

ONE_FOR_ALL = "first-OFA-V"  # one network per budget for all tasks, by the mean over tasks, not chosen on images
RANDOM = "random, equal cost"


@dataclass(frozen=True)
class Line:
    """One pick of one method: task accuracy (%) and cross-entropy (nats) by budget, and its mean over budgets.

    ``over_one`` and ``over_random`` are the differences to one network for all tasks and to random architectures of the
    same cost, in points: by budget, and over all of them under the key ``None``; empty where a record is missing.
    """

    method: str
    pick: str
    budgets: tuple[float, ...]
    accuracy: tuple[float, ...]
    loss: tuple[float, ...]
    madds: tuple[float, ...]
    over_one: dict[float | None, Estimate]
    over_random: dict[float | None, Estimate]


def lines(evidence: list[dict]) -> list[Line]:
    """One line for each pick of each method that the evidence has, in the methods' order."""
    one_for_all, found = records_of(evidence, ONE_FOR_ALL), []
    results = records_of(evidence, "results")
    for name, method in METHODS.items():
        for pick in method.picks:
            records = records_of(evidence, method.stage_of(pick))
            if records:
                found.append(_line(name, pick, records, one_for_all, results))
    return found


def _line(name: str, pick: str, records: list[dict], one_for_all: list[dict], results: list[dict]) -> Line:
    budgets = common_budgets(records)
    over_one, over_random = {}, {}
    for level in (None, *budgets):
        chosen = budgets if level is None else [level]
        if one_for_all and (name, pick) != ("OFA-V", "first"):
            over_one[level] = compare.difference(records, one_for_all, chosen)
        drawn = [len(row["random_accuracy"]) for record in results for row in comparisons(record)]
        if drawn and (len(records) > 1 or min(drawn) > 1):
            over_random[level] = over_random_architectures(records, results, chosen)
    by_level = [[row for r in records for row in r["result"]["rows"] if row["budget"] == b] for b in budgets]
    return Line(
        method=name,
        pick=pick,
        budgets=tuple(budgets),
        accuracy=tuple(100 * float(np.mean([row["accuracy"] for row in rows])) for rows in by_level),
        loss=tuple(float(np.mean([row["cross_entropy"] for row in rows])) for rows in by_level),
        madds=tuple(float(np.mean([row["madds"] for row in rows])) for rows in by_level),
        over_one=over_one,
        over_random=over_random,
    )


def over_random_architectures(records: list[dict], results: list[dict], budgets: list[float]) -> Estimate:
    """Accuracy minus the mean of random architectures, in points, over budgets; both of the same seeds.

    With several seeds the interval is that of their differences (Student's t, S - 1 degrees of freedom): images and
    drawn architectures differ from seed to seed too. With one seed it is that of the random architectures' mean,
    t with their number less one: few architectures were drawn, all on the same images.
    """
    gaps = []
    for record, result in zip(records, results, strict=True):
        random = {row["budget"]: row["random_accuracy"] for row in comparisons(result)}
        rows = [row for row in record["result"]["rows"] if row["budget"] in budgets]
        ours = np.mean([row["accuracy"] for row in rows])
        drawn = np.mean([random[budget] for budget in budgets], axis=0)  # the k-th of each budget
        gaps.append(ours - drawn)
    n = sum(row["n"] for row in records[0]["result"]["rows"]) // len(common_budgets(records))
    if len(gaps) == 1:
        return compare.estimate_of_few(gaps[0], n, seeds=1)
    return compare.estimate_of_few(np.array([gap.mean() for gap in gaps]), n, seeds=len(gaps))


def gates(evidence: list[dict], stage: str = "specialized") -> list[dict[str, float]]:
    """What the generator's gates say at each budget (:mod:`eas_core.search.gate_statistics`), a mean over seeds."""
    found = [record["result"].get("gates", []) for record in records_of(evidence, stage)]
    return [
        {key: float(np.mean([row[key] for row in level])) for key in level[0]} for level in zip(*found, strict=True)
    ]


def crossed(evidence: list[dict], method: str) -> np.ndarray | None:
    """The cross table at the middle budget, (T, T) in percent, a mean over seeds; None if the evidence has none.

    Row i is the first candidate that the method found for task i, column j the test images of task j.
    """
    records = records_of(evidence, METHODS[method].stage_of("first"))
    tables = [[row["by_task"] for row in r["result"]["rows"] if "by_task" in row] for r in records]
    return 100 * np.mean(tables, axis=0) if tables and all(tables) else None


def knowing_the_task(evidence: list[dict], method: str) -> Estimate | None:
    """What it brings to know the task, in points: the cross table's diagonal minus the mean of all else.

    The interval is over seeds (t), with one seed over tasks.
    """
    gaps = []
    for entry in evidence:
        table = crossed([entry], method)
        if table is None:
            return None
        tasks = len(table)
        others = (table.sum(0) - np.diag(table)) / (tasks - 1)  # on a task's images, by the other tasks' networks
        gaps.append((np.diag(table) - others) / 100)
    values = gaps[0] if len(gaps) == 1 else np.array([gap.mean() for gap in gaps])
    n = sum(row["n"] for row in _rows(evidence, method) if "by_task" in row)
    return compare.estimate_of_few(values, n, seeds=len(gaps))


def _rows(evidence: list[dict], method: str) -> list[dict]:
    rows: list[dict] = records_of(evidence, METHODS[method].stage_of("first"))[0]["result"]["rows"]
    return rows


def on_common_seeds(*tables: list[dict], key: str = "recipe") -> list[list[dict]]:
    """Tables of measurements cut to the seeds that all their entries (rows with the same ``key``) have.

    Seeds differ by more than recipes do, so a mean over other seeds is no comparison.
    """
    groups: dict[tuple, set[int]] = {}
    for number, rows in enumerate(tables):
        for row in rows:
            groups.setdefault((number, row.get(key), row.get("pairs")), set()).add(row["seed"])
    common = set.intersection(*groups.values()) if groups else set()
    return [[row for row in rows if row["seed"] in common] for rows in tables]
