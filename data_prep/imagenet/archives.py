"""The lists of contents of tar archives, webdataset shards and parquet files; pixels stay where they are."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Collection, Iterator
from functools import cache
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from data_prep.imagenet.inventory import ENDINGS, TRAIN_NAME, VAL, VAL_NAME, WNID, Inventory, Photo
from eas_core.base.errors import DataError
from eas_core.base.parsing import parse_json

SIDECARS = (".cls", ".json")
_JSON_KEYS = ("label", "cls", "class", "target")
_IMAGE, _LABEL = ("image", "img", "jpg"), ("label", "labels", "cls")  # names of parquet columns


@cache
def wnids() -> tuple[str, ...]:
    """ImageNet's 1000 classes in the order of their numbers in Hugging Face's sets and in webdatasets: sorted."""
    return tuple((resources.files("data_prep.imagenet") / "wnids.txt").read_text(encoding="ascii").split())


# ---------------------------------------------------------------- tar


def kind(path: Path) -> str | None:
    """What a tar is, by its first members: classes, train, val, webdataset, or none of these.

    Raises:
        tarfile.TarError, OSError: unreadable, compressed, or cut short within those members.
    """
    with open(path, "rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
        members = (member for member in archive if member.isreg() and not _base(member).startswith("."))
        names = [_base(member) for member in islice(members, 4)]
    if not names:
        return None
    stem, ending = os.path.splitext(names[0])
    if any(os.path.splitext(name)[1].lower() in SIDECARS for name in names):
        return "webdataset"
    if ending == ".tar":
        return "train" if WNID.fullmatch(stem) else None
    if ending.lower() not in ENDINGS:
        return None
    return "classes" if WNID.fullmatch(path.stem) else "val" if VAL_NAME.fullmatch(stem) else "webdataset"


def list_train(path: Path, split: str, wanted: Collection[str], found: Inventory) -> None:
    """ILSVRC2012_img_train.tar: an archive of each class within it."""
    with open(path, "rb") as file:
        for member, archive in _members(file, path.name, found):
            wnid = _base(member).removesuffix(".tar")
            if wnid in wanted:
                with archive.extractfile(member) as part:
                    _list_class(part, wnid, path, f"{path.name}/{_base(member)}", member.offset_data, split, found)


def list_class(path: Path, split: str, wanted: Collection[str], found: Inventory) -> None:
    """nXXXXXXXX.tar: the photographs of one class."""
    if path.stem in wanted:
        with open(path, "rb") as file:
            _list_class(file, path.stem, path, path.name, 0, split, found)


def _list_class(file: BinaryIO, wnid: str, path: Path, place: str, start: int, split: str, found: Inventory) -> None:
    for member, _ in _members(file, place, found):
        if _base(member).lower().endswith(ENDINGS):
            where = dict(file=path, offset=start + member.offset_data, size=member.size)
            found.add(split, wnid, _base(member), place=f"{place}/{_base(member)}", **where)


def list_val(path: Path, split: str, wanted: Collection[str], found: Inventory) -> None:
    """ILSVRC2012_img_val.tar: 50,000 photographs whose classes the ground truth gives."""
    with open(path, "rb") as file:
        for member, _ in _members(file, path.name, found):
            wnid = found.truth.get(os.path.splitext(_base(member))[0])
            if wnid in wanted:
                where = dict(file=path, offset=member.offset_data, size=member.size)
                found.add(split, wnid, _base(member), place=f"{path.name}/{_base(member)}", **where)


def list_webdataset(path: Path, split: str, wanted: Collection[str], found: Inventory) -> None:
    """A shard: KEY.jpg and beside it KEY.cls (the number of the class) or KEY.json; all that share KEY are a sample."""
    samples: dict[str, dict[str, tarfile.TarInfo | bytes]] = {}
    with open(path, "rb") as file:
        for member, archive in _members(file, path.name, found):
            folder, _, base = member.name.rpartition("/")
            key, _, ending = base.partition(".")
            sample = samples.setdefault(f"{folder}/{key}", {})
            if f".{ending}".lower() in ENDINGS:
                sample["image"] = member
            elif f".{ending}".lower() in SIDECARS and member.size < 1 << 20:
                sample[ending.lower()] = archive.extractfile(member).read()
    for key, sample in samples.items():
        if not (image := sample.get("image")):
            continue
        try:
            wnid, base = _describe(key.rpartition("/")[2], _base(image), sample)
        except (ValueError, IndexError, TypeError, AttributeError) as error:
            found.fail("unlabelled", f"{path.name}/{image.name}", f"its class cannot be read ({error})")
            continue
        if wnid in wanted:
            where = dict(file=path, offset=image.offset_data, size=image.size)
            found.add(split, wnid, base, place=f"{path.name}/{image.name}", **where)


def _describe(key: str, base: str, sample: dict) -> tuple[str, str]:
    """(wnid, file name) of a sample."""
    facts = parse_json(sample["json"]) if "json" in sample else {}
    name = facts.get("filename") or base
    if "cls" in sample:
        return _wnid(sample["cls"].decode("ascii")), name.rpartition("/")[2]
    for field in _JSON_KEYS:
        if field in facts:
            return _wnid(facts[field]), name.rpartition("/")[2]
    if named := TRAIN_NAME.fullmatch(key):
        return named[1], name.rpartition("/")[2]
    raise ValueError(f"no .cls, and no {', '.join(_JSON_KEYS)} in .json")


def _wnid(label: int | str) -> str:
    text = str(label).strip()
    if WNID.fullmatch(text):
        return text
    if not text.isdecimal() or int(text) >= len(wnids()):
        raise ValueError(f"class {text!r:.40} is not a number from 0 to 999 or a wnid")
    return wnids()[int(text)]


def _members(file: BinaryIO, place: str, found: Inventory) -> Iterator[tuple[tarfile.TarInfo, tarfile.TarFile]]:
    """The files in a tar, each with the tar; damage ends them and is noted under ``place``."""
    last = None
    try:
        with tarfile.open(fileobj=file, mode="r:") as archive:
            for member in archive:
                last = member
                if member.isreg() and not _base(member).startswith("."):
                    yield member, archive
            # tarfile takes a damaged header for the end; the real end is a block of zeros
            file.seek(archive.offset)
            if (block := file.read(512)) != bytes(512):
                raise tarfile.ReadError("damaged header" if len(block) == 512 else "unexpected end of data")
    except (tarfile.TarError, OSError) as error:
        found.fail("archive", place, f"damaged or cut short{f' after {_base(last)}' if last else ''} ({error})")


def _base(member: tarfile.TarInfo) -> str:
    return member.name.rpartition("/")[2]


# ---------------------------------------------------------------- parquet


def _pyarrow():
    try:
        import pyarrow.parquet
    except ImportError:
        raise DataError(
            "--source: reading parquet needs pyarrow, which is not installed; pip install pyarrow (or -e .[imagenet])"
        ) from None
    return pyarrow


def list_parquet(path: Path, split: str, wanted: Collection[str], found: Inventory) -> None:
    """A file of Hugging Face: columns image {bytes, path} and label (a number, of the sorted wnids)."""
    arrow = _pyarrow()
    try:
        table = arrow.parquet.ParquetFile(path)
        image, label = (_column(path, table, allowed) for allowed in (_IMAGE, _LABEL))
        columns = [label, *([f"{image}.path"] if "path" in _fields(table, image) else ())]
        row = -1
        for batch in table.iter_batches(columns=columns):
            labels = batch.column(label).to_pylist()
            paths = [entry and entry["path"] for entry in batch.column(image).to_pylist()] if columns[1:] else None
            for index, number in enumerate(labels):
                row += 1
                if number == -1:
                    continue  # ImageNet's test split, which has no classes
                try:
                    wnid = _wnid(number)
                except ValueError as error:
                    found.fail("unlabelled", f"{path.name}#{row}", error)
                    continue
                if wnid in wanted:
                    base = (paths and paths[index]) or f"{path.stem}_{row}.JPEG"
                    where = dict(place=f"{path.name}#{row}", file=path, row=row)
                    found.add(split, wnid, base.rpartition("/")[2], **where)
    except (arrow.ArrowException, OSError) as error:
        found.fail("archive", path.name, f"damaged or cut short ({error!s:.200})")


def _fields(table, column: str) -> list[str]:
    kind = table.schema_arrow.field(column).type
    return [kind.field(number).name for number in range(kind.num_fields)]


def _column(path: Path, table, allowed: tuple[str, ...]) -> str:
    names = table.schema_arrow.names
    for name in allowed:
        if name in names:
            return name
    raise DataError(f"--source: {path} has no column {allowed[0]!r}; it has {', '.join(names)}")


class Rows:
    """Photographs of a parquet file by row; keeps the row group that was read last."""

    def __init__(self, path: Path):
        self.path = path
        self._arrow = _pyarrow()
        self._group, self._images = range(0), None
        try:
            self._table = self._arrow.parquet.ParquetFile(path)
            self._column = _column(path, self._table, _IMAGE)
        except self._arrow.ArrowException as error:
            raise OSError(f"damaged: {error!s:.100}") from None

    def read(self, row: int) -> bytes:
        """The bytes of one photograph; OSError if the file is damaged there."""
        if row not in self._group:
            start = 0
            for number in range(self._table.num_row_groups):
                self._group = range(start, start + self._table.metadata.row_group(number).num_rows)
                if row in self._group:
                    break
                start = self._group.stop
            else:
                self._group = range(0)
                raise OSError(f"no row {row}")
            nested = _fields(self._table, self._column)
            self._images = None
            try:
                column = f"{self._column}.bytes" if nested else self._column
                self._images = self._table.read_row_group(number, columns=[column]).column(self._column)
            except self._arrow.ArrowException as error:
                self._group = range(0)
                raise OSError(f"damaged: {' '.join(str(error).split()):.100}") from None
        value = self._images[row - self._group.start].as_py()
        data = value["bytes"] if isinstance(value, dict) else value
        if not data:
            raise OSError("no bytes in this row")
        return data


# ---------------------------------------------------------------- bytes


def read(photos: list[Photo]) -> Iterator[bytes | str]:
    """The bytes of photographs in order, or a line that says why there are none.

    Photographs that lie side by side in an archive are best asked for one after another: one file is open at a time.
    """
    file, opened, rows = None, None, None
    try:
        for photo in photos:
            try:
                if photo.row >= 0:
                    if rows is None or rows.path != photo.file:
                        rows = Rows(photo.file)
                    yield rows.read(photo.row)
                    continue
                if photo.offset < 0:
                    yield photo.file.read_bytes()
                    continue
                if opened != photo.file:
                    if file:
                        file.close()
                    file, opened = open(photo.file, "rb"), photo.file
                file.seek(photo.offset)
                data = file.read(photo.size)
                yield data if len(data) == photo.size else f"cut short after {len(data):,} of {photo.size:,} bytes"
            except OSError as error:
                yield f"cannot be read ({error.strerror or error})"
    finally:
        if file:
            file.close()


LISTERS = {  # kind: (for people, reader), in the order of preference
    "classes": ("archives of one class each", list_class),
    "train": ("official archive", list_train),
    "val": ("official archive, classes from the ground truth", list_val),
    "parquet": ("parquet", list_parquet),
    "webdataset": ("webdataset", list_webdataset),
}
KINDS = {"train": ("classes", "train", "parquet", "webdataset"), VAL: ("val", "parquet", "webdataset")}
