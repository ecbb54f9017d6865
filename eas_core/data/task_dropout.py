"""Task dropout: Eq. (A) and (B), and which classes compete."""

from __future__ import annotations

import torch
from torch import Tensor

from eas_core.base.devices import ALONE, Devices
from eas_core.base.errors import SpaceError
from eas_core.data.tasks import TaskSet

READINGS = ("exclude", "zero")
EXCLUDED = -1e4  # finite, so that distillation never multiplies 0 by infinity; exp(-1e4) is exactly 0 in float32


def task_dropout_mask(
    labels: Tensor, tasks: TaskSet, q: float, generator: torch.Generator, devices: Devices = ALONE
) -> Tensor:
    """The mask m of Eq. (A), shape (n, C), grouped by task as in Eq. (B); true means kept.

    For each image every task other than its own is dropped with probability ``q``, all classes of the task together;
    its own task is always kept. ``q=0`` drops nothing, ``q=1`` leaves the target task only. With several ``devices``,
    ``labels`` are this one's share of a batch; numbers are drawn for the whole of it.
    """
    drawn = torch.rand(len(labels) * devices.count, len(tasks), generator=generator)
    kept = devices.share(drawn)[:, tasks.task_of(torch.arange(tasks.num_classes))] >= q  # Eq. (B): one a class, (n, C)
    return tasks.own_classes(labels) | kept.to(labels.device, non_blocking=True)


def apply_mask(logits: Tensor, mask: Tensor, reading: str) -> Tensor:
    """Masked logits (n, C) of Eq. (A) in one of two readings.

    ``"zero"`` multiplies, as the equation is written: a dropped class still adds e^0 = 1 to the softmax's denominator.
    ``"exclude"`` takes dropped classes out of the softmax, which is what happens when the task is known at test time.
    ``mask`` is (n, C), true for kept; another reading raises :class:`SpaceError`.
    """
    if reading == "zero":
        return logits * mask
    if reading == "exclude":
        return logits.masked_fill(~mask, EXCLUDED)
    raise SpaceError(f"task_dropout.reading: {reading!r} is not one of {', '.join(READINGS)}")


def own_task_logits(logits: Tensor, labels: Tensor, tasks: TaskSet) -> Tensor:
    """Logits (n, C) in which only the classes of each image's own task compete; the rest are excluded.

    ``labels`` (n,) are class numbers. This is how task accuracy is measured: the task is known at test time.
    """
    return apply_mask(logits, tasks.own_classes(labels), "exclude")
