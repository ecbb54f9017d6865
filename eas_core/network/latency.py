"""Measures how long the parts of a space's networks take on this device, one image at a time.

A part is timed beside others, as it is in a network: of a unit's later blocks three in a row less one alone, halved; of its
first block that and one more, less the one more. What surrounds every call cancels. All parts and some whole networks
are measured in rounds, in another order each time, so that a device that slows down does not favour some. A reference network is measured
throughout a round; a round in which it was much slower than it can be was disturbed, and is done again.
"""

from __future__ import annotations

import io
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from eas_core.base import devices
from eas_core.base.errors import EASError
from eas_core.base.random import rng
from eas_core.network.subnetwork import Network, folded
from eas_core.space.architecture import (
    BLOCKS,
    BLOCKS_PER_UNIT,
    EXPANSIONS,
    KERNELS,
    UNITS,
    Architecture,
    SearchSpace,
    uniform,
)
from eas_core.space.budget import budget_range
from eas_core.space.cost_tables import draw_around
from eas_core.space.search_space import from_index

RUNTIMES = ("onnxruntime", "torch")
NETWORKS = 20  # whole ones, for the correction
SECONDS = 0.01  # of calls to one part in one round
DISTURBED = 1.1  # the reference this many times slower than at its best
WARM_UP = 3  # calls that do not count
FEWEST = 5  # calls of which a median is taken
IDLE = 0.05  # share of a call's time in which its thread did not run: more, and it was interrupted
PATIENCE = 20  # times as long as the calls should take, in which enough of them must be undisturbed

Work = Callable[[], object]


def device_name() -> str:
    """The processor's name, as tables of latencies have it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


@contextmanager
def pinned(threads: int) -> Iterator[bool]:
    """Keep this process on as many cores as threads, and PyTorch to these; says whether the system can."""
    devices.check_threads(threads)
    before, cores = torch.get_num_threads(), devices.cores()
    torch.set_num_threads(threads)
    if cores:
        os.sched_setaffinity(0, cores[-threads:])
    try:
        yield bool(cores)
    finally:
        torch.set_num_threads(before)
        if cores:
            os.sched_setaffinity(0, cores)


def work(module: nn.Module, shape: tuple[int, ...], runtime: str, threads: int) -> Work:
    """One call of a module in eval mode on an image (or features) of ``shape``; missing packages raise :class:`EASError`."""
    images = torch.randn(shape, generator=rng(0, "latency", str(shape)))
    if runtime == "torch":

        def forward() -> object:
            with torch.inference_mode():
                return module(images)

        return forward
    if runtime != "onnxruntime":
        raise EASError(f"--runtime: {runtime!r:.60} is not one of {', '.join(RUNTIMES)}")
    try:
        import onnxruntime
    except ImportError as error:
        raise EASError(f"latency: a package is not installed ({error}); pip install onnx onnxruntime") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, threads
    session = onnxruntime.InferenceSession(_onnx(module, images), options, providers=["CPUExecutionProvider"])
    given = {session.get_inputs()[0].name: images.numpy()}
    return lambda: session.run(None, given)


def _onnx(module: nn.Module, images: torch.Tensor) -> bytes:
    """By the older of PyTorch's exporters: after onnxruntime's optimisations the same graph, thirty times sooner."""
    buffer: Any = io.BytesIO()  # the exporter takes any file, its type says a path
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is the older one
        torch.onnx.export(module, (images,), buffer, dynamo=False)
    content: bytes = buffer.getvalue()
    return content


def network_work(space: SearchSpace, architecture: Architecture, runtime: str, threads: int) -> Work:
    """One call of a whole network with random weights, as it would be deployed: each BatchNorm folded."""
    module = folded(Network(space, architecture).eval())
    return work(module, (1, 3, space.resolution, space.resolution), runtime, threads)


def part_works(space: SearchSpace, runtime: str, threads: int) -> dict[str, Work]:
    """The calls from which :func:`table_of` gets the parts, by name."""
    made: dict[str, Work] = {}
    for kernel in KERNELS:
        for ratio in EXPANSIONS:
            network = folded(Network(space, uniform(BLOCKS_PER_UNIT, ratio, kernel)).eval())
            features = torch.zeros(1, 3, space.resolution, space.resolution)
            with torch.inference_mode():
                first_seen, features = features, network.stem(features)
            if "stem" not in made:
                made["stem"] = work(network.stem, tuple(first_seen.shape), runtime, threads)
            for unit in range(UNITS):
                first, *later = network.blocks[unit * BLOCKS_PER_UNIT : (unit + 1) * BLOCKS_PER_UNIT]
                shape = tuple(features.shape)
                with torch.inference_mode():
                    features = nn.Sequential(first, *later)(features)
                after, name = tuple(features.shape), f"{unit} {kernel} {ratio}"
                made[f"two {name}"] = work(nn.Sequential(first, later[0]), shape, runtime, threads)
                made[f"one {name}"] = work(later[0], after, runtime, threads)
                made[f"three {name}"] = work(nn.Sequential(*later), after, runtime, threads)
            if "head" not in made:
                made["head"] = work(network.head, tuple(features.shape), runtime, threads)
    return made


def table_of(milliseconds: Mapping[str, float]) -> tuple[float, np.ndarray]:
    """Fixed parts, and every block for every (kernel, expansion), (20, 3, 3), from the times of :func:`part_works`."""
    blocks = np.empty((BLOCKS, len(KERNELS), len(EXPANSIONS)))
    for unit in range(UNITS):
        for k, kernel in enumerate(KERNELS):
            for e, ratio in enumerate(EXPANSIONS):
                one, two, three = (
                    milliseconds[f"{count} {unit} {kernel} {ratio}"] for count in ("one", "two", "three")
                )
                start = unit * BLOCKS_PER_UNIT
                blocks[start, k, e] = max(two - one, 0.0)
                blocks[start + 1 : start + BLOCKS_PER_UNIT, k, e] = max(three - one, 0.0) / 2
    return milliseconds["stem"] + milliseconds["head"], blocks


def spread_networks(space: SearchSpace, count: int, seed: int) -> list[Architecture]:
    """``count`` different random architectures whose multiply-adds are spread over the space's range."""
    low, high = budget_range(space)
    found: dict[Architecture, None] = {}
    draw = rng(seed, "latency")
    for part in range(count):
        target = low + (high - low) * (part + 0.5) / count
        architecture = next(one for one in from_index(draw_around(space, target, 8, draw)) if one not in found)
        found[architecture] = None
    return list(found)


