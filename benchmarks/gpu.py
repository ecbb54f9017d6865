"""Everything that one card has to tell, in four minutes: ``python -m benchmarks.gpu [--results FILE]`` prints one JSON.

Whether it computes what a CPU does (losses of ten steps, extracted networks, interrupted trainings, bfloat16), where its
host waits for it, what it trains a second, also against once-for-all's own code (the package ``ofa``; without it that part
is null), which share of its peak that is, the memory, and the time of 50 and 10,000 scenarios. A part that fails says why,
and the others go on; what the time does not suffice for is left out. ``--device cpu --quick`` shows that the script runs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F

from benchmarks import throughput
from benchmarks.timing import ratios
from data_prep import shapes10
from eas_core.base import files, records
from eas_core.base.devices import Devices, settle
from eas_core.base.errors import EASError
from eas_core.base.memory import PeakMemory, keep_freed_memory
from eas_core.base.random import rng
from eas_core.data import sources
from eas_core.data.splits import Split
from eas_core.network.calibrate import calibrate
from eas_core.network.generator import ArchitectureGenerator
from eas_core.network.supernet import Supernet, initialise
from eas_core.runs.run import usable_device
from eas_core.search.evaluate import score
from eas_core.search.specialize import propose
from eas_core.settings import profiles, schema
from eas_core.space.cost_tables import madds
from eas_core.space.search_space import LARGEST, SearchSpace, sample, to_gates
from eas_core.training.loop import Stopped
from eas_core.training.train_generator import train_generator
from eas_core.training.train_supernet import train_supernet, train_teacher

PRECISIONS = {"float32": "no", "bfloat16": "bf16"}
QUICK = (  # imagenet-10 in a space that costs little
    "space.resolution=16",
    "space.widths=[8, 8, 8, 8, 8]",
    *("space.final_width=16", "space.head_width=16"),
    *("generator.budget=[0.15, 0.45]", "specialize.budgets=[0.2]"),
    *("generator.task_images=2", "generator.context_images=2"),
)


@dataclass(frozen=True)
class Plan:
    """What to measure on: sizes that fill a card, or (``quick``) such that all parts run in seconds on a CPU."""

    device: str
    quick: bool
    batch: int = 128
    steps: int = 12
    rounds: int = 6
    epochs: int = 12
    per_class: int = 40
    matrix: int = 8192  # rows and columns
    more: int = 10_000  # scenarios
    compared: int = 10  # steps whose losses are compared

    @staticmethod
    def of(device: str, quick: bool) -> Plan:
        small = {
            "batch": 4,
            "steps": 5,
            "rounds": 1,
            "epochs": 1,
            "per_class": 2,
            "matrix": 128,
            "more": 60,
            "compared": 2,
        }
        return Plan(device, quick, **(small if quick else {}))

    @property
    def overrides(self) -> tuple[str, ...]:
        return QUICK if self.quick else ()

    def wait(self) -> None:
        if self.device.startswith("cuda"):
            torch.cuda.synchronize(self.device)


# ---------------------------------------------------------------- correctness


def small(steps: int) -> schema.Profile:
    """The smoke profile with ``steps`` steps of teacher, supernet (its last stage) and generator."""
    plain = profiles.load("smoke")
    epochs = steps / (600 // plain.teacher.batch_size)
    supernet = {"stages": (plain.supernet.stages[-1].model_copy(update={"epochs": epochs}),), "cached_teacher": False}
    return plain.model_copy(
        update={
            "teacher": plain.teacher.model_copy(update={"epochs": epochs}),
            "supernet": plain.supernet.model_copy(update=supernet),
            "generator": plain.generator.model_copy(update={"steps": steps}),
        }
    )


def training(stage: str, device: str, profile: schema.Profile, folder: Path, split: Split | None = None, **loop):
    """A stage trained from its start on 600 random images; returns (network, curve)."""
    tasks = sources.task_set(profile.data)
    split = split or throughput.synthetic(600, tasks.num_classes, profile.space.resolution, device)
    network, loop = throughput.network_of(profile, device), {"progress": False, "folder": folder, **loop}
    if stage == "teacher":
        return network, train_teacher(network, split, profile, 0, tasks=tasks, **loop)[0]
    if stage == "supernet":
        teacher = throughput.network_of(profile, device)
        return network, train_supernet(network, teacher, split, profile, 0, tasks=tasks, **loop)[0]
    generator = ArchitectureGenerator(len(tasks), profile.generator.budget)
    generator.initialise(rng(0, "generator"))
    return generator, train_generator(generator.to(device), network, split, tasks, profile, 0, **loop)[0]


def losses(plan: Plan, place: Path) -> dict:
    """The losses of ten steps of each training on the CPU and on the device; they part slowly, by rounding."""
    found = {}
    for stage in ("teacher", "supernet", "generator"):
        by_device = {}
        for name, device in (("cpu", "cpu"), ("device", plan.device)):
            _, curve = training(stage, device, small(plan.compared), place / f"{stage}-{name}")
            by_device[name] = [next(v for k, v in point.items() if "loss" in k) for point in curve]
        apart = [abs(a - b) / abs(a) for a, b in zip(*by_device.values(), strict=True)]
        found[stage] = {**by_device, "first step apart": apart[0], "largest apart": max(apart)}
    return found


def views(plan: Plan) -> dict:
    """The largest difference between an extracted network and slices, masks and slices, as a share of the logits."""
    profile, draw = profiles.load("imagenet-10", plan.overrides), rng(0, "views")
    network = throughput.network_of(profile, plan.device).eval()
    for norm in (m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)):
        torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
    size = profile.space.resolution
    images = torch.randn(8, 3, size, size, generator=draw).to(plan.device, memory_format=torch.channels_last)
    found = {"extract": 0.0, "masks": 0.0}
    with torch.no_grad():
        for _ in range(3 if plan.quick else 10):
            architecture = sample(draw)
            sliced = network(images, architecture)
            gates = to_gates([architecture])[0].to(plan.device)
            others = {"extract": network.extract(architecture)(images), "masks": network(images, gates)}
            for name, logits in others.items():
                found[name] = max(found[name], ((logits - sliced).abs().max() / sliced.abs().max()).item())
    return found


def resumed(plan: Plan, place: Path) -> dict:
    """A training stopped after every step, and one that was never stopped, with deterministic operators: equal bits?"""
    settle(plan.device, deterministic=True)
    try:
        whole, _ = training("supernet", plan.device, small(4), place / "whole")
        stops = 0
        while True:
            try:
                stopped, _ = training("supernet", plan.device, small(4), place / "stopped", deadline=0.0)
                break
            except Stopped:
                stops += 1
    finally:
        settle(plan.device)
    pairs = zip(whole.state_dict().values(), stopped.state_dict().values(), strict=True)
    apart = max((a.double() - b.double()).abs().max().item() for a, b in pairs)
    return {"stops": stops, "largest difference of a weight": apart}


def precisions(plan: Plan, place: Path) -> dict:
    """The accuracy that a teacher of drawn images reaches in float32 and in bfloat16, on validation images."""
    profile = profiles.load("smoke", [f"teacher.epochs={plan.epochs}"])
    tasks, splits = sources.task_set(profile.data), []
    for name in ("train", "valid"):
        images, labels = shapes10.draw_split(name, plan.per_class, profile.space.resolution, 0)
        splits.append(Split(name, torch.from_numpy(images), torch.from_numpy(labels), "").to(plan.device))
    found = {}
    for name, precision in PRECISIONS.items():
        devices = Devices(mixed_precision=precision)
        network, curve = training("teacher", plan.device, profile, place / name, splits[0], devices=devices)
        plain = calibrate(network.extract(LARGEST), splits[0], 1024, 256, 0)
        scores = score(plain, splits[1], tasks)
        found[name] = {"accuracy": scores.accuracy(), "loss of training": curve[-1]["loss"], "n": len(splits[1])}
    return found


def waits(plan: Plan, place: Path) -> dict | None:
    """The lines of code at which the host waited for the card in three steps of each training; None without a card."""
    if not plan.device.startswith("cuda"):
        return None
    found = {}
    for stage in ("teacher", "supernet", "generator"):
        training(stage, plan.device, small(3), place / f"warm-{stage}")
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                training(stage, plan.device, small(3), place / stage)
            finally:
                torch.cuda.set_sync_debug_mode("default")
        places = [f"{Path(w.filename).name}:{w.lineno}" for w in said if "synchroniz" in str(w.message)]
        found[stage] = {place: places.count(place) for place in sorted(set(places))}
    return found


# ---------------------------------------------------------------- speed


def rates(plan: Plan, place: Path) -> dict:
    """Images a second (generators: scenarios) of each training and of evaluation, and the memory of each training."""
    found = {}
    for label, precision in PRECISIONS.items():
        made, found[label] = throughput.work(plan.device, plan.batch, plan.steps, precision, plan.overrides), {}
        for name, (units, train) in made.trainings.items():
            with PeakMemory(plan.device) as memory:
                seconds = throughput.seconds_a_step(train, place / f"{name}-{label}", plan.device)
            found[label][name] = {"a second": units / seconds, "memory_bytes": memory.bytes}
    for batch in (plan.batch, 4 * plan.batch):
        rate = throughput.evaluated(made.network, made.split, made.tasks, batch)
        found["float32"][f"evaluation, {batch} images at a time"] = {"a second": rate}
    return found


def against_ofa(plan: Plan) -> dict | None:
    """Seconds of a whole step of random sub-networks, ours and once-for-all's, in turns; None without its package."""
    try:
        from benchmarks import bench
    except ImportError:
        return None
    space = SearchSpace(num_classes=6, resolution=32) if plan.quick else SearchSpace(num_classes=60)
    draw, batch = rng(0, "ofa"), 2 if plan.quick else plan.batch
    ours, theirs = Supernet(space), bench.ofa_network(space, False)
    initialise(ours, draw)
    bench.copy_weights(ours, theirs)
    images = torch.randn(batch, 3, space.resolution, space.resolution, generator=draw)
    images = images.to(plan.device, memory_format=torch.channels_last)
    labels = torch.randint(space.num_classes, (batch,), generator=draw).to(plan.device)
    networks = {"ofa": theirs, "ours": ours}
    optimizers = {}
    for name, network in networks.items():
        network.train().to(plan.device, memory_format=torch.channels_last)
        optimizers[name] = torch.optim.SGD(network.parameters(), 0.01, 0.9, nesterov=True)

    def step(name: str, architecture, precision: str) -> float:
        plan.wait()
        tick = time.perf_counter()
        if name == "ofa":
            bench.activate(theirs, architecture)
        with torch.autocast(images.device.type, torch.bfloat16, enabled=precision == "bf16"):
            logits = theirs(images) if name == "ofa" else ours(images, architecture)
        optimizers[name].zero_grad()
        F.cross_entropy(logits.float(), labels).backward()
        optimizers[name].step()
        plan.wait()
        return time.perf_counter() - tick

    found, architectures = {}, [sample(draw) for _ in range(1 if plan.quick else 6)]
    for label, precision in PRECISIONS.items():
        seconds = {name: [] for name in networks}
        for number in range(plan.rounds + 1):
            for architecture in architectures:
                for name in networks:
                    taken = step(name, architecture, precision)
                    if number:  # the first round warms up
                        seconds[name].append(taken)
        speed = {f"{name}, images a second": batch / statistics.median(times) for name, times in seconds.items()}
        found[label] = {**speed, "ratio": ratios(seconds["ofa"], seconds["ours"])}
    return found


