"""eas prepare reads every usual form of ImageNet, packs it, reports what is wrong, and loses nothing when killed.

The photographs here are small drawings under the real names, three or four a class for training and two for testing.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from helpers import drawing, one_line, repacked
from PIL import Image

from data_prep import imagenet
from data_prep.imagenet import archives, pack, sources
from data_prep.imagenet.holdout import hold_out, quotas
from data_prep.imagenet.inventory import Inventory, Photo
from data_prep.imagenet.prepare import _require_all, decoders, prepare
from data_prep.imagenet.reader import open_packed
from data_prep.imagenet.truth import read
from eas_core import cli
from eas_core.base import files as whole_files
from eas_core.base import records
from eas_core.base.errors import DataError

ROOT = Path(__file__).resolve().parents[1]
WNIDS = [wnid for group in imagenet.TASKS["imagenet-10"].values() for wnid in group]
OTHERS = ("n01440764", "n15075141")  # classes that the paper does not use
ODD = {  # photographs that are not plain RGB JPEGs, as ImageNet has some
    "train/n02085620/n02085620_1.JPEG": ("CMYK", "JPEG"),
    "train/n02085620/n02085620_2.JPEG": ("RGBA", "PNG"),
    "train/n02085620/n02085620_10.JPEG": ("L", "JPEG"),
}


@pytest.fixture(scope="module")
def photos() -> dict[str, bytes]:
    """{name: bytes} of a whole miniature, in no helpful order."""
    names = [f"train/{w}/{w}_{n}.JPEG" for n in (10, 2, 1) for w in (*reversed(WNIDS), *OTHERS)]
    names += [
        f"val/{w}/ILSVRC2012_val_{n:08d}.JPEG" for n, w in enumerate((*WNIDS, *OTHERS, *reversed(WNIDS)), start=1)
    ]
    return {name: drawing(name, (24, 18), *ODD.get(name, ("RGB", "JPEG"))) for name in names}


# ---------------------------------------------------------------- the forms in which people have it


def parts(name: str) -> tuple[str, str, str]:
    return tuple(name.split("/"))


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def tar(members: dict[str, bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, data in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(data)
            archive.addfile(header, io.BytesIO(data))
    return buffer.getvalue()


def truth_of(photos) -> dict[str, str]:
    """{ILSVRC2012_val_00000001: wnid}"""
    return {base.removesuffix(".JPEG"): wnid for split, wnid, base in map(parts, photos) if split == "val"}


def devkit(photos) -> dict[str, bytes]:
    """The two files of the development kit; its numbers follow no order, its inner nodes have numbers too."""
    wnids = archives.wnids()
    order = np.random.default_rng(0).permutation(len(wnids))
    numbers = {wnids[place]: number for number, place in enumerate(order, start=1)}
    fields = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("num_children", "O"), ("num_train_images", "O")]
    rows = [(number, wnid, "words", 0, 1300) for wnid, number in numbers.items()]
    rows += [(1001 + n, f"n0000{n:04d}", "an inner node", 2, 0) for n in range(860)]
    meta = io.BytesIO()
    scipy.io.savemat(meta, {"synsets": np.array(rows, fields)[:, None]})
    ids = "".join(f"{numbers[wnid]}\n" for _, wnid in sorted(truth_of(photos).items()))
    folder = "ILSVRC2012_devkit_t12/data"
    return {f"{folder}/ILSVRC2012_validation_ground_truth.txt": ids.encode(), f"{folder}/meta.mat": meta.getvalue()}


def class_tars(photos) -> dict[str, bytes]:
    groups: dict[str, dict[str, bytes]] = {}
    for name, data in photos.items():
        split, wnid, base = parts(name)
        if split == "train":
            groups.setdefault(f"{wnid}.tar", {})[base] = data
    return {name: tar(members) for name, members in groups.items()}


def write_val_tar(folder: Path, photos) -> None:
    flat = {base: data for (split, _, base), data in ((parts(n), d) for n, d in photos.items()) if split == "val"}
    write(folder / "ILSVRC2012_img_val.tar", tar(flat))


def official(folder: Path, photos) -> Path:
    write(folder / "ILSVRC2012_img_train.tar", tar(class_tars(photos)))
    write_val_tar(folder, photos)
    write(folder / "ILSVRC2012_devkit_t12.tar.gz", tar(devkit(photos), "w:gz"))
    return folder


def tars_of_classes(folder: Path, photos) -> Path:
    for name, data in class_tars(photos).items():
        write(folder / "train" / name, data)
    write_val_tar(folder, photos)
    lines = (f"{stem}.JPEG {wnid}\n" for stem, wnid in truth_of(photos).items())
    write(folder / "val.txt", "".join(lines).encode())
    return folder


def tree(folder: Path, photos, val: str = "val") -> Path:
    for name, data in photos.items():
        split, wnid, base = parts(name)
        write(folder / (split if split == "train" else val) / wnid / base, data)
    write(folder / "train" / "n02085620" / "._n02085620_1.JPEG", b"a Macintosh leaves these")
    return folder


def validation_tree(folder: Path, photos) -> Path:
    return tree(folder, photos, "validation")


def kaggle(folder: Path, photos) -> Path:
    for name, data in photos.items():
        split, wnid, base = parts(name)
        write(folder / "ILSVRC/Data/CLS-LOC" / (f"train/{wnid}/{base}" if split == "train" else f"val/{base}"), data)
    lines = [f"{stem},{wnid} 1 2 3 4 {wnid} 5 6 7 8" for stem, wnid in truth_of(photos).items()]
    write(folder / "LOC_val_solution.csv", "\n".join(["ImageId,PredictionString", *lines]).encode())
    return folder


def shuffled(photos, split: str) -> list[tuple[str, str, bytes]]:
    listed = [(wnid, base, data) for (s, wnid, base), data in ((parts(n), d) for n, d in photos.items()) if s == split]
    return [listed[i] for i in np.random.default_rng(1).permutation(len(listed))]


def parquet(folder: Path, photos) -> Path:
    """As Hugging Face has it: shuffled, the class at the end of the file's name, a test split without classes."""
    arrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet")
    for split, long in (("train", "train"), ("val", "validation")):
        rows = shuffled(photos, split)
        for number in range(2):
            half = rows[number::2]
            images = [{"bytes": data, "path": f"{base[:-5]}_{wnid}.JPEG"} for wnid, base, data in half]
            labels = [archives.wnids().index(wnid) for wnid, _, _ in half]
            path = folder / "data" / f"{long}-{number:05d}-of-00002.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            arrow.parquet.write_table(arrow.table({"image": images, "label": labels}), path, row_group_size=7)
    unknown = arrow.table({"image": [{"bytes": b"", "path": "ILSVRC2012_test_00000001.JPEG"}], "label": [-1]})
    arrow.parquet.write_table(unknown, folder / "data" / "test-00000-of-00001.parquet")
    return folder


