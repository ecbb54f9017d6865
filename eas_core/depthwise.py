"""Depthwise convolution with a fast weight gradient on CPU.

oneDNN's weight gradient of a depthwise convolution is many times slower for kernels wider than three columns than for
those that are not. So here the gradient of a 5 x 5 or 7 x 7 kernel is put together from vertical strips three columns
wide. ``make bench`` measures what that gains.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

STRIP = 3


class _DepthwiseConv(torch.autograd.Function):
    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.bfloat16)  # under autocast, and only then
    def forward(ctx, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2, groups=weight.shape[0])

    @staticmethod
    @torch.amp.custom_bwd(device_type="cpu")
    def backward(ctx, grad: Tensor):
        x, weight = ctx.saved_tensors
        stride, padding = ctx.stride, weight.shape[-1] // 2
        grad_x = grad_weight = None
        if ctx.needs_input_grad[0]:
            grad_x = _gradients(grad, x, weight, stride, (padding, padding), wanted=0)
        if ctx.needs_input_grad[1]:
            grad_weight = _weight_gradient(grad, x, weight, stride)
        return grad_x, grad_weight, None


def _gradients(grad: Tensor, x: Tensor, weight: Tensor, stride: int, padding: tuple[int, int], wanted: int) -> Tensor:
    mask = [wanted == 0, wanted == 1, False]
    groups = weight.shape[0]
    return torch.ops.aten.convolution_backward(
        grad, x, weight, None, [stride, stride], list(padding), [1, 1], False, [0, 0], groups, mask
    )[wanted]


def _weight_gradient(grad: Tensor, x: Tensor, weight: Tensor, stride: int) -> Tensor:
    kernel = weight.shape[-1]
    padding = kernel // 2
    # Rows and columns of the input, zeros around it included, that one strip of taps reads. The zeros are laid out here
    # because oneDNN falls back to slow code when asked to pad by more than 1.
    height = (grad.shape[-2] - 1) * stride + kernel
    width = (grad.shape[-1] - 1) * stride + STRIP
    bottom = height - padding - x.shape[-2]
    result = torch.empty_like(weight)
    for first in range(0, kernel - STRIP + 1, STRIP - 1):  # strips overlap by one column; both compute it alike
        left = padding - first
        right = width - left - x.shape[-1]
        shifted = F.pad(x, (left, right, padding, bottom)).contiguous(memory_format=torch.channels_last)
        taps = weight[..., first : first + STRIP]
        result[..., first : first + STRIP] = _gradients(grad, shifted, taps, stride, (0, 0), wanted=1)
    return result


def depthwise_conv(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """Depthwise convolution with "same" padding: x (n, c, h, w), weight (c, 1, k, k) with odd k."""
    if weight.shape[-1] <= STRIP or x.device.type != "cpu" or not torch.is_grad_enabled():
        return F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2, groups=weight.shape[0])
    return _DepthwiseConv.apply(x, weight, stride)
