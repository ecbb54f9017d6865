"""Photographs that stay packed as JPEGs and are decoded when a batch asks for them.

:class:`Photographs` stands where a :class:`~eas_core.data.splits.Split` of drawn images has a uint8 tensor
(n, 3, r, r), and is indexed like one. What it returns is the usual test view: the short side becomes r * 256/224, of which the centre
r x r is kept. For training, :meth:`Photographs.crops` cuts random crops out of a photograph's own pixels.

Threads decode (``torchvision.io.decode_jpeg`` lets others run meanwhile), as many as this process may use cores.
"""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from data_prep.imagenet.reader import Packed

VIEW = 224 / 256  # side of the centre crop, as a share of the short side
AHEAD = 2  # training batches that are decoded before they are asked for
TRIES = 10  # boxes drawn for a crop; the first that fits is taken, as in torchvision
NUMBERS = 2 * TRIES + 3


class Part:
    """Some of a packed split's photographs, at places ``index``; what :class:`Photographs` asks a packed split for."""

    def __init__(self, packed: Packed | Part, index: Tensor) -> None:
        self.packed, self.places = packed, index.tolist()

    def __len__(self) -> int:
        return len(self.places)

    def decode(self, i: int) -> np.ndarray:
        return self.packed.decode(self.places[i])

    def fingerprint(self, i: int) -> bytes:
        return self.packed.fingerprint(self.places[i])


class Photographs:
    """The photographs of a split as views of ``resolution`` pixels.

    ``keep`` views stay in memory once decoded, as bytes, in that of the device on which they are asked for.
    """

    def __init__(self, packed: Packed | Part, resolution: int, keep: int, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)
        self.shape = torch.Size((len(packed), 3, resolution, resolution))
        self._packed, self._keep = packed, keep
        self._kept: dict[int, Tensor] = {}  # views by number, those used last at the end
        # Training batches by step: what was asked for, the tensor that it is decoded into, and who is at work on it.
        self._ahead: dict[int, tuple[tuple[Tensor, Tensor], Tensor, list[Future[None]]]] = {}

    def __len__(self) -> int:
        return len(self._packed)

    def at(self, index: Tensor) -> Photographs:
        """The photographs at places ``index`` (k,) alone."""
        return Photographs(Part(self._packed, index), self.shape[-1], len(index), self.device)

    def to(self, device: torch.device | str) -> Photographs:
        """The same photographs, whose batches arrive on a device."""
        moved = copy.copy(self)  # shares what is decoded, unless it lies elsewhere
        moved.device = torch.device(device)
        if moved.device != self.device:
            moved._kept = {}
        return moved

    def __getitem__(self, index: Any) -> Tensor:
        """Views, uint8 (..., 3, r, r), for any index that a tensor of the same length takes.

        A damaged photograph raises :class:`DataError`, here and in :meth:`crops`.
        """
        chosen = torch.arange(len(self))[index.cpu() if isinstance(index, Tensor) else index]
        numbers = chosen.flatten().tolist()
        missing = [i for i in dict.fromkeys(numbers) if i not in self._kept]
        for i, view in zip(missing, _threads().map(self._view, missing), strict=True):
            self._kept[i] = view.to(self.device)
        for i in numbers:
            self._kept[i] = self._kept.pop(i)
        empty = torch.empty((0, *self.shape[1:]), dtype=torch.uint8, device=self.device)
        views = torch.stack([self._kept[i] for i in numbers]) if numbers else empty
        for i in list(self._kept)[: max(0, len(self._kept) - self._keep)]:
            del self._kept[i]
        return views.reshape(*chosen.shape, *self.shape[1:])

    def split(self, size: int) -> Iterator[Tensor]:
        """All views in their order, ``size`` at a time."""
        return (self[start : start + size] for start in range(0, len(self), size))

    def fingerprints(self) -> set[bytes]:
        """SHA-256 of each packed JPEG: equal photographs have equal ones."""
        return set(_threads().map(self._packed.fingerprint, range(len(self))))

    def crops(self, step: int, plan: Callable[[int], tuple[Tensor, Tensor]]) -> Tensor:
        """Random crops for a training step, uint8 (m, 3, r, r); those of the next steps are decoded meanwhile.

        Args:
            step: of the training.
            plan: for a step, which photographs (m,) and the numbers (m, 23) of :func:`crop_numbers`. It depends on nothing
                but the step, so its batches can be made before their turn. What was made ahead is used only if it is of
                the very same photographs and numbers.
        """
        asked = plan(step)
        entry = self._ahead.pop(step, None)
        if entry is None or not all(map(torch.equal, entry[0], asked)):
            _cancel(entry[2] if entry else [])
            entry = asked, *self._start(asked)
        _, images, parts = entry
        waiting = {}
        for later in range(step + 1, step + 1 + AHEAD):
            if (started := self._ahead.pop(later, None)) is None:
                coming = plan(later)
                started = coming, *self._start(coming)
            waiting[later] = started
        for _, _, stale in self._ahead.values():
            _cancel(stale)
        self._ahead = waiting
        for part in parts:
            part.result()
        return images.to(self.device, non_blocking=True)

    def _start(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, list[Future[None]]]:
        """A tensor for the crops, and who puts them there. For a GPU it is pinned, so that it is copied beside the work."""
        pinned = self.device.type == "cuda"
        images = torch.empty((len(batch[0]), *self.shape[1:]), dtype=torch.uint8, pin_memory=pinned)
        rows = zip(images, *(values.tolist() for values in batch), strict=True)
        return images, [_threads().submit(self._crop, *row) for row in rows]

    def _view(self, i: int) -> Tensor:
        image = torch.from_numpy(self._packed.decode(i))
        height, width = image.shape[1:]
        side = round(VIEW * min(height, width))
        top, left = round((height - side) / 2), round((width - side) / 2)
        return resize(image[:, top : top + side, left : left + side], self.shape[-1])

    def _crop(self, out: Tensor, i: int, numbers: list[float]) -> None:
        image = torch.from_numpy(self._packed.decode(i))
        top, left, height, width = crop_box(image.shape[1], image.shape[2], numbers)
        crop = resize(image[:, top : top + height, left : left + width], self.shape[-1])
        out.copy_(crop.flip(2) if numbers[-1] < 0.5 else crop)