def webdataset(folder: Path, photos) -> Path:
    """Training shards with .cls, validation shards with .json."""
    for split in ("train", "val"):
        rows = shuffled(photos, split)
        for number in range(2):
            members: dict[str, bytes] = {}
            for wnid, base, data in rows[number::2]:
                label = archives.wnids().index(wnid)
                if split == "train":
                    members |= {base.replace(".JPEG", ".jpg"): data, base.replace(".JPEG", ".cls"): b"%d" % label}
                else:
                    facts = {"label": label, "filename": f"val/{base}"}
                    key = hashlib.sha256(data).hexdigest()[:8]
                    members |= {f"{key}.json": json.dumps(facts).encode(), f"{key}.jpg": data}
            write(folder / f"imagenet1k-{split}-{number:04d}.tar", tar(members))
    return folder


FORMS = [official, tars_of_classes, tree, validation_tree, kaggle, parquet, webdataset]


def manifest(out: Path) -> list[dict[str, str]]:
    with open(out / "manifest.csv", newline="") as lines:
        return list(csv.DictReader(lines))


def problems(out: Path) -> list[tuple[str, str, str]]:
    with open(out / "problems.csv", newline="") as lines:
        return [tuple(row) for row in csv.reader(lines)][1:]


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def make(source: Path, out: Path, **settings):
    if settings.get("truth") is None and (source / "val.txt").exists():
        settings["truth"] = source / "val.txt"
    return prepare("imagenet-10", [source], out, progress=False, **settings)


@pytest.fixture(scope="module")
def folders(tmp_path_factory, photos) -> Path:
    return tree(tmp_path_factory.mktemp("tree"), photos)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, folders) -> Path:
    out = tmp_path_factory.mktemp("prepared")
    make(folders, out)
    return out


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_every_form_gives_the_same_photographs(form, photos, tmp_path, prepared):
    out = tmp_path / "out"
    made = make(form(tmp_path / "source", photos), out, workers=2)
    assert made.sizes == {"train": 120, "valid": 60, "test": 120} and not made.problems
    same = ("path", "class", "split", "size", "sha256")
    rows, expected = ([[row[key] for key in same] for row in manifest(folder)] for folder in (out, prepared))
    assert rows == expected
    assert {row[0] for row in rows} == {name for name in photos if parts(name)[1] in WNIDS}
    for path, wnid, _, size, sha256 in rows:
        data = photos[path]
        assert (wnid, int(size), sha256) == (parts(path)[1], len(data), hashlib.sha256(data).hexdigest())
    ours, theirs = open_packed(out), open_packed(prepared)
    assert {n: s.digest for n, s in ours.items()} == {n: s.digest for n, s in theirs.items()}


# ---------------------------------------------------------------- packed photographs


def test_packed_photographs_are_those_of_the_manifest(prepared, photos):
    packed = open_packed(prepared)
    assert list(packed) == ["train", "valid", "test"]
    rows = manifest(prepared)
    for name, split in packed.items():
        listed = [row for row in rows if row["split"] == name]
        assert split.labels.dtype == np.int64 and split.labels.tolist() == [WNIDS.index(r["class"]) for r in listed]
        assert len(split) == len(listed) and np.all(np.diff(split.labels) >= 0)
        for i, row in enumerate(listed):
            image = split.decode(i)
            assert image.dtype == np.uint8 and image.shape == (3, 256, 341)
            original = (
                Image.open(io.BytesIO(photos[row["path"]])).convert("RGB").resize((341, 256), Image.Resampling.BICUBIC)
            )
            assert np.abs(image.transpose(1, 2, 0) - np.asarray(original, int)).mean() < 3, row["path"]


