"""The same ONNX file in 8-bit integers, by onnxruntime's static quantisation, and what that costs and gains.

Ranges of activations are those that training images give. Accuracy and latency of both files are measured, and stand in the
new file.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from eas_core.base import files
from eas_core.base.errors import EASError
from eas_core.base.random import rng
from eas_core.data.splits import Split
from eas_core.network.latency import one_round, typical
from eas_core.runs.onnx_file import described_onnx
from eas_core.runs.predict import About, session
from eas_core.runs.run import Run
from eas_core.search.evaluate import wilson

IMAGES = 256  # of the task's training images, from which ranges are taken
ROUNDS = 7  # of timing
BATCH = 64


class Batches:
    """Training images as onnxruntime's calibration asks for them: one batch after another, then None."""

    def __init__(self, images: np.ndarray, batch: int = BATCH) -> None:
        self.batches: Iterator[np.ndarray] = (images[start : start + batch] for start in range(0, len(images), batch))

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next batch by the name of the graph's input."""
        batch = next(self.batches, None)
        return None if batch is None else {"images": batch}


def write(source: Path, about: About, run: Run, path: Path) -> dict[str, Any]:
    """Quantise the ONNX file ``source`` to ``path``; returns what was measured of both.

    ``{"float32", "int8"}``, each ``{"accuracy", "interval", "n", "milliseconds", "bytes"}``: fractions on the task's validation
    images, and milliseconds for one image with one thread. Packages that are missing raise :class:`EASError`.
    """
    task = run.tasks.index(about.task)
    train, valid = run.splits("train")[0], run.validation()[1]
    own = train.of_task(run.tasks, task)
    chosen = own[torch.randperm(len(own), generator=rng(run.seed, "int8"))[:IMAGES]]
    content = quantised(source, _images(train, chosen))
    index = valid.of_task(run.tasks, task)
    labels = np.searchsorted(run.tasks.classes[task], valid.labels[index.to(valid.labels.device)].cpu().numpy())
    both = {"float32": source.read_bytes(), "int8": content}
    found = {name: _accuracy(one, _images(valid, index), labels) for name, one in both.items()}
    taken = _milliseconds(both, about.size)
    for name, one in both.items():
        found[name] |= {"milliseconds": taken[name], "bytes": len(one)}
    accuracy = {"valid": {name: found["int8"][name] for name in ("accuracy", "interval", "n")}}
    described = replace(about, accuracy=accuracy, made_by={**about.made_by, "int8": found})
    files.write_atomic(path, described_onnx(content, described))
    return found


def quantised(source: Path, images: np.ndarray) -> bytes:
    """An ONNX file with its convolutions and linear layers in 8 bits, ranges taken from ``images`` (n, 3, r, r)."""
    try:
        from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    except ImportError as error:
        raise EASError(f"--int8: a package is not installed ({error}); pip install onnx onnxruntime") from None
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # it advises an optimisation that the exporter has done
    try:
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "int8.onnx"
            quantize_static(
                str(source),
                str(made),
                Batches(images),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                op_types_to_quantize=["Conv", "Gemm", "MatMul", "Add"],
            )
            return made.read_bytes()
    finally:
        logging.disable(before)


def _images(split: Split, index: torch.Tensor) -> np.ndarray:
    """Images of a split as the graph takes them, floats 0..1, (n, 3, r, r)."""
    images: np.ndarray = split.take(index.cpu())[0].cpu().numpy().astype(np.float32) / 255
    return images


def _accuracy(content: bytes, images: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    runner = session(content)
    parts = (runner.run(None, {"images": images[start : start + BATCH]})[0] for start in range(0, len(images), BATCH))
    hits, n = int((np.concatenate(list(parts)).argmax(1) == labels).sum()), len(labels)
    return {"accuracy": hits / n, "interval": list(wilson(hits, n)), "n": n}


def _milliseconds(contents: dict[str, bytes], size: int) -> dict[str, float]:
    """Of one image with one thread, measured in turns."""
    image = {"images": np.zeros((1, 3, size, size), np.float32)}
    runners = {name: session(content, threads=1) for name, content in contents.items()}
    works = {name: lambda runner=runner: runner.run(None, image) for name, runner in runners.items()}
    return typical([one_round(works, next(iter(works)), list(works)) for _ in range(ROUNDS)])
