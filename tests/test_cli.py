"""The command line: good input gives JSON or text and status 0, bad input one line on stderr and status 2."""

import errno
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from eas_core import cli
from eas_core.base import records
from eas_core.base.errors import EASError
from eas_core.base.random import rng
from eas_core.cli import options
from eas_core.evidence import claims
from eas_core.runs import releases, results, specialized
from eas_core.runs.run import make_run
from eas_core.settings.stages import lineage
from eas_core.space import cost_tables as cost
from eas_core.space.search_space import LARGEST, SMALLEST, Architecture, SearchSpace, sample

ROOT = Path(__file__).parents[1]
MAIN = lineage("results")[1:]


@pytest.fixture
def eas(capsys, smoke_run):
    """Run a command; returns (status, stdout, stderr). ``runs=True`` adds the folder of the finished smoke run."""

    def call(*words: str, runs: bool = False) -> tuple[int, str, str]:
        capsys.readouterr()
        more = ("--runs", str(smoke_run.root), "--profile", "smoke", "--device", "cpu", "--quiet") if runs else ()
        status = cli.main([*words, *more])
        return status, *capsys.readouterr()

    return call


def assert_one_line(outcome: tuple[int, str, str], *said: str) -> None:
    status, out, err = outcome
    assert status == 2 and out == ""
    assert err.startswith("eas: ") and err.count("\n") == 1 and "Traceback" not in err, err
    for text in said:
        assert text in err


@pytest.fixture
def archs(tmp_path):
    def write(content) -> str:
        path = tmp_path / "archs.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    return write


# ---------------------------------------------------------------- eas cost


def test_cost_prints_madds_and_params_in_order(eas, archs):
    listed = [SMALLEST, LARGEST, sample(rng(0))]
    status, out, err = eas("cost", "--profile", "imagenet-10", "--archs", archs([a.to_dict() for a in listed]))
    space = SearchSpace(num_classes=60)
    both = zip(cost.madds(space, listed), cost.params(space, listed), strict=True)
    assert (status, err) == (0, "") and json.loads(out) == [{"madds": m, "params": p} for m, p in both]


def test_cost_takes_resolution_and_classes(eas, archs):
    words = ("cost", "--profile", "imagenet-10", "--resolution", "192", "--num-classes", "240")
    _, out, _ = eas(*words, "--archs", archs([LARGEST.to_dict()]))
    space = SearchSpace(num_classes=240, resolution=192)
    assert json.loads(out) == [{"madds": cost.madds(space, [LARGEST])[0], "params": cost.params(space, [LARGEST])[0]}]


def test_cost_of_no_architecture_is_an_empty_list(eas, archs):
    assert eas("cost", "--archs", archs([])) == (0, "[]\n", "")


def test_cost_reads_standard_input(eas, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps([SMALLEST.to_dict()])))
    status, out, _ = eas("cost", "--archs", "-")
    assert status == 0 and len(json.loads(out)) == 1


def test_cost_works_as_a_program_of_its_own(archs, tmp_path):
    path = archs([LARGEST.to_dict()])
    words = [sys.executable, "-m", "eas_core.cli", "cost", "--profile", "imagenet-12", "--archs", path]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, env=environment)
    space = SearchSpace(num_classes=240)
    assert done.returncode == 0 and json.loads(done.stdout)[0]["madds"] == cost.madds(space, [LARGEST])[0]


GOOD = SMALLEST.to_dict()
WRONG_ARCHS = [
    ("", "JSON"),
    ("{", "JSON"),
    ("{}", "list"),
    ("3", "list"),
    ("null", "list"),
    ("[3]", "entry 0"),
    ("[null]", "entry 0"),
    ("[" * 100000, "JSON"),
    ("[" + "9" * 5000 + "]", "JSON"),
    ([GOOD, {}], "entry 1"),
    ([{**GOOD, "width": [3]}], "depth, expand, kernel"),
    ([{**GOOD, "depth": [1, 2, 2, 2, 2]}], "architecture.depth: 1 is not one of 2, 3, 4"),
    ([{**GOOD, "depth": [2, 2, 2, 2]}], "list of 5"),
    ([{**GOOD, "expand": [5] * 20}], "architecture.expand: 5"),
    ([{**GOOD, "kernel": [3] * 19}], "list of 20"),
    ([{**GOOD, "kernel": ["3"] * 20}], "architecture.kernel"),
    ([{**GOOD, "kernel": [[3]] * 20}], "architecture.kernel"),
    ([{**GOOD, "kernel": "3" * 20}], "architecture.kernel"),
    ([{**GOOD, "kernel": None}], "architecture.kernel"),
    ([{**GOOD, "kernel": [float("nan")] * 20}], "architecture.kernel"),
]