@pytest.mark.parametrize(
    ("size", "packed"), [((600, 300), (512, 256)), ((300, 600), (256, 512)), ((256, 256), (256, 256))]
)
def test_the_short_side_becomes_256(size, packed):
    assert Image.open(io.BytesIO(pack.shrink(Image.new("RGB", size)))).size == packed


@pytest.mark.parametrize("form", [tree, webdataset, parquet, official], ids=lambda form: form.__name__)
def test_re_packed_pictures_of_any_mode_are_read_by_the_rule_of_all_sources(form, photos, tmp_path):
    pictures = repacked((256, 256))
    names = [f"train/{wnid}/{wnid}_1.JPEG" for wnid in WNIDS[: len(pictures)]]
    new = dict(zip(names, pictures.values(), strict=True))
    made = make(form(tmp_path / "source", photos | {name: data for name, (data, _) in new.items()}), tmp_path / "out")
    assert not made.problems
    packed, rows = open_packed(tmp_path / "out"), manifest(tmp_path / "out")
    found = {}
    for split in ("train", "valid"):
        listed = [row["path"] for row in rows if row["split"] == split]
        found |= {name: packed[split].decode(i) for i, name in enumerate(listed) if name in new}
    assert set(found) == set(new)
    for name, (_, pixels) in new.items():
        image = found[name].transpose(1, 2, 0)
        assert image.shape == (256, 256, 3) and np.abs(image - pixels.astype(int)).mean() < 3, name


def test_units_are_made_anew_under_another_rule_for_pictures(folders, prepared, tmp_path, monkeypatch):
    make(folders, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("packed/*.bin")}
    monkeypatch.setattr(pack.pictures, "VERSION", -1)
    make(folders, tmp_path / "out")
    assert all(path.stat().st_mtime_ns > made for path, made in before.items())
    assert open_packed(tmp_path / "out")["train"].digest == open_packed(prepared)["train"].digest


