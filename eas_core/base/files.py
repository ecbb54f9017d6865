"""Files that are whole or absent, folders that one process writes to, and complaints about both in one line."""

from __future__ import annotations

import errno
import json
import math
import os
import secrets
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from eas_core.base.errors import DataError, EASError
from eas_core.base.parsing import parse_json


def write_atomic(path: Path, *parts: bytes | memoryview, keep: Path | None = None) -> None:
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
        raise EASError(f"writing {path}: {reason(error)}; what was there before is unchanged") from error


def append_line(path: Path, line: dict[str, Any]) -> None:
    """Append a line of JSON to a file; numbers that are not finite become null."""
    try:
        with open(path, "ab") as file:
            file.write(_json_line(line))
    except OSError as error:
        raise EASError(f"writing {path}: {reason(error)}") from error


def write_lines(path: Path, lines: list[dict[str, Any]]) -> None:
    """Make a file of JSON lines hold exactly these."""
    write_atomic(path, b"".join(map(_json_line, lines)))


def _json_line(line: dict[str, Any]) -> bytes:
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


def read_json(path: Path, what: str) -> object:
    """Read a JSON file, in complaints called ``what``.

    One that is missing or damaged, or has a key twice, raises :class:`DataError`.
    """
    try:
        return parse_json(Path(path).read_bytes())
    except FileNotFoundError:
        raise DataError(f"{what}: {path} does not exist") from None
    except OSError as error:
        raise DataError(f"{what}: {path} cannot be read ({reason(error)})") from None
    except ValueError as error:
        raise DataError(f"{what}: {path} is damaged ({reason(error)})") from None


def reason(error: Exception) -> str:
    """Why a file could not be read or written, in a few words."""
    if isinstance(error, OSError):
        return "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror or str(error)
    return " ".join(str(error).split())[:120] or type(error).__name__


# ---------------------------------------------------------------- one writer

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
            print(f"{folder}: cannot be locked ({reason(error)}); see that one process writes there", file=sys.stderr)
            return None, False
        raise EASError(f"{folder}: cannot be written to ({reason(error)})") from None


def _holder(path: Path) -> str:
    try:
        return path.read_text()[:200] or "another process"
    except (OSError, ValueError):
        return "another process"
