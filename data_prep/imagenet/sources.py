"""Finds the photographs of a copy of ImageNet, whichever of the usual forms it has; nothing is unpacked.

| form | training | validation (the kit's test set) |
| --- | --- | --- |
| folders | train/nXXXXXXXX/*.JPEG | val/nXXXXXXXX/*.JPEG, or val/*.JPEG and the ground truth |
| official | ILSVRC2012_img_train.tar, or its 1000 archives nXXXXXXXX.tar | ILSVRC2012_img_val.tar and the ground truth |
| parquet (Hugging Face) | *train*.parquet | *val*.parquet |
| webdataset | *train*.tar with KEY.jpg and KEY.cls or KEY.json | *val*.tar |

The splits may have different forms; of several forms of a split the uppermost is taken. Only lists are read here
(names, places, classes). A photograph has the same name in every form: its path in the folders.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Collection
from pathlib import Path

from tqdm import tqdm

from data_prep.imagenet import truth as ground_truth
from data_prep.imagenet.archives import KINDS, LISTERS, kind
from data_prep.imagenet.inventory import ENDINGS, TRAIN, VAL, VAL_NAME, WNID, Inventory
from eas_core.base.errors import DataError

_ROOTS = ("", "ILSVRC/Data/CLS-LOC", "Data/CLS-LOC")  # Kaggle's archive starts with folders of its own
_FOLDERS = {TRAIN: ("train",), VAL: ("val", "validation")}
_BELOW = ("data", "train", "val", "validation")  # where archives are looked for in a folder, besides itself
_TREE, _FLAT = "class folders", "one folder, classes from the ground truth"


def find(
    paths: Collection[Path], wanted: Collection[str], truth: Path | None = None, *, progress: bool = True
) -> Inventory:
    """List the photographs of the wanted classes in a copy of ImageNet.

    Args:
        paths: files or folders; both splits are looked for in all of them.
        wanted: wnids.
        truth: ground truth of the validation photographs, for the forms that need it; if None it is looked for beside
            them. The other forms are compared with it.

    Raises:
        DataError: a path is missing, a split has none of the forms, or needs a ground truth that is missing.
    """
    for path in paths:
        if not path.exists():
            raise DataError(f"--source: {path} does not exist; give a folder or an archive of ImageNet (ILSVRC2012)")
    roots = [root for path in paths if path.is_dir() for sub in _ROOTS if (root := path / sub).is_dir()]
    beside = [*(path if path.is_dir() else path.parent for path in paths), *roots]
    truth = truth or ground_truth.beside(dict.fromkeys(beside))
    found = Inventory(truth=ground_truth.read(truth) if truth else None)
    archives = _archives(paths, roots, found)
    for split in (TRAIN, VAL):
        found.forms[split], files, read = (
            _folders(roots, split) or _files(archives, split) or _nothing(paths, split, found)
        )
        if found.truth is None and found.forms[split] in (_FLAT, LISTERS["val"][0]):
            raise DataError(
                "--ground-truth: needed, because these validation photographs come without classes; give "
                f"ILSVRC2012_devkit_t12.tar.gz, {ground_truth.LIST} or lines 'ILSVRC2012_val_00000001.JPEG n01751748'"
            )
        for file in tqdm(files, desc=f"listing {split}", unit="file", disable=not progress):
            read(file, split, wanted, found)
    found.settle()
    return found


def _nothing(paths: Collection[Path], split: str, found: Inventory):
    damaged = "".join(f"; {problem.path} is {problem.detail}" for problem in found.problems[:1])
    raise DataError(
        f"--source: no {split} photographs in {', '.join(map(str, paths))}; looked for {split}/nXXXXXXXX/, "
        f"ILSVRC2012_img_{split}.tar, *{split}*.parquet and *{split}*.tar{damaged}"
    )


Listing = tuple[str, list[Path], Callable]  # form, files or folders, what lists one of them


def _folders(roots: list[Path], split: str) -> Listing | None:
    """A split that is unpacked."""
    named = [root / name for root in roots for name in _FOLDERS[split]]
    for folder in [*named, *(root for root in roots if root.name in _FOLDERS[split])]:
        if not folder.is_dir():
            continue
        entries = sorted(folder.iterdir())
        classes = [entry for entry in entries if WNID.fullmatch(entry.name) and entry.is_dir()]
        if classes:
            return _TREE, classes, _class_folder
        if split == VAL and any(VAL_NAME.fullmatch(entry.stem) for entry in entries):
            return _FLAT, [folder], _flat_folder
    return None


def _class_folder(folder: Path, split: str, wanted: Collection[str], found: Inventory) -> None:
    if folder.name in wanted:
        for path, size in _images(folder):
            place = f"{folder.parent.name}/{folder.name}/{path.name}"
            found.add(split, folder.name, path.name, place=place, file=path, size=size)


def _flat_folder(folder: Path, split: str, wanted: Collection[str], found: Inventory) -> None:
    for path, size in _images(folder):
        wnid = found.truth.get(path.stem)
        if wnid in wanted:
            found.add(split, wnid, path.name, place=f"{folder.name}/{path.name}", file=path, size=size)


def _images(folder: Path) -> list[tuple[Path, int]]:
    paths = (path for path in folder.iterdir() if path.suffix.lower() in ENDINGS and not path.name.startswith("."))
    return [(path, path.stat().st_size) for path in paths if path.is_file()]


def _archives(paths: Collection[Path], roots: list[Path], found: Inventory) -> dict[str, list[Path]]:
    """{kind: files} of the tars and parquet files that are given, in a folder given, or one level below it."""
    folders = [folder for root in roots for sub in ("", *_BELOW) if (folder := root / sub).is_dir()]
    files = [path for path in paths if path.is_file()]
    files += [path for folder in folders for path in sorted(folder.iterdir()) if path.is_file()]
    kinds: dict[str, list[Path]] = {}
    for file in dict.fromkeys(files):
        if file.suffix == ".parquet":
            kinds.setdefault("parquet", []).append(file)
        if file.suffix != ".tar" or "_t3" in file.stem or "devkit" in file.stem:  # t3: the dogs once more
            continue
        try:
            kinds.setdefault(kind(file) or "", []).append(file)
        except (tarfile.TarError, OSError) as error:
            found.fail("archive", file.name, f"not a tar, compressed, or cut short ({error})")
    return kinds


def _files(archives: dict[str, list[Path]], split: str) -> Listing | None:
    """A split in archives; parquet files and webdataset shards say in their names which split they are of."""
    for name in KINDS[split]:
        files = archives.get(name, [])
        if name in ("parquet", "webdataset"):
            files = [file for file in files if _split(file) == split]
        if files:
            return LISTERS[name][0], files, LISTERS[name][1]
    return None


def _split(file: Path) -> str | None:
    """The split that a file's name, or else its folder's, names."""
    for name in (file.name.lower(), file.parent.name.lower()):
        for split in ("train", "test", "val"):
            if split in name:
                return split
    return None
