"""How many training images calibration needs: ``python -m benchmarks.calibration``, on a finished run's supernet.

Random networks are calibrated with few images, drawn by several seeds, and with many. What few cost is the difference of
their accuracies on the validation split. The profile's choice stands on these numbers, in ``results/calibration.json``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from eas_core.base.files import write_atomic
from eas_core.base.random import rng
from eas_core.network.calibrate import calibrate
from eas_core.runs.run import make_run
from eas_core.runs.trained import supernet
from eas_core.search.evaluate import score
from eas_core.space.cost_tables import sample_near

RESULTS = Path(__file__).parent / "results" / "calibration.json"
BATCH = 256


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.calibration", description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="demo", help="profile whose supernet is there (default: demo)")
    parser.add_argument("--runs", default="runs", help="where it lies (default: runs)")
    parser.add_argument("--images", default="128,256,512,1024", help="sizes (default: 128,256,512,1024)")
    parser.add_argument("--many", type=int, default=8192, help="images to compare with (default: 8192)")
    parser.add_argument("--seeds", type=int, default=3, help="drawings of the images for each size (default: 3)")
    parser.add_argument("--networks", type=int, default=3, help="random networks at each budget (default: 3)")
    parser.add_argument("--results", default=RESULTS, help="file to write")
    options = parser.parse_args(arguments)

    run = make_run(options.profile, 0, options.runs, progress=False)
    weights, _ = supernet(run)
    train, valid = run.splits("train", "valid")
    budgets, space = run.profile.specialize.budgets, run.profile.search_space()
    window = run.profile.evaluation.cost_window
    networks = [
        one
        for budget in budgets
        for one in sample_near(space, budget, window, options.networks, rng(0, "benchmark", "calibration", str(budget)))
    ]

    def accuracies(images: int, seed: int) -> np.ndarray:
        """In %, of each network calibrated with so many images that the seed draws."""
        size = min(BATCH, images)
        made = (calibrate(weights.extract(one), train, images, size, seed) for one in networks)
        return np.array([100 * score(one, valid, run.tasks, batch_size=1024).accuracy() for one in made])

    exact = accuracies(options.many, options.seeds)  # a seed of its own
    rows = []
    for images in map(int, options.images.split(",")):
        errors = [accuracies(images, seed) - exact for seed in range(options.seeds)]
        rows.append(
            {
                "images": images,
                "mean": [round(float(error.mean()), 3) for error in errors],  # points, of each seed
                "deviation": [round(float(error.std(ddof=1)), 3) for error in errors],  # between networks
                "root mean square": round(float(np.sqrt(np.mean(np.square(errors)))), 3),
            }
        )
        print(rows[-1], flush=True)
    about = {"profile": options.profile, "networks": len(networks), "valid images": len(valid), "many": options.many}
    write_atomic(Path(options.results), (json.dumps({**about, "rows": rows}, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
