"""What a copy of ImageNet holds: photographs, each with its name, its class and the place of its bytes."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

TRAIN, VAL = "train", "val"  # ImageNet's own splits
ENDINGS = (".jpeg", ".jpg", ".png", ".webp")
WNID = re.compile(r"n\d{8}")
TRAIN_NAME = re.compile(r"(n\d{8})_\d+")
VAL_NAME = re.compile(r"ILSVRC2012_val_\d{8}")
_OFFICIAL = re.compile(r"(n\d{8}_\d+|ILSVRC2012_val_\d{8})(_n\d{8})?")  # Hugging Face appends the class


class Problem(NamedTuple):
    """What is wrong with one photograph or archive: ``path`` is its name, ``detail`` says more."""

    kind: str  # a key of report.KINDS
    path: str
    detail: str


@dataclass(frozen=True, order=True, slots=True)
class Photo:
    """One photograph of the source: which it is, and where its bytes are."""

    name: str  # train/n02085620/n02085620_10.JPEG, val/n02085620/ILSVRC2012_val_00000001.JPEG
    wnid: str
    place: str  # for people: ILSVRC2012_img_train.tar/n02085620.tar/n02085620_10.JPEG
    file: Path
    offset: int = -1  # of its bytes in an uncompressed tar; -1: the file is the photograph
    size: int = -1
    row: int = -1  # of a parquet file

    @property
    def split(self) -> str:
        return self.name.partition("/")[0]


@dataclass
class Inventory:
    """Everything found: photographs, the form of each split, and what is wrong with them already."""

    photos: list[Photo] = field(default_factory=list)
    forms: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    truth: dict[str, str] | None = None  # wnids of the validation photographs, if they are known

    def add(self, split: str, wnid: str, base: str, **where) -> None:
        """Take a photograph in, unless its name says that it belongs to another class."""
        stem, ending = os.path.splitext(base)
        if official := _OFFICIAL.fullmatch(stem):
            stem, ending = official[1], ".JPEG"
        photo = Photo(f"{split}/{wnid}/{stem}{ending}", wnid, **where)
        named = TRAIN_NAME.fullmatch(stem) if split == TRAIN else None
        meant = named[1] if named else (self.truth or {}).get(stem, wnid) if split == VAL else wnid
        if meant != wnid:
            self.problems.append(Problem("misplaced", photo.place, f"given as {wnid}, but its name means {meant}"))
        else:
            self.photos.append(photo)

    def fail(self, kind: str, path: str, detail: object) -> None:
        """Note a problem, in one line."""
        self.problems.append(Problem(kind, path, " ".join(str(detail).split())))

    def settle(self) -> None:
        """Sort the photographs by name; of those that bear the same name the first stays."""
        self.photos.sort()
        kept: dict[str, Photo] = {}
        for photo in self.photos:
            if kept.setdefault(photo.name, photo) is not photo:
                self.fail("repeated", photo.name, f"in {kept[photo.name].place}, and again in {photo.place}")
        self.photos = list(kept.values())
