"""What is known of a data source before its images are read: its tasks and classes, and which packed photographs."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep import SPLITS
from data_prep.catalogue import SOURCES
from data_prep.imagenet.index import describe
from eas_core.base import records
from eas_core.base.devices import on_device
from eas_core.base.errors import DataError, SpaceError
from eas_core.settings import schema
from eas_core.settings.stages import versions

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


def task_set(settings: schema.Data) -> TaskSet:
    """The tasks of a data source, with readable class names."""
    return TaskSet.from_groups(SOURCES[settings.source].readable_tasks())


def class_ids(settings: schema.Data) -> dict[str, tuple[str, ...]]:
    """Tasks and their classes as the source names them: WordNet ids for photographs, plain names for drawn images."""
    return dict(SOURCES[settings.source].tasks)


def cache(settings: schema.Data, resolution: int, folder: Path) -> dict[str, Path]:
    """The file in ``folder`` that each prepared split has; photographs of imagenet-10 and imagenet-12 have none.

    The folder in it is named by the settings and by the version of the stage ``data``.
    """
    relevant = settings.model_dump(include={"source", "seed", "train_per_class", "valid_per_class", "test_per_class"})
    own = Path(folder) / f"{settings.source}-{resolution}-{records.key({**relevant, 'versions': versions('data')})}"
    return {name: own / f"{name}.safetensors" for name in SPLITS}


def pack_digest(settings: schema.Data) -> str | None:
    """Ten digits that identify the packed photographs of imagenet-10 or imagenet-12; None for another source.

    They are read from the pack at ``data.path`` or, without a path, are ``data.digest``. A pack that is missing, or is
    not what the settings say, raises :class:`DataError` with the command that makes it.
    """
    if not SOURCES[settings.source].packed or (settings.path is None and settings.digest):
        return settings.digest
    path = pack_path(settings)
    try:
        about = describe(path)
    except DataError as error:
        raise DataError(f"data.path: {error}; {how_to_pack(settings)}") from None
    found = records.key(about["digest"])
    wnids = [wnid for group in SOURCES[settings.source].tasks.values() for wnid in group]
    for what, there, wanted in (
        ("photographs of", about["source"], settings.source),
        ("a hold-out of data.seed", about["seed"], settings.seed),
        ("classes of", records.key(about["classes"]), records.key(wnids)),
        ("photographs with data.digest", found, settings.digest or found),
    ):
        if there != wanted:
            raise DataError(f"data.path: {path} holds {what} {there}, not {wanted}; {how_to_pack(settings)}")
    return found


def pack_path(settings: schema.Data) -> str:
    """The folder that ``eas prepare`` filled; one that is not given raises :class:`DataError` with the command."""
    if settings.path is None:
        raise DataError(f"data.path: not set; {how_to_pack(settings)}")
    return settings.path


def check(settings: schema.Data, resolution: int, folder: Path) -> None:
    """Refuse, before any image is read, a data source that is not there; ``folder`` is where splits are kept."""
    source = SOURCES[settings.source]
    if source.packed:
        pack_path(settings)
        pack_digest(settings)
    elif source.check and settings.path is not None:
        if not all(path.exists() for path in cache(settings, resolution, folder).values()):
            source.check(settings.path)


def how_to_pack(settings: schema.Data) -> str:
    """The command that packs the photographs of a source."""
    seed = f" --set data.seed={settings.seed}" if settings.seed else ""
    command = f"eas prepare --profile {settings.source}{seed} --source YOUR_IMAGENET --out FOLDER"
    return f"make it with {command}, then give --set data.path=FOLDER"
