"""Somebody's own pictures: what is found, what is named in the report, splits, tasks, the list, settings for a time."""

from __future__ import annotations

import io
import os
import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from helpers import one_line
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data_prep import SPLITS, pictures, shapes10
from data_prep.own import arrange, files, groups, listing, look
from data_prep.own.files import Named
from data_prep.own.look import Seen
from data_prep.own.prepare import prepare
from data_prep.own.report import KINDS, Report
from eas_core import cli
from eas_core.base.errors import DataError, EASError
from eas_core.data import sources, splits
from eas_core.data.splits import Split, balanced_order
from eas_core.data.tasks import TaskSet
from eas_core.runs import propose
from eas_core.runs.rehearse import Times
from eas_core.search.evaluate import pack
from eas_core.settings import profiles
from eas_core.show import class_tables

CLASSES = {  # folder -> class of shapes10 and number of pictures
    "Fruit/Apple/Golden-Delicious": (0, 12),
    "Fruit/Apple/Granny Smith": (5, 7),
    "Fruit/Bänana": (20, 4),
    "Packages/Juice/Orange": (40, 9),
    "Packages/Milk": (55, 3),
    "Packages/Oat": (58, 2),
}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    """A nested, unbalanced folder of drawn pictures; only read."""
    root = tmp_path_factory.mktemp("own") / "my pictures"
    for name, (label, count) in CLASSES.items():
        (root / name).mkdir(parents=True)
        images = shapes10.draw(label, count, 40, np.random.default_rng(label))
        for i, image in enumerate(images):
            Image.fromarray(image.transpose(1, 2, 0)).save(root / name / f"picture {i}.png")
    return root


def prepared(source: Path, how: str = "first", seed: int = 0):
    report = Report()
    return prepare(source, how, seed, report, progress=False), report


def rows(made) -> list[dict]:
    import csv

    return list(csv.DictReader(io.StringIO(made.listing)))


def png(**how) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((40, 30), 90).convert("RGB").save(file, "PNG", **how)
    return file.getvalue()


# ---------------------------------------------------------------- what is found


def test_a_nested_unbalanced_folder_is_split_by_class_and_grouped_by_its_first_level(drawn):
    made, report = prepared(drawn)
    assert made.groups == {
        "Fruit": ("Fruit/Apple/Golden-Delicious", "Fruit/Apple/Granny Smith", "Fruit/Bänana"),
        "Packages": ("Packages/Juice/Orange", "Packages/Milk", "Packages/Oat"),
    }
    assert list(groups.readable(made.groups).values())[:2] == ["Golden-Delicious", "Granny Smith"]
    counts = Counter((row["label"], row["split"]) for row in rows(made))
    for name, (_, count) in CLASSES.items():
        own = [counts[name, split] for split in SPLITS]
        assert sum(own) == count and (min(own) >= 1 if count > 2 else own == [1, 0, 1])
    assert report.found == {"few": ["Packages/Oat"]} and made.side == 40
    assert prepared(drawn)[0].listing == made.listing != prepared(drawn, seed=1)[0].listing


