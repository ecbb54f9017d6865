"""Tables and findings: averages against hand values and the paper's own, similarity, and what texts may claim."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest

from eas_core.base.errors import DataError
from eas_core.base.records import write_record
from eas_core.data.tasks import TaskSet
from eas_core.evidence import queries
from eas_core.evidence.paper import PAPER_DATA, comparable_paper_rows, paper_table
from eas_core.runs import releases, releases_old
from eas_core.search.specialize import Proposal
from eas_core.show import architecture_tables, findings, result_tables, run_tables
from eas_core.space.search_space import LARGEST, SMALLEST, uniform

TASKS = TaskSet.from_groups({"dogs": ("pug", "collie"), "birds": ("hen", "cock"), "big_cats": ("lion", "lynx")})
ACCURACY = {1.0: (0.5, 0.6, 0.7), 2.0: (0.56, 0.59, 0.9)}
N = 100


def summary(accuracy: float, n: int = N) -> dict:
    return {"accuracy": accuracy, "interval": [accuracy - 0.05, accuracy + 0.05], "cross_entropy": 1.0, "n": n}


def row(task: str, budget: float, accuracy: float, architecture=SMALLEST, n: int = N) -> dict:
    chosen = {"candidates": 2, "derived": False, "valid_accuracy": 0.5, "architecture": architecture.to_dict()}
    return {"task": task, "budget": budget, "madds": 0.9 * budget, **chosen, **summary(accuracy, n)}


@pytest.fixture
def results() -> dict:
    """A results record with three tasks and two budgets, in the form that the pipeline writes."""
    networks = {1.0: SMALLEST, 2.0: uniform(3, 4, 5)}
    rows = [
        row(task, budget, accuracy, networks[budget])
        for budget, values in ACCURACY.items()
        for task, accuracy in zip(TASKS.names, values, strict=True)
    ]
    comparisons = [
        {
            "budget": budget,
            "madds": 0.9 * budget,
            "accuracy": float(np.mean(values)),
            "random_madds": [int(0.89e6 * budget), int(0.91e6 * budget)],
            "random_accuracy": [0.5, 0.6],
            "random_by_task": [[0.5, 0.5, 0.5], [0.6, 0.6, 0.6]],
            "difference": 0.05 * budget,
            "interval": [0.05 * budget - 0.06, 0.05 * budget + 0.06],
            "n": 3 * N,
            "others": 2,
            "picked": {"difference": 0.01, "interval": [-0.02, 0.04], "n": 3 * N, "tried": 2, "accuracy": 0.59},
        }
        for budget, values in ACCURACY.items()
    ]
    extreme = {**summary(0.55, 3 * N), "params": 1000, "by_task": {name: summary(0.55) for name in TASKS.names}}
    spread = {
        "madds": 1.5,
        "accuracy": [0.5, 0.55, 0.6, 0.65],
        "deviation": 0.0645,
        "sampling_error": 0.029,
        "n": 3 * N,
        "by_task_deviation": [0.1, 0.1, 0.1],
        "architectures": [SMALLEST.to_dict()] * 4,
    }
    result = {"rows": rows, "comparisons": comparisons, "spread": spread, "test_digest": "0" * 64}
    result |= {"smallest": {**extreme, "madds": 0.8}, "largest": {**extreme, "madds": 3.0}}
    provenance = {"time": "2024-01-01T00:00:00Z", "code": "0123456789", "device": "CPU", "threads": 1}
    provenance["versions"] = {"torch": "2"}
    settings = {"seed": 0, "data": {"source": "shapes10", "path": "/somewhere"}}
    return {"kind": "results", "settings": settings, "result": result, "seconds": 60.0, "provenance": provenance}


def test_averages_equal_hand_values(results):
    table = result_tables.results_table(results, TASKS)
    assert table.loc[(1.0, "EAS"), "average (%)"] == 60.0
    assert table.loc[(2.0, "EAS"), "average (%)"] == 68.3  # (56 + 59 + 90) / 3
    assert table.loc[(1.0, "EAS"), "MAdds (M)"] == 0.9
    assert table.loc[(1.0, "EAS"), "n"] == 300
    assert table.loc[(1.0, "EAS")].iloc[: len(TASKS)].tolist() == [50.0, 60.0, 70.0]
    assert table.loc[(1.0, "random (mean of 2)"), "average (%)"] == 55.0
    assert table.index.get_level_values(0).tolist() == [1.0, 1.0, 2.0, 2.0]
    assert "big cats" in table.to_string()


def test_interval_of_the_average_is_wilsons(results):
    first, _ = queries.level_summaries(results)
    assert first["interval"] == pytest.approx([54.36, 65.38], abs=0.01)  # 180 of 300
    assert result_tables.results_table(results, TASKS).loc[(1.0, "EAS"), "95 % interval"] == "54.4-65.4"


def test_tasks_stand_in_the_order_of_the_task_set_whatever_the_order_of_rows(results):
    shuffled = copy.deepcopy(results)
    shuffled["result"]["rows"].reverse()
    pd.testing.assert_frame_equal(
        result_tables.results_table(shuffled, TASKS), result_tables.results_table(results, TASKS)
    )
    columns = ["EAS 1 M", "EAS 2 M"]
    for name in (results, shuffled):
        assert result_tables.largest_smallest_table(name, TASKS).loc["big_cats", columns].tolist() == [70.0, 90.0]


def test_a_record_without_random_architectures_has_eas_rows_only(results):
    for comparison in results["result"]["comparisons"]:
        comparison |= {"random_madds": [], "random_accuracy": [], "random_by_task": []}
        del comparison["difference"]
    results["result"]["spread"] = {}
    assert len(result_tables.results_table(results, TASKS)) == 2
    assert "Nothing to compare" in findings.paired(results)
    assert "no architectures" in findings.spread(results)


@pytest.mark.parametrize("data", ["ImageNet-10", "ImageNet-12"])
@pytest.mark.parametrize("method", ["EAS", "OFA-V", "OFA-T"])
def test_the_papers_per_task_numbers_average_to_its_average_column(data, method):
    paper = paper_table(data, method)
    names = [f"T-{t}" for t in range(1, PAPER_DATA[data].tasks + 1)]
    tasks = TaskSet.from_groups({name: (f"{name} a", f"{name} b") for name in names})
    rows = [
        row(name, float(level["avg_madds_millions"]), level[name] / 100, n=1000)
        for _, level in paper.iterrows()
        for name in names
    ]
    table = result_tables.results_table({"result": {"rows": rows, "comparisons": []}}, tasks)
    assert len(paper) == 4
    # The paper averages numbers that it then rounds to one decimal: 0.05 for each rounding.
    assert table["average (%)"].to_numpy() == pytest.approx(paper["avg_acc_percent"].to_numpy(), abs=0.1001)


def test_the_papers_values_stand_below_the_runs(results):
    table = result_tables.table_with_paper(results, TASKS, "demo")
    ours, theirs = table.loc["EAS, this run (demo)"], table.loc["EAS, paper (ImageNet-10: other data)"]
    assert ours["average (%)"].tolist() == [60.0, 68.3]
    assert theirs["average (%)"].tolist() == [88.9, 89.4, 89.7, 89.9]
    assert theirs["MAdds (M)"].tolist() == ["219", "269", "316", "361"]
    assert comparable_paper_rows(results, TASKS) is None
    results["settings"]["data"]["source"] = "imagenet-10"
    assert "EAS, paper (ImageNet-10)" in result_tables.table_with_paper(results, TASKS, "imagenet-10").index


def test_lost_points_are_between_the_largest_and_the_smallest_budget(results):
    table = result_tables.largest_smallest_table(results, TASKS)
    assert table["lost"].tolist() == pytest.approx([6.0, -1.0, 20.0, 8.3])
    assert table["n"].tolist() == [100, 100, 100, 300]
    assert "2 of 3 tasks" in findings.losing_tasks(results, TASKS)
    assert "No task loses 30 points" in findings.losing_tasks(results, TASKS, 30)


def test_similarity_of_identical_architectures_is_one(results):
    table = architecture_tables.architecture_similarity(results)
    assert table["mean similarity"].tolist() == pytest.approx([1.0, 1.0])
    assert table["pairs"].tolist() == [3, 3]
    assert "practically the same" in findings.similarity(results)


def test_similarity_is_read_beside_draws_of_one_task_and_random_pairs(results):
    alike, mixed = (SMALLEST, SMALLEST), (SMALLEST, LARGEST)

    def words(first, second, random):
        proposals = [Proposal(t, b, own, False) for b in ACCURACY for t, own in enumerate((first, second))]
        table = architecture_tables.similarity_references(proposals, dict.fromkeys(ACCURACY, random))
        return table, findings.similarity(results, table)

    table, text = words(alike, (LARGEST, LARGEST), mixed)
    assert table.to_numpy() == pytest.approx(np.array([[1.0, 0.0, 0.0]] * 2))
    assert (
        "At **2 of 2** budgets" in text
        and "**0 %**" in text
        and "**most of the difference between tasks is the" in text
    )
    table, text = words(mixed, mixed, alike)
    assert table.to_numpy() == pytest.approx(np.array([[0.0, 0.5, 1.0]] * 2))
    assert "At **0 of 2** budgets" in text and "**200 %**" in text and "little of the difference" in text
    table, text = words((SMALLEST,), (SMALLEST,), mixed)
    assert table["draws of one task"].isna().all() and "cannot be compared" in text
    assert "do not say" in findings.similarity(results)


def test_similarity_of_smallest_and_largest_is_zero(results):
    for entry in results["result"]["rows"]:
        entry["architecture"] = (LARGEST if entry["task"] == "dogs" else SMALLEST).to_dict()
    table = architecture_tables.architecture_similarity(results)
    assert table["lowest"].tolist() == pytest.approx([0.0, 0.0])
    assert table["mean similarity"].tolist() == pytest.approx([1 / 3, 1 / 3])


def test_growth_counts_existing_blocks_only(results):
    table = architecture_tables.architecture_growth(results)
    assert table[["blocks", "kernel", "ratio"]].to_numpy().tolist() == [[10, 3, 3], [15, 5, 4]]
    assert "does not" not in findings.growth(results)


def test_budgets_table_notices_a_network_above_its_budget(results):
    assert architecture_tables.budget_table(results)["above budget"].tolist() == [0, 0]
    assert "Every network keeps its budget" in findings.budgets_kept(results)
    assert "more than 5 % below the budget at 1, 2 M" in findings.budgets_kept(results)
    results["result"]["rows"][0]["madds"] = 1.0000001
    assert "1 of 6 networks exceed" in findings.budgets_kept(results)


def test_paired_text_counts_the_intervals(results):
    assert "above zero at **1 of 2 budgets** (2 M)" in findings.paired(results)
    for comparison in results["result"]["comparisons"]:
        comparison["interval"] = [-0.2, -0.1]
    text = findings.paired(results)
    assert "**0 of 2 budgets**" in text and "below zero at 2 (1, 2 M)" in text and "Why that may be" in text


def test_paired_text_explains_only_what_was_missed(results):
    result = results["result"]
    for comparison in result["comparisons"]:
        comparison["interval"] = [0.001, 0.1]
    assert "is not shown" not in findings.paired(results) and "Why that may be" not in findings.paired(results)
    result["comparisons"][0]["interval"] = [-0.4, 0.4]
    result["spread"]["deviation"] = 0.01
    assert "would go unnoticed" in findings.paired(results)
    result["spread"]["deviation"] = 0.9
    assert "would be noticed" in findings.paired(results)
    del result["spread"]
    assert "At the other budgets EAS is not shown" in findings.paired(results)
    assert "Why that may be" not in findings.paired(results)


@pytest.mark.parametrize(
    "budgets, alike, said",
    [
        ((1.0, 2.0, 3.0), (1, 3, 2), "higher as in the paper's Figure VI, but **without a steady rise**"),
        ((1.0, 2.0, 3.0), (1, 2, 3), "higher as in the paper's Figure VI; it rises at 2 of 2 steps"),
        ((1.0, 2.0), (3, 1), "unlike the paper's Figure VI"),
    ],
)
def test_similarity_text_tells_a_steady_rise_from_another(budgets, alike, said, results):
    """``alike`` of three tasks have one network: 1, 1/3 or no pair of three is alike."""
    results["result"]["rows"] = [
        row(name, budget, 0.5, SMALLEST if t < count else (LARGEST, uniform(3, 4, 5))[t - 1])
        for budget, count in zip(budgets, alike, strict=True)
        for t, name in enumerate(TASKS.names)
    ]
    assert said in findings.similarity(results)


@pytest.mark.parametrize(
    "rho, said", [(0.95, "a good guide"), (0.8, "good enough"), (0.5, "a weak guide"), (None, "a weak guide")]
)
def test_predictor_text_follows_the_rank_correlation(rho, said):
    held = {"n": 7, "mean": {"spearman": rho}, "tasks": [{"spearman": rho}, {"spearman": None}, {"spearman": 0.1}]}
    text = findings.predictor({"result": {"held_out": held, "trained_on": 9}}, TASKS)
    assert said in text and f"**{rho or 0:.2f}**" in text


def test_picked_text_separates_the_generator_from_the_choice(results):
    assert result_tables.picked_table(results)["difference (points)"].tolist() == [1.0, 1.0]
    text = findings.picked(results)
    assert "changes by +6.50 points" in text and "**0 of 2 budgets**" in text
    assert "not shown to come from the generator" in text
    results["result"]["comparisons"][1]["picked"]["interval"] = [0.001, 0.04]
    assert "**1 of 2 budgets** (2 M)" in findings.picked(results)
    for comparison in results["result"]["comparisons"]:
        del comparison["picked"]
    assert "does not tell" in findings.picked(results)


def test_spread_text_says_when_there_is_little_to_find(results):
    assert "something to find" in findings.spread(results)
    results["result"]["spread"]["deviation"] = 0.03
    assert "little to find" in findings.spread(results)


def test_headline_says_when_an_interval_reaches_chance(results):
    assert "All intervals lie above" in findings.headline(results, queries.chance(TASKS) - 0.1)
    assert "Not all intervals lie above" in findings.headline(results, queries.chance(TASKS))


def test_settings_table_leaves_out_where_the_photographs_lie(results):
    assert run_tables.settings_table(results).index.tolist() == ["seed", "data.source"]


def test_a_release_is_read_whole_or_not_at_all(tmp_path):
    for stage in releases_old.STAGES[:-1]:
        write_record(tmp_path / f"{stage}.json", stage, {}, {}, 1.0)
    with pytest.raises(DataError, match="results.json does not exist"):
        releases.read(tmp_path)
    write_record(tmp_path / "results.json", "results", {}, {}, 1.0)
    assert list(releases.read(tmp_path)) == list(releases_old.STAGES)
    assert len(releases.digest(tmp_path)) == 64


def test_the_command_of_a_release_gives_the_records_settings_back():
    import shlex

    from eas_core.settings import profiles

    changed = ["supernet.batch_size=32", "specialize.budgets=[2.0, 3.0]", "teacher.epochs=0.5"]
    sections = ("data", "space", "teacher", "supernet", "calibration", "generator", "specialize", "evaluation")
    settings = {"seed": 3, **profiles.load("demo", changed).dump(*sections)}
    words = shlex.split(releases.command({"settings": settings}, "demo").replace("\\\n", " "))
    assert words[:6] == ["eas", "run", "--profile", "demo", "--seed", "3"]
    sets = [word for flag, word in zip(words[6::2], words[7::2], strict=True) if flag == "--set"]
    again = profiles.load("demo", sets).dump(*sections)
    again["data"]["path"] = settings["data"]["path"]
    assert again == {name: settings[name] for name in sections}
    assert len(sets) == 4
