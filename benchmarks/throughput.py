"""What one device trains a second at the paper's scale: ``python -m benchmarks.throughput [--device cuda] [--batch 64]``.

The kit's own training loops run a few steps of ``imagenet-10`` at 224 x 224 on synthetic images that lie on the device:
teacher, supernet (random sub-networks of the last stage, with the teacher's soft labels and task dropout) and generators
of gates and of path weights (one scenario a step), and the test of extracted networks. In float32 and, by autocast, in bfloat16; the teacher, whose
network never changes, also compiled. Results are kept for each device in benchmarks/results/throughput.json;
``book/cost.py`` makes the page of costs from them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from eas_core.base import files, records
from eas_core.base.devices import Devices, settle
from eas_core.base.errors import EASError
from eas_core.base.parsing import parse_json
from eas_core.base.random import rng
from eas_core.data import sources
from eas_core.data.splits import Split
from eas_core.data.tasks import TaskSet
from eas_core.network.generator import GATE_HEADS, ArchitectureGenerator
from eas_core.network.multi_path import PATH_HEADS
from eas_core.network.supernet import Supernet, initialise
from eas_core.runs.run import usable_device
from eas_core.search import evaluate
from eas_core.settings import profiles, schema
from eas_core.space.search_space import sample
from eas_core.training.train_generator import train_generator
from eas_core.training.train_supernet import train_supernet, train_teacher

RESULTS = Path(__file__).parent / "results" / "throughput.json"
WARM_UP = 2  # steps that do not count


def synthetic(count: int, classes: int, resolution: int, device: str) -> Split:
    """``count`` random images, about as many of each class, on the device."""
    images = torch.randint(256, (count, 3, resolution, resolution), dtype=torch.uint8, generator=rng(0, "images"))
    labels = (torch.arange(count) * classes // count).to(device)
    return Split("synthetic", images.to(device), labels, "")


def network_of(profile: schema.Profile, device: str) -> Supernet:
    network = Supernet(profile.search_space())
    initialise(network, rng(0, "weights"))
    return network.to(device, memory_format=torch.channels_last)


def seconds_a_step(train: Callable, folder: Path, device: str) -> float:
    """The median time of a step, from the metrics that the training loop writes.

    On a GPU all of it runs twice: at first cuDNN looks for the fastest algorithm of each shape that comes up.
    """
    if device.startswith("cuda"):
        train(folder=folder / "before")
    train(folder=folder)
    times = [parse_json(line)["seconds"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return statistics.median(b - a for a, b in zip(times[WARM_UP:], times[WARM_UP + 1 :], strict=False))


@dataclass(frozen=True, eq=False)
class Work:
    """Trainings of a few steps on synthetic images, by name: images (or scenarios) of a step, and the training."""

    network: Supernet
    split: Split
    tasks: TaskSet
    trainings: dict[str, tuple[int, Callable]]


def work(device: str, batch: int, steps: int, precision: str, overrides: tuple[str, ...] = ()) -> Work:
    """Teacher, supernet and the two generators of imagenet-10 at ``batch`` images a step, ready to be trained."""
    plain = profiles.load("imagenet-10", overrides)
    tasks = sources.task_set(plain.data)
    split = synthetic(max(batch * steps, 10 * tasks.num_classes), tasks.num_classes, plain.space.resolution, device)
    epochs = steps / (len(split) // batch)
    last = plain.supernet.stages[-1].model_copy(update={"epochs": epochs})
    profile = plain.model_copy(
        update={
            "teacher": plain.teacher.model_copy(update={"batch_size": batch, "epochs": epochs}),
            "supernet": plain.supernet.model_copy(update={"batch_size": batch, "stages": (last,)}),
            "generator": plain.generator.model_copy(update={"steps": steps}),
            "multi_path": plain.multi_path.model_copy(update={"steps": steps}),
        }
    )
    loop = {"devices": Devices(mixed_precision=precision), "progress": False}
    network, teacher = network_of(profile, device), network_of(profile, device)

    def generator(heads: dict[str, int]) -> Callable:
        made = ArchitectureGenerator(len(tasks), profile.generator.budget, heads=heads)
        made.initialise(rng(0, "generator"))
        return partial(train_generator, made.to(device), network, split, tasks, profile, 0, **loop)

    trainings = {  # images, or scenarios, of a step; the training
        "teacher": (batch, partial(train_teacher, network, split, profile, 0, tasks=tasks, **loop)),
        "supernet": (
            batch * profile.supernet.subnets_per_step,
            partial(train_supernet, network, teacher, split, profile, 0, tasks=tasks, **loop),
        ),
        "generator": (profile.generator.scenarios_per_step, generator(GATE_HEADS)),
        "multi_path": (profile.multi_path.scenarios_per_step, generator(PATH_HEADS)),
    }
    return Work(network, split, tasks, trainings)


def measure(
    device: str, batch: int, steps: int, precision: str, compiled: bool, overrides: tuple[str, ...] = ()
) -> dict[str, float]:
    """Images a second of teacher, supernet and evaluation; of the two generators, scenarios a second."""
    made = work(device, batch, steps, precision, overrides)
    trainings = made.trainings
    if compiled:
        made.network.compile()
        trainings = {"teacher": trainings["teacher"]}  # the only one whose network is the same in every step
    with tempfile.TemporaryDirectory() as place:
        found = {n: units / seconds_a_step(train, Path(place) / n, device) for n, (units, train) in trainings.items()}
    if precision == "no" and not compiled:
        found["evaluation"] = evaluated(made.network, made.split, made.tasks, batch)
    return found


def evaluated(network: Supernet, split: Split, tasks: TaskSet, batch: int) -> float:
    """Images a second that extracted random sub-networks classify."""
    draw, times = rng(0, "evaluation"), []
    for _ in range(3):
        extracted = network.extract(sample(draw))
        started = time.perf_counter()
        evaluate.score(extracted, split, tasks, batch_size=batch)
        times.append(time.perf_counter() - started)
    return len(split) / statistics.median(times)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.throughput", description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default auto)")
    parser.add_argument("--batch", type=int, default=64, help="images of a step (default 64)")
    parser.add_argument("--steps", type=int, default=12, help=f"steps of each training, {WARM_UP} of them warm up")
    parser.add_argument("--threads", type=int, help="CPU threads (default: PyTorch's)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, to try the script")
    parser.add_argument("--results", type=Path, default=RESULTS, help="file that the rates are added to")
    options = parser.parse_args(arguments)
    if options.steps < WARM_UP + 3 or options.batch < 1:
        parser.error(f"steps: at least {WARM_UP + 3}; batch: at least 1")
    if options.threads:
        torch.set_num_threads(options.threads)
    try:  # before anything is measured
        device = usable_device(options.device)
        kept = files.read_json(options.results, "results") if options.results.exists() else {}
    except EASError as error:
        parser.error(str(error))
    settle(device)
    where = records.provenance(device)
    name = where["device"] + (
        f", {where['threads']} thread{'s' * (where['threads'] > 1)}" if "CPU" in where["device"] else ""
    )
    rows = {}
    for label, precision, compiled in (("float32", "no", False), ("bfloat16", "bf16", False), ("compiled", "no", True)):
        try:
            rows[label] = measure(device, options.batch, options.steps, precision, compiled, tuple(options.set))
        except Exception as error:  # no compiler on the machine, or not enough memory: the other rows still count
            print(f"{label}: not measured ({' '.join(str(error).split()):.100})")
            continue
        print(f"{label}: " + ", ".join(f"{stage} {rate:.3g}/s" for stage, rate in rows[label].items()), flush=True)
    kept[name] = {"batch": options.batch, "rates": rows, "provenance": where}
    files.write_atomic(options.results, (json.dumps(kept, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
