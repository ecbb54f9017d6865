"""Every data source that a profile can name. A new data set is a module that makes its splits, and an entry here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from data_prep import imagenet, shapes10, tiny_imagenet
from data_prep.own import listing
from data_prep.own.groups import readable
from data_prep.partition import Labelled


class Wanted(NamedTuple):
    """What a profile asks of a data source: its section ``data``, and the resolution of its space."""

    path: str | None  # where photographs lie, if that is said
    per_class: Mapping[str, int]  # images of a class in each split: {"train": 400, "valid": 100, "test": 100}
    resolution: int  # pixels
    seed: int
    cache: Path  # a folder for what must be downloaded
    listing: str = ""  # of somebody's own pictures: the CSV that names them
    groups: Mapping[str, tuple[str, ...]] = MappingProxyType({})  # their tasks
    digest: str | None = None  # which list it must be


@dataclass(frozen=True)
class Source:
    """A data set: its tasks, and how its splits are made.

    ``make`` gives the three splits, ``{"train": (images, labels), ...}``. Without it ``eas prepare`` packs photographs,
    and the pack says how many there are. ``check`` raises :class:`DataError` if a path holds something else; it reads no
    image.
    """

    tasks: Mapping[str, tuple[str, ...]]  # task -> its classes, as the source names them; empty: a profile names them
    make: Callable[[Wanted], dict[str, Labelled]] | None = None
    names: Mapping[str, str] = field(default_factory=dict)  # of a class, where it has one that is easier to read
    check: Callable[[str], None] | None = None

    @property
    def listed(self) -> bool:
        """Whether a profile says which pictures there are, and their tasks."""
        return not self.tasks

    @property
    def drawn(self) -> bool:
        """Whether the kit draws the images itself, so that they have no owner and need no files."""
        return self.make is not None and self.check is None

    @property
    def packed(self) -> bool:
        """Whether photographs are packed beforehand and decoded during the training."""
        return self.make is None

    def readable_tasks(self, groups: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        """The tasks, or those that a profile names, with readable names of their classes."""
        tasks = self.tasks or groups
        names = self.names or readable(tasks)
        return {task: tuple(names.get(c, c) for c in classes) for task, classes in tasks.items()}


def _shapes10(wanted: Wanted) -> dict[str, Labelled]:
    sizes = wanted.per_class.items()
    return {split: shapes10.draw_split(split, n, wanted.resolution, wanted.seed) for split, n in sizes}


def _tiny_imagenet(wanted: Wanted) -> dict[str, Labelled]:
    return tiny_imagenet.splits(wanted.path, wanted.per_class, wanted.resolution, wanted.seed, wanted.cache)


def _pictures(wanted: Wanted) -> dict[str, Labelled]:
    path, groups = wanted.path or "", wanted.groups
    return listing.splits(path, wanted.listing, groups, wanted.digest, wanted.resolution)


OWN = "own-pictures"  # somebody's, in a folder

#: The data sources by the name that a profile gives as ``data.source``.
#:
#: :meta hide-value:
SOURCES: dict[str, Source] = {
    "shapes10": Source(shapes10.TASKS, _shapes10),
    "tiny-imagenet": Source(tiny_imagenet.TASKS, _tiny_imagenet, tiny_imagenet.CLASS_NAMES, tiny_imagenet.check),
    OWN: Source({}, _pictures, check=listing.check),
    **{name: Source(tasks, names=imagenet.CLASS_NAMES) for name, tasks in imagenet.TASKS.items()},
}
