"""Elastic layers: one inverted residual block that holds the weights of all its 3 x 3 choices.

A smaller kernel is the centre of the 7 x 7 kernel, a smaller width its leading channels (the paper shares kernel weights
without once-for-all's kernel transformation, section 4). :meth:`ElasticBlock.forward` *slices* the weights;
:meth:`ElasticBlock.forward_gated` multiplies by 0/1 masks instead and is differentiable in the gates. Both compute the
same function. What that takes: BatchNorm gives a switched-off channel its bias, so the channel mask comes after the
activation (on the weights that read it: one number per channel instead of one a pixel); squeeze-excite has a hidden layer
whose width follows the active width, so it is masked too.
"""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from eas_core.base.devices import on_device
from eas_core.network.convolution import depthwise_conv, pointwise_conv
from eas_core.network.norm import leading_batch_norm
from eas_core.network.subnetwork import InvertedResidual
from eas_core.space.search_space import EXPANSIONS, KERNELS, make_divisible

_OFFSET = (torch.arange(KERNELS[-1]) - KERNELS[-1] // 2).abs()
RING = torch.maximum(_OFFSET[:, None], _OFFSET[None, :])  # distance from the centre of a kernel (7, 7), 0..3
PER_CHANNEL = ("weight", "bias", "running_mean", "running_var")  # what a BatchNorm has


def leading(weight: Tensor, count: int, dim: int = 0) -> Tensor:
    """The first ``count`` of a weight's slices along ``dim``; all of them are the weight itself.

    The gradient of a slice, even of all, is copied into zeros of the whole weight's size.
    """
    return weight if count == weight.shape[dim] else weight.narrow(dim, 0, count)


def centre_crop(weight: Tensor, kernel: int) -> Tensor:
    """The central ``kernel`` x ``kernel`` part of depthwise weights (c, 1, 7, 7)."""
    margin = (weight.shape[-1] - kernel) // 2
    return weight if margin == 0 else weight[..., margin:-margin, margin:-margin]


def nested_mask(sizes: tuple[int, ...], gates: Tensor) -> Tensor:
    """Mask of length ``sizes[-1]``: ones up to sizes[0], then gates[0] up to sizes[1], gates[1] up to sizes[2].

    ``gates`` is one nested pair (2,). With sizes (3a, 4a, 6a) it is the channel mask of the expansion ratio.
    """
    return nested_masks((tuple(sizes),), gates[None])[0]


def nested_masks(sizes: tuple[tuple[int, ...], ...], gates: Tensor) -> tuple[Tensor, ...]:
    """:func:`nested_mask` of several blocks at once: a triple of sizes and a pair of ``gates`` (b, 2) each."""
    values = torch.cat([torch.ones_like(gates[:, :1]), gates], dim=1).flatten()
    masks = values.index_select(0, on_device(_levels(sizes), gates.device))
    return torch.split(masks, [widest for *_, widest in sizes])


@cache
def _levels(sizes: tuple[tuple[int, ...], ...]) -> Tensor:
    """Which of three values per block each of its channels takes, all blocks one after another."""
    levels = [3 * b + (c >= one) + (c >= two) for b, (one, two, three) in enumerate(sizes) for c in range(three)]
    return torch.tensor(levels, dtype=torch.long)


def kernel_mask(gates: Tensor) -> Tensor:
    """Ring masks (..., 7, 7) of nested kernel pairs (..., 2).

    The centre 3 x 3 is 1, the ring of 5 is the first gate, the ring of 7 the second.
    """
    values = torch.cat([torch.ones_like(gates), gates], dim=-1)  # by distance from the centre
    masks: Tensor = values.index_select(-1, on_device(RING, gates.device).flatten()).unflatten(-1, RING.shape)
    return masks


def batch_norm(x: Tensor, norm: nn.BatchNorm2d, track: bool = True, activation: str | None = None) -> Tensor:
    """BatchNorm with the leading channels of ``norm``, then an activation.

    Running statistics are updated only where ``track`` is true.
    """
    kept = (norm.running_mean, norm.running_var) if track or not norm.training else (None, None)
    mean, var = (None if tensor is None else tensor[: x.shape[1]] for tensor in kept)
    return leading_batch_norm(x, norm, mean, var, activation)


class ElasticBlock(InvertedResidual):
    """An inverted residual block whose kernel size and expansion ratio are chosen at each call.

    It *is* the largest block (same parameters, same names), which is why its weights load into a plain one.
    """

    def __init__(self, in_width: int, out_width: int, stride: int, hswish: bool, se: bool):
        self_mids = tuple(make_divisible(in_width * ratio) for ratio in EXPANSIONS)
        super().__init__(in_width, out_width, stride, KERNELS[-1], self_mids[-1], hswish, se)
        self.stride = stride
        self.mids = dict(zip(EXPANSIONS, self_mids, strict=True))
        self.hiddens = {ratio: make_divisible(mid // 4) for ratio, mid in self.mids.items() if se}
        self.mid_sizes = self_mids
        self.hidden_sizes = tuple(self.hiddens.values()) or (0, 0, 0)

    def forward(  # type: ignore[override]  # which sub-network is said at each call
        self, x: Tensor, kernel: int, expand: int, track: bool = True
    ) -> Tensor:
        """Slices: only the weights of the chosen kernel size and expansion ratio take part.

        ``track``: whether training mode updates the running statistics of BatchNorm.
        """
        mid = self.mids[expand]
        y = pointwise_conv(x, leading(self.expand.weight, mid))
        y = batch_norm(y, self.norm1, track, self.activation)
        weight = centre_crop(leading(self.depthwise.weight, mid), kernel)
        y = depthwise_conv(y, weight, self.stride)
        y = batch_norm(y, self.norm2, track, self.activation)
        if self.hiddens:
            y = self._squeeze_excite(y, mid, self.hiddens[expand])
        y = batch_norm(pointwise_conv(y, leading(self.project.weight, mid, 1)), self.norm3, track)
        return x + y if self.residual else y

    def forward_gated(self, x: Tensor, kernel_gates: Tensor, width_gates: Tensor, depth_gate: Tensor) -> Tensor:
        """Masks: all weights take part, switched-off ones times zero. Gates are nested pairs (2,) and Eq. (E)'s g ()."""
        channels, hidden = (nested_mask(sizes, width_gates) for sizes in (self.mid_sizes, self.hidden_sizes))
        return self.forward_masked(x, kernel_mask(kernel_gates), channels, hidden, depth_gate)

    def forward_masked(self, x: Tensor, kernel: Tensor, channels: Tensor, hidden: Tensor, depth_gate: Tensor) -> Tensor:
        """:meth:`forward_gated` with the masks made: of the kernel (7, 7), the channels, squeeze-excite's hidden units."""
        y = pointwise_conv(x, self.expand.weight)
        y = batch_norm(y, self.norm1, track=False, activation=self.activation)
        y = depthwise_conv(y, self.depthwise.weight * kernel, self.stride)
        y = batch_norm(y, self.norm2, track=False, activation=self.activation)
        # Masked is what reads the channels, not the channels: the same function, without another pass over memory.
        if self.hiddens:
            y = self._squeeze_excite(y, self.expand.out_channels, self.se.reduce.out_channels, channels, hidden)
        y = pointwise_conv(y, self.project.weight * channels[:, None, None])
        y = batch_norm(y, self.norm3, track=False)
        # Eq. (E): H (1 - g) + F(H) g, which for F(H) = H + y is H + g y.
        return x + depth_gate * y if self.residual else y

    def _squeeze_excite(
        self, y: Tensor, mid: int, hidden: int, mask: Tensor | None = None, hidden_mask: Tensor | None = None
    ) -> Tensor:
        reduce, expand = self.se.reduce, self.se.expand
        pooled = y.mean((2, 3))
        if mask is not None:
            pooled = pooled * mask.to(pooled.dtype)  # 0 or 1, exact in any precision
        weight = leading(leading(reduce.weight.flatten(1), hidden), mid, 1)
        scale = F.relu(F.linear(pooled, weight, leading(reduce.bias, hidden)))  # (n, hidden)
        if hidden_mask is not None:
            scale = scale * hidden_mask.to(scale.dtype)
        weight = leading(leading(expand.weight.flatten(1), mid), hidden, 1)
        scale = F.linear(scale, weight, leading(expand.bias, mid))
        return y * F.hardsigmoid(scale)[:, :, None, None]

    @torch.no_grad()
    def copy_to(self, plain: InvertedResidual) -> None:
        """Copy the weights that ``plain``'s size uses, running statistics included."""
        mid, kernel = plain.expand.out_channels, plain.depthwise.kernel_size[0]
        plain.expand.weight.copy_(self.expand.weight[:mid])
        plain.depthwise.weight.copy_(centre_crop(self.depthwise.weight[:mid], kernel))
        plain.project.weight.copy_(self.project.weight[:, :mid])
        for name in ("norm1", "norm2", "norm3"):
            source, target = getattr(self, name), getattr(plain, name)
            for key in PER_CHANNEL:
                getattr(target, key).copy_(getattr(source, key)[: target.num_features])
            target.num_batches_tracked.zero_()
        if self.hiddens:
            hidden = plain.se.reduce.out_channels
            plain.se.reduce.weight.copy_(self.se.reduce.weight[:hidden, :mid])
            plain.se.reduce.bias.copy_(self.se.reduce.bias[:hidden])
            plain.se.expand.weight.copy_(self.se.expand.weight[:mid, :hidden])
            plain.se.expand.bias.copy_(self.se.expand.bias[:mid])

    @torch.no_grad()
    def sort_channels(self) -> None:
        """Order expanded channels, and squeeze-excite's hidden units, by importance, most important first.

        Importance is the L1 norm of the weights that read a channel (once-for-all section 3.3). The function of the
        whole block stays the same; what a narrower block keeps changes.
        """
        order = self.project.weight.abs().sum((0, 2, 3)).argsort(descending=True, stable=True)
        for norm in (self.norm1, self.norm2):
            for tensor in (getattr(norm, name) for name in PER_CHANNEL):
                tensor.copy_(tensor[order])
        self.expand.weight.copy_(self.expand.weight[order])
        self.depthwise.weight.copy_(self.depthwise.weight[order])
        self.project.weight.copy_(self.project.weight[:, order])
        if self.hiddens:
            self.se.reduce.weight.copy_(self.se.reduce.weight[:, order])
            self.se.expand.weight.copy_(self.se.expand.weight[order])
            self.se.expand.bias.copy_(self.se.expand.bias[order])
            order = self.se.expand.weight.abs().sum((0, 2, 3)).argsort(descending=True, stable=True)
            self.se.expand.weight.copy_(self.se.expand.weight[:, order])
            self.se.reduce.weight.copy_(self.se.reduce.weight[order])
            self.se.reduce.bias.copy_(self.se.reduce.bias[order])
