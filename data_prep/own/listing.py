"""The list of pictures that ``eas init`` writes and a run reads: a CSV with path, label, task, split and SHA-256."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data_prep import SPLITS, pictures
from data_prep.own.files import Named
from data_prep.partition import Labelled
from eas_core.base.errors import DataError

if TYPE_CHECKING:
    from data_prep.own.look import Seen

COLUMNS = ("path", "label", "task", "split", "sha256")


def text(arranged: list[tuple[Seen, str]], groups: Mapping[str, tuple[str, ...]]) -> str:
    """The list as a CSV, sorted by split, class and path; classes are in the order of ``groups``."""
    place = {label: (number, task) for number, (task, label) in enumerate(pairs(groups))}
    rows = [
        (SPLITS.index(split), *place[one.named.label], one.named.label, one.named.path, one.sha256, split)
        for one, split in arranged
    ]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for _, _, task, label, path, sha256, split in sorted(rows):
        writer.writerow((path, label, task, split, sha256))
    return file.getvalue()


def digest(content: str) -> str:
    """Ten digits that identify the pictures of a list, their classes and splits."""
    return hashlib.sha256(content.encode()).hexdigest()[:10]


def read(path: str, wanted: str | None = None) -> list[tuple[Named, str]]:
    """Pictures of a list with their SHA-256, in its order.

    One that is not there, no list, or not the one with the digest ``wanted`` raises :class:`DataError`.
    """
    try:
        content = Path(path).read_bytes().decode()
        rows = list(csv.DictReader(io.StringIO(content), strict=True))
        found = [(Named(*(row[name] for name in COLUMNS[:4])), row["sha256"]) for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
        raise DataError(
            f"data.listing: {path} is not a list that eas init wrote ({error}); run eas init again"
        ) from None
    if wanted is not None and digest(content) != wanted:
        raise DataError(f"data.listing: {path} is not the list of data.digest = {wanted}; run eas init again")
    return found


def splits(
    path: str, listed: str, groups: Mapping[str, tuple[str, ...]], wanted: str | None, resolution: int
) -> dict[str, Labelled]:
    """The three splits of the pictures below the folder ``path``, as squares of ``resolution`` pixels, in the list's order.

    A picture that is gone or was changed since it was listed raises :class:`DataError`.
    """
    rows = read(listed, wanted)
    numbers = {label: number for number, (_, label) in enumerate(pairs(groups))}
    if unknown := {one.label for one, _ in rows} - {*numbers}:
        raise DataError(f"data.groups: class {min(unknown)!r:.80} of {listed} is in no task; run eas init again")

    def one_picture(row: tuple[Named, str]) -> np.ndarray:
        named, sha256 = row
        file = Path(path) / named.path
        try:
            data = file.read_bytes()
        except OSError as error:
            raise DataError(f"data.path: {file} cannot be read ({error.strerror}); run eas init again") from None
        if hashlib.sha256(data).hexdigest() != sha256:
            raise DataError(f"data.path: {file} was changed since it was listed; run eas init again")
        return np.asarray(pictures.square(pictures.decode(data, upright=True), resolution)).transpose(2, 0, 1)

    made = {}
    with pictures.quiet(), ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        for split in SPLITS:
            own = [row for row in rows if row[0].split == split]
            images = np.empty((len(own), 3, resolution, resolution), np.uint8)
            for slot, image in zip(images, threads.map(one_picture, own), strict=True):
                slot[:] = image
            made[split] = images, np.array([numbers[named.label] for named, _ in own], np.int64)
    return made


def check(path: str) -> None:
    """Raise :class:`DataError` unless there is a folder; no picture is read."""
    if not Path(path).is_dir():
        raise DataError(f"data.path: {path} is not a folder; give that of the pictures, --set data.path=FOLDER")


def pairs(groups: Mapping[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    """(task, class) by class number."""
    return [(task, label) for task, labels in groups.items() for label in labels]
