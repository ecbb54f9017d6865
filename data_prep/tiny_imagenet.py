"""tiny-imagenet-10: ten tasks of six classes each, photographs of Tiny-ImageNet-200.

The tasks are ten disjoint groups of the WordNet hierarchy, each with its six lowest wnids among the 200 classes. Two
pairs of groups overlap in WordNet, and there the narrower group takes its classes first: Carnivore is the carnivores
that are no dogs, Arthropod the arthropods that are no insects, Food the foods that are no fruit or vegetable.

The archive's own validation split (50 photographs a class, with labels) is the test set; its test split has no labels
and is not read. The photographs are for research use only: nothing here writes beside them or copies them. Re-packed
copies whose `.JPEG` files hold PNGs are read too, by the rule of `pictures`.

Source: Stanford CS231n, http://cs231n.stanford.edu/tiny-imagenet-200.zip
"""

import hashlib
import http.client
import os
import struct
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from data_prep import pictures
from data_prep.partition import Labelled, partition
from eas_core.base.errors import DataError

URL = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
SHA256 = "6198c8ae015e2b3e007c7841da39ec069199b9aa3bfa943a462022fe5e43c821"  # of the official zip, 248,100,043 bytes
ROOT = "tiny-imagenet-200"  # the archive's one top folder
SIZE = 64  # pixels, height and width of every photograph

# task -> wnid -> the first of the names that words.txt gives
_GROUPS = {
    "Dog": {
        "n02085620": "Chihuahua",
        "n02094433": "Yorkshire terrier",
        "n02099601": "golden retriever",
        "n02099712": "Labrador retriever",
        "n02106662": "German shepherd",
        "n02113799": "standard poodle",
    },
    "Carnivore": {
        "n02123045": "tabby",
        "n02123394": "Persian cat",
        "n02124075": "Egyptian cat",
        "n02125311": "cougar",
        "n02129165": "lion",
        "n02132136": "brown bear",
    },
    "Insect": {
        "n02165456": "ladybug",
        "n02190166": "fly",
        "n02206856": "bee",
        "n02226429": "grasshopper",
        "n02231487": "walking stick",
        "n02233338": "cockroach",
    },
    "Arthropod": {
        "n01768244": "trilobite",
        "n01770393": "scorpion",
        "n01774384": "black widow",
        "n01774750": "tarantula",
        "n01784675": "centipede",
        "n01983481": "American lobster",
    },
    "Ungulate": {
        "n02395406": "hog",
        "n02403003": "ox",
        "n02410509": "bison",
        "n02415577": "bighorn",
        "n02423022": "gazelle",
        "n02437312": "Arabian camel",
    },
    "Wheeled vehicle": {
        "n02814533": "beach wagon",
        "n03100240": "convertible",
        "n03393912": "freight car",
        "n03444034": "go-kart",
        "n03599486": "jinrikisha",
        "n03670208": "limousine",
    },
    "Clothing": {
        "n02669723": "academic gown",
        "n02730930": "apron",
        "n02837789": "bikini",
        "n02883205": "bow tie",
        "n02963159": "cardigan",
        "n03026506": "Christmas stocking",
    },
    "Produce": {
        "n07711569": "mashed potato",
        "n07715103": "cauliflower",
        "n07720875": "bell pepper",
        "n07734744": "mushroom",
        "n07747607": "orange",
        "n07749582": "lemon",
    },
    "Food": {
        "n07579787": "plate",
        "n07583066": "guacamole",
        "n07614500": "ice cream",
        "n07615774": "ice lolly",
        "n07695742": "pretzel",
        "n07871810": "meat loaf",
    },
    "Structure": {
        "n02699494": "altar",
        "n02788148": "bannister",
        "n02791270": "barbershop",
        "n02793495": "barn",
        "n02814860": "beacon",
        "n02892201": "brass",
    },
}

