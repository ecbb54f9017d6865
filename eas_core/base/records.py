"""What a run leaves behind: records with provenance, tensors, and keys that name folders.

Every result is a JSON record; tables and figures are made from records alone. A stage's folder is named by a hash of
what made it (:func:`eas_core.runs.keys.stage_key`), so a second execution finds what is there and a changed setting rebuilds
what depends on it.
"""

from __future__ import annotations

import hashlib
import json
import platform
import reprlib
import time
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors

from eas_core.base.devices import gpu_settings
from eas_core.base.errors import CheckpointError, DataError
from eas_core.base.files import read_json, reason, write_atomic
from eas_core.base.parsing import parse_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import torch
    from torch import Tensor


def key(settings: object) -> str:
    """Ten hexadecimal digits that identify settings (any JSON-able value, order of keys irrelevant)."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:10]


# ---------------------------------------------------------------- tensors


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any] | None = None) -> None:
    """Write tensors as safetensors, atomically; ``metadata`` is any JSON-able dict."""
    import safetensors.torch

    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = {"eas": json.dumps(metadata or {})}
    write_atomic(path, safetensors.torch.save(contiguous, metadata=text))


def load_tensors(path: Path, needed: tuple[str, ...] = ()) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read (tensors, metadata) of a safetensors file; a damaged or missing one raises :class:`CheckpointError`.

    So does one that lacks a tensor named in ``needed``.
    """
    with _opened(path, "pt") as (file, metadata):
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    if not isinstance(metadata, dict):
        raise CheckpointError(f"weights: {path} is damaged (its metadata is no table)")
    for name in needed:
        if name not in tensors:
            raise CheckpointError(f"weights: {path} has no {name!r}, but {', '.join(tensors) or 'nothing':.120}")
    return tensors, metadata


def load_metadata(path: Path) -> object:
    """Read the metadata of a safetensors file alone; a damaged or missing one raises :class:`CheckpointError`."""
    with _opened(path, "np") as (_, metadata):
        pass
    return metadata


@contextmanager
def _opened(path: Path, framework: str) -> Iterator[tuple[Any, object]]:
    """A safetensors file and its metadata; what is wrong with it is :class:`CheckpointError`."""
    try:
        with safetensors.safe_open(path, framework) as file:
            yield file, parse_json((file.metadata() or {}).get("eas", "{}"))
    except FileNotFoundError:
        raise CheckpointError(f"weights: {path} does not exist") from None
    except (safetensors.SafetensorError, ValueError, OSError) as error:
        raise CheckpointError(f"weights: {path} is damaged or cut short ({reason(error)})") from None


def load_into(module: torch.nn.Module, path: Path) -> dict[str, Any]:
    """Load a module's weights from a safetensors file; weights of another space raise :class:`CheckpointError`."""
    tensors, metadata = load_tensors(path)
    own = module.state_dict()
    for name, tensor in own.items():
        if name not in tensors:
            raise CheckpointError(f"weights: {path} is of another search space: it has no {name}")
        if tensors[name].shape != tensor.shape:
            shapes = f"{tuple(tensors[name].shape)} there, {tuple(tensor.shape)} here"
            raise CheckpointError(f"weights: {path} is of another search space: {name} is {shapes}")
    module.load_state_dict({name: tensors[name] for name in own}, assign=any(t.is_meta for t in own.values()))
    return metadata


# ---------------------------------------------------------------- records


@cache
def code_hash() -> str:
    """Ten digits that identify the library's source: every .py and .yaml file of eas_core and data_prep."""
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for path in sorted(p for pattern in ("eas_core", "data_prep") for p in (root / pattern).rglob("*")):
        if path.suffix in (".py", ".yaml", ".js"):
            digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:10]


def device_name(device: torch.device | str, gpu_name: Callable[[torch.device], str] | None = None) -> str:
    """The name of a device in records: what ``gpu_name`` (PyTorch's if None) says of a GPU, or the machine's kind of CPU."""
    import torch

    device = torch.device(device)
    return (gpu_name or torch.cuda.get_device_name)(device) if device.type == "cuda" else f"{platform.machine()} CPU"


def provenance(device: torch.device | str = "cpu") -> dict[str, Any]:
    """Where and with what a result was made."""
    import torch

    gpu = {"gpu": gpu_settings()} if torch.device(device).type == "cuda" else {}
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "code": code_hash(),
        "device": device_name(device),
        **gpu,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "versions": {package: version(package) for package in ("torch", "torchvision", "numpy")},
    }


def write_record(
    path: Path,
    kind: str,
    settings: dict[str, Any],
    result: dict[str, Any],
    seconds: float,
    device: torch.device | str = "cpu",
    more: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Write and return a record: what was asked (``settings``), what came out (``result``), and its provenance.

    ``more`` joins the provenance: the versions of the stages behind it, how many processes made it.
    """
    made = {**provenance(device), **(more or {})}
    record = {
        "kind": kind,
        "settings": settings,
        "result": result,
        "seconds": round(seconds, 3),
        "provenance": made,
    }
    write_atomic(path, (json.dumps(record, indent=1) + "\n").encode())
    return record


def read_record(path: Path, kind: str | None = None) -> dict[str, Any]:
    """Read a record; one that is missing, damaged or of another kind raises :class:`DataError`."""
    found = read_json(path, "record")
    record: dict[str, Any] = found if isinstance(found, dict) else {}
    if missing := set(FIELDS) - set(record):
        raise DataError(f"record: {path} has no {', '.join(sorted(missing))}")
    for name, types in FIELDS.items():
        value = record[name]
        known = isinstance(value, types) and not isinstance(value, bool)
        if not known or (name == "seconds" and not 0 <= record[name] < 1e12):
            raise DataError(f"record: {path} is damaged ({name} = {reprlib.repr(value):.60})")
    if kind and record["kind"] != kind:
        raise DataError(f"record: {path} is a record of kind {record['kind']!r:.60}, {kind!r} needed")
    return record


FIELDS: dict[str, type | tuple[type, ...]] = {  # of a record
    "kind": str,
    "settings": dict,
    "result": dict,
    "seconds": (int, float),
    "provenance": dict,
}
