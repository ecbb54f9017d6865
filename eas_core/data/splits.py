"""Splits, batches and augmentation.

Images live in memory as uint8 (n, 3, r, r), or are decoded when asked for (:mod:`eas_core.data.photographs`), and become
normalised float32 batches in channels-last layout. The three splits are disjoint and fixed by ``data.seed``; each has a hash that goes into the records. The test split is for the
final evaluation only: training and search never load it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from data_prep import shapes10, tiny_imagenet
from data_prep.imagenet import reader
from data_prep.imagenet.index import SPLITS
from eas_core.base import records
from eas_core.base.devices import ALONE, Devices, on_device
from eas_core.base.errors import DataError
from eas_core.base.random import rng
from eas_core.data import sources
from eas_core.data.photographs import Photographs, crop_numbers
from eas_core.data.sources import TaskSet, class_ids, how_to_pack, pack_digest, task_set  # noqa: F401 - names of this module too
from eas_core.settings import profiles

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


def load(settings: profiles.Data, resolution: int, cache: Path, names: tuple[str, ...] = SPLITS) -> list[Split]:
    """The named splits at ``resolution`` pixels, prepared once and kept under ``cache``.

    The folder there is named by the settings and by the version of the stage ``data``.

    imagenet-10 and imagenet-12 are read from where ``eas prepare`` packed them instead. Photographs that are missing or
    damaged, and settings that do not fit the source, raise :class:`DataError`.
    """
    if wrong := profiles.wrong_data(settings):
        raise DataError(wrong)
    if settings.source in profiles.PACKED:
        return _packed(settings, resolution, names)
    paths = sources.cache(settings, resolution, cache)
    if not all(path.exists() for path in paths.values()):
        for name, (images, labels) in _prepare(settings, resolution, Path(cache)).items():
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


def _prepare(settings: profiles.Data, resolution: int, cache: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    per_class = {name: getattr(settings, f"{name}_per_class") for name in SPLITS}
    if settings.source == "shapes10":
        return {name: shapes10.draw_split(name, n, resolution, settings.seed) for name, n in per_class.items()}
    photographs = tiny_imagenet.load(settings.path or _official_zip(cache), resolution)
    pool, test = (
        (photographs.train_images, photographs.train_labels),
        (photographs.test_images, photographs.test_labels),
    )
    for names, labels in ((("train", "valid"), pool[1]), (("test",), test[1])):
        wanted, smallest = sum(per_class[name] for name in names), np.bincount(labels).min()
        if wanted > smallest:
            asked = " + ".join(f"data.{name}_per_class" for name in names)
            raise DataError(f"{asked} = {wanted}, but a class has only {smallest} images")
    train, valid = hold_out(pool[1], per_class["valid"], settings.seed)
    train = np.concatenate([train[pool[1][train] == c][: per_class["train"]] for c in np.unique(pool[1])])
    kept = np.concatenate([np.flatnonzero(test[1] == c)[: per_class["test"]] for c in np.unique(test[1])])
    return {
        "train": (pool[0][train], pool[1][train]),
        "valid": (pool[0][valid], pool[1][valid]),
        "test": (test[0][kept], test[1][kept]),
    }


def _packed(settings: profiles.Data, resolution: int, names: tuple[str, ...]) -> list[Split]:
    if settings.path is None:
        raise DataError(f"data.path: not set; {how_to_pack(settings)}")
    pack_digest(settings)
    packed = reader.open_packed(settings.path)
    splits = []
    for name in names:
        images = Photographs(packed[name], resolution, KEPT if name == "train" else len(packed[name]))
        splits.append(Split(name, images, torch.from_numpy(packed[name].labels), packed[name].digest))
    return splits


def _official_zip(cache: Path) -> Path:
    """Tiny-ImageNet's zip when no ``data.path`` is given: downloaded once into the cache, its SHA-256 checked."""
    try:
        return tiny_imagenet.download(cache)
    except DataError as error:
        raise DataError(f"data.path: not set, and {error}; or give the zip, --set data.path=FILE.zip") from error


def hold_out(labels: np.ndarray, per_class: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Disjoint indices (train, valid): ``per_class`` random images of each class are held out, the same for a seed."""
    rng = np.random.default_rng([seed, 0x5EED])
    valid = np.concatenate([rng.permutation(np.flatnonzero(labels == c))[:per_class] for c in np.unique(labels)])
    valid.sort()
    return np.setdiff1d(np.arange(len(labels)), valid), valid


# ---------------------------------------------------------------- batches


def normalise(images: Tensor) -> Tensor:
    """uint8 or 0..255 float images (n, 3, r, r) to normalised float32, channels-last."""
    mean, std = on_device(_MEAN, images.device), on_device(_STD, images.device)
    return images.float().sub(mean).div_(std).contiguous(memory_format=torch.channels_last)


def augment(images: Tensor, settings: profiles.Data, generator: torch.Generator, devices: Devices = ALONE) -> Tensor:
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
    settings: profiles.Data,
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
