"""The paper's Figures III to V, and what else compares methods over several seeds: records in, a ``Figure`` out.

``evidence`` is a list with one dict a seed, as :func:`eas_core.runs.jobs.collect` makes it. A profile need not have every
variant: series whose records are not there are left out, and where nothing is left to compare a function returns None.
Accuracies are drawn in percent, differences in points, costs in millions of multiply-adds; bars are 95 % intervals of
:mod:`eas_core.evidence.compare`, which also sees to it that only like is compared with like (:class:`DataError` in one line).
The paper's values are drawn only where the data are the paper's. All series of a figure are of the same seeds, those that
have every variant in it (:func:`eas_core.evidence.queries.having`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from eas_core.evidence import compare
from eas_core.evidence.paper import ACCURACY, MADDS, PAPER_DATA, comparable_paper_rows, paper_data
from eas_core.evidence.queries import (
    common_budgets,
    having,
    main_variant,
    other_readings,
    rates_of,
    records_of,
    tasks_of,
)
from eas_core.settings.stages import METHODS
from eas_core.show.style import (
    BUDGET_LABEL,
    EAS,
    MADDS_LABEL,
    METHOD_STYLE,
    PAPER_STYLE,
    REFERENCE,
    TASK_ACCURACY_LABEL,
    error_bars,
    styled,
    subplots,
    subtitle,
)
from eas_core.space.cost_tables import MILLION


def _levels(records: list[dict]) -> list[tuple[float, compare.Estimate]]:
    """Mean cost in millions and accuracy in percent at each budget, from tested records of all seeds."""
    return [(compare.cost(records, [budget]), compare.accuracy(records, budget)) for budget in common_budgets(records)]


def _mean_and_bars(estimates: list[compare.Estimate]) -> tuple[np.ndarray, np.ndarray]:
    mean = np.array([estimate.mean for estimate in estimates])
    return mean, error_bars([(estimate.low, estimate.high) for estimate in estimates], mean)


def _note(estimate: compare.Estimate, unit: str = "a point") -> str:
    """The title line: how many images and seeds are behind a point, and what its bar covers."""
    if estimate.seeds == 1:
        return f"n = {estimate.n:,} test images {unit}, one seed; bars: 95 % interval over images"
    text = f"n = {estimate.n:,} test images {unit}, {estimate.seeds} seeds; bars: 95 % interval"
    return f"{text} over images and seeds"


def _against_cost(axis: Axes, records: list[dict], number: int, **look: Any) -> compare.Estimate:
    """Series ``number`` of accuracy against cost with its intervals; returns the estimate of the first level.

    Caps grow with the number and points step aside by a share of the range, so that bars at the same cost can be told apart.
    """
    levels = _levels(records)
    estimates = [estimate for _, estimate in levels]
    mean, bars = _mean_and_bars(estimates)
    costs = np.array([cost for cost, _ in levels])
    aside = 0.008 * number * np.ptp(costs)
    axis.errorbar(costs + aside, mean, bars, capsize=2.5 + 2 * number, elinewidth=1.2, **look)
    return estimates[0]


def _finish_against_cost(figure: Figure, axis: Axes, record: dict, estimate: compare.Estimate) -> None:
    """The paper's EAS, labels, title and legend of a figure of accuracy against cost."""
    _draw_paper_eas(axis, record)
    axis.set(xlabel=f"average {MADDS_LABEL}", ylabel=f"mean {TASK_ACCURACY_LABEL}")
    subtitle(axis, _note(estimate))
    figure.legend(loc="outside upper center", ncols=len(axis.get_legend_handles_labels()[1]))


def _paper_eas(record: dict) -> pd.DataFrame | None:
    """The paper's EAS rows, or None where this record's data are other data."""
    return comparable_paper_rows(record, tasks_of(record))


def _draw_paper_eas(axis: Axes, record: dict) -> None:
    paper = _paper_eas(record)
    if paper is not None:
        look = {"color": EAS, "label": "EAS, paper", **PAPER_STYLE}
        axis.errorbar(paper[MADDS], paper[ACCURACY], **look)  # no plot, so that the legend's order is kept


@styled
def dropout_ablation(evidence: list[dict]) -> Figure | None:
    """Figure III: EAS with task dropout, without (q = 0) and with the target task only (q = 1), accuracy against cost.

    Every series has its own supernet and generator. None if the profile trains neither of the other two.
    """
    evidence = having(evidence, [0.0, 1.0])
    if not evidence:
        return None
    main = records_of(evidence, "tested-EAS")
    own = main_variant(evidence[0])["q"]
    series = [
        (main, f"with task dropout, q = {own:g}", METHOD_STYLE["EAS"]),
        (records_of(evidence, "tested-EAS", q=0.0), "without, q = 0", {"color": REFERENCE, "marker": "v", "ls": "--"}),
        (
            records_of(evidence, "tested-EAS", q=1.0),
            "target task only, q = 1",
            {"color": "k", "marker": "P", "ls": ":"},
        ),
    ]
    series = [series[0], *(one for one, q in zip(series[1:], (0.0, 1.0), strict=True) if one[0] and q != own)]
    if not main or len(series) < 2:
        return None
    figure, axis = subplots(height=3.6)
    for number, (records, label, look) in enumerate(series):
        estimate = _against_cost(axis, records, number, label=label, **look)
    _finish_against_cost(figure, axis, main[0], estimate)
    return figure


