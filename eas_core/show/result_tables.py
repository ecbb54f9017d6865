"""Tables of a results record: accuracies of EAS beside the paper's and those of random architectures of equal cost.

Accuracies are in percent, differences in points, costs in millions of multiply-adds.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from eas_core.data.tasks import TaskSet
from eas_core.evidence import compare
from eas_core.evidence.alone import over_random_architectures
from eas_core.evidence.compare import Estimate
from eas_core.evidence.paper import ACCURACY, MADDS, PAPER_DATA, comparable_paper_rows, paper_data, paper_table
from eas_core.evidence.queries import (
    budgets_of,
    common_budgets,
    comparisons,
    level,
    level_summaries,
    main_variant,
    mean_over_tasks,
    picked_comparisons,
    records_of,
)
from eas_core.evidence.words import readable
from eas_core.runs.releases_evaluate import Again
from eas_core.runs.shown import Shown
from eas_core.show.columns import AVERAGE, COST, COUNT, INTERVAL, significant


def results_table(record: dict, tasks: TaskSet) -> pd.DataFrame:
    """The EAS rows of Table I for this run, each with the mean of random architectures of equal cost below it.

    Index (budget in millions, method); a column per task with its accuracy in %, then the average over tasks, its 95 %
    interval (of all n test images), average multiply-adds in millions, and n.
    """
    rows = {}
    for budget in budgets_of(record):
        own = level(record, budget, tasks)
        rows[budget, "EAS"] = {row["task"]: round(100 * row["accuracy"], 1) for row in own} | _average(own)
    for row in record["result"]["comparisons"]:
        count = len(row["random_accuracy"])
        if count:
            by_task = 100 * np.mean(row["random_by_task"], axis=0)
            rows[row["budget"], f"random (mean of {count})"] = {
                **dict(zip(tasks.names, by_task.round(1).tolist(), strict=True)),
                AVERAGE: round(by_task.mean(), 1),
                INTERVAL: "",
                COST: significant(np.mean(row["random_madds"]) / 1e6),
                COUNT: sum(r["n"] for r in level(record, row["budget"])),
            }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.MultiIndex.from_tuples(table.index, names=["budget (M)", "method"])
    table.columns = [readable(name) for name in table.columns]  # so that a narrow page can wrap them
    return table.sort_index(level=0, sort_remaining=False)


def table_with_paper(record: dict, tasks: TaskSet, name: str) -> pd.DataFrame:
    """This run's EAS rows (profile ``name``), and below them the paper's EAS rows on ImageNet-10 (or -12 for 12 tasks).

    Tasks are columns T-1, T-2, ... as in the paper: T-1 of this run is ``tasks.names[0]``. Unless the run's data are
    ImageNet, the index says "other data": levels of accuracy are then not comparable.
    """
    rows = {}
    for budget in budgets_of(record):
        own = level(record, budget, tasks)
        accuracy = {f"T-{t}": round(100 * row["accuracy"], 1) for t, row in enumerate(own, 1)}
        rows[f"EAS, this run ({name})", f"{budget:g}"] = accuracy | _average(own)
    data, same = paper_data(tasks), comparable_paper_rows(record, tasks) is not None
    count = PAPER_DATA[data].tasks
    for _, row in paper_table(data).iterrows():
        accuracy = {f"T-{t}": row[f"T-{t}"] for t in range(1, count + 1)}
        rows[f"EAS, paper ({data}{'' if same else ': other data'})", f"level {row['level']}"] = {
            **accuracy,
            AVERAGE: row[ACCURACY],
            INTERVAL: "",
            COST: row[MADDS],
            COUNT: PAPER_DATA[data].test_images,
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.MultiIndex.from_tuples(table.index, names=["source", "budget (M)"])
    table[COST] = [f"{cost:.4g}" for cost in table[COST]]
    columns = [f"T-{t}" for t in range(1, max(len(tasks), count) + 1)]
    return table[[*columns, AVERAGE, INTERVAL, COST, COUNT]]


def _average(rows: list[dict]) -> dict:
    """The last columns of Table I."""
    summary = mean_over_tasks(rows)
    return {
        AVERAGE: round(summary["accuracy"], 1),
        INTERVAL: "{:.1f}-{:.1f}".format(*summary["interval"]),
        COST: significant(summary["madds"]),
        COUNT: summary["n"],
    }


def largest_smallest_table(record: dict, tasks: TaskSet) -> pd.DataFrame:
    """Test accuracy (%) of the smallest network, EAS at every budget and the largest network, a row per task.

    The last row is the mean over tasks. "lost" is what EAS loses from its largest to its smallest budget, in points.
    """
    result, budgets = record["result"], budgets_of(record)
    columns = {"smallest": [result["smallest"]["by_task"][name]["accuracy"] for name in tasks.names]}
    for budget in budgets:
        columns[f"EAS {budget:g} M"] = [row["accuracy"] for row in level(record, budget, tasks)]
    columns["largest"] = [result["largest"]["by_task"][name]["accuracy"] for name in tasks.names]
    table = 100 * pd.DataFrame(columns, index=pd.Index(tasks.names, name="task"))
    table.loc["mean over tasks"] = table.mean()
    table["lost"] = table[f"EAS {budgets[-1]:g} M"] - table[f"EAS {budgets[0]:g} M"]
    counts = [result["largest"]["by_task"][name]["n"] for name in tasks.names]
    table = table.round(1)
    table[COUNT] = [*counts, sum(counts)]
    return table


def comparison_table(record: dict) -> pd.DataFrame:
    """EAS against random architectures of equal cost on the same test images: the paired difference, in points."""
    rows = comparisons(record)
    columns = {
        "MAdds (M)": [significant(row["madds"]) for row in rows],
        "EAS (%)": [100 * row["accuracy"] for row in rows],
        "random, mean (%)": [100 * np.mean(row["random_accuracy"]) for row in rows],
        "random, best (%)": [100 * np.max(row["random_accuracy"]) for row in rows],
    }
    return _with_differences(rows, columns, "random networks", "others")


def picked_table(record: dict) -> pd.DataFrame:
    """EAS against random architectures of which the validation split chose one a task: paired difference in points."""
    rows = picked_comparisons(record)
    return _with_differences(rows, {"random, chosen (%)": [100 * row["accuracy"] for row in rows]}, "tried", "tried")


def _with_differences(rows: list[dict], columns: dict[str, list], counted: str, count: str) -> pd.DataFrame:
    """Columns by budget, the paired difference in points with its interval, and how many networks and images there were."""
    columns["difference (points)"] = [100 * row["difference"] for row in rows]
    columns["from"], columns["to"] = ([100 * row["interval"][end] for row in rows] for end in (0, 1))
    table = pd.DataFrame(columns, index=pd.Index([row["budget"] for row in rows], name="budget (M)")).round(2)
    table[counted] = [row[count] for row in rows]
    table[COUNT] = [row["n"] for row in rows]
    return table


def scoreboard(page: Shown) -> pd.DataFrame:
    """A row for each budget: EAS's mean task accuracy (%) and its difference to random architectures of equal cost (points).

    With 95 % intervals; the release's first, over images and seeds, then this run's, where a page shows both.
    """
    columns: dict[str, dict[float, str]] = {}
    if page.release:
        tested, drawn = (records_of(page.release, stage) for stage in ("tested-EAS", "results"))
        levels = common_budgets(tested)
        title = f"release {page.name}"
        columns[f"{title}: EAS (%)"] = {b: _interval(compare.accuracy(tested, b), ".1f") for b in levels}
        if len(drawn) > 1 and all(map(comparisons, drawn)):
            gaps = {b: over_random_architectures(tested, drawn, [b]) for b in levels}
            columns[f"{title}: minus random"] = {b: _interval(gap, "+.2f") for b, gap in gaps.items()}
    for entry in page.beside or ([] if page.release else page.here):
        record = main_variant(entry)["records"]["results"]
        title = "this run" if len(page.here) == 1 else f"this run, seed {entry['seed']}"
        own = level_summaries(record)
        columns[f"{title}: EAS (%)"] = {r["budget"]: _edges(r["accuracy"], *r["interval"], form=".1f") for r in own}
        if rows := comparisons(record):
            columns[f"{title}: minus random"] = {
                r["budget"]: _edges(100 * r["difference"], *(100 * edge for edge in r["interval"]), form="+.2f")
                for r in rows
            }
    return pd.DataFrame(columns).sort_index().fillna("").rename_axis("budget (M)")


def _interval(value: Estimate, form: str) -> str:
    return _edges(value.mean, value.low, value.high, form=form)


def _edges(mean: float, low: float, high: float, *, form: str) -> str:
    return f"{mean:{form}} ({low:{form}} to {high:{form}})"


def again_table(found: list[Again]) -> pd.DataFrame:
    """The networks of a release tested again: index (budget in millions, task); accuracies in %, the difference in points."""
    rows = [
        {
            "budget (M)": again.budget,
            "task": readable(again.task),
            COST: significant(again.madds),
            COUNT: again.n,
            "record (%)": round(again.recorded, 2),
            "here (%)": round(again.now, 2),
            "difference": round(again.difference, 2),
        }
        for again in found
    ]
    return pd.DataFrame(rows).set_index(["budget (M)", "task"])
