"""Splits, batches and augmentation.

Images live in memory as uint8 (n, 3, r, r), or are decoded when asked for (:mod:`eas_core.data.photographs`), and become
normalised float32 batches in channels-last layout. The three splits are disjoint and fixed by ``data.seed``; each has a
hash that goes into the records. The test split is for the final evaluation only: training and search never load it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from data_prep import SPLITS
from data_prep.catalogue import SOURCES, Wanted
from data_prep.imagenet import reader
from eas_core.base import records
from eas_core.base.devices import ALONE, Devices, on_device
from eas_core.base.errors import DataError, EASError
from eas_core.base.random import rng
from eas_core.data import sources
from eas_core.data.photographs import Photographs, crop_numbers
from eas_core.data.tasks import TaskSet
from eas_core.settings import profiles, schema

MEAN = (0.485, 0.456, 0.406)  # ImageNet's channel statistics, used for every profile
STD = (0.229, 0.224, 0.225)
_MEAN, _STD = (torch.tensor(values)[:, None, None] * 255 for values in (MEAN, STD))  # of bytes
KEPT = 4096  # decoded photographs of the training split that stay in memory: those that calibration asks for


@dataclass(frozen=True, eq=False)
class Split:
    """``images`` uint8 (n, 3, r, r) and ``labels`` int64 (n,), sorted by class; ``digest`` identifies the content."""

    name: str
    images: Tensor | Photographs
    labels: Tensor
    digest: str

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Images, uint8 (k, 3, r, r), and labels (k,) at places ``index`` (k,) that lie on the CPU.

        They come on the split's device, and the host does not wait for it.
        """
        places = index.to(self.labels.device, non_blocking=True)
        return self.images[index if isinstance(self.images, Photographs) else places], self.labels[places]

    def at(self, index: Tensor) -> Split:
        """The images at places ``index`` (k,), ascending, as a split of their own."""
        places = index.to(self.labels.device)
        images = self.images.at(index) if isinstance(self.images, Photographs) else self.images[places]
        digest = hashlib.sha256(self.digest.encode() + index.cpu().numpy().tobytes()).hexdigest()
        return Split(self.name, images, self.labels[places], digest)

    def of_task(self, tasks: TaskSet, task: int) -> Tensor:
        """Indices of the images whose class belongs to the task."""
        return (tasks.task_of(self.labels) == task).nonzero().flatten()

    def counts(self, tasks: TaskSet) -> list[int]:
        """Images of each class, by class number."""
        return torch.bincount(self.labels.cpu(), minlength=tasks.num_classes).tolist()

    def fingerprints(self) -> set[bytes]:
        """A hash of each image: an image that is in two splits has the same in both."""
        if isinstance(self.images, Photographs):
            return self.images.fingerprints()
        return {hashlib.sha256(image.tobytes()).digest() for image in self.images.cpu().numpy()}

    def to(self, device: torch.device | str) -> Split:
        """The same split with images and labels on a device."""
        return Split(self.name, self.images.to(device), self.labels.to(device), self.digest)


def load(settings: schema.Data, resolution: int, cache: Path, names: tuple[str, ...] = SPLITS) -> list[Split]:
    """The named splits at ``resolution`` pixels, prepared once and kept under ``cache``.

    The folder there is named by the settings and by the version of the stage ``data``.

    imagenet-10 and imagenet-12 are read from where ``eas prepare`` packed them instead. Photographs that are missing or
    damaged, and settings that do not fit the source, raise :class:`DataError`.
    """
    if wrong := profiles.wrong_data(settings):
        raise DataError(wrong)
    make = SOURCES[settings.source].make
    if make is None:
        return _packed(settings, resolution, names)
    paths = sources.cache(settings, resolution, cache)
    if not all(path.exists() for path in paths.values()):
        if settings.seed is None:
            raise DataError("data.seed: null stands for a run's own seed, and here is no run")
        per_class = {name: getattr(settings, f"{name}_per_class") for name in SPLITS}
        own = settings.listing or "", settings.groups or {}, settings.digest
        wanted = Wanted(settings.path, per_class, resolution, settings.seed, Path(cache), *own)
        for name, (images, labels) in make(wanted).items():
            digest = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
            tensors = {"images": torch.from_numpy(images), "labels": torch.from_numpy(labels)}
            records.save_tensors(paths[name], tensors, {"digest": digest})
    splits = []
    for name in names:
        path = paths[name]
        tensors, metadata = records.load_tensors(path, ("images", "labels"))
        if not isinstance(metadata.get("digest"), str):
            raise DataError(f"data: {path} has no digest; remove it to prepare the data again")
        splits.append(Split(name, tensors["images"], tensors["labels"], metadata["digest"]))
    return splits


def _packed(settings: schema.Data, resolution: int, names: tuple[str, ...]) -> list[Split]:
    path = sources.pack_path(settings)
    sources.pack_digest(settings)
    packed = reader.open_packed(path)
    splits = []
    for name in names:
        images = Photographs(packed[name], resolution, KEPT if name == "train" else len(packed[name]))
        splits.append(Split(name, images, torch.from_numpy(packed[name].labels), packed[name].digest))
    return splits


