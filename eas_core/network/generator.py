"""The architecture generator: task and budget in, probabilities of 90 binary gates out (section 3.2).

Task and budget embeddings are concatenated and fed to an LSTM that takes one step per unit of the network; three linear
heads turn each hidden state into the logits z of that unit's kernel, width and depth gates. With other heads the same
generator makes path weights instead of gates (:mod:`eas_core.network.multi_path`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eas_core.base.errors import SpaceError
from eas_core.space.budget import check_budget
from eas_core.space.search_space import BLOCKS_PER_UNIT, UNITS

GATE_HEADS = {"kernel": 2 * BLOCKS_PER_UNIT, "width": 2 * BLOCKS_PER_UNIT, "depth": 2}  # logits of one unit
ESTIMATORS = ("straight-through", "second-order")  # of the gradient of a sampled gate


class ArchitectureGenerator(nn.Module):
    """G(B, t; theta). ``budget`` is (B_L, B_H) in millions of multiply-adds, ``anchors`` is K.

    ``heads`` names the linear layers and how many logits each has for one unit of the network.

    >>> import torch
    >>> generator = ArchitectureGenerator(tasks=10, budget=(1.7, 6.5))
    >>> generator(torch.tensor([0, 3]), torch.tensor([2.0, 6.0])).shape  # two scenarios: a task and a budget each
    torch.Size([2, 90])
    """

    def __init__(
        self,
        tasks: int,
        budget: tuple[float, float],
        anchors: int = 10,
        embedding: int = 32,
        hidden: int = 64,
        heads: dict[str, int] = GATE_HEADS,
    ):
        super().__init__()
        self.heads = tuple(f"{name}_head" for name in heads)
        self.low, self.high = budget
        self.task_embedding = nn.Parameter(torch.zeros(tasks, embedding))
        self.budget_embedding = nn.Parameter(torch.zeros(anchors, embedding))
        self.unit_embedding = nn.Parameter(torch.zeros(UNITS, 2 * embedding))  # tells the LSTM which unit it is at
        self.lstm = nn.LSTM(2 * embedding, hidden, batch_first=True)
        for name, logits in zip(self.heads, heads.values(), strict=True):
            self.add_module(name, nn.Linear(hidden, logits))

    def initialise(self, draw: torch.Generator) -> None:
        """Draw all weights anew: embeddings N(0, 0.5), the rest N(0, 1 / sqrt(fan-in)), biases 0."""
        for name, parameter in self.named_parameters():
            if "embedding" in name:
                nn.init.normal_(parameter, 0.0, 0.5, generator=draw)
            elif parameter.ndim > 1:
                nn.init.normal_(parameter, 0.0, parameter.shape[1] ** -0.5, generator=draw)
            else:
                nn.init.zeros_(parameter)

    def embed_budget(self, budget: Tensor) -> Tensor:
        """Budgets (m,) in millions to embeddings (m, e): exact at the K anchors, linear in between."""
        outside = ~((budget >= self.low - 1e-6) & (budget <= self.high + 1e-6))  # so that NaN is outside too
        if outside.any():
            check_budget(budget[outside][0].item(), self.low, self.high)
        budget = budget.to(self.budget_embedding.device, non_blocking=True)
        last = len(self.budget_embedding) - 1
        position = ((budget - self.low) / (self.high - self.low) * last).clamp(0, last)
        left = position.floor().long().clamp(max=last - 1)
        weight = (position - left)[:, None]
        return (1 - weight) * self.budget_embedding[left] + weight * self.budget_embedding[left + 1]

    def forward(self, task: Tensor, budget: Tensor) -> Tensor:
        """Logits z of m scenarios, task numbers (m,) and budgets (m,) in millions: shape (m, 90) with the heads of gates.

        Given on the CPU, they are checked there and moved, and the host does not wait for a GPU.
        """
        embeddings = self.task_embedding[task.to(self.task_embedding.device, non_blocking=True)]
        scenario = torch.cat([embeddings, self.embed_budget(budget)], dim=1)  # (m, 2e)
        steps, _ = self.lstm(scenario[:, None] + self.unit_embedding)  # (m, 5, 2e) -> (m, 5, hidden)
        return torch.cat([getattr(self, head)(steps).flatten(1) for head in self.heads], dim=1)  # 40 + 40 + 10


def probabilities(z: Tensor) -> Tensor:
    """Eq. (H): p = sigmoid(z), the probability that a gate is on; any shape."""
    return torch.sigmoid(z)


def relaxed_gates(z: Tensor, u: Tensor, tau: float) -> Tensor:
    """Eq. (I): sigmoid((log p/(1-p) + log u/(1-u)) / tau). With p = sigmoid(z), log p/(1-p) is z itself.

    ``z`` and ``u`` of one shape, ``u`` uniform in (0, 1), ``tau`` > 0; the result is in (0, 1).
    """
    return torch.sigmoid((z + torch.logit(u)) / tau)


def hard_gates(h: Tensor) -> Tensor:
    """Eq. (J): 1 where h > 0.5 else 0, with the gradient of h.

    That is the straight-through estimator (Bengio et al., 2013).
    """
    hard = (h > 0.5).to(h.dtype)
    return hard + (h - h.detach())  # the bracket is exactly 0, so gates are exactly 0 or 1


def second_order_gates(z: Tensor, on: Tensor) -> Tensor:
    """Gates D = ``on`` (0/1 or bool, drawn with probability p = sigmoid(z)) whose derivative in z is abs(D - p) / 2.

    The true derivative of E f(D) = (1 - p) f(0) + p f(1) is p (1 - p) (f(1) - f(0)). A sample knows the slope f' at its
    own end only. By the trapezoid rule f(1) - f(0) = (f'(0) + f'(1)) / 2, exactly if f is quadratic in the gate: half of it
    is wanted from each end. The end D = 1 is drawn with probability p, so its slope must weigh (1 - p) / 2 for its share
    in the mean to be p (1 - p) / 2; D = 0 is drawn with 1 - p and must weigh p / 2. Both are abs(D - p) / 2.

    This is the binary case of ReinMax (Liu et al., NeurIPS 2023, https://arxiv.org/abs/2304.08612), which reaches it as
    Heun's method; it is not in the EAS paper. Any shape, the same for both.
    """
    hard = on.to(z.dtype)
    weight = (hard - torch.sigmoid(z)).abs().detach() / 2
    return hard + weight * (z - z.detach())  # the bracket is exactly 0, so gates are exactly 0 or 1


def sample_gates(z: Tensor, tau: float, draw: torch.Generator, estimator: str = "straight-through") -> Tensor:
    """Eq. (G) as Eq. (I) and (J) sample it: 0/1 gates of z's shape, 1 with probability sigmoid(z), differentiable.

    ``estimator`` is how: "straight-through" (:func:`hard_gates`, the paper's) or "second-order"
    (:func:`second_order_gates`, in which ``tau`` is of no account). The gates are the same; another one raises
    :class:`SpaceError`.
    """
    if estimator not in ESTIMATORS:
        raise SpaceError(f"generator.estimator: {estimator!r:.60} is not one of {', '.join(ESTIMATORS)}")
    u = torch.rand(z.shape, generator=draw).clamp(1e-6, 1 - 1e-6).to(z.device, non_blocking=True)
    h = relaxed_gates(z, u, tau)
    return hard_gates(h) if estimator == "straight-through" else second_order_gates(z, h > 0.5)
