"""Every table of the book: pure functions, records in, a pandas ``DataFrame`` out.

Records are the plain dicts of :mod:`eas_core.runs.pipeline`. Accuracies become percent, costs are in millions of
multiply-adds. The paper's numbers come from ``paper/*.csv``, its Tables I to V.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import normalize

from data_prep import imagenet
from eas_core.data.tasks import TaskSet
from eas_core.search.evaluate import wilson
from eas_core.search.specialize import Proposal
from eas_core.space.search_space import UNITS, Architecture, one_hot

PAPER = Path(__file__).parent / "paper"
PAPER_DATA = {  # data set: its table, tasks, test images (section 4)
    "ImageNet-10": ("table_1.csv", 10, 3000),
    "ImageNet-12": ("table_2.csv", 12, 12000),
}
PAPER_CLASSES = {"ImageNet-10": "table_4.csv", "ImageNet-12": "table_5.csv"}  # in data_prep/imagenet
IMAGES = {"train": "training images", "valid": "validation images", "test": "test images"}  # columns, by split
AVERAGE, COST, COUNT, INTERVAL = "average (%)", "MAdds (M)", "n", "95 % interval"


# ---------------------------------------------------------------- the paper


def paper_table(data: str = "ImageNet-10", method: str = "EAS") -> pd.DataFrame:
    """Rows of Table I (ImageNet-10) or II (ImageNet-12) for ``method`` EAS, OFA-V or OFA-T; accuracies in percent."""
    table = pd.read_csv(PAPER / PAPER_DATA[data][0], comment="#")
    return table[table["method"] == method].reset_index(drop=True)


def paper_data(tasks: Sized) -> str:
    """The paper's data set to put beside a run: ImageNet-12 for 12 tasks, else ImageNet-10."""
    return "ImageNet-12" if len(tasks) == PAPER_DATA["ImageNet-12"][1] else "ImageNet-10"


def comparable_paper_rows(record: dict, tasks: Sized) -> pd.DataFrame | None:
    """The paper's EAS rows if this run's data are the paper's, else None: accuracies on other data say nothing."""
    data = paper_data(tasks)
    return paper_table(data) if record["settings"]["data"]["source"] == data.lower() else None


def paper_search_times() -> pd.DataFrame:
    """Table III: GPU hours of training and CPU seconds of search, by method; "<0.1" is text."""
    return pd.read_csv(PAPER / "table_3.csv", comment="#").set_index("method")


def paper_classes_table(data: str = "ImageNet-10") -> pd.DataFrame:
    """Table IV (ImageNet-10) or V (ImageNet-12), with what ImageNet has of each class; the last row is the total.

    Index (task, class) in the paper's order and words; columns id (WordNet's), training and test images. The paper
    holds out 10,000 of the training images for validation, drawn at random.
    """
    rows = pd.read_csv(Path(imagenet.__file__).with_name(PAPER_CLASSES[data]), comment="#")
    test = PAPER_DATA[data][2] // len(rows)  # 50, ImageNet's validation split
    columns = {"id": rows["wnid"], IMAGES["train"]: rows["n_train"], IMAGES["test"]: [test] * len(rows)}
    return _by_class(list(zip(rows["task"], rows["class_name"], strict=True)), columns)


# ---------------------------------------------------------------- classes


def classes_table(
    tasks: TaskSet, ids: Mapping[str, Sequence[str]], counts: Mapping[str, int | Sequence[int]]
) -> pd.DataFrame:
    """The tasks and their classes, as in Tables IV and V; the last row is the total.

    Args:
        tasks: the profile's tasks.
        ids: ``{task: (id, ...)}``, what :func:`eas_core.data.sources.class_ids` gives.
        counts: images of a class by split, ``{"train": ..., "valid": ..., "test": ...}``, any of them: one number for
            all classes, or one for each, by class number.

    Returns:
        Index (task, class); a column "id", unless ids are the class names themselves, and one for each split given.
    """
    order = [c for group in tasks.classes for c in group]
    names = [
        (task, tasks.class_names[c]) for task, group in zip(tasks.names, tasks.classes, strict=True) for c in group
    ]
    own = [(task, name) for task in tasks.names for name in ids[task]]
    columns = {} if own == names else {"id": [name for _, name in own]}
    for split, title in IMAGES.items():
        if split in counts:
            columns[title] = np.broadcast_to(np.asarray(counts[split]), len(order))[order].tolist()
    return _by_class(names, columns)


