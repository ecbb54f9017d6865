"""EAS inference: from scenarios (task, budget) to architectures that keep their budgets, in one forward pass.

Sampling follows section 3.2: draw several architectures from the gates' Bernoulli distributions, reject what violates
the budget, and let the validation split choose. If no sample fits, the nearest feasible architecture is derived by
switching single gates, least certain first, and the result says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eas_core import profiles
from eas_core.calibrate import calibrate
from eas_core.cost import budget_range, madds_millions
from eas_core.data import Split, rng
from eas_core.errors import SpaceError
from eas_core.evaluate import score
from eas_core.generator import ArchitectureGenerator, sample_gates
from eas_core.multi_path import gate_logits, makes_paths, sample_paths
from eas_core.network import Network
from eas_core.space import GATES, SMALLEST, Architecture, SearchSpace, from_gates, nest, to_gates
from eas_core.supernet import Supernet
from eas_core.tasks import TaskSet


@dataclass(frozen=True)
class Proposal:
    """Feasible candidates of one scenario, none above ``budget`` (millions); ``derived`` if no sample fitted."""

    task: int
    budget: float
    candidates: tuple[Architecture, ...]
    derived: bool


@dataclass(frozen=True, eq=False)
class Specialized:
    """The network chosen for a scenario: calibrated, with its cost in millions and what the validation split said."""

    task: int
    budget: float
    architecture: Architecture
    madds: float
    valid_accuracy: float
    valid_loss: float
    candidates: int
    derived: bool
    network: Network


@torch.no_grad()
def propose(
    generator: ArchitectureGenerator,
    space: SearchSpace,
    scenarios: list[tuple[int, float]],
    settings: profiles.Specialize,
    seed: int,
) -> list[Proposal]:
    """Candidates for M scenarios from one forward pass of the generator with mini-batch size M.

    Draws ``settings.samples`` architectures a scenario and keeps the first ``settings.candidates`` different ones that
    cost at most the budget B and at least (1 - tolerance) B. Raises :class:`SpaceError` for a budget out of range.
    """
    device = generator.task_embedding.device
    task = torch.tensor([t for t, _ in scenarios], device=device)
    budget = torch.tensor([b for _, b in scenarios], device=device, dtype=torch.float32)
    z = generator(task, budget).cpu()  # (m, 90), or path logits (m, 195)
    draw = rng(seed, "specialize")
    if makes_paths(generator):
        gates, z = sample_paths(z, settings.samples, draw), gate_logits(z)
    else:
        gates = sample_gates(z[:, None].expand(-1, settings.samples, -1), 1.0, draw)  # (m, s, 90)
    cost = madds_millions(space, gates)  # (m, s)
    limit = torch.tensor([b for _, b in scenarios], dtype=torch.float64)[:, None]
    fits = (cost <= limit) & (cost >= (1 - settings.tolerance) * limit)
    proposals = []
    for i, (t, b) in enumerate(scenarios):
        kept = fits[i].nonzero().flatten()[: 4 * settings.candidates]  # a few spare ones, duplicates drop out
        found = tuple(dict.fromkeys(from_gates(gates[i, kept])))[: settings.candidates] if len(kept) else ()
        derived = not found
        if derived:
            found = (nearest_feasible(z[i], space, b),)
        proposals.append(Proposal(t, b, found, derived))
    return proposals


def nearest_feasible(z: Tensor, space: SearchSpace, budget: float) -> Architecture:
    """The most probable gates of logits z (90,), changed one gate at a time until the budget (millions) is kept.

    While too expensive, the active gate with the smallest logit is switched off; then the most probable inactive gates
    that still fit are switched on. Raises :class:`SpaceError` when even the smallest architecture costs more.
    """
    low, high = budget_range(space)
    if budget < low:
        raise SpaceError(
            f"budget: {budget:g} M is below the smallest architecture's {low:g} M (range {low:g}-{high:g} M)"
        )
    gates = nest((z > 0).float()).flatten()

    def cost(candidates: Tensor) -> Tensor:
        return madds_millions(space, candidates)

    rank = z.argsort().argsort()  # 0: the least probable gate
    fewer = gates * (rank >= torch.arange(GATES + 1)[:, None])  # row i: the i least probable gates switched off
    gates = fewer[(cost(fewer) <= budget).int().argmax()]
    while True:
        raised = gates.repeat(GATES, 1).fill_diagonal_(1.0)  # row i: gate i switched on as well
        costs = cost(raised)
        fits = (costs > cost(gates)) & (costs <= budget)
        if not fits.any():
            break
        gates = raised[z.masked_fill(~fits, -torch.inf).argmax()]
    architecture = from_gates(gates[None])[0]
    return architecture if cost(to_gates([architecture])[0]) <= budget else SMALLEST


def specialize(
    proposal: Proposal,
    supernet: Supernet,
    train: Split,
    valid: Split,
    tasks: TaskSet,
    calibration: profiles.Calibration,
    batch_size: int,
    seed: int,
) -> Specialized:
    """The best candidate of a proposal: highest validation accuracy on its task, cross-entropy breaking ties.

    Each candidate is extracted from the supernet and calibrated on training images first (section 3.2), and scored
    ``batch_size`` images at a time.
    """
    index = valid.of_task(tasks, proposal.task)
    best = None
    for architecture in proposal.candidates:
        network = calibrate(supernet.extract(architecture), train, calibration.images, calibration.batch_size, seed)
        scores = score(network, valid, tasks, index, batch_size)
        rank = (scores.accuracy(), -scores.cross_entropy())
        if best is None or rank > best[0]:
            best = (rank, architecture, network)
    (accuracy, negative_loss), architecture, network = best
    return Specialized(
        task=proposal.task,
        budget=proposal.budget,
        architecture=architecture,
        madds=madds_millions(supernet.space, to_gates([architecture])[0]).item(),
        valid_accuracy=accuracy,
        valid_loss=-negative_loss,
        candidates=len(proposal.candidates),
        derived=proposal.derived,
        network=network,
    )
