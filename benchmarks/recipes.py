"""What training the generator takes: ``python -m benchmarks.recipes``, each recipe on the same supernets.

A recipe is a few settings that differ from the profile's. Its generator learns from one part of the validation images;
its networks, the first feasible sample and the most probable architecture of every scenario, are scored on the other
part. No test image is read. Supernets are trained first if they are not there; what is measured is kept, recipe by recipe
and seed by seed, in ``results/recipes.json``, so that a stopped run goes on.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from eas_core.base.files import write_atomic
from eas_core.base.parsing import parse_json
from eas_core.data.splits import Split
from eas_core.network.supernet import Supernet
from eas_core.runs.run import Run, make_run
from eas_core.runs.specialized import network_of
from eas_core.runs.trained import new_generator, supernet
from eas_core.search.evaluate import score
from eas_core.search.gate_statistics import gate_statistics
from eas_core.search.specialize import most_probable, propose
from eas_core.space.architecture import Architecture
from eas_core.training.train_generator import train_generator

RESULTS = Path(__file__).parent / "results" / "recipes.json"
FORMER = {  # of the releases up to November 2026
    "steps": 200,
    "scenarios_per_step": 4,
    "optimizer.lr": 0.003,
    "schedule": "constant",
    "averaging": 0.0,
    "lam": 0.2,
    "estimator": "straight-through",
    "loss": "cross-entropy",
}
LONG = {**FORMER, "steps": 1600, "scenarios_per_step": 2, "optimizer.lr": 0.01, "schedule": "cosine", "averaging": 0.98}
#: Each differs from another one in one thing, or its name says in which ones.
RECIPES: dict[str, dict] = {
    "former": FORMER,
    "former, cosine and averaged": {**FORMER, "schedule": "cosine", "averaging": 0.98},
    "400 x 2 at .02": {**LONG, "steps": 400, "optimizer.lr": 0.02},
    "1,600 x 2": LONG,
    "1,600 x 2, lambda .05": {**LONG, "lam": 0.05},
    "1,600 x 2, lambda 1": {**LONG, "lam": 1.0},
    "1,600 x 2, second order": {**LONG, "estimator": "second-order"},
    "1,600 x 2, expected error": {**LONG, "loss": "error", "lam": 0.067},
    "1,600 x 2, 16 + 48 images": {**LONG, "task_images": 16, "context_images": 48},
    "1,600 x 2, 8 + 24 images": {**LONG, "task_images": 8, "context_images": 24},
    "1,600 x 1, 32 + 96 images": {**LONG, "scenarios_per_step": 1, "context_images": 96},
    "800 x 4": {**LONG, "steps": 800, "scenarios_per_step": 4},
    "1,600 x 2, no average": {**LONG, "averaging": 0.0},
    "1,600 x 2, constant rate": {**LONG, "schedule": "constant"},
}


def measured(run: Run) -> dict:
    """A recipe on one seed: what its generator gives alone, by budget; accuracies in %, losses in nats."""
    weights, _ = supernet(run)
    learn, rank = run.validation()
    (train,) = run.splits("train")
    generator, space, settings = new_generator(run), run.profile.search_space(), run.profile.specialize
    started = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        train_generator(
            generator, weights, learn, run.tasks, run.profile, run.seed, Path(folder), progress=run.progress
        )
    seconds, tasks = time.process_time() - started, len(run.tasks)
    scenarios = [(t, budget) for budget in settings.budgets for t in range(tasks)]
    proposals = propose(generator, space, scenarios, settings, run.seed)
    found = {"first": [p.candidates[0] for p in proposals], "probable": most_probable(generator, space, scenarios)}
    result: dict = {
        "cpu_seconds": round(seconds, 1),
        "gates": gate_statistics(generator, space, tasks, settings, run.seed),
    }
    for pick, architectures in found.items():
        result[pick] = accuracy_by_budget(run, architectures, scenarios, weights, train, rank)
    return result


def accuracy_by_budget(
    run: Run,
    architectures: list[Architecture],
    scenarios: list[tuple[int, float]],
    weights: Supernet,
    train: Split,
    rank: Split,
) -> dict[str, list[float]]:
    """Accuracy (%) and cross-entropy (nats) of a network for each scenario on its task's images, means by budget."""
    scores, network, built = [], None, None
    for (task, _), architecture in zip(scenarios, architectures, strict=True):
        if network is None or architecture != built:  # one for all tasks is calibrated once
            network, built = network_of(run, weights, architecture, train), architecture
        index, batch = rank.of_task(run.tasks, task), run.profile.evaluation.batch_size
        one = score(network, rank, run.tasks, index, batch)
        scores.append((100 * one.accuracy(), one.cross_entropy()))
    by_level = np.array(scores).reshape(len(run.profile.specialize.budgets), len(run.tasks), 2).mean(1)
    return {"accuracy": by_level[:, 0].round(3).tolist(), "loss": by_level[:, 1].round(4).tolist()}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.recipes", description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="demo", help="profile of the supernets (default: demo)")
    parser.add_argument("--runs", default="runs", help="where they lie (default: runs)")
    parser.add_argument("--seeds", default="0,1,2", help="seeds that no release uses (default: 0,1,2)")
    parser.add_argument("--only", choices=RECIPES, action="append", help="a recipe; may be given again (default: all)")
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="KEY=VALUE", help="a setting")
    parser.add_argument("--results", default=RESULTS, help="file to write")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    path = Path(options.results)
    rank = make_run(options.profile, 0, options.runs, options.overrides).profile.specialize.images_per_class
    for name in options.only or RECIPES:
        for seed in map(int, options.seeds.split(",")):
            rows = parse_json(path.read_text()) if path.exists() else []
            if any((row["recipe"], row["seed"]) == (name, seed) for row in rows):
                continue
            settings = [f"generator.{key}={value}" for key, value in RECIPES[name].items()]
            run = make_run(options.profile, seed, options.runs, [*options.overrides, *settings])
            row = {"recipe": name, "seed": seed, "profile": options.profile, "images_per_class": rank}
            row |= {"settings": run.profile.generator.model_dump(mode="json"), **measured(run)}
            rows = parse_json(path.read_text()) if path.exists() else []  # another process may have added to it
            write_atomic(path, (json.dumps([*rows, row], indent=1) + "\n").encode())
            print(f"{name}, seed {seed}: {np.mean(row['probable']['accuracy']):.2f} %", flush=True)


if __name__ == "__main__":
    main()