def test_every_file_is_listed_or_named_in_the_report(tmp_path, drawn, monkeypatch):
    root = tmp_path / "p"
    shutil.copytree(drawn, root)
    apple = root / "Fruit" / "Apple" / "Golden-Delicious"
    bad = {
        "cut.jpg": (apple / "picture 0.png").read_bytes()[:900],
        "empty.png": b"",
        "notes.txt": b"hello",
        "clip.mp4": b"\0\0\0\x20ftypisom" + bytes(99),
        "drawing.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 40\n",
        ".DS_Store": b"x",
        "Thumbs.db": b"x",
        "._picture 1.png": b"x",
    }
    for name, content in bad.items():
        (apple / name).write_bytes(content)
    (root / "loose.png").write_bytes(png())
    (apple / "PICTURE 1.png").write_bytes(png())
    (apple / "e\u0301.png").write_bytes(png())
    (apple / "\u00e9.png").write_bytes(png())
    (root / "Fruit" / "Empty").mkdir()
    (root / "Fruit" / "Broken").mkdir()
    (root / "Fruit" / "Broken" / "only.jpg").write_bytes(b"\xff\xd8\xff")
    (apple / "gone.png").symlink_to(tmp_path / "nothing.png")
    (apple / "loop").symlink_to(root, target_is_directory=True)
    (apple / "linked.png").symlink_to(root / "loose.png")
    os.mkfifo(apple / "pipe.png")
    (apple / os.fsdecode(b"\xff.png")).write_bytes(png())
    frames = [Image.effect_noise((40, 40), 80).convert("P") for _ in range(2)]
    frames[0].save(apple / "moving.gif", save_all=True, append_images=frames[1:])
    exif = Image.Exif()
    exif[pictures.ORIENTATION] = 6
    (apple / "turned.png").write_bytes(png(exif=exif))
    Image.new("1", (2000, 1000)).save(apple / "bomb.png")
    monkeypatch.setattr(pictures, "LARGEST", 10**6)
    made, report = prepared(root)
    named = {line for found in report.found.values() for line in found}
    text = "\n".join(named)
    listed = {row["path"] for row in rows(made)}
    for folder, _, names in os.walk(root):
        for name in names:
            path = (Path(folder) / name).relative_to(root).as_posix()
            assert path in listed or path.encode(errors="backslashreplace").decode() in text, path
    kinds = {
        "damaged": ["cut.jpg", "empty.png", "only.jpg"],
        "bomb": ["bomb.png"],
        "other": ["clip.mp4", "drawing.eps", "notes.txt", "pipe.png"],
        "litter": [".DS_Store", "._picture 1.png", "Thumbs.db"],
        "link": ["gone.png", "loop"],
        "name": ["\\udcff.png"],
        "no class": ["loose.png"],
        "empty": ["Empty", "Broken"],
        "turned": ["turned.png"],
        "frames": ["moving.gif"],
    }
    for kind, ends in kinds.items():
        found = [line.split(" (")[0] for line in report.found[kind]]
        assert sorted(name.split("/")[-1] for name in found) == sorted(ends), kind
    assert len(report.found["clash"]) == 2 and report.found["clash"][0].count("PICTURE 1.png") == 1
    assert {
        apple.relative_to(root).as_posix() + f"/{name}" for name in ("linked.png", "turned.png", "moving.gif")
    } <= listed
    assert all("\n" not in line for line in (*report.lines(), *report.lines(names=None)))
    assert len(report.lines()) == len(report.found) and set(report.found) <= set(KINDS)


