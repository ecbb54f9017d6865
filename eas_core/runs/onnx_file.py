"""A network as one ONNX file that knows itself: preprocessing is in the graph, all else in its metadata.

What is written was run by onnxruntime first, and gave the logits that PyTorch gives.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from data_prep.catalogue import SOURCES
from eas_core.base import files, records
from eas_core.base.errors import EASError
from eas_core.base.random import rng
from eas_core.data.photographs import VIEW
from eas_core.data.splits import MEAN, STD
from eas_core.runs.predict import About, session
from eas_core.runs.run import Run
from eas_core.search.evaluate import wilson
from eas_core.search.specialize import Specialized
from eas_core.settings.stages import STAGES

TOLERANCE = 1e-4  # between the logits of onnxruntime and of PyTorch
DRAWN = "the training images were drawn by the kit; weights and file have its licence, MIT"
PHOTOGRAPHS = "trained on photographs of {source}; their owners' terms may bind the weights, often to research"


def about(chosen: Specialized, run: Run) -> About:
    """What the ONNX file of a specialised network says about itself."""
    names, size = run.tasks.class_names, chosen.network.space.resolution
    name = run.profile.data.source
    source = SOURCES[name]
    return About(
        task=run.tasks.names[chosen.task],
        class_names=[names[c] for c in run.tasks.classes[chosen.task]],
        size=size,
        short_side=round(size / VIEW) if source.packed else size,
        mean=list(MEAN),
        std=list(STD),
        colour_order="RGB",
        madds_millions=chosen.madds,
        accuracy=measured(chosen, run),
        licence=DRAWN if source.drawn else PHOTOGRAPHS.format(source=name),
        made_by={
            "profile": run.profile.name,
            "seed": run.seed,
            "run": run.key("supernet"),
            "supernet_sha256": _sha256(run.folder("supernet") / "weights.safetensors"),
            "architecture": chosen.architecture.to_dict(),
            "code": records.code_hash(),
        },
    )


def measured(chosen: Specialized, run: Run) -> dict[str, dict[str, Any]]:
    """The accuracies that are known, fractions with Wilson's 95 % interval and n.

    ``valid`` is on the images that chose the network, which flatters it; ``test`` is there if the run has tested this very
    architecture for this task.
    """
    _, valid = run.validation()
    n = len(valid.of_task(run.tasks, chosen.task))
    interval = list(wilson(round(chosen.valid_accuracy * n), n))
    found: dict[str, dict[str, Any]] = {"valid": {"accuracy": chosen.valid_accuracy, "interval": interval, "n": n}}
    wanted = run.tasks.names[chosen.task], chosen.architecture.to_dict()
    for stage in (stage for stage in STAGES if stage.startswith("tested-") and stage != "tested-same"):
        path = run.folder(stage) / "record.json"
        rows = records.read_record(path, stage)["result"]["rows"] if path.exists() else []
        for row in rows:
            if (row["task"], row["architecture"]) == wanted:
                found["test"] = {name: row[name] for name in ("accuracy", "interval", "n")}
    return found


def _sha256(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None


def write(network: torch.nn.Module, described: About, path: Path) -> None:
    """Write a network in eval mode on the CPU with its description, once onnxruntime gives PyTorch's logits.

    Packages that are missing, or logits further apart than ``TOLERANCE``, raise :class:`EASError`; then nothing is
    written.
    """
    content = described_onnx(to_onnx(network, described.size), described)
    check(network, content, described.size)
    files.write_atomic(path, content)


def described_onnx(content: bytes, described: About) -> bytes:
    """The same ONNX file with a description in its metadata."""
    import onnx

    model = onnx.load_from_string(content)
    onnx.helper.set_model_props(model, described.texts())
    model.producer_name = "eas"
    model.doc_string = json.dumps(described.class_names)
    described_content: bytes = model.SerializeToString()
    return described_content


@torch.no_grad()
def check(network: torch.nn.Module, content: bytes, size: int) -> float:
    """The largest difference of an ONNX file's logits from the network's, on random images; :class:`EASError` if too large.

    Relative to the largest logit where that is above 1. Batches of 1 and of 3 are tried.
    """
    runner, largest = session(content), 0.0
    for count in (1, 3):
        images = torch.rand(count, 3, size, size, generator=rng(0, "onnx", str(count)))
        (found,), logits = runner.run(None, {"images": images.numpy()}), network(images).numpy()
        largest = max(largest, float(np.abs(found - logits).max() / max(1.0, np.abs(logits).max())))
    if not largest <= TOLERANCE:
        raise EASError(
            f"export: onnxruntime's logits differ from PyTorch's by {largest:.2g}, at most {TOLERANCE:g} is allowed"
        )
    return largest


def to_onnx(network: torch.nn.Module, size: int) -> bytes:
    """A network for images (n, 3, size, size) as ONNX with a free batch size.

    Needs the packages ``onnx`` and ``onnxscript``, or raises :class:`EASError`.
    """
    try:
        import onnx  # noqa: F401 - PyTorch needs both, and says so late or, where it has asked before, not at all
        import onnxscript  # noqa: F401

        program = torch.onnx.export(
            network,
            (torch.zeros(2, 3, size, size),),
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("n")},),
            dynamo=True,
            verbose=False,
        )
    except ImportError as error:
        message = f"export: ONNX needs a package that is not installed ({error}); pip install onnx onnxscript"
        raise EASError(message) from None
    assert program is not None  # with dynamo=True there always is one
    content: bytes = program.model_proto.SerializeToString()
    return content
