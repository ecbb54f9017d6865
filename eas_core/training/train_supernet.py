"""Teacher, then supernet: progressive shrinking with distillation and task dropout (section 3.1, once-for-all section 3).

The teacher is the largest sub-network trained alone, without task dropout (section 6.2). The supernet starts from its
weights; kernel size, then depth, then width become elastic, stage by stage. Stages are data: see ``supernet.stages`` of
a profile.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Unpack

import torch
import torch.nn.functional as F
from torch import Tensor

from eas_core.base.devices import ALONE, Devices
from eas_core.base.random import rng
from eas_core.data.splits import Split, augmented, balanced_order, epoch_order, normalise
from eas_core.data.task_dropout import apply_mask, own_task_logits, task_dropout_mask
from eas_core.data.tasks import TaskSet
from eas_core.network.norm import synchronised
from eas_core.network.supernet import Supernet
from eas_core.settings import schema
from eas_core.space.search_space import EXPANSIONS, LARGEST, Architecture, sample
from eas_core.training.loop import Numbers, Options, cosine, make_optimizer, mean_of, set_lr, train


def batch(
    split: Split,
    step: int,
    batch_size: int,
    settings: schema.Data,
    seed: int,
    name: str,
    devices: Devices = ALONE,
) -> tuple[Tensor, Tensor, Tensor]:
    """The augmented training batch of one step: images (n, 3, r, r), labels (n,), indices (n,).

    Drawn from ``seed``, ``name`` and ``step`` alone. A last partial batch is dropped.
    With several ``devices`` the step's batch is the same, and this is this device's share of it.
    """
    batch_size = min(batch_size, len(split))

    def indices(step: int) -> Tensor:
        epoch, position = divmod(step, len(split) // batch_size)
        if settings.sampling == "balanced":
            order = balanced_order(split, epoch, seed, name)
        else:
            order = epoch_order(len(split), epoch, seed, name)
        return devices.share(order[position * batch_size : (position + 1) * batch_size])

    images = augmented(split, step, indices, settings, lambda step: rng(seed, name, "augment", step), devices)
    index = indices(step).to(split.labels.device, non_blocking=True)
    return images, split.labels[index], index


def steps_of(epochs: float, split: Split, batch_size: int) -> int:
    """Steps in a number of epochs (fractions of an epoch count), at least 1; last partial batches are dropped."""
    return max(1, round(epochs * (len(split) // min(batch_size, len(split)))))


def train_teacher(
    network: Supernet,
    split: Split,
    profile: schema.Profile,
    seed: int,
    folder: Path,
    devices: Devices = ALONE,
    *,
    tasks: TaskSet,
    **loop: Unpack[Options],
) -> tuple[list[dict[str, float]], float]:
    """Train the largest sub-network in place, without task dropout (section 6.2); returns (training curve, seconds)."""
    settings = profile.teacher
    optimizer = make_optimizer(network, settings.optimizer)
    steps = steps_of(settings.epochs, split, settings.batch_size)
    devices.check({"teacher.batch_size": min(settings.batch_size, len(split))})
    network.train()

    def step(index: int) -> Numbers:
        images, labels, _ = batch(split, index, settings.batch_size, profile.data, seed, "teacher", devices)
        set_lr(optimizer, cosine(index, steps, settings.optimizer.lr, settings.warmup))

        def loss(logits: Tensor, part: slice) -> Tensor:
            return F.cross_entropy(logits, labels[part], label_smoothing=settings.label_smoothing)

        return _update(network, [LARGEST], images, labels, tasks, loss, optimizer, devices)

    modules, images_per_step = {"network": network}, settings.batch_size
    with synchronised(network, devices):
        return train(
            "teacher", folder, steps, modules, optimizer, step, images_per_step=images_per_step, devices=devices, **loop
        )


def _update(
    network: Supernet,
    subnets: list[Architecture],
    images: Tensor,
    labels: Tensor,
    tasks: TaskSet,
    loss_of: Callable[[Tensor, slice], Tensor],
    optimizer: torch.optim.Optimizer,
    devices: Devices,
) -> Numbers:
    """One update by the mean loss of sub-networks on a batch, ``loss_of`` the logits of a part of the images."""
    optimizer.zero_grad()
    losses, accuracy = [], []
    for architecture in subnets:
        for part in devices.micro(len(labels)):
            logits = devices.forward(network, images[part], architecture)
            loss = loss_of(logits, part)
            (loss / (len(subnets) * devices.micro_batches)).backward()
            losses.append(loss.detach())
            right = own_task_logits(logits.detach(), labels[part], tasks).argmax(1) == labels[part]
            accuracy.append(right.float().mean())
    devices.average_gradients(network)
    optimizer.step()
    return devices.mean({"loss": mean_of(losses), "task accuracy": mean_of(accuracy)})


def distillation_loss(logits: Tensor, teacher_logits: Tensor) -> Tensor:
    """Cross-entropy against the teacher's soft labels, both logits (n, C), temperature 1, averaged over the batch.

    Hinton et al. (2015).
    """
    return -(teacher_logits.softmax(1) * logits.log_softmax(1)).sum(1).mean()


@torch.no_grad()
def teacher_logits(teacher: Supernet, split: Split, batch_size: int = 512, devices: Devices = ALONE) -> Tensor:
    """The teacher's logits (n, C) on the images of a split as they are, without augmentation."""
    batches = split.images.split(batch_size)
    return torch.cat([devices.forward(teacher, normalise(images), LARGEST) for images in batches])


