"""What each search gives alone and after choosing: all methods alike, on the images that rank candidates and on test images."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from eas_core.base.errors import EASError
from eas_core.evidence import alone, queries
from eas_core.runs import specialized, tested, trained
from eas_core.search.evaluate import score
from eas_core.settings.stages import METHODS, PICKS
from eas_core.show import alone_figures, alone_tables, alone_texts
from eas_core.space.search_space import Architecture


@pytest.fixture
def records(smoke_evidence) -> dict[str, dict]:
    return queries.main_variant(smoke_evidence)["records"]


@pytest.mark.parametrize("method", METHODS)
def test_every_pick_of_every_method_is_tested_within_its_budget(method, records, smoke_run):
    names = [(t, b) for b in smoke_run.profile.specialize.budgets for t in smoke_run.tasks.names]
    for pick in METHODS[method].picks:
        rows = records[METHODS[method].stage_of(pick)]["result"]["rows"]
        assert [(row["task"], row["budget"]) for row in rows] == names
        assert all(row["madds"] <= row["budget"] for row in rows), pick


def test_no_method_tries_more_candidates_than_another(records, smoke_run):
    most = smoke_run.profile.specialize.candidates
    for stage in {method.stages[-1] for method in METHODS.values()}:
        assert all(1 <= row["candidates"] <= most for row in records[stage]["result"]["rows"]), stage


@pytest.mark.parametrize("stage", ["specialized", "reranked"])
def test_the_best_candidate_is_no_worse_than_the_first_where_they_are_ranked(stage, records):
    for row in records[stage]["result"]["rows"]:
        ours, first = ((one["valid_accuracy"], -one["valid_loss"]) for one in (row, row["first"]))
        assert ours >= first


def test_what_ranks_ofa_candidates_is_the_accuracy_on_their_tasks_ranking_images(records, smoke_run):
    weights, _ = trained.supernet(smoke_run)
    (train,), (_, rank) = smoke_run.splits("train"), smoke_run.validation()
    rows = {
        row["method"]: row for row in records["reranked"]["result"]["rows"] if row["task"] == smoke_run.tasks.names[2]
    }
    for method, task in (("OFA-T", 2), ("OFA-V", None)):
        architecture = Architecture.from_dict(rows[method]["architecture"])
        network = specialized.network_of(smoke_run, weights, architecture, train)
        index = None if task is None else rank.of_task(smoke_run.tasks, task)
        scores = score(network, rank, smoke_run.tasks, index)
        assert rows[method]["valid_accuracy"] == pytest.approx(scores.accuracy())


def test_the_first_of_ofa_is_what_its_predictor_likes_best(records):
    found = {(r["method"], r["task"], r["budget"]): r for r in records["evolved"]["result"]["rows"]}
    for row in records["reranked"]["result"]["rows"]:
        best = found[row["method"], row["task"], row["budget"]]
        assert row["first"]["architecture"] == best["architecture"]
        assert row["first"]["predicted_accuracy"] == best["predicted_accuracy"]


def test_the_control_hands_each_task_the_first_network_of_the_next(records, smoke_run):
    of = {(r["task"], r["budget"]): r["architecture"] for r in records["first-EAS"]["result"]["rows"]}
    names = smoke_run.tasks.names
    for row in records["shuffled-EAS"]["result"]["rows"]:
        following = names[(names.index(row["task"]) + 1) % len(names)]
        assert row["architecture"] == of[following, row["budget"]]


def test_an_unknown_pick_is_one_line(smoke_run):
    with pytest.raises(EASError, match="^pick: 'shuffled' is not one of chosen, first$"):
        tested.tested(smoke_run, "OFA-T", "shuffled")
    assert all(pick in PICKS for method in METHODS.values() for pick in method.picks)


def test_the_cross_tables_diagonal_is_each_tasks_own_accuracy(records, smoke_evidence, smoke_run):
    table = alone.crossed([smoke_evidence], "EAS")
    middle = smoke_run.profile.specialize.middle
    own = [100 * row["accuracy"] for row in records["first-EAS"]["result"]["rows"] if row["budget"] == middle]
    assert np.diag(table).tolist() == pytest.approx(own)
    assert alone.crossed([smoke_evidence], "OFA-V") is None  # one network for all tasks
    gap = alone.knowing_the_task([smoke_evidence], "EAS")
    others = [(table[:, t].sum() - table[t, t]) / 9 for t in range(10)]
    assert gap.mean == pytest.approx(np.mean(np.diag(table) - others)) and gap.seeds == 1


def test_lines_compare_every_pick_with_one_network_for_all_and_with_random_ones(records, smoke_evidence):
    lines = {(line.method, line.pick): line for line in alone.lines([smoke_evidence])}
    assert set(lines) == {(name, pick) for name, method in METHODS.items() for pick in method.picks}
    assert lines["OFA-V", "first"].over_one == {}
    line, rows = lines["EAS", "first"], records["first-EAS"]["result"]["rows"]
    one = [row["accuracy"] for row in records["first-OFA-V"]["result"]["rows"]]
    assert line.over_one[None].mean == pytest.approx(100 * (np.mean([r["accuracy"] for r in rows]) - np.mean(one)))
    assert line.accuracy[0] == pytest.approx(
        100 * np.mean([r["accuracy"] for r in rows if r["budget"] == line.budgets[0]])
    )
    table = alone_tables.alone_table([smoke_evidence])
    assert len(table) == len(lines) and table.loc[("OFA-V", "first candidate"), "minus one for all (points)"] == ""
    assert alone_figures.over_one_for_all([smoke_evidence]) is not None
    text = alone_texts.alone_text([smoke_evidence])
    assert text.count("\n- ") == len(lines) - 1 and "nan" not in text
    assert "OFA-T: on its own task" in alone_texts.cross_text([smoke_evidence])


def result(seed: int, random: list[list[float]], budgets=(1.0, 2.0)) -> dict:
    rows = [{"budget": b, "difference": 0.0, "random_accuracy": r} for b, r in zip(budgets, random, strict=True)]
    return {"settings": {"seed": seed}, "result": {"comparisons": rows}}


def scored(seed: int, accuracy: list[float], budgets=(1.0, 2.0)) -> dict:
    rows = [{"task": "a", "budget": b, "accuracy": a, "n": 50} for b, a in zip(budgets, accuracy, strict=True)]
    return {"settings": {"seed": seed}, "result": {"rows": rows}}


def test_random_architectures_of_one_seed_are_few_and_of_several_seeds_are_averaged():
    """By hand, with Student's t in both."""
    random = [[0.50, 0.54, 0.52], [0.60, 0.66, 0.63]]
    one = alone.over_random_architectures([scored(0, [0.6, 0.7])], [result(0, random)], [1.0, 2.0])
    gaps = 0.65 - np.mean(random, axis=0)
    half = stats.t.ppf(0.975, 2) * gaps.std(ddof=1) / 3**0.5
    assert (one.mean, one.low, one.n, one.seeds) == pytest.approx(
        (100 * gaps.mean(), 100 * (gaps.mean() - half), 50, 1)
    )
    records, results = [scored(0, [0.6, 0.7]), scored(1, [0.5, 0.7])], [result(0, random), result(1, random)]
    two = alone.over_random_architectures(records, results, [1.0])
    assert two.mean == pytest.approx(3.0) and two.seeds == 2
    assert two.high - two.mean == pytest.approx(stats.t.ppf(0.975, 1) * 100 * np.std([0.08, -0.02], ddof=1) / 2**0.5)


