"""The scripts in benchmarks/ run, on small inputs; what they measure here means nothing."""

from __future__ import annotations

import json

import pytest
import torch

from benchmarks import calibration, equal_time, gpu, input_pipeline, page_calibration, recipes, scaling, throughput
from eas_core.base.parsing import parse_json
from eas_core.settings import profiles
from eas_core.show import alone_figures
from eas_core.space import cost_tables as cost
from eas_core.space.search_space import LARGEST, SearchSpace

SMALL = (  # imagenet-10 in a space that costs little
    "space.resolution=16",
    "space.widths=[8, 8, 8, 8, 8]",
    "space.final_width=16",
    "space.head_width=16",
    "generator.budget=[0.15, 0.45]",
    "generator.task_images=2",
    "generator.context_images=2",
    "specialize.budgets=[0.2]",
)


@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_every_training_has_a_rate(precision):
    rates = throughput.measure("cpu", 4, 5, precision, False, SMALL)
    wanted = {"teacher", "supernet", "generator", "multi_path"} | ({"evaluation"} if precision == "no" else set())
    assert set(rates) == wanted and all(rate > 0 for rate in rates.values())


def test_rates_are_added_to_those_of_other_devices(tmp_path, monkeypatch, capsys):
    results = tmp_path / "throughput.json"
    results.write_text(json.dumps({"another card": {"batch": 1}}))

    def measured(device, batch, steps, precision, compiled, overrides):
        if compiled:
            raise RuntimeError("no compiler")
        return {"teacher": 2.0}

    monkeypatch.setattr(throughput, "measure", measured)
    throughput.main(
        ["--device", "cpu", "--batch", "2", "--threads", str(torch.get_num_threads()), "--results", str(results)]
    )
    kept = json.loads(results.read_text())
    assert list(kept) == ["another card", next(name for name in kept if "CPU, 1 thread" in name)]
    assert set(kept[list(kept)[1]]["rates"]) == {"float32", "bfloat16"}
    assert "compiled: not measured (no compiler)" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--steps", "4"], ["--batch", "0"], ["--device", "mps"], ["--device", "cuda:99"]])
def test_what_cannot_be_measured_is_said(words, capsys):
    with pytest.raises(SystemExit):
        throughput.main(words)
    assert capsys.readouterr().err.splitlines()[-1].startswith("benchmarks.throughput: error: ")


@pytest.mark.parametrize("given", [None, "1500"])
def test_cores_for_a_gpu_follow_from_rates_that_are_assumed_or_given(given, tmp_path, capsys):
    results = tmp_path / "input.json"
    threads = torch.get_num_threads()
    more = ["--gpu-images-per-second", given] if given else []
    input_pipeline.main(["--count", "2", "--rounds", "1", "--results", str(results), *more])
    torch.set_num_threads(threads)
    found = json.loads(results.read_text())
    assert len(found["cases"]) == 8 and all(case["images_per_core_second"] > 0 for case in found["cases"])
    assert list(found["gpu"]["cores"]) == ([given] if given else ["500", "1000", "2000", "4000"])
    assert found["gpu"]["images_per_second"].startswith("given" if given else "assumed")
    with pytest.raises(SystemExit):
        input_pipeline.main(["--count", "0"])


def test_what_few_images_cost_is_told_for_each_size_and_seed(smoke_run, tmp_path):
    path = tmp_path / "calibration.json"
    words = ["--profile", "smoke", "--runs", str(smoke_run.root), "--results", str(path)]
    calibration.main([*words, "--images", "8,64", "--many", "120", "--seeds", "2", "--networks", "1"])
    found = json.loads(path.read_text())
    assert found["networks"] == len(smoke_run.profile.specialize.budgets) and found["many"] == 120
    assert [row["images"] for row in found["rows"]] == [8, 64]
    for row in found["rows"]:
        assert (
            len(row["mean"]) == len(row["deviation"]) == 2 and row["root mean square"] >= max(map(abs, row["mean"])) / 2
        )


