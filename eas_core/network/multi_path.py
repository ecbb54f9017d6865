"""The multi-path encoding that the paper compares its gates with (section 4.2, Figure IV, Table III).

Each block has nine candidate modules, one for each kernel size and expansion ratio, and each unit three depths. The
generator's heads give softmax weights over them; a block's output is the weighted sum of *all nine*, as in DARTS
(https://arxiv.org/abs/1806.09055), so all of them are computed and kept for the backward pass.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from eas_core.base.devices import on_device
from eas_core.network.generator import ArchitectureGenerator
from eas_core.space.cost_tables import MILLION, cost_tables
from eas_core.space.search_space import BLOCKS, BLOCKS_PER_UNIT, DEPTHS, EXPANSIONS, KERNELS, UNITS, SearchSpace

PATHS = len(KERNELS) * len(EXPANSIONS)  # of one block; path p has kernel KERNELS[p // 3], ratio EXPANSIONS[p % 3]
PATH_HEADS = {"path": BLOCKS_PER_UNIT * PATHS, "depth": len(DEPTHS)}  # logits of one unit, for ArchitectureGenerator


def makes_paths(generator: ArchitectureGenerator) -> bool:
    """Whether a generator has the heads of path weights rather than of gates."""
    return "path_head" in generator.heads


class PathWeights(NamedTuple):
    """Weights of the candidate modules of every block (..., 20, 9) and of every unit's depths (..., 5, 3)."""

    blocks: Tensor
    depths: Tensor


def path_weights(z: Tensor) -> PathWeights:
    """Softmax weights from the generator's logits (..., 195): 20 x 9 of blocks and 5 x 3 of depths."""
    blocks, depths = z.split([BLOCKS * PATHS, UNITS * len(DEPTHS)], dim=-1)
    return PathWeights(
        blocks.unflatten(-1, (BLOCKS, PATHS)).softmax(-1), depths.unflatten(-1, (UNITS, len(DEPTHS))).softmax(-1)
    )


def expected_madds_millions(space: SearchSpace, paths: PathWeights) -> Tensor:
    """Multiply-adds in millions, shape (...), of path weights: the mean over their distribution; differentiable."""
    table = cost_tables(space)[0]
    blocks, depths = paths.blocks.double(), paths.depths.double()
    cost = (blocks * on_device(table.blocks, blocks.device).flatten(1)).sum(-1)  # (..., 20)
    third, fourth = depths[..., 1:].sum(-1), depths[..., 2]  # probability that the block exists, (..., 5)
    exists = torch.stack([torch.ones_like(third), torch.ones_like(third), third, fourth], dim=-1).flatten(-2)
    return (table.fixed + (cost * exists).sum(-1)) / MILLION


def draw_paths(z: Tensor, u: Tensor) -> Tensor:
    """Architectures that uniform noise u (m, s, 25) draws from the path weights of logits (m, 195): index (m, s, 45).

    A number for each block and each unit's depth; the choice is where it falls in the cumulated weights.
    """
    paths = path_weights(z)

    def draw(weights: Tensor, u: Tensor) -> Tensor:  # (m, c, k) and (m, s, c) -> (m, s, c)
        edges = weights.cumsum(-1)[:, None, :, :-1].to(u.dtype)
        return (u[..., None] >= edges).sum(-1)

    path, depth = draw(paths.blocks, u[..., :BLOCKS]), draw(paths.depths, u[..., BLOCKS:])
    return torch.cat([path // len(EXPANSIONS), path % len(EXPANSIONS), depth], dim=-1)


def gate_logits(z: Tensor) -> Tensor:
    """What path logits (m, 195) say about the 90 nested gates, as logits (m, 90).

    The first of a pair is on with the weight of the second and third choice, the second, given the first, with the
    third's share of that.
    """
    paths = path_weights(z)
    grid = paths.blocks.unflatten(-1, (len(KERNELS), len(EXPANSIONS)))
    choice = torch.cat([grid.sum(-1), grid.sum(-2), paths.depths], dim=-2)  # (m, 45, 3)
    first = choice[..., 1:].sum(-1)
    second = choice[..., 2] / first.clamp(min=1e-12)
    return torch.logit(torch.stack([first, second], dim=-1).flatten(-2), eps=1e-6)
