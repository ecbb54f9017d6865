"""Jobs and variants of a run: what depends on what, what is shared, and that nothing measured is lost."""

from __future__ import annotations

import json
import shutil
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import one_line

from eas_core.base import checkpoints, files, records
from eas_core.base.errors import DataError, EASError
from eas_core.base.random import rng
from eas_core.runs import jobs, ofa, results, specialized, store, tested, trained
from eas_core.runs.run import make_run
from eas_core.search.evaluate import pack, score, unpack
from eas_core.settings import profiles
from eas_core.settings.stages import METHODS, STAGES, lineage
from eas_core.space.cost_tables import madds
from eas_core.space.search_space import Architecture, from_gates, sample
from eas_core.training.loop import Stopped


@pytest.mark.parametrize("name", profiles.names())
def test_jobs_come_after_what_they_need_and_cover_every_stage(name):
    planned = jobs.jobs(profiles.load(name))
    done: list[str] = []
    for job in planned:
        assert set(job.after) <= set(done), f"{job.name} comes before what it needs"
        done.append(job.name)
    assert len(set(done)) == len(done)
    stages = {stage for job in planned for stage in job.stages}
    assert set(STAGES) - {"data"} <= stages


def test_jobs_train_one_supernet_for_each_drop_rate_and_reading():
    profile = profiles.load("smoke", ["ablation={q: [0.0, 0.3, 0.6, 1.0], readings: [exclude, zero]}"])
    supernets = [(job.q, job.reading) for job in jobs.jobs(profile) if job.stages == ("supernet",)]
    assert sorted(supernets) == [(0.0, "exclude"), (0.3, "exclude"), (0.6, "exclude"), (0.6, "zero"), (1.0, "exclude")]


def test_a_variant_shares_the_teacher_and_nothing_after_it(smoke_run):
    variant = smoke_run.variant(q=0.0)
    assert variant.profile.supernet.task_dropout.q == 0 and smoke_run.profile.supernet.task_dropout.q == 0.6
    for stage in STAGES:
        shared = stage in ("data", "teacher")
        assert (variant.folder(stage) == smoke_run.folder(stage)) == shared
    assert smoke_run.variant() == smoke_run


def test_a_variant_is_what_the_override_asks_for(smoke_run):
    same = make_run("smoke", 0, smoke_run.root, ["supernet.task_dropout.q=0.25"], "cpu")
    assert same.folder("tested-EAS") == smoke_run.variant(q=0.25).folder("tested-EAS")


@pytest.mark.parametrize(
    "setting, first",  # the first stage that is made again, in the lineage of OFA-T
    [
        ("pairs.count=17", "pairs"),
        ("predictor.epochs=3", "predictor"),
        ("evolution.generations=3", "evolved"),
        ("pairs.hold_out=0.3", "predictor"),
        ("evaluation.cost_window=0.03", "pairs"),
        ("evaluation.batch_size=32", None),
        ("evaluation.random_architectures=1", None),
        ("generator.steps=13", None),
        ("specialize.samples=3", None),
    ],
)
def test_a_setting_makes_only_what_depends_on_it_again(smoke_run, setting, first):
    changed = make_run("smoke", 0, smoke_run.root, [setting], "cpu")
    line = lineage("tested-OFA-T")
    again = [stage for stage in line if changed.folder(stage) != smoke_run.folder(stage)]
    assert again == (line[line.index(first) :] if first else [])


def test_pairs_hold_what_each_network_reached_on_the_validation_images(smoke_run, smoke_evidence):
    tensors, record = ofa.pairs(smoke_run)
    settings = smoke_run.profile.pairs
    assert tensors["accuracy"].shape == (settings.count, len(smoke_run.tasks))
    architecture = from_gates(tensors["gates"][5:6].float())[0]
    weights, _ = trained.supernet(smoke_run)
    train, valid = smoke_run.splits("train", "valid")
    network = specialized.network_of(smoke_run, weights, architecture, train)
    kept = torch.cat([(valid.labels == c).nonzero().flatten()[: settings.images_per_class] for c in range(60)])
    scores = score(network, valid, smoke_run.tasks, kept)
    assert tensors["accuracy"][5].tolist() == pytest.approx([scores.accuracy(t) for t in range(10)])
    assert record["result"]["images"] == len(kept) == 60 * settings.images_per_class
    low, high = smoke_run.profile.generator.budget
    window = 1 + smoke_run.profile.evaluation.cost_window
    assert low / window <= record["result"]["madds"][0] < record["result"]["madds"][1] <= high * window


def copy_of(run, root, *stages: str):
    """The same run elsewhere, with only some stages made."""
    copy = replace(run, root=root)
    shutil.copytree(run.root / "data", root / "data")
    for stage in stages:
        shutil.copytree(run.folder(stage), copy.folder(stage))
    return copy