def test_a_shard_holds_a_bounded_number_and_the_splits_are_the_same(prepared, folders, tmp_path, monkeypatch):
    monkeypatch.setattr(pack, "UNIT", 7)
    make(folders, tmp_path / "out")
    assert len(list((tmp_path / "out" / "packed").glob("*.bin"))) == -(-180 // 7) + -(-120 // 7)
    ours, theirs = open_packed(tmp_path / "out"), open_packed(prepared)
    assert all(ours[name].digest == theirs[name].digest for name in ours)
    np.testing.assert_array_equal(ours["valid"].decode(59), theirs["valid"].decode(59))


def test_a_damaged_or_absent_pack_is_one_line(prepared, folders, tmp_path):
    with pytest.raises(DataError, match="eas prepare"):
        open_packed(tmp_path)
    out = tmp_path / "out"
    make(folders, out)
    whole = (out / "packed" / "00000.bin").read_bytes()
    (out / "packed" / "00000.bin").write_bytes(whole[:-1])
    with pytest.raises(DataError) as error:
        open_packed(out)
    assert "00000.bin" in one_line(error.value)
    make(folders, out)  # mends it
    assert files(out) == files(prepared)
    (out / "packed" / "00000.bin").write_bytes(bytes(len(whole)))
    with pytest.raises(DataError, match="photograph 3 of train is damaged"):
        open_packed(out)["train"].decode(3)


# ---------------------------------------------------------------- hold-out

SIZES = {wnid: imagenet.TRAIN_IMAGES[wnid] for wnid in WNIDS}


@pytest.mark.parametrize("source", list(imagenet.TASKS))
def test_the_papers_data_hold_out_exactly_ten_thousand_evenly(source):
    sizes = {wnid: imagenet.TRAIN_IMAGES[wnid] for group in imagenet.TASKS[source].values() for wnid in group}
    share = quotas(sizes, seed=0)
    assert sum(share.values()) == 10_000
    low, rest = divmod(10_000, len(sizes))
    assert Counter(share.values()) == {low: len(sizes) - rest, low + 1: rest}
    assert quotas(sizes, seed=1) != share


def test_the_hold_out_depends_on_names_and_seed_alone():
    names = {wnid: [f"train/{wnid}/{wnid}_{n}.JPEG" for n in range(9)] for wnid in WNIDS}
    held = hold_out(names, 0, total=100)
    assert len(held) == len(set(held)) == 100 and held == sorted(held)
    again = {wnid: names[wnid][::-1] for wnid in reversed(WNIDS)}
    assert hold_out(again, 0, total=100) == held != hold_out(names, 1, total=100)
    without = {wnid: [name for name in group if name != held[0]] for wnid, group in names.items()}
    moved = set(held) ^ set(hold_out(without, 0, total=100))
    assert held[0] in moved and len(moved) == 2  # it, and the one in its place


def test_no_class_gives_more_than_half():
    names = {"a": list("0123456789"), "b": list("xyz"), "c": ["u"]}
    assert quotas({wnid: len(group) for wnid, group in names.items()}, 0) == {"a": 5, "b": 1, "c": 0}
    assert quotas({"a": 100, "b": 4}, 0, total=7) == {"a": 5, "b": 2}


def test_the_seed_changes_the_hold_out_and_nothing_is_packed_again(prepared, folders, tmp_path, monkeypatch):
    out = tmp_path / "out"
    make(folders, out)
    monkeypatch.setattr(pack, "examine", lambda *_: pytest.fail("read again"))
    make(folders, out, seed=1)
    held = [{row["path"] for row in manifest(folder) if row["split"] == "valid"} for folder in (out, prepared)]
    assert len(held[0]) == len(held[1]) == 60 and held[0] != held[1]


# ---------------------------------------------------------------- what is wrong with a copy


def test_what_is_missing_damaged_or_double_is_listed(photos, tmp_path):
    photos = dict(photos)
    names = [f"train/{WNIDS[5]}/{WNIDS[5]}_{n}.JPEG" for n in (1, 2)] + [f"val/{WNIDS[7]}/ILSVRC2012_val_00000008.JPEG"]
    photos[names[0]] = photos[names[0]][:300]  # cut short
    photos[names[1]] = b""
    photos[names[2]] = b"<html>404</html>"
    missing = f"val/{WNIDS[9]}/ILSVRC2012_val_00000010.JPEG"
    del photos[missing]
    copies = [f"train/{WNIDS[3]}/{WNIDS[3]}_{n}.JPEG" for n in (1, 2, 10)]
    leaked = f"val/{WNIDS[4]}/ILSVRC2012_val_00000005.JPEG"
    for name in (*copies, leaked):
        photos[name] = photos[copies[0]]
    stray = f"train/{WNIDS[0]}/{WNIDS[1]}_99.JPEG"
    photos[stray] = drawing(stray)
    source = tree(tmp_path / "source", photos)
    truth = tmp_path / "truth.txt"
    truth.write_text(
        "".join(f"{s} {w}\n" for s, w in {**truth_of(photos), "ILSVRC2012_val_00000010": WNIDS[9]}.items())
    )
    out = tmp_path / "out"
    made = make(source, out, truth=truth)
    assert (
        made.problems == {"missing": 1, "damaged": 3, "misplaced": 1, "leak": 2, "duplicate": 1} and not made.complete
    )
    listed = problems(out)
    assert {path for kind, path, _ in listed if kind == "damaged"} == set(names)
    assert {path for kind, path, _ in listed if kind == "missing"} == {missing}
    assert {path for kind, path, _ in listed if kind == "misplaced"} == {stray}
    assert leaked in {path for kind, path, _ in listed if kind == "leak"}
    assert not {row["path"] for row in manifest(out)} & {*names, stray}
    report = (out / "report.md").read_text()
    for text in (*names, missing, stray, leaked, "77,237", "10,000", "67,237", "3,000", "Not the paper's data"):
        assert text in report, text
    row = next(line for line in report.splitlines() if WNIDS[5] in line and line.startswith("| "))
    assert f"**1** of {imagenet.TRAIN_IMAGES[WNIDS[5]]} | 0 | **2** of 50" in row
    assert sum(len(split) for split in open_packed(out).values()) == 300 - 4


def test_a_report_of_all_photographs_says_so():
    from data_prep.imagenet import report

    for source in imagenet.TASKS:
        wnids = [wnid for group in imagenet.TASKS[source].values() for wnid in group]
        share = quotas({wnid: imagenet.TRAIN_IMAGES[wnid] for wnid in wnids}, 0)
        counts = {wnid: report.Counts(imagenet.TRAIN_IMAGES[wnid], share[wnid], 50) for wnid in wnids}
        page = report.page(source, counts, [], ["where"])
        assert "Every class has as many photographs as in the paper." in page and "**" not in page
        total = {"imagenet-10": ("77,237", "3,000"), "imagenet-12": ("308,494", "12,000")}[source]
        for found in total:
            assert f"| {found} | {found} |" in page


def cut(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("ILSVRC2012_img_val.tar", lambda path: cut(path, 0.85)),
        ("ILSVRC2012_img_val.tar", lambda path: path.write_bytes(path.read_bytes().rstrip(b"\0"))),
        ("ILSVRC2012_img_train.tar", lambda path: cut(path, 0.97)),
    ],
)
def test_an_archive_cut_short_is_read_as_far_as_it_goes(file, damage, photos, tmp_path):
    order = sorted(photos, key=lambda name: parts(name)[1] in WNIDS, reverse=True)  # the needed classes come first
    source = official(tmp_path / "source", {name: photos[name] for name in order})
    damage(source / file)
    made = make(source, tmp_path / "out")
    assert made.problems["archive"] >= 1 and file in (tmp_path / "out" / "report.md").read_text()


def test_a_damaged_header_within_an_archive_is_noticed(photos, tmp_path):
    source = tars_of_classes(tmp_path / "source", photos)
    path = source / "train" / f"{WNIDS[0]}.tar"
    content = bytearray(path.read_bytes())
    place = content.index(f"{WNIDS[0]}_1.JPEG".encode())  # the last of three
    content[place : place + 512] = b"?" * 512
    path.write_bytes(content)
    make(source, tmp_path / "out")
    assert ("archive", path.name) in {row[:2] for row in problems(tmp_path / "out")}


