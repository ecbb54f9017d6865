"""Reads what `eas prepare` packed: ``open_packed(folder)["train"].decode(0)``."""

from __future__ import annotations

import hashlib
import mmap
from pathlib import Path

import numpy as np
import torch

from eas_core.base import records
from eas_core.base.errors import CheckpointError, DataError


class Packed:
    """A split: JPEGs in memory-mapped shards, sorted by label and name; may be read by many threads at once."""

    def __init__(self, name: str, shards: list[Path], place: np.ndarray, labels: np.ndarray, digest: str):
        """``place`` int64 (n, 3): shard, offset and length of each photograph, in bytes."""
        self.name = name
        self.labels = labels  # int64 (n,)
        self.digest = digest  # SHA-256 of names, labels and packed JPEGs
        self._place = place
        self._shards = shards
        self._maps: dict[int, mmap.mmap] = {}

    def __len__(self) -> int:
        return len(self.labels)

    def __getstate__(self) -> dict:  # for worker processes, which map the shards themselves
        return {**self.__dict__, "_maps": {}}

    def jpeg(self, i: int) -> bytes:
        """The packed JPEG of photograph i."""
        number, offset, length = self._place[i].tolist()
        mapped = self._maps.get(number)
        if mapped is None:
            try:
                with open(self._shards[number], "rb") as file:
                    mapped = self._maps[number] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except OSError as error:
                raise DataError(f"packed: {self._shards[number]} cannot be read ({error.strerror})") from None
        return mapped[offset : offset + length]

    def decode(self, i: int) -> np.ndarray:
        """Photograph i as uint8 (3, H, W), RGB; the smaller of H and W is 256."""
        # here, since torchvision takes as long to import as torch, and only photographs need it
        from torchvision.io import ImageReadMode, decode_jpeg

        content = torch.frombuffer(bytearray(self.jpeg(i)), dtype=torch.uint8)
        try:
            return decode_jpeg(content, ImageReadMode.RGB).numpy()  # equal to Pillow's pixels, and faster
        except RuntimeError as error:
            reason = f"is damaged ({str(error).splitlines()[0]:.100})"
            raise DataError(f"packed: photograph {i} of {self.name} {reason}; prepare it again") from None

    def fingerprint(self, i: int) -> bytes:
        """SHA-256 of the packed JPEG of photograph i."""
        return hashlib.sha256(self.jpeg(i)).digest()


def open_packed(folder: str | Path) -> dict[str, Packed]:
    """The splits train, valid and test in a folder that `eas prepare` filled.

    Raises:
        DataError: the folder holds none, or not all of it (prepare it again: what is there is kept).
    """
    packed = Path(folder) / "packed"
    try:
        tensors, about = records.load_tensors(packed / "index.safetensors")
        shards = [packed / f"{number:05d}.bin" for number in range(len(about["shards"]))]
        for path, size in zip(shards, about["shards"], strict=True):
            if not path.is_file() or path.stat().st_size != size:
                raise DataError(f"packed: {path} is missing or not {size:,} bytes; run eas prepare again")
        return {
            name: Packed(name, shards, tensors[f"{name}.place"].numpy(), tensors[f"{name}.labels"].numpy(), digest)
            for name, digest in about["digest"].items()
        }
    except CheckpointError as error:
        raise DataError(
            f"packed: {folder} holds no complete set of packed photographs; run eas prepare ({error})"
        ) from None
    except (KeyError, TypeError) as error:
        raise DataError(f"packed: {packed / 'index.safetensors'} is of another version (no {error})") from None