def train_supernet(
    network: Supernet,
    teacher: Supernet | None,
    split: Split,
    profile: schema.Profile,
    seed: int,
    folder: Path,
    devices: Devices = ALONE,
    *,
    tasks: TaskSet,
    **loop: Unpack[Options],
) -> tuple[list[dict[str, float]], float]:
    """Progressive shrinking in place, all stages in order; returns (training curve, seconds).

    Each step averages the loss of ``subnets_per_step`` random sub-networks of the stage. Task dropout draws one mask
    a batch (Eq. (A)-(B), a Bernoulli draw an image and task) that the teacher's logits get too.
    """
    settings, dropout = profile.supernet, profile.supernet.task_dropout
    optimizer = make_optimizer(network, settings.optimizer)
    lengths = [steps_of(stage.epochs, split, settings.batch_size) for stage in settings.stages]
    devices.check({"supernet.batch_size": min(settings.batch_size, len(split))})
    network.train()
    soft_labels = _soft_labels(teacher, split, settings, devices)

    def step(index: int) -> Numbers:
        number = bisect_right(list(accumulate(lengths)), index)  # of the stage, and the step in it
        stage, local = settings.stages[number], index - sum(lengths[:number])
        if local == 0 and _width_becomes_elastic(settings.stages, number):
            network.sort_channels()  # once-for-all: channels by importance before width becomes elastic
            optimizer.state.clear()  # the optimiser's moments belong to the old order
        set_lr(optimizer, cosine(local, lengths[number], settings.peak_lr(stage), settings.warmup))
        images, labels, chosen = batch(split, index, settings.batch_size, profile.data, seed, "supernet", devices)
        draw = rng(seed, "supernet", "draw", index)
        mask = task_dropout_mask(labels, tasks, dropout.q, draw, devices)
        soft = apply_mask(soft_labels(images, chosen), mask, dropout.reading) if soft_labels else None

        def loss(logits: Tensor, part: slice) -> Tensor:
            logits = apply_mask(logits, mask[part], dropout.reading)
            hard = F.cross_entropy(logits, labels[part])
            return hard if soft is None else hard + settings.distillation * distillation_loss(logits, soft[part])

        choices = stage.depths, stage.expansions, stage.kernels
        subnets = [sample(draw, *choices) for _ in range(settings.subnets_per_step)]
        return _update(network, subnets, images, labels, tasks, loss, optimizer, devices)

    modules, images_per_step = {"network": network}, settings.batch_size * settings.subnets_per_step
    with synchronised(network, devices):
        return train(
            "supernet",
            folder,
            sum(lengths),
            modules,
            optimizer,
            step,
            images_per_step=images_per_step,
            devices=devices,
            **loop,
        )


def _soft_labels(
    teacher: Supernet | None, split: Split, settings: schema.Supernet, devices: Devices
) -> Callable[[Tensor, Tensor], Tensor] | None:
    """The teacher's logits for a batch, given its images and their indices in the split; None if none are asked for."""
    if teacher is None or settings.distillation == 0:
        return None
    teacher.eval().requires_grad_(False)
    if settings.cached_teacher:
        cached = teacher_logits(teacher, split, devices=devices)
        return lambda _, chosen: cached[chosen]
    return torch.no_grad()(lambda images, _: devices.forward(teacher, images, LARGEST))


def _width_becomes_elastic(stages: tuple[schema.Shrinking, ...], number: int) -> bool:
    """True for the first stage that samples any expansion ratio below the largest."""
    elastic = [any(ratio < EXPANSIONS[-1] for ratio in stage.expansions) for stage in stages]
    return elastic[number] and not any(elastic[:number])