def peak(plan: Plan) -> dict:
    """What a large product of matrices reaches on the device, in TFLOP/s: what shares of the peak are taken of."""
    found = {}
    for label, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        a = torch.randn(plan.matrix, plan.matrix, device=plan.device).to(dtype)
        times = []
        for _ in range(8):
            plan.wait()
            tick = time.perf_counter()
            a @ a
            plan.wait()
            times.append(time.perf_counter() - tick)
        found[label] = 2 * plan.matrix**3 / min(times) / 1e12
    return found


def shares(plan: Plan, measured: dict, peaks: dict) -> dict:
    """The measured rates as a share of the peak: two operations a multiply-add, a backward pass as two forward ones."""
    space = profiles.load("imagenet-10", plan.overrides).search_space()
    largest = madds(space, [LARGEST])[0]
    mean = statistics.mean(madds(space, [sample(rng(0, "shares", i)) for i in range(100)]))
    madds_an_image = {"teacher": 3 * largest, "supernet": 3 * mean + largest}  # the supernet's teacher is run too
    return {
        label: {
            stage: found[stage]["a second"] * 2 * madds_an_image[stage] / (1e12 * peaks[label])
            for stage in madds_an_image
        }
        for label, found in measured.items()
    }


def scenarios(plan: Plan) -> dict:
    """Seconds for 50 and 10,000 scenarios: the generator's forward pass on the device, and all proposals (on the CPU)."""
    profile = profiles.load("imagenet-10", plan.overrides)
    low, high = profile.generator.budget
    generator = ArchitectureGenerator(10, (low, high))
    generator.initialise(rng(0, "generator"))
    found, space = {}, profile.search_space()
    for count in (50, plan.more):
        wanted = [(i % 10, low + (high - low) * i / count) for i in range(count)]
        task, budget = torch.tensor([t for t, _ in wanted]), torch.tensor([b for _, b in wanted])
        generator.to(plan.device)
        times = []
        with torch.no_grad():
            for _ in range(3):
                tick = time.perf_counter()
                generator(task, budget).cpu()
                times.append(time.perf_counter() - tick)
        tick = time.perf_counter()
        propose(generator, space, wanted, profile.specialize, 0)
        found[str(count)] = {"forward": min(times), "proposals": time.perf_counter() - tick}
    return found