TASKS: dict[str, tuple[str, ...]] = {task: tuple(group) for task, group in _GROUPS.items()}
CLASS_NAMES: dict[str, str] = {wnid: name for group in _GROUPS.values() for wnid, name in group.items()}
_LABELS = {wnid: label for label, wnid in enumerate(CLASS_NAMES)}  # 6 * task + position

# What a damaged archive, file or photograph raises from zipfile, zlib, the file system and `pictures.decode`.
_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError)


@dataclass(frozen=True, eq=False)
class Photographs:
    """The photographs of the 60 classes; label 6 * t + i is class i of task t, in the order of `TASKS`.

    Both splits are sorted by label, then by the number in the file name. A name is the path in the official archive,
    `tiny-imagenet-200/train/n02085620/images/n02085620_0.JPEG`, whether read from the archive or from a folder.
    """

    train_images: np.ndarray  # uint8 (N, 3, R, R), RGB
    train_labels: np.ndarray  # int64 (N,)
    test_images: np.ndarray  # uint8 (M, 3, R, R)
    test_labels: np.ndarray  # int64 (M,)
    train_names: list[str]  # N
    test_names: list[str]  # M


def load(path: str | os.PathLike, resolution: int, *, progress: bool = True) -> Photographs:
    """Read the 60 classes from the zip, or from a folder into which it was unpacked.

    Args:
        path: `tiny-imagenet-200.zip`, the folder `tiny-imagenet-200` or the folder that holds it. Only read from.
        resolution: R in pixels, 8 to 64; below 64 the photographs are resized (bicubic, antialiased).
        progress: show a progress bar.

    Returns:
        `Photographs`: of the official archive 30,000 for training and 3,000 for testing, 500 and 50 a class.

    Raises:
        DataError: the path is missing or not Tiny-ImageNet, a class or photograph is missing, or photographs do not
            decode. All photographs are tried first, so the line counts every damaged one. Bit errors that leave a
            valid image are noticed in the zip (by its CRC-32), not in a folder.
    """
    if type(resolution) is not int or not 8 <= resolution <= SIZE:
        raise DataError(f"resolution: {resolution!r} is not a whole number of pixels from 8 to {SIZE}")
    with _open(path) as (members, read):
        train, test = _index(path, members, read)
        damaged, misshapen = [], []
        with tqdm(total=len(train) + len(test), desc="Tiny-ImageNet", unit="img", disable=not progress) as bar:
            images = [_decode(read, names, resolution, bar, damaged, misshapen) for names in (train, test)]
    if damaged:
        raise DataError(f"{path}: {_some(damaged, 'images do not decode')}")
    if misshapen:
        raise DataError(f"{path}: {_some(misshapen, f'images are not {SIZE}x{SIZE}')}")
    labels = [np.fromiter(names.values(), np.int64, len(names)) for names in (train, test)]
    names = [[f"{ROOT}/{name}" for name in names] for names in (train, test)]
    return Photographs(images[0], labels[0], images[1], labels[1], names[0], names[1])


def splits(
    path: str | None, per_class: Mapping[str, int], resolution: int, seed: int, cache: Path
) -> dict[str, Labelled]:
    """The three splits, their validation images held out of the training images by `seed`.

    Without a `path` the official zip is downloaded into `cache`, once. What is missing, damaged or too little raises
    DataError.
    """
    found = load(path or _official_zip(cache), resolution)
    pool, test = (found.train_images, found.train_labels), (found.test_images, found.test_labels)
    return partition(pool, test, per_class, seed)


@contextmanager
def opened(path: str | os.PathLike) -> Iterator[tuple[set[str], Callable[[str], bytes], set[str]]]:
    """All names in the archive, a function that reads one, and the names of the photographs of the 60 classes.

    Names are those below tiny-imagenet-200/. Raises DataError if `path` is not Tiny-ImageNet.
    """
    with _open(path) as (members, read):
        train, test = _index(path, members, read)
        yield members, read, {*train, *test}