def test_a_picture_is_turned_as_exif_says_and_cut_to_its_centre():
    image = Image.new("RGB", (40, 20))
    image.paste((255, 0, 0), (0, 0, 10, 20))  # red at the left; turned clockwise, at the top
    exif, file = Image.Exif(), io.BytesIO()
    exif[pictures.ORIENTATION] = 6
    image.save(file, "PNG", exif=exif)
    upright, plain = (pictures.decode(file.getvalue(), upright=turn) for turn in (True, False))
    assert upright.size == (20, 40) and upright.getpixel((10, 2)) == (255, 0, 0)
    assert plain.size == (40, 20) and plain.getpixel((2, 10)) == (255, 0, 0)
    assert pictures.square(upright, 10).getpixel((5, 5)) == (0, 0, 0)
    with pytest.raises(ValueError, match="not an image"):
        pictures.decode(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 40\n")


@pytest.mark.parametrize("most", [10, 10**9])
def test_a_file_that_is_too_large_is_not_read(tmp_path, monkeypatch, most):
    monkeypatch.setattr(look, "LARGEST_FILE", most)
    (tmp_path / "a.png").write_bytes(png())
    report = Report()
    assert bool(look.look(tmp_path, [Named("a.png", "a")], report, progress=False)) == (most > 10)
    assert report.count("bomb") == (most == 10)


# ---------------------------------------------------------------- splits


def as_ready(drawn: Path, root: Path, splits: dict[str, tuple[int, ...]]) -> Path:
    for name in CLASSES:
        for split, numbers in splits.items():
            for i in numbers:
                if (drawn / name / f"picture {i}.png").exists():
                    (root / split / name).mkdir(parents=True, exist_ok=True)
                    shutil.copy(drawn / name / f"picture {i}.png", root / split / name)
    return root


def test_ready_made_splits_are_kept_and_a_missing_one_is_taken_from_training(tmp_path, drawn):
    ready = as_ready(drawn, tmp_path / "a", {"Train": (0, *range(3, 12)), "val": (1,), "test": (2, 1)})
    (ready / "icons").mkdir()
    (ready / "icons" / "a.png").write_bytes(png())
    made, report = prepared(ready)
    folder = {"train": "Train", "valid": "val", "test": "test"}
    assert all(row["path"].startswith(folder[row["split"]] + "/") for row in rows(made))
    assert made.groups.keys() == {"Fruit", "Packages"} and report.found["beside"] == ["icons/a.png"]
    assert report.count("both sides") == 2 * sum(count > 1 for _, count in CLASSES.values())
    made, _ = prepared(as_ready(drawn, tmp_path / "b", {"train": range(1, 12), "test": (0,)}))
    assert {row["split"] for row in rows(made) if row["path"].startswith("train/")} == {"train", "valid"}
    assert {row["split"] for row in rows(made) if row["path"].startswith("test/")} == {"test"}


def test_folders_called_train_alone_are_classes(tmp_path):
    for name in ("train", "bus"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(png())
    assert {one.label for one in files.in_folder(tmp_path, Report())} == {"train", "bus"}


def test_near_duplicates_are_found_and_stay_in_one_split(tmp_path, drawn):
    root = tmp_path / "p"
    shutil.copytree(drawn, root)
    for path in sorted(root.rglob("*.png")):
        image = Image.open(path)
        for quality in (70, 95):
            image.resize((60, 60)).save(path.with_suffix(f".{quality}.jpg"), quality=quality)
    made, report = prepared(root)
    of: dict[str, set[str]] = {}
    for row in rows(made):
        of.setdefault(row["path"].split(".")[0], set()).add(row["split"])
    assert all(len(found) == 1 for found in of.values())
    assert report.count("near") == 2 * len(of) and not report.count("both sides")


@pytest.mark.parametrize("rows", [1, 3, 1000])
def test_groups_are_those_of_all_pairs_however_many_are_compared_at_a_time(monkeypatch, rows):
    monkeypatch.setattr(arrange, "ROWS", rows)
    assert arrange.near_duplicates([0, 2**63, 0b11111, 0b1111, 2**64 - 1]).tolist() == [0, 0, 0, 0, 1]
    assert arrange.near_duplicates([0, 2**63, 0b11111], most=0).tolist() == [0, 1, 2]
    assert arrange.near_duplicates([]).tolist() == []


@settings(max_examples=50)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=12), st.sampled_from([["test", "valid"], ["valid"], ["test"]]))
def test_a_class_has_pictures_in_every_split_that_it_has_groups_for(sizes, wanted):
    places = iter(range(100))
    parts = [[next(places) for _ in range(size)] for size in sizes]
    found = arrange._share(parts, wanted)
    taken = [i for chosen in found.values() for i in chosen]
    assert len(taken) == len(set(taken)) < sum(sizes) and all(found.values())
    assert list(found) == wanted[: len(sizes) - 1]
    assert all(set(part) <= set(chosen) or not {*part} & {*chosen} for part in parts for chosen in found.values())


