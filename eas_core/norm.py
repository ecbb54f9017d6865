"""BatchNorm whose batch statistics can be those of all processes' images together.

As :class:`torch.nn.SyncBatchNorm`, which runs on GPUs only and cannot take the leading channels of its parameters, as
elastic blocks need. Without a process group it *is* torch's BatchNorm.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class BatchNorm2d(nn.BatchNorm2d):
    """torch's BatchNorm; where ``group`` is a process group, training mode uses the statistics of its whole batch.

    :meth:`eas_core.devices.Devices.synchronised` sets ``group`` while several processes train.
    """

    group: torch.distributed.ProcessGroup | None = None

    def forward(self, x: Tensor) -> Tensor:  # (n, c, h, w)
        if not self.training or self.group is None:
            return super().forward(x)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        return leading_batch_norm(x, self, self.running_mean, self.running_var)


def leading_batch_norm(x: Tensor, norm: nn.BatchNorm2d, mean: Tensor | None, var: Tensor | None) -> Tensor:
    """BatchNorm of x (n, c, h, w) with the leading c channels of ``norm``.

    ``mean`` and ``var`` (c,) are the running statistics to update, or None: batch statistics, and none kept.
    """
    weight, bias = norm.weight[: x.shape[1]], norm.bias[: x.shape[1]]
    group = getattr(norm, "group", None)
    if norm.training and group is not None:
        return _synchronised(x, weight, bias, mean, var, norm.momentum, norm.eps, group)
    return F.batch_norm(x, mean, var, weight, bias, norm.training, norm.momentum, norm.eps)


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
    if running_mean is not None:
        count = group.size() * x.numel() // x.shape[1]
        with torch.no_grad():
            running_mean.lerp_(mean.detach(), momentum)
            running_var.lerp_(var.detach() * (count / (count - 1)), momentum)
    scale = weight * torch.rsqrt(var + eps)
    shift = bias - mean * scale
    return (wide * scale[:, None, None] + shift[:, None, None]).to(x.dtype)
