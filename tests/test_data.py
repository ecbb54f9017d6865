"""Splits are disjoint and stable, batches cover each epoch once, augmentation is a function of its generator."""

import hashlib
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import TASKS, one_line, random_split
from hypothesis import given
from hypothesis import strategies as st

from data_prep import tiny_imagenet
from data_prep.catalogue import SOURCES
from data_prep.partition import hold_out
from eas_core.base import records
from eas_core.base.errors import CheckpointError, DataError, EASError
from eas_core.base.random import rng
from eas_core.data import sources, splits
from eas_core.data.splits import MEAN, STD, augment, epoch_order, normalise
from eas_core.runs.run import make_run, plan
from eas_core.settings import profiles, schema
from eas_core.settings.stages import STAGES
from eas_core.training.train_supernet import batch, steps_of

SETTINGS = profiles.load("smoke").data


def with_settings(**changes) -> schema.Data:
    return SETTINGS.model_copy(update=changes)


def hashes(split: splits.Split) -> set[str]:
    return {hashlib.sha256(image.numpy().tobytes()).hexdigest() for image in split.images}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


def test_no_image_is_in_two_splits(cache):
    train, valid, test = map(hashes, splits.load(SETTINGS, 32, cache))
    assert not train & valid and not train & test and not valid & test
    assert len(train) == 60 * SETTINGS.train_per_class


def test_splits_have_the_sizes_asked_for_in_every_class(cache):
    for split in splits.load(SETTINGS, 32, cache):
        assert Counter(split.labels.tolist()) == dict.fromkeys(range(60), getattr(SETTINGS, f"{split.name}_per_class"))
        assert split.images.shape == (len(split), 3, 32, 32) and split.images.dtype == torch.uint8


def test_splits_are_the_same_when_made_again_and_their_digest_says_so(cache, tmp_path):
    for one, two in zip(splits.load(SETTINGS, 32, cache), splits.load(SETTINGS, 32, tmp_path), strict=True):
        assert one.digest == two.digest and torch.equal(one.images, two.images)
        content = one.images.numpy().tobytes() + one.labels.numpy().tobytes()
        assert one.digest == hashlib.sha256(content).hexdigest()


def test_another_data_seed_draws_other_images(cache, tmp_path):
    (one,) = splits.load(SETTINGS, 32, cache, ("test",))
    (two,) = splits.load(with_settings(seed=1), 32, tmp_path, ("test",))
    assert one.digest != two.digest and not hashes(one) & hashes(two)


def test_more_training_images_leave_the_test_split_alone(cache, tmp_path):
    (one,) = splits.load(SETTINGS, 32, cache, ("test",))
    (two,) = splits.load(with_settings(train_per_class=3), 32, tmp_path, ("test",))
    assert one.digest == two.digest


def test_prepared_splits_are_reused(cache, monkeypatch):
    splits.load(SETTINGS, 32, cache)
    monkeypatch.setitem(SOURCES, "shapes10", replace(SOURCES["shapes10"], make=lambda _: pytest.fail("prepared again")))
    splits.load(SETTINGS, 32, cache)
    splits.load(with_settings(augment="crop", shift=3), 32, cache)  # augmentation is no part of the images


def test_splits_of_which_one_is_missing_are_prepared_again(cache, tmp_path):
    whole = splits.load(SETTINGS, 16, tmp_path)
    (folder,) = tmp_path.iterdir()
    (folder / "test.safetensors").unlink()
    again = splits.load(SETTINGS, 16, tmp_path)
    assert [split.digest for split in again] == [split.digest for split in whole]
    assert (folder / "test.safetensors").exists()


def test_a_prepared_split_cut_short_is_one_line(tmp_path):
    settings = with_settings(train_per_class=1, valid_per_class=1, test_per_class=1)
    splits.load(settings, 16, tmp_path)
    (path,) = tmp_path.glob("*/train.safetensors")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError) as error:
        splits.load(settings, 16, tmp_path)
    assert str(path) in one_line(error.value)