def resize(image: Tensor, resolution: int) -> Tensor:
    """A uint8 image (3, H, W) as (3, r, r); bilinear and antialiased, torchvision's default."""
    size = (resolution, resolution)
    return image if image.shape[1:] == size else F.interpolate(image[None], size, mode="bilinear", antialias=True)[0]


def crop_numbers(count: int, least_area: float, generator: torch.Generator) -> Tensor:
    """What ``count`` random crops take, (count, 23): ten areas (a share of the photograph), ten aspect ratios from 3/4 to
    4/3, where the box lies from top and from left (0 to 1), and whether to mirror (below 0.5)."""
    numbers = torch.rand(count, NUMBERS, generator=generator)
    numbers[:, :TRIES] = least_area + (1 - least_area) * numbers[:, :TRIES]
    numbers[:, TRIES : 2 * TRIES] = ((2 * numbers[:, TRIES : 2 * TRIES] - 1) * math.log(4 / 3)).exp()
    return numbers


def crop_box(height: int, width: int, numbers: list[float]) -> tuple[int, int, int, int]:
    """Top, left, height and width of a random crop, in pixels: torchvision's RandomResizedCrop.

    The first of the drawn boxes that fits is taken, or else the largest in the centre with an allowed aspect ratio.
    """
    for area, ratio in zip(numbers[:TRIES], numbers[TRIES : 2 * TRIES], strict=True):
        high, wide = (round(math.sqrt(area * height * width * x)) for x in (1 / ratio, ratio))
        if 0 < high <= height and 0 < wide <= width:
            down, right = numbers[2 * TRIES : 2 * TRIES + 2]
            return int(down * (height - high + 1)), int(right * (width - wide + 1)), high, wide
    high, wide = min(height, round(width * 4 / 3)), min(width, round(height * 4 / 3))
    return (height - high) // 2, (width - wide) // 2, high, wide


def _cancel(parts: list[Future[None]]) -> None:
    for part in parts:
        part.cancel()


AFFINITY = getattr(os, "sched_getaffinity", None)  # lists the cores that a process may use; Linux has it


def decoders(environment: Mapping[str, str], affinity: Callable[[int], Collection[int]] | None = AFFINITY) -> int:
    """How many threads decode: a thread a core, shared fairly by the processes that a launcher started on the machine."""
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, cores // int(environment.get("LOCAL_WORLD_SIZE", 1)))


@cache
def _threads() -> ThreadPoolExecutor:
    """One pool for all splits."""
    return ThreadPoolExecutor(decoders(os.environ), "decode")
