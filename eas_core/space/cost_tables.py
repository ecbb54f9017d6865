"""Multiply-adds and parameters of architectures: exact, vectorised over a batch, differentiable in the gates.

The costs of the parts of a network, from :mod:`eas_core.space.count`, make one table of 20 x 3 x 3 numbers, and
Eq. (F) is a sum over that table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

import torch
from torch import Tensor

from eas_core.base.devices import on_device
from eas_core.base.errors import SpaceError
from eas_core.space.budget import budget_range
from eas_core.space.count import MILLION, Counts, counts, madds, params  # noqa: F401 - names of this module too
from eas_core.space.search_space import (
    BLOCKS,
    BLOCKS_PER_UNIT,
    DEPTH_PAIRS,
    DEPTHS,
    EXPANSIONS,
    KERNEL_PAIRS,
    KERNELS,
    UNITS,
    WIDTH_PAIRS,
    Architecture,
    SearchSpace,
    from_index,
    nest,
)

# The 9 choices of a unit are the digits of a number to base 3, its code: 4 kernels, 4 expansion ratios, the depth.
UNIT_CHOICES = 2 * BLOCKS_PER_UNIT + 1
_UNIT, _PLACE = torch.arange(BLOCKS) // BLOCKS_PER_UNIT, torch.arange(BLOCKS) % BLOCKS_PER_UNIT
UNIT_OF = torch.cat([_UNIT, _UNIT, torch.arange(UNITS)])  # the unit of each of the 45 pairs
DIGIT = 3 ** torch.cat(
    [_PLACE, BLOCKS_PER_UNIT + _PLACE, torch.full((UNITS,), UNIT_CHOICES - 1)]
)  # its worth in the code
_CODES = torch.nn.functional.one_hot(UNIT_OF) * DIGIT[:, None].double()  # (45, 5)


@dataclass(frozen=True)
class CostTable:
    """Cost of the fixed parts, and of every block for every (kernel, expansion) choice, shape (20, 3, 3), float64."""

    fixed: float
    blocks: Tensor

    @cached_property
    def units(self) -> Tensor:
        """Cost of every unit for every code (:func:`unit_codes`), shape (5, 3^9), float64."""
        digits = torch.arange(3**UNIT_CHOICES)[:, None] // 3 ** torch.arange(UNIT_CHOICES) % 3
        kernel, ratio, depth = digits.split([BLOCKS_PER_UNIT, BLOCKS_PER_UNIT, 1], dim=1)
        place = torch.arange(BLOCKS_PER_UNIT)
        blocks: Tensor = self.blocks.unflatten(0, (UNITS, BLOCKS_PER_UNIT))[:, place, kernel, ratio]  # (5, 3^9, 4)
        exists: Tensor = place < DEPTHS[0] + depth
        return (blocks * exists).sum(-1)


@cache
def cost_tables(space: SearchSpace) -> tuple[CostTable, CostTable]:
    """The tables of multiply-adds and of parameters of a space."""
    multiply_adds, parameters = counts(space)
    return _table(multiply_adds), _table(parameters)


def _table(found: Counts) -> CostTable:
    blocks = [[[block[k, e] for e in EXPANSIONS] for k in KERNELS] for block in found.blocks]
    return CostTable(float(found.fixed), torch.tensor(blocks, dtype=torch.float64))


def cost_of_gates(table: CostTable, gates: Tensor) -> Tensor:
    """Eq. (F): cost of gates of shape (..., 90), as float64 of shape (...), differentiable in the gates.

    For 0/1 gates the result is exact. Block 3 of a unit counts with its first depth gate, block 4 with both.
    """
    pairs = nest(gates.double())  # (..., 45, 2)
    choice = torch.stack([1 - pairs[..., 0], pairs[..., 0] - pairs[..., 1], pairs[..., 1]], dim=-1)  # (..., 45, 3)
    per_block = torch.einsum(
        "...bk,...be,bke->...b",
        choice[..., KERNEL_PAIRS, :],
        choice[..., WIDTH_PAIRS, :],
        on_device(table.blocks, gates.device),
    )
    return table.fixed + (per_block * depth_gates(pairs)).sum(-1)


def cost_of_index(table: CostTable, index: Tensor) -> Tensor:
    """Exact cost of architectures as index (..., 45), float64 (...): each unit's entry of the table, summed."""
    units = on_device(table.units, index.device)
    return table.fixed + units[torch.arange(UNITS, device=index.device), unit_codes(index)].sum(-1)