def test_a_class_that_is_not_trained_on_is_left_out_and_named():
    seen = [
        Seen(Named(f"{i}.png", label, None, split), "", 2**i - 1 << i, 9, 9)
        for i, (label, split) in enumerate(
            [
                ("a", "train"),
                ("b", "train"),
                ("c", "test"),
                ("a", "test"),
                ("a", "valid"),
                ("b", "valid"),
                ("b", "valid"),
            ]
        )
    ]
    report = Report()
    assert {one.named.label for one, _ in arrange.arrange(seen, 0, report)} == {"a", "b"}
    assert report.found["untrained"] == ["c (pictures in other splits 1)"] and report.found["untested"] == ["b"]
    with pytest.raises(DataError, match="no training pictures"):
        arrange.arrange(seen[2:], 0, Report())


# ---------------------------------------------------------------- tasks


def named(*labels: str, task: str | None = None) -> list[Named]:
    return [Named(f"{label}/{i}.png", label, task) for label in labels for i in range(2)]


def test_tasks_are_the_first_level_one_or_those_of_a_file(tmp_path):
    report, found = Report(), named("x/a", "x/b", "y/c/d", "y/c/e", "z/f", "g")
    assert groups.group(found, "first", report) == {"other": ("g", "z/f"), "x": ("x/a", "x/b"), "y": ("y/c/d", "y/c/e")}
    assert groups.group(found[:10], "first", report)["z"] == ("z/f",) and report.found == {"single": ["z"]}
    assert groups.group(found, "one", report) == {"all": ("g", "x/a", "x/b", "y/c/d", "y/c/e", "z/f")}
    assert groups.group(named("a", "b"), "first", report) == {"all": ("a", "b")}
    assert groups.group([*named("a", task="u"), *named("b", "c", task="t")], "first", report) == {
        "t": ("b", "c"),
        "u": ("a",),
    }
    (tmp_path / "t.yaml").write_text("one: [y/c, g]\ntwo: [x/a, b, f]")
    assert groups.group(found, str(tmp_path / "t.yaml"), report) == {
        "one": ("y/c/d", "y/c/e", "g"),
        "two": ("x/a", "x/b", "z/f"),
    }
    assert groups.readable({"t": ("x/a", "y/a", "b")}) == {"x/a": "x/a", "y/a": "y/a", "b": "b"}


@pytest.mark.parametrize(
    "text, said",
    [
        ("one: [a, b]\ntwo: [a]", "class 'x/a' is in two tasks, one and two"),
        ("one: [a]", "1 classes are in no task (x/b)"),
        ("one: [a, q]", "'q' of task 'one' is no class that has pictures"),
        ("- a", "must hold tasks with a list of classes each"),
        ("one: [a]\none: [b]", "'one' is given twice"),
        (None, "is not first, one or a YAML file that can be read"),
    ],
)
def test_a_wrong_file_of_tasks_is_one_line(tmp_path, text, said):
    if text is not None:
        (tmp_path / "t.yaml").write_text(text)
    with pytest.raises(DataError) as error:
        groups.group(named("x/a", "x/b"), str(tmp_path / "t.yaml"), Report())
    assert said in one_line(error.value)


# ---------------------------------------------------------------- a CSV


def test_a_csv_names_pictures_labels_tasks_and_splits(tmp_path, drawn):
    root = tmp_path / "p"
    shutil.copytree(drawn, root)
    lines = ["file_name,Label,task,split"]
    for path in sorted(root.rglob("*.png")):
        number, label = int(path.stem.split()[1]), path.parent.name
        task = "sweet" if label in ("Golden-Delicious", "Bänana") else "rest"
        lines.append(
            f'"{path.relative_to(root)}",{label},{task},{("train", "dev", "testing", "Train")[min(number, 3)]}'
        )
    (root / "mine.csv").write_text("\n".join([*lines, lines[1], "gone.png,Oat,rest,train"]), encoding="utf-8-sig")
    made, report = prepared(root / "mine.csv")
    assert made.root == root and set(made.groups) == {"rest", "sweet"} and made.sizes()["train"] == 37 - 6 - 5
    assert report.found["twice"] and report.found["unreadable"] == ["gone.png (line 40: no such file)"]


