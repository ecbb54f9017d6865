"""The stages that train: teacher, supernet, and the generators of gates and of path weights."""

from __future__ import annotations

import torch

from eas_core.base.random import rng
from eas_core.network.generator import GATE_HEADS, ArchitectureGenerator
from eas_core.network.multi_path import PATH_HEADS
from eas_core.network.supernet import Supernet, initialise
from eas_core.runs.run import Run
from eas_core.runs.store import trained
from eas_core.training.train_generator import train_generator
from eas_core.training.train_supernet import train_supernet, train_teacher


def _new_supernet(run: Run) -> Supernet:
    network = Supernet(run.profile.search_space())
    initialise(network, rng(run.seed, "initialise"))
    return network.to(run.device).to(memory_format=torch.channels_last)


def teacher(run: Run) -> tuple[Supernet, dict]:
    """The largest sub-network trained alone (as a supernet of which only that is trained), and its record."""
    network = _new_supernet(run)

    def train() -> tuple[list[dict], float]:
        (split,) = run.splits("train")
        return train_teacher(network, split, run.profile, run.seed, tasks=run.tasks, **run.loop("teacher"))

    return network, trained(run, "teacher", network, train)


def supernet(run: Run) -> tuple[Supernet, dict]:
    """The trained supernet and its record."""
    network = _new_supernet(run)

    def train() -> tuple[list[dict], float]:
        guide, _ = teacher(run)
        network.load_state_dict(guide.state_dict())
        (split,) = run.splits("train")
        return train_supernet(network, guide, split, run.profile, run.seed, tasks=run.tasks, **run.loop("supernet"))

    return network, trained(run, "supernet", network, train)


def new_generator(run: Run, heads: dict[str, int] = GATE_HEADS) -> ArchitectureGenerator:
    """An untrained architecture generator with the run's settings and seed."""
    settings = run.profile.generator
    network = ArchitectureGenerator(
        len(run.tasks), settings.budget, settings.anchors, settings.embedding, settings.hidden, heads
    )
    network.initialise(rng(run.seed, "generator", "initialise"))
    return network.to(run.device)


def generator(run: Run) -> tuple[ArchitectureGenerator, dict]:
    """The trained architecture generator and its record."""
    return _generator(run, "generator", GATE_HEADS)


def multi_path(run: Run) -> tuple[ArchitectureGenerator, dict]:
    """The trained generator of path weights, which the paper's ablation compares with, and its record."""
    return _generator(run, "multi_path", PATH_HEADS)


def _generator(run: Run, stage: str, heads: dict[str, int]) -> tuple[ArchitectureGenerator, dict]:
    network = new_generator(run, heads)

    def train() -> tuple[list[dict], float]:
        weights, _ = supernet(run)
        split, _ = run.validation()
        return train_generator(network, weights, split, run.tasks, run.profile, run.seed, **run.loop(stage))

    return network, trained(run, stage, network, train)
