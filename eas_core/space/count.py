"""Multiply-adds and parameters of single architectures, in whole numbers.

The cost of a network is the cost of its fixed parts plus that of its blocks, and the cost of a block depends only on
its own kernel size and expansion ratio: 20 x 3 x 3 numbers hold the whole space. Counted are convolutions (those of
squeeze-excite too) and linear layers, as once-for-all counts them: no normalisation, activation or pooling.
:mod:`eas_core.space.cost_tables` has the same numbers as tensors.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from eas_core.space.architecture import (
    BLOCKS,
    BLOCKS_PER_UNIT,
    EXPANSIONS,
    KERNELS,
    Architecture,
    SearchSpace,
    make_divisible,
)

MILLION = 1e6


class Counts(NamedTuple):
    """Cost of the fixed parts, and of block b with kernel size k and expansion ratio e: ``blocks[b][k, e]``."""

    fixed: int
    blocks: list[dict[tuple[int, int], int]]

    def of(self, architecture: Architecture) -> int:
        """The cost of an architecture."""
        choices = zip(self.blocks, architecture.kernel, architecture.expand, strict=True)
        return self.fixed + sum(
            block[kernel, ratio] for b, (block, kernel, ratio) in enumerate(choices) if architecture.active(b)
        )


def _downsample(size: int, stride: int) -> int:
    return (size + stride - 1) // stride  # "same" padding with odd kernels


def _block(in_width: int, out_width: int, size: int, stride: int, kernel: int, mid: int, se: bool) -> tuple[int, int]:
    """(multiply-adds, parameters) of one inverted residual block with ``mid`` channels on a ``size`` x ``size`` input."""
    out_area = _downsample(size, stride) ** 2
    madds = in_width * mid * size**2 + mid * kernel**2 * out_area + mid * out_width * out_area
    params = in_width * mid + mid * kernel**2 + mid * out_width + 2 * (mid + mid + out_width)
    if se:
        hidden = make_divisible(mid // 4)
        madds += 2 * mid * hidden
        params += 2 * mid * hidden + mid + hidden
    return madds, params


@cache
def counts(space: SearchSpace) -> tuple[Counts, Counts]:
    """Multiply-adds and parameters of the parts of a space."""
    size = _downsample(space.resolution, space.stem_stride)
    stem, first = space.stem_width, space.first_width
    madds = 27 * stem * size**2 + (9 * stem + stem * first) * size**2
    params = 27 * stem + 2 * stem + 9 * stem + 2 * stem + stem * first + 2 * first

    block_madds: list[dict[tuple[int, int], int]] = [{} for _ in range(BLOCKS)]
    block_params: list[dict[tuple[int, int], int]] = [{} for _ in range(BLOCKS)]
    in_width = first
    for block in range(BLOCKS):
        unit = block // BLOCKS_PER_UNIT
        stride = space.strides[unit] if block % BLOCKS_PER_UNIT == 0 else 1
        for kernel in KERNELS:
            for ratio in EXPANSIONS:
                mid = make_divisible(in_width * ratio)
                cost = _block(in_width, space.widths[unit], size, stride, kernel, mid, space.squeeze_excite[unit])
                block_madds[block][kernel, ratio], block_params[block][kernel, ratio] = cost
        size = _downsample(size, stride)
        in_width = space.widths[unit]

    madds += in_width * space.final_width * size**2 + space.final_width * space.head_width
    madds += space.head_width * space.num_classes
    params += in_width * space.final_width + 2 * space.final_width + space.final_width * space.head_width
    params += space.head_width * space.num_classes + space.num_classes
    return Counts(madds, block_madds), Counts(params, block_params)


def madds(space: SearchSpace, architectures: list[Architecture]) -> list[int]:
    """Exact multiply-adds of each architecture for one image, as whole numbers (not in millions).

    >>> from eas_core import LARGEST, SMALLEST
    >>> madds(SearchSpace(num_classes=1000), [SMALLEST, LARGEST])
    [121278672, 566170656]
    """
    return [counts(space)[0].of(architecture) for architecture in architectures]


def params(space: SearchSpace, architectures: list[Architecture]) -> list[int]:
    """Exact number of parameters of each extracted network, BatchNorm's scale and bias included.

    >>> from eas_core import LARGEST, SMALLEST
    >>> params(SearchSpace(num_classes=1000), [SMALLEST, LARGEST])
    [3410792, 7664760]
    """
    return [counts(space)[1].of(architecture) for architecture in architectures]
