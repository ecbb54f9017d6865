"""`eas prepare`: from a copy of ImageNet to packed splits, a manifest and a report.

The folder that comes out:

- packed/: the photographs of the data set's classes, short side 256, and index.safetensors (`reader.open_packed`);
- manifest.csv: path, class, split, size and SHA-256 of every original photograph, and where it was found;
- report.md: counts beside the paper's, and what is missing, damaged or double; problems.csv: the same, all of it;
- units/: records of the work, from which an interrupted run continues; prepared.json: whose folder this is.

Two runs on the same photographs write the same bytes, however often the second one was interrupted.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_prep import SPLITS, imagenet
from data_prep.imagenet import pack as packing
from data_prep.imagenet import report, sources
from data_prep.imagenet.holdout import HOLD_OUT, hold_out
from data_prep.imagenet.inventory import TRAIN, VAL, Inventory, Photo, Problem
from data_prep.imagenet.pack import Outcome
from eas_core.base import files, records
from eas_core.base.errors import DataError

MOST_WORKERS = 256


@dataclass(frozen=True)
class Prepared:
    """What was made: the report's path, photographs a split, whether all is as in the paper, problems by kind."""

    report: Path
    sizes: dict[str, int]
    complete: bool
    problems: dict[str, int]


def prepare(
    source: str,
    paths: Sequence[str | Path],
    out: str | Path,
    truth: str | Path | None = None,
    *,
    pack: bool = True,
    workers: int | None = 1,
    seed: int = 0,
    progress: bool = True,
) -> Prepared:
    """Prepare imagenet-10 or imagenet-12 from a copy of ImageNet; run again, it continues where it was stopped.

    Args:
        source: which of the two.
        paths: archives or folders that hold the photographs, in any form of `sources`; only read from.
        out: folder to write to.
        truth: ground truth of the validation photographs, see `truth.read`; looked for beside them if None.
        pack: also pack the photographs; otherwise they are only checked and listed.
        workers: threads that decode, 1 to 256; None for one a core.
        seed: of the hold-out.
        progress: show progress bars.

    Raises:
        DataError: a setting or path is not what is allowed, or a class has no photographs.
    """
    if source not in imagenet.TASKS:
        raise DataError(f"--profile: its data.source is {source!r}; allowed are {' and '.join(imagenet.TASKS)}")
    workers = decoders(os.cpu_count()) if workers is None else workers
    if not 1 <= workers <= MOST_WORKERS:
        raise DataError(f"--workers: {workers} is not a number of threads from 1 to {MOST_WORKERS}")
    out, paths = Path(out), [Path(path) for path in paths]
    _claim(out, source)
    wnids = [wnid for group in imagenet.TASKS[source].values() for wnid in group]
    found = _find(paths, wnids, Path(truth) if truth else None, progress)
    _require_all(found.photos, wnids, source, out, found.problems)
    outcomes = packing.run(found.photos, out, pack=pack, workers=workers, progress=progress)
    usable = [photo for photo in found.photos if not outcomes[photo.name].problem]
    problems = found.problems + _damaged(found.photos, outcomes)
    _require_all(usable, wnids, source, out, problems)
    splits = _splits(usable, wnids, seed)
    problems += [*_missing(found, wnids), *_double(splits, outcomes)]
    counts = {wnid: report.Counts(**counted) for wnid, counted in _counted(splits, wnids).items()}
    if pack:
        _write_index(out, source, seed, splits, wnids, outcomes)
    _write_csv(out / "manifest.csv", ("path", "class", "split", "size", "sha256", "source"), _rows(splits, outcomes))
    _write_csv(out / "problems.csv", Problem._fields, problems)
    about = [
        f"training photographs: {found.forms[TRAIN]}; test photographs: {found.forms[VAL]}",
        f"held out: by the SHA-256 of `{seed}/path` (data.seed = {seed}), evenly over the classes",
        f"packed: JPEG of quality {packing.QUALITY}, short side {packing.SIDE}" if pack else "not packed, only checked",
    ]
    files.write_atomic(
        out / "report.md", report.page(source, counts, problems, about).encode(errors="backslashreplace")
    )
    kinds = {kind: number for kind in report.KINDS if (number := sum(p.kind == kind for p in problems))}
    sizes = {name: len(photos) for name, photos in splits.items()}
    return Prepared(out / "report.md", sizes, not report.differences(source, counts), kinds)


def decoders(cores: int | None) -> int:
    """How many threads decode if nobody says: one a core, as far as that is allowed; one if the cores are unknown."""
    return min(cores or 1, MOST_WORKERS)


def _find(paths: list[Path], wnids: list[str], truth: Path | None, progress: bool) -> Inventory:
    try:
        return sources.find(paths, set(wnids), truth, progress=progress)
    except OSError as error:
        raise DataError(f"--source: {error.filename} cannot be read ({error.strerror})") from None


def _claim(out: Path, source: str) -> None:
    """Make the folder this data set's own; another one's, or one with other things in it, is refused."""
    mark = out / "prepared.json"
    content = (json.dumps({"source": source, "version": packing.VERSION}) + "\n").encode()
    try:
        if mark.exists():
            if mark.read_bytes() != content:
                raise DataError(
                    f"--out: {out} holds {mark.read_text().strip():.80}; choose another folder for {source}"
                )
            return
        if out.exists() and not out.is_dir() or any(not path.name.startswith(".") for path in out.glob("*")):
            raise DataError(f"--out: {out} is not an empty folder, nor one that eas prepare filled; choose another")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"--out: {out} cannot be read ({error})") from None
    files.write_atomic(mark, content)


