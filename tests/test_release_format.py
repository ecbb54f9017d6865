"""A release holds a run whole, is refused when it is not as published, and takes more seeds later."""

from __future__ import annotations

import copy
import csv
import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
import torch
from helpers import bits, one_line

from eas_core import EASError, load_release
from eas_core.base import records
from eas_core.cli import options
from eas_core.runs import jobs, ofa, releases, releases_files, releases_pairs, releases_publish, shown, trained
from eas_core.runs.releases_evaluate import Again, refuse_difference
from eas_core.runs.run import Run
from eas_core.settings import profiles
from eas_core.settings.stages import STAGES
from eas_core.show import alone_tables, paper_figures, release_card, result_tables, sources

ROOT = Path(__file__).resolve().parents[1]
WEIGHTS = ("supernet", "generator", "predictor", "amortised", "multi_path")


def publish(*runs: Run, to: Path, weights: int | None = None) -> list[Path]:
    return releases_publish.publish(runs, to, release_card.card, weights)


@pytest.fixture
def copied(smoke_release, tmp_path) -> Path:
    """The smoke release, to be changed."""
    return Path(shutil.copytree(smoke_release, tmp_path / "copied"))


def change(folder: Path, **about) -> None:
    """Say something else in ``release.json``."""
    path = folder / "release.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **about}))


def rewrite(folder: Path, name: str, text: str) -> None:
    """Another file, with its SHA-256 in ``release.json``."""
    (folder / name).write_text(text)
    sums = json.loads((folder / "release.json").read_text())["files"]
    change(folder, files={**sums, name: hashlib.sha256(text.encode()).hexdigest()})


def refusal(call, *words) -> str:
    with pytest.raises(EASError) as error:
        call(*words)
    return one_line(error.value)


# ---------------------------------------------------------------- what a release holds


def test_a_release_names_every_file_and_ships_no_teacher(smoke_run, smoke_release):
    manifest = releases_files.read_manifest(smoke_release)
    assert set(manifest.files) | {"release.json"} == {path.name for path in smoke_release.iterdir()}
    assert {name for name in manifest.files if name.endswith(".safetensors")} == {
        *(f"{stage}.safetensors" for stage in WEIGHTS),
        "pairs.safetensors",
    }
    assert (manifest.seeds, manifest.weights, manifest.profile) == ([0], 0, "smoke")
    assert manifest.code == [records.code_hash()]
    assert (
        manifest.versions
        == {stage: manifest.versions[stage] for stage in STAGES}
        == {s: STAGES[s].version for s in STAGES}
    )
    assert releases.profile_of(releases_files.read(smoke_release)) == smoke_run.profile


def test_the_networks_in_python_are_those_of_the_run(smoke_run, smoke_evidence, smoke_release):
    release = load_release(smoke_release)
    assert bits(release.supernet.state_dict()) == bits(trained.supernet(smoke_run)[0].state_dict())
    assert bits(release.generator.state_dict()) == bits(trained.generator(smoke_run)[0].state_dict())
    assert bits(release.predictor.state_dict()) == bits(ofa.predictor(smoke_run)[0].state_dict())
    assert not release.supernet.training and release.tasks == smoke_run.tasks and release.seed == 0
    assert list(release.evidence) == [smoke_evidence]
    assert release.records == smoke_evidence["variants"][smoke_evidence["main"]]["records"]


def test_restored_every_stage_is_found_where_the_code_looks_for_it(smoke_run, smoke_evidence, smoke_release, tmp_path):
    run = releases.restore(smoke_release, tmp_path, device="cpu", progress=False)
    assert run.root.parent == tmp_path / "releases" and run.root.name.startswith("smoke-")
    assert jobs.collect(run, make=False) == smoke_evidence
    for path in run.root.rglob("*.*"):
        if path.is_file() and path.name != "release.json":
            assert path.read_bytes() == (smoke_run.root / path.relative_to(run.root)).read_bytes(), path
    stages = {path.parent.name.split("-")[0] for path in run.root.rglob("weights.safetensors")}
    assert stages == set(WEIGHTS)
    mine = {path: path.stat().st_mtime_ns for path in run.root.rglob("record.json")}
    releases.restore(smoke_release, tmp_path, device="cpu", progress=False)
    assert {path: path.stat().st_mtime_ns for path in mine} == mine, "what is there is not written again"


