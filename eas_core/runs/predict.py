"""Predictions of an ONNX file that ``eas specialize`` or ``eas export`` wrote, by onnxruntime alone.

Nothing here imports PyTorch, so that ``eas predict`` answers within a second. All that it needs to know is in the file's
metadata (:class:`About`), which :mod:`eas_core.runs.onnx_file` writes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from data_prep import pictures
from eas_core.base.errors import DataError, EASError
from eas_core.base.files import reason
from eas_core.base.parsing import parse_json
from eas_core.base.progress import reporter

FORMAT = "1"  # of the metadata
KEY = "eas."  # before each name of About's fields in the metadata
SUFFIXES = frozenset(".bmp .gif .jpeg .jpg .pgm .png .ppm .tif .tiff .webp".split())  # a folder's pictures
PROVIDERS = ["CPUExecutionProvider"]


@dataclass(frozen=True)
class About:
    """What an ONNX file of ours says about itself, each field as JSON text under the key ``eas.<name>``.

    ``size`` is the side of an input image in pixels. A picture's short side is resized to ``short_side``, of which the centre
    is kept. ``mean`` and ``std`` are of the channels; the graph itself applies them to images of 0..1. ``accuracy`` has, for
    each kind of images it was measured on, ``{"accuracy", "interval", "n"}`` in fractions. ``made_by`` identifies the run or
    the release, by the SHA-256 of its supernet's weights too.
    """

    task: str
    class_names: list[str]
    size: int
    short_side: int
    mean: list[float]
    std: list[float]
    colour_order: str
    madds_millions: float
    accuracy: dict[str, dict[str, Any]]
    licence: str
    made_by: dict[str, Any]
    format: str = FORMAT

    def texts(self) -> dict[str, str]:
        """The entries of the file's ``metadata_props``."""
        return {KEY + name: json.dumps(value) for name, value in asdict(self).items()}

    @staticmethod
    def of(texts: Mapping[str, str]) -> About:
        """Read :meth:`texts` back; what is missing, of a newer format or makes no sense raises :class:`DataError`."""
        if KEY + "format" not in texts:
            raise DataError("it does not say its classes and image size; files that eas specialize wrote do")
        try:
            about = About(**{entry.name: parse_json(texts[KEY + entry.name]) for entry in fields(About)})  # type: ignore
            if about.format != FORMAT:
                raise ValueError(f"format {about.format!r:.20}, this version reads {FORMAT}")
            whole = (about.size, about.short_side)
            if not all(type(number) is int for number in whole) or not 1 <= about.size <= about.short_side <= 2**14:
                raise ValueError(f"size {about.size!r:.20}, short_side {about.short_side!r:.20}")
            if not isinstance(about.class_names, list) or not all(isinstance(name, str) for name in about.class_names):
                raise ValueError("class_names is no list of names")
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"its description of itself is damaged ({reason(error)})") from None
        return about


@dataclass(frozen=True, eq=False)
class Model:
    """An ONNX file, ready to predict: onnxruntime's session, and what the file says about itself."""

    path: Path
    session: Any
    about: About

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Images, uint8 (n, size, size, 3), to logits (n, classes)."""
        batch = np.ascontiguousarray(images.transpose(0, 3, 1, 2), dtype=np.float32) / 255
        (found,) = self.session.run(None, {self.session.get_inputs()[0].name: batch})
        logits: np.ndarray = found
        return logits


def session(content: bytes | str, threads: int | None = None) -> Any:
    """An onnxruntime session on the CPU, of an ONNX file's bytes or path; needs the package, or raises :class:`EASError`."""
    try:
        import onnxruntime
    except ImportError as error:
        raise EASError(f"ONNX needs a package that is not installed ({error}); pip install onnxruntime") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors alone; those are raised too
    if threads is not None:
        options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(content, options, providers=PROVIDERS)


def load(path: str | Path, threads: int | None = None) -> Model:
    """Open an ONNX file for predictions; a file that is missing, damaged or not ours raises :class:`DataError`.

    ``threads`` None leaves their number to onnxruntime.

    >>> from eas_core import export_network, make_run, specialize_one
    >>> run = make_run("smoke", progress=False)
    >>> *_, path = export_network(specialize_one(run, "polygons", 3.0), run, "my_network", onnx=True)
    >>> model = load(path)
    >>> model.about.task, len(model.about.class_names), model.about.size
    ('polygons', 6, 32)
    >>> model.logits(np.zeros((2, 32, 32, 3), np.uint8)).shape
    (2, 6)
    """
    path = Path(path)
    try:
        with open(path, "rb"):
            pass
        opened = session(str(path), threads)
        about = About.of(opened.get_modelmeta().custom_metadata_map)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except EASError:
        raise
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({reason(error)})") from None
    except Exception as error:  # onnxruntime has kinds of its own, all of them plain Exceptions
        raise DataError(f"{path} is no ONNX file that onnxruntime can read ({reason(error)})") from None
    return Model(path, opened, about)


