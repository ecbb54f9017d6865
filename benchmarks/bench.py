"""Speed as ratios: against once-for-all's code (the PyPI package ``ofa``), and of parts against their plain versions.

Everything runs in one process with the same threads, on the same architectures, batch and weights. What is compared is
interleaved, step by step, so that whatever else the machine does hits all alike; ratios are taken within a round, and
their median and spread are reported. With one thread the clock is the process's CPU time, which is what a step takes on
an idle core, also where other processes share the machine; with several threads it is the wall's. Prints Markdown
tables, and writes them and every number to benchmarks/results/.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch
import torch.nn.functional as F
from ofa.imagenet_classification.elastic_nn.modules.dynamic_op import DynamicSeparableConv2d
from ofa.imagenet_classification.elastic_nn.networks import OFAMobileNetV3
from ofa.nas.search_algorithm import EvolutionFinder
from ofa.utils import profile as ofa_profile
from torch import Tensor

from benchmarks import proposals
from benchmarks.ofa_search import OfaAccuracy, OfaCost
from benchmarks.report import markdown
from benchmarks.timing import clock, median_ms, ratios
from eas_core.base import files, records
from eas_core.base.memory import PeakMemory, keep_freed_memory
from eas_core.base.random import rng
from eas_core.network import elastic, kernels
from eas_core.network.generator import GATE_HEADS, ArchitectureGenerator, sample_gates
from eas_core.network.multi_path import PATH_HEADS, PathWeights, expected_madds_millions, path_weights
from eas_core.network.supernet import Supernet, initialise
from eas_core.search.evolution import evolve
from eas_core.search.predictor import AccuracyPredictor, search_objective
from eas_core.settings import schema
from eas_core.space import cost_tables as cost
from eas_core.space.search_space import Architecture, SearchSpace, sample
from eas_core.training.train_generator import joint_loss

RESULTS = Path(__file__).parent / "results"


def plain_depthwise(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """What :func:`eas_core.network.convolution.depthwise_conv` does without its own weight gradient."""
    return F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2, groups=weight.shape[0])


# ---------------------------------------------------------------- 1: a training step of random sub-networks


def ofa_network(space: SearchSpace, kernel_transformation: bool) -> OFAMobileNetV3:
    """once-for-all's supernet; without its kernel transformation it computes exactly what ours does."""
    DynamicSeparableConv2d.KERNEL_TRANSFORM_MODE = 1 if kernel_transformation else None
    return OFAMobileNetV3(space.num_classes, (0.1, 1e-5), 0.0, None, 1.0, [3, 5, 7], [3, 4, 6], [2, 3, 4])


KEPT = "ours / keep_freed_memory"
COMPARED = (  # variant / allocator: the slow one, the fast one
    ("ofa / default", KEPT),
    ("ofa with kernel transformation / default", KEPT),
    ("ofa / default", "ours / default"),
    ("ofa / keep_freed_memory", KEPT),
    ("ofa, channels-last / keep_freed_memory", KEPT),
    ("ours, oneDNN's weight gradient / keep_freed_memory", KEPT),
    ("ours, oneDNN's weight gradient / default", "ours / default"),
    ("ours / default", KEPT),
)


@torch.no_grad()
def copy_weights(ours: Supernet, theirs: OFAMobileNetV3) -> None:
    """Both list the same tensors in the same order; some are 1 x 1 convolutions on one side, linear on the other."""
    for a, b in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
        b.copy_(a.reshape(b.shape))


def activate(network: OFAMobileNetV3, architecture: Architecture) -> None:
    network.set_active_subnet(ks=list(architecture.kernel), e=list(architecture.expand), d=list(architecture.depth))


@torch.no_grad()
def largest_difference(
    ours: Supernet, same: OFAMobileNetV3, images: Tensor, architectures: list[Architecture]
) -> float:
    """Of the logits, relative to the largest; networks that disagree end the benchmark."""
    difference = 0.0
    for architecture in architectures:
        activate(same, architecture)
        a, b = ours.train()(images, architecture), same.train()(images)
        difference = max(difference, ((a - b).abs().max() / a.abs().max()).item())
    if difference > 1e-3:
        raise SystemExit(f"bench: the two networks disagree by {difference:.1e}; the comparison would mean nothing")
    return difference


def step_times(
    step: Callable[[str, Architecture], float], names: list[str], architectures: list[Architecture], rounds: int
) -> dict[str, list[float]]:
    """Seconds of ``step(name, architecture)`` by "name / allocator", variants in turn and each round in another order."""
    seconds = {}
    for allocator in ("default", "keep_freed_memory"):
        if allocator == "keep_freed_memory":
            keep_freed_memory()  # what eas_core does before it trains; stays for the rest of the process
        for name in names:  # warm up
            for architecture in architectures:
                step(name, architecture)
        for number in range(rounds):
            for architecture in architectures:
                turn = number % len(names)
                for name in names[turn:] + names[:turn]:
                    seconds.setdefault(f"{name} / {allocator}", []).append(step(name, architecture))
    return seconds


