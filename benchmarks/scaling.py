"""How cost grows with work: ``python -m benchmarks.scaling [--most 1000000] [--out FOLDER] [--results FILE]``.

CPU seconds of one thread against tasks, classes, scenarios and jobs, each on a ladder, with the slope of a straight line in a log-log
plot: 1 is cost in proportion to work, below 1 a part that does not grow. Networks are untrained; what they cost does not depend on
that, but more scenarios have to be derived than with trained ones. ``benchmarks/results/scaling.json`` keeps the numbers, ``--out``
gets the figure.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from eas_core.base import files, records
from eas_core.base.memory import keep_freed_memory
from eas_core.base.random import rng
from eas_core.data.task_dropout import apply_mask, task_dropout_mask
from eas_core.data.tasks import TaskSet
from eas_core.network.generator import ArchitectureGenerator
from eas_core.runs import jobs
from eas_core.search.specialize import propose
from eas_core.settings import profiles
from eas_core.show.style import styled, subplots

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "scaling.json"
BATCH = 256  # images
PART = 50_000  # scenarios whose candidates are kept in memory together
LADDERS = {  # what grows: its values
    "tasks": (10, 30, 100, 300, 1000),
    "classes": (60, 200, 600, 2000, 10_000),
    "scenarios": (50, 500, 5000, 50_000, 1_000_000),
    "jobs": (20, 100, 300, 1000),
}


def cpu_seconds(work: Callable[[], object], rounds: int) -> float:
    """The least CPU time of several rounds, the first of which warms up."""
    times = []
    for _ in range(rounds + 1):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times[1:]) if rounds else times[0]


def _scenarios(tasks: int, count: int) -> Callable[[], object]:
    """Candidates for ``count`` scenarios over that many tasks, budgets spread over the range of the profile demo."""
    profile = profiles.load("demo")
    space, (low, high) = profile.search_space(), profile.generator.budget
    network = ArchitectureGenerator(tasks, profile.generator.budget)
    network.initialise(rng(0, "scaling"))
    budgets = np.linspace(low, high, -(-count // tasks))
    wanted = [(task, float(budget)) for budget in budgets for task in range(tasks)][:count]
    parts = [wanted[start : start + PART] for start in range(0, count, PART)]
    return lambda: [len(propose(network, space, part, profile.specialize, 0)) for part in parts]


def _dropout(classes: int) -> Callable[[], object]:
    """Task dropout and the loss of a batch, forward and backward, with six classes for each task."""
    groups = {f"task {t}": tuple(f"class {t} {c}" for c in range(t, min(t + 6, classes))) for t in range(0, classes, 6)}
    tasks, draw = TaskSet.from_groups(groups), rng(0, "scaling", classes)
    logits = torch.randn(BATCH, classes, generator=draw, requires_grad=True)
    labels = torch.randint(classes, (BATCH,), generator=draw)

    def work() -> None:
        mask = task_dropout_mask(labels, tasks, 0.6, draw)
        torch.nn.functional.cross_entropy(apply_mask(logits, mask, "exclude"), labels).backward()

    return work


def dag_seconds(count: int) -> tuple[int, float]:
    """About ``count`` jobs planned by Snakemake without running any: how many, and CPU seconds."""
    seeds = -(-count // len(jobs.jobs(profiles.load("smoke"))))
    listed = ",".join(map(str, range(seeds)))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        words = ["-n", "--quiet", "all", "--nolock", "--cores", "1", "claims", "--config", "profile=smoke"]
        command = [sys.executable, "-m", "snakemake", *words, f"runs={folder}", f"seeds={listed}"]
        subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seeds * len(jobs.jobs(profiles.load("smoke"))), spent


def measure(what: str, most: int) -> list[dict]:
    """``{"work", "seconds"}`` for each value of a ladder up to ``most``."""
    rows = []
    for value in (value for value in LADDERS[what] if value <= most):
        if what == "jobs":
            count, seconds = dag_seconds(value)
            rows.append({"work": count, "seconds": seconds})
            continue
        work = {"tasks": lambda v: _scenarios(v, v), "classes": _dropout, "scenarios": lambda v: _scenarios(10, v)}
        rows.append(
            {"work": value, "seconds": cpu_seconds(work[what](value), 0 if what == "scenarios" and value > 5000 else 3)}
        )
    return rows


def slope(rows: list[dict]) -> float:
    """Of the least-squares line of log seconds over log work.

    >>> slope([{"work": 1, "seconds": 2.0}, {"work": 10, "seconds": 20.0}])
    1.0
    """
    work, seconds = (np.log([row[key] for row in rows]) for key in ("work", "seconds"))
    return round(float(np.polyfit(work, seconds, 1)[0]), 3)


@styled
def figure(found: dict[str, dict]) -> Figure:
    """CPU seconds against work, a panel for each kind, with the slope of the line through the points."""
    drawn, axes = subplots(1, len(found), height=2.6, squeeze=False)
    for axis, (name, one) in zip(axes[0], found.items(), strict=True):
        work, seconds = ([row[key] for row in one["rows"]] for key in ("work", "seconds"))
        axis.loglog(work, seconds, "o-")
        axis.set(xlabel=name, ylabel="CPU time (s)", title=f"slope {one['slope']:.2f}")
    return drawn


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.scaling", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--what", nargs="+", choices=LADDERS, default=list(LADDERS), help="which ladders (default: all)"
    )
    parser.add_argument("--most", type=int, default=1_000_000, help="no larger value on any ladder (default: 1000000)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="file that gets the numbers")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="folder that gets the figure")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    keep_freed_memory()  # as every run does: else the system hands out the pages of large tables anew each time
    found = files.read_json(options.results, "results") if options.results.exists() else {}
    for what in options.what:
        rows = measure(what, options.most)
        if len(rows) < 2:
            parser.error(f"--most: {options.most} leaves fewer than two values of {what}")
        found[what] = {"rows": rows, "slope": slope(rows), "provenance": records.provenance("cpu")}
        listed = ", ".join(f"{row['work']:,}: {row['seconds']:.3g} s" for row in rows)
        print(f"{what}: slope {found[what]['slope']:.2f} ({listed})", flush=True)
        files.write_atomic(options.results, (json.dumps(found, indent=1) + "\n").encode())
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        figure(found).savefig(options.out / "scaling.png")


if __name__ == "__main__":
    main()
