"""The classes of ImageNet's validation photographs: {"ILSVRC2012_val_00000001": "n01751748", ...}.

The official archive holds them without classes. Those are in the development kit, as ILSVRC2012_IDs, which follow
neither the order of wnids nor any other order; the kit's meta.mat translates them. Lists with wnids go round too.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from eas_core.base.errors import DataError

IDS, META = "ILSVRC2012_validation_ground_truth.txt", "meta.mat"
LIST = "LOC_val_solution.csv"  # Kaggle's
_DEVKIT = re.compile(r"ILSVRC2012_devkit.*\.(tar|tar\.gz|tgz)$")
_PAIR = re.compile(r"\b(ILSVRC2012_val_\d{8})\b.*?\b(n\d{8})\b", re.IGNORECASE)
_ALLOWED = (
    f"the development kit (ILSVRC2012_devkit_t12.tar.gz, or its unpacked folder), {LIST}, "
    "or lines such as 'ILSVRC2012_val_00000001.JPEG n01751748'"
)


def read(path: Path) -> dict[str, str]:
    """{name without ending: wnid} from any of the forms that are in use.

    Accepted: the development kit, as an archive, as the folder it unpacks into or as its ground-truth file beside its
    meta.mat; Kaggle's LOC_val_solution.csv or any text with a photograph's name and a wnid in each line; a text with
    nothing but wnids, the i-th for photograph i.

    Raises:
        DataError: missing, damaged, or none of these.
    """
    try:
        if path.is_dir():
            return _of_folder(path)
        if tarfile.is_tarfile(path):
            return _of_archive(path)
        if path.suffix == ".mat":
            return _of_folder(path.parent)
        text = path.read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        raise DataError(f"--ground-truth: {path} does not exist; allowed are {_ALLOWED}") from None
    except (OSError, tarfile.TarError, EOFError) as error:
        raise DataError(f"--ground-truth: {path} cannot be read ({error})") from None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if lines and all(line.isdecimal() for line in lines):
        meta = path.with_name(META)
        if not meta.is_file():
            raise DataError(
                f"--ground-truth: {path} holds ILSVRC2012_IDs, and {META} that translates them is not beside it; "
                f"give the development kit, ILSVRC2012_devkit_t12.tar.gz"
            )
        return _translate(path, lines, meta.read_bytes())
    if lines and all(re.fullmatch(r"n\d{8}", line) for line in lines):
        return _numbered(lines)
    pairs = [match.groups() for line in lines if (match := _PAIR.search(line))]
    if not pairs:
        raise DataError(f"--ground-truth: {path} is none of what is allowed: {_ALLOWED}")
    truth: dict[str, str] = {}
    for name, wnid in pairs:
        if truth.setdefault(name, wnid) != wnid:
            raise DataError(f"--ground-truth: {path} gives {name} two classes, {truth[name]} and {wnid}")
    return truth


def beside(folders: Iterable[Path]) -> Path | None:
    """The first ground truth that lies in one of the folders under its official name."""
    for folder in folders:
        for place in (folder, folder / "data", folder / "ILSVRC2012_devkit_t12" / "data"):
            found = [place / LIST, *([place / IDS] if (place / META).is_file() else ())]
            if place.is_dir():
                found += sorted(path for path in place.iterdir() if _DEVKIT.match(path.name))
            for path in found:
                if path.is_file():
                    return path
    return None


def _of_folder(folder: Path) -> dict[str, str]:
    for place in (folder, folder / "data", folder / "ILSVRC2012_devkit_t12" / "data"):
        if (place / IDS).is_file() and (place / META).is_file():
            return _translate(place / IDS, (place / IDS).read_text().split(), (place / META).read_bytes())
    raise DataError(f"--ground-truth: the folder {folder} has no {IDS} and {META}; allowed are {_ALLOWED}")


def _of_archive(path: Path) -> dict[str, str]:
    found: dict[str, bytes] = {}
    with tarfile.open(path) as archive:
        for member in archive:
            name = member.name.rpartition("/")[2]
            if member.isreg() and name in (IDS, META):
                found[name] = archive.extractfile(member).read()
    if len(found) < 2:
        raise DataError(f"--ground-truth: {path} has no {IDS} and {META}: not the development kit of ILSVRC2012")
    return _translate(path, found[IDS].decode("ascii", "replace").split(), found[META])


def _translate(path: Path, ids: list[str], meta: bytes) -> dict[str, str]:
    """The wnids of ILSVRC2012_IDs; those of the 1000 classes are the leaves of meta.mat's tree."""
    import scipy.io

    try:
        synsets = scipy.io.loadmat(io.BytesIO(meta), squeeze_me=True)["synsets"]
        columns = (np.atleast_1d(synsets[field]).tolist() for field in ("ILSVRC2012_ID", "WNID", "num_children"))
        wnids = {str(number): str(wnid) for number, wnid, children in zip(*columns, strict=True) if children == 0}
    except Exception as error:  # scipy raises many kinds for a damaged file
        raise DataError(f"--ground-truth: {META} of {path} is damaged ({type(error).__name__})") from None
    unknown = [number for number in ids if number not in wnids]
    if unknown:
        raise DataError(f"--ground-truth: {path} has the ILSVRC2012_ID {unknown[0]!r:.40}, which {META} does not list")
    return _numbered([wnids[number] for number in ids])


def _numbered(wnids: list[str]) -> dict[str, str]:
    return {f"ILSVRC2012_val_{number:08d}": wnid for number, wnid in enumerate(wnids, start=1)}