@pytest.mark.parametrize("content, said", WRONG_ARCHS, ids=range(len(WRONG_ARCHS)))
def test_a_file_that_holds_no_architectures_is_one_line(eas, archs, content, said):
    assert_one_line(eas("cost", "--archs", archs(content)), "archs", said)


def test_a_file_that_cannot_be_read_is_one_line(eas, tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00\x01" * 10)
    for path in ("nowhere.json", str(tmp_path), str(tmp_path / "binary"), "nul\0"):
        assert_one_line(eas("cost", "--archs", path), "--archs")


@pytest.mark.parametrize("words", [("--resolution", "0"), ("--resolution", "-5"), ("--num-classes", "0")])
def test_an_impossible_image_size_or_class_count_is_one_line(eas, archs, words):
    assert_one_line(eas("cost", *words, "--archs", archs([GOOD])), "space.", words[1])


# ---------------------------------------------------------------- profiles and tasks


@pytest.mark.parametrize("command", ["run", "tasks", "report"])
def test_an_unknown_profile_is_one_line_with_the_list(eas, command):
    assert_one_line(eas(command, "--profile", "nope"), "'nope'", "demo", "imagenet-10")


@pytest.mark.parametrize(
    "override, said",
    [("supernet.speed=3", "unknown key"), ("teacher.epochs=-1", "teacher.epochs"), ("nonsense", "section.key=value")],
)
def test_a_wrong_setting_is_one_line(eas, override, said):
    assert_one_line(eas("run", "--profile", "smoke", "--set", override), said)


def test_tasks_lists_the_tasks_and_their_classes(eas):
    status, out, _ = eas("tasks", "--profile", "smoke")
    assert status == 0 and len(out.splitlines()) == 10 and out.startswith("polygons: triangle, square")
    assert len(json.loads(eas("tasks", "--profile", "smoke", "--json")[1])["polygons"]) == 6


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "", "cpu:x"])
def test_an_unusable_device_is_one_line(eas, device, tmp_path):
    assert_one_line(eas("run", "--profile", "smoke", "--device", device, "--runs", str(tmp_path)), "device")


