"""The search space: what an architecture is, and every form in which the kit writes one down.

A network of the once-for-all MobileNetV3 space has five units of up to four inverted residual blocks. Three things are
searched: the depth of each unit, and the expansion ratio and depthwise kernel size of each block (section 4 of the
paper). The choices are the same for every profile; a :class:`~eas_core.space.architecture.SearchSpace` fixes what is
not searched.

The same architecture appears as

- an :class:`~eas_core.space.architecture.Architecture`, a hashable value that cannot be invalid;
- 90 binary *gates* (Eq. (G)), laid out as 45 nested pairs: 20 kernel pairs ("at least 5", "at least 7"), 20 width pairs
  ("at least 4", "at least 6") and 5 depth pairs ("at least 3", "at least 4");
- an *index* of 45 numbers 0, 1 or 2, the gates of each pair that are on, for work on many architectures at once;
- a 135-number *one-hot* encoding, used for cosine similarity and accuracy predictors.
"""

from __future__ import annotations

import torch
from torch import Tensor

from eas_core.base.errors import SpaceError
from eas_core.space.architecture import (  # noqa: F401 - all of them are names of this module too
    BLOCKS,
    BLOCKS_PER_UNIT,
    DEPTH_PAIRS,
    DEPTHS,
    EXPANSIONS,
    GATES,
    KERNEL_PAIRS,
    KERNELS,
    LARGEST,
    PAIRS,
    SMALLEST,
    UNITS,
    WIDTH_PAIRS,
    Architecture,
    SearchSpace,
    make_divisible,
    space_size,
    uniform,
)


def _pick(choices: tuple[int, ...], generator: torch.Generator, count: int) -> tuple[int, ...]:
    return tuple(choices[i] for i in torch.randint(len(choices), (count,), generator=generator))


def sample(
    generator: torch.Generator,
    depths: tuple[int, ...] = DEPTHS,
    expansions: tuple[int, ...] = EXPANSIONS,
    kernels: tuple[int, ...] = KERNELS,
) -> Architecture:
    """Draw every depth, expansion ratio and kernel size uniformly from the choices given (once-for-all's sampling).

    >>> architecture = sample(torch.Generator().manual_seed(0), kernels=(3,))
    >>> len(architecture.depth), set(architecture.kernel)
    (5, {3})
    """
    return Architecture(
        _pick(depths, generator, UNITS), _pick(expansions, generator, BLOCKS), _pick(kernels, generator, BLOCKS)
    )


# ---------------------------------------------------------------- index


def to_index(architectures: list[Architecture]) -> Tensor:
    """Architectures as index, int64 (n, 45): the position of each kernel, expansion ratio and depth in its choices."""
    forms = ("kernel", KERNELS, BLOCKS), ("expand", EXPANSIONS, BLOCKS), ("depth", DEPTHS, UNITS)
    parts = []
    for field, choices, length in forms:
        values = torch.tensor([getattr(a, field) for a in architectures], dtype=torch.int64).view(-1, length)
        parts.append((values >= choices[1]).long() + (values >= choices[2]).long())
    return torch.cat(parts, dim=1)


def from_index(index: Tensor) -> list[Architecture]:
    """The architectures that an index (n, 45) stands for; entries of blocks that do not exist are of no account.

    Another shape, or an entry that is not 0, 1 or 2, raises :class:`SpaceError`.
    """
    if index.ndim != 2 or index.shape[1] != PAIRS:
        raise SpaceError(f"index: shape {tuple(index.shape)}, (n, {PAIRS}) needed")
    outside = (index < 0) | (index > 2)
    if outside.any():
        raise SpaceError(f"index: {index[outside][0].item()} is not one of 0, 1, 2")
    kernel, expand, depth = canonical(index).long().cpu().split([BLOCKS, BLOCKS, UNITS], dim=1)
    values = [torch.tensor(c)[part] for c, part in ((KERNELS, kernel), (EXPANSIONS, expand), (DEPTHS, depth))]
    return [
        Architecture._known_valid(tuple(row[DEPTH_PAIRS]), tuple(row[WIDTH_PAIRS]), tuple(row[KERNEL_PAIRS]))
        for row in byte_rows(torch.cat(values, dim=1))  # the fast way to many tuples of small numbers
    ]


