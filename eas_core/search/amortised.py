"""Amortised search: the architecture generator taught by OFA-T's accuracy predictor instead of by images.

An extension of ours, not the paper's method, and never called EAS: where pairs and a predictor are there anyhow, it
answers any number of scenarios in one pass each instead of one evolutionary search each. The generator, its gates and
their gradient are those of :mod:`eas_core.training.train_generator`; only what it learns from differs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

import torch

from eas_core.base.random import rng
from eas_core.network.generator import ArchitectureGenerator, sample_gates
from eas_core.search.predictor import AccuracyPredictor
from eas_core.settings import schema
from eas_core.space.cost_tables import madds_millions
from eas_core.space.search_space import SearchSpace, one_hot_of_gates
from eas_core.training.loop import Numbers, Options, cosine, make_optimizer, set_lr, train
from eas_core.training.train_generator import Average, draw_scenarios, joint_loss


def train_amortised(
    generator: ArchitectureGenerator,
    predictor: AccuracyPredictor,
    space: SearchSpace,
    profile: schema.Profile,
    seed: int,
    folder: Path,
    **loop: Unpack[Options],
) -> tuple[list[dict[str, float]], float]:
    """Train the generator in place; returns (training curve, seconds).

    The loss is Eq. (D) with minus ``amortised.weight`` times the predicted accuracy of the scenario's task in the place
    of L_val. The learning rate falls to zero as a cosine.
    """
    settings, common = profile.amortised, profile.generator
    tasks, count = len(predictor.mean), settings.scenarios_per_step
    optimizer = make_optimizer(generator, settings.optimizer)
    predictor.requires_grad_(False)
    average = Average(generator, common.averaging)

    def step(index: int) -> Numbers:
        draw = rng(seed, "amortised", index)
        set_lr(optimizer, cosine(index, settings.steps, settings.optimizer.lr, 0.0))
        task, budget = draw_scenarios(count, tasks, common.budget, draw)
        gates = sample_gates(generator(task, budget), common.tau, draw)
        predicted = predictor(one_hot_of_gates(gates))[torch.arange(count), task]
        cost, target = madds_millions(space, gates), common.aim * budget
        loss = joint_loss(-settings.weight * predicted.mean(), cost, target, settings.lam)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        average.update()
        error = ((cost.detach() - target).abs() / target).mean()
        return {"predicted accuracy": predicted.detach().mean(), "cost error": error}

    generator.train()
    curve, seconds = train(
        "amortised search", folder, settings.steps, average.modules, optimizer, step, images_per_step=0, **loop
    )
    average.keep()
    return curve, seconds