def unit_codes(index: Tensor) -> Tensor:
    """The choices of each unit as one number below 3^9: index (..., 45) to int64 (..., 5)."""
    return (index.double() @ on_device(_CODES, index.device)).long()  # float64 for speed; whole numbers stay exact


def depth_gates(pairs: Tensor) -> Tensor:
    """Eq. (E)'s gate of each block, shape (..., 20), from nested pairs (..., 45, 2): 1, 1, g3, g3 * g4 in each unit."""
    depth = pairs[..., DEPTH_PAIRS, :]  # (..., 5, 2)
    return torch.cat([torch.ones_like(depth), depth], dim=-1).flatten(-2)


def madds_millions(space: SearchSpace, gates: Tensor) -> Tensor:
    """Multiply-adds in millions of gates (..., 90), differentiable; R(alpha) of Eq. (C)."""
    return cost_of_gates(cost_tables(space)[0], gates) / MILLION


@lru_cache(maxsize=128)
def _tilt(space: SearchSpace, target: float) -> tuple[Tensor, Tensor]:
    """Probabilities of the 9 block types (20, 9) and of the 3 depths (5, 3) whose mean cost is ``target`` million.

    They are those of :func:`eas_core.space.search_space.sample`, tilted by exp(-beta * cost): among architectures of one
    cost nothing changes.
    """
    table = cost_tables(space)[0]
    cost = table.blocks.flatten(1) / MILLION  # (20, 9)

    def tilt(beta: float) -> tuple[Tensor, Tensor, float]:
        logits = -beta * cost
        choice = logits.softmax(1)
        log_mean, block_mean = logits.logsumexp(1), (choice * cost).sum(1)
        totals = [t.unflatten(0, (-1, BLOCKS_PER_UNIT)).cumsum(1)[:, 1:] for t in (log_mean - math.log(9), block_mean)]
        depth = totals[0].softmax(1)
        return choice, depth, table.fixed / MILLION + (depth * totals[1]).sum().item()

    left, right = -1e3, 1e3  # mean cost falls as beta grows
    for _ in range(80):
        beta = (left + right) / 2
        left, right = (beta, right) if tilt(beta)[2] > target else (left, beta)
    return tilt(left)[:2]


def draw_around(space: SearchSpace, target: float, count: int, generator: torch.Generator) -> Tensor:
    """``count`` random architectures whose mean cost is ``target`` million multiply-adds, as index (count, 45).

    Among architectures of one cost the draw is that of :func:`eas_core.space.search_space.sample`. Plain draws would
    almost never hit costs far from the middle of the space.
    """
    choice, depth = _tilt(space, target)
    block = torch.multinomial(choice, count, replacement=True, generator=generator).T  # (count, 20), 0..8
    levels = torch.multinomial(depth, count, replacement=True, generator=generator).T  # (count, 5), 0..2
    return torch.cat([block // len(EXPANSIONS), block % len(EXPANSIONS), levels], dim=1)


def sample_near(
    space: SearchSpace, target: float, window: float, count: int, generator: torch.Generator
) -> list[Architecture]:
    """``count`` different random architectures that cost ``target`` million multiply-adds, give or take ``window``.

    ``window`` is a share of the target. Drawn by :func:`draw_around`; what falls outside the window is rejected. A target
    outside the space's range, or a window in which too few are found, raises :class:`SpaceError`.
    """
    low, high = budget_range(space)
    if not low <= target <= high:
        raise SpaceError(f"cost: {target:g} M is outside the space's range {low:g}-{high:g} M")
    table = cost_tables(space)[0]
    found: dict[Architecture, None] = {}
    for _ in range(200):
        index = draw_around(space, target, 512, generator)
        near = (cost_of_index(table, index) / MILLION - target).abs() <= window * target
        found.update(dict.fromkeys(from_index(index[near])))
        if len(found) >= count:
            return list(found)[:count]
    raise SpaceError(f"cost: only {len(found)} architectures found within {window:.0%} of {target:g} M, {count} wanted")
