"""imagenet-10 and imagenet-12 are the paper's Tables IV and V: its classes, its order, its numbers of images."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from helpers import one_line

from data_prep import imagenet
from eas_core import cli
from eas_core.base.errors import DataError
from eas_core.data import sources, splits
from eas_core.data.tasks import TaskSet
from eas_core.evidence.paper import PAPER_DATA
from eas_core.settings import profiles
from eas_core.show import data_tables

FACTS = Path(__file__).resolve().parents[2] / "shared" / "facts"
SOURCES = {  # source: the paper's name, its list of classes among the facts, tasks, classes a task, training images
    "imagenet-10": ("ImageNet-10", "paper_table_4_imagenet10_classes.csv", 10, 6, 77_237),
    "imagenet-12": ("ImageNet-12", "paper_table_5_imagenet12_classes.csv", 12, 20, 308_494),
}
PAIRS = [(source, *facts) for source, facts in SOURCES.items()]

# Names that other things bear too, looked up by hand: (task, class) -> wnid
HARD = {
    "imagenet-10": {
        ("Cat", "Jaguar"): "n02128925",
        ("Cat", "Lynx"): "n02127052",
        ("Cat", "Cougar"): "n02125311",  # not the jaguar, which is a panther too
        ("Cat", "Leopard"): "n02128385",  # not the snow leopard
        ("Cat", "Lion"): "n02129165",  # not the sea lion
        ("Bird", "Cock"): "n01514668",
        ("Bird", "Hen"): "n01514859",
        ("Fruit", "Corn"): "n12144580",  # not the ear
        ("Fruit", "Hip"): "n12620546",
        ("Fruit", "Granny Smith"): "n07742313",
        ("Fungus", "Agaric"): "n12998815",  # not the mushroom
        ("Fungus", "Hen-of-the-woods"): "n13052670",
        ("Car", "Cab"): "n02930766",
        ("Truck", "Police van"): "n03977966",  # not the moving van
        ("Boat", "Gondola"): "n03447447",
    },
    "imagenet-12": {
        ("Clothing", "Cardigan"): "n02963159",  # not the Cardigan Welsh corgi
        ("Clothing", "Bow tie"): "n02883205",  # not the bow
        ("Clothing", "Bearskin"): "n02817516",  # not the bear
        ("Instrument", "Harp"): "n03495258",  # not the harmonica, or mouth harp
        ("Instrument", "Harmonica"): "n03494278",
        ("Instrument", "Gong"): "n03447721",
        ("Instrument", "Chime"): "n03017168",
        ("Instrument", "Organ"): "n03854065",
        ("Instrument", "Drum"): "n03249569",  # not the drumstick
        ("Bird", "Kite"): "n01608432",
        ("Bird", "Robin"): "n01558993",
        ("Bird", "Vulture"): "n01616318",
        ("Carnivore", "Jaguar"): "n02128925",
        ("Carnivore", "Lynx"): "n02127052",
        ("Carnivore", "Cougar"): "n02125311",
        ("Carnivore", "Tiger"): "n02129604",  # not the tiger cat
        ("Insect", "Walking stick"): "n02231487",
        ("Insect", "Fly"): "n02190166",
        ("Insect", "Cricket"): "n02229544",
        ("Structure", "Brass"): "n02892201",
        ("Structure", "Coil"): "n03065424",
        ("Furniture", "File"): "n03337140",
        ("Furniture", "Crib"): "n03131574",
        ("Vehicle", "Amphibian"): "n02704792",
        ("Vehicle", "Barrow"): "n02797295",
        ("Food", "Mushroom"): "n07734744",  # not the agaric
        ("Food", "Orange"): "n07747607",
        ("Primate", "Madagascar cat"): "n02497673",  # not the indri
        ("Reptile", "Loggerhead"): "n01664065",
    },
}
CRANES = {"n02012849", "n03126707"}  # the bird and the machine; neither is in the paper's tables


def facts(name: str) -> list[dict[str, str]]:
    if not (FACTS / name).exists():
        pytest.skip(f"{FACTS / name} is not there: lists of the paper's and ImageNet's classes, not part of the kit")
    with open(FACTS / name, encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def listed(source: str) -> list[tuple[str, str, str]]:
    """(task, class name, wnid) of every class, in order."""
    return [(task, imagenet.CLASS_NAMES[w], w) for task, group in imagenet.TASKS[source].items() for w in group]


# ---------------------------------------------------------------- the mapping


@pytest.mark.parametrize(("source", "paper", "_", "tasks", "each", "train"), PAIRS)
def test_tasks_and_images_are_as_many_as_the_paper_says(source, paper, _, tasks, each, train):
    groups = imagenet.TASKS[source]
    assert len(groups) == tasks and {len(group) for group in groups.values()} == {each}
    wnids = [wnid for group in groups.values() for wnid in group]
    assert sum(imagenet.TRAIN_IMAGES[wnid] for wnid in wnids) == train
    assert imagenet.TEST_PER_CLASS * len(wnids) == PAPER_DATA[paper].test_images


@pytest.mark.parametrize("source", SOURCES)
def test_no_two_classes_share_a_wnid_or_a_name(source):
    _, names, wnids = zip(*listed(source), strict=True)
    assert len(set(wnids)) == len(wnids) and len(set(names)) == len(names)
    assert not CRANES & set(wnids)


@pytest.mark.parametrize(("source", "_", "file", "tasks", "each", "train"), PAIRS)
def test_tasks_and_classes_stand_in_the_papers_order_and_words(source, _, file, tasks, each, train):
    assert [(row["task"], row["class_name"]) for row in facts(file)] == [row[:2] for row in listed(source)]


@pytest.mark.parametrize("source", SOURCES)
def test_every_class_is_one_of_imagenets_and_carries_its_name_and_its_number_of_images(source):
    known = {row["wnid"]: row for row in facts("imagenet1k_classes.csv")}
    for _, name, wnid in listed(source):
        assert name.lower() in known[wnid]["names"].lower().split(", ")
        assert imagenet.TRAIN_IMAGES[wnid] == int(known[wnid]["n_train"])


@pytest.mark.parametrize("source", SOURCES)
def test_only_names_that_were_told_apart_by_hand_fit_several_classes(source):
    fitting: dict[str, set[str]] = {}
    for row in facts("imagenet1k_classes.csv"):
        for name in row["names"].lower().split(", "):
            fitting.setdefault(name, set()).add(row["wnid"])
    several = {name for _, name, _ in listed(source) if len(fitting[name.lower()]) > 1}
    assert several == {"imagenet-10": set(), "imagenet-12": {"Cardigan", "Gong", "Harp"}}[source]


@pytest.mark.parametrize("source", SOURCES)
def test_names_that_are_easily_mistaken_are_the_class_that_the_task_means(source):
    found = {(task, name): wnid for task, name, wnid in listed(source)}
    assert {what: found[what] for what in HARD[source]} == HARD[source]


def test_a_class_of_both_data_sets_is_the_same_in_both():
    ten, twelve = (data_tables.paper_classes_table(name) for name in ("ImageNet-10", "ImageNet-12"))
    columns = ["class", "training images"]
    ten, twelve = (table[:-1].reset_index().set_index("id")[columns] for table in (ten, twelve))
    both = ten.index.intersection(twelve.index)
    assert len(both) == 38 and ten.loc[both].equals(twelve.loc[both])


# ---------------------------------------------------------------- profiles and the command line


@pytest.mark.parametrize(("source", "_", "file", "tasks", "each", "train"), PAIRS)
def test_the_profiles_have_as_many_classes_as_their_data(source, _, file, tasks, each, train):
    profile = profiles.load(source)
    assert profile.data.source == source and profile.space.num_classes == tasks * each
    assert sources.class_ids(profile.data) == imagenet.TASKS[source]
    assert list(sources.task_set(profile.data).class_names) == [name for _, name, _ in listed(source)]


def test_eas_tasks_prints_wnids_as_json_and_names_as_text(capsys):
    assert cli.main(["tasks", "--profile", "imagenet-10", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert {task: tuple(wnids) for task, wnids in printed.items()} == imagenet.TASKS["imagenet-10"]
    assert list(printed)[:3] == ["Dog", "Bird", "Insect"] and printed["Dog"][0] == "n02085620"
    assert cli.main(["tasks", "--profile", "imagenet-12"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 12 and lines[0].startswith("Dog: Chihuahua, Japanese spaniel, Maltese dog, ")


def test_eas_tasks_prints_the_names_of_tiny_imagenets_classes_too(capsys):
    assert cli.main(["tasks", "--profile", "tiny-imagenet-10"]) == 0
    assert capsys.readouterr().out.startswith("Dog: Chihuahua, Yorkshire terrier, ")


@pytest.mark.parametrize("source", SOURCES)
def test_photographs_that_are_not_packed_yet_are_one_line_and_leave_nothing_behind(source, tmp_path):
    with pytest.raises(DataError) as error:
        splits.load(profiles.load(source).data, 224, tmp_path)
    assert f"data.path: not set; make it with eas prepare --profile {source} " in one_line(error.value)
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------- tables


@pytest.mark.parametrize(("source", "paper", "_", "tasks", "each", "train"), PAIRS)
def test_the_papers_table_of_classes_ends_in_its_totals(source, paper, _, tasks, each, train):
    table = data_tables.paper_classes_table(paper)
    assert [(task, name, wnid) for (task, name), wnid in table["id"].items()][:-1] == listed(source)
    assert table.index[-1] == ("total", f"{tasks * each} classes")
    assert table.iloc[-1].tolist() == ["", train, PAPER_DATA[paper].test_images]
    assert set(table["test images"][:-1]) == {imagenet.TEST_PER_CLASS}


def test_a_profiles_classes_have_images_of_every_split_by_class_number():
    tasks = TaskSet(("cats", "dogs"), ((2, 0), (1,)), ("lion", "pug", "lynx"))
    ids = {"cats": ("n2", "n0"), "dogs": ("n1",)}
    table = data_tables.classes_table(tasks, ids, {"test": 5, "valid": np.array([1, 2, 3]), "train": [10, 20, 30]})
    assert table.index.tolist() == [("cats", "lynx"), ("cats", "lion"), ("dogs", "pug"), ("total", "3 classes")]
    assert table.columns.tolist() == ["id", "training images", "validation images", "test images"]
    assert table["id"].tolist() == ["n2", "n0", "n1", ""]
    assert table["training images"].tolist() == [30, 10, 20, 60]
    assert table["validation images"].tolist() == [3, 1, 2, 6]
    assert table["test images"].tolist() == [5, 5, 5, 15]


def test_classes_without_ids_of_their_own_have_no_such_column():
    settings = profiles.load("smoke").data
    counts = {"train": settings.train_per_class, "test": settings.test_per_class}
    table = data_tables.classes_table(sources.task_set(settings), sources.class_ids(settings), counts)
    assert table.columns.tolist() == ["training images", "test images"] and len(table) == 61
    assert table.loc[("total", "60 classes"), "test images"] == 60 * settings.test_per_class
