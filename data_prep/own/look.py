"""Opens every file once: which are pictures, which are damaged, how alike they look."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from tqdm import tqdm

from data_prep import pictures
from data_prep.own.files import Named
from data_prep.own.report import Report

LARGEST_FILE = 2**28  # bytes


class Seen(NamedTuple):
    """A picture that can be used: its SHA-256, its perceptual hash (64 bits), its sides in pixels once upright."""

    named: Named
    sha256: str
    looks: int
    width: int
    height: int


def look(root: Path, named: list[Named], report: Report, progress: bool = True) -> list[Seen]:
    """Those of the named files below ``root`` that are pictures, in their order; the report gets all others."""
    with pictures.quiet(), ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        found = threads.map(lambda one: _look(root, one), named)
        bar = tqdm(found, total=len(named), desc="pictures", unit="img", disable=None if progress else True)
        seen = []
        for one, (picture, notes) in zip(named, bar, strict=True):
            for kind, why in notes:
                report.add(kind, one.path, why)
            if picture:
                seen.append(picture)
    return seen


def _look(root: Path, one: Named) -> tuple[Seen | None, list[tuple[str, str]]]:
    """A file as a picture, or None, and findings (kind, why) about it."""
    path = root / one.path
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            return None, [
                ("bomb" if _called_picture(path) else "other", f"a file of {size:,} bytes, at most {LARGEST_FILE:,}")
            ]
        data = path.read_bytes()
    except OSError as error:
        return None, [("unreadable", error.strerror or "")]
    try:
        opened = pictures.opened(data)
        notes = [("frames", "")] if opened.format != "MPO" and getattr(opened, "n_frames", 1) > 1 else []
        if opened.getexif().get(pictures.ORIENTATION, 1) in range(2, 9):
            notes.append(("turned", ""))
        image = pictures.decode(data, upright=True)
    except pictures.TooLarge as error:
        return None, [("bomb", str(error))]
    except Exception as error:  # n_frames and EXIF of damaged bytes raise many kinds
        why = "empty file" if not data else " ".join(str(error).split())[:100] or type(error).__name__
        return None, [("damaged", why) if _called_picture(path) or why != "not an image" else ("other", "")]
    import imagehash  # takes a second, with SciPy

    looks = int(str(imagehash.phash(image)), 16)
    return Seen(one, hashlib.sha256(data).hexdigest(), looks, image.width, image.height), notes


def _called_picture(path: Path) -> bool:
    """Whether a file's name says that it is a picture."""
    kind = Image.registered_extensions().get(path.suffix.lower())
    return kind is not None and kind not in pictures.DRAWINGS
