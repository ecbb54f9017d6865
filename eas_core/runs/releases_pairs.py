"""Architecture-accuracy pairs of several seeds and supernets as one table: safetensors, and CSV for everybody else.

A *block* is what one stage ``pairs`` left: a table of tensors with a row an architecture (:func:`eas_core.runs.ofa.pairs`).
Blocks are named by seed and variant of the supernet.
"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

from eas_core.base import records
from eas_core.base.errors import CheckpointError
from eas_core.runs.run import Run

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

ADDED = ("seed", "supernet")  # the columns that say of which block a row is
FILE = "pairs.safetensors"


def blocks_of(run: Run, entry: dict) -> dict[tuple[int, str], dict[str, Tensor]]:
    """The blocks of one seed's finished run, of every variant in its evidence that measured pairs."""
    found = {}
    for name, variant in entry["variants"].items():
        if "pairs" in variant["records"]:
            path = run.variant(variant["q"], variant["reading"]).folder("pairs") / FILE
            found[run.seed, name], _ = records.load_tensors(path, ("gates", "accuracy"))
    return found


def to_bytes(blocks: dict[tuple[int, str], dict[str, Tensor]]) -> bytes:
    """All blocks as one safetensors file: tensors with a row an architecture, ``seed`` and ``supernet`` among them.

    ``supernet`` counts in the list of names that the metadata hold.
    """
    import safetensors.torch
    import torch

    names = list(dict.fromkeys(name for _, name in blocks))
    parts: dict[str, list[Tensor]] = {}
    for (seed, name), block in blocks.items():
        rows = len(block["gates"])
        added = {"seed": torch.full((rows,), seed), "supernet": torch.full((rows,), names.index(name))}
        for column, tensor in {**added, **block}.items():
            parts.setdefault(column, []).append(tensor)
    metadata = {"eas": json.dumps({"stage": "pairs", "supernets": names})}
    joined = {column: torch.cat(tensors).contiguous() for column, tensors in parts.items()}
    return safetensors.torch.save(joined, metadata=metadata)


def from_file(path: Path) -> dict[tuple[int, str], dict[str, Tensor]]:
    """The blocks that :func:`to_bytes` joined; a damaged file raises :class:`CheckpointError`."""
    tensors, metadata = records.load_tensors(path, (*ADDED, "gates"))
    names, found = metadata.get("supernets"), {}
    seeds, supernets = tensors.pop("seed"), tensors.pop("supernet")
    if not isinstance(names, list) or any(len(tensor) != len(seeds) for tensor in (supernets, *tensors.values())):
        raise CheckpointError(f"weights: {path} is damaged (it is no table of pairs)")
    for seed in seeds.unique().tolist():
        for number, name in enumerate(names):
            rows = (seeds == seed) & (supernets == number)
            if rows.any():
                found[seed, name] = {column: tensor[rows].contiguous() for column, tensor in tensors.items()}
    return found


def to_csv(blocks: dict[tuple[int, str], dict[str, Tensor]], run: Run) -> bytes:
    """All blocks as CSV: a line an architecture, its cost (``madds``), its choices, and every measured number by task."""
    from eas_core.space.cost_tables import madds
    from eas_core.space.search_space import from_gates

    text, tasks, space = io.StringIO(), run.tasks.names, run.profile.search_space()
    measured = list(dict.fromkeys(column for block in blocks.values() for column in block if column != "gates"))
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["seed", "supernet", "madds", "depth", "expand", "kernel", *_by_task(measured, tasks)])
    for (seed, name), block in blocks.items():
        architectures = from_gates(block["gates"].float())
        for row, (architecture, cost) in enumerate(zip(architectures, madds(space, architectures), strict=True)):
            choices = (" ".join(map(str, values)) for values in architecture.to_dict().values())
            numbers = [f"{value:.9g}" for column in measured for value in block[column][row].tolist()]
            writer.writerow([seed, name, cost, *choices, *numbers])
    return text.getvalue().encode()


def _by_task(measured: list[str], tasks: tuple[str, ...]) -> list[str]:
    return [f"{column} {task}" for column in measured for task in tasks]
