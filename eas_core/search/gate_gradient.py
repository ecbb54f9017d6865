"""What a gate's gradient promises, against what happens when the gate is flipped.

Generator training knows the loss at one sample of gates and its gradient there. Each gate is then pushed as if the loss
were a straight line between off and on. Here every gate of a network is flipped in turn and the loss measured again, with
the same images and the supernet as generator training runs it: through masks, with the statistics of the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from eas_core.base.errors import DataError
from eas_core.data.splits import Split, normalise
from eas_core.data.task_dropout import own_task_logits
from eas_core.data.tasks import TaskSet
from eas_core.network.supernet import Supernet
from eas_core.space.search_space import (
    BLOCKS,
    BLOCKS_PER_UNIT,
    DEPTHS,
    EXPANSIONS,
    KERNELS,
    Architecture,
    from_gates,
    to_gates,
)

KINDS = ("kernel", "width", "depth")
PREDICTIONS = ("straight_through", "second_order")


@dataclass(frozen=True)
class Flip:
    """One gate of a network, flipped: the true change of the loss, and two predictions of it; all in nats.

    ``gate`` is its number, 0 to 89, ``on`` whether it was switched on (else off). ``straight_through`` is the gradient
    at the network times the step of +1 or -1, ``second_order`` the same with the mean of the gradients at both ends.
    """

    gate: int
    on: bool
    change: float
    straight_through: float
    second_order: float

    @property
    def kind(self) -> str:
        """The kind of decision, "kernel", "width" or "depth"."""
        return KINDS[min(self.gate // (2 * BLOCKS), 2)]

    @property
    def name(self) -> str:
        """What the gate says and where, with units and blocks counted from 1.

        >>> Flip(3, True, 0.0, 0.0, 0.0).name, Flip(80, True, 0.0, 0.0, 0.0).name
        ('kernel ≥ 7, unit 1 block 2', 'depth ≥ 3, unit 1')
        """
        what, choices = {"kernel": ("kernel", KERNELS), "width": ("ratio", EXPANSIONS), "depth": ("depth", DEPTHS)}[
            self.kind
        ]
        pair, second = divmod(self.gate % (2 * BLOCKS), 2)  # its place among the pairs of its kind
        unit, block = (pair, None) if self.kind == "depth" else divmod(pair, BLOCKS_PER_UNIT)
        where = f"unit {unit + 1}" if block is None else f"unit {unit + 1} block {block + 1}"
        return f"{what} ≥ {choices[1 + second]}, {where}"


@dataclass(frozen=True, eq=False)
class Batch:
    """Normalised images (m, 3, r, r), of which the first n belong to the task and have ``labels`` (n,).

    The others, of all tasks, are there for the batch statistics only, as in generator training.
    """

    images: Tensor
    labels: Tensor


def draw_batch(split: Split, tasks: TaskSet, task: int, own: int, context: int, draw: torch.Generator) -> Batch:
    """``own`` different images of a task (or all it has, if fewer) and ``context`` of all tasks, as training draws them.

    A task without images in the split raises :class:`DataError`.
    """
    pool = split.of_task(tasks, task).cpu()
    if not len(pool):
        raise DataError(f"{split.name} split: no image of task {tasks.names[task]}")
    index = pool[torch.randperm(len(pool), generator=draw)[:own]]
    images, labels = split.take(torch.cat([index, torch.randint(len(split), (context,), generator=draw)]))
    return Batch(normalise(images), labels[: len(index)])


def loss_and_gradient(supernet: Supernet, gates: Tensor, batch: Batch, tasks: TaskSet) -> tuple[float, Tensor]:
    """Cross-entropy (nats) of a batch's own images among their task's classes, and its gradient in the gates (90,).

    Gates may lie between 0 and 1. The supernet runs with batch statistics, and is left as it was.
    """
    before = supernet.training
    supernet.train()
    try:
        gates = gates.detach().to(batch.images.device).requires_grad_()
        logits = supernet(batch.images, gates)[: len(batch.labels)]
        loss = F.cross_entropy(own_task_logits(logits, batch.labels, tasks), batch.labels)
        (gradient,) = torch.autograd.grad(loss, gates)
    finally:
        supernet.train(before)
    return loss.item(), gradient.cpu()


def flipped(architecture: Architecture) -> dict[int, Architecture]:
    """The other network that each gate's flip leads to, by the gate's number.

    Gates whose flip changes nothing are left out: those of blocks that do not exist, and the second of a pair whose first
    is off.

    >>> from eas_core.space.search_space import LARGEST, SMALLEST
    >>> len(flipped(SMALLEST)), len(flipped(LARGEST))  # 10 blocks with 2 gates and 5 depths; all 90
    (25, 90)
    """
    gates = to_gates([architecture])
    others = from_gates((gates - torch.eye(gates.shape[1])).abs())
    return {gate: other for gate, other in enumerate(others) if other != architecture}


def flips(supernet: Supernet, architecture: Architecture, batch: Batch, tasks: TaskSet) -> list[Flip]:
    """Every flip of a gate that changes a network, on one batch: 25 to 90 forward and backward passes of the supernet."""
    gates = to_gates([architecture])[0]
    loss, gradient = loss_and_gradient(supernet, gates, batch, tasks)
    found = []
    for gate in flipped(architecture):
        other = gates.clone()
        other[gate] = 1 - gates[gate]
        step = float(other[gate] - gates[gate])
        changed, there = loss_and_gradient(supernet, other, batch, tasks)
        slopes = float(gradient[gate]), float(there[gate])
        found.append(Flip(gate, step > 0, changed - loss, step * slopes[0], step * sum(slopes) / 2))
    return found


def along(
    supernet: Supernet, architecture: Architecture, gate: int, batch: Batch, tasks: TaskSet, points: int
) -> Tensor:
    """The loss (nats) and its slope while one gate moves from 0 to 1, the others as they are: (points, 3) with the gate."""
    gates, rows = to_gates([architecture])[0], []
    for value in torch.linspace(0, 1, points).tolist():
        gates[gate] = value
        loss, gradient = loss_and_gradient(supernet, gates, batch, tasks)
        rows.append([value, loss, float(gradient[gate])])
    return torch.tensor(rows)


def agreement(found: Sequence[Flip], prediction: str) -> dict[str, float | None]:
    """How a prediction ("straight_through" or "second_order") of flips agrees with the true changes.

    ``n``; ``true`` and ``predicted``, the mean changes in nats; ``slope``, of the least-squares line of predicted over true
    (1 if right, above 1 if exaggerated), and ``correlation``, Pearson's: both None for fewer than three flips or if
    all are equal.
    """
    true = np.array([flip.change for flip in found])
    predicted = np.array([getattr(flip, prediction) for flip in found])
    means = {"true": float(true.mean()), "predicted": float(predicted.mean())} if found else {}
    spread = len(found) > 2 and true.std() > 0 and predicted.std() > 0
    slope = float(np.polyfit(true, predicted, 1)[0]) if spread else None
    correlation = float(np.corrcoef(true, predicted)[0, 1]) if spread else None
    return {"n": len(found), **means, "slope": slope, "correlation": correlation}
