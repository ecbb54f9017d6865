"""Algorithm 1: training the architecture generator on the validation split, with the supernet frozen.

The algorithm as printed takes one task and one budget per step: ``scenarios_per_step: 1``, ``cost_scenarios: 0``. The
profiles use several, and extra scenarios that enter the cost term only (they need no images), which trains far faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from eas_core.base.devices import ALONE, Devices
from eas_core.base.random import rng
from eas_core.data.splits import Split, normalise
from eas_core.data.task_dropout import own_task_logits
from eas_core.data.tasks import TaskSet
from eas_core.network.generator import ArchitectureGenerator, sample_gates
from eas_core.network.multi_path import PathWeights, expected_madds_millions, makes_paths, path_weights
from eas_core.network.norm import synchronised
from eas_core.network.supernet import Supernet
from eas_core.settings import schema
from eas_core.space.cost_tables import madds_millions
from eas_core.training.loop import Numbers, Options, cosine, make_optimizer, mean_of, set_lr, train


def cost_loss(cost: Tensor, budget: Tensor) -> Tensor:
    """Eq. (C): (R(alpha) - B)^2, averaged over scenarios; cost and budget (m,) in millions of multiply-adds."""
    return ((cost - budget) ** 2).mean()


def joint_loss(validation_loss: Tensor, cost: Tensor, budget: Tensor, lam: float) -> Tensor:
    """Eq. (D): L_val + lambda * L_C, a scalar; ``cost`` and ``budget`` as in :func:`cost_loss`."""
    return validation_loss + lam * cost_loss(cost, budget)


def draw_scenarios(count: int, tasks: int, budget: tuple[float, float], draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """Lines 3 and 5 of Algorithm 1: ``count`` task numbers, and as many budgets ~ U(B_L, B_H) in millions.

    Tasks do not repeat if they suffice.
    """
    rounds = -(-count // tasks)
    task = torch.cat([torch.randperm(tasks, generator=draw) for _ in range(rounds)])[:count]
    return task, budget[0] + (budget[1] - budget[0]) * torch.rand(count, generator=draw)


def validation_loss(logits: Tensor, labels: Tensor, kind: str) -> Tensor:
    """L_val of logits (n, C) and labels (n,): "cross-entropy" in nats, or "error", one minus the right class's
    probability, which is closer to what accuracy counts."""
    loss = F.cross_entropy(logits, labels, reduction="none")
    return (loss if kind == "cross-entropy" else 1 - torch.exp(-loss)).mean()


class Average:
    """The moving average of a generator's weights, theta' = decay theta' + (1 - decay) theta after each step.

    Single steps see a few images of a few scenarios, so the last weights are those of a random moment. Without ``decay``
    there is no average, and nothing changes.
    """

    def __init__(self, generator: ArchitectureGenerator, decay: float) -> None:
        self.generator = generator
        self.average = AveragedModel(generator, multi_avg_fn=get_ema_multi_avg_fn(decay)) if decay else None

    @property
    def modules(self) -> dict[str, torch.nn.Module]:
        """What a checkpoint must hold."""
        return {"generator": self.generator, **({"average": self.average} if self.average else {})}

    def update(self) -> None:
        """After a step of the optimiser."""
        if self.average:
            self.average.update_parameters(self.generator)

    def keep(self) -> None:
        """Training has ended: the generator's weights are the average."""
        if self.average:
            self.generator.load_state_dict(self.average.module.state_dict())


