"""A specialised network as files: safetensors with a description beside it, and ONNX."""

from __future__ import annotations

import copy
import json
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from eas_core.base import files, records
from eas_core.base.errors import CheckpointError, EASError
from eas_core.data.splits import MEAN, STD
from eas_core.network.subnetwork import Network
from eas_core.runs import onnx_file
from eas_core.runs.run import Run
from eas_core.search.specialize import Specialized
from eas_core.settings.stages import versions
from eas_core.space.search_space import Architecture, SearchSpace


class TaskNetwork(nn.Module):
    """What is deployed: images (n, 3, r, r) as floats 0..1 in, logits (n, classes of the task) out.

    Normalisation is inside, and the classifier keeps only the rows of the task's own classes.
    """

    def __init__(self, network: Network, classes: tuple[int, ...]):
        super().__init__()
        self.network = network
        self.mean = nn.Buffer(torch.tensor(MEAN)[:, None, None])
        self.std = nn.Buffer(torch.tensor(STD)[:, None, None])
        self.classes = nn.Buffer(torch.tensor(classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Images (n, 3, r, r), floats 0..1, to logits (n, classes of the task)."""
        logits: torch.Tensor = self.network((x - self.mean) / self.std)
        return logits[:, self.classes]


def task_network(chosen: Specialized, run: Run) -> TaskNetwork:
    """A copy of the specialised network for its task's own classes, on the CPU in eval mode."""
    return TaskNetwork(copy.deepcopy(chosen.network).cpu(), run.tasks.classes[chosen.task]).eval()


def write(chosen: Specialized, run: Run, folder: Path, onnx: bool = False) -> list[Path]:
    """Write ``network.safetensors`` and ``network.json`` (and ``network.onnx``) to ``folder``; returns their paths.

    >>> from eas_core import make_run, specialize_one
    >>> run = make_run("smoke", progress=False)
    >>> [path.name for path in write(specialize_one(run, "polygons", 3.0), run, "my_network")]
    ['network.safetensors', 'network.json']
    """
    folder = Path(folder)
    classes = run.tasks.classes[chosen.task]
    description = {
        "profile": run.profile.name,
        "seed": run.seed,
        "task": run.tasks.names[chosen.task],
        "classes": list(classes),
        "class_names": [run.tasks.class_names[c] for c in classes],
        "budget_millions": chosen.budget,
        "madds_millions": chosen.madds,
        "valid_accuracy": chosen.valid_accuracy,
        "architecture": chosen.architecture.to_dict(),
        "space": asdict(chosen.network.space),
        "input": "float images 0..1, shape (n, 3, resolution, resolution), RGB",
        "provenance": {**records.provenance(run.device), "stages": versions("specialized")},
    }
    paths = [folder / "network.safetensors", folder / "network.json"]
    records.save_tensors(paths[0], chosen.network.state_dict())
    files.write_atomic(paths[1], (json.dumps(description, indent=1) + "\n").encode())
    if onnx:
        paths.append(folder / "network.onnx")
        onnx_file.write(task_network(chosen, run), onnx_file.about(chosen, run), paths[-1])
    return paths


def load(folder: Path) -> TaskNetwork:
    """Read back what :func:`write` wrote, ready to predict; damaged or missing files raise :class:`CheckpointError`.

    >>> from eas_core import export_network, make_run, specialize_one
    >>> run = make_run("smoke", progress=False)
    >>> _ = export_network(specialize_one(run, "polygons", 3.0), run, "my_network")
    >>> load("my_network")(torch.rand(2, 3, 32, 32)).shape  # images 0..1 to logits of the task's six classes
    torch.Size([2, 6])
    """
    path = Path(folder) / "network.json"
    try:
        description = files.read_json(path, "network")
        if not isinstance(description, dict):
            raise ValueError("it holds no table")
        space = SearchSpace(**description["space"])
        with torch.device("meta"):  # no memory yet: the description may say anything
            network = Network(space, Architecture.from_dict(description["architecture"]))
        classes = torch.tensor(description["classes"])
        if (
            classes.ndim != 1
            or classes.dtype != torch.int64
            or not ((0 <= classes) & (classes < space.num_classes)).all()
        ):
            raise ValueError(f"classes must be numbers from 0 to {space.num_classes - 1}")
    except (EASError, ValueError, KeyError, TypeError, RuntimeError, OverflowError) as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(f"network: {path} is missing or damaged ({reason:.160})") from None
    records.load_into(network, path.with_suffix(".safetensors"))
    return TaskNetwork(network, tuple(classes.tolist())).eval()