@pytest.mark.parametrize("words", [(), ("fly",), ("run", "--until", "heaven"), ("specialize", "--budget", "3")])
def test_a_wrong_command_line_exits_with_status_two(words, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(list(words))
    assert stop.value.code == 2 and "Traceback" not in capsys.readouterr().err


# ---------------------------------------------------------------- a finished run


def inodes(root: Path) -> dict[str, tuple]:
    """What would change if any file were written again."""
    return {str(p): (p.stat().st_ino, p.stat().st_mtime_ns) for p in root.rglob("*") if p.is_file()}


def test_a_finished_run_is_reused_whole(eas, smoke_run):
    before = inodes(smoke_run.root)
    status, out, err = eas("run", "--until", "specialized", runs=True)
    assert (status, err) == (0, "")
    assert [line.split(":")[0] for line in out.splitlines()] == ["teacher", "supernet", "generator", "specialized"]
    assert inodes(smoke_run.root) == before


def test_a_changed_setting_rebuilds_only_what_depends_on_it(smoke_run):
    changed = make_run("smoke", 0, smoke_run.root, ["specialize.candidates=1"], "cpu", progress=False)
    same = [stage for stage in MAIN if changed.folder(stage) == smoke_run.folder(stage)]
    assert same == ["teacher", "supernet", "generator"]
    other_seed = make_run("smoke", 1, smoke_run.root, device="cpu", progress=False)
    assert not any(other_seed.folder(stage) == smoke_run.folder(stage) for stage in MAIN)


def test_where_photographs_lie_is_no_setting(smoke_run):
    moved = make_run("smoke", 0, smoke_run.root, ["data.path=elsewhere.zip"], "cpu", progress=False)
    assert moved.folder("results") == smoke_run.folder("results")
    assert moved.loop("teacher") == smoke_run.loop("teacher")  # so that a stopped run continues after a move


def test_the_results_record_holds_every_scenario_within_its_budget(smoke_run):
    result = results.results(smoke_run)["result"]
    budgets, tasks = smoke_run.profile.specialize.budgets, smoke_run.tasks
    assert {(r["task"], r["budget"]) for r in result["rows"]} == {(t, b) for t in tasks.names for b in budgets}
    for row in result["rows"]:
        architecture = Architecture.from_dict(row["architecture"])
        exact = cost.madds(smoke_run.profile.search_space(), [architecture])[0] / 1e6
        assert row["madds"] == exact <= row["budget"]
        assert row["interval"][0] <= row["accuracy"] <= row["interval"][1]
        assert row["n"] == 6 * smoke_run.profile.data.test_per_class
    assert result["test_digest"] == smoke_run.splits("test")[0].digest


def test_training_and_search_never_load_the_test_split(smoke_run, tmp_path, monkeypatch):
    from eas_core.data import splits

    shutil.copytree(Path(smoke_run.root) / "data", tmp_path / "data")
    asked, real = [], splits.load
    monkeypatch.setattr(splits, "load", lambda *args: asked.extend(args[3]) or real(*args))
    budget = smoke_run.profile.specialize.budgets[0]
    overrides = ["generator.steps=2", "specialize.candidates=1", f"specialize.budgets=[{budget}]"]
    run = make_run("smoke", 0, tmp_path, overrides, "cpu", progress=False)
    specialized.specialized(run)
    assert set(asked) == {"train", "valid"}


def test_specialize_prints_a_network_within_the_budget_and_twice_the_same(eas, smoke_run):
    budget = smoke_run.profile.specialize.budgets[1]
    outcome = eas("specialize", "--task", "counting", "--budget", str(budget), runs=True)
    status, out, err = outcome
    said = json.loads(out)
    assert (status, err) == (0, "") and said["task"] == "counting" and said["madds_millions"] <= budget
    assert Architecture.from_dict(said["architecture"])
    assert eas("specialize", "--task", "counting", "--budget", str(budget), runs=True) == outcome


@pytest.mark.parametrize("onnx", [False, True])
def test_export_prints_what_it_wrote(onnx, eas, smoke_run, tmp_path):
    words = ("export", "--task", smoke_run.tasks.names[0], "--budget", "3", "--out", str(tmp_path))
    status, out, err = eas(*words, *["--onnx"] * onnx, runs=True)
    names = ["network.safetensors", "network.json", *["network.onnx"] * onnx]
    assert (status, out.splitlines()) == (0, [str(tmp_path / name) for name in names]), err
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


@pytest.mark.parametrize("error", [RuntimeError("a fault of the library"), ZeroDivisionError("another")])
def test_a_fault_of_the_library_is_not_taken_for_bad_input(error, monkeypatch):
    def broken(_options):
        raise error

    monkeypatch.setitem(options.COMMANDS, "tasks", (broken, (), "broken"))
    with pytest.raises(type(error)):
        cli.main(["tasks"])


def test_specialize_takes_the_method_that_validation_images_prefer_and_says_so(eas, smoke_run, smoke_evidence):
    found = specialized.validation_accuracy(smoke_run)
    assert sorted(found) == ["EAS", "amortised", "multi-path"] and all(0 < value < 1 for value in found.values())
    words = ("specialize", "--task", "counting", "--budget", str(smoke_run.profile.specialize.budgets[1]))
    best = json.loads(eas(*words, runs=True)[1])
    assert best["validation_of_methods"] == found and found[best["method"]] == max(found.values())
    for method in found:
        named = json.loads(eas(*words, "--method", method, runs=True)[1])
        assert (named.pop("method"), named.pop("validation_of_methods")) == (method, {})
        row = specialized.specialize_one(smoke_run, "counting", named["budget_millions"], method)
        assert named["architecture"] == row.architecture.to_dict() and named["madds_millions"] <= row.budget
    with pytest.raises(EASError, match="'OFA-T' is not one of"):
        specialized.specialize_one(smoke_run, "counting", 3.0, "OFA-T")


def test_where_nothing_was_recorded_or_in_a_tie_the_best_method_is_eas(smoke_run, monkeypatch):
    empty = make_run("smoke", 5, smoke_run.root, progress=False)
    assert specialized.best_method(empty) == ("EAS", {})
    for found, best in (({"amortised": 0.8, "EAS": 0.8}, "EAS"), ({"amortised": 0.8, "EAS": 0.7}, "amortised")):
        monkeypatch.setattr(specialized, "validation_accuracy", lambda _run, found=found: found)
        assert specialized.best_method(empty) == (best, found)


def test_a_release_as_a_whole_is_evaluated_as_recorded(eas):
    outcome = eas("evaluate", "--release", "demo", "--method", "amortised")
    assert_one_line(outcome, "needs --task and --budget")


def test_export_says_by_which_method(eas, smoke_run, tmp_path):
    words = ("export", "--task", "counting", "--budget", "3", "--method", "EAS", "--out", str(tmp_path))
    assert eas(*words, runs=True)[2] == "found by EAS\n"


def test_export_takes_an_architecture_from_a_file(eas, smoke_run, tmp_path):
    given, out = tmp_path / "given.json", tmp_path / "network"
    given.write_text(SMALLEST.to_json())
    words = ("export", "--task", "counting", "--budget", "3", "--architecture", str(given), "--out", str(out))
    assert eas(*words, runs=True)[2] == "found by --architecture\n"
    assert json.loads((out / "network.json").read_text())["architecture"] == SMALLEST.to_dict()
    assert_one_line(eas(*words, "--method", "EAS", runs=True), "--method: 'EAS' finds an architecture")
    for text, fault in ((LARGEST.to_json(), "more than the budget of 3 M"), ("{", "not JSON"), ("{}", "needs exactly")):
        given.write_text(text)
        assert_one_line(eas(*words, runs=True), fault)
    given.unlink()
    assert_one_line(eas(*words, runs=True), "given.json: [Errno 2]")


def test_evaluate_adds_the_test_accuracy_of_the_tasks_images(eas, smoke_run):
    budget = smoke_run.profile.specialize.budgets[0]
    status, out, _ = eas("evaluate", "--task", "arrows", "--budget", str(budget), runs=True)
    said = json.loads(out)
    (row,) = [
        r
        for r in results.results(smoke_run)["result"]["rows"]
        if r["task"] == "arrows" and r["budget"] == budget and r["architecture"] == said["architecture"]
    ] or [said["test"]]
    assert status == 0 and said["test"]["n"] == 6 * smoke_run.profile.data.test_per_class
    assert said["test"]["accuracy"] == row["accuracy"]


@pytest.mark.parametrize("task", ["dogs", "", "Counting", "10"])
def test_an_unknown_task_is_one_line_with_the_list(eas, task):
    outcome = eas("specialize", "--task", task, "--budget", "3", runs=True)
    assert_one_line(outcome, f"task: {task!r}", "polygons, ", "colour_pairs")


@pytest.mark.parametrize("budget", ["0", "-1", "1e9", "nan", "inf"])
def test_a_budget_outside_the_range_is_one_line_with_the_range(eas, budget, smoke_run):
    low, high = smoke_run.profile.generator.budget
    assert_one_line(eas("specialize", "--task", "arrows", "--budget", budget, runs=True), f"[{low:g}, {high:g}] M")


@pytest.fixture
def copied(smoke_run, tmp_path):
    """A copy of the finished run that a test may damage, and a way to run a command on it."""
    shutil.copytree(smoke_run.root, tmp_path / "runs")
    run = make_run("smoke", root=tmp_path / "runs", device="cpu", progress=False)
    return run, ("--runs", str(tmp_path / "runs"), "--profile", "smoke", "--device", "cpu", "--quiet")


# without a method it is the best on record, and which are on record depends on the tests that came before
SCENARIO = ("specialize", "--task", "arrows", "--budget", "4", "--method", "EAS")


@pytest.mark.parametrize("stage", ["supernet", "generator"])
def test_weights_cut_short_are_one_line_and_stay(eas, copied, stage):
    run, words = copied
    path = run.folder(stage) / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-50])
    before = inodes(run.root)
    assert_one_line(eas(*SCENARIO, *words), str(path), "damaged or cut short")
    assert inodes(run.root) == before


