"""What a generator of gates has learnt, read off its probabilities: no network is built, no image is read."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from eas_core.network.generator import ArchitectureGenerator, probabilities
from eas_core.search.specialize import draw_gates, scenario_rng
from eas_core.settings import schema
from eas_core.space.cost_tables import MILLION, cost_of_index, cost_tables
from eas_core.space.search_space import GATES, SearchSpace


@torch.no_grad()
def gate_statistics(
    generator: ArchitectureGenerator, space: SearchSpace, tasks: int, settings: schema.Specialize, seed: int
) -> list[dict[str, float]]:
    """Of each budget level, averaged over the ``tasks``, from ``settings.samples`` samples of a scenario:

    - ``keeping``: the share of samples that cost at most B and at least (1 - tolerance) B;
    - ``cost error``: mean of abs(R - B) / B over samples;
    - ``entropy``: mean of a gate's entropy in nats, 0 to 0.69;
    - ``deviation``: how much a gate's probability varies from task to task, the standard deviation over tasks, averaged
      over gates; 0 if the generator has learnt nothing about tasks.
    """
    exact = copy.deepcopy(generator).to("cpu", torch.float64)
    table, found = cost_tables(space)[0], []
    for budget in settings.budgets:
        z = exact(torch.arange(tasks), torch.full((tasks,), budget, dtype=torch.float64))  # (T, 90)
        noise = [torch.rand(settings.samples, GATES, generator=scenario_rng(seed, t, budget)) for t in range(tasks)]
        cost = cost_of_index(table, draw_gates(z, torch.stack(noise))) / MILLION  # (T, samples)
        kept = (cost <= budget) & (cost >= (1 - settings.tolerance) * budget)
        p = probabilities(z)
        found.append(
            {
                "budget": budget,
                "keeping": kept.double().mean().item(),
                "cost_error": ((cost - budget).abs() / budget).mean().item(),
                "entropy": _entropy(p).mean().item(),
                "deviation": p.std(0, correction=0).mean().item(),
            }
        )
    return found


def _entropy(p: Tensor) -> Tensor:
    """Of a gate that is on with probability p, in nats; any shape."""
    return -(torch.xlogy(p, p) + torch.xlogy(1 - p, 1 - p))
