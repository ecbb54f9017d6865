"""EAS inference: from scenarios (task, budget) to architectures that keep their budgets, in one forward pass.

Sampling follows section 3.2: draw several architectures from the gates' Bernoulli distributions, reject what violates
the budget, and let the validation split choose. If no sample fits, the nearest feasible architecture is derived by
switching single gates, least certain first, and the result says so.

A scenario's proposal is its own, whatever else is in the batch: its noise belongs to the seed, the task and the budget,
and the generator runs in float64 on the CPU. Batches of other sizes may still round its logits differently, but in the
16th digit, while noise has 24 bits: in a scenario of 256 samples that decides about one gate in 10^11 times.
"""

from __future__ import annotations

import copy
import itertools
from dataclasses import dataclass

import torch
from torch import Tensor

from eas_core.base.errors import SpaceError
from eas_core.base.random import rng
from eas_core.data.splits import Split
from eas_core.data.tasks import TaskSet
from eas_core.network.calibrate import calibrated
from eas_core.network.generator import ArchitectureGenerator
from eas_core.network.multi_path import draw_paths, gate_logits, makes_paths
from eas_core.network.subnetwork import Network
from eas_core.network.supernet import Supernet
from eas_core.search.evaluate import score
from eas_core.settings import schema
from eas_core.space.budget import check_kept
from eas_core.space.cost_tables import (
    DIGIT,
    MILLION,
    UNIT_OF,
    CostTable,
    cost_of_index,
    cost_tables,
    madds_millions,
    unit_codes,
)
from eas_core.space.search_space import (
    BLOCKS,
    GATES,
    PAIRS,
    UNITS,
    Architecture,
    SearchSpace,
    byte_rows,
    canonical,
    from_index,
    nest,
    to_gates,
)

TOGETHER = 256  # scenarios of a pass; memory stays small and in the cache
DRAWS = 8  # samples drawn at first; twice as many in all each time, for the scenarios that still lack candidates


@dataclass(frozen=True)
class Proposal:
    """Feasible candidates of one scenario, none above ``budget`` (millions); ``derived`` if no sample fitted."""

    task: int
    budget: float
    candidates: tuple[Architecture, ...]
    derived: bool


@dataclass(frozen=True, eq=False)
class Ranked:
    """A candidate that was extracted, calibrated and scored on the images that rank candidates."""

    architecture: Architecture
    madds: float
    valid_accuracy: float
    valid_loss: float
    network: Network


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
    #: The candidate that was drawn first: what the generator gives without a choice.
    first: Ranked


def scenario_rng(seed: int, task: int, budget: float) -> torch.Generator:
    """The source of a scenario's noise; for gates it gives u (samples, 90) of Eq. (I), one sample after another."""
    return rng(seed, "specialize", int(task), str(float(budget)))


def draw_gates(z: Tensor, u: Tensor) -> Tensor:
    """Architectures that uniform noise u (m, s, 90) draws from logits z (m, 90) by Eq. (I) and (J): index (m, s, 45).

    h > 0.5 where z + log u/(1-u) > 0, that is where u > sigmoid(-z).
    """
    first, second = (u > torch.sigmoid(-z).to(u.dtype)[:, None]).unflatten(-1, (PAIRS, 2)).unbind(-1)
    index: Tensor = first.to(torch.uint8) + (first & second)
    return index


@torch.no_grad()
def propose(
    generator: ArchitectureGenerator,
    space: SearchSpace,
    scenarios: list[tuple[int, float]],
    settings: schema.Specialize,
    seed: int,
) -> list[Proposal]:
    """Candidates for M scenarios, the same for each as if it were alone.

    Of ``settings.samples`` architectures drawn for a scenario, the first ``settings.candidates`` different ones that
    cost at most the budget B and at least (1 - tolerance) B. Raises :class:`SpaceError` for a budget out of range.

    >>> from eas_core import make_run
    >>> run = make_run("smoke", device="cpu")
    >>> untrained = ArchitectureGenerator(len(run.tasks), run.profile.generator.budget)
    >>> scenarios = [(0, 3.0), (4, 2.3)]  # numbers of tasks, and budgets
    >>> proposals = propose(untrained, run.profile.search_space(), scenarios, run.profile.specialize, seed=0)
    >>> [(proposal.task, proposal.budget) for proposal in proposals]
    [(0, 3.0), (4, 2.3)]
    """
    exact = copy.deepcopy(generator).to("cpu", torch.float64)
    parts = [scenarios[i : i + TOGETHER] for i in range(0, len(scenarios), TOGETHER)]
    return [proposal for part in parts for proposal in _propose(exact, space, part, settings, seed)]