@pytest.mark.parametrize(
    "text, said",
    [
        ("path,label\n../a.png,x", "line 2: path '../a.png' leads out of"),
        ("path,label\n/etc/passwd,x", "leads out of"),
        ("path,label\nout/a.png,x", "leads out of"),
        ("path,label\na.png,", "line 2: label is empty"),
        ("path,label,split\na.png,x,later", "split 'later' is not train, valid or test"),
        ("path,label\na.png,x\na.png,y", "line 3: 'a.png' was given before with another label"),
        ("path,label,split\na.png,x,train\nb.png,x,", "'b.png' has no split, and others have one"),
        ("path,label,task\na.png,x,t\nb.png,x,u", "class 'x' is in two tasks"),
        ("path,label\na.png,x,3", "line 2: 3 values for 2 columns"),
        ("picture,label\na.png,x", "must name the columns path and label"),
        ("", "must name the columns path and label"),
        ("path,label\na.png,x\nb.png,x", "one class only ('x')"),
        ("path,label\nmissing.png,x", "no picture that can be used"),
        (b"path,label\n\xff,x", "cannot be read as a CSV in UTF-8"),
    ],
)
def test_a_wrong_csv_is_one_line(tmp_path, text, said, capsys):
    root = tmp_path / "p"
    root.mkdir()
    (root / "out").symlink_to(tmp_path, target_is_directory=True)
    for place in (root / "a.png", root / "b.png", tmp_path / "a.png"):
        place.write_bytes(png())
    (root / "my.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    if "two tasks" in said:
        (root / "my.csv").write_text(text + "\na.png,y,t".replace("a.png", "c.png"))
        (root / "c.png").write_bytes(png())
    assert cli.main(["init", str(root / "my.csv"), "--out", str(tmp_path / "my.yaml"), "--quiet"]) == 2
    assert said in one_line(capsys.readouterr().err.strip()) and not (tmp_path / "my.yaml").exists()


def test_what_eas_init_cannot_use_or_write_is_one_line(tmp_path, drawn, capsys):
    (tmp_path / "none").mkdir()
    (tmp_path / "own.yaml").write_text("name: mine")
    for words, said in (
        ([str(tmp_path / "nowhere"), "--out", "a.yaml"], "is not there"),
        ([str(tmp_path / "none"), "--out", str(tmp_path / "a.yaml")], "no picture that can be used"),
        ([str(drawn / "Fruit" / "Apple"), "--out", str(tmp_path / "a.txt")], "must end in .yaml"),
        ([str(drawn), "--out", str(tmp_path / "own.yaml")], "eas init did not write it"),
        ([str(drawn), "--out", str(tmp_path / "own.yaml" / "a.yaml")], "cannot be a folder"),
    ):
        assert cli.main(["init", *words, "--quiet"]) == 2
        assert said in one_line(capsys.readouterr().err.strip())


# ---------------------------------------------------------------- the list, and a run's images


def data_of(made, tmp_path: Path):
    (tmp_path / "my.csv").write_text(made.listing)
    data = profiles.load("smoke").data.model_copy(
        update={
            "source": "own-pictures",
            "path": str(made.root),
            "listing": str(tmp_path / "my.csv"),
            "groups": made.groups,
        }
        | dict.fromkeys(f"{split}_per_class" for split in SPLITS)
    )
    return data.model_copy(update={"digest": listing.digest(made.listing)})


def test_a_runs_images_are_those_of_the_list(tmp_path, drawn):
    made, _ = prepared(drawn)
    data = data_of(made, tmp_path)
    found = splits.load(data, 16, tmp_path / "cache")
    assert {s.name: s.labels.tolist() for s in found} == made.labels
    assert sources.listed_labels(data, "test") == made.labels["test"] and found[0].images.shape[1:] == (3, 16, 16)
    first = pictures.square(pictures.decode((drawn / rows(made)[0]["path"]).read_bytes(), upright=True), 16)
    assert np.array_equal(found[0].images[0].permute(1, 2, 0).numpy(), np.asarray(first))
    assert sources.task_set(data).class_names[0] == "Golden-Delicious"
    assert list(sources.class_ids(data)) == ["Fruit", "Packages"]


def test_pictures_that_changed_since_they_were_listed_are_refused_in_one_line(tmp_path, drawn):
    shutil.copytree(drawn, tmp_path / "p")
    made, _ = prepared(tmp_path / "p")
    data = data_of(made, tmp_path)

    def refused(data=data) -> str:
        with pytest.raises(DataError) as error:
            splits.load(data, 16, tmp_path / "cache")
        return one_line(error.value)

    path = tmp_path / "p" / rows(made)[0]["path"]
    path.write_bytes(png())
    assert "was changed since it was listed; run eas init again" in refused()
    path.unlink()
    assert "cannot be read" in refused()
    assert "is in no task" in refused(data.model_copy(update={"groups": {"t": made.groups["Fruit"]}}))
    (tmp_path / "my.csv").write_text(made.listing + "\n")
    assert "is not the list of data.digest" in refused()
    (tmp_path / "my.csv").write_text("a,b\n1,2")
    assert "is not a list that eas init wrote" in refused()
    with pytest.raises(DataError, match="is not a folder"):
        sources.check(data.model_copy(update={"path": str(tmp_path / "gone")}), 16, tmp_path)


@pytest.mark.parametrize(
    "override, said",
    [
        ("data.train_per_class=3", "must not be given, data.listing says"),
        ("data.groups=null", "data.groups: needed for own-pictures"),
        ("data.digest=null", "data.digest: needed for own-pictures"),
        ("data.source=tiny-imagenet", "data.train_per_class: needed for tiny-imagenet"),
    ],
)
def test_settings_that_do_not_fit_pictures_are_one_line(tmp_path, drawn, override, said):
    made, _ = prepared(drawn)
    whole = profiles.load("smoke").model_dump(mode="json") | {"data": data_of(made, tmp_path).model_dump(mode="json")}
    (tmp_path / "my.yaml").write_text(yaml.safe_dump(whole))
    with pytest.raises(EASError) as error:
        profiles.load(str(tmp_path / "my.yaml"), [override])
    assert said in one_line(error.value)
    with pytest.raises(EASError, match="data.groups: only for own-pictures"):
        profiles.load("smoke", ["data.groups={a: [b]}"])


# ---------------------------------------------------------------- balance


@settings(max_examples=50)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(0, 3))
def test_a_balanced_epoch_has_about_as_many_of_each_class_and_each_image_about_as_often(sizes, epoch):
    labels = torch.repeat_interleave(torch.arange(len(sizes)) * 2, torch.tensor(sizes))
    split = Split("train", torch.zeros(len(labels), 3, 1, 1, dtype=torch.uint8), labels, "")
    order = balanced_order(split, epoch, 0, "x")
    of_classes = torch.bincount(labels[order])[::2]
    assert len(order) == len(labels) and of_classes.max() - of_classes.min() <= 1
    times = torch.bincount(order, minlength=len(labels))
    for label in labels.unique():
        assert times[labels == label].max() - times[labels == label].min() <= 1