def test_the_pairs_are_one_table_of_every_seed_and_supernet(smoke_run, smoke_evidence, smoke_release):
    blocks = releases_pairs.from_file(smoke_release / "pairs.safetensors")
    assert blocks.keys() == {(0, name) for name, v in smoke_evidence["variants"].items() if "pairs" in v["records"]}
    own, _ = ofa.pairs(smoke_run)
    rows = list(csv.DictReader((smoke_release / "pairs.csv").open()))
    mine = [row for row in rows if row["supernet"] == smoke_evidence["main"]]
    assert len(rows) == sum(len(block["gates"]) for block in blocks.values()) and len(mine) == len(own["gates"])
    for t, task in enumerate(smoke_run.tasks.names):
        column = torch.tensor([float(row[f"accuracy {task}"]) for row in mine])
        assert torch.equal(column, own["accuracy"][:, t])
    assert len(mine[0]["depth"].split()) == 5 and len(mine[0]["kernel"].split()) == 20
    assert 1.6e6 < int(mine[0]["madds"]) < 7e6


def test_the_card_says_what_was_measured_and_its_commands_are_accepted(smoke_run, smoke_evidence, smoke_release):
    text = (smoke_release / "README.md").read_text()
    for part in ("## Use", "## Results", "## Evaluate again", "## Data and licence", "## Limits", "shapes10", "MIT"):
        assert part in text
    rows = [line for line in text.splitlines() if line.startswith("| EAS |")]
    budgets = len(smoke_run.profile.specialize.budgets)
    drawn = [v for v in smoke_evidence["variants"].values() if "tested-EAS" in v["records"]]
    assert len(rows) == len(drawn) and all(row.count(" to ") == budgets for row in rows)
    commands = [line.split()[1:] for line in text.splitlines() if line.startswith("eas ")]
    assert {options.parser().parse_args(words).command.__name__ for words in commands} == {
        *("specialize", "evaluate", "export", "release")
    }


@pytest.mark.parametrize(
    "overrides, said",
    [
        ([], "Those of the kit's profile `smoke`."),
        (["generator.steps=7", "data.seed=null"], "| `generator.steps` |"),
        (["name=of-my-own"], "no profile of that name"),
    ],
)
def test_the_card_names_the_settings_that_are_not_the_shipped_profiles(overrides, said):
    text = release_card._settings(profiles.load("smoke", overrides))
    assert said in text and ("| `data.seed` |" in text) == ("data.seed=null" in overrides)
    assert text.count("\n| `") == (2 if len(overrides) == 2 else 0)


@pytest.mark.parametrize("seeds, shown", [([100, 101], []), ([100, 101, 102], [100, 101, 102])])
def test_a_release_leads_from_three_seeds_on(seeds, shown, tmp_path, monkeypatch):
    content = {"profile.yaml": b"{}", **{f"seed-{seed}.json": b'{"seed": %d}' % seed for seed in seeds}}
    about = {"profile": "own", "seeds": seeds, "weights": seeds[0], "code": [], "versions": {}}
    releases_files.write(tmp_path / "releases" / "own", content, **about)
    monkeypatch.setattr(releases_files, "ROOT", tmp_path)
    assert [entry["seed"] for entry in releases.published("own")] == shown
    assert releases.published("other") == []
    (tmp_path / "releases" / "own" / "seed-100.json").write_bytes(b"{}")
    if shown:
        assert "not as published" in refusal(releases.published, "own")


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("name", ["supernet.safetensors", "seed-0.json", "profile.yaml", "README.md"])
def test_a_file_that_is_not_as_published_is_named(name, copied, tmp_path):
    blob = bytearray((copied / name).read_bytes())
    blob[len(blob) // 2] ^= 1
    (copied / name).write_bytes(blob)
    said = refusal(load_release, copied)
    assert str(copied / name) in said and "not as published" in said
    (copied / name).unlink()
    assert str(copied / name) in refusal(load_release, copied)
    assert str(copied / name) in refusal(releases.restore, copied, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "about, said",
    [
        ({"format": 2}, "has format 2, this code reads formats up to 1"),
        ({"format": 0}, "is damaged (format"),
        ({"seeds": []}, "is damaged (seeds"),
        ({"seeds": [0, 1]}, "there is no seed-1.json"),
        ({"weights": 3}, "weights: 3 is none of its seeds"),
        ({"files": {"../x": "0" * 64}}, "is damaged (files"),
        ({"more": 1}, "is damaged (more"),
    ],
)
def test_a_manifest_of_another_kind_is_one_line(about, said, copied):
    change(copied, **about)
    assert said in refusal(load_release, copied)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"format": 1, "format": 1}'])
