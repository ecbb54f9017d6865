"""The stages of OFA-V and OFA-T (section 6.2): architecture-accuracy pairs, predictor, evolutionary searches."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from eas_core.base import checkpoints, records
from eas_core.base.memory import PeakMemory
from eas_core.base.random import rng
from eas_core.data.splits import Split
from eas_core.runs.run import Run
from eas_core.runs.specialized import network_of, rank, row_of
from eas_core.runs.store import Made, bar, once
from eas_core.runs.trained import supernet
from eas_core.search.evaluate import score
from eas_core.search.evolution import evolve
from eas_core.search.predictor import AccuracyPredictor, fit, rank_correlation, search_objective
from eas_core.space.architecture import Architecture
from eas_core.space.cost_tables import madds, sample_near
from eas_core.space.search_space import from_gates, one_hot, sample, to_gates
from eas_core.training.loop import CHECKPOINT_SECONDS, Stopped, stop_requests


def pairs(run: Run) -> tuple[dict[str, Tensor], dict]:
    """Architecture-accuracy pairs: gates (n, 90), accuracy and cross-entropy by task (n, T), and their record.

    Each architecture is extracted, calibrated and run once over the validation images, which gives all tasks at once.
    What was measured is saved twice a minute; an interrupted run continues.
    """
    record = once(run, "pairs", lambda folder: _measure_pairs(run, folder))
    tensors, _ = records.load_tensors(run.folder("pairs") / "pairs.safetensors", ("gates", "accuracy", "cross_entropy"))
    return tensors, record


def _measure_pairs(run: Run, folder: Path) -> Made:
    settings = run.profile.pairs
    weights, _ = supernet(run)
    (train,), (valid, _) = run.splits("train"), run.validation()
    tasks = run.tasks
    index = first_of_each_class(valid, settings.images_per_class)
    architectures = pair_architectures(run)
    path = folder / "checkpoint.pt"
    fresh: dict[str, Any] = {"key": run.key("pairs"), "accuracy": [], "cross_entropy": [], "seconds": 0.0}
    state = checkpoints.last_checkpoint(path, run.key("pairs")) or fresh
    spent, accuracy, cross_entropy = state["seconds"], state["accuracy"], state["cross_entropy"]
    started = saved = time.monotonic()
    with PeakMemory(run.device) as memory, stop_requests() as stop:
        for architecture in bar(run, architectures[len(accuracy) :], "pairs"):
            network = network_of(run, weights, architecture, train)
            scores = score(network, valid, tasks, index, run.profile.evaluation.batch_size)
            accuracy.append([scores.accuracy(t) for t in range(len(tasks))])
            cross_entropy.append([scores.cross_entropy(t) for t in range(len(tasks))])
            late = run.deadline is not None and time.monotonic() > run.deadline
            if stop.requested or late or time.monotonic() - saved > CHECKPOINT_SECONDS:
                saved = time.monotonic()
                checkpoints.save_checkpoint(path, {**state, "seconds": spent + saved - started})
                if stop.requested or late:
                    done = len(accuracy)
                    raise Stopped(f"pairs: stopped after {done} of {settings.count}, saved; run again to continue")
    tensors = {"accuracy": torch.tensor(accuracy), "cross_entropy": torch.tensor(cross_entropy)}
    tensors["gates"] = to_gates(architectures).to(torch.uint8)
    records.save_tensors(folder / "pairs.safetensors", tensors, {"stage": "pairs"})
    cost = madds(run.profile.search_space(), architectures)
    result = {
        "pairs": len(architectures),
        "images": len(index),
        "madds": [min(cost) / 1e6, max(cost) / 1e6],
        "mean_accuracy": tensors["accuracy"].mean().item(),
        "peak_memory_bytes": memory.bytes,
    }
    return result, spent + time.monotonic() - started


def first_of_each_class(split: Split, count: int | None) -> Tensor:
    """Indices of the first ``count`` images of every class (all if None); a split is sorted by class."""
    if count is None:
        return torch.arange(len(split))
    labels = split.labels.cpu()
    return torch.cat([(labels == c).nonzero().flatten()[:count] for c in labels.unique()])


def pair_architectures(run: Run) -> list[Architecture]:
    """The architectures that are measured for pairs, in the order in which they are drawn."""
    settings, space, draw = run.profile.pairs, run.profile.search_space(), rng(run.seed, "pairs")
    if settings.costs == "uniform":
        found: dict[Architecture, None] = {}
        while len(found) < settings.count:
            found[sample(draw)] = None
        return list(found)
    low, high = run.profile.generator.budget
    costs = (low + (high - low) * torch.rand(settings.count, generator=draw)).tolist()
    window = run.profile.evaluation.cost_window
    return [sample_near(space, cost, window, 1, draw)[0] for cost in costs]


def predictor(run: Run) -> tuple[AccuracyPredictor, dict]:
    """The accuracy predictor trained on the pairs, and its record with the rank correlation on held-out pairs."""
    settings = run.profile.predictor
    network = AccuracyPredictor(run.profile.search_space(), len(run.tasks), settings.hidden, settings.layers)
    record = once(run, "predictor", lambda folder: _fit_predictor(run, network, folder), device="cpu")
    records.load_into(network, run.folder("predictor") / "weights.safetensors")
    return network, record


def _fit_predictor(run: Run, network: AccuracyPredictor, folder: Path) -> Made:
    settings = run.profile.predictor
    measured, _ = pairs(run)
    started = time.monotonic()
    codes, accuracy = one_hot(from_gates(measured["gates"].float())), measured["accuracy"]
    order = torch.randperm(len(codes), generator=rng(run.seed, "predictor", "hold out"))
    held_out, kept = order.tensor_split([max(2, round(run.profile.pairs.hold_out * len(codes)))])
    with PeakMemory() as memory:
        draw = rng(run.seed, "predictor")
        curve = fit(network, codes[kept], accuracy[kept], settings, draw, progress=run.progress)
    with torch.no_grad():
        predicted = network(codes[held_out])
    result = {
        "curve": curve,
        "held_out": rank_correlation(predicted, accuracy[held_out]),
        "held_out_pairs": {"predicted": predicted.tolist(), "measured": accuracy[held_out].tolist()},
        "trained_on": len(kept),
        "peak_memory_bytes": memory.bytes,
    }
    records.save_tensors(folder / "weights.safetensors", network.state_dict(), {"stage": "predictor"})
    return result, time.monotonic() - started


def evolved(run: Run) -> dict:
    """The record of the evolutionary searches: rows of OFA-T (one search a task and budget) and of OFA-V (one a budget)."""
    return once(run, "evolved", lambda _: _evolve_all(run), device="cpu")


def _evolve_all(run: Run) -> Made:
    network, _ = predictor(run)
    profile, tasks, space = run.profile, run.tasks, run.profile.search_space()
    tolerance, budgets = profile.specialize.tolerance, profile.specialize.budgets
    scenarios = [(t, budget) for budget in budgets for t in range(len(tasks))]
    started = time.monotonic()
    rows, seconds = [], {}
    for method, goals, wanted in (  # goals: the task whose predicted accuracy counts; None: the mean over tasks
        ("OFA-T", [t for t, _ in scenarios], [budget for _, budget in scenarios]),
        ("OFA-V", [None] * len(budgets), list(budgets)),
    ):
        tick = time.perf_counter()
        with PeakMemory() as memory:  # the predictor is on the CPU
            objective = search_objective(network, goals)
            draw, keep = rng(run.seed, method), profile.specialize.candidates
            found, _ = evolve(objective, space, wanted, profile.evolution, draw, tolerance, keep)
        seconds[method] = time.perf_counter() - tick
        if method == "OFA-V":  # one architecture a budget, used for all tasks
            found = [best for best in found for _ in tasks.names]
        else:
            peak = memory.bytes
        for (t, budget), best in zip(scenarios, found, strict=True):
            rows.append(
                {
                    "method": method,
                    "task": tasks.names[t],
                    "budget": budget,
                    "madds": best.madds,
                    "architecture": best.architecture.to_dict(),
                    "predicted_accuracy": best.predicted,
                    "runners_up": [other.architecture.to_dict() for other in best.runners_up],
                }
            )
    result = {
        "rows": rows,
        "search_seconds": seconds,
        "scenarios": len(scenarios),
        "peak_memory_bytes": peak,
    }
    return result, time.monotonic() - started


def reranked(run: Run) -> dict:
    """The record of what OFA-T and OFA-V find when the images that rank candidates choose among their searches' best.

    As many candidates of a scenario are extracted, calibrated and scored as EAS has; OFA-V's on all tasks.
    """
    return once(run, "reranked", lambda _: _rerank_all(run))


def _rerank_all(run: Run) -> Made:
    found = evolved(run)["result"]["rows"]
    weights, _ = supernet(run)
    (train,), (_, valid) = run.splits("train"), run.validation()
    tasks, known, rows = run.tasks, {}, []
    started = time.monotonic()
    for row in bar(run, found, "rank candidates"):
        candidates = tuple(Architecture.from_dict(one) for one in (row["architecture"], *row["runners_up"]))
        task = tasks.index(row["task"]) if row["method"] == "OFA-T" else None
        if (task, candidates) not in known:  # OFA-V has one for all tasks, in consecutive rows
            known = {(task, candidates): rank(run, candidates, task, weights, train, valid)}
        first, best = known[task, candidates]
        rows.append(
            {
                **{key: row[key] for key in ("method", "task", "budget")},
                **row_of(best),
                "candidates": len(candidates),
                "first": {**row_of(first), "predicted_accuracy": row["predicted_accuracy"]},
            }
        )
    return {"rows": rows}, time.monotonic() - started
