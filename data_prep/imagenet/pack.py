"""Reads photographs once: hashes them, tries to decode them, and packs them, short side 256, into shards.

The work is done in units of at most 2048 photographs, in the order in which they lie in the source. A unit leaves a
shard (the JPEGs, one after another) and then, as the sign that it is done, a record. A run that was killed does again
only what has no record; since a unit's outcome depends on nothing but its photographs, the bytes come out the same.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from data_prep import pictures
from data_prep.imagenet.archives import read
from data_prep.imagenet.inventory import Photo
from eas_core.base.files import write_atomic
from eas_core.base.parsing import parse_json

SIDE = 256  # pixels: the short side of a packed photograph, as the usual test protocol has it before its crop of 224
QUALITY = 90  # of the packed JPEG
UNIT = 2048  # photographs in a shard, which makes about 60 MB
VERSION = 1  # of the files written here; another one makes all units anew
_LONGEST = 65_500  # pixels of a JPEG


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one photograph turned out to be; sizes in bytes, ``problem`` is empty if it decodes."""

    size: int = 0
    sha256: str = ""  # of the original bytes
    problem: str = ""
    shard: int = -1
    offset: int = 0
    length: int = 0
    packed_sha256: str = ""


def shrink(image: Image.Image) -> bytes:
    """A JPEG whose short side is 256 pixels (bicubic, antialiased; a smaller image is enlarged)."""
    scale = SIDE / min(image.size)
    size = tuple(max(SIDE, round(pixels * scale)) for pixels in image.size)
    if max(size) > _LONGEST:
        raise ValueError(f"too narrow, {image.size[0]}x{image.size[1]} pixels")
    if size != image.size:
        image = image.resize(size, Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def examine(data: bytes | str, pack: bool) -> tuple[Outcome, bytes]:
    """Hash, decode and shrink one photograph; ``data`` is a text if it could not be read."""
    if isinstance(data, str):
        return Outcome(problem=data), b""
    known = dict(size=len(data), sha256=hashlib.sha256(data).hexdigest())
    try:
        image = pictures.decode(data)
        packed = shrink(image) if pack else b""
    except ValueError as error:
        return Outcome(**known, problem=f"does not decode ({error})"), b""
    return Outcome(**known, length=len(packed), packed_sha256=hashlib.sha256(packed).hexdigest()), packed


def units(photos: Iterable[Photo]) -> list[list[Photo]]:
    """Photographs in units, in the order in which they lie in the source; no unit has photographs of both splits."""
    ordered = sorted(photos, key=lambda photo: (photo.split, photo.file, photo.offset, photo.row, photo.name))
    splits = dict.fromkeys(photo.split for photo in ordered)
    groups = ([photo for photo in ordered if photo.split == split] for split in splits)
    return [group[start : start + UNIT] for group in groups for start in range(0, len(group), UNIT)]


def shard(out: Path, number: int) -> Path:
    return out / "packed" / f"{number:05d}.bin"


def _record(out: Path, number: int) -> Path:
    return out / "units" / f"{number:05d}.json"


def run(
    photos: Iterable[Photo], out: Path, *, pack: bool = True, workers: int = 1, progress: bool = True
) -> dict[str, Outcome]:
    """Examine (and pack) all photographs, but for the units that an earlier run finished; {name: outcome}."""
    work = units(photos)
    done = [_load(out, number, unit, pack) for number, unit in enumerate(work)]
    if None in done:
        (out / "packed" / "index.safetensors").unlink(missing_ok=True)  # it tells that the shards are complete
    bar = tqdm(total=sum(map(len, work)), desc="packing" if pack else "checking", unit="img", disable=not progress)
    with bar, ThreadPoolExecutor(workers) as pool:
        bar.update(sum(len(unit) for unit, outcomes in zip(work, done, strict=True) if outcomes))
        bar.initial = bar.n
        for number, unit in enumerate(work):
            if done[number] is None:
                done[number] = _make(out, number, unit, pack, pool, workers, bar)
    _tidy(out, len(work), pack)
    return {
        photo.name: outcome
        for unit, outcomes in zip(work, done, strict=True)
        for photo, outcome in zip(unit, outcomes, strict=True)
    }


def _make(out: Path, number: int, unit: list[Photo], pack: bool, pool, workers: int, bar) -> list[Outcome]:
    outcomes, content, offset = [], [], 0
    for outcome, packed in _in_order(pool, workers, unit, pack):
        if pack and not outcome.problem:
            outcome = replace(outcome, shard=number, offset=offset)
            content.append(packed)
            offset += len(packed)
        outcomes.append(outcome)
        bar.update()
    if pack:
        write_atomic(shard(out, number), b"".join(content))
    lines = {"key": _key(unit, pack), "bytes": offset, "photos": [astuple(outcome) for outcome in outcomes]}
    write_atomic(_record(out, number), (json.dumps(lines, separators=(",", ":")) + "\n").encode())
    return outcomes


def _in_order(pool: ThreadPoolExecutor, workers: int, unit: list[Photo], pack: bool) -> Iterator[tuple[Outcome, bytes]]:
    """Outcomes in the unit's order. One thread reads ahead a little, the others decode."""
    waiting: deque = deque()
    try:
        for data in read(unit):
            waiting.append(pool.submit(examine, data, pack))
            if len(waiting) > 4 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _key(unit: list[Photo], pack: bool) -> str:
    """What a unit's outcome depends on, in ten digits."""
    settings = [VERSION, pictures.VERSION, *((SIDE, QUALITY) if pack else ())]
    listed = [(photo.name, photo.place, photo.offset, photo.size) for photo in unit]
    return hashlib.sha256(json.dumps([settings, listed]).encode()).hexdigest()[:16]


def _load(out: Path, number: int, unit: list[Photo], pack: bool) -> list[Outcome] | None:
    """The outcomes of a unit that is done, or None."""
    try:
        lines = parse_json(_record(out, number).read_bytes())
        if lines["key"] != _key(unit, pack) or (pack and shard(out, number).stat().st_size != lines["bytes"]):
            return None
        outcomes = [Outcome(*values) for values in lines["photos"]]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    # what could not even be read is tried again: a disk or a network may have recovered
    return outcomes if len(outcomes) == len(unit) and all(outcome.size for outcome in outcomes) else None


def _tidy(out: Path, count: int, pack: bool) -> None:
    """Remove shards and records of other numbers, and what killed runs left half written."""
    for folder, ending, keep in ((out / "packed", ".bin", count if pack else 0), (out / "units", ".json", count)):
        for path in folder.glob(f"*{ending}"):
            if path.stem.isdecimal() and int(path.stem) >= keep:
                path.unlink()
    for folder in (out, out / "packed", out / "units"):
        for path in folder.glob(".*.part"):
            path.unlink()