def test_balanced_accuracy_is_the_mean_over_classes_with_test_pictures():
    tasks = TaskSet.from_groups({"a": ("x", "y", "z"), "b": ("u", "v")})
    labels = [0, 0, 0, 0, 1, 3, 4]  # z has none
    table = [("a", [1, 1, 1, 0, 0]), ("b", [1, 0])]
    found = [{"task": t, "budget": 2.0, "correct": pack(torch.tensor(x).bool())} for t, x in table]
    record = {"result": {"rows": found}}
    balanced = class_tables.balanced_table(record, tasks, labels)
    assert balanced["at 2 M"].tolist() == [37.5, 50.0, 43.8] and balanced["chance"].tolist() == [33.3, 50.0, 41.7]
    assert balanced["classes"].tolist() == [2, 2, 4]
    classes = class_tables.class_table(record, tasks, labels)
    assert classes["accuracy (%)"].tolist() == [0.0, 75.0, "none tested", 0.0, 100.0]
    assert classes["pictures"].tolist() == [1, 4, 0, 1, 1]


# ---------------------------------------------------------------- settings for a time


def times(step: float):
    return lambda profile, labels, device: Times(step, (step,) * 3, step, step, step)


def test_the_settings_fill_four_fifths_of_the_time(drawn):
    few = prepared(drawn)[0]
    made = replace(few, labels={split: numbers * 300 for split, numbers in few.labels.items()})
    for time, step in {"minutes": 0.2, "hour": 0.5, "night": 5.0}.items():
        profile, seconds = propose.propose("my", made, time, "cpu", times(step))
        assert 0.7 * propose.TIMES[time] < seconds <= 0.81 * propose.TIMES[time]
        assert profile.space.resolution == 32  # the pictures have 40 pixels
        assert profile.specialize.images_per_class == 150 and profile.data.sampling == "balanced"
    assert profile.supernet.stages[2].epochs == pytest.approx(2 * profile.teacher.epochs, rel=0.01)
    profile, seconds = propose.propose("my", few, "night", "cpu", times(0.1))
    assert profile.specialize.images_per_class is None
    assert profile.teacher.epochs == propose.STEPS and seconds < propose.TIMES["night"] / 2