@styled
def search_comparison(evidence: list[dict]) -> Figure | None:
    """Figure IV: different searches in one supernet, the profile's own: EAS, the multi-path generator and OFA-T.

    For reference, the mean of random architectures of EAS's cost, where the ``results`` record has them. Of the paper
    only EAS is drawn (Table I): which supernet OFA-T had in that table it does not say. None without anything to compare.
    """
    drawn = [method for method in reversed(METHODS.values()) if method.label]
    series = {method.name: (method.label, records_of(evidence, method.tested)) for method in drawn}
    series = {method: (label, records) for method, (label, records) in series.items() if records}
    random = _random_levels(records_of(evidence, "results"))
    if "EAS" not in series or len(series) + bool(random) < 2:
        return None
    common_budgets([record for _, records in series.values() for record in records])
    figure, axis = subplots(height=3.6)
    for number, (method, (label, records)) in enumerate(series.items()):
        estimate = _against_cost(axis, records, number, label=label, **METHOD_STYLE[method])
    if random:
        look = {**METHOD_STYLE["random"], "linestyle": "--", "linewidth": 1.2}
        axis.errorbar(*zip(*random, strict=True), label="random (mean)", **look)
    _finish_against_cost(figure, axis, series["EAS"][1][0], estimate)
    return figure


def _random_levels(records: list[dict]) -> list[tuple[float, float]]:
    """Mean cost in millions and mean accuracy in percent of the random architectures at each budget, over seeds."""
    levels: dict[float, list[dict]] = {}
    for record in records:
        for row in record["result"]["comparisons"]:
            if row["random_accuracy"]:
                levels.setdefault(row["budget"], []).append(row)
    return [
        (
            float(np.mean([np.mean(row["random_madds"]) for row in rows])) / MILLION,
            100 * float(np.mean([np.mean(row["random_accuracy"]) for row in rows])),
        )
        for _, rows in sorted(levels.items())
    ]


