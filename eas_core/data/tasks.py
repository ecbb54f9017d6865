"""Tasks as groups of classes."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eas_core.base.devices import on_device
from eas_core.base.errors import SpaceError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class TaskSet:
    """The groups G^1 .. G^T: ``names[t]`` is a task, ``classes[t]`` its class indices, ``class_names[c]`` a class.

    The groups are disjoint and cover 0 .. C-1, or the constructor raises :class:`SpaceError`.

    >>> tasks = TaskSet.from_groups({"pets": ("cat", "dog"), "fruit": ("fig", "kiwi", "lime")})
    >>> tasks.classes, tasks.num_classes, tasks.index("fruit")
    (((0, 1), (2, 3, 4)), 5, 1)
    >>> tasks.index("cars")
    Traceback (most recent call last):
    eas_core.base.errors.SpaceError: task: 'cars' is not one of pets, fruit (or 0..1)
    """

    names: tuple[str, ...]
    classes: tuple[tuple[int, ...], ...]
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
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
        return _tables(self.classes)[0].clone()

    def task_of(self, labels: Tensor) -> Tensor:
        """Task number of each label, same shape."""
        return on_device(_tables(self.classes)[1], labels.device)[labels]

    def own_classes(self, labels: Tensor) -> Tensor:
        """Which classes are of each label's own task, bool (n, C)."""
        return on_device(_tables(self.classes)[2], labels.device)[labels]


@functools.cache
def _tables(classes: tuple[tuple[int, ...], ...]) -> tuple[Tensor, Tensor, Tensor]:
    """What is looked up in each step: membership (T, C), the task of each class (C,), the classes of its task (C, C)."""
    import torch

    member = torch.zeros(len(classes), sum(map(len, classes)), dtype=torch.bool)
    for t, group in enumerate(classes):
        member[t, list(group)] = True
    task = member.int().argmax(0)
    return member, task, member[task]
