"""What a run leaves behind: records with provenance, keyed folders, and files that are whole or absent.

Every result is a JSON record; tables and figures are made from records alone. A stage's folder is named by a hash of
what made it (:meth:`eas_core.runs.run.Run.key`), so a second execution finds what is there and a changed setting rebuilds
what depends on it.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import math
import os
import platform
import reprlib
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import safetensors
from filelock import FileLock, Timeout

from eas_core.base.devices import gpu_settings
from eas_core.base.errors import CheckpointError, DataError, EASError
from eas_core.base.parsing import parse_json

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from torch import Tensor


def key(settings: dict) -> str:
    """Ten hexadecimal digits that identify settings (any JSON-able value, order of keys irrelevant)."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:10]


def write_atomic(path: Path, *parts: bytes, keep: Path | None = None) -> None:
    """Write a file (``parts`` one after another) so that, whatever happens, the old or the whole new content is there.

    With ``keep`` the old file stays under that name. A full disk raises :class:`EASError` in one line and leaves the old
    file as it was.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(partial, "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        if keep is not None and path.exists():
            os.replace(path, keep)
        os.replace(partial, path)
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        with suppress(OSError, ValueError):
            partial.unlink(missing_ok=True)
        raise EASError(f"writing {path}: {_reason(error)}; what was there before is unchanged") from error


def append_line(path: Path, line: dict) -> None:
    """Append a line of JSON to a file; numbers that are not finite become null."""
    try:
        with open(path, "ab") as file:
            file.write(_json_line(line))
    except OSError as error:
        raise EASError(f"writing {path}: {_reason(error)}") from error


def write_lines(path: Path, lines: list[dict]) -> None:
    """Make a file of JSON lines hold exactly these."""
    write_atomic(path, b"".join(map(_json_line, lines)))


def _json_line(line: dict) -> bytes:
    plain = {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in line.items()}
    return (json.dumps(plain) + "\n").encode()


def check_folder(path: str | Path, name: str) -> None:
    """Refuse a path that cannot be a folder; whether it can be written to shows when something is."""
    try:
        str(path).encode()  # fails for bytes that are no UTF-8
        if "\0" in str(path):
            raise ValueError("null character in it")
        there = next(place for place in (Path(path), *Path(path).absolute().parents) if place.exists())
        if not there.is_dir():
            raise ValueError(f"{there} is a file")
    except (OSError, ValueError) as error:
        raise EASError(f"{name}: {str(path)!r:.120} cannot be a folder ({str(error):.80})") from None


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror or str(error)
    return " ".join(str(error).split())[:120] or type(error).__name__


LOCK_SECONDS = 3.0  # to wait for a writer that is about to end: a job that is restarted meets the one that was cut off


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold a folder for writing; while another process or thread does, :class:`EASError` names it in one line.

    A writer that is about to end is waited for, ``LOCK_SECONDS`` at most. The lock is the kernel's (flock), so that
    of a killed process is gone with it, and what it left half-written is removed. The same thread may hold a folder
    twice. Where the file system has no locks, a line says so.
    """
    path = Path(folder) / ".lock"
    lock, first = _lock(path)
    try:
        if first:
            with suppress(OSError):
                path.write_text(f"pid {os.getpid()} on {socket.gethostname()}")
            for partial in path.parent.glob(".*.part"):
                partial.unlink(missing_ok=True)
        yield
    finally:
        if first:
            with suppress(OSError):
                path.unlink()  # while it is held: who opened it meanwhile finds it gone and opens a new one
        if lock is not None:
            lock.release()


def _lock(path: Path) -> tuple[FileLock | None, bool]:
    """(The lock, now held, and whether this thread did not hold it before); (None, False) if there are no locks."""
    folder = path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, fallback_to_soft=False, is_singleton=True)
        first = not lock.is_locked
        lock.acquire(timeout=LOCK_SECONDS)
        return lock, first
    except Timeout:
        holder = _holder(path)
        raise EASError(f"{folder}: {holder} is writing there; wait for it, stop it, or use another folder") from None
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP):
            print(f"{folder}: cannot be locked ({_reason(error)}); see that one process writes there", file=sys.stderr)
            return None, False
        raise EASError(f"{folder}: cannot be written to ({_reason(error)})") from None


def _holder(path: Path) -> str:
    try:
        return path.read_text()[:200] or "another process"
    except (OSError, ValueError):
        return "another process"


# ---------------------------------------------------------------- tensors


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict | None = None) -> None:
    """Write tensors as safetensors, atomically; ``metadata`` is any JSON-able dict."""
    import safetensors.torch

    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = {"eas": json.dumps(metadata or {})}
    write_atomic(path, safetensors.torch.save(contiguous, metadata=text))