class _Loss:
    """L_val of a sub-network or of path weights on one scenario's images.

    The supernet runs with batch statistics (running statistics fit no sub-network) and is not changed. Its batch holds
    images of the scenario's task, and ``context_images`` of all tasks so that the statistics resemble those that
    calibration will use; only the task's images enter the loss, only the task's classes compete.
    """

    def __init__(
        self, supernet: Supernet, split: Split, tasks: TaskSet, settings: schema.Generator, devices: Devices
    ) -> None:
        self.supernet, self.split, self.tasks, self.settings, self.devices = supernet, split, tasks, settings, devices
        self.pools = [split.of_task(tasks, t).cpu() for t in range(len(tasks))]
        of_task = {f"generator.task_images ({tasks.names[t]})": len(pool) for t, pool in enumerate(self.pools)}
        devices.check({name: min(settings.task_images, count) for name, count in of_task.items()})
        devices.check({"generator.context_images": settings.context_images})

    def draw_images(self, task: int, draw: torch.Generator) -> list[tuple[Tensor, Tensor]]:
        """Indices of this device's images of the task and of all tasks, micro-batch by micro-batch; on the CPU."""
        pool, devices = self.pools[task], self.devices
        own = devices.share(pool[torch.randperm(len(pool), generator=draw)[: self.settings.task_images]])
        context = devices.share(torch.randint(len(self.split), (self.settings.context_images,), generator=draw))
        return [(own[i], context[j]) for i, j in zip(devices.micro(len(own)), devices.micro(len(context)), strict=True)]

    def of(self, which: Tensor | PathWeights, own: Tensor, context: Tensor) -> Tensor:
        images, labels = self.split.take(torch.cat([own, context]))
        run = self.supernet.forward_paths if isinstance(which, PathWeights) else self.supernet
        logits, labels = self.devices.forward(run, normalise(images), which)[: len(own)], labels[: len(own)]
        return validation_loss(own_task_logits(logits, labels, self.tasks), labels, self.settings.loss)

    def mean(self, choices: Sequence[Tensor | PathWeights], task: Tensor, draw: torch.Generator) -> list[Tensor]:
        """The losses of ``choices``, a scenario each; what is differentiated already comes detached."""
        losses, parts = [], self.devices.micro_batches
        for i, which in enumerate(choices):
            for own, context in self.draw_images(int(task[i]), draw):
                loss = self.of(which, own, context)
                if parts > 1:  # backward at once, so that only one micro-batch's activations are kept
                    (loss / (len(choices) * parts)).backward(retain_graph=True)
                    loss = loss.detach()
                losses.append(loss)
        return losses


def _choices(
    supernet: Supernet, z: Tensor, count: int, settings: schema.Generator, multi_path: bool, draw: torch.Generator
) -> tuple[Sequence[Tensor | PathWeights], Tensor]:
    """What logits choose for the first ``count`` scenarios, and the cost of all of them (m,) in millions."""
    if multi_path:
        paths = path_weights(z)
        weights = list(map(PathWeights, paths.blocks[:count].unbind(), paths.depths[:count].unbind()))
        return weights, expected_madds_millions(supernet.space, paths)
    gates = sample_gates(z, settings.tau, draw, settings.estimator)
    return list(gates[:count].unbind()), madds_millions(supernet.space, gates)


def train_generator(
    generator: ArchitectureGenerator,
    supernet: Supernet,
    split: Split,
    tasks: TaskSet,
    profile: schema.Profile,
    seed: int,
    folder: Path,
    devices: Devices = ALONE,
    **loop: Unpack[Options],
) -> tuple[list[dict[str, float]], float]:
    """Train the generator in place; returns (training curve, seconds).

    A generator with the heads of :mod:`eas_core.network.multi_path` trains its path weights instead of gates. Several
    ``devices`` share the images of each scenario.
    """
    settings, multi_path = profile.generator, makes_paths(generator)
    length = profile.multi_path if multi_path else settings  # whose steps, and scenarios per step
    count = length.scenarios_per_step
    optimizer = make_optimizer(generator, settings.optimizer)
    supernet.requires_grad_(False).train()
    generator.train()
    device, average = split.labels.device, Average(generator, settings.averaging)
    loss_of = _Loss(supernet, split, tasks, settings, devices)

    def step(index: int) -> Numbers:
        draw = rng(seed, "generator", index)
        if settings.schedule == "cosine":
            set_lr(optimizer, cosine(index, length.steps, settings.optimizer.lr, 0.0))
        task, budget = draw_scenarios(count + settings.cost_scenarios, len(tasks), settings.budget, draw)
        z = generator(task, budget)  # on the CPU, where it checks them
        choices, cost = _choices(supernet, z, count, settings, multi_path, draw)
        optimizer.zero_grad()
        losses = loss_of.mean(choices, task, draw)
        target = settings.aim * budget.to(device, non_blocking=True)
        loss = joint_loss(torch.stack(losses).mean(), cost, target, settings.lam)
        loss.backward()
        devices.average_gradients(generator)
        optimizer.step()
        average.update()
        error = ((cost.detach() - target).abs() / target).mean()
        return devices.mean({"validation loss": mean_of([x.detach() for x in losses]), "cost error": error})

    images_per_step = count * (settings.task_images + settings.context_images)
    name = "multi-path generator" if multi_path else "generator"
    with synchronised(supernet, devices):
        curve, seconds = train(
            name,
            folder,
            length.steps,
            average.modules,
            optimizer,
            step,
            images_per_step=images_per_step,
            devices=devices,
            **loop,
        )
    average.keep()
    return curve, seconds