def canonical(index: Tensor) -> Tensor:
    """An index (..., 45) with 0 for blocks that do not exist: equal networks are equal rows."""
    return index * _counting(index)


def byte_rows(numbers: Tensor) -> list[bytes]:
    """The rows of whole numbers 0 to 255, (n, 45), as bytes."""
    data = numbers.to(torch.uint8).numpy().tobytes()
    return [data[i : i + PAIRS] for i in range(0, len(data), PAIRS)]


def active_blocks(index: Tensor) -> Tensor:
    """Which of the 20 blocks of an index (..., 45) exist, given the depth of their units: bool (..., 20)."""
    place = torch.arange(BLOCKS_PER_UNIT, device=index.device)
    return (place < DEPTHS[0] + index[..., DEPTH_PAIRS, None]).flatten(-2)  # (..., 5, 4) -> (..., 20)


def _counting(index: Tensor) -> Tensor:
    """Which entries of an index (..., 45) count, bool (..., 45): those of existing blocks, and the depths."""
    active = active_blocks(index)
    return torch.cat([active, active, torch.ones_like(active[..., :UNITS])], dim=-1)


def one_hot_of_index(index: Tensor) -> Tensor:
    """:func:`one_hot` of an index: (..., 45) -> (..., 135), float32."""
    ones = _counting(index).float()
    position = index + 3 * torch.arange(PAIRS, device=index.device)
    return ones.new_zeros(*index.shape[:-1], 3 * PAIRS).scatter_(-1, position, ones)


def one_hot(architectures: list[Architecture]) -> Tensor:
    """One-hot encoding, shape (n, 135): kernel and expansion of 20 blocks (3 + 3 each), depth of 5 units (3 each).

    Blocks that do not exist are all zeros, as in once-for-all's predictor, so similarity counts only real blocks.
    """
    return one_hot_of_index(to_index(architectures))


# ---------------------------------------------------------------- gates


def to_gates(architectures: list[Architecture]) -> Tensor:
    """Architectures as gates, shape (n, 90), values 0 or 1, nested (the second of a pair only with the first)."""
    index = to_index(architectures)
    return torch.stack([index >= 1, index >= 2], dim=-1).flatten(1).float()  # (n, 45, 2) -> (n, 90)


def nest(gates: Tensor) -> Tensor:
    """Make gates nested: (..., 90) -> (..., 45, 2) where the second of each pair is multiplied by the first.

    7 implies 5 for kernels, 6 implies 4 for expansion ratios, 4 implies 3 for depths. Differentiable in the gates.
    """
    first, second = gates.unflatten(-1, (PAIRS, 2)).unbind(-1)
    return torch.stack([first, first * second], dim=-1)


def one_hot_of_gates(gates: Tensor) -> Tensor:
    """:func:`one_hot` of gates (..., 90) -> (..., 135), differentiable: what is 0 or 1 has the gates' gradients.

    A choice 0, 1, 2 of a pair is 1 - g1, g1 - g1 g2, g1 g2; a unit's third and fourth block exist as far as its depth
    gates are on.
    """
    first, second = nest(gates).unbind(-1)  # (..., 45), the second with the first only
    choice = torch.stack([1 - first, first - second, second], dim=-1)  # (..., 45, 3)
    depth = torch.stack([first, second], dim=-1)[..., DEPTH_PAIRS, :]  # (..., 5, 2)
    exists = torch.cat([torch.ones_like(depth), depth], dim=-1).flatten(-2)  # (..., 20)
    ones = torch.ones_like(exists[..., :UNITS])
    return (choice * torch.cat([exists, exists, ones], dim=-1)[..., None]).flatten(-2)


def from_gates(gates: Tensor) -> list[Architecture]:
    """The architectures that binary gates (n, 90) encode; another shape raises :class:`SpaceError`."""
    if gates.ndim != 2 or gates.shape[1] != GATES:
        raise SpaceError(f"gates: shape {tuple(gates.shape)}, (n, {GATES}) needed")
    return from_index(nest(gates).round().long().sum(-1))