def sample(call: Work, seconds: float = SECONDS) -> float:
    """Median milliseconds of calls that take some seconds together, five at least, after a warm-up.

    A call during which the thread did not run all the time was interrupted: it does not count, nor does the next one, which
    finds its data gone from the caches. On a machine that is never still long enough all calls count.
    """
    undisturbed: list[float] = []
    every: list[float] = []
    cold = WARM_UP
    start = tick = time.perf_counter()
    busy = time.thread_time()
    while (sum(undisturbed) < seconds or len(undisturbed) < FEWEST) and tick - start < PATIENCE * seconds + 1:
        call()
        now, ran = time.perf_counter(), time.thread_time()
        taken, idle = now - tick, now - tick - (ran - busy)
        every.append(taken)
        if idle > IDLE * taken:
            cold = 1
        elif cold:
            cold -= 1
        else:
            undisturbed.append(taken)
        tick, busy = time.perf_counter(), time.thread_time()
    return 1e3 * statistics.median(undisturbed if len(undisturbed) >= FEWEST else every)


def one_round(works: Mapping[str, Work], reference: str, order: Sequence[str], seconds: float = SECONDS) -> dict:
    """Milliseconds of each call once, in this order, and of the reference again and again: ``{"times", "reference"}``."""
    every, times, again = max(1, len(order) // 8), {}, []
    for number, name in enumerate(order):
        if number % every == 0:
            again.append(sample(works[reference], seconds))
        times[name] = sample(works[name], seconds)
    return {"times": times, "reference": [*again, sample(works[reference], seconds)]}


def quietest(rounds: Sequence[dict], count: int) -> tuple[list[dict], int]:
    """The ``count`` rounds in which the reference was disturbed least, and how many of all were disturbed."""
    best = min(min(one["reference"]) for one in rounds)
    slow = [statistics.median(one["reference"]) / best for one in rounds]
    order = sorted(range(len(rounds)), key=slow.__getitem__)
    return [rounds[i] for i in order[:count]], sum(value > DISTURBED for value in slow)


def typical(rounds: Sequence[dict]) -> dict[str, float]:
    """The lower quartile of each time over rounds: what slows a device down makes times longer, never shorter."""
    return {name: float(np.quantile([one["times"][name] for one in rounds], 0.25)) for name in rounds[0]["times"]}


def about_device(runtime: str, threads: int, is_pinned: bool) -> dict[str, Any]:
    """Device, runtime, threads and versions, as a table has them."""
    packages = ("torch", "onnxruntime") if runtime == "onnxruntime" else ("torch",)
    return {
        "device": device_name(),
        "system": platform.platform(),
        "runtime": runtime,
        "threads": threads,
        "pinned": is_pinned,
        "batch": 1,
        "versions": {package: version(package) for package in packages},
    }
