"""Every table, figure and claim of the paper by itself: which stages it needs, and its numbers from the records of one seed.

:mod:`eas_core.show.reproduced` puts them beside those that were expected.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.figure import Figure

from eas_core.base.errors import DataError
from eas_core.data.tasks import TaskSet
from eas_core.evidence import claims, compare, queries
from eas_core.evidence.architecture_claims import ENOUGH
from eas_core.evidence.cost_claims import seconds_per_scenario
from eas_core.evidence.paper import PAPER_DATA, SCENARIOS, paper_classes, paper_data, search_limit
from eas_core.evidence.verdicts import Claim, Missing, judged, needed
from eas_core.runs.partly import Need
from eas_core.show import architecture_figures, paper_drawings, paper_figures, paper_tables
from eas_core.show.columns import AVERAGE
from eas_core.space.search_space import BLOCKS, Architecture

Numbers = dict[str, float]  # by what they are


@dataclass(frozen=True)
class Item:
    """A table, figure or claim: its ``key`` in commands, ``what`` it shows, the notebook that shows it (``chapter``).

    ``needs`` are the stages behind it; ``numbers`` takes them from the evidence of one seed, in ``unit``. ``timed`` numbers
    depend on the machine, so they are shown but not judged. ``paper`` gives what the paper says instead, by the same
    names, ``draw`` the figure. ``tasks`` is how many a profile must have, if that matters (Tables I and II).
    """

    key: str
    what: str
    chapter: str
    needs: tuple[Need, ...]
    numbers: Callable[[list[dict], TaskSet], Numbers]
    unit: str = ""
    timed: bool = False
    paper: Callable[[list[dict], TaskSet], dict[str, str]] = lambda evidence, tasks: {}
    draw: Callable[[list[dict], TaskSet], Figure | None] | None = None
    tasks: int | None = None


# ---------------------------------------------------------------- numbers of tables and figures


def _levels(evidence: list[dict], series: dict[str, tuple[str, float | None]]) -> Numbers:
    """Mean accuracy (%) at each budget of tested stages, ``{name: (stage, drop rate)}``."""
    found = {}
    for name, (stage, q) in series.items():
        records = needed(evidence, stage, q)
        for budget in queries.common_budgets(records):
            found[f"{name} at {budget:g} M"] = compare.accuracy(records, budget).mean
    return found


def _accuracies(evidence: list[dict], tasks: TaskSet) -> Numbers:
    table = paper_tables.obtained_table(evidence, tasks)
    return {f"{method} at {budget:g} M": float(value) for (budget, method), value in table[AVERAGE].items()}


def _papers_accuracies(evidence: list[dict], tasks: TaskSet) -> dict[str, str]:
    table = paper_tables.obtained_table(evidence, tasks)
    (column,) = (name for name in table if str(name).startswith("paper") and str(name).endswith(AVERAGE))
    other = " (other data)" if "other data" in column else ""
    return {
        f"{method} at {budget:g} M": f"{value}{other}" for (budget, method), value in table[column].items() if value
    }


def _costs(evidence: list[dict], tasks: TaskSet) -> Numbers:
    table = paper_tables.cost_table(evidence)
    return {
        f"{method}, {column.removesuffix(' (s)')}": float(value.replace(",", ""))
        for column in ("training (s)", "search (s)")
        for method, value in table[column].items()
    }


def _papers_costs(evidence: list[dict], tasks: TaskSet) -> dict[str, str]:
    table = paper_tables.cost_table(evidence)
    hours = table["paper: training (GPU hours)"]
    said = {f"{method}, training": f"{value} GPU hours" for method, value in hours.items()}
    return said | {f"{name}, search": f"{value} s" for name, value in table["paper: search (CPU seconds)"].items()}


def _classes(evidence: list[dict], tasks: TaskSet, data: str) -> Numbers:
    rows = paper_classes(data)
    return {"tasks": rows["task"].nunique(), "classes": len(rows), "training images": int(rows["n_train"].sum())}


def _papers_classes(evidence: list[dict], tasks: TaskSet, data: str) -> dict[str, str]:
    return {"tasks": str(PAPER_DATA[data].tasks)}


def _searched(evidence: list[dict], tasks: TaskSet, of: Callable[[dict], float], name: str) -> Numbers:
    """The mean of something about the searched networks at each budget."""
    (record,) = needed(evidence, "specialized")
    rows = {budget: queries.level(record, budget) for budget in queries.budgets_of(record)}
    return {f"{name} at {budget:g} M": float(np.mean([of(row) for row in level])) for budget, level in rows.items()}


def _depth(row: dict) -> int:
    architecture = Architecture.from_dict(row["architecture"])
    return sum(architecture.active(block) for block in range(BLOCKS))


def _middle(record: dict) -> list[dict]:
    budgets = queries.budgets_of(record)
    return queries.level(record, budgets[len(budgets) // 2])


def _depths_of_tasks(evidence: list[dict], tasks: TaskSet) -> Numbers:
    return {row["task"]: float(_depth(row)) for row in _middle(needed(evidence, "specialized")[0])}


def _ablation(evidence: list[dict], tasks: TaskSet) -> Numbers:
    own = queries.main_variant(evidence[0])["q"]
    return _levels(evidence, {f"q = {q:g}": ("tested-EAS", q) for q in dict.fromkeys((own, 0.0, 1.0))})


def _searches(evidence: list[dict], tasks: TaskSet) -> Numbers:
    return _levels(evidence, {name: (f"tested-{name}", None) for name in ("EAS", "OFA-T", "multi-path")})


def _rates(evidence: list[dict], tasks: TaskSet) -> Numbers:
    rates = queries.rates_of(evidence)
    if len(rates) < 2:
        raise Missing("needs two drop rates")
    return _levels(evidence, {f"q = {q:g}": ("tested-EAS", q) for q in rates})


def _similarities(evidence: list[dict], tasks: TaskSet) -> Numbers:
    (record,) = needed(evidence, "specialized")
    levels = queries.budgets_of(record)
    return {f"at {budget:g} M": float(np.mean(queries.task_similarities(record, budget))) for budget in levels}


# ---------------------------------------------------------------- numbers of claims


def _estimated(evidence: list[dict], tasks: TaskSet, claim: Claim) -> Numbers:
    """The difference in points that decides a claim."""
    estimate = claim.measure(evidence).estimate
    assert estimate is not None  # as of every claim about accuracies
    return {claim.key: estimate.mean}


def _ratio(evidence: list[dict], tasks: TaskSet) -> Numbers:
    (single,), (multi,) = needed(evidence, "generator"), needed(evidence, "multi_path")
    times = seconds_per_scenario(multi, "multi_path"), seconds_per_scenario(single, "generator")
    return {"multi-path over single-path": times[0] / times[1]}


def _search_time(evidence: list[dict], tasks: TaskSet) -> Numbers:
    took = needed(evidence, "specialized")[0]["result"]["search_seconds"]
    return {f"{SCENARIOS} scenarios": took["with_sampling"] * SCENARIOS / took["scenarios"]}


def _rise(evidence: list[dict], tasks: TaskSet) -> Numbers:
    values = list(_similarities(evidence, tasks).values())
    return {"rise from the lowest to the highest budget": values[-1] - values[0]}


def _easy(evidence: list[dict], tasks: TaskSet) -> Numbers:
    records = needed(evidence, "tested-EAS")
    budgets, names = queries.common_budgets(records), queries.tasks_of(records[0])
    gains = [compare.change(records, budgets[0], budgets[-1], name).mean for name in names]
    return {f"tasks that gain less than {ENOUGH:g} point": float(sum(gain < ENOUGH for gain in gains))}


_EAS, _SEARCHED = Need("tested-EAS"), (Need("specialized"),)
_OF_CLAIMS: dict[str, tuple[Need, ...]] = {
    "ofa-t": (Need("tested-OFA-T", "baseline"), Need("tested-OFA-V", "baseline")),
    "eas": (_EAS, Need("tested-OFA-T", "plain")),
    "eas-same-supernet": (_EAS, Need("tested-OFA-T")),
    "dropout": (_EAS, Need("tested-EAS", "plain")),
    "interior": (Need("tested-EAS", "rates"),),
    "target-only": (Need("tested-EAS", "plain"), Need("tested-EAS", "target")),
    "multi-path": (_EAS, Need("tested-multi-path")),
    "cheaper": (Need("generator"), Need("multi_path")),
    "time": _SEARCHED,
    "similarity": _SEARCHED,
    "small-network": (_EAS,),
}
_OTHER: dict[str, tuple[Callable[[list[dict], TaskSet], Numbers], str, bool]] = {  # of claims that are no difference of
    "cheaper": (_ratio, "", True),  # accuracies: numbers, unit, timed
    "time": (_search_time, "s", True),
    "similarity": (_rise, "", False),
    "small-network": (_easy, "tasks", False),
}


def _of_claim(claim: Claim) -> Item:
    numbers, unit, timed = _OTHER.get(claim.key, (partial(_estimated, claim=claim), "points", False))

    def paper(evidence: list[dict], tasks: TaskSet) -> dict[str, str]:
        said = judged(claim, evidence, paper_data(tasks))
        return dict.fromkeys(numbers(evidence, tasks), said.paper)

    label = claim.label.format(limit=search_limit())
    return Item(claim.key, label, "12_claims", _OF_CLAIMS[claim.key], numbers, unit, timed, paper)


# ---------------------------------------------------------------- the list


def _rows(evidence: list[dict]) -> list[dict]:
    rows: list[dict] = needed(evidence, "specialized")[0]["result"]["rows"]
    return rows


def _draw_budgets(evidence: list[dict], tasks: TaskSet) -> Figure:
    rows = [row for row in _rows(evidence) if row["task"] == tasks.names[0]]
    return architecture_figures.architectures([(f"{row['budget']:g} M", row["architecture"]) for row in rows])


def _draw_tasks(evidence: list[dict], tasks: TaskSet) -> Figure:
    rows = _middle(needed(evidence, "specialized")[0])[:5]
    return architecture_figures.architectures([(row["task"], row["architecture"]) for row in rows])


_TABLE_1 = (_EAS, Need("tested-OFA-V", "baseline"), Need("tested-OFA-T", "baseline"))
_COSTS = tuple(
    map(Need, ("pairs", "predictor", "evolved", "multi_path", "multi_path_specialized", "generator", "specialized"))
)
_LISTED = (
    Item("table-1", "Table I, accuracy by budget, 10 tasks", "10_baselines", _TABLE_1, _accuracies, "%",
         paper=_papers_accuracies, tasks=10),
    Item("table-2", "Table II, accuracy by budget, 12 tasks", "10_baselines", _TABLE_1, _accuracies, "%",
         paper=_papers_accuracies, tasks=12),
    Item("table-3", "Table III, what search costs", "10_baselines", _COSTS, _costs, "s", True, _papers_costs),
    *(
        Item(key, f"Table {roman}, tasks and classes of {data}", "02_tasks_and_splits", (), partial(_classes, data=data),
             paper=partial(_papers_classes, data=data))
        for key, roman, data in (("table-4", "IV", "ImageNet-10"), ("table-5", "V", "ImageNet-12"))
    ),
    Item("figure-1", "Figure I, networks for tasks and budgets", "01_quickstart", _SEARCHED,
         partial(_searched, of=lambda row: row["madds"], name="cost"), "M",
         draw=lambda evidence, tasks: paper_drawings.scenarios(_rows(evidence), tasks)),
    Item("figure-3", "Figure III, with and without task dropout", "11_ablations",
         (_EAS, Need("tested-EAS", "plain"), Need("tested-EAS", "target")), _ablation, "%",
         draw=lambda evidence, tasks: paper_figures.dropout_ablation(evidence)),
    Item("figure-4", "Figure IV, search algorithms", "10_baselines",
         (_EAS, Need("tested-OFA-T"), Need("tested-multi-path"), Need("results")), _searches, "%",
         draw=lambda evidence, tasks: paper_figures.search_comparison(evidence)),
    Item("figure-5", "Figure V, drop rates", "11_ablations", (Need("tested-EAS", "rates"),), _rates, "%",
         draw=lambda evidence, tasks: paper_figures.drop_rates(evidence)),
    Item("figure-6", "Figure VI, similarity of architectures", "09_architectures", _SEARCHED, _similarities),
    Item("figure-7", "Figure VII, architectures over budgets", "09_architectures", _SEARCHED,
         partial(_searched, of=_depth, name="depth"), "blocks", draw=_draw_budgets),
    Item("figure-8", "Figure VIII, architectures over tasks", "09_architectures", _SEARCHED, _depths_of_tasks, "blocks",
         draw=_draw_tasks),
    *map(_of_claim, claims.CLAIMS),
)  # fmt: skip

#: Every table, figure and claim that has numbers, by its key. Figure II is a drawing of the method, without any.
#:
#: :meta hide-value:
ITEMS = {item.key: item for item in _LISTED}


def item(key: str) -> Item:
    """The item of that key; an unknown one raises :class:`DataError` listing what there is.

    >>> item("table-1").chapter
    '10_baselines'
    """
    if key not in ITEMS:
        raise DataError(f"reproduce: {key!r:.80} is not one of {', '.join(ITEMS)}")
    return ITEMS[key]