def test_what_a_pages_calibration_costs_is_told_for_each_number_of_pictures(smoke_release, tmp_path):
    path = tmp_path / "page.json"
    words = ["--release", str(smoke_release), "--results", str(path), "--tasks", "1", "--images", "1"]
    page_calibration.main([*words, "--per-class", "1,2", "--drawings", "2"])
    found = json.loads(path.read_text())
    assert [(row["per class"], row["pictures"]) for row in found["rows"]] == [(1, 60), (2, 120)]
    assert all(len(row["loss"]) == 2 and row["largest"] >= max(row["loss"]) for row in found["rows"])


def test_recipes_are_measured_once_for_each_seed_and_on_images_that_train_nothing(smoke_run, tmp_path, capsys):
    path = tmp_path / "recipes.json"
    words = ["--profile", "smoke", "--runs", str(smoke_run.root), "--results", str(path), "--seeds", "0"]
    words += ["--set", "specialize.images_per_class=3", "--set", "specialize.budgets=[3.0]", "--only", "former"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(recipes.RECIPES, "former", {**recipes.FORMER, "steps": 2})
        recipes.main(words)
        first = path.read_text()
        recipes.main(words)  # nothing is left to do
    assert path.read_text() == first and capsys.readouterr().out.count("former, seed 0") == 1
    (row,) = json.loads(first)
    assert (row["recipe"], row["seed"], row["images_per_class"], row["settings"]["steps"]) == ("former", 0, 3, 2)
    for pick in ("first", "probable"):
        assert 0 <= row[pick]["accuracy"][0] <= 100 and row[pick]["loss"][0] > 0
    assert row["gates"][0]["budget"] == 3.0
    with pytest.raises(SystemExit):
        recipes.main(["--only", "a better one"])


def test_searches_are_measured_for_each_number_of_pairs(smoke_run, tmp_path):
    path = tmp_path / "equal_time.json"
    words = ["--profile", "smoke", "--runs", str(smoke_run.root), "--results", str(path), "--seeds", "0"]
    words += ["--pairs", "10,12", "--set", "specialize.images_per_class=3", "--set", "specialize.budgets=[3.0]"]
    equal_time.main(words)
    found = json.loads(path.read_text())
    assert [row["pairs"] for row in found] == [10, 12] and all(row["cpu_seconds"] > 0 for row in found)
    assert found[0]["image_passes"] < found[1]["image_passes"]
    left = 60 * (smoke_run.profile.data.valid_per_class - 3)
    assert found[1]["image_passes"] == 12 * (left + smoke_run.profile.calibration.images)
    for row in found:
        assert all(0 <= row[name]["accuracy"][0] <= 100 for name in ("OFA-T", "one for all"))
    figure = alone_figures.equal_time(json.loads(recipes.RESULTS.read_text()), found)
    assert len(figure.axes[0].lines) == 3
    equal_time.main(words)  # nothing is left to do
    assert json.loads(path.read_text()) == found


def test_the_recipes_differ_and_are_settings_that_there_are():
    found = [
        profiles.load("demo", [f"generator.{k}={v}" for k, v in r.items()]).generator for r in recipes.RECIPES.values()
    ]
    assert len(set(found)) == len(found)


def test_the_bench_agrees_with_once_for_all_on_what_it_compares():
    bench = pytest.importorskip("benchmarks.bench")
    space = SearchSpace(num_classes=6, resolution=32)
    found = bench.training_step(space, batch=2, rounds=1, count=1)
    assert found["largest relative difference of the logits"] < 1e-3 and len(found["ratios"]) == 8
    assert bench.exact_cost(2, 1)["difference"] <= 1e-6 * cost.madds(SearchSpace(num_classes=60), [LARGEST])[0]
    rows = bench.weight_gradients(1, 1, shapes=[(8, 8, 1)])
    assert [row["kernel"] for row in rows] == [5, 7] and all(row["ours_ms"] > 0 for row in rows)


@pytest.mark.parametrize("encoding", ["single-path", "multi-path"])
def test_both_encodings_take_a_step(encoding):
    bench = pytest.importorskip("benchmarks.bench")
    bench.encoding_step(encoding, SearchSpace(num_classes=6, resolution=32), 2)()


def test_everything_about_a_card_is_told_in_one_json(tmp_path, capsys):
    results = tmp_path / "gpu.json"
    gpu.main(["--device", "cpu", "--quick", "--results", str(results)])
    found = json.loads(capsys.readouterr().out)
    assert found == json.loads(results.read_text()) and found["quick"] and found["provenance"]["device"].endswith("CPU")
    parts = ("losses", "views", "resumed", "rates", "peak_tflops", "precisions", "scenarios", "shares_of_peak")
    for part in parts:
        assert found[part] and {"failed", "left out"}.isdisjoint(found[part]), (part, found[part])
    assert found["waits"] is None  # there is no card
    assert all(stage["largest apart"] == 0 for stage in found["losses"].values())  # the CPU against itself
    assert max(found["views"].values()) < 1e-5 and found["resumed"] == {"stops": 3, "largest difference of a weight": 0}
    assert set(found["rates"]["bfloat16"]) == {"teacher", "supernet", "generator", "multi_path"}
    assert all(0 < share for shares in found["shares_of_peak"].values() for share in shares.values())
    if found["ofa"] is not None:
        assert {label: entry["ratio"]["n"] for label, entry in found["ofa"].items()} == {"float32": 1, "bfloat16": 1}


def test_a_part_that_fails_or_comes_too_late_leaves_the_others_alone(tmp_path, monkeypatch):
    def broken(*_):
        raise RuntimeError("out of memory")

    for part in ("losses", "resumed", "waits", "rates", "precisions", "against_ofa"):
        monkeypatch.setattr(gpu, part, broken)
    plan = gpu.Plan.of("cpu", quick=True)
    found = gpu.everything(plan, tmp_path, seconds=100)
    assert found["rates"] == {"failed": "RuntimeError: out of memory"} and "shares_of_peak" not in found
    assert set(found["scenarios"]) == {"50", "60"} and "float32" in found["peak_tflops"]
    late = gpu.everything(plan, tmp_path, seconds=-1)
    assert all("left out" in part for name, part in late.items() if name != "seconds") and late["seconds"] == {}


def test_a_device_that_is_not_there_is_one_line(capsys):
    with pytest.raises(SystemExit):
        gpu.main(["--device", "cuda:99"])
    assert capsys.readouterr().err.splitlines()[-1].startswith("benchmarks.gpu: error: device: ")


def test_growth_is_measured_and_drawn(tmp_path, capsys):
    results = tmp_path / "scaling.json"
    for what in (["tasks"], ["classes", "scenarios"]):  # the second adds to the first
        scaling.main(["--what", *what, "--most", "500", "--results", str(results), "--out", str(tmp_path / "out")])
    found = parse_json(results.read_text())
    assert list(found) == ["tasks", "classes", "scenarios"] and capsys.readouterr().out.count("slope") == 3
    for one in found.values():
        assert [row["work"] for row in one["rows"]] == sorted({row["work"] for row in one["rows"]})
        assert one["slope"] == scaling.slope(one["rows"])
    assert (tmp_path / "out" / "scaling.png").stat().st_size


def test_a_ladder_of_one_step_has_no_slope(tmp_path, capsys):
    with pytest.raises(SystemExit):
        scaling.main(["--what", "classes", "--most", "60", "--results", str(tmp_path / "scaling.json")])
    assert "fewer than two values of classes" in capsys.readouterr().err


def test_the_slope_is_that_of_a_power_law():
    assert scaling.slope([{"work": n, "seconds": 3 * n**1.5} for n in (10, 100, 1000)]) == pytest.approx(1.5)
