"""BatchNorm, with the activation after it, whose batch statistics can be those of all processes' images together.

As :class:`torch.nn.SyncBatchNorm`, which runs on GPUs only and cannot take the leading channels of its parameters, as
elastic blocks need. Without a process group it *is* torch's BatchNorm. On a CPU, training mode does BatchNorm and
activation in one go over memory (:mod:`eas_core.network.kernels`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from eas_core.base.devices import Devices
from eas_core.network import kernels

ACTIVATIONS: dict[str | None, Callable[[Tensor], Tensor]] = {
    None: lambda x: x,
    "relu": F.relu,
    "hardswish": F.hardswish,
}


class BatchNorm2d(nn.BatchNorm2d):
    """torch's BatchNorm; where ``group`` is a process group, training mode uses the statistics of its whole batch.

    :func:`synchronised` sets ``group`` while several processes train.
    """

    group: torch.distributed.ProcessGroup | None = None

    def forward(self, x: Tensor, activation: str | None = None) -> Tensor:
        """x (n, c, h, w) normalised, then "relu", "hardswish" or nothing."""
        if not self.training:
            return ACTIVATIONS[activation](super().forward(x))
        momentum = self.momentum
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if momentum is None:  # the plain mean over batches
                momentum = 1 / self.num_batches_tracked.item()
        return leading_batch_norm(x, self, self.running_mean, self.running_var, activation, momentum)


@contextmanager
def synchronised(network: nn.Module, devices: Devices) -> Iterator[None]:
    """While the block runs, the network's BatchNorm uses the statistics of all processes' images."""
    if devices.count == 1:
        yield
        return
    norms = [m for m in network.modules() if isinstance(m, BatchNorm2d)]
    for norm in norms:
        norm.group = torch.distributed.group.WORLD
    try:
        yield
    finally:
        for norm in norms:
            norm.group = None


def leading_batch_norm(
    x: Tensor,
    norm: nn.BatchNorm2d,
    mean: Tensor | None,
    var: Tensor | None,
    activation: str | None = None,
    momentum: float | None = None,
) -> Tensor:
    """BatchNorm of x (n, c, h, w) with the leading c channels of ``norm``, then an activation.

    ``mean`` and ``var`` (c,) are the running statistics to update (by ``momentum``, the norm's own if not given), or
    None: batch statistics, and none kept.
    """
    weight: Tensor = norm.weight
    bias: Tensor = norm.bias
    if x.shape[1] < len(weight):  # a slice's gradient is copied into zeros of the whole weight's size
        weight, bias = weight[: x.shape[1]], bias[: x.shape[1]]
    momentum = (norm.momentum if momentum is None else momentum) or 0.0
    group = getattr(norm, "group", None)
    if norm.training and group is not None:
        y = _synchronised(x, weight, bias, mean, var, momentum, norm.eps, group)
    elif norm.training and kernels.can_take(x, weight):
        y, batch_mean, batch_var = _BatchNorm.apply(x, weight, bias, norm.eps, activation)
        if mean is not None and var is not None:
            _update(mean, var, batch_mean, batch_var, x.numel() // x.shape[1], momentum)
        activation = None  # done
    else:
        y = F.batch_norm(x, mean, var, weight, bias, norm.training, momentum, norm.eps)
    return ACTIVATIONS[activation](y)


@torch.no_grad()
def _update(running_mean: Tensor, running_var: Tensor, mean: Tensor, var: Tensor, count: int, momentum: float) -> None:
    """Move running statistics towards those of a batch of ``count`` pixels, whose variance is the biased one."""
    running_mean.lerp_(mean, momentum)
    running_var.lerp_(var * (count / (count - 1)), momentum)


class _BatchNorm(torch.autograd.Function):
    """BatchNorm by batch statistics and an activation; keeps its input for the backward pass, not what lies between."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float, activation: str | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        y, *statistics = kernels.batch_norm(
            kernels.pixels(x), weight.detach().numpy(), bias.detach().numpy(), eps, kernels.CODES[activation]
        )
        mean, var = map(torch.from_numpy, statistics)
        ctx.save_for_backward(x, weight, bias, mean, var)
        ctx.eps, ctx.activation = eps, activation
        ctx.mark_non_differentiable(mean, var)
        ctx.set_materialize_grads(False)
        return kernels.images(y, x.shape), mean, var

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: object) -> tuple[Tensor | None, ...]:
        x, weight, bias, mean, var = ctx.saved_tensors
        grad = grad.contiguous(memory_format=torch.channels_last)
        w, b, m, v = (t.detach().numpy() for t in (weight, bias, mean, var))
        grad_x, grad_weight, grad_bias = kernels.batch_norm_backward(
            kernels.pixels(grad), kernels.pixels(x), w, b, m, v, ctx.eps, kernels.CODES[ctx.activation]
        )
        return kernels.images(grad_x, x.shape), torch.from_numpy(grad_weight), torch.from_numpy(grad_bias), None, None


def _synchronised(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    momentum: float,
    eps: float,
    group: torch.distributed.ProcessGroup,
) -> Tensor:
    """BatchNorm with the statistics of equally many images of every process of ``group``; differentiable through them.

    The variance of all is the mean of the processes' variances plus the variance of their means: a sum of squares,
    in which nothing cancels. Statistics are float32 (or double) whatever x is.
    """
    # The functions that torch names as successors of torch.distributed.nn.functional, differentiable as those.
    from torch.distributed._functional_collectives import all_gather_single

    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    own = torch.stack(torch.var_mean(wide, (0, 2, 3), correction=0))
    variances, means = all_gather_single(own[None], 0, group).unbind(1)  # (processes, c) each
    var, mean = variances.mean(0) + means.var(0, correction=0), means.mean(0)
    if running_mean is not None and running_var is not None:
        count = group.size() * x.numel() // x.shape[1]
        _update(running_mean, running_var, mean.detach(), var.detach(), count, momentum)
    scale = weight * torch.rsqrt(var + eps)
    shift = bias - mean * scale
    return (wide * scale[:, None, None] + shift[:, None, None]).to(x.dtype)