def test_a_manifest_that_is_none_is_one_line(text, copied):
    (copied / "release.json").write_text(text)
    assert "release.json" in refusal(load_release, copied)


@pytest.mark.parametrize("name", ["nothing", "", "releases", "a\0b", "x" * 300, "releases/nothing"])
def test_an_unknown_name_lists_what_there_is(name, monkeypatch, tmp_path):
    monkeypatch.setattr(releases_files, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert "nor a folder with a release.json" in refusal(load_release, name)
    for other in ("one", "two"):
        (tmp_path / "releases" / other).mkdir(parents=True)
        (tmp_path / "releases" / other / "release.json").write_text("{}")
    if name != "releases":
        assert "is not one of one, two, nor" in refusal(load_release, name)


def test_a_name_is_looked_for_in_the_project_and_then_as_a_path(smoke_release, monkeypatch, tmp_path):
    (tmp_path / "releases").mkdir()
    (tmp_path / "releases" / "mine").symlink_to(smoke_release)
    monkeypatch.setattr(releases_files, "ROOT", tmp_path)
    monkeypatch.chdir(smoke_release.parent)
    assert releases_files.find("mine") == releases_files.find("releases/mine") == tmp_path / "releases" / "mine"
    assert releases_files.find("smoke") == Path("smoke")
    (tmp_path / "releases" / "smoke").mkdir()
    assert "has no release.json" in refusal(releases_files.find, "smoke")


def test_a_release_of_other_versions_of_stages_is_refused_in_one_line(copied, tmp_path):
    versions = releases_files.read_manifest(copied).versions
    change(copied, versions={**versions, "supernet": 99})
    said = refusal(load_release, copied)
    assert "made by version 99 of the stage supernet" in said and records.code_hash() in said
    change(copied, versions={**versions, "gone": 1})
    assert "this code does not know it" in refusal(releases.for_book, copied, tmp_path)


@pytest.mark.parametrize(
    "override, allowed", [("data.path=/photographs", True), ("generator.steps=3", False), ("x", False)]
)
def test_of_its_settings_only_the_place_of_photographs_can_be_given(override, allowed, smoke_release, tmp_path):
    if allowed:
        assert releases.restore(smoke_release, tmp_path, [], [override]).profile.data.path == "/photographs"
    else:
        assert "fixed, all but data.path" in refusal(releases.restore, smoke_release, tmp_path, None, [override])
        assert override in refusal(releases.for_book, smoke_release, tmp_path, [override])


# ---------------------------------------------------------------- more seeds later


@pytest.fixture
def second(smoke_run, smoke_evidence, tmp_path) -> Run:
    """A finished run of seed 1: seed 0's results by another name, weights and pairs apart."""
    run = replace(smoke_run, seed=1, root=tmp_path / "second")
    entry = copy.deepcopy({**smoke_evidence, "seed": 1})
    for variant in entry["variants"].values():
        own, old = (r.variant(variant["q"], variant["reading"]) for r in (run, smoke_run))
        for stage, record in variant["records"].items():
            record["settings"]["seed"] = 1
            if stage in STAGES:
                for path in old.folder(stage).glob("*.safetensors"):
                    tensors, metadata = records.load_tensors(path)
                    records.save_tensors(
                        own.folder(stage) / path.name,
                        {n: t + t.is_floating_point() for n, t in tensors.items()},
                        metadata,
                    )
            for part in ("architectures",):
                if part in record["settings"]:
                    record["settings"][part]["seed"] = 1
    releases.write_records(run, entry)
    return run


def test_a_seed_is_added_and_the_rest_stays(second, copied, smoke_release):
    publish(second, to=copied)
    content = releases_files.read(copied)
    assert (content.manifest.seeds, content.manifest.weights) == ([0, 1], 0)
    for name in ("seed-0.json", "profile.yaml", *(f"{stage}.safetensors" for stage in WEIGHTS)):
        assert (copied / name).read_bytes() == (smoke_release / name).read_bytes()
    old, new = (releases_pairs.from_file(folder / "pairs.safetensors") for folder in (smoke_release, copied))
    assert len(new) == 2 * len(old) and all(bits(new[block]) == bits(old[block]) for block in old)
    assert "2 seeds" in (copied / "README.md").read_text()
    release = load_release(copied)
    assert release.seeds == (0, 1) and release.records["supernet"]["settings"]["seed"] == 0


def test_the_weights_can_be_those_of_a_later_seed(second, copied, smoke_release):
    publish(second, to=copied, weights=1)
    assert releases_files.read_manifest(copied).weights == 1
    tensors, _ = records.load_tensors(copied / "generator.safetensors")
    before, _ = records.load_tensors(smoke_release / "generator.safetensors")
    assert all(torch.equal(tensors[name], before[name] + 1) for name in before)
    said = refusal(lambda: publish(second, to=copied, weights=0))
    assert "the weights of seed 0 are not there" in said
    assert "--weights: 7 is not one of the seeds 0, 1" in refusal(lambda: publish(second, to=copied, weights=7))


def test_two_seeds_at_once_are_as_one_after_the_other(smoke_run, second, copied, tmp_path):
    publish(second, to=copied)
    shutil.rmtree(tmp_path / "again", ignore_errors=True)
    publish(smoke_run, second, to=tmp_path / "again" / copied.name)
    for path in copied.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / copied.name / path.name).read_bytes(), path.name


