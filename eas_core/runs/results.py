"""The final evaluation: EAS beside random architectures of equal cost, and what size alone does."""

from __future__ import annotations

import time
from functools import partial

import torch
from torch import Tensor

from eas_core.base.random import rng
from eas_core.data.tasks import TaskSet
from eas_core.runs.run import Run
from eas_core.runs.specialized import network_of
from eas_core.runs.store import Made, bar, once
from eas_core.runs.tested import tested
from eas_core.runs.trained import supernet
from eas_core.search.evaluate import Scores, paired_difference, score, unpack
from eas_core.space.architecture import Architecture
from eas_core.space.cost_tables import madds, params, sample_near
from eas_core.space.search_space import LARGEST, SMALLEST, SearchSpace


def results(run: Run) -> dict:
    """The record of the final evaluation on the test split.

    Per budget and task: EAS's accuracy with its interval. Per budget: random architectures of equal cost on the same
    images and the paired difference, also after letting the validation split choose among them. Besides: the largest
    and the smallest network, and how much random architectures of about equal cost differ among each other.
    """
    return once(run, "results", lambda _: _evaluate_all(run))


def _evaluate_all(run: Run) -> Made:
    rows = tested(run, "EAS")["result"]["rows"]
    started = time.monotonic()
    weights, _ = supernet(run)
    (train, test), (_, valid) = run.splits("train", "test"), run.validation()
    tasks, space, settings = run.tasks, run.profile.search_space(), run.profile.evaluation
    build = partial(network_of, run, weights, train=train)
    evaluate = partial(score, split=test, tasks=tasks, batch_size=settings.batch_size)

    budgets = run.profile.specialize.budgets
    middle = run.profile.specialize.middle  # where more random architectures show how much equal cost leaves open
    comparisons = []
    for budget in bar(run, budgets, "evaluate"):
        level = [row for row in rows if row["budget"] == budget]
        ours = torch.zeros(len(test), dtype=torch.bool)
        for row in level:
            index = test.of_task(tasks, tasks.index(row["task"])).cpu()
            ours[index] = torch.from_numpy(unpack(row["correct"], row["n"]))
        cost = sum(row["madds"] for row in level) / len(level)
        count = settings.random_architectures
        extra = max(0, settings.spread_architectures - count) if budget == middle else 0
        rivals = random_architectures(run, cost, count + extra)
        scored, validated = [], []
        for number, architecture in enumerate(bar(run, rivals, f"random at {cost:.2f} M")):
            network = build(architecture)
            scored.append(evaluate(network))
            if number < run.profile.specialize.candidates:
                validated.append(score(network, valid, tasks, batch_size=settings.batch_size))
        if budget == middle:
            spread = _spread(scored, madds(space, rivals), tasks)
        comparison = _comparison(budget, cost, ours, scored[:count], madds(space, rivals[:count]), tasks)
        if validated:
            comparison["picked"] = _picked(ours, scored, validated, tasks)
        comparisons.append(comparison)
    extremes = {
        name: _extreme(evaluate(build(architecture)), space, architecture, tasks)
        for name, architecture in (("smallest", SMALLEST), ("largest", LARGEST))
    }
    result = {"rows": rows, "comparisons": comparisons, **extremes, "spread": spread}
    result["test_digest"] = test.digest
    return result, time.monotonic() - started


def _extreme(scores: Scores, space: SearchSpace, architecture: Architecture, tasks: TaskSet) -> dict:
    return {
        **scores.summary(),
        "madds": madds(space, [architecture])[0] / 1e6,
        "params": params(space, [architecture])[0],
        "by_task": {name: scores.summary(t) for t, name in enumerate(tasks.names)},
    }


def random_architectures(run: Run, cost: float, count: int) -> list[Architecture]:
    """Random architectures that cost ``cost`` million multiply-adds, within the evaluation's cost window."""
    if not count:
        return []
    draw = rng(run.seed, "random architectures", f"{cost:.4f}")
    return sample_near(run.profile.search_space(), cost, run.profile.evaluation.cost_window, count, draw)


def _comparison(
    budget: float, cost: float, ours: Tensor, scored: list[Scores], costs: list[int], tasks: TaskSet
) -> dict:
    """EAS's networks (``ours``: right or wrong on every test image) against random architectures of equal cost."""
    difference = paired_difference(ours, torch.stack([s.correct for s in scored])) if scored else {}
    return {
        "budget": budget,
        "madds": cost,
        "accuracy": ours.float().mean().item(),
        "random_madds": costs,
        "random_accuracy": [s.accuracy() for s in scored],
        "random_by_task": [[s.accuracy(t) for t in range(len(tasks))] for s in scored],
        **difference,
    }


def _picked(ours: Tensor, scored: list[Scores], validated: list[Scores], tasks: TaskSet) -> dict:
    """The control for EAS's last step: random architectures, but each task gets the one the validation split prefers.

    As many are tried as EAS has candidates. What EAS gains over this is due to the generator, the rest to choosing.
    """
    right = torch.zeros_like(ours)
    for t in range(len(tasks)):
        best = max(range(len(validated)), key=lambda i: (validated[i].accuracy(t), -validated[i].cross_entropy(t)))
        own = scored[best].task == t
        right[own] = scored[best].correct[own]
    return {**paired_difference(ours, right), "tried": len(validated), "accuracy": right.float().mean().item()}


def _spread(scored: list[Scores], costs: list[int], tasks: TaskSet) -> dict:
    """How much architectures of equal cost differ: standard deviation of test accuracy against its sampling error.

    The sampling error is that of one accuracy, sqrt(p (1-p) / n).
    """
    if len(scored) < 2:
        return {}
    accuracy = torch.tensor([s.accuracy() for s in scored], dtype=torch.float64)
    by_task = torch.tensor([[s.accuracy(t) for t in range(len(tasks))] for s in scored], dtype=torch.float64)
    n, p = len(scored[0].correct), accuracy.mean().item()
    return {
        "madds": sum(costs) / len(costs) / 1e6,
        "accuracy": accuracy.tolist(),
        "deviation": accuracy.std().item(),
        "sampling_error": (p * (1 - p) / n) ** 0.5,
        "n": n,
        "by_task_deviation": by_task.std(0).tolist(),
    }
