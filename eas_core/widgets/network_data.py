"""What the network in the page carries: the supernet's weights in half precision, and pictures to calibrate on.

``network.js`` cuts a sub-network out of them, calibrates it and runs it; a test compares its logits with the library's.
"""

from __future__ import annotations

import copy
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from data_prep import catalogue
from eas_core.base.errors import EASError
from eas_core.data.splits import MEAN, STD, Split
from eas_core.network.calibrate import calibrate
from eas_core.network.subnetwork import Network
from eas_core.network.supernet import Supernet
from eas_core.runs.releases import Release

#: Pictures of each class that a network in the page is calibrated on, after ``benchmarks/results/page_calibration.json``.
PER_CLASS = 2


def facts(release: Release) -> dict:
    """What ``network.js`` must know beside weights, JSON-able: the space, names and shapes of weights, normalisation."""
    return {
        "space": asdict(release.supernet.space),
        "layout": [[name, list(tensor.shape)] for name, tensor in release.supernet.named_parameters()],
        "mean": list(MEAN),
        "std": list(STD),
    }


def weight_bytes(supernet: Supernet) -> bytes:
    """All weights, float16 little-endian, one after another in the order of ``facts(release)["layout"]``.

    No statistics of BatchNorm: no sub-network could use them.
    """
    return b"".join(t.detach().cpu().numpy().astype("<f2").tobytes() for t in supernet.parameters())


def rounded(supernet: Supernet) -> Supernet:
    """A copy of a supernet with the weights that a page has: those that half precision can hold."""
    supernet = copy.deepcopy(supernet)
    with torch.no_grad():
        for weight in supernet.parameters():
            weight.copy_(weight.half().float())
    return supernet


def calibrated(network: Network, images: torch.Tensor) -> Network:
    """An extracted network with the statistics of one batch of images, uint8 (n, 3, r, r), as a page computes them."""
    labels = torch.zeros(len(images), dtype=torch.long)  # which have no influence
    return calibrate(network, Split("page", images, labels, "page"), len(images), len(images), seed=0)


def picture_bytes(images: np.ndarray) -> bytes:
    """Images uint8 (n, 3, r, r) in the page's order: n, row, column, colour."""
    return images.transpose(0, 2, 3, 1).tobytes()


def drawn(release: Release, split: str, per_class: int) -> np.ndarray:
    """The first images of each class in a split, uint8 (n, 3, r, r), drawn anew by the release's data source.

    A source that cannot draw (photographs) raises :class:`EASError`: pages carry no photographs.
    """
    settings, resolution = release.profile.data, release.profile.space.resolution
    source = catalogue.SOURCES[settings.source]
    if source.make is None or not source.drawn:
        able = ", ".join(name for name, other in catalogue.SOURCES.items() if other.drawn)
        raise EASError(f"data.source: {settings.source!r} cannot be drawn for a page; {able} can")
    seed = release.seed if settings.seed is None else settings.seed
    return source.make(catalogue.Wanted(None, {split: per_class}, resolution, seed, Path()))[split][0]
