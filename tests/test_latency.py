"""Latency: parts are told from what surrounds them, disturbed rounds are found, and a limit is kept or refused."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import numpy as np
import pytest
from helpers import SMALL, one_line

from eas_core import cli
from eas_core.base.errors import EASError, SpaceError
from eas_core.network import latency as measuring
from eas_core.runs import latency
from eas_core.space import latency_table
from eas_core.space.architecture import BLOCKS, EXPANSIONS, KERNELS, LARGEST, SMALLEST, UNITS, uniform
from eas_core.space.cost_tables import CostTable, cost_tables

ABOUT = {"device": "abacus", "runtime": "onnxruntime", "threads": 1}


def times(overhead: float, block: float) -> dict[str, float]:
    """What a device would measure whose blocks all take the same, and each call ``overhead`` more."""
    found = {"stem": overhead, "head": overhead}
    for unit in range(UNITS):
        for kernel in KERNELS:
            for ratio in EXPANSIONS:
                for number, name in enumerate(("one", "two", "three"), 1):
                    found[f"{name} {unit} {kernel} {ratio}"] = overhead + number * block * kernel * ratio
    return found


def table_by_hand(space=SMALL, scale: float = 1e-6) -> latency_table.LatencyTable:
    """Multiply-adds as milliseconds, ``scale`` each."""
    table: CostTable = cost_tables(space)[0]
    correction = {"intercept": 0.0, "slope": scale, "per_block": 0.0}
    return latency_table.LatencyTable(space, table.fixed, table.blocks.tolist(), correction, dict(ABOUT))


def test_what_surrounds_every_call_cancels():
    fixed, blocks = measuring.table_of(times(overhead=5.0, block=0.1))
    assert fixed == 10.0 and blocks.shape == (BLOCKS, 3, 3)
    expected = 0.1 * np.outer(KERNELS, EXPANSIONS)
    np.testing.assert_allclose(blocks, np.broadcast_to(expected, blocks.shape), rtol=1e-12)


def test_the_correction_finds_a_linear_device_exactly():
    fixed, blocks = measuring.table_of(times(overhead=0.5, block=0.01))
    networks = [SMALLEST, LARGEST, uniform(2, 6, 7), uniform(4, 3, 3), *measuring.spread_networks(SMALL, 6, seed=0)]
    raw = latency_table.LatencyTable(SMALL, fixed, blocks.tolist(), dict(intercept=0, slope=1, per_block=0), ABOUT)
    device = [
        0.2 + 1.5 * ms + 0.03 * sum(one.depth) for one, ms in zip(networks, raw.milliseconds(networks), strict=True)
    ]
    table = latency_table.fitted(SMALL, fixed, blocks, dict(zip(networks, device, strict=True)), ABOUT)
    assert table.correction == pytest.approx({"intercept": 0.2, "slope": 1.5, "per_block": 0.03})
    other = uniform(3, 4, 5)
    assert table.milliseconds([other])[0] == pytest.approx(0.2 + 1.5 * raw.milliseconds([other])[0] + 0.03 * 15)
    assert table.about["fit"]["largest_error"] < 1e-9


def test_a_call_that_was_interrupted_does_not_count_unless_all_are():
    calls = iter(range(10**6))

    def sometimes():
        if next(calls) % 4 == 3:
            time.sleep(0.002)  # the thread does not run
        sum(range(2000))

    def always():
        time.sleep(0.001)

    assert measuring.sample(sometimes, seconds=0.002) < 1
    assert measuring.sample(always, seconds=0.001) >= 1


def test_the_quietest_rounds_are_kept_and_disturbed_ones_done_again():
    def one(reference: float, value: float) -> dict:
        return {"times": {"a": value}, "reference": [reference] * 3}

    rounds = [one(1.0, 5.0), one(1.5, 9.0), one(1.05, 5.1)]
    kept, disturbed = measuring.quietest(rounds, 2)
    assert kept == [rounds[0], rounds[2]] and disturbed == 1
    assert not latency._enough(rounds, 3) and latency._enough(rounds, 2)
    assert latency._enough([one(1.0, 1.0), *[one(1.5, 1.0)] * 5], 2)  # tried often enough
    assert latency.noise(rounds[:1], ["a"]) is None and latency.noise(kept, ["a"]) == pytest.approx(1 - 5 / 5.1)


@pytest.mark.parametrize("runtime", measuring.RUNTIMES)
def test_a_networks_latency_is_measured_in_both_runtimes(runtime):
    if runtime == "onnxruntime":
        pytest.importorskip("onnxruntime")
    with measuring.pinned(1):
        small, large = (measuring.network_work(SMALL, one, runtime, 1) for one in (SMALLEST, LARGEST))
        assert 0 < measuring.sample(small, 0.002) < measuring.sample(large, 0.002)


@pytest.fixture
def cheap(monkeypatch):
    """Parts and networks whose calls do nothing, so that measuring takes no time."""
    names = [*times(1, 1)]
    monkeypatch.setattr(measuring, "part_works", lambda *_: dict.fromkeys(names, lambda: sum(range(100))))
    monkeypatch.setattr(measuring, "network_work", lambda *_: lambda: sum(range(1000)))


def test_an_interrupted_measurement_goes_on_and_another_one_does_not(cheap, tmp_path, monkeypatch):
    path, asked, real = tmp_path / "device.json", [], measuring.one_round

    def interrupted(works, *more):
        asked.append(len(works))
        if len(asked) == 2:
            raise KeyboardInterrupt
        return {**real(works, *more), "reference": [1.0]}

    monkeypatch.setattr(measuring, "one_round", interrupted)
    with pytest.raises(KeyboardInterrupt):
        latency.measure(SMALL, path, rounds=3, seconds=1e-6)
    assert not path.exists()
    table = latency.measure(SMALL, path, rounds=3, seconds=1e-6)
    assert (
        len(asked) == 4 and table.about["rounds"] == 3 and [one.name for one in tmp_path.iterdir()] == ["device.json"]
    )
    again = latency_table.read(path, SMALL)
    assert again.milliseconds([LARGEST]) == table.milliseconds([LARGEST]) and again.about["versions"]
    (tmp_path / ".other.json.rounds").write_text('{"key": "of another measurement"}\n{"times": {}}\n')
    latency.measure(SMALL, tmp_path / "other.json", rounds=1, seconds=1e-6)
    assert len(asked) == 5


@pytest.mark.parametrize("change", [{"threads": 0}, {"threads": 4097}, {"rounds": 0}, {"runtime": "abacus"}])
def test_what_cannot_be_measured_is_one_line(change, tmp_path):
    with pytest.raises(EASError) as error:
        latency.measure(SMALL, tmp_path / "device.json", **change)
    assert one_line(error.value) and not list(tmp_path.iterdir())


def damaged() -> dict[str, object]:
    good = {
        "format": 1,
        **json.loads(json.dumps(replace(table_by_hand(), blocks=table_by_hand().blocks).__dict__, default=vars)),
    }
    return {
        "list": [],
        "format": {**good, "format": 2},
        "blocks": {**good, "blocks": [[1.0]]},
        "not finite": {**good, "fixed": None},
        "correction": {**good, "correction": {}},
        "about": {**good, "about": {}},
    }


@pytest.mark.parametrize("case", damaged())
def test_a_damaged_table_is_one_line(case, tmp_path):
    path = tmp_path / "device.json"
    path.write_text(json.dumps(damaged()[case]))
    with pytest.raises(EASError, match="device-table") as error:
        latency_table.read(path, SMALL)
    assert one_line(error.value)


def test_a_table_of_another_space_is_refused(tmp_path):
    table_by_hand().write(tmp_path / "device.json")
    assert latency_table.read(tmp_path / "device.json", SMALL).fixed == table_by_hand().fixed
    with pytest.raises(SpaceError, match="resolution, head_width differ"):
        latency_table.read(tmp_path / "device.json", replace(SMALL, resolution=14, head_width=8))


# ---------------------------------------------------------------- a network within milliseconds


def test_a_limit_is_kept_by_a_table_of_another_device(smoke_run):
    table = table_by_hand(smoke_run.profile.search_space())
    chosen, about = latency.specialize_within(smoke_run, "polygons", 3.0, table)
    assert about["predicted_ms"] == pytest.approx(chosen.madds) and about["predicted_ms"] <= 3.0
    assert about["measured_ms"] is None and about["device"] == "abacus"


@pytest.mark.parametrize("slower", [0.5, 2.0])
def test_on_the_tables_device_candidates_are_measured_and_refused_when_over(slower, smoke_run, monkeypatch):
    table = table_by_hand(smoke_run.profile.search_space())
    table.about["device"] = measuring.device_name()
    asked = []

    def measured(_space, group, _table):
        asked.append(len(group))
        return {one: slower * ms for one, ms in zip(group, table.milliseconds(group), strict=True)}

    monkeypatch.setattr(latency, "measured", measured)
    if slower < 1:
        chosen, about = latency.specialize_within(smoke_run, "polygons", 3.0, table)
        assert about["measured_ms"] == pytest.approx(chosen.madds / 2) and asked == [about["refused"] + asked[0]]
        return
    with pytest.raises(EASError, match="took longer when measured") as error:
        latency.specialize_within(smoke_run, "polygons", 3.0, table)
    assert one_line(error.value) and len(asked) > 1


@pytest.mark.parametrize("limit", [1e-3, float("nan"), float("inf")])
def test_a_limit_that_nothing_keeps_is_one_line(limit, smoke_run):
    with pytest.raises(SpaceError, match="smallest architecture") as error:
        latency.check_limit(limit, table_by_hand(smoke_run.profile.search_space()))
    assert one_line(error.value)


def test_the_command_specialises_for_milliseconds(smoke_run, tmp_path, capsys):
    table_by_hand(smoke_run.profile.search_space()).write(tmp_path / "device.json")
    words = ["specialize", "--task", "polygons", "--profile", "smoke", "--runs", str(smoke_run.root), "--device", "cpu"]
    words += ["--quiet", "--device-table", str(tmp_path / "device.json")]
    assert cli.main([*words, "--latency", "3ms"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["latency"]["limit_ms"] == 3.0 >= said["latency"]["predicted_ms"]
    for more in ([], ["--latency", "3ms", "--budget", "3"], ["--latency", "fast"]):
        assert cli.main([*words, *more]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert cli.main([*words[:-2], "--latency", "3ms"]) == 2
    assert "--device-table is needed" in capsys.readouterr().err