# ---------------------------------------------------------------- pictures


def find(places: Sequence[str | Path]) -> tuple[list[Path], int]:
    """The pictures that are named or lie in folders that are, sub-folders too, and how many other files lie there.

    Hidden files are left out. A place that does not exist, or a folder without pictures, raises :class:`DataError`.
    """
    found: list[Path] = []
    others = 0
    for place in map(Path, places):
        try:
            is_folder = place.is_dir()
            if not is_folder and not place.exists():
                raise DataError(f"{place} does not exist")
        except (OSError, ValueError) as error:
            raise DataError(f"{place} cannot be read ({reason(error)})") from None
        if not is_folder:
            found.append(place)
            continue
        there = sorted(
            Path(folder, name)
            for folder, below, names in os.walk(place)
            for name in names
            if not name.startswith(".")
            and not any(part.startswith(".") for part in Path(folder).relative_to(place).parts)
        )
        listed = [path for path in there if path.suffix.lower() in SUFFIXES]
        if not listed:
            raise DataError(f"{place}: no pictures there ({', '.join(sorted(SUFFIXES))})")
        found += listed
        others += len(there) - len(listed)
    return found, others


def read_picture(path: Path, about: About) -> np.ndarray:
    """A picture as the network takes it, uint8 (size, size, 3): turned as EXIF says, resized, its centre kept.

    As the data sources read theirs (``data_prep.pictures``). What is no picture, damaged, or has more than its
    ``LARGEST`` pixels raises :class:`DataError`.
    """
    try:
        with pictures.quiet():
            image = pictures.decode(path.read_bytes(), upright=True)
    except OSError as error:
        raise DataError(reason(error)) from None
    except ValueError as error:
        raise DataError(str(error)) from None
    if about.short_side == about.size:
        return np.asarray(pictures.square(image, about.size))
    scale = about.short_side / min(image.size)
    sides = [max(about.short_side, round(side * scale)) for side in image.size]
    left, top = ((side - about.size) / 2 / scale for side in sides)
    right, low = (min(place + about.size / scale, end) for place, end in zip((left, top), image.size, strict=True))
    kept = max(left, 0), max(top, 0), right, low  # sides are rounded, so a box may begin a fraction outside
    return np.asarray(image.resize((about.size, about.size), Image.Resampling.BILINEAR, box=kept))


# ---------------------------------------------------------------- predictions


@dataclass(frozen=True)
class Prediction:
    """What the network says of a picture: probabilities by class name, most probable first; or why it could not be read."""

    path: Path
    probabilities: dict[str, float]
    error: str | None = None

    def row(self) -> dict[str, Any]:
        """As JSON says it."""
        name = str(self.path).encode(errors="backslashreplace").decode()
        if self.error is not None:
            return {"file": name, "error": self.error}
        best = next(iter(self.probabilities))
        return {
            "file": name,
            "class": best,
            "probability": self.probabilities[best],
            "probabilities": self.probabilities,
        }


def predict(model: Model, paths: Sequence[Path], batch: int = 64, progress: bool = False) -> Iterator[Prediction]:
    """Predictions of pictures in their order, ``batch`` at a time; of one that cannot be read, why, and the rest go on."""
    with reporter("predict", len(paths), unit="picture", enabled=progress) as show:
        for start in range(0, len(paths), batch):
            part = paths[start : start + batch]
            read = [_try(path, model.about) for path in part]
            images = [image for image in read if isinstance(image, np.ndarray)]
            rows = iter(_softmax(model.logits(np.stack(images)))) if images else iter(())
            for path, image in zip(part, read, strict=True):
                if isinstance(image, str):
                    yield Prediction(path, {}, image)
                    continue
                named = zip(model.about.class_names, next(rows).tolist(), strict=True)
                yield Prediction(path, dict(sorted(named, key=lambda entry: -entry[1])))
            show(start + len(part))


def _try(path: Path, about: About) -> np.ndarray | str:
    try:
        return read_picture(path, about)
    except DataError as error:
        return str(error)


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return shares