def test_another_profile_other_versions_and_an_unfinished_run_change_no_file(smoke_run, second, copied, tmp_path):
    before = {path: path.read_bytes() for path in copied.iterdir()}
    text = (copied / "profile.yaml").read_text()
    assert "0.6" in text
    rewrite(copied, "profile.yaml", text.replace("lam: 0.2", "lam: 0.3"))
    said = refusal(lambda: publish(second, to=copied))
    assert "of another profile: generator.lam is 0.3 there, 0.2 here" in said
    rewrite(copied, "profile.yaml", text)
    versions = releases_files.read_manifest(copied).versions
    change(copied, versions={**versions, "pairs": 9})
    assert "another versions of stages: pairs is 9 there, 1 here" in refusal(lambda: publish(second, to=copied))
    change(copied, versions=versions)
    unfinished = replace(smoke_run, seed=5, root=tmp_path / "none")
    assert "seed 5: " in refusal(lambda: publish(unfinished, to=copied))
    (second.folder("generator") / "weights.safetensors").unlink()
    assert "does not exist" in refusal(lambda: publish(second, to=copied, weights=1))
    change(copied)  # as it was, but for blanks
    assert {path: path.read_bytes() for path in before if path.name != "release.json"} == {
        path: blob for path, blob in before.items() if path.name != "release.json"
    }


def test_supernets_that_are_not_finished_are_left_out_if_asked_and_published_later(
    second, copied, smoke_run, smoke_evidence, tmp_path
):
    run = second.variant(0.0, second.profile.supernet.task_dropout.reading)
    record = run.folder("supernet") / "record.json"
    text = record.read_text()
    record.unlink()
    assert "seed 1: supernet of q=0 is not there" in refusal(lambda: publish(second, to=copied))
    releases_publish.publish([second], copied, release_card.card, partial=True)
    release = load_release(copied)
    assert "q=0" in release.evidence[0]["variants"] and "q=0" not in release.evidence[1]["variants"]
    assert "not all of which have every supernet" in (copied / "README.md").read_text()
    assert (1, "q=0") not in releases_pairs.from_file(copied / "pairs.safetensors")
    assert releases.for_book(copied, tmp_path)["seeds"] == [0, 1]
    run = releases.restore(copied, tmp_path, device="cpu", progress=False)
    page = shown.shown("smoke", 0, run.root, [], [0, 1])
    assert page.here == list(release.evidence) and not list(run.root.rglob("metrics.jsonl"))
    assert "q=0 for 1" in sources.lead(page)
    record.write_text(text)
    publish(second, to=copied)
    assert "q=0" in load_release(copied).evidence[1]["variants"]
    record = second.folder("supernet") / "record.json"
    record.unlink()
    said = refusal(lambda: releases_publish.publish([second], copied, release_card.card, partial=True))
    assert f"seed 1: supernet of {smoke_evidence['main']} is not there" in said


# ---------------------------------------------------------------- what pages show first


def put_release(smoke_evidence: dict, smoke_release: Path, root: Path, **lacking: tuple[int, ...]) -> list[dict]:
    """Publish seeds 7, 8 and 9 as the release smoke below ``root``; of each drop rate ``q<number>`` some seeds lack it."""
    entries = [copy.deepcopy({**smoke_evidence, "seed": seed}) for seed in (7, 8, 9)]
    for entry in entries:
        for name, seeds in lacking.items():
            if entry["seed"] in seeds:
                del entry["variants"][name.replace("q", "q=")]
        for variant in entry["variants"].values():
            for record in variant["records"].values():
                record["settings"]["seed"] = entry["seed"]
    profile = (smoke_release / "profile.yaml").read_bytes()
    files = {"profile.yaml": profile} | {f"seed-{e['seed']}.json": json.dumps(e).encode() for e in entries}
    about = {"profile": "smoke", "seeds": [7, 8, 9], "weights": 7, "code": [], "versions": {}}
    releases_files.write(root / "releases" / "smoke", files, **about)
    return entries