def test_a_prepared_split_without_a_digest_is_one_line(tmp_path):
    splits.load(SETTINGS, 16, tmp_path)
    (path,) = tmp_path.rglob("test.safetensors")
    tensors, _ = records.load_tensors(path)
    records.save_tensors(path, tensors)
    with pytest.raises(DataError, match="has no digest; remove it") as error:
        splits.load(SETTINGS, 16, tmp_path)
    assert one_line(error.value)


def test_without_a_path_and_a_network_photographs_are_asked_for_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(tiny_imagenet.urllib.request, "urlopen", no_network)
    with pytest.raises(DataError) as error:
        splits.load(with_settings(source="tiny-imagenet"), 32, tmp_path)
    assert "data.path" in one_line(error.value)


def no_network(*_, **__):
    raise OSError("no network")


def photographs(path, resolution):
    """Eight training and four test images a class instead of what ``path`` holds."""
    train, test = (np.repeat(np.arange(60), n) for n in (8, 4))
    images = [np.zeros((len(labels), 3, resolution, resolution), np.uint8) for labels in (train, test)]
    return tiny_imagenet.Photographs(images[0], train, images[1], test, [], [])


def test_without_a_path_the_official_zip_is_downloaded_into_the_cache(tmp_path, monkeypatch):
    fetched = []
    monkeypatch.setattr(tiny_imagenet, "download", lambda folder: fetched.append(folder) or "the.zip")
    monkeypatch.setattr(tiny_imagenet, "load", lambda path, size: fetched.append(path) or photographs(path, size))
    settings = with_settings(source="tiny-imagenet", train_per_class=5, valid_per_class=3, test_per_class=4)
    train, valid, test = splits.load(settings, 8, tmp_path)
    assert fetched == [tmp_path, "the.zip"]
    assert (len(train), len(valid), len(test)) == (300, 180, 240)


@pytest.mark.parametrize(
    ("counts", "said"),
    [((6, 3, 4), "data.train_per_class + data.valid_per_class = 9"), ((5, 3, 5), "data.test_per_class = 5")],
)
def test_more_images_than_a_class_has_are_one_line(tmp_path, monkeypatch, counts, said):
    monkeypatch.setattr(tiny_imagenet, "load", photographs)
    names = ("train_per_class", "valid_per_class", "test_per_class")
    settings = with_settings(source="tiny-imagenet", path="the.zip", **dict(zip(names, counts, strict=True)))
    with pytest.raises(DataError) as error:
        splits.load(settings, 8, tmp_path)
    assert said in one_line(error.value)


LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(5), 30))


@given(st.integers(0, 29), st.integers(0, 1000))
def test_held_out_images_are_disjoint_and_as_many_in_each_class(per_class, seed):
    train, valid = hold_out(LABELS, per_class, seed)
    assert sorted([*train, *valid]) == list(range(len(LABELS)))
    assert (np.bincount(LABELS[valid], minlength=5) == per_class).all()


def test_held_out_images_depend_on_the_seed_only():
    one, two, other = (hold_out(LABELS, 10, seed)[1].tolist() for seed in (7, 7, 8))
    assert one == two != other


def test_images_of_a_task_are_those_whose_class_belongs_to_it():
    split = random_split(per_class=2)
    assert split.of_task(TASKS, 1).tolist() == [6, 7, 8, 9]


def test_normalising_uses_imagenets_statistics():
    images = torch.zeros(1, 3, 2, 2, dtype=torch.uint8)
    images[:, :, 0, 0] = 255
    out = normalise(images)
    torch.testing.assert_close(out[0, :, 1, 1], torch.tensor([-m / s for m, s in zip(MEAN, STD, strict=True)]))
    torch.testing.assert_close(out[0, :, 0, 0], torch.tensor([(1 - m) / s for m, s in zip(MEAN, STD, strict=True)]))
    assert out.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("kind", ["shift", "crop"])
