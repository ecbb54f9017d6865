"""Which files there are, and which class, task and split they belong to: by folders or by a CSV. No picture is opened."""

from __future__ import annotations

import csv
import os
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from data_prep.own.report import Report
from eas_core.base.errors import DataError

#: What folders and CSVs call the splits, in small letters.
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "valid"),
    **dict.fromkeys(("test", "testing"), "test"),
}
LITTER = {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "$recycle.bin", "icon\r"}
COLUMNS = ("path", "label", "task", "split")


class Named(NamedTuple):
    """A file that should be a picture: its path below the root, with slashes, and what the folder or CSV says of it."""

    path: str
    label: str
    task: str | None = None
    split: str | None = None  # one of train, valid, test


def find(source: Path, report: Report) -> tuple[Path, list[Named]]:
    """The root of a folder or CSV, and the files of its classes, sorted by path; a source that is neither raises
    :class:`DataError`."""
    try:
        if source.is_dir():
            return source, in_folder(source, report)
        if source.is_file():
            return source.parent, in_csv(source, report)
    except OSError as error:
        raise DataError(f"pictures: {source} cannot be read ({error.strerror})") from None
    raise DataError(f"pictures: {source} is not there; give a folder of pictures, or a CSV with path and label")


def in_folder(root: Path, report: Report) -> list[Named]:
    """The files in folders below ``root``: the folder of a file is its class.

    Where ``train`` and at least one of ``val`` and ``test`` lie at the top, they are the splits, and classes lie in them.
    """
    tops = {name: SPLIT_NAMES.get(name.casefold()) for name in sorted(os.listdir(root)) if (root / name).is_dir()}
    ready = "train" in tops.values() and len({*tops.values()} - {None}) > 1
    named = []
    for parts in _walk(root, (), {os.path.realpath(root)}, report):
        split, folders = None, parts[:-1]
        if ready:
            split = tops.get(parts[0]) if folders else None
            folders = folders[1:]
            if split is None:
                report.add("beside" if len(parts) > 1 else "no class", "/".join(parts))
                continue
        if folders:
            named.append(Named("/".join(parts), "/".join(folders), None, split))
        else:
            report.add("no class", "/".join(parts))
    _clashes((prefix for one in named for prefix in accumulate(one.path.split("/"), "{}/{}".format)), report)
    labels = {one.label for one in named}
    parents = {label for label in labels if any(other.startswith(f"{label}/") for other in labels)}
    for label in sorted(parents):
        report.add("parent", label)
    return named


def _walk(root: Path, parts: tuple[str, ...], seen: set[str], report: Report) -> Iterator[tuple[str, ...]]:
    """The path of each file below a folder, as its parts; links are followed, no folder is read twice."""
    try:
        names = sorted(os.listdir(root.joinpath(*parts)))
    except OSError as error:
        report.add("unreadable", "/".join(parts), error.strerror or "")
        return
    inside = False
    for name in names:
        here = (*parts, name)
        path, text = root.joinpath(*here), "/".join(here)
        if name.startswith(".") or name.casefold() in LITTER:
            report.add("litter", text)
        elif not _utf8(name):
            report.add("name", text)
        elif path.is_dir():
            inside = True
            real = os.path.realpath(path)
            if real in seen:
                report.add("link", text)
            else:
                seen.add(real)
                yield from _walk(root, here, seen, report)
        elif path.is_file():
            inside = True
            yield here
        elif path.is_symlink():
            report.add("link", text)
        else:
            report.add("other", text, "neither file nor folder")
    if parts and not inside:
        report.add("empty", "/".join(parts))


def in_csv(path: Path, report: Report) -> list[Named]:
    """The files that a CSV names, by columns ``path`` (or ``file_name``), ``label``, and if given ``task`` and ``split``.

    Paths are relative to the CSV's folder and must stay in it. What is wrong raises :class:`DataError` with its line.
    """
    root, named = path.parent, {}
    for number, row in _rows(path):
        where = f"pictures: {path} line {number}"
        name, label = row["path"], row["label"]
        if not name or not label:
            raise DataError(f"{where}: {'path' if not name else 'label'} is empty")
        split = SPLIT_NAMES.get(row["split"].casefold()) if row["split"] else None
        if row["split"] and split is None:
            raise DataError(f"{where}: split {row['split']!r:.60} is not train, valid or test")
        real = os.path.realpath(root / name)
        if "\0" in name or not Path(real).is_relative_to(os.path.realpath(root)):
            raise DataError(f"{where}: path {name!r:.160} leads out of {root}; put the CSV above all its pictures")
        one = Named(Path(os.path.relpath(root / name, root)).as_posix(), label, row["task"] or None, split)
        before = named.setdefault(one.path, one)
        if before is not one:
            if before != one:
                raise DataError(f"{where}: {name!r:.160} was given before with another label, task or split")
            report.add("twice", name)
        if not (root / name).is_file():
            report.add("unreadable", name, f"line {number}: no such file")
            del named[one.path]
    for field in ("task", "split"):
        if len({getattr(one, field) is None for one in named.values()}) > 1:
            lacking = next(one.path for one in named.values() if getattr(one, field) is None)
            raise DataError(f"pictures: {path}: {lacking!r:.160} has no {field}, and others have one; give all or none")
    _clashes((one.label for one in named.values()), report)
    return sorted(named.values())


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line numbers and the columns :data:`COLUMNS` of a CSV, empty where it has none."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip().casefold() for name in next(reader, [])]
            header = ["path" if name == "file_name" else name for name in header]
            for name in ("path", "label"):
                if header.count(name) != 1:
                    raise DataError(f"pictures: {path}: its first line must name the columns path and label, once each")
            for cells in reader:
                if any(cells):
                    if len(cells) != len(header):
                        raise DataError(
                            f"pictures: {path} line {reader.line_num}: {len(cells)} values for {len(header)} columns"
                        )
                    row = dict(zip(header, map(str.strip, cells), strict=True))
                    yield reader.line_num, {name: row.get(name, "") for name in COLUMNS}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"pictures: {path} cannot be read as a CSV in UTF-8 ({error})") from None


def _clashes(names: Iterable[str], report: Report) -> None:
    """Names that are one on a system that heeds neither case nor Unicode's forms."""
    same: dict[str, dict[str, None]] = {}
    for name in names:
        same.setdefault(unicodedata.normalize("NFC", name).casefold(), {})[name] = None
    for group in same.values():
        if len(group) > 1:
            report.add("clash", " and ".join(group))


def _utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