@styled
def drop_rates(evidence: list[dict], columns: int = 3) -> Figure | None:
    """Figure V: accuracy against the drop rate q, a panel per budget level; panels span equally many points.

    Every rate has its own supernet and generator, all with the profile's reading of Eq. (A). The dotted line is the
    paper's best rate on ImageNet-10 (its choice on ImageNet-12). None if the profile trains one rate only.
    """
    rates = rates_of(evidence)
    evidence = having(evidence, rates)
    if len(rates) < 2 or not evidence:
        return None
    own = main_variant(evidence[0])["q"]
    records = {q: records_of(evidence, "tested-EAS", q) for q in rates}
    budgets = common_budgets([record for one in records.values() for record in one])
    estimates = {budget: [compare.accuracy(records[q], budget) for q in rates] for budget in budgets}
    first = records[rates[0]][0]
    data = paper_data(tasks_of(first))
    paper = _paper_eas(first)
    published = {} if paper is None else dict(zip(budgets, paper[ACCURACY], strict=False))  # four levels

    columns = min(columns, len(budgets))
    lines = -(-len(budgets) // columns)
    figure, axes = subplots(lines, columns, height=0.85 + 1.6 * lines, squeeze=False, sharex=True)
    drawn = {budget: [edge for one in row for edge in (one.low, one.high)] for budget, row in estimates.items()}
    for budget, value in published.items():
        drawn[budget].append(value)
    half = 0.54 * max(max(values) - min(values) for values in drawn.values())
    for i, (axis, budget) in enumerate(zip(axes.flat, budgets, strict=False)):
        axis.axvline(PAPER_DATA[data].q, color=REFERENCE, linestyle=":", linewidth=1.4)
        mean, bars = _mean_and_bars(estimates[budget])
        axis.errorbar(rates, mean, bars, capsize=3, **METHOD_STYLE["EAS"])
        if own in rates:
            axis.plot(own, mean[rates.index(own)], "o", color=EAS, markersize=9, fillstyle="none")
        if budget in published:
            axis.plot(PAPER_DATA[data].q, published[budget], color=EAS, **PAPER_STYLE)
        centre = (min(drawn[budget]) + max(drawn[budget])) / 2
        axis.set_ylim(centre - half, centre + half)
        axis.yaxis.set_major_locator(MaxNLocator(5))
        axis.set_xticks(rates, [f"{q:g}" for q in rates])
        axis.set_title(f"budget {budget:g} M", fontsize=9)
        axis.tick_params(labelbottom=i + columns >= len(budgets))
    for axis in axes.flat[len(budgets) :]:
        axis.set_axis_off()
    figure.supxlabel("drop rate q", fontsize=9.5)
    figure.supylabel(f"mean {TASK_ACCURACY_LABEL}", fontsize=9.5)
    _rates_legend(figure, data, paper is not None, _note(estimates[budgets[0]][0]))
    return figure


def _rates_legend(figure: Figure, data: str, published: bool, note: str) -> None:
    named = "best in the paper" if data == "ImageNet-10" else "used in the paper"
    own: dict[str, Any] = {"color": EAS, "marker": "o", "markersize": 9, "fillstyle": "none", "linestyle": "none"}
    handles = [
        plt.Line2D([], [], **METHOD_STYLE["EAS"], label="EAS"),
        plt.Line2D([], [], **own, label="this profile's q"),
        plt.Line2D([], [], color=REFERENCE, linestyle=":", label=f"{named}: q = {PAPER_DATA[data].q:g} ({data})"),
    ]
    if published:
        handles.append(plt.Line2D([], [], color=EAS, label="EAS, paper", **PAPER_STYLE))
    legend = figure.legend(handles=handles, loc="outside upper center", ncols=4, title=note, title_fontsize=8.5)
    legend.get_title().set_color(REFERENCE)


@styled
def readings(evidence: list[dict]) -> Figure | None:
    """Both readings of Eq. (A): accuracy with the other reading's supernet minus that with the profile's own, in points.

    The same architectures (EAS's) are tested in both supernets, on the same images. None without the other supernet.
    """
    others = other_readings(evidence)
    evidence = having(evidence, readings=others)
    if not evidence:
        return None
    base = records_of(evidence, "tested-EAS")
    own = main_variant(evidence[0])["reading"]
    series = [
        (
            records_of(evidence, "tested-same", reading=reading),
            base,
            f"supernet trained with “{reading}” minus “{own}”",
            METHOD_STYLE["EAS"],
        )
        for reading in others
    ]
    return (
        _differences(series, "difference on the same architectures\n(points of task accuracy)")
        if base and series
        else None
    )


@styled
def method_differences(evidence: list[dict], plain_baselines: bool = False) -> Figure | None:
    """Paired differences between methods at each budget, in points: EAS minus each other one, and OFA-T minus OFA-V.

    All search in the profile's own supernet, so that only the search differs; with ``plain_baselines`` OFA-V and OFA-T
    search in the plain one (q = 0), as in Table I. Pairs of which one is missing are left out; None without any, and with
    ``plain_baselines`` without a plain supernet.
    """
    if plain_baselines:
        evidence = having(evidence, [0.0])
    methods = {
        name: records_of(evidence, method.tested, q=0.0 if plain_baselines and method.supernets == "plain" else None)
        for name, method in METHODS.items()
        if not method.extension
    }
    if plain_baselines and not any(methods[name] for name in methods if METHODS[name].supernets == "plain"):
        return None
    baselines = sorted(methods.keys() - {"EAS"}, key=lambda name: (METHODS[name].supernets != "plain", name))
    pairs = [("EAS", name, METHOD_STYLE[name]) for name in baselines]
    pairs.append(("OFA-T", "OFA-V", {"color": "k", "marker": "x"}))
    series = [
        (methods[ours], methods[other], f"{ours} minus {other}", look)
        for ours, other, look in pairs
        if methods[ours] and methods[other]
    ]
    return _differences(series, "difference (points of task accuracy)") if series else None


def _differences(series: Sequence[tuple[list[dict], list[dict], str, dict]], label: str) -> Figure:
    """Paired differences at each budget, (ours, others, label, look) each, side by side around the budget's place."""
    budgets = common_budgets([record for ours, others, *_ in series for record in [*ours, *others]])
    figure, axis = subplots(height=3.4)
    axis.axhline(0, color="black", linewidth=1)
    for edge in range(1, len(budgets)):
        axis.axvline(edge - 0.5, color="#E3E3E3", linewidth=0.8, zorder=0)
    shift = 0.18 if len(series) > 1 else 0.0
    for number, (ours, others, name, look) in enumerate(series):
        estimates = [compare.difference(ours, others, [budget]) for budget in budgets]
        mean, bars = _mean_and_bars(estimates)
        x = np.arange(len(budgets)) + shift * (number - (len(series) - 1) / 2)
        axis.errorbar(x, mean, bars, linestyle="none", capsize=3, elinewidth=1.2, label=name, **look)
    axis.set_xticks(range(len(budgets)), [f"{budget:g}" for budget in budgets])
    axis.set(xlabel=BUDGET_LABEL, ylabel=label, xlim=(-0.5, len(budgets) - 0.5))
    axis.grid(False, axis="x")
    subtitle(axis, _note(estimates[0], "a difference"))
    figure.legend(loc="outside upper center", ncols=len(series))
    return figure
