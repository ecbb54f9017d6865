"""A stage's key holds what the stage reads and nothing else, and results that change have another version."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import tiny
import torch

from eas_core.base.errors import EASError
from eas_core.network.subnetwork import Network
from eas_core.runs import ofa, pipeline, specialized, tested, trained
from eas_core.runs import results as evaluated
from eas_core.runs.run import Run
from eas_core.search import evaluate
from eas_core.settings import profiles, schema
from eas_core.settings.stages import NO_RESULT, STAGES, lineage, settings_of, versions
from eas_core.space.search_space import LARGEST, SearchSpace

OTHER = [  # of every choice the one that smoke does not take, and every option that it leaves off
    "data.augment=crop",
    "teacher.optimizer={kind: sgd, lr: 0.01}",
    "teacher.label_smoothing=0.1",
    "supernet.optimizer={kind: sgd, lr: 0.01}",
    "supernet.cached_teacher=false",
    "supernet.subnets_per_step=2",
    "supernet.task_dropout.reading=zero",
    "generator.optimizer={kind: sgd, lr: 0.01}",
    *(
        "generator.schedule=cosine",
        "generator.averaging=0.9",
        "generator.estimator=second-order",
        "generator.loss=error",
    ),
    *("amortised.optimizer={kind: sgd, lr: 0.01}", "specialize.images_per_class=1"),
    "pairs={count: 10, costs: uniform, images_per_class: null}",
    "predictor={epochs: 2, batch_size: 4, hidden: 16, optimizer: {kind: adamw, lr: 0.01}}",
]


# ---------------------------------------------------------------- which settings a stage reads


@contextmanager
def noted(profile: schema.Profile) -> Iterator[set[str]]:
    """The settings of a profile that are read meanwhile, as ``section.key``.

    A section that is dumped, copied, compared or hashed as a whole is not read. What a copy of a section is asked for has
    no path, and is noted as ``a copy of ...``: no key holds it.
    """
    paths, found = {}, set()

    def walk(section: schema.Settings, path: str) -> None:
        paths[id(section)] = path
        for name, value in vars(section).items():
            for part in value if isinstance(value, tuple) else (value,):
                if isinstance(part, schema.Settings):
                    walk(part, f"{path}{name}.")

    walk(profile, "")

    def read_setting(self, name):
        value = object.__getattribute__(self, name)
        if name in type(self).model_fields and not isinstance(value, schema.Settings):
            found.add(paths.get(id(self), f"a copy of {type(self).__name__}: ") + name)
        return value

    def read_space(self, name):
        by_itself = sys._getframe(1).f_locals.get("self") is self  # its own check, hash and comparison
        if name in SearchSpace.__dataclass_fields__ and not by_itself:
            found.add(f"space.{name}")
        return object.__getattribute__(self, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema.Settings, "__getattribute__", read_setting, raising=False)
        patch.setattr(SearchSpace, "__getattribute__", read_space, raising=False)
        yield found


def read_by_stages(run: Run) -> dict[str, set[str]]:
    """What each stage reads while it is made, all that it depends on being there already."""
    found = {}
    for stage in list(STAGES)[1:]:
        with noted(run.profile) as found[stage]:
            tiny.make(run, stage)
    return found


def not_in_key(read: set[str], settings: list[str]) -> set[str]:
    return {name for name in read - set(NO_RESULT) if not tiny.reads(name, settings)}


def never_read(read: set[str], settings: tuple[str, ...]) -> set[str]:
    every = {name for name, _ in tiny.leaves(schema.Profile)}
    whole = {name for name in every if any(other.startswith(f"{name}.") for other in every)}
    return {name for name in every - whole - set(NO_RESULT) if tiny.reads(name, settings)} - read


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    return tiny.make_run(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def read(run) -> list[dict[str, set[str]]]:
    """What stages read in the tiny run and in one in which all choices are others."""
    return [read_by_stages(run), read_by_stages(tiny.make_run(run.root, *OTHER))]


def test_a_stage_reads_nothing_that_its_key_does_not_hold(read):
    for found in read:
        for stage, names in found.items():
            assert not not_in_key(names, settings_of(stage)), stage


def test_a_key_holds_nothing_that_its_stage_does_not_read(read):
    both = {stage: read[0][stage] | read[1][stage] for stage in read[0]}
    for stage, names in both.items():
        assert not never_read(names, STAGES[stage].settings), stage
    assert not never_read(set.union(*both.values()), STAGES["data"].settings)


def test_a_setting_that_is_read_and_left_out_or_the_other_way_round_is_found(read):
    old = ["data", "space", "teacher", "supernet", "calibration", "generator.budget", "pairs"]
    assert not_in_key(read[0]["pairs"], old) == {"evaluation.cost_window", "specialize.images_per_class"}
    assert never_read(read[0]["pairs"] | read[1]["pairs"], ("pairs",)) == {"pairs.hold_out"}
    assert never_read(read[0]["generator"], ("generator", "calibration")) == {
        "calibration.images",
        "calibration.batch_size",
        "generator.optimizer.momentum",  # of SGD only
    }


def test_dumping_a_section_is_not_reading_it_and_a_copy_hides_nothing(run):
    with noted(run.profile) as found:
        run.settings("results")
        assert run.profile.pairs == run.profile.pairs.model_copy()
    assert {name.split(".")[0] for name in found} <= {"data"}  # source and path, for which photographs they are
    with noted(run.profile) as found:
        _ = run.profile.pairs.model_copy(update={"count": 11}).count
    assert not_in_key(found, ["pairs"])


@pytest.mark.parametrize("name", profiles.names())
def test_the_two_runs_take_every_choice_that_a_profile_takes(run, name):
    def choices(profile):
        """Texts, truth values and what is not given, of single settings."""
        found = set()
        for path, _ in tiny.leaves(schema.Profile):
            value = profile
            for part in path.split("."):
                value = getattr(value, part, None) if not isinstance(value, tuple) else None
            if isinstance(value, str | bool) or value is None:
                found.add((path, value))
        return found

    taken = choices(run.profile) | choices(tiny.make_run(run.root, *OTHER).profile)
    apart = ("name", "data", "space")  # which images: these sections are in every key as a whole
    assert {entry for entry in choices(profiles.load(name)) - taken if not tiny.reads(entry[0], apart)} == set()


# ---------------------------------------------------------------- keys


def test_the_window_of_costs_makes_pairs_again_and_what_they_do_not_read_does_not(run):
    assert tiny.make_run(run.root, "evaluation.cost_window=0.03").key("pairs") != run.key("pairs")
    assert tiny.make_run(run.root, "pairs.hold_out=0.5").key("pairs") == run.key("pairs")
    assert tiny.make_run(run.root, "calibration.images=40").key("generator") == run.key("generator")
    assert tiny.make_run(run.root, "generator.steps=4").key("multi_path") == run.key("multi_path")


def test_a_setting_at_its_default_is_not_in_the_key_but_in_the_record(run):
    given = tiny.make_run(run.root, "supernet.warmup=0.0", "predictor.layers=3", "data.min_area=0.35")
    assert [given.key(stage) for stage in STAGES] == [run.key(stage) for stage in STAGES]
    assert tiny.make_run(run.root, "supernet.warmup=0.1").key("supernet") != run.key("supernet")
    assert run.settings("supernet")["supernet"]["warmup"] == 0.0


def test_the_name_of_a_training_stage_is_a_label(run):
    stages = run.profile.supernet.model_dump()["stages"]
    first = {**stages[0], "name": "another"}
    named = tiny.make_run(run.root, "supernet.stages=" + json.dumps([first, *stages[1:]]))
    assert named.key("results") == run.key("results") and named.settings("supernet") != run.settings("supernet")


def test_an_option_that_is_off_by_default_renames_no_folder(run):
    class Supernet(schema.Supernet):
        newly_invented: bool = False

    class Section(schema.Settings):
        on: bool = False

    class Profile(schema.Profile):
        supernet: Supernet
        section: Section = Section()

    later = Profile(**run.profile.model_dump())
    sections = [*settings_of("results"), "section"]
    assert later.dump(*sections, whole=False) == run.profile.dump(*sections[:-1], whole=False)
    later = Profile(**later.model_dump() | {"section": {"on": True}})
    assert later.dump(*sections, whole=False)["section"] == {"on": True}


def test_a_key_holds_the_versions_of_all_that_a_stage_depends_on(run, monkeypatch):
    before = {stage: run.key(stage) for stage in STAGES}
    cache = sorted((run.root / "data").iterdir())
    raised = replace(STAGES["supernet"], version=STAGES["supernet"].version + 1)
    monkeypatch.setitem(STAGES, "supernet", raised)
    changed = {stage for stage in STAGES if run.key(stage) != before[stage]}
    assert changed == {stage for stage in STAGES if "supernet" in lineage(stage)}
    monkeypatch.setitem(STAGES, "data", replace(STAGES["data"], version=99))
    run.splits("train")
    assert len(list((run.root / "data").iterdir())) == len(cache) + 1, "images of another version were reused"


def test_records_say_their_versions(run, read):
    record = evaluated.results(run)
    assert record["provenance"]["stages"] == versions("results") == {s: STAGES[s].version for s in lineage("results")}
    same = tested.tested_as(run.variant(q=0.6), run)
    assert same["provenance"]["stages"] == versions("tested-EAS")


def test_the_same_architectures_need_the_run_that_they_are_of(run):
    with pytest.raises(EASError, match=r"^base: None, but tested-same needs the run[^\n]*$"):
        pipeline.make(run, "tested-same")


# ---------------------------------------------------------------- results


@pytest.fixture(scope="module")
def results(run, read) -> dict[str, dict]:
    return {stage: tiny.result_of(run, stage) for stage in STAGES}


def test_the_tiny_run_has_something_to_choose_from(results):
    assert max(results["specialized"]["rows.candidates"]["rows"]) == 2


@pytest.fixture
def stored() -> dict:
    return json.loads(tiny.STORED.read_text())


def test_results_are_those_stored_or_have_another_version(results, stored):
    assert not (found := tiny.unraised(stored, results)), f"{found[0]}, then store anew: {tiny.COMMAND}"


def test_defaults_are_those_stored_or_have_another_version(stored):
    now = {stage: versions(stage) for stage in STAGES}
    found = tiny.unraised_defaults(stored, tiny.defaults(), now)
    assert not found, f"{found[0]}, then store anew: {tiny.COMMAND}"


def test_what_is_stored_is_of_these_versions(stored):
    kept = {stage: entry["versions"] for stage, entry in stored["stages"].items()}
    assert kept == {stage: versions(stage) for stage in STAGES}, f"store anew: {tiny.COMMAND}"
    assert stored["defaults"].keys() == tiny.defaults().keys(), f"store anew: {tiny.COMMAND}"


@pytest.mark.parametrize(
    "stage, change",
    [
        ("data", "data.seed=1"),
        ("teacher", "teacher.label_smoothing=0.02"),
        ("teacher", "teacher.optimizer.weight_decay=0.2"),
        ("teacher", "data.shift=1"),
        ("supernet", "supernet.distillation=0.98"),
        ("supernet", "supernet.task_dropout.q=0.58"),
        ("generator", "generator.aim=0.9"),
        ("multi_path", "generator.aim=0.9"),
        ("specialized", "specialize.tolerance=0.02"),
        ("tested-EAS", "calibration.batch_size=12"),
        ("pairs", "pairs.costs=uniform"),
        ("predictor", "predictor.optimizer={kind: sgd, lr: 0.09, weight_decay: 1.0e-4}"),
        ("evolved", "evolution.mutation=0.2"),
        ("results", "calibration.images=23"),
    ],
)
def test_a_changed_recipe_is_noticed(run, read, stored, stage, change):
    """Settings stand in for code here: the version is the same, the result is another."""
    changed = tiny.make_run(run.root, change)
    (line,) = tiny.unraised(stored, {stage: tiny.result_of(changed, stage)})
    assert f"stage {stage} changed" in line and "raise its version" in line


def test_a_raised_version_may_have_another_result_and_another_default(results, stored):
    stored["stages"]["supernet"]["versions"]["supernet"] -= 1
    changed = {name: {**entry, "count": entry["count"] + 1} for name, entry in results["supernet"].items()}
    assert not tiny.unraised(stored, {"supernet": changed})
    assert tiny.unraised(stored, {"teacher": changed})
    now = {stage: versions(stage) for stage in STAGES}
    other = {**tiny.defaults(), "supernet.warmup": 0.1}
    stages = [line.split(" of ")[2].split(" in ")[0] for line in tiny.unraised_defaults(stored, other, now)]
    assert "supernet" not in stages and "generator" in stages and "teacher" not in stages
    assert "the default of data.shift" in tiny.unraised_defaults(stored, {**other, "data.shift": 3}, now)[0]


# ---------------------------------------------------------------- the size of a batch


def test_every_stage_scores_as_many_images_at_a_time_as_the_profile_says(run, read, monkeypatch, tmp_path):
    """And calibrates with as many as it says; networks of other stages than these are no ``Network``."""
    sizes: dict[bool, set[int]] = {True: set(), False: set()}
    forward = Network.forward

    def counted(self, images, *args, **kwargs):
        sizes[self.training].add(len(images))
        return forward(self, images, *args, **kwargs)

    monkeypatch.setattr(Network, "forward", counted)
    other = tiny.make_run(run.root, "evaluation.batch_size=5", "pairs.images_per_class=2", "calibration.batch_size=9")
    for make in (specialized.specialized, ofa.pairs, evaluated.results):
        make(other)
        assert max(sizes[False]) == 5 and max(sizes[True]) == 9, make.__name__
        sizes[False].clear()
    specialized.specialize_one(other, 0, 3.6)
    assert max(sizes[False]) == 5


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_the_size_of_a_batch_and_the_company_of_an_image_change_its_score_to_rounding(run, read, batch_size):
    weights, _ = trained.supernet(run)
    train, test = run.splits("train", "test")
    network = specialized.network_of(run, weights, LARGEST, train)
    whole = evaluate.score(network, test, run.tasks, batch_size=32)
    index = torch.arange(len(test)).flip(0)[:50]
    some = evaluate.score(network, test, run.tasks, index, batch_size)
    torch.testing.assert_close(some.loss, whole.loss[index], rtol=1e-4, atol=1e-5)
    assert (some.correct == whole.correct[index]).float().mean() >= 0.98  # a tie may fall to either side
    assert torch.equal(some.task, whole.task[index])
