"""Figures of a results record: accuracy against cost, and EAS against random architectures of equal cost."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from eas_core.evidence.paper import ACCURACY, MADDS
from eas_core.evidence.queries import comparisons, level_summaries, picked_comparisons, tasks_of
from eas_core.evidence.words import readable
from eas_core.show.style import (
    BUDGET_LABEL,
    EAS,
    MADDS_LABEL,
    PAPER_STYLE,
    RANDOM,
    REFERENCE,
    TASK_ACCURACY_LABEL,
    error_bars,
    styled,
    subplots,
    subtitle,
)
from eas_core.space.cost_tables import MILLION


@styled
def accuracy_cost(record: dict, chance: float | None = None, paper: pd.DataFrame | None = None) -> Figure:
    """Accuracy against cost: EAS averaged over tasks, random architectures of equal cost, smallest and largest network.

    ``paper``: the paper's rows, where :func:`eas_core.evidence.paper.comparable_paper_rows` has any.
    """
    levels, result = level_summaries(record), record["result"]
    figure, axis = subplots(height=3.6)
    for number, row in enumerate(result["comparisons"]):
        cost, accuracy = np.array(row["random_madds"]) / MILLION, 100 * np.array(row["random_accuracy"])
        label = f"{len(cost)} random architectures per level" if not number and len(cost) else None
        axis.plot(cost, accuracy, ".", color=RANDOM, alpha=0.5, markersize=6, label=label)
    accuracy, cost = (np.array([level[key] for level in levels]) for key in ("accuracy", "madds"))
    bars = error_bars([level["interval"] for level in levels], accuracy)
    axis.errorbar(cost, accuracy, bars, marker="o", color=EAS, capsize=3, label="EAS, mean over tasks")
    for name, marker in (("smallest", "v"), ("largest", "^")):
        extreme = result[name]
        value = np.array([100 * extreme["accuracy"]])
        bars = error_bars([[100 * edge for edge in extreme["interval"]]], value)
        options = {"color": "black", "capsize": 3, "linestyle": "none", "label": f"{name} sub-network"}
        axis.errorbar([extreme["madds"]], value, bars, marker=marker, **options)
    if paper is not None:
        cost, accuracy = paper[MADDS], paper[ACCURACY]
        axis.plot(cost, accuracy, color=EAS, label="EAS, paper", **PAPER_STYLE)
    axis.set(xlabel=MADDS_LABEL, ylabel=f"mean {TASK_ACCURACY_LABEL}")
    title = f"n = {levels[0]['n']:,} test images per point, bars: 95 % interval{_guessing(chance)}"
    subtitle(axis, title)
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def _guessing(chance: float | None) -> str:
    """Chance in words: as a line it would stretch the axis until the differences of interest vanish."""
    return "" if chance is None else f"; guessing: {100 * chance:.1f} %"


@styled
def accuracy_by_task(record: dict, chance: float | None = None) -> Figure:
    """Accuracy of each task's specialised networks against their cost, with the mean of random ones of equal cost."""
    result = record["result"]
    names = tasks_of(record)
    columns = 5 if len(names) > 4 else len(names)
    lines = -(-len(names) // columns)
    figure, axes = subplots(lines, columns, height=1.0 + 1.75 * lines, sharex=True, sharey=True, squeeze=False)
    for t, (axis, name) in enumerate(zip(axes.flat, names, strict=False)):
        rows = sorted((row for row in result["rows"] if row["task"] == name), key=lambda row: row["budget"])
        accuracy = np.array([100 * row["accuracy"] for row in rows])
        bars = error_bars([[100 * edge for edge in row["interval"]] for row in rows], accuracy)
        axis.errorbar([r["madds"] for r in rows], accuracy, bars, color=EAS, marker="o", markersize=3.5, capsize=2)
        random = [
            (c["madds"], 100 * np.mean(c["random_by_task"], axis=0)[t])
            for c in result["comparisons"]
            if c["random_accuracy"]
        ]
        if random:
            axis.plot(*zip(*random, strict=True), color=RANDOM, linestyle="--", linewidth=1.2)
        axis.set_title(readable(name), fontsize=9)
    for axis in axes.flat[len(names) :]:
        axis.set_axis_off()
    figure.supxlabel(MADDS_LABEL, fontsize=9.5)
    figure.supylabel(TASK_ACCURACY_LABEL, fontsize=9.5)
    n = result["rows"][0]["n"]
    label = f"EAS, 95 % interval, n = {n:,} a point{_guessing(chance)}"
    handles = [plt.Line2D([], [], color=EAS, marker="o", markersize=3.5, label=label)]
    handles.append(plt.Line2D([], [], color=RANDOM, linestyle="--", label="random, equal cost (mean)"))
    figure.legend(handles=handles, loc="outside upper center", ncols=3)
    return figure


@styled
def paired_differences(record: dict) -> Figure:
    """EAS minus random architectures of equal cost on the same test images, a point a budget, with 95 % intervals.

    A second series, where the record has it: minus the random ones that the validation split chose, one a task.
    """
    rows = comparisons(record)
    figure, axis = subplots(height=3.0)
    axis.axhline(0, color="black", linewidth=1)
    picked = picked_comparisons(record)
    shift = 0.08 if picked else 0.0
    kinds = (
        (rows, EAS, "o", "minus the mean of random architectures"),
        (picked, RANDOM, "s", "minus those chosen on validation images"),
    )
    for number, (series, colour, marker, label) in enumerate(kinds):
        if series:
            difference = np.array([100 * row["difference"] for row in series])
            bars = error_bars([[100 * edge for edge in row["interval"]] for row in series], difference)
            x = np.arange(len(series)) + shift * (2 * number - 1)
            axis.errorbar(x, difference, bars, marker=marker, linestyle="none", color=colour, capsize=4, label=label)
    if picked:
        figure.legend(loc="outside upper center", ncols=2)
    axis.set_xticks(range(len(rows)), [f"{row['budget']:g}" for row in rows])
    axis.set(
        xlabel=BUDGET_LABEL,
        ylabel="EAS - random (points)",
        xlim=(-0.5, max(1, len(rows)) - 0.5),
    )
    if rows:
        n, others = rows[0]["n"], rows[0]["others"]
        note = f"{others} random architectures per budget, n = {n:,} test images, bars: 95 % interval"
        subtitle(axis, note)
    return figure


@styled
def spread(record: dict) -> Figure:
    """Accuracies of random architectures of one cost, against the width that sampling test images alone would give."""
    result = record["result"]["spread"]
    accuracy = 100 * np.array(result["accuracy"])
    mean, error = accuracy.mean(), 100 * result["sampling_error"]
    figure, axis = subplots(height=2.9)
    axis.hist(accuracy, bins=min(15, max(5, len(accuracy) // 3)), color=RANDOM, alpha=0.8, label="random architectures")
    axis.axvspan(mean - error, mean + error, color=REFERENCE, alpha=0.3, linewidth=0, label="± 1 sampling error")
    deviation = 100 * result["deviation"]
    axis.axvline(mean - deviation, color="black", linestyle="--", linewidth=1.2)
    axis.axvline(mean + deviation, color="black", linestyle="--", linewidth=1.2, label="± 1 standard deviation")
    axis.set(xlabel=f"mean {TASK_ACCURACY_LABEL}", ylabel="architectures")
    axis.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    note = f"{len(accuracy)} architectures of about {result['madds']:.3g} M, n = {result['n']:,} test images each"
    subtitle(axis, note)
    figure.legend(loc="outside upper center", ncols=3)
    return figure
