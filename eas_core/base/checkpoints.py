"""Training checkpoints: resumable states of which every bit is checked, each with the one before beside it.

A checkpoint is one file: eight bytes that say so, the SHA-256 of the rest, and the rest, which torch.load reads.
"""

from __future__ import annotations

import hashlib
import io
import os
import sys
from pathlib import Path
from typing import Any

from eas_core.base.errors import CheckpointError
from eas_core.base.files import reason, write_atomic

MAGIC = b"EASckpt1"
HEADER = len(MAGIC) + hashlib.sha256().digest_size


def previous_checkpoint(path: Path) -> Path:
    """Where :func:`save_checkpoint` keeps the checkpoint before: ``checkpoint.previous.pt`` beside ``checkpoint.pt``."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a resumable training state (tensors, numbers, strings, lists, dicts), atomically, and keep the one before."""
    import torch

    buffer = io.BytesIO()
    torch.save(state, buffer)
    payload = buffer.getbuffer()
    write_atomic(path, MAGIC, hashlib.sha256(payload).digest(), payload, keep=previous_checkpoint(path))


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a training state; one that is missing or in any bit not as written raises :class:`CheckpointError`.

    Loads no pickled code.
    """
    import torch

    try:
        content = memoryview(Path(path).read_bytes())
    except OSError as error:
        raise CheckpointError(f"checkpoint: {path} cannot be read ({reason(error)})") from None
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
        raise CheckpointError(
            f"checkpoint: {path} is damaged or cut short ({reason(error)}); remove it to start over"
        ) from None


def last_checkpoint(path: Path, key: str) -> dict[str, Any] | None:
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
            raise CheckpointError(f"checkpoint: {path} cannot be replaced ({reason(error)})") from None
    return state


def remove_checkpoints(path: Path) -> None:
    """Remove a checkpoint and the one before, if there are any."""
    path.unlink(missing_ok=True)
    previous_checkpoint(path).unlink(missing_ok=True)