def test_a_smaller_space_is_taken_where_the_time_is_too_short_and_the_smallest_may_take_longer(drawn):
    made = replace(prepared(drawn)[0], side=500)
    assert propose.propose("my", made, "night", "cpu", times(0.1))[0].space.resolution == 96
    slow = lambda profile, *_: times(30 if profile.space.resolution > 64 else 0.1)(profile, *_)  # noqa: E731
    assert propose.propose("my", made, "night", "cpu", slow)[0].space.resolution == 64
    profile, seconds = propose.propose("my", made, "minutes", "cpu", times(30))
    assert seconds > propose.TIMES["minutes"] and profile.space.resolution == 32


@pytest.fixture(scope="module")
def run_of_own(drawn, tmp_path_factory):
    """What ``eas init`` and ``eas run`` print, with a smaller network and shorter trainings than they would propose."""
    folder = tmp_path_factory.mktemp("run")
    small = {"resolution": 16, "first_width": 8, "widths": (8,) * 5, "final_width": 16, "head_width": 16}
    with pytest.MonkeyPatch.context() as patch, pytest.MonkeyPatch.context() as printed:
        patch.setattr(propose, "SPACES", ({**small, "strides": (1, 2, 1, 2, 1)},))
        patch.setattr(propose, "EFFORT", {"minutes": (4, 2, 1, 1)})
        patch.setattr(propose, "STEPS", 3)
        patch.setattr(propose, "MOST", 3.0)
        lines: list[str] = []
        printed.setattr(
            "builtins.print", lambda *words, sep=" ", end="\n", **_: lines.append(sep.join(map(str, words)) + end)
        )
        words = ["--device", "cpu", "--quiet"]
        assert cli.main(["init", str(drawn), "--out", str(folder / "my own.yaml"), *words]) == 0
        first = "".join(lines)
        lines.clear()
        more = ["--profile", str(folder / "my own.yaml"), "--runs", str(folder / "runs"), *words]
        assert cli.main(["run", *more]) == 0
    return folder, first, "".join(lines)


def test_from_a_folder_to_a_tested_network(run_of_own, drawn):
    folder, first, second = run_of_own
    assert (
        "6 classes in 2 tasks (Fruit 3, Packages 3)" in first and "1 classes with fewer pictures than splits" in first
    )
    assert re.search(r"expected: [\d.]+ minutes.*; start it with eas run", first)
    profile = profiles.load(str(folder / "my own.yaml"))
    assert profile.name == "my-own" and profile.space.num_classes == 6 and Path(profile.data.path) == drawn
    assert "Packages/Oat" in (folder / "my own.report.md").read_text()
    assert "balanced accuracy (%)" in second and "Golden-Delicious" in second and "all tasks" in second
    assert "NaN" not in second