def _by_class(names: list[tuple[str, str]], columns: dict[str, Sequence]) -> pd.DataFrame:
    """A row for each (task, class), then the total of all columns but "id"."""
    index = [*names, ("total", f"{len(names)} classes")]
    table = {name: [*values, "" if name == "id" else sum(values)] for name, values in columns.items()}
    return pd.DataFrame(table, index=pd.MultiIndex.from_tuples(index, names=["task", "class"]))


# ---------------------------------------------------------------- results


def budgets_of(record: dict) -> list[float]:
    """The budget levels of a specialised or results record, ascending, in millions."""
    return sorted({row["budget"] for row in record["result"]["rows"]})


def level(record: dict, budget: float, tasks: TaskSet | None = None) -> list[dict]:
    """The rows of one budget, in the order of ``tasks`` if given."""
    rows = [row for row in record["result"]["rows"] if row["budget"] == budget]
    return rows if tasks is None else sorted(rows, key=lambda row: tasks.names.index(row["task"]))


def chance(tasks: TaskSet) -> float:
    """Mean task accuracy of guessing, a fraction."""
    return float(np.mean([1 / len(group) for group in tasks.classes]))


def level_summaries(record: dict) -> list[dict]:
    """A results record by budget: mean cost (millions), accuracy averaged over tasks (%), its 95 % interval (%), n.

    The interval is Wilson's for all n test images together.
    """
    return [_summary(budget, level(record, budget)) for budget in budgets_of(record)]


def _summary(budget: float, rows: list[dict]) -> dict:
    n = sum(row["n"] for row in rows)
    interval = wilson(round(sum(row["accuracy"] * row["n"] for row in rows)), n)
    return {
        "budget": budget,
        "madds": float(np.mean([row["madds"] for row in rows])),
        "accuracy": float(100 * np.mean([row["accuracy"] for row in rows])),
        "interval": [100 * edge for edge in interval],
        "n": n,
    }


def _average(rows: list[dict]) -> dict:
    """The last columns of Table I."""
    summary = _summary(0.0, rows)
    return {
        AVERAGE: round(summary["accuracy"], 1),
        INTERVAL: "{:.1f}-{:.1f}".format(*summary["interval"]),
        COST: significant(summary["madds"]),
        COUNT: summary["n"],
    }


def significant(value: float) -> float:
    """Four significant digits: costs are around 2 in some profiles and around 300 in others."""
    return float(f"{value:.4g}")


def results_table(record: dict, tasks: TaskSet) -> pd.DataFrame:
    """The EAS rows of Table I for this run, each with the mean of random architectures of equal cost below it.

    Index (budget in millions, method); a column a task with its accuracy in %, then the average over tasks, its 95 %
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
    table.columns = [name.replace("_", " ") for name in table.columns]  # so that a narrow page can wrap them
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
    for _, row in paper_table(data).iterrows():
        accuracy = {f"T-{t}": row[f"T-{t}"] for t in range(1, PAPER_DATA[data][1] + 1)}
        rows[f"EAS, paper ({data}{'' if same else ': other data'})", f"level {row['level']}"] = {
            **accuracy,
            AVERAGE: row["avg_acc_percent"],
            INTERVAL: "",
            COST: row["avg_madds_millions"],
            COUNT: PAPER_DATA[data][2],
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.MultiIndex.from_tuples(table.index, names=["source", "budget (M)"])
    table[COST] = [f"{cost:.4g}" for cost in table[COST]]
    columns = [f"T-{t}" for t in range(1, max(len(tasks), PAPER_DATA[data][1]) + 1)]
    return table[[*columns, AVERAGE, INTERVAL, COST, COUNT]]


def largest_smallest_table(record: dict, tasks: TaskSet) -> pd.DataFrame:
    """Test accuracy (%) of the smallest network, EAS at every budget and the largest network, a row a task.

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


def comparisons(record: dict) -> list[dict]:
    """The budgets of a results record at which random architectures were evaluated."""
    return [row for row in record["result"]["comparisons"] if "difference" in row]