def test_interrupted_pairs_continue_and_end_alike(smoke_run, smoke_evidence, tmp_path):
    whole, _ = ofa.pairs(smoke_run)
    run = copy_of(smoke_run, tmp_path, "teacher", "supernet")
    with pytest.raises(Stopped, match="run again to continue"):
        ofa.pairs(replace(run, deadline=0.0))
    path = run.folder("pairs") / "checkpoint.pt"
    partial = checkpoints.load_checkpoint(path)
    assert len(partial["accuracy"]) == 1
    partial["accuracy"][0][0] = 0.125  # shows that what was measured before is used, not measured again
    checkpoints.save_checkpoint(path, {**partial, "seconds": 1.0})
    tensors, record = ofa.pairs(run)
    assert tensors["accuracy"][0, 0] == 0.125
    assert torch.equal(tensors["accuracy"][1:], whole["accuracy"][1:])
    assert torch.equal(tensors["gates"], whole["gates"])
    assert record["seconds"] > 1.0
    assert sorted(p.name for p in run.folder("pairs").iterdir()) == ["pairs.safetensors", "record.json"]


@pytest.mark.parametrize("costs", ["uniform", "budgets"])
@pytest.mark.parametrize("images_per_class", [None, 2])
def test_pairs_of_every_kind_are_different_and_seen_on_the_images_asked_for(costs, images_per_class, smoke_run):
    """The large profiles draw uniformly and take all validation images; costs then are those of the space's middle."""
    settings = {"costs": costs, "images_per_class": images_per_class, "count": 40}
    pairs = smoke_run.profile.pairs.model_copy(update=settings)
    run = replace(smoke_run, profile=smoke_run.profile.model_copy(update={"pairs": pairs}))
    found = ofa.pair_architectures(run)
    assert len(found) == 40 and found == ofa.pair_architectures(run)
    if costs == "uniform":
        draw, plain = rng(run.seed, "pairs"), []
        while len(plain) < 40:
            plain += [a for a in [sample(draw)] if a not in plain]
        assert found == plain
    low, high = run.profile.generator.budget
    spent = sorted(cost / 1e6 for cost in madds(run.profile.search_space(), found))
    quarters = [
        sum(low + i * (high - low) / 4 <= cost < low + (i + 1) * (high - low) / 4 for cost in spent) for i in range(4)
    ]
    assert (min(quarters) >= 3) == (costs == "budgets"), quarters
    (valid,) = run.splits("valid")
    index = ofa.first_of_each_class(valid, images_per_class)
    assert valid.labels[index].bincount().tolist() == 60 * [images_per_class or len(valid) // 60]


@pytest.mark.parametrize("seconds, saved", [(0.0, 9), (1000.0, 0)])
def test_pairs_are_saved_when_a_checkpoint_is_due(seconds, saved, smoke_run, tmp_path, monkeypatch):
    run = copy_of(smoke_run, tmp_path, "teacher", "supernet")
    run = make_run("smoke", 0, tmp_path, ["pairs.count=10"], "cpu", progress=False)
    states, real = [], checkpoints.save_checkpoint
    monkeypatch.setattr(ofa, "CHECKPOINT_SECONDS", seconds)
    monkeypatch.setattr(
        checkpoints, "save_checkpoint", lambda path, state: states.append(len(state["accuracy"])) or real(path, state)
    )
    ofa.pairs(run)
    assert len(states) >= saved and (saved or not states)


def test_a_stage_that_another_process_completed_meanwhile_is_not_made_again(smoke_run, tmp_path):
    copy = copy_of(smoke_run, tmp_path, "teacher")
    folder, record = copy.folder("teacher"), copy.folder("teacher") / "record.json"
    hidden = record.rename(tmp_path / "record.json")
    with files.only_writer(folder):
        other = threading.Thread(
            target=lambda: found.append(store.once(copy, "teacher", lambda _: pytest.fail("made")))
        )
        found: list[dict] = []
        other.start()
        time.sleep(0.3)  # it waits for the folder
        hidden.rename(record)
    other.join()
    assert found == [records.read_record(record, "teacher")]


def test_a_spread_needs_two_architectures(smoke_run):
    assert results._spread([], [], smoke_run.tasks) == {}


def test_held_out_pairs_are_not_trained_on(smoke_evidence, smoke_run):
    result = smoke_evidence["variants"]["q=0.6"]["records"]["predictor"]["result"]
    settings = smoke_run.profile.pairs
    held_out = len(result["held_out_pairs"]["measured"])
    assert held_out == round(settings.hold_out * settings.count)
    assert result["trained_on"] == settings.count - held_out
    measured = ofa.pairs(smoke_run)[0]["accuracy"].tolist()
    assert all(row in measured for row in result["held_out_pairs"]["measured"])


@pytest.mark.parametrize("method", METHODS)
def test_no_method_exceeds_a_budget_and_all_are_tested_on_the_same_images(method, smoke_evidence, smoke_run):
    record = smoke_evidence["variants"]["q=0.6"]["records"][f"tested-{method}"]
    rows = record["result"]["rows"]
    budgets = smoke_run.profile.specialize.budgets
    assert [(row["task"], row["budget"]) for row in rows] == [(t, b) for b in budgets for t in smoke_run.tasks.names]
    assert all(row["madds"] <= row["budget"] for row in rows)
    assert record["result"]["test_digest"] == smoke_run.splits("test")[0].digest
    for row in rows:
        right = unpack(row["correct"], row["n"])
        assert right.mean() == pytest.approx(row["accuracy"]) and len(right) == row["n"]


def test_ofa_v_has_one_architecture_a_budget_and_ofa_t_searches_for_each_task(smoke_evidence, smoke_run):
    kept = smoke_evidence["variants"]["q=0.6"]["records"]
    shapes = {m: [row["architecture"] for row in kept[f"tested-{m}"]["result"]["rows"]] for m in ("OFA-V", "OFA-T")}
    tasks = len(smoke_run.tasks)
    for start in range(0, len(shapes["OFA-V"]), tasks):
        assert all(shape == shapes["OFA-V"][start] for shape in shapes["OFA-V"][start : start + tasks])
    assert any(len({str(s) for s in shapes["OFA-T"][i : i + tasks]}) > 1 for i in range(0, 50, tasks))


def test_what_was_right_is_what_the_network_says(smoke_evidence, smoke_run):
    row = smoke_evidence["variants"]["q=0"]["records"]["tested-OFA-T"]["result"]["rows"][17]
    run = smoke_run.variant(q=0.0)
    weights, _ = trained.supernet(run)
    train, test = run.splits("train", "test")
    network = specialized.network_of(run, weights, Architecture.from_dict(row["architecture"]), train)
    scores = score(network, test, run.tasks, test.of_task(run.tasks, run.tasks.index(row["task"])))
    assert unpack(row["correct"], row["n"]).tolist() == scores.correct.tolist()


def test_the_other_reading_is_tested_with_the_same_architectures(smoke_evidence):
    variants = smoke_evidence["variants"]
    main = variants["q=0.6"]["records"]["tested-EAS"]["result"]["rows"]
    other = variants["q=0.6 zero"]["records"]["tested-same"]["result"]["rows"]
    assert [row["architecture"] for row in other] == [row["architecture"] for row in main]
    assert [row["correct"] for row in other] != [row["correct"] for row in main], "another supernet answered alike"


def test_the_results_record_shows_what_was_tested(smoke_evidence):
    kept = smoke_evidence["variants"]["q=0.6"]["records"]
    assert kept["results"]["result"]["rows"] == kept["tested-EAS"]["result"]["rows"]
    for comparison in kept["results"]["result"]["comparisons"]:
        rows = [row for row in kept["tested-EAS"]["result"]["rows"] if row["budget"] == comparison["budget"]]
        right = np.concatenate([unpack(row["correct"], row["n"]) for row in rows])
        assert comparison["accuracy"] == pytest.approx(right.mean())


def test_evidence_is_json_and_comes_from_the_records(smoke_evidence, smoke_run):
    again = jobs.collect(smoke_run, make=False)
    assert json.loads(json.dumps(again)) == json.loads(json.dumps(smoke_evidence))


def test_a_missing_seed_is_one_clear_line(smoke_evidence, smoke_run):
    with pytest.raises(DataError, match="seed 7: .*seeds=7") as error:
        jobs.collect(replace(smoke_run, seed=7), make=False)
    one_line(error.value)
    assert not (smoke_run.root / "smoke" / "7").exists(), "asking alone must make nothing"


def test_an_unknown_job_or_method_is_one_clear_line(smoke_run):
    with pytest.raises(DataError, match="job: 'supernet q=7' is not one of teacher, ") as error:
        jobs.job(smoke_run.profile, "supernet q=7")
    one_line(error.value)
    with pytest.raises(
        EASError, match="method: 'NSGA' is not one of OFA-V, OFA-T, amortised, multi-path, EAS"
    ) as error:
        tested.tested(smoke_run, "NSGA")
    one_line(error.value)


@pytest.mark.parametrize("n", [1, 7, 8, 9, 480])
def test_packed_answers_come_back(n):
    correct = torch.rand(n, generator=torch.Generator().manual_seed(n)) < 0.5
    assert unpack(pack(correct), n).tolist() == correct.tolist()


@pytest.mark.parametrize("text, n", [("zz", 8), ("ff", 9), ("ffff", 8), (None, 8), ("", 1)])
def test_damaged_answers_are_one_clear_line(text, n):
    with pytest.raises(DataError, match="correct") as error:
        unpack(text, n)
    one_line(error.value)