def test_a_release_named_like_the_profile_leads_and_this_run_stands_beside_it(
    smoke_run, smoke_evidence, smoke_release, tmp_path, monkeypatch
):
    monkeypatch.setattr(releases_files, "ROOT", tmp_path)
    (tmp_path / "releases").mkdir()
    page = shown.shown("smoke", 0, smoke_run.root)
    assert page.lead == page.here == [smoke_evidence] and not page.release and not page.beside
    assert "this run, seed 0" in sources.lead(page) and "there is none (`releases/smoke`)" in sources.lead(page)
    scores = result_tables.scoreboard(shown.of_run(smoke_run))
    assert all(column.startswith("this run: ") for column in scores) and "" not in scores.to_numpy()

    entries = put_release(smoke_evidence, smoke_release, tmp_path)
    page = shown.shown("smoke", 0, smoke_run.root)
    assert (page.lead, page.beside) == (entries, [smoke_evidence])
    assert page.of(0) == smoke_evidence["variants"][smoke_evidence["main"]]["records"]
    assert "release smoke, 3 seeds (7, 8, 9); beside it this run, seed 0." in sources.lead(page)
    own, scores = shown.of_run(smoke_run), result_tables.scoreboard(shown.of_run(smoke_run))
    assert (
        own.release == entries
        and [column.split(":")[0] for column in scores] == ["release smoke"] * 2 + ["this run"] * 2
    )
    assert "minus one for all" in alone_tables.alone_table(page.lead, page.beside).columns[-1]


def test_a_book_from_a_release_shows_it_once(smoke_evidence, smoke_release, tmp_path):
    run = releases.restore(smoke_release, tmp_path, device="cpu", progress=False)
    for page in (shown.shown("smoke", 0, run.root), shown.of_run(run)):
        assert page.release == page.here == [smoke_evidence] and not page.beside and page.name == "smoke"
    assert "release smoke, 1 seed (0), and no other run." in sources.lead(page)
    assert [column.split(":")[0] for column in result_tables.scoreboard(page)] == ["release smoke"]


def test_what_fewer_than_three_seeds_have_is_drawn_from_this_run_and_says_so(
    smoke_run, smoke_evidence, smoke_release, tmp_path, monkeypatch
):
    monkeypatch.setattr(releases_files, "ROOT", tmp_path)
    put_release(smoke_evidence, smoke_release, tmp_path, q0=(8, 9), q1=(9,))
    page = shown.shown("smoke", 0, smoke_run.root)
    made = {name for entry in page.lead for name in entry["variants"]}
    assert smoke_evidence["main"] in made and not made & {"q=0", "q=1"} and len(page.lead) == 3
    assert "Fewer than 3 of its seeds have a supernet with q=0 and q=1" in sources.lead(page)
    for draw, of, said in (
        (lambda own: paper_figures.method_differences(own, plain_baselines=True), page.here, "smoke has fewer than 3"),
        (paper_figures.dropout_ablation, page.here, "this run, seed 0; release smoke has fewer than 3 seeds"),
        (paper_figures.method_differences, page.lead, "*Shown: release smoke.*"),
        (lambda own: None, [], "Nothing to compare"),
    ):
        evidence, figure = page.first(draw)
        assert evidence == of and bool(figure) == bool(of) and said in sources.source(page, evidence)
    assert sources.source(replace(page, release=[]), page.here) == "*Shown: this run, seed 0.*"
    assert sources.whose(page, [{"profile": "demo"}] * 2) == "published seeds of the profile demo, 2 seeds"


def test_a_release_of_other_tasks_does_not_lead_and_this_runs_own_is_shown_once(smoke_run, smoke_evidence, monkeypatch):
    published = [smoke_evidence]
    monkeypatch.setattr(releases, "published", lambda name: published)
    page = shown.shown("smoke", 0, smoke_run.root)
    assert page.release == page.here and not page.beside
    published = copy.deepcopy(published)
    for row in published[0]["variants"][smoke_evidence["main"]]["records"]["specialized"]["result"]["rows"]:
        row["task"] = "another"
    page = shown.shown("smoke", 0, smoke_run.root)
    assert not page.release and "of the same tasks" in sources.lead(page)