def test_augmentation_keeps_the_shape_and_is_a_function_of_its_generator(kind):
    settings, images = with_settings(augment=kind), random_split().images
    one, two, other = (augment(images, settings, rng(0, name)) for name in ("a", "a", "b"))
    assert one.shape == images.shape and one.dtype == torch.float32 and torch.isfinite(one).all()
    assert torch.equal(one, two) and not torch.equal(one, other)
    assert not torch.equal(one, normalise(images))


def test_a_shift_of_zero_pixels_changes_nothing():
    images = random_split().images
    assert torch.equal(augment(images, with_settings(shift=0), rng(0)), normalise(images))


def test_a_shift_moves_each_image_by_whole_pixels():
    images = random_split().images
    moved, plain = augment(images, with_settings(shift=2), rng(0)), normalise(images)
    inner, offsets = moved[:, :, 4:-4, 4:-4], set()
    size = images.shape[-1]
    for i in range(len(images)):
        found = [
            (dy, dx)
            for dy in range(-2, 3)
            for dx in range(-2, 3)
            if torch.equal(inner[i], plain[i, :, 4 + dy : size - 4 + dy, 4 + dx : size - 4 + dx])
        ]
        assert len(found) == 1
        offsets.add(found[0])
    assert len(offsets) > 10


def test_about_half_of_the_crops_are_mirrored():
    images = torch.zeros(400, 3, 13, 13, dtype=torch.uint8)
    images[..., 7:] = 200  # the right half is bright
    out = augment(images, with_settings(augment="crop", min_area=0.9), rng(0))
    mirrored = out[..., :5].mean((1, 2, 3)) > out[..., -5:].mean((1, 2, 3))
    assert 150 < mirrored.sum() < 250  # 5 standard deviations


def test_a_crop_adds_no_colour():
    images = torch.full((8, 3, 13, 13), 77, dtype=torch.uint8)
    torch.testing.assert_close(augment(images, with_settings(augment="crop"), rng(0)), normalise(images))


def test_a_smaller_least_area_magnifies_more():
    ramp = torch.arange(0, 130, 10, dtype=torch.uint8).expand(200, 3, 13, 13).contiguous()
    slopes = []
    for area in (0.1, 0.9):
        out = augment(ramp, with_settings(augment="crop", min_area=area), rng(0))
        slopes.append((out[:, 0, 6, 8] - out[:, 0, 6, 4]).abs().mean().item())
    assert slopes[0] < 0.9 * slopes[1]


@given(st.integers(1, 300), st.integers(0, 20), st.integers(0, 5))
def test_an_epochs_order_is_a_permutation(n, epoch, seed):
    order = epoch_order(n, epoch, seed, "x")
    assert sorted(order.tolist()) == list(range(n))
    assert torch.equal(order, epoch_order(n, epoch, seed, "x"))


def test_epochs_seeds_and_names_have_their_own_orders():
    orders = {tuple(epoch_order(50, *which).tolist()) for which in ((0, 0, "a"), (1, 0, "a"), (0, 1, "a"), (0, 0, "b"))}
    assert len(orders) == 4


def test_an_epoch_shows_every_image_once(monkeypatch):
    monkeypatch.setattr(splits, "augment", lambda images, *_: images)
    split = random_split()  # 48 images: three batches of 16
    seen = torch.cat([batch(split, step, 16, SETTINGS, 0, "t")[0] for step in range(3)])
    assert Counter(x.numpy().tobytes() for x in seen) == Counter(x.numpy().tobytes() for x in split.images)


def test_images_keep_their_labels(monkeypatch):
    monkeypatch.setattr(splits, "augment", lambda images, *_: images)
    split = random_split()
    label_of = {x.numpy().tobytes(): y for x, y in zip(split.images, split.labels.tolist(), strict=True)}
    images, labels, index = batch(split, 4, 16, SETTINGS, 0, "t")
    assert [label_of[x.numpy().tobytes()] for x in images] == labels.tolist()
    assert torch.equal(images, split.images[index])


