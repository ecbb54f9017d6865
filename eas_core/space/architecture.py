"""What an architecture is, and what of a network is not searched: plain values, in which nothing computes.

:mod:`eas_core.space.search_space` has the same names, and the tensors in which architectures are written down.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from eas_core.base.errors import SpaceError
from eas_core.base.parsing import parse_json

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

    >>> SearchSpace(num_classes=1000).widths
    (24, 40, 80, 112, 160)
    >>> SearchSpace(num_classes=0)
    Traceback (most recent call last):
    eas_core.base.errors.SpaceError: space.num_classes: 0 is not a whole number from 1 to 65536
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

    def __post_init__(self) -> None:
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

    >>> plain = Architecture(depth=[2] * 5, expand=[3] * 20, kernel=[3] * 20)
    >>> plain == Architecture.from_json(plain.to_json()) == SMALLEST
    True
    >>> Architecture(depth=[5] * 5, expand=[3] * 20, kernel=[3] * 20)
    Traceback (most recent call last):
    eas_core.base.errors.SpaceError: architecture.depth: 5 is not one of 2, 3, 4
    """

    depth: tuple[int, ...]
    expand: tuple[int, ...]
    kernel: tuple[int, ...]

    def __post_init__(self) -> None:
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
    def _known_valid(cls, depth: tuple[int, ...], expand: tuple[int, ...], kernel: tuple[int, ...]) -> Architecture:
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
    def from_dict(data: object) -> Architecture:
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
    size: int = sum(block_types**depth for depth in DEPTHS) ** UNITS
    return size