def parted(split: Split, count: int) -> tuple[Split, Split]:
    """A split in two: all but the last ``count`` images of each class, and these.

    A class with no more than ``count`` images raises :class:`EASError`.
    """
    labels = split.labels.cpu()
    last = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        places = (labels == label).nonzero().flatten()
        if len(places) <= count:
            of_class = f"class {int(label)} has {len(places)} validation images"
            raise EASError(f"specialize.images_per_class: {count}, but {of_class}; some must be left to learn from")
        last[places[-count:]] = True
    return split.at((~last).nonzero().flatten()), split.at(last.nonzero().flatten())


# ---------------------------------------------------------------- batches


def normalise(images: Tensor) -> Tensor:
    """uint8 or 0..255 float images (n, 3, r, r) to normalised float32, channels-last."""
    mean, std = on_device(_MEAN, images.device), on_device(_STD, images.device)
    return images.float().sub(mean).div_(std).contiguous(memory_format=torch.channels_last)


def augment(images: Tensor, settings: schema.Data, generator: torch.Generator, devices: Devices = ALONE) -> Tensor:
    """Randomly moved (``shift``) or cropped and mirrored (``crop``) copies of a uint8 batch, normalised.

    With several ``devices``, ``images`` are this one's share of a batch; numbers are drawn for the whole of it.
    """
    n, _, size, _ = images.shape
    whole = n * devices.count
    if settings.augment == "shift":
        most, device = settings.shift, images.device
        draws = torch.randint(2 * most + 1, (2, whole, 1), generator=generator) - most
        moves = devices.share(draws, 1).to(device, non_blocking=True)  # (2, n, 1): down and right
        rows, columns = (torch.arange(size, device=device) + moves).clamp(0, size - 1)  # the border is repeated
        index = torch.arange(n, device=device)[:, None, None]
        return normalise(images.permute(0, 2, 3, 1)[index, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2))
    low = settings.min_area
    area, aspect, dx, dy, flip = devices.share(torch.rand(5, whole, generator=generator), 1)
    scale = (low + (1 - low) * area).sqrt()
    stretch = torch.exp((aspect * 2 - 1) * 0.2877)  # aspect ratios 3/4 .. 4/3
    sx, sy = (scale * stretch.sqrt()).clamp(max=1), (scale / stretch.sqrt()).clamp(max=1)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = sx * torch.where(flip < 0.5, -1.0, 1.0)
    theta[:, 1, 1] = sy
    theta[:, 0, 2], theta[:, 1, 2] = (dx * 2 - 1) * (1 - sx), (dy * 2 - 1) * (1 - sy)
    grid = F.affine_grid(theta.to(images.device, non_blocking=True), [n, 3, size, size], align_corners=False)
    return normalise(F.grid_sample(images.float(), grid, padding_mode="reflection", align_corners=False))


def augmented(
    split: Split,
    step: int,
    indices: Callable[[int], Tensor],
    settings: schema.Data,
    draw: Callable[[int], torch.Generator],
    devices: Devices = ALONE,
) -> Tensor:
    """The augmented images of a training step, normalised float32 (m, 3, r, r).

    ``indices`` (m,) and ``draw`` are functions of the step alone: packed photographs use them to decode the next batches
    while this one is trained on. Their crops are cut from all of a photograph's pixels, not from its centre. With several
    ``devices``, ``indices`` are this one's share of a batch; numbers are drawn for the whole of it.
    """
    if settings.augment == "crop" and isinstance(split.images, Photographs):

        def plan(step: int) -> tuple[Tensor, Tensor]:
            index = indices(step)
            numbers = crop_numbers(len(index) * devices.count, settings.min_area, draw(step))
            return index, devices.share(numbers)

        return normalise(split.images.crops(step, plan))
    return augment(split.take(indices(step))[0], settings, draw(step), devices)


@lru_cache(maxsize=4)
def epoch_order(n: int, epoch: int, seed: int, name: str) -> Tensor:
    """The random order of ``n`` images in one epoch; the same whenever it is asked for. Do not change it in place."""
    return torch.randperm(n, generator=rng(seed, name, "order", epoch))


@lru_cache(maxsize=4)
def balanced_order(split: Split, epoch: int, seed: int, name: str) -> Tensor:
    """As many images as the split has, (n,), of each class n / C, one more or one less, in a random order.

    Of a larger class it has a part, another one in each epoch; those of a smaller class it has repeatedly, each about as often.
    """
    draw, labels = rng(seed, name, "order", epoch), split.labels.cpu()
    classes = labels.unique()
    shares = torch.full((len(classes),), len(labels) // len(classes))
    shares[torch.randperm(len(classes), generator=draw)[: len(labels) % len(classes)]] += 1
    chosen = []
    for label, share in zip(classes, shares.tolist(), strict=True):
        own = (labels == label).nonzero().flatten()
        rounds = -(-share // len(own))
        chosen += [own[torch.randperm(len(own), generator=draw)] for _ in range(rounds - 1)]
        chosen.append(own[torch.randperm(len(own), generator=draw)][: share - (rounds - 1) * len(own)])
    order = torch.cat(chosen)
    return order[torch.randperm(len(order), generator=draw)]