def _propose(
    generator: ArchitectureGenerator,
    space: SearchSpace,
    scenarios: list[tuple[int, float]],
    settings: schema.Specialize,
    seed: int,
) -> list[Proposal]:
    draw, width = (draw_paths, BLOCKS + UNITS) if makes_paths(generator) else (draw_gates, GATES)
    budget = torch.tensor([b for _, b in scenarios], dtype=torch.float64)
    z = generator(torch.tensor([t for t, _ in scenarios]), budget)  # (m, 90), or path logits (m, 195)
    table, sources = cost_tables(space)[0], [scenario_rng(seed, t, b) for t, b in scenarios]
    found: list[dict[bytes, None]] = [{} for _ in scenarios]  # rows of a canonical index, in the order drawn
    drawn, lacking = 0, list(range(len(scenarios)))
    while lacking and drawn < settings.samples:
        count = min(max(DRAWS, drawn), settings.samples - drawn)
        u = torch.empty(len(lacking), count, width)
        for i, row in zip(lacking, u, strict=True):
            row.uniform_(generator=sources[i])
        index, limit = draw(z[lacking], u), budget[lacking, None]
        cost = cost_of_index(table, index) / MILLION
        fits = (cost <= limit) & (cost >= (1 - settings.tolerance) * limit)
        for row, one in zip(fits.nonzero()[:, 0].tolist(), byte_rows(canonical(index[fits])), strict=True):
            candidates = found[lacking[row]]
            if len(candidates) < settings.candidates:
                candidates[one] = None
        drawn += count
        lacking = [i for i in lacking if len(found[i]) < settings.candidates]
    derived = [i for i, candidates in enumerate(found) if not candidates]
    if derived:
        logits = gate_logits(z[derived]) if makes_paths(generator) else z[derived]
        for i, one in zip(derived, byte_rows(_nearest(logits, space, budget[derived])), strict=True):
            found[i][one] = None
    rows = torch.frombuffer(bytearray(b"".join(itertools.chain(*found))), dtype=torch.uint8)
    architectures, none_fitted = iter(from_index(rows.view(-1, PAIRS))), set(derived)
    return [
        Proposal(t, b, tuple(itertools.islice(architectures, len(found[i]))), i in none_fitted)
        for i, (t, b) in enumerate(scenarios)
    ]


@torch.no_grad()
def most_probable(
    generator: ArchitectureGenerator, space: SearchSpace, scenarios: list[tuple[int, float]]
) -> list[Architecture]:
    """The most probable architecture of each scenario that keeps its budget (:func:`nearest_feasible`)."""
    exact = copy.deepcopy(generator).to("cpu", torch.float64)
    budget = torch.tensor([b for _, b in scenarios], dtype=torch.float64)
    z = exact(torch.tensor([t for t, _ in scenarios]), budget)
    return from_index(_nearest(gate_logits(z) if makes_paths(exact) else z, space, budget))


def nearest_feasible(z: Tensor, space: SearchSpace, budget: float) -> Architecture:
    """The most probable gates of logits z (90,), changed one gate at a time until the budget (millions) is kept.

    While too expensive, the active gate with the smallest logit is switched off; then the most probable inactive gates
    that still fit are switched on. Raises :class:`SpaceError` when even the smallest architecture costs more.
    """
    return from_index(_nearest(z[None], space, torch.tensor([budget], dtype=torch.float64)))[0]


def _nearest(z: Tensor, space: SearchSpace, budget: Tensor) -> Tensor:
    """:func:`nearest_feasible` of logits (m, 90) and budgets (m,), as index (m, 45)."""
    check_kept(budget.tolist(), space)
    table = cost_tables(space)[0]
    gates = nest(z > 0).flatten(1)
    rank = z.argsort(dim=1, stable=True).argsort(dim=1)  # 0: the least probable gate

    # How many of the least probable gates go: the cost falls with their number, so bisection finds the smallest.
    fewest, most = torch.zeros(len(z), 1, dtype=torch.long), torch.full((len(z), 1), GATES)
    while (fewest < most).any():
        middle = (fewest + most) // 2
        keeps = _cost(table, gates & (rank >= middle))[:, None] <= budget[:, None]
        fewest, most = torch.where(keeps, fewest, middle + 1), torch.where(keeps, middle, most)
    gates &= rank >= most

    rows = torch.arange(len(z))  # those that may have room for another gate
    while len(rows):
        cost = _costs_with_one_more(table, gates[rows])
        fits = (cost > _cost(table, gates[rows])[:, None]) & (cost <= budget[rows, None])
        some = fits.any(1)
        rows, fits = rows[some], fits[some]
        gates[rows, z[rows].masked_fill(~fits, -torch.inf).argmax(1)] = True
    return nest(gates).sum(-1)


