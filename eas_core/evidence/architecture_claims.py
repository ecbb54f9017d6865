"""The paper's claims about how architectures, and what tasks need, change with the budget; and what measures them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from eas_core.evidence import compare
from eas_core.evidence.paper import paper_table
from eas_core.evidence.queries import common_budgets, task_similarities, tasks_of
from eas_core.evidence.verdicts import FAILS, HOLDS, OPEN, Claim, Measured, Missing, needed, verdict
from eas_core.evidence.words import counted, interval, listed, readable, span

ENOUGH = 1.0  # points: a task that gains less from the largest budget needs no more network
LEVELS = 4  # budgets without which "saturates" means nothing: two first steps and two last ones that are not the same


def similarity(evidence: list[dict]) -> Measured:
    """Rise of the tasks' mean cosine similarity with the budget, and how much its slope falls, a value per seed each."""
    found = needed(evidence, "specialized")
    budgets, tasks = common_budgets(found), tasks_of(found[0])
    if len(budgets) < LEVELS or len(tasks) < 2:
        raise Missing(f"needs two tasks and {LEVELS} budgets")
    curves = np.array([[np.mean(task_similarities(record, budget)) for budget in budgets] for record in found])
    first, last = ((curves[:, b] - curves[:, a]) / (budgets[b] - budgets[a]) for a, b in ((0, 2), (-3, -1)))
    rise, flattening = _over_seeds(curves[:, -1] - curves[:, 0]), _over_seeds(first - last)
    parts = {verdict(rise.low, rise.high), verdict(flattening.low, flattening.high)}
    mean = curves.mean(0)
    levels = ", ".join(f"{value:.3f} at {budget:g} M" for budget, value in zip(budgets, mean, strict=True))
    between = f" ({rise.low:+.3f} to {rise.high:+.3f})" if len(found) > 1 else ""
    slopes = f" ({flattening.low:+.3f} to {flattening.high:+.3f})" if len(found) > 1 else ""
    return Measured(
        ours=f"{mean[0]:.2f} to {mean[-1]:.2f}: {rise.mean:+.3f}{between}; {counted(len(found), 'seed')}",
        verdict=next(name for name in (FAILS, OPEN, HOLDS) if name in parts),
        detail=f"Mean similarity {levels}, over all pairs of {len(tasks)} tasks. Slope per million of "
        f"budget: {first.mean():+.3f} over the first two steps, {last.mean():+.3f} over the last two, difference "
        f"{flattening.mean:+.3f}{slopes}.",
    )


class _Interval(NamedTuple):
    mean: float
    low: float
    high: float


def _over_seeds(values: np.ndarray) -> _Interval:
    """Mean of one value per seed and its 95 % interval by Student's t, endless for a single seed."""
    mean, count = float(values.mean()), len(values)
    half = float(stdtrit(count - 1, 0.975) * values.std(ddof=1) / math.sqrt(count)) if count > 1 else math.inf
    return _Interval(mean, mean - half, mean + half)


def easy_tasks(evidence: list[dict]) -> Measured:
    """Gain of each task from the lowest to the highest budget, with simultaneous intervals."""
    found = needed(evidence, "tested-EAS")
    budgets, names = common_budgets(found), tasks_of(found[0])
    if len(budgets) < 2:
        raise Missing("needs two budgets")
    confidence = 1 - 0.05 / len(names)
    gains = {name: compare.change(found, budgets[0], budgets[-1], name, confidence) for name in names}
    easy = [name for name, gain in gains.items() if gain.high < ENOUGH]
    each = "; ".join(f"{readable(name)} {interval(gain)}" for name, gain in gains.items())
    n = span([gain.n for gain in gains.values()], ",")
    return Measured(
        ours=f"{len(easy)} of {counted(len(names), 'task')} shown to gain less than {ENOUGH:g} point; n = {n} a task, "
        f"{counted(len(found), 'seed')}",
        verdict=verdict(
            max(ENOUGH - gain.high for gain in gains.values()), max(ENOUGH - gain.low for gain in gains.values())
        ),
        detail=f"Gain from {budgets[0]:g} M to {budgets[-1]:g} M in points, with simultaneous intervals: {each}. "
        f"Below {ENOUGH:g} point as measured: {sum(gain.mean < ENOUGH for gain in gains.values())}; with the whole "
        f"interval: {listed(list(map(readable, easy))) if easy else 'none'}.",
    )


def _papers_gains(data: str) -> dict:
    """How many tasks gain how little from the lowest to the highest level of the paper's table."""
    eas = paper_table(data, "EAS")
    gains = [round(eas[name].iloc[-1] - eas[name].iloc[0], 1) for name in eas.columns if name.startswith("T-")]
    return {"easy": sum(gain < ENOUGH for gain in gains), "tasks": len(gains)}


CLAIMS = (
    Claim(
        key="similarity",
        label="architectures grow alike, then saturate",
        statement="The tasks' architectures become more alike as the budget grows, and later hardly any more.",
        where="section 7.1, Figure VI",
        paper="rises, then saturates (no number)",
        rule="Two 95 % intervals over seeds (Student's t): of the rise of the mean cosine similarity from the "
        "lowest to the highest budget, and of its slope over the first two steps minus that over the last two "
        "(per million of budget). Holds if both lie above 0; does not hold if one lies below 0; else "
        "inconclusive. One seed gives no such interval, since only another training tells how much "
        "similarities vary, and so is always inconclusive.",
        measure=similarity,
    ),
    Claim(
        key="small-network",
        label="small networks suffice for easy tasks",
        statement="For some tasks a small network is enough: the largest budget adds nothing measurable.",
        where="section 4.1, {table}",
        paper=f"{{easy}} of {{tasks}} tasks gain less than {ENOUGH:g} point",
        numbers=_papers_gains,
        rule="A task needs no more network if the interval of its gain from the lowest to the highest budget "
        f"lies below {ENOUGH:g} point. Holds if at least one task is such; does not hold if all intervals lie "
        f"above {ENOUGH:g} point; else inconclusive. The intervals hold at 95 % for all tasks together "
        "(Bonferroni: each at 1 - 0.05 / number of tasks).",
        measure=easy_tasks,
    ),
)