def test_a_parquet_file_or_shard_with_damage_inside_is_reported(photos, tmp_path):
    source = parquet(tmp_path / "source", photos)
    extra = source / "data" / "train-00002-of-00002.parquet"
    extra.write_bytes(b"PAR1 no PAR1")
    made = make(source, tmp_path / "out")
    assert made.problems == {"archive": 1} and extra.name in (tmp_path / "out" / "report.md").read_text()


def test_a_sample_whose_json_gives_its_class_twice_is_reported(photos, tmp_path):
    source = webdataset(tmp_path / "source", photos)
    label = archives.wnids().index(WNIDS[0])
    twice = b'{"label": %d,\n "label": %d}' % (label, label)
    write(source / "more-val.tar", tar({"a.json": twice, "a.jpg": drawing("a")}))
    assert make(source, tmp_path / "out").problems == {"unlabelled": 1}
    assert "'label' is given twice, in lines 1 and 2" in problems(tmp_path / "out")[0][2]


def test_a_unit_whose_record_has_a_key_twice_is_made_anew(folders, prepared, tmp_path):
    make(folders, tmp_path / "out")
    record = tmp_path / "out" / "units" / "00000.json"
    record.write_bytes(record.read_bytes().replace(b"{", b'{"bytes":0,', 1))
    make(folders, tmp_path / "out")
    assert files(tmp_path / "out") == files(prepared)


def test_labels_in_another_order_are_noticed_by_the_names(photos, tmp_path, monkeypatch):
    source = webdataset(tmp_path / "source", photos)
    others = dict(zip(sorted(WNIDS), reversed(sorted(WNIDS)), strict=True))
    mixed = tuple(others.get(wnid, wnid) for wnid in archives.wnids())
    monkeypatch.setattr(archives, "wnids", lambda: mixed)
    with pytest.raises(DataError) as error:
        make(source, tmp_path / "out")
    assert "no usable photograph" in one_line(error.value) and "but its name means" in str(error.value)


def test_whole_classes_that_are_missing_are_refused_with_a_report(photos, tmp_path):
    gone = f"train/{WNIDS[8]}/"
    source = tree(tmp_path / "source", {name: data for name, data in photos.items() if not name.startswith(gone)})
    with pytest.raises(DataError) as error:
        make(source, tmp_path / "out")
    assert f"no usable photograph of {WNIDS[8]} (train); all 60" in one_line(error.value)
    report = (tmp_path / "out" / "report.md").read_text()
    assert f"{WNIDS[8]} ({imagenet.CLASS_NAMES[WNIDS[8]]}): 0 training photographs, 1300 in the paper" in report
    make(tree(source, photos), tmp_path / "out")  # completed, it goes on
    assert len(open_packed(tmp_path / "out")["train"]) == 120


def test_what_could_not_be_read_is_tried_again(photos, tmp_path, prepared, folders, monkeypatch):
    name, out = manifest(prepared)[0]["path"], tmp_path / "out"
    honest = Path.read_bytes

    def failing(path):
        if path == folders / name:
            raise OSError(5, "Input/output error")
        return honest(path)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", failing)
        assert make(folders, out).problems == {"damaged": 1}
    assert "Input/output error" in (out / "report.md").read_text()
    assert not make(folders, out).problems
    assert files(out) == files(prepared)


# ---------------------------------------------------------------- ground truth


def test_the_ground_truth_is_read_in_every_form(photos, tmp_path):
    kit, expected = devkit(photos), truth_of(photos)
    (tmp_path / "kit.tar.gz").write_bytes(tar(kit, "w:gz"))
    for name, data in kit.items():
        write(tmp_path / name, data)
    ordered = [wnid for _, wnid in sorted(expected.items())]
    (tmp_path / "list.txt").write_text("\n".join(ordered))
    (tmp_path / "pairs.csv").write_text("file;class\n" + "\n".join(f"val/{s}.JPEG;{w}" for s, w in expected.items()))
    folder = tmp_path / "ILSVRC2012_devkit_t12"
    ids = folder / "data" / "ILSVRC2012_validation_ground_truth.txt"
    for path in (
        tmp_path / "kit.tar.gz",
        tmp_path,
        folder,
        folder / "data",
        ids,
        tmp_path / "list.txt",
        tmp_path / "pairs.csv",
    ):
        assert read(path) == expected, path


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"490\n361\n", "meta.mat"),
        (b"nothing of use", "none of what is allowed"),
        (b"", "none of what is allowed"),
        (b"ILSVRC2012_val_00000001.JPEG n01751748\nILSVRC2012_val_00000001.JPEG n01440764", "two classes"),
        (b"\x1f\x8b not gzip", "none of what is allowed"),
    ],
)
def test_a_ground_truth_that_is_none_is_one_line(content, said, tmp_path):
    (tmp_path / "truth.txt").write_bytes(content)
    with pytest.raises(DataError) as error:
        read(tmp_path / "truth.txt")
    assert said in one_line(error.value) and "--ground-truth" in str(error.value)