def _cost(table: CostTable, gates: Tensor) -> Tensor:
    """Millions of multiply-adds (m,) of gates (m, 90)."""
    return cost_of_index(table, nest(gates).sum(-1)) / MILLION


def _costs_with_one_more(table: CostTable, gates: Tensor) -> Tensor:
    """The same with each gate in turn switched on as well, (m, 90): only the cost of its own unit changes."""
    first, second = gates.unflatten(1, (PAIRS, 2)).unbind(-1)
    code = unit_codes(nest(gates).sum(-1))  # (m, 5)
    units = table.units[torch.arange(UNITS), code]
    steps = torch.stack([~first * (1 + second.long()), first & ~second], dim=-1)  # of the pair's index, (m, 45, 2)
    raised = table.units[UNIT_OF[:, None], code[:, UNIT_OF, None] + steps * DIGIT[:, None]]
    total = table.fixed + units.sum(1)
    return ((total[:, None, None] - units[:, UNIT_OF, None] + raised) / MILLION).flatten(1)


def ranked(
    candidates: tuple[Architecture, ...],
    task: int | None,
    supernet: Supernet,
    train: Split,
    valid: Split,
    tasks: TaskSet,
    calibration: schema.Calibration,
    batch_size: int,
    seed: int,
) -> tuple[Ranked, Ranked]:
    """The first candidate, and the best: highest validation accuracy on the task, cross-entropy breaking ties.

    ``task`` None stands for all of them. Every method of search chooses by this. Raises :class:`SpaceError` without
    candidates.
    """
    index = None if task is None else valid.of_task(tasks, task)
    first, best = None, None
    for architecture in candidates:
        network = calibrated(supernet, architecture, train, calibration.images, calibration.batch_size, seed)
        scores = score(network, valid, tasks, index, batch_size)
        cost = madds_millions(supernet.space, to_gates([architecture])[0]).item()
        one = Ranked(architecture, cost, scores.accuracy(), scores.cross_entropy(), network)
        first = first or one
        if best is None or (one.valid_accuracy, -one.valid_loss) > (best.valid_accuracy, -best.valid_loss):
            best = one
    if first is None or best is None:
        raise SpaceError("candidates: () is empty, at least one architecture is needed")
    return first, best


def specialize(
    proposal: Proposal,
    supernet: Supernet,
    train: Split,
    valid: Split,
    tasks: TaskSet,
    calibration: schema.Calibration,
    batch_size: int,
    seed: int,
) -> Specialized:
    """The best candidate of a proposal (:func:`ranked`).

    Each candidate is extracted from the supernet and calibrated on training images first (section 3.2), and scored
    ``batch_size`` images at a time. Raises :class:`SpaceError` for a proposal without candidates.

    >>> from eas_core import SMALLEST, make_run
    >>> run = make_run("smoke", progress=False)
    >>> train, valid = run.splits("train", "valid")
    >>> supernet = Supernet(run.profile.search_space()).to(run.device)
    >>> proposal = Proposal(task=0, budget=3.0, candidates=(SMALLEST,), derived=False)
    >>> chosen = specialize(proposal, supernet, train, valid, run.tasks, run.profile.calibration, 256, seed=0)
    >>> chosen.architecture == SMALLEST, chosen.madds <= 3.0
    (True, True)
    """
    first, best = ranked(
        proposal.candidates, proposal.task, supernet, train, valid, tasks, calibration, batch_size, seed
    )
    return Specialized(
        task=proposal.task,
        budget=proposal.budget,
        architecture=best.architecture,
        madds=best.madds,
        valid_accuracy=best.valid_accuracy,
        valid_loss=best.valid_loss,
        candidates=len(proposal.candidates),
        derived=proposal.derived,
        network=best.network,
        first=first,
    )
