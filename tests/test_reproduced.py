"""``eas reproduce``: a table, figure or claim by itself says what all records say, and expected stands beside obtained."""

from __future__ import annotations

import copy
import math
import re
from dataclasses import replace

import pytest

from book import reproducing
from eas_core import cli, make_run
from eas_core.base.errors import DataError
from eas_core.data import sources
from eas_core.evidence import claims, compare, queries
from eas_core.evidence.verdicts import Missing
from eas_core.runs import partly, pipeline, releases
from eas_core.settings import profiles
from eas_core.show import items, reproduced

DEMO = profiles.load("demo")
TASKS = sources.task_set(DEMO.data)
CLAIMS = {claim.key: claim for claim in claims.CLAIMS}
PUBLISHED = releases.read_evidence("releases/demo-3-seeds")


def test_every_table_figure_and_claim_has_an_entry():
    paper_map = (reproducing.ROOT / "book" / "paper_map.md").read_text()
    named = set(re.findall(r"\(#((?:table|figure)-\d)\)", paper_map))
    assert named - items.ITEMS.keys() == {"figure-2"}  # a drawing
    assert items.ITEMS.keys() - named == CLAIMS.keys()


def only(evidence: dict, needs) -> dict:
    """A seed's evidence with nothing but what is needed."""
    found = copy.copy(evidence) | {"variants": {}}
    for name, variant in evidence["variants"].items():
        where = {need.stage for need in needs if (variant["q"], variant["reading"]) in partly.variants(DEMO, need)}
        records = {stage: record for stage, record in variant["records"].items() if stage in where}
        if records or name == evidence["main"]:
            found["variants"][name] = variant | {"records": records}
    return found


@pytest.mark.parametrize("key", CLAIMS)
def test_what_a_claim_needs_is_enough_and_none_of_it_too_much(key):
    needs, measure = items.ITEMS[key].needs, CLAIMS[key].measure
    assert measure([only(PUBLISHED[0], needs)]) == measure([PUBLISHED[0]])
    for left_out in needs:
        with pytest.raises(Missing):
            measure([only(PUBLISHED[0], [need for need in needs if need != left_out])])


def test_only_what_is_needed_is_gathered_and_what_is_there_is_not_made(smoke_run, smoke_evidence, monkeypatch):
    monkeypatch.setattr(pipeline, "make", None)
    for item in items.ITEMS.values():
        found = partly.gather(smoke_run, item.needs)
        assert found["main"] == smoke_evidence["main"]
        for name, variant in found["variants"].items():
            for stage, record in variant["records"].items():
                assert record == smoke_evidence["variants"][name]["records"][stage]
                assert stage in {need.stage for need in item.needs}


def test_what_is_missing_is_made(tmp_path, monkeypatch):
    made, smoke_run = [], make_run("smoke", root=tmp_path, device="cpu")
    monkeypatch.setattr(pipeline, "record", lambda run, stage, base: made.append((run.folder(stage), base)) or {})
    partly.gather(smoke_run, items.item("target-only").needs)
    assert made == [(smoke_run.variant(q).folder("tested-EAS"), smoke_run) for q in (0.0, 1.0)]


def test_a_profile_without_the_plain_supernet_has_the_baselines_in_its_own():
    own = DEMO.supernet.task_dropout
    without = DEMO.model_copy(update={"ablation": DEMO.ablation.model_copy(update={"q": ()})})
    assert partly.variants(without, partly.Need("tested-OFA-T", "plain")) == []
    assert partly.variants(without, partly.Need("tested-OFA-T", "baseline")) == [(own.q, own.reading)]


def test_seconds_count_each_stage_once():
    entry = PUBLISHED[0]
    needs = (partly.Need("tested-EAS"), partly.Need("tested-EAS", "plain"), partly.Need("specialized"))
    own, plain = (entry["variants"][name]["records"] for name in ("q=0.6", "q=0"))
    stages = ("supernet", "generator", "specialized", "tested-EAS")
    by_hand = own["teacher"]["seconds"] + sum(records[stage]["seconds"] for records in (own, plain) for stage in stages)
    assert partly.seconds(entry, needs, DEMO) == pytest.approx(by_hand)


