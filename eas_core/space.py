"""The search space: what an architecture is, and every form in which the kit writes one down.

A network of the once-for-all MobileNetV3 space has five units of up to four inverted residual blocks. Three things are
searched: the depth of each unit, and the expansion ratio and depthwise kernel size of each block (section 4 of the
paper). The choices are the same for every profile; a :class:`SearchSpace` fixes what is not searched.

The same architecture appears as

- an :class:`Architecture`, a hashable value that cannot be invalid;
- 90 binary *gates* (Eq. (G)), laid out as 45 nested pairs: 20 kernel pairs ("at least 5", "at least 7"), 20 width pairs
  ("at least 4", "at least 6") and 5 depth pairs ("at least 3", "at least 4");
- an *index* of 45 numbers 0, 1 or 2, the gates of each pair that are on, for work on many architectures at once;
- a 135-number *one-hot* encoding, used for cosine similarity and accuracy predictors.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import torch
from torch import Tensor

from eas_core.errors import SpaceError
from eas_core.parsing import parse_json

UNITS = 5
BLOCKS_PER_UNIT = 4
BLOCKS = UNITS * BLOCKS_PER_UNIT
DEPTHS = (2, 3, 4)
EXPANSIONS = (3, 4, 6)
KERNELS = (3, 5, 7)

PAIRS = 2 * BLOCKS + UNITS  # nested pairs of gates: kernels, widths, depths
GATES = 2 * PAIRS
KERNEL_PAIRS = slice(0, BLOCKS)
WIDTH_PAIRS = slice(BLOCKS, 2 * BLOCKS)
DEPTH_PAIRS = slice(2 * BLOCKS, PAIRS)
LARGEST_SIZE = 2**16  # of a layer, an image, or the number of classes


def make_divisible(value: float, divisor: int = 8) -> int:
    """Round a channel count to the nearest multiple of ``divisor``, never more than 10 % down (MobileNet's rule)."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


@dataclass(frozen=True)
class SearchSpace:
    """The parts of the network that are not searched: resolution, widths, strides, activations, head.

    Defaults are MobileNetV3-large as once-for-all uses it at 224 x 224. Widths are output channels of each unit.
    """

    num_classes: int
    resolution: int = 224
    stem_width: int = 16
    stem_stride: int = 2
    first_width: int = 16
    widths: tuple[int, ...] = (24, 40, 80, 112, 160)
    strides: tuple[int, ...] = (2, 2, 2, 1, 2)
    hswish: tuple[bool, ...] = (False, False, True, True, True)
    squeeze_excite: tuple[bool, ...] = (False, True, False, True, True)
    final_width: int = 960
    head_width: int = 1280

    def __post_init__(self):
        for field in ("widths", "strides", "hswish", "squeeze_excite"):
            value = tuple(getattr(self, field))
            if len(value) != UNITS:
                raise SpaceError(f"space.{field}: {len(value)} entries given, {UNITS} needed (one a unit)")
            object.__setattr__(self, field, value)
        for field in ("num_classes", "resolution", "stem_width", "first_width", "widths", "final_width", "head_width"):
            value = getattr(self, field)
            for number in value if field == "widths" else (value,):
                if not isinstance(number, int) or not 1 <= number <= LARGEST_SIZE:
                    raise SpaceError(f"space.{field}: {number!r:.60} is not a whole number from 1 to {LARGEST_SIZE}")
        if self.stem_stride not in (1, 2) or any(stride not in (1, 2) for stride in self.strides):
            raise SpaceError(f"space.strides: {self.stem_stride}, {self.strides}: every stride must be 1 or 2")


@dataclass(frozen=True)
class Architecture:
    """One architecture: ``depth`` of 5 units, ``expand`` and ``kernel`` of 20 blocks (four a unit, in order).

    Blocks beyond their unit's depth do not exist in the network, so their entries are set to the smallest choice:
    equal networks are equal values. Anything outside the choices raises :class:`SpaceError`.
    """

    depth: tuple[int, ...]
    expand: tuple[int, ...]
    kernel: tuple[int, ...]

    def __post_init__(self):
        for field, length, choices in (
            ("depth", UNITS, DEPTHS),
            ("expand", BLOCKS, EXPANSIONS),
            ("kernel", BLOCKS, KERNELS),
        ):
            value = getattr(self, field)
            if not isinstance(value, (list, tuple)) or len(value) != length:
                raise SpaceError(f"architecture.{field}: {value!r} must be a list of {length} integers")
            for entry in value:
                if isinstance(entry, bool) or entry not in choices:
                    raise SpaceError(f"architecture.{field}: {entry!r} is not one of {', '.join(map(str, choices))}")
            object.__setattr__(self, field, tuple(int(entry) for entry in value))
        for field, smallest in (("expand", EXPANSIONS[0]), ("kernel", KERNELS[0])):
            value = getattr(self, field)
            object.__setattr__(self, field, tuple(v if self.active(b) else smallest for b, v in enumerate(value)))

    @classmethod
    def _known_valid(cls, depth: tuple, expand: tuple, kernel: tuple) -> Architecture:
        """From entries that were checked and are smallest where there is no block: nothing is looked at again."""
        architecture = object.__new__(cls)
        for field, value in (("depth", depth), ("expand", expand), ("kernel", kernel)):
            object.__setattr__(architecture, field, value)
        return architecture

    def active(self, block: int) -> bool:
        """Whether block 0..19 is part of the network, given the depth of its unit."""
        return block % BLOCKS_PER_UNIT < self.depth[block // BLOCKS_PER_UNIT]

    def to_dict(self) -> dict[str, list[int]]:
        """The JSON form: ``{"depth": [5], "expand": [20], "kernel": [20]}``."""
        return {"depth": list(self.depth), "expand": list(self.expand), "kernel": list(self.kernel)}

    @staticmethod
    def from_dict(data: dict) -> Architecture:
        """Read the JSON form; an unknown or missing key raises :class:`SpaceError`."""
        if not isinstance(data, dict) or set(data) != {"depth", "expand", "kernel"}:
            found = ", ".join(map(str, data)) if isinstance(data, dict) else repr(data)
            raise SpaceError(f"architecture: needs exactly the keys depth, expand, kernel; found {found:.80}")
        return Architecture(data["depth"], data["expand"], data["kernel"])

    def to_json(self) -> str:
        """The JSON form as text."""
        return json.dumps(self.to_dict())

    @staticmethod
    def from_json(text: str) -> Architecture:
        """Read the JSON form from text; what is no architecture raises :class:`SpaceError`."""
        try:
            return Architecture.from_dict(parse_json(text))
        except ValueError as error:
            raise SpaceError(f"architecture: not JSON ({error})") from None


def uniform(depth: int, expand: int, kernel: int) -> Architecture:
    """The architecture with one depth, one expansion ratio and one kernel size throughout.

    Anything outside the choices raises :class:`SpaceError`.
    """
    return Architecture((depth,) * UNITS, (expand,) * BLOCKS, (kernel,) * BLOCKS)


SMALLEST = uniform(DEPTHS[0], EXPANSIONS[0], KERNELS[0])
LARGEST = uniform(DEPTHS[-1], EXPANSIONS[-1], KERNELS[-1])


def space_size() -> int:
    """Number of distinct architectures: per unit, 9 block types to the power of each depth; about 2.2e19 in all."""
    block_types = len(EXPANSIONS) * len(KERNELS)
    return sum(block_types**depth for depth in DEPTHS) ** UNITS


def _pick(choices, generator: torch.Generator, count: int) -> list[int]:
    return [choices[i] for i in torch.randint(len(choices), (count,), generator=generator)]


def sample(
    generator: torch.Generator,
    depths: tuple[int, ...] = DEPTHS,
    expansions: tuple[int, ...] = EXPANSIONS,
    kernels: tuple[int, ...] = KERNELS,
) -> Architecture:
    """Draw every depth, expansion ratio and kernel size uniformly from the choices given (once-for-all's sampling)."""
    return Architecture(
        _pick(depths, generator, UNITS), _pick(expansions, generator, BLOCKS), _pick(kernels, generator, BLOCKS)
    )


def mutate(architecture: Architecture, probability: float, generator: torch.Generator) -> Architecture:
    """Redraw each unit's depth and each block's ratio and kernel with the given probability (once-for-all's mutation)."""
    fresh = sample(generator)
    keep = (torch.rand(UNITS + BLOCKS, generator=generator) >= probability).tolist()

    def mix(old, new, kept):
        return [o if k else n for o, n, k in zip(old, new, kept, strict=True)]

    return Architecture(
        mix(architecture.depth, fresh.depth, keep[:UNITS]),
        mix(architecture.expand, fresh.expand, keep[UNITS:]),
        mix(architecture.kernel, fresh.kernel, keep[UNITS:]),
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


def from_gates(gates: Tensor) -> list[Architecture]:
    """The architectures that binary gates (n, 90) encode; another shape raises :class:`SpaceError`."""
    if gates.ndim != 2 or gates.shape[1] != GATES:
        raise SpaceError(f"gates: shape {tuple(gates.shape)}, (n, {GATES}) needed")
    return from_index(nest(gates).round().long().sum(-1))