def test_the_sentence_says_on_which_side_of_zero_an_interval_lies():
    side = alone_texts._side
    estimate = alone.Estimate
    assert side(estimate(1.0, 0.5, 1.5, 9, 2, 0.2, 50)).endswith("above it")
    assert side(estimate(-1.0, -1.5, -0.5, 9, 2, 0.2, 50)).endswith("below it")
    assert side(estimate(0.1, -0.5, 0.7, 9, 2, 0.3, 50)).endswith("which leaves it open")
    assert alone_texts.alone_text(
        [{"profile": "p", "main": "m", "seed": 0, "variants": {"m": {"q": 0, "reading": "r", "records": {}}}}]
    )


def test_recipes_are_averaged_over_their_seeds():
    gates = [{"deviation": 0.1, "keeping": 0.2}, {"deviation": 0.3, "keeping": 0.4}]
    settings = {"steps": 400, "scenarios_per_step": 2, "optimizer": {"lr": 0.02}, "schedule": "cosine", "lam": 0.2}
    rows = [
        {
            "recipe": name,
            "seed": seed,
            "settings": settings,
            "cpu_seconds": 100.0,
            "gates": gates,
            "probable": {"accuracy": [80.0 + seed, 82.0], "loss": [0.5, 0.3]},
            "first": {"accuracy": [79.0, 81.0], "loss": [0.5, 0.3]},
        }
        for name, seed in (("b", 0), ("b", 2), ("b", 7), ("a", 0), ("a", 2))
    ]
    table = alone_tables.recipes_table(rows)
    assert list(table.index) == ["b", "a"] and table["seeds"].tolist() == [2, 2], "a seed that one of them lacks"
    assert table.loc["b", "most probable (%)"] == 81.5 and table.loc["b", "deviation over tasks"] == 0.2
    assert table.loc["b", "deviation over seeds"] == "0.71"
    single = alone_tables.recipes_table(rows[:1])
    assert single.loc["b", "deviation over seeds"] == "" and single["seeds"].tolist() == [1]


def test_what_is_compared_is_of_the_same_seeds():
    recipes = [{"recipe": "a", "seed": s} for s in (0, 1, 2)] + [{"recipe": "b", "seed": s} for s in (0, 2)]
    searches = [{"pairs": n, "seed": s} for n in (30, 60) for s in (0, 1, 2, 3)]
    one, other = alone.on_common_seeds(recipes, searches)
    assert {row["seed"] for row in (*one, *other)} == {0, 2} and (len(one), len(other)) == (4, 4)
    assert alone.on_common_seeds([]) == [[]]
