"""How few pictures a page needs to calibrate a network: ``python -m benchmarks.page_calibration``, on a release.

The networks of some tasks at every budget, as a page has them (weights in half precision, statistics of one batch with as
many pictures of each class), against the same networks as the library calibrates them. What a page loses is the difference of
their accuracies on validation images, in ``results/page_calibration.json``; ``network_data.PER_CLASS`` stands on it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from eas_core.base.files import write_atomic
from eas_core.data.splits import Split
from eas_core.network.calibrate import calibrate
from eas_core.runs import releases
from eas_core.search.evaluate import score
from eas_core.search.specialize import most_probable
from eas_core.widgets import network_data

RESULTS = Path(__file__).parent / "results" / "page_calibration.json"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.page_calibration", description=__doc__.splitlines()[0])
    parser.add_argument("--release", default="demo", help="a folder of releases/ or a path (default: demo)")
    parser.add_argument("--per-class", default="1,2,4", help="pictures of each class (default: 1,2,4)")
    parser.add_argument("--drawings", type=int, default=3, help="sets of pictures for each number (default: 3)")
    parser.add_argument("--tasks", type=int, default=2, help="tasks whose networks are measured (default: 2)")
    parser.add_argument("--images", type=int, default=50, help="validation images of each class (default: 50)")
    parser.add_argument("--results", default=RESULTS, help="file to write")
    options = parser.parse_args(arguments)

    release = releases.load(options.release, device="cpu")
    profile, supernet, rounded = release.profile, release.supernet, network_data.rounded(release.supernet)
    numbers = [int(number) for number in options.per_class.split(",")]
    train, valid = (
        _split(release, name, count)
        for name, count in (("train", max(options.drawings * max(numbers), 20)), ("valid", options.images))
    )
    scenarios = [(task, budget) for budget in profile.specialize.budgets for task in range(options.tasks)]
    architectures = most_probable(release.generator, profile.search_space(), scenarios)

    def accuracy(network: torch.nn.Module) -> float:
        return 100 * score(network, valid, release.tasks, batch_size=1024).accuracy()

    settings = profile.calibration
    whole = [
        accuracy(calibrate(supernet.extract(one), train, settings.images, settings.batch_size, release.seed))
        for one in architectures
    ]
    rows = []
    for number in numbers:
        losses = []
        for drawing in range(options.drawings):
            first = drawing * number
            places = torch.arange(len(train)).view(release.tasks.num_classes, -1)[:, first : first + number].flatten()
            made = (network_data.calibrated(rounded.extract(one), train.images[places]) for one in architectures)
            losses.append(np.subtract(whole, [accuracy(one) for one in made]))
        rows.append(
            {
                "per class": number,
                "pictures": len(places),
                "loss": [round(float(loss.mean()), 3) for loss in losses],  # points, of each drawing
                "largest": round(float(np.max(losses)), 3),  # of one network and drawing
            }
        )
        print(rows[-1], flush=True)
    about = {"release": release.name, "networks": len(architectures), "valid images": len(valid)}
    compared = {"images": settings.images, "accuracy": round(float(np.mean(whole)), 3)}
    write_atomic(
        Path(options.results), (json.dumps({**about, "library": compared, "rows": rows}, indent=1) + "\n").encode()
    )


def _split(release: releases.Release, name: str, per_class: int) -> Split:
    images = torch.from_numpy(network_data.drawn(release, name, per_class))
    return Split(name, images, torch.arange(release.tasks.num_classes).repeat_interleave(per_class), name)


if __name__ == "__main__":
    main()
