"""BatchNorm re-calibration.

A sub-network shares its weights with all others, but the running statistics of the supernet fit none of them: used as
they are, accuracy can fall to chance. Calibration replaces them by the statistics of this very network on training
images. It works on an extracted copy and changes nothing else.
"""

from __future__ import annotations

import torch
from torch import nn

from eas_core.base.errors import SpaceError
from eas_core.base.random import rng
from eas_core.data.splits import Split, normalise
from eas_core.network.subnetwork import Network
from eas_core.network.supernet import Supernet


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