def test_a_damaged_development_kit_is_one_line(photos, tmp_path):
    kit = devkit(photos)
    ids, meta = kit
    for damaged in ({**kit, meta: kit[meta][:400]}, {**kit, meta: b"?"}, {**kit, ids: b"1\n2001\n"}, {ids: kit[ids]}):
        (tmp_path / "kit.tar.gz").write_bytes(tar(damaged, "w:gz"))
        with pytest.raises(DataError) as error:
            read(tmp_path / "kit.tar.gz")
        assert "--ground-truth" in one_line(error.value)


def test_an_official_archive_without_ground_truth_asks_for_it(photos, tmp_path):
    source = official(tmp_path / "source", photos)
    (source / "ILSVRC2012_devkit_t12.tar.gz").unlink()
    with pytest.raises(DataError) as error:
        make(source, tmp_path / "out")
    assert one_line(error.value).startswith("--ground-truth: needed")


# ---------------------------------------------------------------- killed and continued


def test_killed_after_every_few_writes_it_ends_with_the_same_bytes(folders, tmp_path, monkeypatch):
    monkeypatch.setattr(pack, "UNIT", 40)
    make(folders, tmp_path / "undisturbed")
    out, honest = tmp_path / "killed", whole_files.write_atomic
    kills, examined = 0, []
    while kills < 100:
        child = os.fork()
        if not child:  # dies at its third write, half of which it leaves behind
            writes = 0

            def deadly(path, content):
                nonlocal writes
                writes += 1
                if writes == 3:
                    path.parent.mkdir(exist_ok=True)
                    (path.parent / f".{path.name}.{os.getpid()}.part").write_bytes(content[: len(content) // 2])
                    os.kill(os.getpid(), signal.SIGKILL)
                honest(path, content)

            whole_files.write_atomic = records.write_atomic = pack.write_atomic = deadly
            status = 1
            try:
                make(folders, out, workers=2)
                status = 0
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            assert os.WEXITSTATUS(status) == 0
            break
        kills += 1
        examined.append(len(list((out / "units").glob("*.json"))) if out.exists() else 0)
        if examined[-2:] == [8, 8]:
            break  # all units are done; the tables are written anew each time, more than three
    assert kills >= 4 and examined == sorted(examined)
    make(folders, out)
    assert files(out) == files(tmp_path / "undisturbed")


UP_TO_UNIT_20 = """
import time
from eas_core import cli
from data_prep.imagenet import pack

def make(out, number, *rest, real=pack._make):
    if number == 20:
        time.sleep(600)  # a test on a busy machine sees the first units late
    return real(out, number, *rest)

pack.UNIT, pack._make = 10, make
cli.main()
"""


def test_the_command_killed_in_the_middle_continues_without_doing_units_again(folders, tmp_path, monkeypatch):
    out, whole = tmp_path / "killed", tmp_path / "whole"
    words = ["prepare", "--profile", "imagenet-10", "--source", str(folders), "--out", str(out), "--quiet"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), "OMP_NUM_THREADS": "1"}
    running = subprocess.Popen([sys.executable, "-c", UP_TO_UNIT_20, *words], env=environment)
    deadline = time.monotonic() + 120
    while len(list(out.glob("units/*.json"))) < 5 and time.monotonic() < deadline and running.poll() is None:
        time.sleep(0.002)
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    finished = {path: path.stat().st_mtime_ns for path in out.glob("units/*.json")}
    assert 5 <= len(finished) <= 20 and not (out / "packed" / "index.safetensors").exists()
    with pytest.raises(DataError, match="eas prepare"):
        open_packed(out)
    monkeypatch.setattr(pack, "UNIT", 10)
    for folder in (out, whole):
        make(folders, folder)
    assert all(path.stat().st_mtime_ns == changed for path, changed in finished.items())
    assert files(out) == files(whole)


# ---------------------------------------------------------------- the command line


def eas(capsys, *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    return cli.main(["prepare", *words]), *capsys.readouterr()


def test_the_command_prints_what_it_made(folders, tmp_path, capsys):
    words = ("--profile", "imagenet-10", "--source", str(folders), "--out", str(tmp_path / "out"), "--workers", "2")
    status, out, err = eas(capsys, *words)
    assert status == 0 and "train 120, valid 60, test 120" in out and "NOT as many" in out and "report.md" in out
    assert "packing: 100%" in err and "300/300" in err
    assert eas(capsys, *words, "--quiet")[2] == ""


def test_without_packing_there_is_a_manifest_and_a_report(folders, prepared, tmp_path, capsys):
    out = tmp_path / "out"
    assert eas(capsys, "--profile", "imagenet-10", "--source", str(folders), "--out", str(out), "--no-pack")[0] == 0
    assert (out / "manifest.csv").read_bytes() == (prepared / "manifest.csv").read_bytes()
    assert not list(out.rglob("*.bin")) and "not packed" in (out / "report.md").read_text()
    with pytest.raises(DataError, match="eas prepare"):
        open_packed(out)
    make(folders, out)  # packed later after all
    assert files(out) == files(prepared)
    assert (folders / manifest(out)[0]["source"]).is_file()


def test_the_two_splits_may_come_from_two_places(photos, prepared, tmp_path, capsys):
    official(tmp_path / "a", photos)
    words = [
        f"--source={tmp_path / 'a' / 'ILSVRC2012_img_train.tar'}",
        f"--source={tree(tmp_path / 'b', photos) / 'val'}",
    ]
    assert eas(capsys, "--profile", "imagenet-10", *words, "--quiet", "--out", str(tmp_path / "out"))[0] == 0
    report = (tmp_path / "out" / "report.md").read_text()
    assert "training photographs: official archive; test photographs: class folders" in report
    assert open_packed(tmp_path / "out")["test"].digest == open_packed(prepared)["test"].digest


# ---------------------------------------------------------------- what else an archive may hold


@pytest.mark.parametrize(
    "name, members, kind",
    [
        ("a.tar", {}, None),
        ("a.tar", {"notes.txt": b"x"}, None),
        ("a.tar", {"inner.tar": b"x"}, None),
        ("a.tar", {"n02085620.tar": b"x"}, "train"),
        ("n02085620.tar", {"n02085620_1.JPEG": b"x"}, "classes"),
        ("a.tar", {"ILSVRC2012_val_00000001.JPEG": b"x"}, "val"),
        ("a.tar", {"0001.jpg": b"x"}, "webdataset"),
    ],
)
def test_a_tar_is_known_by_its_first_members(name, members, kind, tmp_path):
    write(tmp_path / name, tar(members))
    assert archives.kind(tmp_path / name) == kind


def test_other_files_in_an_archive_are_passed_over(tmp_path):
    write(
        tmp_path / "n02085620.tar", tar({"n02085620_1.JPEG": b"x", "n02085620.txt": b"x", "._n02085620_2.JPEG": b"x"})
    )
    found = Inventory()
    archives.list_class(tmp_path / "n02085620.tar", "train", {"n02085620"}, found)
    assert [photo.name for photo in found.photos] == ["train/n02085620/n02085620_1.JPEG"] and not found.problems
    archives.list_class(tmp_path / "n02085620.tar", "train", {"n01440764"}, found)
    assert len(found.photos) == 1


@pytest.mark.parametrize(
    "sample, found, problem",
    [
        ({"a.jpg": b"x", "a.cls": b"n02085620"}, "train/n02085620/a.jpg", None),
        ({"a.jpg": b"x", "a.json": b'{"target": "151"}'}, "train/n02085620/a.jpg", None),
        ({"n02085620_7.jpg": b"x", "n02085620_7.json": b"{}"}, "train/n02085620/n02085620_7.JPEG", None),
        ({"a.jpg": b"x", "a.json": b"{}"}, None, "no .cls, and no label, cls, class, target in .json"),
        ({"a.jpg": b"x", "a.cls": b"1000"}, None, "class '1000' is not a number from 0 to 999 or a wnid"),
        ({"a.jpg": b"x", "a.json": b"[1]"}, None, "its class cannot be read"),
        ({"a.cls": b"151", "a.txt": b"x"}, None, None),  # a label without a photograph
    ],
)
def test_a_sample_has_its_class_in_one_of_several_places(sample, found, problem, tmp_path):
    write(tmp_path / "a-train.tar", tar(sample))
    inventory = Inventory()
    archives.list_webdataset(tmp_path / "a-train.tar", "train", {"n02085620"}, inventory)
    assert [photo.name for photo in inventory.photos] == ([found] if found else [])
    assert len(inventory.problems) == bool(problem) and all(problem in p.detail for p in inventory.problems)


def test_parquet_files_of_other_columns_and_rows_without_bytes(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "train.parquet"
    images = [{"bytes": b"x", "path": None}, {"bytes": b"", "path": None}, {"bytes": b"y", "path": "n02085620_5.JPEG"}]
    parquet.write_table(arrow.table({"img": images, "cls": [151, -1, 151]}), path)
    inventory = Inventory()
    archives.list_parquet(path, "train", {"n02085620"}, inventory)
    names = [photo.name for photo in inventory.photos]
    assert names == ["train/n02085620/train_0.JPEG", "train/n02085620/n02085620_5.JPEG"]
    rows = archives.Rows(path)
    assert rows.read(0) == b"x"
    for row, said in ((1, "no bytes in this row"), (3, "no row 3")):
        with pytest.raises(OSError, match=said):
            rows.read(row)
    parquet.write_table(arrow.table({"picture": images, "cls": [1, 2, 3]}), path)
    with pytest.raises(DataError, match="has no column 'image'") as error:
        archives.list_parquet(path, "train", {"n02085620"}, inventory)
    assert one_line(error.value)


def test_names_that_are_not_imagenets_stay_and_the_second_of_two_is_told():
    inventory = Inventory()
    for place in ("first", "second"):
        inventory.add("train", "n02085620", "holiday.png", place=place, file=Path("a"))
    inventory.settle()
    assert [photo.name for photo in inventory.photos] == ["train/n02085620/holiday.png"]
    (problem,) = inventory.problems
    assert problem.kind == "repeated" and problem.detail == "in first, and again in second"


@pytest.mark.parametrize(
    "path, split", [("a/val-0.tar", "val"), ("train/0.tar", "train"), ("train/x-val.tar", "val"), ("a/0.tar", None)]
)
def test_a_shards_split_is_in_its_name_or_its_folders(path, split):
    assert sources._split(Path(path)) == split


def test_ground_truth_beside_other_files_or_by_its_table(photos, tmp_path):
    kit = devkit(photos)
    write(tmp_path / "kit.tar", tar({**kit, "ILSVRC2012_devkit_t12/readme.txt": b"x"}))
    for name, content in kit.items():
        write(tmp_path / name, content)
    folder = tmp_path / "ILSVRC2012_devkit_t12"
    truths = [read(path) for path in (tmp_path / "kit.tar", folder, folder / "data" / "meta.mat", tmp_path)]
    assert truths == [truths[0]] * 4 and truths[0]
    write(tmp_path / "empty" / "meta.mat", b"x")
    with pytest.raises(DataError, match="has no ILSVRC2012_validation_ground_truth.txt") as error:
        read(tmp_path / "empty" / "meta.mat")
    assert one_line(error.value)


def test_a_photograph_too_narrow_for_a_jpeg_is_damaged():
    buffer = io.BytesIO()
    Image.new("L", (1, 300)).save(buffer, "PNG")
    outcome, packed = pack.examine(buffer.getvalue(), True)
    assert "too narrow, 1x300 pixels" in outcome.problem and not packed


def test_what_waits_to_be_decoded_is_cancelled_with_its_unit(tmp_path):
    photos = []
    for number in range(12):
        write(tmp_path / f"{number}.png", drawing(str(number)))
        photos.append(Photo(f"train/a/{number}", "a", "", tmp_path / f"{number}.png"))
    with ThreadPoolExecutor(1) as pool:
        outcomes = pack._in_order(pool, 1, photos, False)
        assert not next(outcomes)[0].problem
        outcomes.close()
    assert pool._work_queue.qsize() <= 1  # but for the mark of the end


@pytest.mark.parametrize("packed", [True, False])
def test_what_killed_or_larger_runs_left_is_removed(packed, tmp_path):
    names = ["packed/00000.bin", "packed/00001.bin", "packed/mine.bin", "units/00000.json", "units/00001.json"]
    for name in (*names, ".index.part", "packed/.00000.bin.part", "units/.00000.json.part"):
        write(tmp_path / name, b"x")
    pack._tidy(tmp_path, 1, packed)
    kept = {"packed/mine.bin", "units/00000.json", *["packed/00000.bin"] * packed}
    assert set(files(tmp_path)) == kept


@pytest.mark.parametrize("finished", [True, False])
def test_the_report_of_a_finished_folder_is_kept_when_classes_are_missing_later(finished, tmp_path):
    if finished:
        (tmp_path / "manifest.csv").write_text("")
    with pytest.raises(DataError, match="no usable photograph") as error:
        _require_all([], WNIDS, "imagenet-10", tmp_path, [])
    assert (tmp_path / "report.md").exists() == ("report.md" in one_line(error.value)) == (not finished)


@pytest.mark.parametrize("cores, threads", [(None, 1), (1, 1), (256, 256), (384, 256)])
def test_a_machine_of_any_number_of_cores_has_a_default_that_is_allowed(cores, threads):
    assert decoders(cores) == threads


def test_bad_input_is_one_line(folders, prepared, tmp_path, capsys):
    empty, full = tmp_path / "empty", tmp_path / "full"
    empty.mkdir()
    write(full / "thesis.tex", b"years of work")
    good = {"--profile": "imagenet-10", "--source": str(folders), "--out": str(tmp_path / "out")}
    for change, said in (
        ({"--profile": "demo"}, "allowed are imagenet-10 and imagenet-12"),
        ({"--source": str(tmp_path / "nowhere")}, "does not exist"),
        ({"--source": str(empty)}, "looked for train/nXXXXXXXX/"),
        ({"--profile": "imagenet-12"}, "classes are needed"),
        ({"--workers": "0"}, "from 1 to 256"),
        ({"--ground-truth": str(tmp_path / "nowhere.txt")}, "--ground-truth"),
        ({"--out": str(full)}, "choose another"),
        ({"--out": str(prepared), "--profile": "imagenet-12"}, "choose another"),
    ):
        words = [
            word for pair in {**good, "--out": str(tmp_path / f"out{len(said)}"), **change}.items() for word in pair
        ]
        status, out, err = eas(capsys, *words, "--quiet")
        assert status == 2 and out == "" and err.count("\n") == 1 and said in err, (change, err)
    assert files(full) == {"thesis.tex": b"years of work"}


def test_parquet_without_pyarrow_is_one_line(tmp_path, monkeypatch):
    write(tmp_path / "train-00000-of-00001.parquet", b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(DataError) as error:
        make(tmp_path, tmp_path / "out")
    assert "pip install pyarrow" in one_line(error.value)


# ---------------------------------------------------------------- shipped data


def test_the_thousand_classes_are_shipped_in_the_order_of_their_numbers():
    wnids = archives.wnids()
    assert len(set(wnids)) == 1000 and list(wnids) == sorted(wnids) and all(re.fullmatch(r"n\d{8}", w) for w in wnids)
    assert (wnids[0], wnids[151], wnids[999]) == ("n01440764", "n02085620", "n15075141")
    assert set(imagenet.TRAIN_IMAGES) <= set(wnids)
