"""Milliseconds of architectures on one device: a table of the shape of :class:`~eas_core.space.cost_tables.CostTable`.

:mod:`eas_core.network.latency` measures one. It is JSON that another machine can read. A network's latency is the sum of its
parts after a linear correction, fitted on whole networks: a part alone is not timed as it runs inside a network.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from eas_core.base import files
from eas_core.base.errors import EASError, SpaceError
from eas_core.space.architecture import BLOCKS, EXPANSIONS, KERNELS, Architecture, SearchSpace
from eas_core.space.cost_tables import CostTable, cost_of_index
from eas_core.space.search_space import to_index

FORMAT = 1
SHAPE = (BLOCKS, len(KERNELS), len(EXPANSIONS))


@dataclass(frozen=True, eq=False)
class LatencyTable:
    """What was measured: ``fixed`` and ``blocks`` (20, 3, 3) in milliseconds, each alone, and the correction of their sum.

    ``correction`` has ``intercept`` and ``per_block`` (ms) and ``slope``: a network of d blocks whose parts sum to s takes
    intercept + slope * s + per_block * d. ``about`` says device, runtime, threads, versions, and how still the device was.
    """

    space: SearchSpace
    fixed: float
    blocks: list[list[list[float]]]
    correction: dict[str, float]
    about: dict[str, Any]

    @cached_property
    def cost_table(self) -> CostTable:
        """Corrected milliseconds of the parts, to be used as a table of multiply-adds is."""
        slope, per_block = self.correction["slope"], self.correction["per_block"]
        blocks: Tensor = slope * torch.tensor(self.blocks, dtype=torch.float64) + per_block
        return CostTable(self.correction["intercept"] + slope * self.fixed, blocks)

    def milliseconds(self, architectures: Sequence[Architecture]) -> list[float]:
        """Predicted latency of each architecture, batch size 1."""
        found: list[float] = cost_of_index(self.cost_table, to_index(list(architectures))).tolist()
        return found

    def write(self, path: Path) -> None:
        """Write the table as JSON, atomically."""
        files.write_atomic(path, (json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n").encode())


def fitted(
    space: SearchSpace, fixed: float, blocks: np.ndarray, networks: dict[Architecture, float], about: dict[str, Any]
) -> LatencyTable:
    """The table of parts (ms; ``blocks`` (20, 3, 3)), corrected by whole networks' measured milliseconds.

    Least squares of the relative error.
    """
    raw = LatencyTable(space, fixed, blocks.tolist(), {"intercept": 0.0, "slope": 1.0, "per_block": 0.0}, about)
    architectures, measured = list(networks), np.array(list(networks.values()))
    depth = [sum(one.depth) for one in architectures]
    columns = np.stack([np.ones(len(measured)), raw.milliseconds(architectures), depth], axis=1)
    solution, *_ = np.linalg.lstsq(columns / measured[:, None], np.ones(len(measured)), rcond=None)
    error = np.abs(columns @ solution / measured - 1)
    correction = dict(zip(("intercept", "slope", "per_block"), solution.tolist(), strict=True))
    fit = {"networks": len(measured), "median_error": float(np.median(error)), "largest_error": float(error.max())}
    return LatencyTable(space, fixed, raw.blocks, correction, {**about, "fit": fit})


def read(path: str | Path, space: SearchSpace) -> LatencyTable:
    """Read a table; one that is damaged raises :class:`EASError`, one of another space :class:`SpaceError`."""
    content = files.read_json(Path(path), "device table")
    try:
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ValueError(f"eas latency writes format {FORMAT}")
        table = LatencyTable(SearchSpace(**content["space"]), *(content[name] for name in NAMES))
        blocks = np.array(table.blocks, dtype=float)
        numbers = [table.fixed, *(table.correction[name] for name in ("intercept", "slope", "per_block"))]
        if blocks.shape != SHAPE or not np.isfinite(blocks).all() or not all(map(math.isfinite, numbers)):
            raise ValueError(f"blocks must be {SHAPE} numbers")
        if not isinstance(table.about, dict) or not {"device", "runtime", "threads"} <= set(table.about):
            raise ValueError("it does not say its device, runtime and threads")
    except (SpaceError, ValueError, KeyError, TypeError) as error:
        raise EASError(f"--device-table: {path} is no table of latencies ({files.reason(error)})") from None
    if differing := [name for name, value in asdict(space).items() if asdict(table.space)[name] != value]:
        wrong = ", ".join(differing)
        raise SpaceError(f"--device-table: {path} is of another space: {wrong} differ; measure with this profile")
    return table


NAMES = ("fixed", "blocks", "correction", "about")
