"""The plain network that an architecture describes: what users get, and what :meth:`Supernet.extract` fills with weights.

MobileNetV3 (https://arxiv.org/abs/1905.02244) as once-for-all builds it, with nothing elastic left in it.
"""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from eas_core.network.norm import BatchNorm2d
from eas_core.space.search_space import BLOCKS, BLOCKS_PER_UNIT, Architecture, SearchSpace, make_divisible

Part = TypeVar("Part", bound=nn.Module)


class SqueezeExcite(nn.Module):
    """Channel attention: pool to one number per channel, two 1 x 1 convolutions, hard sigmoid, re-scale (Hu et al., 2018)."""

    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.reduce = nn.Conv2d(width, hidden, 1)
        self.expand = nn.Conv2d(hidden, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """x (n, width, h, w) with its channels re-scaled; the shape stays."""
        scale = self.expand(F.relu(self.reduce(x.mean((2, 3), keepdim=True))))
        return x * F.hardsigmoid(scale)


class InvertedResidual(nn.Module):
    """Expand (1 x 1) - depthwise (k x k) - squeeze-excite - project (1 x 1), with a residual where shapes allow it."""

    normalised = (("expand", "norm1"), ("depthwise", "norm2"), ("project", "norm3"))

    def __init__(self, in_width: int, out_width: int, stride: int, kernel: int, mid: int, hswish: bool, se: bool):
        super().__init__()
        self.activation = "hardswish" if hswish else "relu"
        self.expand = nn.Conv2d(in_width, mid, 1, bias=False)
        self.norm1 = BatchNorm2d(mid)
        self.depthwise = nn.Conv2d(mid, mid, kernel, stride, kernel // 2, groups=mid, bias=False)
        self.norm2 = BatchNorm2d(mid)
        self.se: Any = SqueezeExcite(mid, make_divisible(mid // 4)) if se else nn.Identity()
        self.project = nn.Conv2d(mid, out_width, 1, bias=False)
        self.norm3 = BatchNorm2d(out_width)
        self.residual = stride == 1 and in_width == out_width

    def forward(self, x: Tensor) -> Tensor:
        """x (n, in_width, h, w) to (n, out_width, h / stride, w / stride), rounded up."""
        y: Tensor = self.norm1(self.expand(x), self.activation)
        y = self.se(self.norm2(self.depthwise(y), self.activation))
        y = self.norm3(self.project(y))
        return x + y if self.residual else y


class Stem(nn.Module):
    """3 x 3 convolution and the first, fixed block (depthwise 3 x 3, project 1 x 1); not searched."""

    normalised = (("conv", "norm"), ("depthwise", "norm1"), ("project", "norm2"))

    def __init__(self, space: SearchSpace):
        super().__init__()
        self.conv = nn.Conv2d(3, space.stem_width, 3, space.stem_stride, 1, bias=False)
        self.norm = BatchNorm2d(space.stem_width)
        self.depthwise = nn.Conv2d(space.stem_width, space.stem_width, 3, 1, 1, groups=space.stem_width, bias=False)
        self.norm1 = BatchNorm2d(space.stem_width)
        self.project = nn.Conv2d(space.stem_width, space.first_width, 1, bias=False)
        self.norm2 = BatchNorm2d(space.first_width)
        self.residual = space.stem_width == space.first_width

    def forward(self, x: Tensor) -> Tensor:
        """Images (n, 3, r, r) to (n, first_width, r / stem_stride, r / stem_stride), rounded up."""
        x = self.norm(self.conv(x), "hardswish")
        y: Tensor = self.norm2(self.project(self.norm1(self.depthwise(x), "relu")))
        return x + y if self.residual else y


class Head(nn.Module):
    """1 x 1 convolution, global average pooling, hidden layer, classifier; not searched."""

    normalised = (("conv", "norm"),)

    def __init__(self, space: SearchSpace):
        super().__init__()
        self.conv = nn.Conv2d(space.widths[-1], space.final_width, 1, bias=False)
        self.norm = BatchNorm2d(space.final_width)
        self.hidden = nn.Linear(space.final_width, space.head_width, bias=False)
        self.classifier = nn.Linear(space.head_width, space.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """x (n, widths[-1], h, w) to logits (n, classes)."""
        x = self.norm(self.conv(x), "hardswish").mean((2, 3))
        logits: Tensor = self.classifier(F.hardswish(self.hidden(x)))
        return logits


class Network(nn.Module):
    """One architecture of a space as an ordinary module: images (n, 3, r, r) to logits (n, classes)."""

    def __init__(self, space: SearchSpace, architecture: Architecture):
        super().__init__()
        self.space, self.architecture = space, architecture
        self.stem = Stem(space)
        blocks, in_width = [], space.first_width
        for block in range(BLOCKS):
            unit = block // BLOCKS_PER_UNIT
            if not architecture.active(block):
                continue
            mid = make_divisible(in_width * architecture.expand[block])
            stride = space.strides[unit] if block % BLOCKS_PER_UNIT == 0 else 1
            hswish, se = space.hswish[unit], space.squeeze_excite[unit]
            kernel = architecture.kernel[block]
            blocks.append(InvertedResidual(in_width, space.widths[unit], stride, kernel, mid, hswish, se))
            in_width = space.widths[unit]
        self.blocks = nn.Sequential(*blocks)
        self.head = Head(space)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised images (n, 3, r, r) to logits (n, classes) of all tasks' classes."""
        logits: Tensor = self.head(self.blocks(self.stem(x)))
        return logits


class _Activation(nn.Module):
    """In the place of a folded BatchNorm: the activation after it alone, which overwrites what the convolution made."""

    def forward(self, x: Tensor, activation: str | None = None) -> Tensor:
        if activation is None:
            return x
        return F.relu_(x) if activation == "relu" else F.hardswish(x, inplace=True)


def _sharing(module: Part) -> Part:
    """A module of its own, and so its parts, that hold the same tensors: built in a twentieth of the time."""
    twin = copy.copy(module)
    twin.__dict__ |= {name: dict(getattr(module, name)) for name in ("_parameters", "_buffers")}
    twin.__dict__["_modules"] = {name: _sharing(part) for name, part in module.named_children()}
    return twin


@torch.no_grad()
def folded(network: Network) -> Network:
    """The same network for inference, each BatchNorm part of the convolution before it: equal logits, to rounding.

    Fewer passes over memory. The given one stays as it is; calibrate it before.
    """
    plain = _sharing(network).eval()
    for module in list(plain.modules()):
        for name, norm_name in getattr(module, "normalised", ()):
            convolution, norm = getattr(module, name), getattr(module, norm_name)
            statistics = norm.running_mean, norm.running_var, norm.eps
            fused = fuse_conv_bn_weights(convolution.weight, convolution.bias, *statistics, norm.weight, norm.bias)
            convolution.weight, convolution.bias = fused
            setattr(module, norm_name, _Activation())
    return plain
