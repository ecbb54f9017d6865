"""What the index of packed photographs says about them."""

from __future__ import annotations

from pathlib import Path

from eas_core.base import records
from eas_core.base.errors import CheckpointError, DataError


def describe(folder: str | Path) -> dict:
    """What the index says: source, classes (wnids), seed of the hold-out, digest of each split, ...

    Raises:
        DataError: the folder holds no index that is whole.
    """
    try:
        about = records.load_metadata(Path(folder) / "packed" / "index.safetensors")
    except CheckpointError as error:
        raise DataError(f"packed: {folder} holds no complete set of packed photographs ({error})") from None
    for name in ("source", "classes", "seed", "digest"):
        if not isinstance(about, dict) or name not in about:
            raise DataError(f"packed: {folder} is of another version (no {name!r})")
    return about