def test_numbers_of_table_1_are_the_accuracies_of_the_records():
    numbers = items.item("table-1").numbers(PUBLISHED[:1], TASKS)
    plain = queries.records_of(PUBLISHED[:1], "tested-OFA-T", 0.0)
    budgets = queries.common_budgets(plain)
    assert len(numbers) == 3 * len(budgets)
    for budget in budgets:
        assert numbers[f"OFA-T at {budget:g} M"] == pytest.approx(compare.accuracy(plain, budget).mean, abs=0.005)


def test_a_release_is_as_expected_of_itself_and_the_same_seeds_differ_by_nothing():
    found = reproduced.reproduce(items.item("table-1"), PUBLISHED[:1], TASKS)
    assert set(found.table["as expected"]) == {"yes"}
    assert "of the same seeds the largest difference is 0 %" in found.notes
    reproduced.refuse_unexpected(found)


def test_other_numbers_are_refused_if_they_are_more_than_half():
    wanted, published = items.item("ofa-t"), [{"a": 1.0, "b": 1.0}, {"a": 2.0, "b": 2.0}, {"a": 3.0, "b": 3.0}]
    for obtained, refused in (({"a": 2.0, "b": 9.0}, False), ({"a": 9.0, "b": 9.0}, True)):
        table = reproduced.compare_numbers(wanted, [obtained], published, {})
        assert list(table["as expected"]) == ["no" if value > 3 else "yes" for value in obtained.values()]
        found = reproduced.Reproduced(wanted, table, (), None)
        if refused:
            with pytest.raises(DataError, match="ofa-t is not as expected: a; b"):
                reproduced.refuse_unexpected(found)
        else:
            reproduced.refuse_unexpected(found)


def test_times_and_numbers_without_a_spread_are_not_judged():
    assert math.isnan(reproduced.tolerance([1.0], 1)) and math.isnan(reproduced.tolerance([1.0, 1.0, 1.0], 1))
    timed = reproduced.compare_numbers(items.item("time"), [{"a": 9.0}], [{"a": 1.0}, {"a": 2.0}], {})
    alike = reproduced.compare_numbers(items.item("ofa-t"), [{"a": 9.0}], [{"a": 1.0}, {"a": 1.0}], {})
    assert timed["as expected"].tolist() == alike["as expected"].tolist() == [""]


def test_a_release_with_other_settings_is_told_and_one_with_the_same_is_preferred():
    changed = copy.deepcopy(PUBLISHED[:1])
    changed[0]["variants"]["q=0.6"]["records"]["tested-EAS"]["settings"]["generator"]["steps"] = 7
    assert reproduced.other_settings(changed, PUBLISHED) == ["generator.steps"]
    assert reproduced.other_settings(PUBLISHED[1:2], PUBLISHED) == []
    own = releases.read_evidence("releases/demo")
    assert reproduced.expected(items.item("multi-path"), "demo", TASKS, own)[0] == "demo"


def test_what_a_profile_does_not_make_is_one_line(capsys, tmp_path):
    with pytest.raises(DataError, match="dropout cannot be had from profile demo: no tested-EAS record for q = 0"):
        reproduced.reproduce(items.item("dropout"), releases.read_evidence("releases/demo")[:1], TASKS)
    for words, said in (
        (["table-9"], "'table-9' is not one of table-1,"),
        (["table-2", "--profile", "smoke"], "table-2 is about 12 tasks, profile smoke has 10"),
    ):
        assert cli.main(["reproduce", *words, "--runs", str(tmp_path)]) == 2
        assert said in capsys.readouterr().err


def test_the_command_lists_prints_and_writes(tmp_path, capsys, smoke_run, smoke_evidence):
    assert cli.main(["reproduce"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(items.ITEMS)
    words = ["--profile", "smoke", "--runs", str(smoke_run.root), "--device", "cpu", "--out", str(tmp_path / "out")]
    for key, written in (("figure-7", ["figure-7.csv", "figure-7.png"]), ("table-4", ["table-4.csv"])):
        assert cli.main(["reproduce", key, *words]) == 0
        for name in written:
            assert (tmp_path / "out" / name).stat().st_size
    assert "no release of the profile smoke has these numbers" in capsys.readouterr().out


def test_the_page_is_what_the_records_say():
    assert reproducing.PAGE.read_text() == reproducing.page(), "python -m book.reproducing"


def test_an_item_needs_its_own_number_of_tasks():
    twelve = replace(items.item("table-1"), tasks=12)
    assert reproducing.tasks_for(twelve, DEMO) is None
    assert reproducing.command(twelve, DEMO).endswith("--profile imagenet-12")