# ---------------------------------------------------------------- all of it


def everything(plan: Plan, place: Path, seconds: float) -> dict:
    """All parts, in the order of what one wants to know first; ``seconds`` after the start no further one is begun."""
    started, found = time.monotonic(), {}
    parts: dict[str, Callable[[], object]] = {
        "losses": partial(losses, plan, place / "losses"),
        "views": partial(views, plan),
        "resumed": partial(resumed, plan, place / "resumed"),
        "waits": partial(waits, plan, place / "waits"),
        "rates": partial(rates, plan, place / "rates"),
        "ofa": partial(against_ofa, plan),
        "peak_tflops": partial(peak, plan),
        "precisions": partial(precisions, plan, place / "precisions"),
        "scenarios": partial(scenarios, plan),
    }
    took = {}
    for name, part in parts.items():
        begun = time.monotonic()
        if begun - started > seconds:
            found[name] = {"left out": f"more than {seconds:.0f} s had passed"}
            continue
        try:
            found[name] = part()
        except Exception as error:  # a minute on a card is too dear to lose the other parts
            found[name] = {"failed": f"{type(error).__name__}: {' '.join(str(error).split()):.300}"}
        took[name] = round(time.monotonic() - begun, 1)
        print(f"{name}: {took[name]} s", file=sys.stderr, flush=True)
    if {"failed", "left out"}.isdisjoint({*found["rates"], *found["peak_tflops"]}):
        found["shares_of_peak"] = shares(plan, found["rates"], found["peak_tflops"])
    return {"seconds": took, **found}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default auto)")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, whose numbers mean nothing: does it run?")
    parser.add_argument(
        "--seconds", type=float, default=200, help="begin no further part after this time (default 200)"
    )
    parser.add_argument("--results", type=Path, help="also write the JSON into this file")
    options = parser.parse_args(arguments)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # before cuBLAS is used: for deterministic operators
    keep_freed_memory()
    try:
        device = usable_device(options.device)
    except EASError as error:
        parser.error(str(error))
    settle(device)
    with tempfile.TemporaryDirectory() as place:
        found = everything(Plan.of(device, options.quick), Path(place), options.seconds)
    result = {"provenance": records.provenance(device), "quick": options.quick, **found}
    text = json.dumps(result, indent=1)
    if options.results:
        files.write_atomic(options.results, (text + "\n").encode())
    print(text)


if __name__ == "__main__":
    main()
