"""Predicted against measured latency of networks that no table was fitted on: ``python -m benchmarks.latency``.

Measures a table of this device (:mod:`eas_core.runs.latency`), then 50 other networks in turns, twice as often. The noise
floor is the median difference between what one half of these rounds says of a network and what the other half says. What
is printed goes to ``results/latency.json``, with every network's numbers.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from eas_core.base.files import write_atomic
from eas_core.network import latency as measuring
from eas_core.runs import latency
from eas_core.settings import profiles
from eas_core.space.cost_tables import madds

RESULTS = Path(__file__).parent / "results" / "latency.json"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.latency", description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="demo", help="profile whose space it is (default: demo)")
    parser.add_argument("--runtime", default="onnxruntime", help="onnxruntime or torch (default: onnxruntime)")
    parser.add_argument("--networks", type=int, default=50, help="held-out networks (default: 50)")
    parser.add_argument(
        "--rounds", type=int, default=latency.ROUNDS, help="of the table; twice as many of the networks"
    )
    parser.add_argument("--results", default=RESULTS, help="file to write")
    options = parser.parse_args(arguments)

    space, started = profiles.load(options.profile).search_space(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "device.json"
        table = latency.measure(space, path, options.runtime, rounds=options.rounds, progress=True)
    held_out = measuring.spread_networks(space, options.networks, seed=1)
    with measuring.pinned(1):
        works = {str(i): measuring.network_work(space, one, options.runtime, 1) for i, one in enumerate(held_out)}
        draw, reference = np.random.default_rng(1), str(len(works) // 2)
        orders = (draw.permutation(list(works)).tolist() for _ in range(2 * options.rounds))
        rounds = [measuring.one_round(works, reference, order) for order in orders]
    found = measuring.typical(rounds)
    measured = np.array([found[name] for name in works])
    predicted, cost = np.array(table.milliseconds(held_out)), np.array(madds(space, held_out)) / 1e6
    error = np.abs(predicted / measured - 1)
    result = {
        "networks": len(held_out),
        "noise": latency.noise(rounds, list(works)),
        "median_error": float(np.median(error)),
        "within_10_percent": float((error <= 0.1).mean()),
        "largest_error": float(error.max()),
        "spearman_table": float(spearmanr(predicted, measured)[0]),
        "spearman_multiply_adds": float(spearmanr(cost, measured)[0]),
        "cpu_seconds": time.process_time() - started,
    }
    for name, value in result.items():
        print(f"{name}: {value:.4g}")
    numbers = {"measured_ms": measured, "predicted_ms": predicted, "madds_millions": cost}
    rows = {name: [round(float(value), 5) for value in values] for name, values in numbers.items()}
    about = {"profile": options.profile, **table.about, "correction": table.correction}
    write_atomic(Path(options.results), (json.dumps({**result, "table": about, **rows}, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