def test_exercises_take_the_first_evidence_with_seeds_and_rates_enough(smoke_evidence, monkeypatch):
    def made(*seeds: int, without: tuple[str, ...] = ()) -> list[dict]:
        variants = {name: v for name, v in smoke_evidence["variants"].items() if name not in without}
        return [{**smoke_evidence, "seed": seed, "variants": variants} for seed in seeds]

    rates = tuple(name for name in smoke_evidence["variants"] if name != smoke_evidence["main"])
    demo = made(100, 101)
    monkeypatch.setattr(releases, "published", lambda name: {"demo": demo}.get(name, []))
    monkeypatch.setattr(releases_files, "ROOT", Path("nowhere"))
    one, two = shown.Shown("smoke", [], made(0)), shown.Shown("smoke", made(0, 1, without=rates), made(0))
    assert shown.several(one) == demo and shown.several(one, seeds=1) == one.here
    assert shown.several(two) == two.release and shown.several(two, rates=2) == demo
    assert shown.with_readings(two) == two.here, "which trained the other reading"
    demo.pop()
    assert "fewer than 2 seeds with 2 drop rates" in refusal(lambda: shown.several(one, rates=2))
    bare = shown.Shown("smoke", [], made(0, without=rates))
    assert shown.with_readings(bare) == bare.here


# ---------------------------------------------------------------- tested again


def test_a_difference_is_refused_beyond_the_tolerance_and_only_then():
    found = [Again("arrows", 3.0, 2.9, 1200, 80.0, 80.1), Again("curves", 3.0, 2.9, 1200, 70.0, 69.8)]
    refuse_difference(found[:1], 0.1)
    refuse_difference(found, 0.2)
    with pytest.raises(
        EASError, match="curves at 3 M: 69.80 % here, 70.00 % in the record, of 1200 images; more than 0.1"
    ):
        refuse_difference(found, 0.1)


# ---------------------------------------------------------------- the book


def test_a_book_is_of_the_releases_profile_and_seeds(smoke_release, copied, tmp_path, monkeypatch):
    asked = releases.for_book(smoke_release, tmp_path)
    assert (asked["profile"], asked["seed"], asked["seeds"]) == ("smoke", 0, [0])
    assert Path(asked["runs"]) == releases.restore(smoke_release, tmp_path, []).root
    text = (copied / "profile.yaml").read_text()
    rewrite(copied, "profile.yaml", text.replace("name: smoke", "name: mine"))
    monkeypatch.chdir(copied.parent)
    change(copied, profile="mine")
    assert releases.for_book(copied, tmp_path)["profile"] == "copied/profile.yaml"  # no profile of that name
    rewrite(copied, "profile.yaml", text.replace("lam: 0.2", "lam: 0.3"))
    change(copied, profile="smoke")
    assert profiles.load(releases.for_book(copied, tmp_path)["profile"]).generator.lam == 0.3


def test_a_release_without_a_record_that_a_page_needs_makes_no_book(copied, tmp_path):
    (entry,) = releases_files.read(copied).evidence()
    del entry["variants"][entry["main"]]["records"]["results"]
    rewrite(copied, "seed-0.json", json.dumps(entry))
    said = refusal(releases.for_book, copied, tmp_path)
    assert f"copied has no results of {entry['main']} for seed 0" in said


# Chapter 4 shows the teacher, of which there are only records; 10 loads supernet, pairs and predictor, and all evidence.
@pytest.mark.parametrize("name", ["04_supernet", "10_baselines"])
def test_chapters_run_from_a_release_and_train_nothing(name, smoke_release, tmp_path, monkeypatch):
    papermill = pytest.importorskip("papermill")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    run = releases.restore(smoke_release, tmp_path, device="cpu")
    before = sorted(path for path in run.root.rglob("record.json"))
    profile = str(smoke_release / "profile.yaml")
    parameters = {"profile": profile, "seed": 0, "runs": str(run.root), "overrides": []}
    out = tmp_path / f"{name}.ipynb"
    papermill.execute_notebook(
        str(ROOT / "notebooks" / out.name), str(out), parameters, progress_bar=False, cwd=str(ROOT)
    )
    assert any(cell.outputs for cell in nbformat.read(out, as_version=4).cells if cell.cell_type == "code")
    assert sorted(run.root.rglob("record.json")) == before and not list(run.root.rglob("metrics.jsonl"))