def test_steps_count_whole_batches():
    split = random_split()
    assert steps_of(2, split, 20) == 4 and steps_of(0.01, split, 20) == 1 and steps_of(3, split, 1000) == 3


def test_named_generators_are_independent_and_repeatable():
    names = ((0, "a"), (0, "a"), (0, "b"), (1, "a"), (0, "a", 1))
    drawn = [torch.rand(3, generator=rng(*name)).tolist() for name in names]
    assert drawn[0] == drawn[1] and len({tuple(d) for d in drawn}) == 4


def test_profiles_name_their_classes():
    assert list(sources.class_ids(SETTINGS)) == list(sources.task_set(SETTINGS).names)
    photographs = sources.class_ids(with_settings(source="tiny-imagenet"))
    assert len(photographs) == 10
    assert all(len(wnids) == 6 and wnids[0].startswith("n0") for wnids in photographs.values())


# ---------------------------------------------------------------- the validation split in two, images of each seed's own


def test_the_last_images_of_each_class_are_set_apart():
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2])
    images = torch.arange(9, dtype=torch.uint8)[:, None, None, None].expand(9, 3, 8, 8)
    learn, rank = splits.parted(splits.Split("valid", images, labels, "d"), 1)
    assert learn.labels.tolist() == [0, 0, 1, 2, 2, 2] and rank.labels.tolist() == [0, 1, 2]
    assert learn.images[:, 0, 0, 0].tolist() == [0, 1, 3, 5, 6, 7] and rank.images[:, 0, 0, 0].tolist() == [2, 4, 8]
    assert len({learn.digest, rank.digest, "d"}) == 3
    with pytest.raises(EASError, match="specialize.images_per_class: 2, but class 1 has 2 validation images"):
        splits.parted(splits.Split("valid", images, labels, "d"), 2)


def test_a_run_learns_from_all_validation_images_or_from_those_that_rank_no_candidates(tmp_path):
    whole = make_run("smoke", root=tmp_path, device="cpu")
    learn, rank = whole.validation()
    assert learn is rank and len(learn) == 60 * whole.profile.data.valid_per_class
    parts = make_run("smoke", root=tmp_path, device="cpu", overrides=["specialize.images_per_class=3"]).validation()
    assert [len(part) for part in parts] == [len(learn) - 180, 180]
    assert not parts[0].fingerprints() & parts[1].fingerprints()
    changed = {name for name in STAGES if whole.key(name) != _key("specialize.images_per_class=3", name, tmp_path)}
    assert {"generator", "pairs", "specialized", "reranked", "multi_path"} <= changed
    assert not changed & {"data", "teacher", "supernet"}


def _key(setting: str, stage: str, root) -> str:
    return plan("smoke", root=root, overrides=[setting]).key(stage)


def test_without_a_seed_of_its_own_the_data_are_drawn_with_the_runs(tmp_path):
    def of(seed, data_seed):
        return plan("smoke", seed, tmp_path, [f"data.seed={data_seed}"])

    for seed in (0, 7):  # 0 is the setting's default, which keys leave out
        for stage in ("data", "teacher", "tested-EAS"):
            assert of(seed, "null").folder(stage) == of(seed, seed).folder(stage)
            assert of(seed, "null").settings(stage) == of(seed, seed).settings(stage)
    assert [of(seed, "null").settings("data")["data"]["seed"] for seed in (7, 8)] == [7, 8]
    assert of(7, 5).settings("data")["data"] == of(8, 5).settings("data")["data"]
    (test,), (other,) = (replace(of(seed, "null"), device="cpu").splits("test") for seed in (7, 8))
    assert not test.fingerprints() & other.fingerprints()
    with pytest.raises(DataError, match="data.seed: null"):
        splits.load(of(7, "null").profile.data, 32, tmp_path / "elsewhere")
