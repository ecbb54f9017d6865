"""Packed photographs stand where a tensor of images does: same indexing, same bits ahead of time, a whole run on them.

A miniature of imagenet-10: three to five small drawings a class under the real names, one or two of them for testing.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import bits, drawing, one_line
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from data_prep import imagenet
from data_prep.imagenet.prepare import prepare
from data_prep.imagenet.reader import open_packed
from eas_core import cli
from eas_core.base import files, records
from eas_core.base.devices import Devices
from eas_core.base.errors import DataError, ProfileError
from eas_core.base.random import rng
from eas_core.data import photographs, sources
from eas_core.data.photographs import Photographs, crop_box, crop_numbers
from eas_core.data.splits import Split, augmented, load, normalise, parted
from eas_core.runs import releases_publish, trained
from eas_core.runs.run import Run, make_run
from eas_core.settings import profiles, schema
from eas_core.show import data_figures, data_tables, result_tables
from eas_core.training.loop import Stopped
from eas_core.training.train_supernet import batch, teacher_logits

WNIDS = [wnid for group in imagenet.TASKS["imagenet-10"].values() for wnid in group]
SIZE = 32
SETTINGS = {  # the smoke profile's space, a step or two a stage
    "space.resolution": SIZE,
    "space.first_width": 8,
    "space.widths": [8, 16, 32, 32, 48],
    "space.strides": [1, 2, 2, 1, 1],
    "space.final_width": 160,
    "space.head_width": 160,
    "teacher.epochs": 1,
    "teacher.batch_size": 40,
    "supernet.batch_size": 40,
    "supernet.stages": [
        {"name": "kernel", "depths": [4], "expansions": [6], "kernels": [3, 5, 7], "epochs": 0.5, "lr": 0.001},
        {
            "name": "width",
            "depths": [2, 3, 4],
            "expansions": [3, 4, 6],
            "kernels": [3, 5, 7],
            "epochs": 0.5,
            "lr": 0.001,
        },
    ],
    "calibration.images": 40,
    "calibration.batch_size": 40,
    "generator.steps": 3,
    "generator.budget": [1.7, 6.5],
    "generator.task_images": 8,
    "generator.context_images": 8,
    "specialize.samples": 32,
    "specialize.candidates": 2,
    "specialize.budgets": [2.3, 4.2],
    "evaluation.random_architectures": 1,
    "evaluation.spread_architectures": 2,
}


@pytest.fixture(scope="module")
def copy_of_imagenet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copy")
    for label, wnid in enumerate(WNIDS):
        names = [f"train/{wnid}/{wnid}_{n}.JPEG" for n in range(3 + label % 3)]
        names += [f"val/{wnid}/ILSVRC2012_val_{10 * label + n + 1:08d}.JPEG" for n in range(1 + label % 2)]
        for n, name in enumerate(names):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(drawing(name, (24, 18) if n % 2 else (18, 30)))
    return folder


@pytest.fixture(scope="module")
def packed(copy_of_imagenet, tmp_path_factory):
    """What `eas prepare` makes of the miniature."""
    out = tmp_path_factory.mktemp("packed")
    words = ("--profile", "imagenet-10", "--source", str(copy_of_imagenet), "--out", str(out), "--quiet")
    assert cli.main(["prepare", *words]) == 0
    return out


def overrides(path, **changes) -> list[str]:
    settings = {**SETTINGS, "data.path": str(path), **{k.replace("__", "."): v for k, v in changes.items()}}
    return [f"{key}={json.dumps(value)}" for key, value in settings.items()]


def run_on(path, root, **changes) -> Run:
    return make_run("imagenet-10", 0, root, overrides(path, **changes), "cpu", progress=False)


def settings_of(path, **changes) -> schema.Data:
    return profiles.load("imagenet-10").data.model_copy(update={"path": str(path), **changes})


@pytest.fixture(scope="module")
def splits(packed, tmp_path_factory) -> list[Split]:
    return load(settings_of(packed), SIZE, tmp_path_factory.mktemp("cache"))


# ---------------------------------------------------------------- like a tensor of images


def test_splits_are_as_packed_and_uneven_classes_are_counted(splits, packed):
    tasks = sources.task_set(settings_of(packed))
    sizes = {"train": [2, 2, 3], "valid": [1, 2, 2], "test": [1, 2]}  # no class gives more than half
    for split in splits:
        repeats = sizes[split.name]
        assert split.counts(tasks) == repeats * (60 // len(repeats)) and len(split) == sum(split.counts(tasks))
        assert (
            split.images.shape == (len(split), 3, SIZE, SIZE) and split.digest == open_packed(packed)[split.name].digest
        )
        by_task = [split.of_task(tasks, t) for t in range(len(tasks))]
        assert torch.equal(torch.cat(by_task), torch.arange(len(split)))
    table = data_tables.classes_table(
        tasks, sources.class_ids(settings_of(packed)), {s.name: s.counts(tasks) for s in splits}
    )
    assert table.iloc[-1].tolist() == ["", 140, 100, 90]
    assert table["validation images"].tolist()[:3] == [1, 2, 2]


def test_the_view_at_224_pixels_is_the_centre_of_the_packed_photograph(packed):
    photos = open_packed(packed)["test"]
    images = Photographs(photos, 224, keep=0)
    for i in range(4):
        pixels = photos.decode(i)
        height, width = pixels.shape[1:]
        assert sorted((height, width))[0] == 256
        top, left = round((height - 224) / 2), round((width - 224) / 2)
        np.testing.assert_array_equal(images[i].numpy(), pixels[:, top : top + 224, left : left + 224])


def test_a_smaller_view_shows_the_same_part(packed):
    """At 112 pixels: short side 128, of which the centre 112; on the long side up to half a pixel apart."""
    photos = open_packed(packed)["test"]
    for i, view in enumerate(Photographs(photos, 112, keep=0)[:4]):
        pixels = torch.from_numpy(photos.decode(i)).float()[None]
        size = [s // 2 for s in pixels.shape[2:]]
        small = F.interpolate(pixels, size, mode="bilinear", antialias=True)[0]
        top, left = ((s - 112) // 2 for s in size)
        assert (small[:, top : top + 112, left : left + 112] - view).abs().mean() < 2


def test_any_index_of_a_tensor_gives_what_a_tensor_would(splits):
    images = splits[0].images
    whole = torch.cat(list(images.split(50)))
    assert whole.shape == images.shape and whole.dtype == torch.uint8
    n = len(images)
    for index in (
        3,
        -1,
        np.int64(2),
        slice(None, None, 7),
        slice(5, 2),
        [4, 4, 1],
        torch.tensor([[0, 1], [n - 1, 0]]),
        torch.arange(n) % 9 == 0,
        torch.tensor([], dtype=torch.int64),
    ):
        assert torch.equal(images[index], whole[index])
    with pytest.raises(IndexError):
        images[n]
    assert images.to("cpu").device == torch.device("cpu")


@given(keep=st.integers(0, 6), asked=st.lists(st.lists(st.integers(0, 9), max_size=8), max_size=5))
def test_what_is_kept_in_memory_changes_nothing_and_stays_bounded(packed, keep, asked):
    images = Photographs(open_packed(packed)["valid"], 16, keep)
    plain = Photographs(open_packed(packed)["valid"], 16, 0)
    for index in asked:
        assert torch.equal(images[index], plain[index])
        assert len(images._kept) <= keep


def test_photographs_in_memory_are_not_decoded_again(packed, monkeypatch):
    (valid,) = load(settings_of(packed), 16, packed, ("valid",))
    first = valid.images[:]
    monkeypatch.setattr(type(valid.images._packed), "decode", lambda *_: pytest.fail("decoded again"))
    assert torch.equal(valid.to("cpu").images[:], first)


def test_views_are_kept_on_the_device_that_asks_for_them(packed):
    here = Photographs(open_packed(packed)["valid"], 16, 9)
    first = here[:2]
    there = here.to("meta")
    assert there[[1, 2]].device.type == "meta" and there[:].shape == here.shape
    assert {view.device.type for view in there._kept.values()} == {"meta"}
    assert list(here._kept) == [0, 1] and torch.equal(here[:2], first)


@pytest.mark.parametrize("device, pinned", [("cuda", True), ("cpu", False)])
def test_crops_for_a_gpu_are_decoded_into_pinned_memory(device, pinned, packed, monkeypatch):
    asked, empty = [], torch.empty
    monkeypatch.setattr(
        torch, "empty", lambda *size, pin_memory, **more: asked.append(pin_memory) or empty(*size, **more)
    )
    images = Photographs(open_packed(packed)["train"], 16, 0, device)
    crops, parts = images._start((torch.arange(3), crop_numbers(3, 0.08, rng(1))))
    assert asked == [pinned] and len(parts) == len(crops) == 3 and all(part.result() is None for part in parts)


def test_a_damaged_photograph_is_one_line(packed, tmp_path):
    shutil.copytree(packed, tmp_path / "damaged")
    shard = tmp_path / "damaged" / "packed" / "00000.bin"
    shard.write_bytes(bytes(shard.stat().st_size))
    (train,) = load(settings_of(tmp_path / "damaged"), SIZE, tmp_path, ("train",))
    with pytest.raises(DataError) as error:
        train.images[:3]
    assert "photograph 0 of train is damaged" in one_line(error.value)
    with pytest.raises(DataError, match="of train is damaged"):
        batch(train, 0, 8, settings_of(packed), 0, "t")


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_processes_cut_the_crops_of_one_batch_between_them(processes, splits, packed):
    """Each as if it were one of a launch; a step decodes ahead, so three steps in a row."""
    settings = settings_of(packed)
    assert settings.augment == "crop"
    for step in range(3):
        parts = []
        for rank in range(processes):
            state = SimpleNamespace(num_processes=processes, process_index=rank, is_main_process=rank == 0)
            team = Devices(state if processes > 1 else None)
            parts.append(batch(splits[0], step, 8, settings, 0, "t", team))
        images, labels, index = (torch.cat(part) for part in zip(*parts, strict=True))
        whole = batch(splits[0], step, 8, settings, 0, "t")
        assert torch.equal(images, whole[0]) and torch.equal(labels, whole[1]) and torch.equal(index, whole[2])
        assert len(parts[0][0]) == 8 // processes


@pytest.mark.parametrize("cores, processes, threads", [(1, "1", 1), (8, "1", 8), (8, "2", 4), (8, "3", 2), (2, "8", 1)])
def test_threads_that_decode_are_the_cores_shared_by_the_processes(cores, processes, threads):
    assert photographs.decoders({"LOCAL_WORLD_SIZE": processes}, lambda _: set(range(cores))) == threads
    if processes == "1":
        assert photographs.decoders({}, lambda _: set(range(cores))) == threads


def test_where_cores_cannot_be_listed_all_of_the_machine_decode():
    assert photographs.decoders({}, affinity=None) == os.cpu_count()


def test_fingerprints_tell_photographs_apart(splits):
    found = [split.fingerprints() for split in splits]
    assert [len(prints) for prints in found] == [140, 100, 90]
    assert len(set.union(*found)) == 330


def test_the_contact_sheet_takes_them(splits, packed):
    figure = data_figures.contact_sheet(splits[0].images, splits[0].labels, sources.task_set(settings_of(packed)))
    assert len(figure.axes[0].images) == 120


# ---------------------------------------------------------------- random crops


@given(
    st.tuples(st.integers(256, 700), st.just(256), st.booleans()),
    st.floats(0.02, 1),
    st.integers(0, 10**6),
)
def test_a_crop_lies_in_the_photograph_and_keeps_to_its_bounds(size, least, seed):
    height, width = size[:2] if size[2] else size[1::-1]
    for numbers in crop_numbers(20, least, rng(seed)).tolist():
        top, left, high, wide = crop_box(height, width, numbers)
        assert 0 <= top <= top + high <= height and 0 <= left <= left + wide <= width
        assert 0.74 < wide / high < 1.35  # rounded to pixels
        assert high * wide >= 0.97 * least * height * width or high == height or wide == width


def test_crops_are_distributed_as_torchvisions():
    from torchvision.transforms import RandomResizedCrop

    image, n = torch.empty(3, 256, 341), 4000
    torch.manual_seed(0)
    theirs = [RandomResizedCrop.get_params(image, (0.08, 1.0), (3 / 4, 4 / 3)) for _ in range(n)]
    ours = [crop_box(256, 341, numbers) for numbers in crop_numbers(n, 0.08, rng(0)).tolist()]
    a, b = (torch.tensor(boxes, dtype=torch.float64) for boxes in (ours, theirs))
    error = ((a.var(0) + b.var(0)) / n).sqrt()
    assert ((a.mean(0) - b.mean(0)).abs() < 4 * error).all()
    assert ((a.std(0) / b.std(0) - 1).abs() < 0.06).all()


def test_a_photograph_that_no_box_fits_gives_its_centre():
    numbers = [2.0] * 10 + [1.0] * 10 + [0.3, 0.3, 0.9]  # twice its area
    assert crop_box(256, 1024, numbers) == (0, (1024 - 341) // 2, 256, 341)
    assert crop_box(1024, 256, numbers) == ((1024 - 341) // 2, 0, 341, 256)
    assert crop_box(300, 300, numbers) == (0, 0, 300, 300)


def test_crops_are_cut_from_the_photographs_own_pixels_and_half_are_mirrored(packed):
    """A crop of 80 of 256 pixels is finer than any that the view of 32 pixels could give."""
    photos = open_packed(packed)["train"]
    images = Photographs(photos, SIZE, keep=0)
    numbers = crop_numbers(100, 0.08, rng(1))
    index = torch.arange(100) % 9
    crops = images.crops(0, lambda step: (index, numbers))
    for i, row, crop in zip(index.tolist(), numbers.tolist(), crops, strict=True):
        image = Image.fromarray(photos.decode(i).transpose(1, 2, 0))
        top, left, high, wide = crop_box(image.height, image.width, row)
        expected = image.resize((SIZE, SIZE), Image.Resampling.BILINEAR, box=(left, top, left + wide, top + high))
        expected = np.asarray(expected).transpose(2, 0, 1).astype(int)
        expected = expected[:, :, ::-1] if row[-1] < 0.5 else expected
        assert np.abs(crop.numpy() - expected).mean() < 2
    assert 30 < (numbers[:, -1] < 0.5).sum() < 70


# ---------------------------------------------------------------- ahead of time


def steps(split, settings, count: int, seed: int = 0, name: str = "t", size: int = 16) -> list[torch.Tensor]:
    return [batch(split, step, size, settings, seed, name)[0] for step in range(count)]


@pytest.mark.parametrize("ahead", [1, 2, 5])
def test_decoding_ahead_changes_nothing(packed, splits, monkeypatch, ahead):
    settings = settings_of(packed)
    monkeypatch.setattr(photographs, "AHEAD", 0)
    plain = steps(splits[0], settings, 12)  # an epoch and a half
    monkeypatch.setattr(photographs, "AHEAD", ahead)
    for one, two in zip(plain, steps(splits[0], settings, 12), strict=True):
        assert one.numpy().tobytes() == two.numpy().tobytes()


def test_what_was_decoded_for_another_training_is_not_used(packed, splits, monkeypatch):
    """Other names, seeds, batch sizes and areas one after another on the same photographs, and steps out of order."""
    settings, train = settings_of(packed), splits[0]
    asked = [
        (0, 0, "teacher", 16),
        (1, 0, "teacher", 16),
        (2, 0, "supernet", 16),
        (3, 1, "supernet", 16),
        (4, 1, "supernet", 8),
    ]
    asked += [(5, 1, "supernet", 8), (7, 1, "supernet", 8), (0, 1, "supernet", 8)]
    changed = settings.model_copy(update={"min_area": 0.5})
    found = [
        batch(train, step, size, s, seed, name)[0] for step, seed, name, size in asked for s in (settings, changed)
    ]
    monkeypatch.setattr(photographs, "AHEAD", 0)
    plain = [
        batch(train, step, size, s, seed, name)[0] for step, seed, name, size in asked for s in (settings, changed)
    ]
    assert all(map(torch.equal, found, plain))


def test_the_next_steps_are_decoded_before_they_are_asked_for(packed, monkeypatch):
    (train,) = load(settings_of(packed), SIZE, packed, ("train",))
    decoded = Counter()
    decode = type(train.images._packed).decode
    monkeypatch.setattr(type(train.images._packed), "decode", lambda self, i: decoded.update([i]) or decode(self, i))
    batch(train, 0, 16, settings_of(packed), 0, "t")
    waited = time.monotonic() + 20
    while decoded.total() < 3 * 16 and time.monotonic() < waited:
        time.sleep(0.01)
    assert decoded.total() == 3 * 16 and set(decoded.values()) == {1}
    batch(train, 1, 16, settings_of(packed), 0, "t")
    assert set(decoded.values()) == {1}, "nothing twice in an epoch"


def test_translations_take_the_centre(packed, splits):
    settings = settings_of(packed, augment="shift", shift=0)
    images = augmented(splits[0], 0, lambda step: torch.arange(5), settings, lambda step: rng(step))
    assert torch.equal(images, normalise(splits[0].images[:5]))


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize("source", schema.PACKED)
def test_without_a_pack_one_line_says_which_command_makes_it(source, tmp_path, packed):
    settings = profiles.load(source).data
    (tmp_path / "file").write_text("x")
    index = tmp_path / "old" / "packed" / "index.safetensors"
    records.save_tensors(index, {}, {"source": source})
    records.save_tensors(tmp_path / "list" / "packed" / "index.safetensors", {}, [1])
    files.write_atomic(tmp_path / "cut" / "packed" / "index.safetensors", index.read_bytes()[:20])
    odd = (tmp_path, *(tmp_path / name for name in ("nothing", "file", "old", "list", "cut", "nul\0", "x" * 5000)))
    for path in (None, "", *map(str, odd)):
        for work in (sources.pack_digest, lambda settings: load(settings, SIZE, tmp_path)):
            with pytest.raises(DataError) as error:
                work(settings.model_copy(update={"path": path}))
            assert f"eas prepare --profile {source} --source YOUR_IMAGENET --out FOLDER" in one_line(error.value)
            assert str(error.value).startswith("data.path: ")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"source": "imagenet-12"}, "holds photographs of imagenet-10, not imagenet-12; make it with eas prepare --profile imagenet-12"),
        ({"seed": 5}, "holds a hold-out of data.seed 0, not 5; make it with eas prepare --profile imagenet-10 --set data.seed=5"),
        ({"digest": "0123456789"}, "not 0123456789; make it"),
    ],
)  # fmt: skip
def test_another_pack_than_the_settings_say_is_one_line(packed, tmp_path, changes, said):
    for work in (sources.pack_digest, lambda settings: load(settings, SIZE, tmp_path)):
        with pytest.raises(DataError) as error:
            work(settings_of(packed, **changes))
        assert said in one_line(error.value)


@pytest.mark.parametrize("name", ["train_per_class", "valid_per_class", "test_per_class"])
def test_numbers_of_images_are_for_sources_that_do_not_say_themselves(name, packed, tmp_path):
    with pytest.raises(ProfileError) as error:
        profiles.load("imagenet-10", [f"data.{name}=3"])
    assert f"data.{name} = 3: must not be given" in one_line(error.value)
    with pytest.raises(ProfileError) as error:
        profiles.load("smoke", [f"data.{name}=null"])
    assert f"data.{name}: needed for shapes10" in one_line(error.value)
    for settings in (settings_of(packed, **{name: 3}), profiles.load("smoke").data.model_copy(update={name: None})):
        with pytest.raises(DataError, match=f"data.{name}"):
            load(settings, SIZE, tmp_path)


@pytest.mark.parametrize(
    ("profile", "digest"), [("smoke", "0123456789"), ("imagenet-10", "xyz"), ("imagenet-10", "[]")]
)
def test_a_digest_is_ten_digits_of_packed_photographs(profile, digest):
    with pytest.raises(ProfileError) as error:
        profiles.load(profile, [f"data.digest={digest!r}" if digest != "[]" else "data.digest=[]"])
    assert "data.digest" in one_line(error.value)


def test_the_digest_is_part_of_the_keys_of_photographs_and_of_no_others(packed, copy_of_imagenet, tmp_path):
    run = run_on(packed, tmp_path)
    digest = run.settings("data")["data"]["digest"]
    assert digest == sources.pack_digest(run.profile.data) and "path" not in run.settings("data")["data"]
    shutil.copytree(packed, tmp_path / "moved")
    assert run_on(tmp_path / "moved", tmp_path).key("teacher") == run.key("teacher")
    shutil.copytree(copy_of_imagenet, tmp_path / "other")
    (tmp_path / "other" / "train" / WNIDS[0] / f"{WNIDS[0]}_0.JPEG").write_bytes(drawing("another"))
    prepare("imagenet-10", [tmp_path / "other"], tmp_path / "others", progress=False)
    assert run_on(tmp_path / "others", tmp_path).key("teacher") != run.key("teacher")
    plain = make_run("smoke", root=tmp_path, device="cpu").settings("data")["data"]
    assert not {"digest", "path"} & set(plain)


# ---------------------------------------------------------------- a whole run


@pytest.fixture(scope="module")
def finished(packed, tmp_path_factory) -> Run:
    """Teacher, supernet, generator, specialised networks and results, by the command line."""
    root = tmp_path_factory.mktemp("runs")
    words = [word for override in overrides(packed) for word in ("--set", override)]
    assert cli.main(["run", "--profile", "imagenet-10", "--runs", str(root), "--device", "cpu", "--quiet", *words]) == 0
    return run_on(packed, root)


def test_photographs_go_through_every_stage(finished, packed):
    record = records.read_record(finished.folder("results") / "record.json", "results")
    result = record["result"]
    assert [row["n"] for row in result["rows"]] == [9] * 20  # 6 classes of one or two test photographs
    assert {len(result["comparisons"]), result["comparisons"][0]["n"] // 90} == {2, 1}
    assert result["test_digest"] == open_packed(packed)["test"].digest
    assert record["settings"]["data"]["digest"] == sources.pack_digest(finished.profile.data)
    assert result_tables.results_table(record, finished.tasks).shape[0] > 0


def test_a_run_that_is_stopped_after_every_step_gives_the_same_bits(finished, packed, tmp_path):
    run = replace(run_on(packed, tmp_path), deadline=0.0)
    sittings = 1
    while True:
        try:
            network, _ = trained.supernet(run)
            break
        except Stopped:
            sittings += 1
    assert sittings > 4
    assert bits(network.state_dict()) == bits(trained.supernet(finished)[0].state_dict())


def test_a_released_profile_has_the_key_of_its_run_without_the_photographs(finished, tmp_path):
    path = tmp_path / "profile.yaml"
    path.write_text(releases_publish.profile_text(finished))
    profile = profiles.load(str(path))
    run = Run(profile, finished.seed, tmp_path)
    assert profile.data.path is None and run.key("results") == finished.key("results")
    with pytest.raises(DataError, match="data.path: not set"):
        run.splits("train")


def test_a_cached_teacher_sees_every_photograph_once(finished, splits):
    network, _ = trained.teacher(finished)
    logits = teacher_logits(network.eval(), splits[0], batch_size=50)
    assert logits.shape == (140, 60) and torch.isfinite(logits).all()


def test_the_command_line_says_in_one_line_what_is_missing(tmp_path, capsys):
    words = ("--profile", "imagenet-10", "--runs", str(tmp_path), "--device", "cpu")
    for command in (("run",), ("report",), ("specialize", "--task", "Dog", "--budget", "300")):
        assert cli.main([*command, *words]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "data.path: not set" in line and "eas prepare" in line


def test_some_of_the_photographs_are_what_they_are_in_the_whole(splits):
    whole = next(split for split in splits if split.name == "train")
    learn, rank = parted(whole, 1)
    assert len(learn) + len(rank) == len(whole) and len(rank) == 60
    assert not learn.fingerprints() & rank.fingerprints()
    last = (whole.labels.diff() != 0).nonzero().flatten().tolist() + [len(whole) - 1]  # of each class
    assert torch.equal(rank.images[:], whole.images[torch.tensor(last)])
    part = rank.at(torch.tensor([3, 5]))  # a part of a part
    assert torch.equal(part.images[:], rank.images[torch.tensor([3, 5])]) and part.labels.tolist() == [3, 5]
    assert part.fingerprints() < rank.fingerprints() and part.to("cpu").images.shape == (2, 3, SIZE, SIZE)
