"""Loops over memory that PyTorch has no fast operator for on a CPU, compiled by Numba when first called.

Both work on channels-last float32 and are called by :mod:`eas_core.network.norm` and :mod:`eas_core.network.convolution`, which fall back
on PyTorch's operators elsewhere. ``python -m benchmarks`` measures what each brings. Rows of (n, h, w, c) images lie one
after another, so short channel counts are worked on several pixels at a time: inner loops are long and become vector
instructions. Compiled code is kept beside this file (or in Numba's cache folder, where that cannot be written to).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

try:
    from numba import njit
except ImportError:  # as on a machine whose work is done by a GPU
    njit = None

Loop = TypeVar("Loop", bound=Callable[..., Any])
RELU, HARDSWISH = 1, 2
CODES = {None: 0, "relu": RELU, "hardswish": HARDSWISH}
LONG = 32  # pixels that one inner loop takes at most
WIDE = 128  # channels from which on one pixel is enough for it


def _compiled(loop: Loop) -> Loop:
    if njit is None:
        return loop
    compiled: Loop = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})(loop)
    return compiled


def can_take(x: Tensor, weight: Tensor) -> bool:
    """Whether the kernels work on images x (n, c, h, w) with these weights: float32 on a CPU, channels last, with Numba.

    Not while a network is exported or compiled: what others get holds PyTorch's operators only. Nor on a single pixel,
    which has no variance: PyTorch says so.
    """
    if njit is None or torch.compiler.is_compiling() or torch.jit.is_tracing():
        return False
    plain = x.device.type == "cpu" and x.dtype == weight.dtype == torch.float32
    return plain and x.is_contiguous(memory_format=torch.channels_last) and x.numel() > x.shape[1]


def pixels(x: Tensor) -> np.ndarray:
    """Channels-last images (n, c, h, w) as pixels by channels (n * h * w, c), the same memory."""
    return x.detach().permute(0, 2, 3, 1).numpy().reshape(-1, x.shape[1])


def images(y: np.ndarray, shape: torch.Size) -> Tensor:
    """Pixels by channels as channels-last images of ``shape``, the same memory."""
    n, channels, height, width = shape
    return torch.from_numpy(y).view(n, height, width, channels).permute(0, 3, 1, 2)


@_compiled
def _together(pixels: int) -> int:
    """How many pixels one inner loop takes: the largest power of two up to LONG that divides their number."""
    count = LONG
    while pixels % count:
        count //= 2
    return count


@_compiled
def _repeat(values: np.ndarray, count: int) -> np.ndarray:
    channels = values.shape[0]
    out = np.empty(count * channels, np.float32)
    for i in range(count):
        out[i * channels : (i + 1) * channels] = values
    return out


@_compiled
def _by_channel(long: np.ndarray, channels: int) -> np.ndarray:
    out = np.zeros(channels, np.float32)
    for i in range(0, long.shape[0], channels):
        out += long[i : i + channels]
    return out


@_compiled
def _before_activation(
    grad: np.ndarray, x: np.ndarray, scale: np.ndarray, shift: np.ndarray, activation: int, out: np.ndarray
) -> None:
    """The gradient before the activation, of one long row."""
    if activation == RELU:
        for i in range(scale.shape[0]):
            out[i] = grad[i] if x[i] * scale[i] + shift[i] > 0 else np.float32(0)
    elif activation == HARDSWISH:
        for i in range(scale.shape[0]):
            u = x[i] * scale[i] + shift[i]
            slope = np.float32(1) if u >= 3 else (u * np.float32(1 / 3) + np.float32(0.5) if u > -3 else np.float32(0))
            out[i] = grad[i] * slope
    else:
        for i in range(scale.shape[0]):
            out[i] = grad[i]


@_compiled
def batch_norm(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray, eps: float, activation: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """BatchNorm by the batch's own statistics, then an activation; x (p, c) pixels by channels, weight and bias (c,).

    Returns y (p, c), mean (c,) and the biased variance (c,). All are float32; the activation is a code of CODES.
    """
    pixels, channels = x.shape
    together = _together(pixels)
    rows = x.reshape(pixels // together, together * channels)
    y = np.empty_like(rows)
    total, squares = np.zeros(rows.shape[1], np.float32), np.zeros(rows.shape[1], np.float32)
    # One pass for both sums; taken from about the mean, so that nothing cancels in the variance.
    about = _by_channel(rows[0], channels) / np.float32(together)
    centre = _repeat(about, together)
    for row in range(rows.shape[0]):
        values = rows[row]
        for i in range(total.shape[0]):
            difference = values[i] - centre[i]
            total[i] += difference
            squares[i] += difference * difference
    offset = _by_channel(total, channels) / np.float32(pixels)
    mean, variance = about + offset, _by_channel(squares, channels) / np.float32(pixels) - offset * offset
    by_channel = weight / np.sqrt(variance + np.float32(eps))
    scale, shift = _repeat(by_channel, together), _repeat(bias - mean * by_channel, together)
    for row in range(rows.shape[0]):
        values, out = rows[row], y[row]
        if activation == RELU:
            for i in range(scale.shape[0]):
                u = values[i] * scale[i] + shift[i]
                out[i] = u if u > 0 or u != u else np.float32(0)  # a NaN stays one
        elif activation == HARDSWISH:
            for i in range(scale.shape[0]):
                u = values[i] * scale[i] + shift[i]
                out[i] = u * min(max(u + np.float32(3), np.float32(0)), np.float32(6)) * np.float32(1 / 6)
        else:
            for i in range(scale.shape[0]):
                out[i] = values[i] * scale[i] + shift[i]
    return y.reshape(pixels, channels), mean, variance


@_compiled
def batch_norm_backward(
    grad: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    eps: float,
    activation: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradients of :func:`batch_norm` with respect to x (p, c), weight and bias (c,), given that of y (p, c)."""
    pixels, channels = x.shape
    together = _together(pixels)
    shape = pixels // together, together * channels
    rows, grads = x.reshape(shape), grad.reshape(shape)
    inverse = np.float32(1) / np.sqrt(variance + np.float32(eps))
    by_channel = weight * inverse
    scale, shift = _repeat(by_channel, together), _repeat(bias - mean * by_channel, together)
    centre = _repeat(mean, together)
    total, product = np.zeros(rows.shape[1], np.float32), np.zeros(rows.shape[1], np.float32)
    d, grad_x = np.empty(rows.shape[1], np.float32), np.empty_like(rows)
    for row in range(rows.shape[0]):
        values = rows[row]
        _before_activation(grads[row], values, scale, shift, activation, d)
        for i in range(d.shape[0]):
            total[i] += d[i]
            product[i] += d[i] * (values[i] - centre[i])
    grad_bias, grad_weight = _by_channel(total, channels), _by_channel(product, channels) * inverse
    constant = _repeat(by_channel * grad_bias / np.float32(pixels), together)
    slope = _repeat(by_channel * inverse * grad_weight / np.float32(pixels), together)
    for row in range(rows.shape[0]):
        values, out = rows[row], grad_x[row]
        _before_activation(grads[row], values, scale, shift, activation, d)
        for i in range(d.shape[0]):
            out[i] = scale[i] * d[i] - constant[i] - slope[i] * (values[i] - centre[i])
    return grad_x.reshape(pixels, channels), grad_weight, grad_bias


