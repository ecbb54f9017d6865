"""BatchNorm re-calibration.

A sub-network shares its weights with all others, but the running statistics of the supernet fit none of them: used as
they are, accuracy can fall to chance. Calibration replaces them by the statistics of this very network on training
images. It works on an extracted copy and changes nothing else.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import torch
from torch import Tensor, nn

from eas_core.base.errors import SpaceError
from eas_core.base.random import rng
from eas_core.data.splits import Split, normalise
from eas_core.network.subnetwork import Network
from eas_core.network.supernet import Supernet
from eas_core.space.search_space import Architecture

KEPT = 1024  # networks whose statistics are remembered, some 40 kB each


def calibrated(
    supernet: Supernet, architecture: Architecture, split: Split, images: int, batch_size: int, seed: int
) -> Network:
    """The network of an architecture, extracted from ``supernet`` and calibrated (:func:`calibrate`).

    Searches choose networks that tests then score: statistics found before in this process, with the same weights, images
    and seed, are taken from memory.
    """
    network = supernet.extract(architecture)
    device = str(next(network.parameters()).device)
    kept = _statistics(_fingerprint(supernet), architecture, split.digest, images, batch_size, seed, device)
    if not kept:
        kept.extend(buffer.clone() for buffer in calibrate(network, split, images, batch_size, seed).buffers())
    for buffer, known in zip(network.buffers(), kept, strict=True):
        buffer.copy_(known)
    return network


@lru_cache(maxsize=KEPT)
def _statistics(*made_from: object) -> list[Tensor]:
    """Running statistics that depend on ``made_from`` alone: an empty list at first, for the caller to fill."""
    return []


def _fingerprint(supernet: Supernet) -> bytes:
    """Changes with any weight."""
    content = hashlib.blake2b(repr(supernet.space).encode())
    for weight in supernet.parameters():
        content.update(weight.detach().cpu().flatten().numpy().tobytes())
    return content.digest()


@torch.no_grad()
def calibrate(network: Network, split: Split, images: int, batch_size: int, seed: int) -> Network:
    """Set the running statistics of an extracted network to their mean over ``images`` random training images.

    The mean is over batches of ``batch_size``, weighted by their images, since the last one may be shorter. The same
    images are used for every network of a ``seed``. Returns the network in eval mode. A
    :class:`~eas_core.network.supernet.Supernet` raises :class:`SpaceError`: its statistics are shared. So does the test
    split: no statistics may come from it.

    >>> from eas_core import SMALLEST, Supernet, make_run
    >>> run = make_run("smoke", progress=False)
    >>> (train,) = run.splits("train")
    >>> network = Supernet(run.profile.search_space()).extract(SMALLEST)
    >>> network = calibrate(network.to(run.device), train, images=64, batch_size=32, seed=0)
    >>> network.training
    False
    """
    if isinstance(network, Supernet):
        raise SpaceError("calibrate: got the supernet; calibrate an extracted copy, supernet.extract(architecture)")
    if split.name == "test":
        raise SpaceError("calibrate: split 'test' given; statistics must come from training images")
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
    network.train()
    order = torch.randperm(len(split), generator=rng(seed, "calibration"))[:images]
    seen = 0
    for index in order.split(min(batch_size, len(order))):
        seen += len(index)
        for norm in norms:
            norm.momentum = len(index) / seen  # the mean over batches by their images: the last one may be shorter
        network(normalise(split.take(index)[0]))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return network.eval()
