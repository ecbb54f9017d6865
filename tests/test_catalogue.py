"""A new data set is one entry of the catalogue: nothing else asks which source it is."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
from helpers import one_line

from data_prep import catalogue
from data_prep.catalogue import SOURCES, Source, Wanted
from data_prep.partition import partition
from eas_core.base.errors import DataError
from eas_core.data import sources, splits
from eas_core.runs.run import Run
from eas_core.settings import profiles, schema

ROOT = Path(__file__).resolve().parent.parent
ENTRY = Path(catalogue.__file__)


def stripes(wanted: Wanted) -> dict:
    """Two classes: the label is the brightness of every second row."""
    labels = np.repeat(np.arange(2), 10)
    images = np.zeros((20, 3, wanted.resolution, wanted.resolution), np.uint8)
    images[:, :, ::2] = (100 * labels + np.arange(20))[:, None, None, None]
    return partition((images[::2], labels[::2]), (images[1::2], labels[1::2]), wanted.per_class, wanted.seed)


def no_stripes(path: str) -> None:
    raise DataError(f"{path}: holds no stripes")


@pytest.fixture
def run(monkeypatch, tmp_path) -> Run:
    """A run of a data set that the library has never heard of."""
    monkeypatch.setitem(SOURCES, "stripes", Source({"rows": ("s0", "s1")}, stripes, {"s0": "dark"}, no_stripes))
    profile = profiles.load("smoke")
    counts = {"train_per_class": 3, "valid_per_class": 2, "test_per_class": 4}
    data = profile.data.model_copy(update={"source": "stripes", **counts})
    space = profile.space.model_copy(update={"num_classes": 2, "resolution": 8})
    return Run(profile.model_copy(update={"data": data, "space": space}), root=tmp_path, progress=False)


def test_a_new_data_set_is_one_entry(run):
    assert run.tasks.names == ("rows",) and run.tasks.class_names == ("dark", "s1")
    assert sources.class_ids(run.profile.data) == {"rows": ("s0", "s1")}
    train, valid, test = run.splits("train", "valid", "test")
    assert [split.counts(run.tasks) for split in (train, valid, test)] == [[3, 3], [2, 2], [4, 4]]
    assert not train.fingerprints() & valid.fingerprints()
    assert [split.digest for split in run.splits("train")] == [train.digest]  # prepared once
    assert run.key("teacher") != Run(profiles.load("smoke"), root=run.root).key("teacher")


def test_its_path_is_checked_before_an_image_is_read_and_only_until_splits_are_prepared(run):
    wrong = run.profile.data.model_copy(update={"path": "elsewhere"})
    with pytest.raises(DataError) as error:
        sources.check(wrong, 8, run.root / "data")
    assert one_line(error.value) == "elsewhere: holds no stripes"
    splits.load(wrong, 8, run.root / "data")
    sources.check(wrong, 8, run.root / "data")


def test_too_many_images_are_one_line(run):
    with pytest.raises(DataError) as error:
        splits.load(run.profile.data.model_copy(update={"train_per_class": 4}), 8, run.root / "data")
    assert one_line(error.value) == "data.train_per_class + data.valid_per_class = 6, but a class has only 5 images"


def named_sources(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value in set(SOURCES)}


@pytest.mark.parametrize("folder", ["eas_core", "data_prep"])
def test_no_other_module_asks_for_a_source_by_its_name(folder):
    """But the one that packs imagenet-10 and -12, which says whose tables these are."""
    found = {path for path in (ROOT / folder).rglob("*.py") if named_sources(path)}
    assert found <= {ENTRY, ROOT / "data_prep" / "imagenet" / "__init__.py"}


def test_every_source_can_be_named_by_a_profile_and_no_other():
    allowed = schema.Profile.model_json_schema()["$defs"]["Data"]["properties"]["source"]["enum"]
    assert allowed == list(SOURCES)
    assert set(schema.PACKED) == {name for name, source in SOURCES.items() if source.make is None}