@_compiled
def _row_by_row(grad: np.ndarray, x: np.ndarray, total: np.ndarray) -> None:
    """Stride 1: one tap's products of a whole row of pixels at a time; ``total`` (k, k, w, c) is summed over w later."""
    kernel, channels = total.shape[0], total.shape[3]
    padding, height, width = kernel // 2, grad.shape[1], total.shape[2]
    sums = total.reshape(kernel, kernel, width * channels)
    for image in range(grad.shape[0]):
        for i in range(kernel):
            for y in range(max(0, padding - i), min(height, height + padding - i)):
                for j in range(kernel):
                    first, last = max(0, padding - j) * channels, min(width, width + padding - j) * channels
                    if first >= last:  # a tap that this narrow map never reaches
                        continue
                    shift = (j - padding) * channels
                    out = sums[i, j, first:last]
                    g, values = grad[image, y, first:last], x[image, y + i - padding, first + shift : last + shift]
                    for t in range(last - first):
                        out[t] += g[t] * values[t]


@_compiled
def _pixel_by_pixel(grad: np.ndarray, x: np.ndarray, total: np.ndarray, stride: int) -> None:
    """Any stride: one tap's products of one pixel at a time; ``total`` is (k, k, c)."""
    kernel = total.shape[0]
    padding = kernel // 2
    for image in range(grad.shape[0]):
        for y in range(grad.shape[1]):
            for z in range(grad.shape[2]):
                g = grad[image, y, z]
                for i in range(max(0, padding - y * stride), min(kernel, x.shape[1] + padding - y * stride)):
                    for j in range(max(0, padding - z * stride), min(kernel, x.shape[2] + padding - z * stride)):
                        values, out = x[image, y * stride + i - padding, z * stride + j - padding], total[i, j]
                        for c in range(g.shape[0]):
                            out[c] += g[c] * values[c]


def depthwise_weight_gradient(
    grad: np.ndarray, x: np.ndarray, kernel: int, stride: int, wide: int = WIDE
) -> np.ndarray:
    """Weight gradient (k, k, c) of a depthwise convolution with "same" padding; grad (n, h', w', c), x (n, h, w, c).

    From ``wide`` channels on, one pixel is enough for an inner loop.
    """
    n, height, width, channels = grad.shape
    if stride == 1 and channels < wide:
        total = np.zeros((kernel, kernel, width, channels), np.float32)
        _row_by_row(grad.reshape(n, height, -1), x.reshape(n, height, -1), total)
        weights: np.ndarray = total.sum(2)
        return weights
    total = np.zeros((kernel, kernel, channels), np.float32)
    _pixel_by_pixel(grad, x, total, stride)
    return total
