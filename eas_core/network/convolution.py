"""The two convolutions of a block, as fast as a CPU trains them: pointwise (1 x 1) and depthwise.

A pointwise convolution of channels-last images is one matrix product, which costs less to call. oneDNN's weight gradient of a depthwise convolution is many times slower for kernels wider than three columns than for
those that are not, so that of a 5 x 5 or 7 x 7 kernel is computed by :mod:`eas_core.network.kernels`. ``make bench`` measures
what that gains.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from eas_core.network import kernels

NARROW = 3  # columns of a kernel whose weight gradient is fast in oneDNN


def pointwise_conv(x: Tensor, weight: Tensor) -> Tensor:
    """1 x 1 convolution: x (n, c, h, w), best channels-last, weight (d, c, 1, 1); returns (n, d, h, w), channels-last."""
    n, _, height, width = x.shape
    pixels = x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])
    return (pixels @ weight.flatten(1).t()).view(n, height, width, -1).permute(0, 3, 1, 2)


class _DepthwiseConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return _convolution(x, weight, stride)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        grad = grad.contiguous(memory_format=torch.channels_last)
        grad_x = grad_weight = None
        if ctx.needs_input_grad[0]:
            stride, padding = [ctx.stride] * 2, [weight.shape[-1] // 2] * 2
            grad_x, _, _ = torch.ops.aten.convolution_backward(
                grad, x, weight, None, stride, padding, [1, 1], False, [0, 0], len(weight), [True, False, False]
            )
        if ctx.needs_input_grad[1]:
            g, values = (images.detach().permute(0, 2, 3, 1).numpy() for images in (grad, x))
            taps = kernels.depthwise_weight_gradient(g, values, weight.shape[-1], ctx.stride)  # (k, k, c)
            grad_weight = torch.from_numpy(taps).permute(2, 0, 1)[:, None]
        return grad_x, grad_weight, None


def _convolution(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    return F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2, groups=weight.shape[0])


def depthwise_conv(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """Depthwise convolution with "same" padding: x (n, c, h, w), weight (c, 1, k, k) with odd k."""
    wide = weight.shape[-1] > NARROW and torch.is_grad_enabled() and kernels.can_take(x, weight)
    if not wide or torch.is_autocast_enabled("cpu"):  # reduced precision is oneDNN's alone
        return _convolution(x, weight, stride)
    y: Tensor = _DepthwiseConv.apply(x, weight, stride)
    return y
