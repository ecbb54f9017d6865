"""OFA-T's search against its price: ``python -m benchmarks.equal_time``, beside the generator's recipes.

The accuracy predictor learns from the first 30, 60, ... pairs. What it costs are the CPU seconds for measuring these,
fitting and searching for all scenarios; what it brings is the accuracy of the networks found, without a choice among
them, on validation images that no pair was measured on. No test image is read. Together with ``recipes.json``, which is
measured the same way on the same images, this shows which search is better at equal time.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.recipes import accuracy_by_budget
from eas_core.base.files import write_atomic
from eas_core.base.parsing import parse_json
from eas_core.base.random import rng
from eas_core.runs.ofa import pair_architectures
from eas_core.runs.run import Run, make_run
from eas_core.runs.specialized import network_of
from eas_core.runs.trained import supernet
from eas_core.search.evaluate import score
from eas_core.search.evolution import evolve
from eas_core.search.predictor import AccuracyPredictor, fit, search_objective
from eas_core.space.search_space import Architecture, one_hot

RESULTS = Path(__file__).parent / "results" / "equal_time.json"


def measured(run: Run, sizes: list[int]) -> list[dict]:
    """A row for each number of pairs: CPU seconds, image passes, accuracy (%) and loss (nats) by budget, of OFA-T and of
    one network for all tasks."""
    weights, _ = supernet(run)
    learn, rank = run.validation()
    (train,) = run.splits("train")
    profile, space, tasks = run.profile, run.profile.search_space(), run.tasks
    scenarios = [(t, budget) for budget in profile.specialize.budgets for t in range(len(tasks))]
    accuracy: list[list[float]] = []
    rows, spent, architectures = [], 0.0, pair_architectures(run)
    for size in sizes:
        started = time.process_time()
        for architecture in architectures[len(accuracy) : size]:
            network = network_of(run, weights, architecture, train)
            scores = score(network, learn, tasks, batch_size=profile.evaluation.batch_size)
            accuracy.append([scores.accuracy(t) for t in range(len(tasks))])
        spent += time.process_time() - started
        started = time.process_time()
        predictor = AccuracyPredictor(space, len(tasks), profile.predictor.hidden, profile.predictor.layers)
        codes = one_hot(architectures[:size])
        fit(
            predictor,
            codes,
            torch.tensor(accuracy),
            profile.predictor,
            rng(run.seed, "equal time", size),
            progress=False,
        )
        row: dict = {"pairs": size, "image_passes": size * (len(learn) + profile.calibration.images)}
        each, one_for_all = [t for t, _ in scenarios], [None] * len(profile.specialize.budgets)
        found = _evolved(run, predictor, each, [budget for _, budget in scenarios])
        row["cpu_seconds"] = round(spent + time.process_time() - started, 1)
        row["OFA-T"] = accuracy_by_budget(run, found, scenarios, weights, train, rank)
        found = _evolved(run, predictor, one_for_all, list(profile.specialize.budgets))
        repeated = [one for one in found for _ in range(len(tasks))]
        row["one for all"] = accuracy_by_budget(run, repeated, scenarios, weights, train, rank)
        rows.append(row)
    return rows


def _evolved(
    run: Run, predictor: AccuracyPredictor, goals: Sequence[int | None], budgets: list[float]
) -> list[Architecture]:
    """What evolution finds for scenarios: tasks, or None for the mean over tasks, and their budgets."""
    settings, draw = run.profile, rng(run.seed, "equal time", "one for all" if goals[0] is None else "each")
    objective, space = search_objective(predictor, goals), settings.search_space()
    found, _ = evolve(objective, space, budgets, settings.evolution, draw, settings.specialize.tolerance)
    return [one.architecture for one in found]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.equal_time", description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="demo", help="profile of the supernets (default: demo)")
    parser.add_argument("--runs", default="runs", help="where they lie (default: runs)")
    parser.add_argument("--seeds", default="0,1,2", help="seeds that no release uses (default: 0,1,2)")
    parser.add_argument("--pairs", default="30,60,120,240", help="numbers of pairs, ascending (default: 30,60,120,240)")
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="KEY=VALUE", help="a setting")
    parser.add_argument("--results", default=RESULTS, help="file to write")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    path, sizes = Path(options.results), [int(size) for size in options.pairs.split(",")]
    for seed in map(int, options.seeds.split(",")):
        rows = parse_json(path.read_text()) if path.exists() else []
        if any(row["seed"] == seed for row in rows):
            continue
        count = [f"pairs.count={max(10, *sizes)}"]
        run = make_run(options.profile, seed, options.runs, [*options.overrides, *count], progress=False)
        rows += [{"seed": seed, "profile": options.profile, **row} for row in measured(run, sizes)]
        write_atomic(path, (json.dumps(rows, indent=1) + "\n").encode())
        for row in rows:
            if row["seed"] == seed:
                print(f"seed {seed}, {row['pairs']} pairs: {np.mean(row['OFA-T']['accuracy']):.2f} %", flush=True)


if __name__ == "__main__":
    main()