def picked_comparisons(record: dict) -> list[dict]:
    """The budgets at which random architectures were also chosen a task on the validation split, as EAS's are."""
    return [{**row["picked"], "budget": row["budget"]} for row in comparisons(record) if "picked" in row]


def picked_table(record: dict) -> pd.DataFrame:
    """EAS against random architectures of which the validation split chose one a task: paired difference in points."""
    rows = picked_comparisons(record)
    table = pd.DataFrame(
        {
            "random, chosen (%)": [100 * row["accuracy"] for row in rows],
            "difference (points)": [100 * row["difference"] for row in rows],
            "from": [100 * row["interval"][0] for row in rows],
            "to": [100 * row["interval"][1] for row in rows],
        },
        index=pd.Index([row["budget"] for row in rows], name="budget (M)"),
    ).round(2)
    table["tried"] = [row["tried"] for row in rows]
    table[COUNT] = [row["n"] for row in rows]
    return table


def comparison_table(record: dict) -> pd.DataFrame:
    """EAS against random architectures of equal cost on the same test images: the paired difference, in points."""
    rows = comparisons(record)
    table = pd.DataFrame(
        {
            "MAdds (M)": [significant(row["madds"]) for row in rows],
            "EAS (%)": [100 * row["accuracy"] for row in rows],
            "random, mean (%)": [100 * np.mean(row["random_accuracy"]) for row in rows],
            "random, best (%)": [100 * np.max(row["random_accuracy"]) for row in rows],
            "difference (points)": [100 * row["difference"] for row in rows],
            "from": [100 * row["interval"][0] for row in rows],
            "to": [100 * row["interval"][1] for row in rows],
        },
        index=pd.Index([row["budget"] for row in rows], name="budget (M)"),
    ).round(2)
    table["random networks"] = [row["others"] for row in rows]
    table[COUNT] = [row["n"] for row in rows]
    return table


# ---------------------------------------------------------------- specialised networks and their architectures


def specialised_table(record: dict) -> pd.DataFrame:
    """Every specialised network of a specialised or results record: cost, validation accuracy and shape, a row each.

    "blocks" counts the searched blocks of all five units; "kernel" and "ratio" are means over those blocks. "derived"
    marks scenarios in which no sample fitted the budget.
    """
    rows = []
    for row in record["result"]["rows"]:
        rows.append(
            {
                "task": row["task"],
                "budget (M)": row["budget"],
                "MAdds (M)": significant(row["madds"]),
                "% of budget": round(100 * row["madds"] / row["budget"], 1),
                "validation accuracy (%)": round(100 * row["valid_accuracy"], 1),
                "candidates": row["candidates"],
                "derived": row["derived"],
                **{key: round(value, 2) for key, value in _shape(row["architecture"]).items()},
            }
        )
    return pd.DataFrame(rows).set_index(["task", "budget (M)"])


def _shape(architecture: dict) -> dict[str, float]:
    """Number of searched blocks, and their mean kernel size and expansion ratio."""
    value = Architecture.from_dict(architecture)
    active = [block for block in range(len(value.kernel)) if value.active(block)]
    means = {
        name: float(np.mean([values[b] for b in active]))
        for name, values in (("kernel", value.kernel), ("ratio", value.expand))
    }
    return {"blocks": sum(value.depth), **means}


def budget_table(record: dict) -> pd.DataFrame:
    """How the networks keep their budgets, a row a budget: counts, and costs as shares of the budget in %."""
    table = specialised_table(record).reset_index()
    exceeds = np.array([row["madds"] > row["budget"] for row in record["result"]["rows"]])
    grouped = table.assign(exceeds=exceeds).groupby("budget (M)")
    return pd.DataFrame(
        {
            "networks": grouped.size(),
            "above budget": grouped["exceeds"].sum(),
            "derived": grouped["derived"].sum(),
            "mean MAdds (M)": grouped["MAdds (M)"].mean().round(3),
            "mean % of budget": grouped["% of budget"].mean().round(1),
            "least % of budget": grouped["% of budget"].min(),
        }
    )