def training_step(space: SearchSpace, batch: int, rounds: int, count: int) -> dict:
    """Seconds of a whole step (forward, backward, SGD) of each variant, allocator setting, round and architecture."""
    draw = rng(0, "bench")
    architectures = [sample(draw) for _ in range(count)]
    images = torch.randn(batch, 3, space.resolution, space.resolution, generator=draw)
    last = images.contiguous(memory_format=torch.channels_last)
    labels = torch.randint(space.num_classes, (batch,), generator=draw)

    ours = Supernet(space)
    initialise(ours, draw)
    shipped, same = ofa_network(space, True), ofa_network(space, False)
    copy_weights(ours, same)
    same_last = ofa_network(space, False)
    same_last.load_state_dict(same.state_dict())
    difference = largest_difference(ours, same, images, architectures)

    variants = {
        "ours": (ours, last, elastic.depthwise_conv),
        "ours, oneDNN's weight gradient": (ours, last, plain_depthwise),
        "ofa": (same, images, None),
        "ofa, channels-last": (same_last, last, None),
        "ofa with kernel transformation": (shipped, images, None),
    }
    for network, x, _ in variants.values():
        network.train()
        if x is last:
            network.to(memory_format=torch.channels_last)
    optimizers = {n: torch.optim.SGD(v[0].parameters(), 0.01, 0.9, nesterov=True) for n, v in variants.items()}
    own = elastic.depthwise_conv

    def step(name: str, architecture: Architecture) -> float:
        network, x, conv = variants[name]
        elastic.depthwise_conv = conv or own
        tick = clock()
        if conv is None:
            activate(network, architecture)
            logits = network(x)
        else:
            logits = network(x, architecture)
        optimizers[name].zero_grad()
        F.cross_entropy(logits, labels).backward()
        optimizers[name].step()
        elastic.depthwise_conv = own
        return clock() - tick

    seconds = step_times(step, list(variants), architectures, rounds)
    return {
        "settings": {"resolution": space.resolution, "batch": batch, "architectures": count, "rounds": rounds},
        "largest relative difference of the logits": difference,
        "images per second": {n: batch / statistics.median(t) for n, t in seconds.items()},
        "ratios": [{"slow": a, "fast": b, **ratios(seconds[a], seconds[b])} for a, b in COMPARED],
    }


# ---------------------------------------------------------------- 2: exact cost


def exact_cost(count: int, counted: int) -> dict:
    """Milliseconds for ``count`` architectures: ours at once; ofa's counter on ``counted`` of them, scaled."""
    space, draw = SearchSpace(num_classes=60), rng(0, "bench", "cost")
    architectures = [sample(draw) for _ in range(count)]
    ours = median_ms(lambda: (cost.madds(space, architectures), cost.params(space, architectures)), 5)
    network, size = ofa_network(space, False), (1, 3, space.resolution, space.resolution)
    tick, found = clock(), []
    for architecture in architectures[:counted]:
        activate(network, architecture)
        found.append(ofa_profile(network.get_active_subnet(preserve_weight=False), size))
    theirs = 1e3 * (clock() - tick) * count / counted
    exact = zip(cost.madds(space, architectures[:counted]), cost.params(space, architectures[:counted]), strict=True)
    difference = max(abs(m - om) + abs(p - op) for (m, p), (om, op) in zip(exact, found, strict=True))
    times = {"ours_ms": ours, "ofa_ms": theirs}
    return {"architectures": count, "counted by ofa": counted, **times, "difference": difference}


# ---------------------------------------------------------------- 3: the depthwise weight gradient


# (channels, size, stride)
SHAPES = [(96, 16, 1), (96, 8, 1), (96, 16, 2), (240, 8, 1), (480, 8, 1), (480, 4, 1), (64, 32, 1)]


def weight_gradients(batch: int, repeats: int, shapes: list[tuple[int, int, int]] = SHAPES) -> list[dict]:
    """Milliseconds of one depthwise weight gradient, oneDNN's against ours, per shape and kernel size."""
    rows, draw = [], rng(0, "bench", "depthwise")
    for channels, size, stride in shapes:
        for kernel in (5, 7):
            x = torch.randn(batch, channels, size, size, generator=draw).contiguous(memory_format=torch.channels_last)
            weight = torch.randn(channels, 1, kernel, kernel, generator=draw)
            grad = torch.randn_like(plain_depthwise(x, weight, stride))
            y = plain_depthwise(x, weight.requires_grad_(), stride)
            arrays = [t.permute(0, 2, 3, 1).numpy() for t in (grad, x)]
            plain = median_ms(lambda: torch.autograd.grad(y, weight, grad, retain_graph=True), repeats)
            ours = median_ms(lambda: kernels.depthwise_weight_gradient(*arrays, kernel, stride), repeats)
            shape = {"channels": channels, "size": size, "stride": stride, "kernel": kernel}
            rows.append({**shape, "plain_ms": plain, "ours_ms": ours, "ratio": plain / ours})
    return rows


