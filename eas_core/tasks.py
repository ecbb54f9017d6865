"""Tasks as groups of classes, and task dropout: Eq. (A) and (B)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eas_core.errors import SpaceError

READINGS = ("exclude", "zero")
EXCLUDED = -1e4  # finite, so that distillation never multiplies 0 by infinity; exp(-1e4) is exactly 0 in float32


@dataclass(frozen=True)
class TaskSet:
    """The groups G^1 .. G^T: ``names[t]`` is a task, ``classes[t]`` its class indices, ``class_names[c]`` a class.

    The groups are disjoint and cover 0 .. C-1, or the constructor raises :class:`SpaceError`.
    """

    names: tuple[str, ...]
    classes: tuple[tuple[int, ...], ...]
    class_names: tuple[str, ...]

    def __post_init__(self):
        flat = [c for group in self.classes for c in group]
        if sorted(flat) != list(range(len(self.class_names))) or len(self.names) != len(self.classes):
            raise SpaceError(f"tasks: groups must be disjoint and cover classes 0..{len(self.class_names) - 1} exactly")
        if len(set(self.names)) != len(self.names):
            raise SpaceError(f"tasks: names {self.names} are not all different")

    @staticmethod
    def from_groups(groups: dict[str, tuple[str, ...]]) -> TaskSet:
        """``{"Dog": ("Chihuahua", ...), ...}``: classes are numbered in the order given."""
        classes, start = [], 0
        for names in groups.values():
            classes.append(tuple(range(start, start + len(names))))
            start += len(names)
        return TaskSet(tuple(groups), tuple(classes), tuple(name for names in groups.values() for name in names))

    @property
    def num_classes(self) -> int:
        """C, the number of classes of all tasks together."""
        return len(self.class_names)

    def __len__(self) -> int:
        return len(self.names)

    def index(self, task: str | int) -> int:
        """Number of a task given by name or number; an unknown one raises :class:`SpaceError` listing what there is."""
        if isinstance(task, str) and task in self.names:
            return self.names.index(task)
        for number in range(len(self)):
            if task in (number, str(number)):
                return number
        raise SpaceError(f"task: {task!r} is not one of {', '.join(self.names)} (or 0..{len(self) - 1})")

    def membership(self) -> Tensor:
        """(T, C) of booleans: whether class c belongs to task t."""
        table = torch.zeros(len(self), self.num_classes, dtype=torch.bool)
        for t, group in enumerate(self.classes):
            table[t, list(group)] = True
        return table

    def task_of(self, labels: Tensor) -> Tensor:
        """Task number of each label, same shape."""
        return self.membership().int().argmax(0).to(labels.device)[labels]


def task_dropout_mask(labels: Tensor, tasks: TaskSet, q: float, generator: torch.Generator) -> Tensor:
    """The mask m of Eq. (A), shape (n, C), grouped by task as in Eq. (B); true means kept.

    For each image every task other than its own is dropped with probability ``q``, all classes of the task together;
    its own task is always kept. ``q=0`` drops nothing, ``q=1`` leaves the target task only.
    """
    own = torch.nn.functional.one_hot(tasks.task_of(labels), len(tasks)).bool()
    kept = torch.rand(len(labels), len(tasks), generator=generator).to(labels.device) >= q
    return _by_class(own | kept, tasks)


def _by_class(task_mask: Tensor, tasks: TaskSet) -> Tensor:
    """Eq. (B): a decision a task (n, T) becomes one a class (n, C)."""
    return task_mask[:, tasks.task_of(torch.arange(tasks.num_classes)).to(task_mask.device)]


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
    own = torch.nn.functional.one_hot(tasks.task_of(labels), len(tasks)).bool()
    return apply_mask(logits, _by_class(own, tasks), "exclude")
