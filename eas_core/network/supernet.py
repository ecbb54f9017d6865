"""The supernet: one set of weights, three views that agree.

supernet(x, architecture)   slices the weights; what sub-network training uses
supernet(x, gates)          multiplies by 0/1 masks, differentiable in the gates; what generator training uses
supernet.extract(arch)      a plain network with copied weights; what users get
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from eas_core.base.errors import SpaceError
from eas_core.network.elastic import ElasticBlock, kernel_mask, nested_masks
from eas_core.network.multi_path import PathWeights
from eas_core.network.subnetwork import Head, InvertedResidual, Network, Stem
from eas_core.space.cost_tables import depth_gates
from eas_core.space.search_space import (
    BLOCKS,
    BLOCKS_PER_UNIT,
    DEPTHS,
    EXPANSIONS,
    GATES,
    KERNEL_PAIRS,
    KERNELS,
    WIDTH_PAIRS,
    Architecture,
    SearchSpace,
    nest,
)


class Supernet(nn.Module):
    """All architectures of a space in one set of weights. Images are (n, 3, r, r), logits (n, classes).

    >>> from eas_core import SMALLEST, SearchSpace
    >>> from eas_core.space.search_space import to_gates
    >>> space = SearchSpace(num_classes=6, resolution=16, widths=(8, 8, 16, 16, 24), final_width=32, head_width=32)
    >>> supernet, images = Supernet(space).eval(), torch.rand(2, 3, 16, 16)
    >>> sliced, masked = supernet(images, SMALLEST), supernet(images, to_gates([SMALLEST])[0])
    >>> extracted = supernet.extract(SMALLEST)(images)  # three views of one network
    >>> torch.allclose(sliced, masked, atol=1e-5), torch.allclose(sliced, extracted, atol=1e-5)
    (True, True)
    """

    def __init__(self, space: SearchSpace):
        super().__init__()
        self.space = space
        self.stem = Stem(space)
        blocks, in_width = [], space.first_width
        for block in range(BLOCKS):
            unit = block // BLOCKS_PER_UNIT
            stride = space.strides[unit] if block % BLOCKS_PER_UNIT == 0 else 1
            blocks.append(
                ElasticBlock(in_width, space.widths[unit], stride, space.hswish[unit], space.squeeze_excite[unit])
            )
            in_width = space.widths[unit]
        self.blocks = cast("Sequence[ElasticBlock]", nn.ModuleList(blocks))
        self.head = Head(space)

    def forward(self, x: Tensor, which: Architecture | Tensor) -> Tensor:
        """Logits of one sub-network, given as an architecture (slices) or as gates of shape (90,) (masks)."""
        if isinstance(which, Architecture):
            return self._sliced(x, which)
        if which.shape != (GATES,):
            raise SpaceError(f"gates: shape {tuple(which.shape)}, ({GATES},) needed (one scenario a call)")
        return self._gated(x, which)

    def _sliced(self, x: Tensor, architecture: Architecture) -> Tensor:
        x = self.stem(x)
        for i, block in enumerate(self.blocks):
            if architecture.active(i):
                x = block(x, architecture.kernel[i], architecture.expand[i])
        logits: Tensor = self.head(x)
        return logits

    def _gated(self, x: Tensor, gates: Tensor) -> Tensor:
        pairs = nest(gates)
        # All masks at once: made block by block they are hundreds of small operators, and a GPU waits for each.
        kernels = kernel_mask(pairs[KERNEL_PAIRS]).unbind()
        channels = nested_masks(tuple(block.mid_sizes for block in self.blocks), pairs[WIDTH_PAIRS])
        hidden = nested_masks(tuple(block.hidden_sizes for block in self.blocks), pairs[WIDTH_PAIRS])
        depths = depth_gates(pairs).unbind()
        x = self._fixed(self.stem, x)
        for block, *masks in zip(self.blocks, kernels, channels, hidden, depths, strict=True):
            x = block.forward_masked(x, *masks)
        return self._fixed(self.head, x)

    def forward_paths(self, x: Tensor, paths: PathWeights) -> Tensor:
        """Logits of a mixture of all sub-networks, the multi-path view: weights (20, 9) and (5, 3).

        A block's output is the weighted sum of its nine candidate modules, a unit's that of its three depths.
        """
        x = self._fixed(self.stem, x)
        for unit, depths in enumerate(paths.depths):
            outputs = []  # after each block of the unit
            for i in range(unit * BLOCKS_PER_UNIT, (unit + 1) * BLOCKS_PER_UNIT):
                candidates = (self.blocks[i](x, k, e, track=False) for k in KERNELS for e in EXPANSIONS)
                x = sum(w * y for w, y in zip(paths.blocks[i], candidates, strict=True))
                outputs.append(x)
            x = sum(w * outputs[depth - 1] for w, depth in zip(depths, DEPTHS, strict=True))
        return self._fixed(self.head, x)

    def _fixed(self, part: nn.Module, x: Tensor) -> Tensor:
        """Run a fixed part without letting it update its running statistics (masks must leave no trace)."""
        norms = [m for m in part.modules() if isinstance(m, nn.BatchNorm2d)]
        tracking = [(n.running_mean, n.running_var, n.num_batches_tracked) for n in norms]
        if self.training:
            for n in norms:
                n.running_mean = n.running_var = n.num_batches_tracked = None
        try:
            y: Tensor = part(x)
            return y
        finally:
            for n, (mean, var, count) in zip(norms, tracking, strict=True):
                n.running_mean, n.running_var, n.num_batches_tracked = mean, var, count

    def extract(self, architecture: Architecture) -> Network:
        """A plain network with copies of the weights this architecture uses, in eval mode.

        Its running statistics are those of the supernet, which no sub-network can use as they are: calibrate it
        (:func:`eas_core.network.calibrate.calibrate`) before use.
        """
        device = next(self.parameters()).device
        with torch.random.fork_rng(
            devices=[]
        ):  # weights are drawn, and overwritten at once: no stream of others moves on
            network = Network(self.space, architecture).to(device).to(memory_format=torch.channels_last)
        network.stem.load_state_dict(self.stem.state_dict())
        network.head.load_state_dict(self.head.state_dict())
        active = (block for i, block in enumerate(self.blocks) if architecture.active(i))
        for block, plain in zip(active, cast("Iterable[InvertedResidual]", network.blocks), strict=True):
            block.copy_to(plain)
        return network.eval()

    def sort_channels(self) -> None:
        """Order the channels of every block by importance; call once, before width becomes elastic."""
        for block in self.blocks:
            block.sort_channels()


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Draw all weights anew: He-normal convolutions (fan-out), BatchNorm 1 and 0, last BatchNorm of a residual branch 0.

    Zeroing that scale makes each residual block start as the identity, so a deep network starts training at once.
    """
    for m in module.modules():
        if isinstance(m, nn.Conv2d):
            fan_out = m.kernel_size[0] * m.kernel_size[1] * m.out_channels / m.groups
            nn.init.normal_(m.weight, 0.0, (2.0 / fan_out) ** 0.5, generator=generator)
        elif isinstance(m, nn.Linear):
            nn.init.normal_(m.weight, 0.0, m.in_features**-0.5, generator=generator)
        if isinstance(m, (nn.Conv2d, nn.Linear)) and m.bias is not None:
            nn.init.zeros_(m.bias)
    for m in module.modules():
        if isinstance(m, ElasticBlock) and m.residual:
            nn.init.zeros_(m.norm3.weight)