def test_weights_of_another_space_are_one_line(eas, copied):
    from helpers import SMALL

    from eas_core.network.supernet import Supernet

    run, words = copied
    path = run.folder("supernet") / "weights.safetensors"
    records.save_tensors(path, Supernet(SMALL).state_dict())
    assert_one_line(eas(*SCENARIO, *words), str(path), "another search space")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"kind": "generator"'])
def test_a_damaged_record_is_one_line(eas, copied, text):
    run, words = copied
    (run.folder("generator") / "record.json").write_text(text)
    assert_one_line(eas(*SCENARIO, *words), str(run.folder("generator") / "record.json"))


def test_a_damaged_checkpoint_is_one_line(eas, copied):
    run, words = copied
    (run.folder("teacher") / "record.json").unlink()
    (run.folder("teacher") / "checkpoint.pt").write_bytes(b"PK\x03\x04 cut")
    assert_one_line(eas("run", "--until", "teacher", *words), "checkpoint", "remove it to start over")


def test_a_full_disk_is_one_line_and_what_was_there_stays(eas, copied, monkeypatch):
    run, words = copied
    before = inodes(run.root)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    outcome = eas("run", "--until", "specialized", "--set", "specialize.candidates=1", *words)
    assert outcome[0] == 2 and outcome[2].count("\n") == 1 and "the disk is full" in outcome[2]
    assert inodes(run.root) == before