def _require_all(photos: list[Photo], wnids: list[str], source: str, out: Path, problems: list[Problem]) -> None:
    """Refuse a copy that lacks whole classes, and leave a report that says what it has."""
    number = Counter((photo.split, photo.wnid) for photo in photos)
    lacking = [f"{wnid} ({split})" for split in (TRAIN, VAL) for wnid in wnids if not number[split, wnid]]
    if not lacking:
        return
    seen = ""
    if not (out / "manifest.csv").exists():
        counts = {wnid: report.Counts(number[TRAIN, wnid], 0, number[VAL, wnid]) for wnid in wnids}
        page = report.page(source, counts, problems, ["not prepared: whole classes are missing"])
        files.write_atomic(out / "report.md", page.encode(errors="backslashreplace"))
        seen = f"; see {out / 'report.md'}"
    more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
    why = "".join(f"; {problem.path}: {problem.detail}" for problem in problems[:1])
    raise DataError(
        f"--source: no usable photograph of {', '.join(lacking[:5])}{more}; all {len(wnids)} classes are needed in "
        f"train and val{why}{seen}"
    )


def _damaged(photos: list[Photo], outcomes: dict[str, Outcome]) -> list[Problem]:
    reasons = ((photo, outcomes[photo.name].problem) for photo in photos)
    return [Problem("damaged", photo.name, f"{reason}, in {photo.place}") for photo, reason in reasons if reason]


def _splits(photos: list[Photo], wnids: list[str], seed: int) -> dict[str, list[Photo]]:
    """The photographs of train, valid and test, each sorted by label and name."""
    label = {wnid: number for number, wnid in enumerate(wnids)}
    ordered = sorted(photos, key=lambda photo: (label[photo.wnid], photo.name))
    names: dict[str, list[str]] = {wnid: [] for wnid in wnids}
    for photo in ordered:
        if photo.split == TRAIN:
            names[photo.wnid].append(photo.name)
    held = set(hold_out(names, seed, HOLD_OUT))
    splits: dict[str, list[Photo]] = {name: [] for name in SPLITS}
    for photo in ordered:
        splits["test" if photo.split == VAL else "valid" if photo.name in held else "train"].append(photo)
    return splits


def _counted(splits: dict[str, list[Photo]], wnids: list[str]) -> dict[str, dict[str, int]]:
    """{wnid: {split: photographs}}; those of train include those of valid."""
    counts = {wnid: dict.fromkeys(SPLITS, 0) for wnid in wnids}
    for name, photos in splits.items():
        for photo in photos:
            counts[photo.wnid][name] += 1
            counts[photo.wnid]["train"] += name == "valid"
    return counts


def _missing(found: Inventory, wnids: list[str]) -> list[Problem]:
    """Test photographs that the ground truth names and the source does not have."""
    there = {photo.name for photo in found.photos}
    wanted = set(wnids)
    listed = (f"{VAL}/{wnid}/{stem}.JPEG" for stem, wnid in sorted((found.truth or {}).items()) if wnid in wanted)
    return [Problem("missing", name, "not in the source") for name in listed if name not in there]


def _double(splits: dict[str, list[Photo]], outcomes: dict[str, Outcome]) -> list[Problem]:
    """Photographs with the same bytes as another one."""
    groups: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name, photos in splits.items():
        for photo in photos:
            groups[outcomes[photo.name].sha256].append((name, photo.name))
    problems = []
    for group in groups.values():
        (split, first), *others = group
        for other_split, other in others:
            kind = "duplicate" if other_split == split else "leak"
            problems.append(Problem(kind, other, f"in {other_split}, the same as {first} in {split}"))
    return problems


def _rows(splits: dict[str, list[Photo]], outcomes: dict[str, Outcome]) -> Iterable[tuple]:
    for name, photos in splits.items():
        for photo in photos:
            outcome = outcomes[photo.name]
            yield photo.name, photo.wnid, name, outcome.size, outcome.sha256, photo.place


def _write_csv(path: Path, head: tuple[str, ...], rows: Iterable[tuple]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    files.write_atomic(path, text.getvalue().encode("utf-8", "surrogateescape"))


def _write_index(out: Path, source: str, seed: int, splits, wnids: list[str], outcomes: dict[str, Outcome]) -> None:
    """Where each photograph lies in the shards; written last of all that is in packed/."""
    import torch

    label = {wnid: number for number, wnid in enumerate(wnids)}
    tensors, digests = {}, {}
    for name, photos in splits.items():
        found = [outcomes[photo.name] for photo in photos]
        places = np.array([(o.shard, o.offset, o.length) for o in found], np.int64).reshape(-1, 3)
        tensors[f"{name}.place"] = torch.from_numpy(places)
        tensors[f"{name}.labels"] = torch.tensor([label[photo.wnid] for photo in photos], dtype=torch.int64)
        lines = (
            f"{photo.name} {label[photo.wnid]} {o.packed_sha256}\n" for photo, o in zip(photos, found, strict=True)
        )
        digests[name] = hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    shards = [path.stat().st_size for path in sorted((out / "packed").glob("*.bin"))]
    about = {
        "source": source,
        "classes": wnids,
        "seed": seed,
        "side": packing.SIDE,
        "digest": digests,
        "shards": shards,
    }
    records.save_tensors(out / "packed" / "index.safetensors", tensors, about)
