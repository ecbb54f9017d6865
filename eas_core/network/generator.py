"""The architecture generator: task and budget in, probabilities of 90 binary gates out (section 3.2).

Task and budget embeddings are concatenated and fed to an LSTM that takes one step a unit of the network; three linear
heads turn each hidden state into the logits z of that unit's kernel, width and depth gates. With other heads the same
generator makes path weights instead of gates (:mod:`eas_core.network.multi_path`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eas_core.space.budget import check_budget
from eas_core.space.search_space import BLOCKS_PER_UNIT, UNITS

GATE_HEADS = {"kernel": 2 * BLOCKS_PER_UNIT, "width": 2 * BLOCKS_PER_UNIT, "depth": 2}  # logits of one unit


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


def sample_gates(z: Tensor, tau: float, draw: torch.Generator) -> Tensor:
    """Eq. (G) as Eq. (I) and (J) sample it: 0/1 gates of z's shape, 1 with probability sigmoid(z), differentiable."""
    u = torch.rand(z.shape, generator=draw).clamp(1e-6, 1 - 1e-6).to(z.device, non_blocking=True)
    return hard_gates(relaxed_gates(z, u, tau))