def test_a_runs_folder_that_is_a_file_is_one_line(eas, tmp_path):
    (tmp_path / "file").write_text("x")
    words = ("--device", "cpu", "--quiet", "--runs", str(tmp_path / "file"))
    assert_one_line(eas("run", "--profile", "smoke", *words), "file")


def test_a_report_before_there_are_results_is_one_line(eas, tmp_path):
    pytest.importorskip("eas_core.show.result_tables")
    assert_one_line(eas("report", "--profile", "smoke", "--device", "cpu", "--runs", str(tmp_path)), "does not exist")


def test_a_report_of_a_finished_run_names_every_budget(eas, smoke_run):
    pytest.importorskip("eas_core.show.result_tables")
    status, out, err = eas("report", runs=True)
    assert (status, err) == (0, "") and all(f"{budget:g}" in out for budget in smoke_run.profile.specialize.budgets)


def test_photographs_that_are_not_there_are_one_line(eas, tmp_path, monkeypatch):
    def no_network(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr("urllib.request.urlopen", no_network)
    words = ("run", "--profile", "smoke", "--set", "data.source=tiny-imagenet", "--device", "cpu")
    words = (*words, "--runs", str(tmp_path))
    assert_one_line(eas(*words), "data.path")
    assert_one_line(eas(*words, "--set", f"data.path={tmp_path / 'no.zip'}"), "no.zip")


def test_classes_that_do_not_match_the_data_are_one_line(eas, tmp_path):
    words = ("--set", "space.num_classes=59", "--device", "cpu", "--runs", str(tmp_path))
    assert_one_line(eas("run", "--profile", "smoke", *words), "space.num_classes", "60 classes")


def test_a_run_stopped_by_its_time_limit_continues(eas, copied):
    run, words = copied
    changed = ("--set", "generator.steps=3")
    status, out, err = eas("run", "--until", "generator", "--max-minutes", "0", *changed, *words)
    assert status == 2 and "stopped after step 1 of 3" in err and err.count("\n") == 1
    assert out.count("\n") == 2  # teacher and supernet were there
    status, out, err = eas("run", "--until", "generator", *changed, *words)
    assert (status, err) == (0, "") and out.count("\n") == 3


# ---------------------------------------------------------------- eas release, and what takes --release


def test_release_prints_what_it_wrote_and_says_which_seeds_are_not_there(eas, smoke_evidence, tmp_path):
    words = ("release", "--seeds", "0", "--weights", "0", "--out", str(tmp_path / "release"))
    status, out, _ = eas(*words, runs=True)
    assert status == 0 and sorted(out.split()) == sorted(map(str, (tmp_path / "release").iterdir()))
    assert_one_line(eas("release", "--seeds", "0,9", "--out", str(tmp_path / "other"), runs=True), "seed 9: ")
    assert_one_line(
        eas("release", "--weights", "9", "--out", str(tmp_path / "other"), runs=True), "--weights: 9 is not"
    )
    assert not (tmp_path / "other").exists()


@pytest.fixture
def released(eas, smoke_release, tmp_path):
    """Run a command on the smoke release."""

    def call(*words: str) -> tuple[int, str, str]:
        more = ("--release", str(smoke_release), "--runs", str(tmp_path), "--device", "cpu", "--quiet")
        return eas(*words, *more)

    return call


def test_the_network_of_a_release_is_that_of_its_run(eas, released, smoke_run, tmp_path):
    words = ("--task", "counting", "--budget", str(smoke_run.profile.specialize.budgets[0]))
    status, out, err = released("specialize", *words)
    assert (status, err) == (0, "") and out == eas("specialize", *words, runs=True)[1]
    again = json.loads(released("evaluate", *words)[1])
    assert {name: value for name, value in again.items() if name != "test"} == json.loads(out) and again["test"]["n"]
    status, out, _ = released("export", *words, "--out", str(tmp_path / "network"))
    assert status == 0 and len(out.splitlines()) == 2


def test_all_networks_of_a_release_give_the_accuracies_of_its_record(released, smoke_run):
    status, out, err = released("evaluate", "--tolerance", "0")
    count = len(smoke_run.tasks) * len(smoke_run.profile.specialize.budgets)
    assert (status, err) == (0, "") and out.splitlines()[-1] == f"{count} networks, largest difference 0.00 points"


def test_networks_that_differ_from_their_record_are_named_with_status_2(released, monkeypatch):
    from eas_core.runs import releases_evaluate

    found = [releases_evaluate.Again("counting", 3.0, 2.9, 1200, 80.0, 80.25)]
    monkeypatch.setattr(releases_evaluate, "evaluate", lambda run: (found, False))
    status, out, err = released("evaluate", "--tolerance", "0.25")
    assert (status, err) == (0, "") and "largest difference 0.25 points; the test images are not those" in out
    for more in ((), ("--tolerance", "0.24")):
        status, out, err = released("evaluate", *more)
        assert status == 2 and "0.25 points" in out and err.count("\n") == 1 and "counting at 3 M: 80.25 % here" in err


@pytest.mark.parametrize(
    "words, said",
    [
        (("evaluate", "--task", "counting"), "--task and --budget are needed"),
        (("evaluate", "--tolerance", "-1"), "--tolerance: -1.0 must be"),
        (("evaluate", "--tolerance", "nan"), "--tolerance: nan must be"),
        (("evaluate", "--seed", "1"), "has its own profile and seed"),
        (("specialize", "--task", "counting", "--budget", "3", "--profile", "smoke"), "has its own profile and seed"),
        (("specialize", "--task", "counting", "--budget", "99"), "budget"),
        (("specialize", "--task", "dogs", "--budget", "3"), "task: 'dogs'"),
        (("restore", "--set", "generator.steps=3"), "generator.steps=3"),
    ],
)
def test_what_a_release_does_not_allow_is_one_line(released, words, said):
    assert_one_line(released(*words), said)


def test_evaluate_needs_a_scenario_or_a_release(eas):
    assert_one_line(eas("evaluate", "--profile", "smoke"), "--task and --budget are needed, or --release alone")


# ---------------------------------------------------------------- eas claims


def test_claims_are_judged_and_their_records_copied(eas, smoke_evidence, tmp_path):
    status, out, err = eas("claims", "--seeds", "0", "--out", str(tmp_path), runs=True)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[-1] == str(tmp_path / "seed-0.json")
    judged = claims.judge([smoke_evidence])
    assert [line.split("  ")[0].strip() for line in lines[:-1]] == [claim.verdict for claim in judged]
    assert claims.judge(releases.read_evidence(tmp_path)) == judged


@pytest.mark.parametrize(
    "seeds, said", [("0,9", "seed 9: "), ("one", "--seeds: 'one' must be whole numbers"), ("0,0", "not all different")]
)
def test_claims_of_seeds_that_are_not_there_are_one_line(eas, smoke_evidence, seeds, said):
    assert_one_line(eas("claims", "--seeds", seeds, runs=True), said)