def architecture_growth(record: dict) -> pd.DataFrame:
    """Means over tasks at each budget: searched blocks, their kernel size and ratio (Figure VII in numbers)."""
    shapes = [
        {"budget (M)": row["budget"], "MAdds (M)": row["madds"], **_shape(row["architecture"])}
        for row in record["result"]["rows"]
    ]
    return pd.DataFrame(shapes).groupby("budget (M)").mean().round(3)


def unit_depths(record: dict, budget: float) -> pd.DataFrame:
    """Depth of the five units of each task's network at one budget (Figure VIII in numbers)."""
    rows = level(record, budget)
    columns = [f"unit {u + 1}" for u in range(UNITS)]
    index = pd.Index([row["task"] for row in rows], name="task")
    return pd.DataFrame([row["architecture"]["depth"] for row in rows], columns=columns, index=index)


def architecture_similarity(record: dict) -> pd.DataFrame:
    """Figure VI: cosine similarity of one-hot encodings, over all pairs of tasks at each budget."""
    rows = []
    for budget in budgets_of(record):
        own = level(record, budget)
        code = normalize(one_hot([Architecture.from_dict(row["architecture"]) for row in own]).double())
        pairs = [float(code[a] @ code[b]) for a, b in combinations(range(len(own)), 2)]
        rows.append(
            {
                "budget (M)": budget,
                "average MAdds (M)": float(np.mean([row["madds"] for row in own])),
                "mean similarity": float(np.mean(pairs)),
                "lowest": min(pairs),
                "highest": max(pairs),
                "pairs": len(pairs),
            }
        )
    return pd.DataFrame(rows).set_index("budget (M)")


def similarity_references(
    proposals: Sequence[Proposal], random: Mapping[float, Sequence[Architecture]]
) -> pd.DataFrame:
    """What to read Figure VI beside: the mean similarity of two draws of one task, of draws of two tasks, and of random pairs.

    ``proposals`` hold several candidates of each task and budget (:func:`eas_core.search.specialize.propose`, all of them
    different), ``random`` several architectures of equal cost a budget. ``nan`` where there is no pair.
    """
    rows = []
    for budget, others in random.items():
        own = [proposal for proposal in proposals if proposal.budget == budget]
        owner = torch.tensor([proposal.task for proposal in own for _ in proposal.candidates])
        pairs, same = _pairs([a for proposal in own for a in proposal.candidates], owner)
        rows.append(
            {
                "budget (M)": budget,
                "draws of one task": float(pairs[same].mean()),
                "draws of two tasks": float(pairs[~same].mean()),
                "random pairs": float(_pairs(others, torch.zeros(len(others)))[0].mean()),
            }
        )
    return pd.DataFrame(rows).set_index("budget (M)")


def _pairs(architectures: Sequence[Architecture], owner: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosine similarity of every pair, and whether both have the same owner."""
    code = normalize(one_hot(list(architectures)).double())
    i, j = torch.triu_indices(len(code), len(code), offset=1)
    return (code[i] * code[j]).sum(1), owner[i] == owner[j]


# ---------------------------------------------------------------- runs


def stages_table(records: dict[str, dict]) -> pd.DataFrame:
    """Time, device and versions of the stages of a run, from ``{stage: record}``."""
    rows = {}
    for stage, record in records.items():
        made = record["provenance"]
        rows[stage] = {
            "minutes": round(record["seconds"] / 60, 1),
            "device": made["device"],
            "threads": made["threads"],
            "torch": made["versions"]["torch"],
            "finished (UTC)": made["time"],
            "version": made.get("stages", {}).get(stage, "unknown"),
            "code": made["code"],
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("stage")


def settings_table(record: dict) -> pd.DataFrame:
    """Every setting of a record as ``section.key`` and value, stages of progressive shrinking as one line each.

    ``data.path`` is left out: where photographs lie is no setting.
    """
    rows = {}

    def flatten(value, key: str) -> None:
        if isinstance(value, dict):
            for name, entry in value.items():
                flatten(entry, f"{key}.{name}" if key else name)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for number, entry in enumerate(value, 1):
                rows[f"{key}[{number}]"] = ", ".join(f"{name} {item}" for name, item in entry.items())
        else:
            rows[key] = value

    flatten(record["settings"], "")
    rows.pop("data.path", None)
    return pd.DataFrame({"value": [str(value) for value in rows.values()]}, index=pd.Index(rows, name="setting"))
