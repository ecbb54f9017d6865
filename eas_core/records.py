"""What a run leaves behind: records with provenance, keyed folders, and files that are whole or absent.

Every result is a JSON record; tables and figures are made from records alone. A stage's folder is named by a hash of
the settings that made it, so a second execution finds what is there and a changed setting rebuilds what depends on it.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import platform
import time
from functools import cache
from importlib.metadata import version
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from eas_core.errors import CheckpointError, DataError, EASError


def key(settings: dict) -> str:
    """Ten hexadecimal digits that identify settings (any JSON-able value, order of keys irrelevant)."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:10]


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file so that, whatever happens, either the old or the whole new content is there.

    A full disk raises :class:`EASError` in one line and leaves the old file as it was.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(partial, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        if path.parent.is_dir():
            partial.unlink(missing_ok=True)
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror
        raise EASError(f"writing {path}: {reason}; what was there before is unchanged") from error


# ---------------------------------------------------------------- tensors


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict | None = None) -> None:
    """Write tensors as safetensors, atomically; ``metadata`` is any JSON-able dict."""
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = {"eas": json.dumps(metadata or {})}
    write_atomic(path, safetensors.torch.save(contiguous, metadata=text))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict]:
    """Read (tensors, metadata) of a safetensors file; a damaged or missing one raises :class:`CheckpointError`."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            metadata = json.loads((file.metadata() or {}).get("eas", "{}"))
            return {name: file.get_tensor(name) for name in file.keys()}, metadata
    except FileNotFoundError:
        raise CheckpointError(f"weights: {path} does not exist") from None
    except (safetensors.SafetensorError, ValueError, OSError) as error:
        raise CheckpointError(f"weights: {path} is damaged or cut short ({error})") from None


def load_metadata(path: Path) -> dict:
    """Read the metadata of a safetensors file alone; a damaged or missing one raises :class:`CheckpointError`."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            return json.loads((file.metadata() or {}).get("eas", "{}"))
    except FileNotFoundError:
        raise CheckpointError(f"weights: {path} does not exist") from None
    except (safetensors.SafetensorError, ValueError, OSError) as error:
        raise CheckpointError(f"weights: {path} is damaged or cut short ({error})") from None


def load_into(module: torch.nn.Module, path: Path) -> dict:
    """Load a module's weights from a safetensors file; weights of another space raise :class:`CheckpointError`."""
    tensors, metadata = load_tensors(path)
    own = module.state_dict()
    for name, tensor in own.items():
        if name not in tensors:
            raise CheckpointError(f"weights: {path} is of another search space: it has no {name}")
        if tensors[name].shape != tensor.shape:
            shapes = f"{tuple(tensors[name].shape)} there, {tuple(tensor.shape)} here"
            raise CheckpointError(f"weights: {path} is of another search space: {name} is {shapes}")
    module.load_state_dict({name: tensors[name] for name in own})
    return metadata


# ---------------------------------------------------------------- training checkpoints


def save_checkpoint(path: Path, state: dict) -> None:
    """Write a resumable training state (tensors, numbers, strings, lists, dicts), atomically."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_atomic(path, buffer.getvalue())


def load_checkpoint(path: Path) -> dict:
    """Read a training state; a damaged one raises :class:`CheckpointError`. Loads no pickled code."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file cut short
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(
            f"checkpoint: {path} is damaged or cut short ({reason:.120}); remove it to start over"
        ) from None


# ---------------------------------------------------------------- records


@cache
def code_hash() -> str:
    """Ten digits that identify the library's source: every .py and .yaml file of eas_core and data_prep."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(p for pattern in ("eas_core", "data_prep") for p in (root / pattern).rglob("*")):
        if path.suffix in (".py", ".yaml", ".js"):
            digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:10]


def provenance(device: torch.device | str = "cpu") -> dict:
    """Where and with what a result was made."""
    device = torch.device(device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{platform.machine()} CPU"
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "code": code_hash(),
        "device": name,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "versions": {package: version(package) for package in ("torch", "torchvision", "numpy")},
    }


def write_record(path: Path, kind: str, settings: dict, result: dict, seconds: float, device="cpu") -> dict:
    """Write and return a record: what was asked (``settings``), what came out (``result``), and its provenance."""
    record = {
        "kind": kind,
        "settings": settings,
        "result": result,
        "seconds": round(seconds, 3),
        "provenance": provenance(device),
    }
    write_atomic(path, (json.dumps(record, indent=1) + "\n").encode())
    return record


def read_record(path: Path, kind: str | None = None) -> dict:
    """Read a record; one that is missing, damaged or of another kind raises :class:`DataError`."""
    try:
        record = json.loads(Path(path).read_text())
    except FileNotFoundError:
        raise DataError(f"record: {path} does not exist") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"record: {path} is damaged ({error})") from None
    missing = {"kind", "settings", "result", "seconds", "provenance"} - set(record if isinstance(record, dict) else ())
    if missing:
        raise DataError(f"record: {path} has no {', '.join(sorted(missing))}")
    if kind and record["kind"] != kind:
        raise DataError(f"record: {path} is a record of kind {record['kind']!r}, {kind!r} needed")
    return record