def check(path: str | os.PathLike) -> None:
    """Raise DataError if `path` is not Tiny-ImageNet, as its files are named; no photograph is read."""
    with _open(path) as (members, read):
        _index(path, members, read)


def download(folder: str | os.PathLike, url: str = URL, sha256: str | None = SHA256, *, progress: bool = True) -> Path:
    """Fetch the official zip into `folder` and return its path; a verified copy already there is not fetched again.

    The bytes go to a `.part` file, which takes its final name only when its SHA-256 is `sha256` (64 hexadecimal
    digits); after any failure or interruption it is removed.

    Raises:
        DataError: no network, a download cut short, a wrong SHA-256, a different file of that name, or no `sha256`.
    """
    if not isinstance(sha256, str) or len(sha256) != 64 or set(sha256.lower()) - set("0123456789abcdef"):
        raise DataError(
            f"sha256: {sha256!r} is not 64 hexadecimal digits, so the download could not be verified; "
            f"compare `sha256sum {ROOT}.zip` with a copy that you trust (the official archive has {SHA256})"
        )
    target = Path(folder) / f"{ROOT}.zip"
    if target.is_file():
        _verify(target, sha256, f"{target} (remove the file, or load it as it is if you trust it)")
        return target
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        with urllib.request.urlopen(url, timeout=60) as response:
            size = int(response.headers.get("Content-Length") or 0)
            target.parent.mkdir(parents=True, exist_ok=True)
            bar = tqdm(total=size or None, desc=target.name, unit="B", unit_scale=True, disable=not progress)
            with bar, open(part, "wb") as file:
                while chunk := response.read(1 << 20):
                    file.write(chunk)
                    bar.update(len(chunk))
        if part.stat().st_size < size:
            raise DataError(f"{url}: cut short after {part.stat().st_size:,} of {size:,} bytes; try again")
        _verify(part, sha256, url)
        part.replace(target)
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = " ".join(f"{error}".split()) or type(error).__name__
        raise DataError(f"{url}: cannot be downloaded to {target} ({reason}); check network and disk") from error
    finally:
        with suppress(OSError):
            part.unlink()
    return target


def _official_zip(cache: Path) -> Path:
    """The official zip when no `data.path` is given: downloaded once into the cache, its SHA-256 checked."""
    try:
        return download(cache)
    except DataError as error:
        raise DataError(f"data.path: not set, and {error}; or give the zip, --set data.path=FILE.zip") from error


def _verify(path: Path, sha256: str, source: str) -> None:
    """Raise DataError unless the file's SHA-256 is `sha256`; `source` names the file in the message."""
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256.lower():
        raise DataError(f"SHA-256 mismatch: expected {sha256.lower()}, found {found}, in {source}")


@contextmanager
def _open(path: str | os.PathLike) -> Iterator[tuple[set[str], Callable[[str], bytes]]]:
    """Give the members' names below tiny-imagenet-200/ and a function that reads one, of a zip or a folder."""
    if os.path.isdir(path):
        root = Path(path) / ROOT if os.path.isdir(Path(path) / ROOT) else Path(path)
        classes = [f"train/{wnid}/{sub}" for wnid in CLASS_NAMES for sub in ("", "images/")]
        folders = [folder for folder in ("", "train/", "val/", "val/images/", *classes) if os.path.isdir(root / folder)]
        try:
            members = {folder + name for folder in folders for name in os.listdir(root / folder)}
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror})") from error
        yield members, lambda name: (root / name).read_bytes()
        return
    if not os.path.exists(path):
        raise DataError(f"{path}: no such file or folder; give {ROOT}.zip or the folder it was unpacked into")
    try:
        archive = zipfile.ZipFile(path)
    except PermissionError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except _DAMAGE as error:
        raise DataError(f"{path}: not a zip archive, or one that was cut short") from error
    with archive:
        prefix = "" if "wnids.txt" in archive.NameToInfo else f"{ROOT}/"
        members = {name[len(prefix) :] for name in archive.namelist() if name.startswith(prefix)}
        yield members, lambda name: archive.read(prefix + name)