def load_tensors(path: Path, needed: tuple[str, ...] = ()) -> tuple[dict[str, Tensor], dict]:
    """Read (tensors, metadata) of a safetensors file; a damaged or missing one raises :class:`CheckpointError`.

    So does one that lacks a tensor named in ``needed``.
    """
    try:
        with safetensors.safe_open(path, "pt") as file:
            metadata = parse_json((file.metadata() or {}).get("eas", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except FileNotFoundError:
        raise CheckpointError(f"weights: {path} does not exist") from None
    except (safetensors.SafetensorError, ValueError, OSError) as error:
        raise CheckpointError(f"weights: {path} is damaged or cut short ({_reason(error)})") from None
    if not isinstance(metadata, dict):
        raise CheckpointError(f"weights: {path} is damaged (its metadata is no table)")
    for name in needed:
        if name not in tensors:
            raise CheckpointError(f"weights: {path} has no {name!r}, but {', '.join(tensors) or 'nothing':.120}")
    return tensors, metadata


def load_metadata(path: Path) -> dict:
    """Read the metadata of a safetensors file alone; a damaged or missing one raises :class:`CheckpointError`."""
    try:
        with safetensors.safe_open(path, "np") as file:
            return parse_json((file.metadata() or {}).get("eas", "{}"))
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
    module.load_state_dict({name: tensors[name] for name in own}, assign=any(t.is_meta for t in own.values()))
    return metadata


# ---------------------------------------------------------------- training checkpoints


# A checkpoint is one file: eight bytes that say so, the SHA-256 of the rest, and the rest, which torch.load reads.

MAGIC = b"EASckpt1"
HEADER = len(MAGIC) + hashlib.sha256().digest_size


def previous_checkpoint(path: Path) -> Path:
    """Where :func:`save_checkpoint` keeps the checkpoint before: ``checkpoint.previous.pt`` beside ``checkpoint.pt``."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def save_checkpoint(path: Path, state: dict) -> None:
    """Write a resumable training state (tensors, numbers, strings, lists, dicts), atomically, and keep the one before."""
    import torch

    buffer = io.BytesIO()
    torch.save(state, buffer)
    payload = buffer.getbuffer()
    write_atomic(path, MAGIC, hashlib.sha256(payload).digest(), payload, keep=previous_checkpoint(path))


def load_checkpoint(path: Path) -> dict:
    """Read a training state; one that is missing or in any bit not as written raises :class:`CheckpointError`.

    Loads no pickled code.
    """
    import torch

    try:
        content = memoryview(Path(path).read_bytes())
    except OSError as error:
        raise CheckpointError(f"checkpoint: {path} cannot be read ({_reason(error)})") from None
    try:
        if content[: len(MAGIC)] != MAGIC:
            raise ValueError("it does not begin like a checkpoint")
        if content[len(MAGIC) : HEADER] != hashlib.sha256(content[HEADER:]).digest():
            raise ValueError("its content does not match its SHA-256")
        state = torch.load(io.BytesIO(content[HEADER:]), map_location="cpu", weights_only=True)
        if not isinstance(state, dict):
            raise ValueError(f"it holds a {type(state).__name__}")
        return state
    except Exception as error:  # torch raises many kinds
        reason = _reason(error)
        raise CheckpointError(
            f"checkpoint: {path} is damaged or cut short ({reason}); remove it to start over"
        ) from None


def last_checkpoint(path: Path, key: str) -> dict | None:
    """The last whole training state of the run ``key``: that of ``path`` or else the one before; None without either.

    If the last one is damaged, a line on stderr says so and the one before takes its place. If none is whole, or the
    state is of another run, :class:`CheckpointError` is raised and no file changes.
    """
    previous, problem = previous_checkpoint(path), None
    if not previous.exists():
        if not path.exists():
            return None
        state = load_checkpoint(path)
    else:
        try:
            state = load_checkpoint(path)
        except CheckpointError as error:
            problem = str(error).removesuffix("; remove it to start over")
            try:
                state = load_checkpoint(previous)
            except CheckpointError:
                message = f"{problem}, and {previous.name} cannot be used either; remove both to start over"
                raise CheckpointError(message) from None
    if state.get("key") != key:
        raise CheckpointError(f"checkpoint: {path} is of another run or search space; remove it to start over")
    if problem:
        print(f"{problem}; continuing from {previous.name}, the one before", file=sys.stderr, flush=True)
        try:
            os.replace(previous, path)
        except OSError as error:
            raise CheckpointError(f"checkpoint: {path} cannot be replaced ({_reason(error)})") from None
    return state


def remove_checkpoints(path: Path) -> None:
    """Remove a checkpoint and the one before, if there are any."""
    path.unlink(missing_ok=True)
    previous_checkpoint(path).unlink(missing_ok=True)


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


def provenance(device: torch.device | str = "cpu") -> dict:
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
    path: Path, kind: str, settings: dict, result: dict, seconds: float, device="cpu", more: dict | None = None
) -> dict:
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


def read_record(path: Path, kind: str | None = None) -> dict:
    """Read a record; one that is missing, damaged or of another kind raises :class:`DataError`."""
    record = read_json(path, "record")
    missing = set(FIELDS) - set(record if isinstance(record, dict) else ())
    if missing:
        raise DataError(f"record: {path} has no {', '.join(sorted(missing))}")
    for name, types in FIELDS.items():
        value = record[name]
        if not isinstance(value, types) or isinstance(value, bool) or (name == "seconds" and not 0 <= value < 1e12):
            raise DataError(f"record: {path} is damaged ({name} = {reprlib.repr(value):.60})")
    if kind and record["kind"] != kind:
        raise DataError(f"record: {path} is a record of kind {record['kind']!r:.60}, {kind!r} needed")
    return record


FIELDS = {"kind": str, "settings": dict, "result": dict, "seconds": (int, float), "provenance": dict}  # of a record


def read_json(path: Path, what: str) -> object:
    """Read a JSON file; one that is missing or damaged, or has a key twice, raises :class:`DataError`, which calls it ``what``."""
    try:
        return parse_json(Path(path).read_bytes())
    except FileNotFoundError:
        raise DataError(f"{what}: {path} does not exist") from None
    except OSError as error:
        raise DataError(f"{what}: {path} cannot be read ({_reason(error)})") from None
    except ValueError as error:
        raise DataError(f"{what}: {path} is damaged ({_reason(error)})") from None