# ---------------------------------------------------------------- 4: single-path against multi-path


def encoding_step(encoding: str, space: SearchSpace, batch: int) -> Callable[[], None]:
    """One training step of the generator for one scenario, with the frozen supernet, as ``train_generator`` does it."""
    draw = rng(0, "bench", "encoding")
    supernet = Supernet(space).to(memory_format=torch.channels_last)
    initialise(supernet, draw)
    supernet.requires_grad_(False).train()
    heads = {"single-path": GATE_HEADS, "multi-path": PATH_HEADS}[encoding]
    low, high = cost.budget_range(space)
    generator = ArchitectureGenerator(10, (low, high), heads=heads)
    generator.initialise(draw)
    optimizer = torch.optim.Adam(generator.parameters(), 1e-3)
    images = torch.randn(batch, 3, space.resolution, space.resolution, generator=draw)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.randint(space.num_classes, (batch,), generator=draw)
    task, budget = torch.tensor([0]), torch.tensor([(low + high) / 2])

    def step() -> None:
        z = generator(task, budget)
        if encoding == "multi-path":
            paths = path_weights(z)
            spent = expected_madds_millions(space, paths)
            logits = supernet.forward_paths(images, PathWeights(paths.blocks[0], paths.depths[0]))
        else:
            gates = sample_gates(z, 1.0, draw)
            spent = cost.madds_millions(space, gates)
            logits = supernet(images, gates[0])
        loss = joint_loss(F.cross_entropy(logits, labels), spent, budget, 0.01)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def encoding_memory(encoding: str, space: SearchSpace, batch: int) -> int:
    """Bytes by which two steps raise the memory of a fresh process."""
    torch.set_num_threads(1)
    step = encoding_step(encoding, space, batch)
    with PeakMemory() as memory:
        step()
        step()
    return memory.bytes


def encodings(space: SearchSpace, batch: int, rounds: int) -> dict:
    """Seconds of a step and bytes of memory of both encodings, and their ratios."""
    steps = {name: encoding_step(name, space, batch) for name in ("multi-path", "single-path")}
    seconds = {name: [] for name in steps}
    for number in range(rounds + 1):
        for name, step in steps.items():
            tick = clock()
            step()
            if number:  # the first warms up
                seconds[name].append(clock() - tick)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as fresh:
        memory = {name: fresh.submit(encoding_memory, name, space, batch).result() for name in steps}
    return {
        "seconds": {name: statistics.median(times) for name, times in seconds.items()},
        "ratio": ratios(seconds["multi-path"], seconds["single-path"]),
        "memory_bytes": memory,
        "memory ratio": memory["multi-path"] / memory["single-path"],
    }


# ---------------------------------------------------------------- 5: evolutionary search


def evolution_times(ofa_scenarios: int) -> dict:
    """Wall seconds for 50 scenarios at once, and of ofa's search for one, all with population 100 and 500 generations."""
    space, settings = SearchSpace(num_classes=60), schema.Evolution()
    predictor = AccuracyPredictor(space, 10)
    predictor.initialise(rng(0, "bench", "predictor"))
    scenarios = [(t, budget) for budget in (160.0, 230.0, 330.0, 430.0, 530.0) for t in range(10)]
    objective = search_objective(predictor, [t for t, _ in scenarios])
    tick = time.perf_counter()
    evolve(objective, space, [budget for _, budget in scenarios], settings, rng(0, "bench", "evolve"))
    ours = time.perf_counter() - tick
    theirs = []
    for budget in (160.0, 330.0, 530.0)[:ofa_scenarios]:
        finder = EvolutionFinder(OfaCost(space), OfaAccuracy(predictor))  # its defaults: 100 and 500
        tick = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            finder.run_evolution_search(budget)
        theirs.append(time.perf_counter() - tick)
    return {"scenarios": len(scenarios), "ours_seconds": ours, "ofa_seconds_a_scenario": statistics.median(theirs)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--architectures", type=int, default=5)
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--batch", type=int, default=32)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    space = SearchSpace(num_classes=60, resolution=options.resolution)
    result = {
        "training step": training_step(space, options.batch, options.rounds, options.architectures),
        "exact cost": exact_cost(1000, 5),
        "generator": proposals.measure(),
        "evolution": evolution_times(3),
        "encodings": encodings(space, options.batch, options.rounds),
        "depthwise": weight_gradients(options.batch, 10),
        "depthwise batch": options.batch,
        "provenance": records.provenance(),
    }
    text = markdown(result)
    files.write_atomic(RESULTS / "bench.json", (json.dumps(result, indent=1) + "\n").encode())
    files.write_atomic(RESULTS / "README.md", text.encode())
    print(text)


if __name__ == "__main__":
    main()