def _index(
    path: str | os.PathLike, members: set[str], read: Callable[[str], bytes]
) -> tuple[dict[str, int], dict[str, int]]:
    """Find the photographs of the 60 classes: name -> label of the training and of the test set, in order."""
    needed = ("wnids.txt", "val/val_annotations.txt", "train/", "val/images/")
    absent = [
        need
        for need in needed
        if not any(name == need or need[-1] == "/" and name.startswith(need) for name in members)
    ]
    if absent:
        raise DataError(f"{path}: not Tiny-ImageNet, there is no {', no '.join(f'{ROOT}/{name}' for name in absent)}")

    def rows(name: str) -> list[list[str]]:
        try:
            return [line.split() for line in read(name).decode("ascii").splitlines() if line.strip()]
        except _DAMAGE as error:
            raise DataError(f"{path}: {ROOT}/{name} is damaged ({type(error).__name__})") from error

    test, train = {}, {}
    for number, row in enumerate(rows("val/val_annotations.txt"), start=1):
        if len(row) < 2:
            raise DataError(f"{path}: {ROOT}/val/val_annotations.txt line {number}: {row[0]!r} has no class beside it")
        if row[1] in _LABELS:
            test[f"val/images/{row[0]}"] = _LABELS[row[1]]
    for name in members:
        split, _, rest = name.partition("/")
        wnid = rest.partition("/")[0]
        if split == "train" and wnid in _LABELS and rest.startswith(f"{wnid}/images/") and rest.endswith(".JPEG"):
            train[name] = _LABELS[wnid]

    listed = {row[0] for row in rows("wnids.txt")}
    present = set(train.values()) & set(test.values())
    lacking = [
        f"{wnid} ({name})" for wnid, name in CLASS_NAMES.items() if wnid not in listed or _LABELS[wnid] not in present
    ]
    if lacking:
        raise DataError(f"{path}: {_some(lacking, 'of the 60 classes are missing', root='')}")

    boxes = [name for wnid in CLASS_NAMES if (name := f"train/{wnid}/{wnid}_boxes.txt") in members]
    promised = [f"{os.path.dirname(name)}/images/{row[0]}" for name in boxes for row in rows(name)] + list(test)
    if missing := [name for name in promised if name not in members]:
        raise DataError(f"{path}: {_some(missing, 'images are missing')}")

    # The length before the name sorts the numbers at the end as numbers: n02085620_9 before n02085620_10.
    return tuple(
        dict(sorted(split.items(), key=lambda item: (item[1], len(item[0]), item[0]))) for split in (train, test)
    )


def _decode(
    read: Callable[[str], bytes], names: Collection[str], resolution: int, bar: tqdm, damaged: list, misshapen: list
) -> np.ndarray:
    """Decode the named photographs to uint8 (N, 3, R, R), RGB; append the names that fail to the two lists."""
    out = np.zeros((len(names), 3, resolution, resolution), np.uint8)
    for slot, name in zip(out, names, strict=True):
        bar.update()
        try:
            image = pictures.decode(read(name))
        except _DAMAGE:
            damaged.append(name)
            continue
        if image.size != (SIZE, SIZE):
            misshapen.append(name)
            continue
        if resolution < SIZE:
            image = image.resize((resolution, resolution), Image.Resampling.BICUBIC)  # antialiased when it shrinks
        slot[:] = np.asarray(image).transpose(2, 0, 1)
    return out


def _some(names: list[str], what: str, root: str = f"{ROOT}/") -> str:
    """'5 images do not decode: a, b, c, ...' with the first three names."""
    return f"{len(names)} {what}: " + ", ".join(root + name for name in names[:3]) + (", ..." if names[3:] else "")
