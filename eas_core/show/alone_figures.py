"""Figures of what each search gives alone: differences to one network for all tasks, budget by budget."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from eas_core.evidence import alone
from eas_core.evidence.words import counted
from eas_core.show.alone_tables import PICKED
from eas_core.show.style import BUDGET_LABEL, METHOD_STYLE, REFERENCE, styled, subplots, subtitle

FACES = {"first": "white", "probable": "none", "chosen": None, "shuffled": "#DDDDDD"}


@styled
def over_one_for_all(evidence: list[dict], picks: tuple[str, ...] = ("first", "chosen")) -> Figure | None:
    """Task accuracy of each method's networks minus that of one network for all tasks, at each budget, in points.

    A bar is the 95 % interval of a paired difference. Hollow markers: the first candidate, full ones: the best of the
    candidates on the images that rank them. None if there is no network for all tasks to compare with.
    """
    lines = [line for line in alone.lines(evidence) if line.pick in picks and line.over_one and line.method != "OFA-V"]
    if not lines:
        return None
    budgets = lines[0].budgets
    figure, axis = subplots(height=3.8)
    axis.axhline(0, color="black", linewidth=1)
    for edge in range(1, len(budgets)):
        axis.axvline(edge - 0.5, color="#E3E3E3", linewidth=0.8, zorder=0)
    shift = 0.8 / len(lines)
    for number, line in enumerate(lines):
        gaps = [line.over_one[budget] for budget in budgets]
        mean = np.array([gap.mean for gap in gaps])
        x = np.arange(len(budgets)) + shift * (number - (len(lines) - 1) / 2)
        look = {**METHOD_STYLE[line.method], "markerfacecolor": FACES[line.pick] or METHOD_STYLE[line.method]["color"]}
        bars = np.array([gap.high - gap.mean for gap in gaps])
        label = f"{line.method}, {PICKED[line.pick]}"
        axis.errorbar(x, mean, bars, linestyle="none", capsize=2.5, elinewidth=1.1, label=label, **look)
    axis.set_xticks(range(len(budgets)), [f"{budget:g}" for budget in budgets])
    axis.set(xlabel=BUDGET_LABEL, ylabel="minus one network for all tasks\n(points of task accuracy)")
    axis.set_xlim(-0.5, len(budgets) - 0.5)
    axis.grid(False, axis="x")
    first = lines[0].over_one[budgets[0]]
    subtitle(axis, f"n = {first.n:,} test images, {counted(first.seeds, 'seed')}; bars: 95 % intervals")
    figure.legend(loc="outside upper center", ncols=2)
    return figure


@styled
def cross_table(accuracy: np.ndarray, tasks: tuple[str, ...], title: str) -> Figure:
    """The network found for one task (row) on every task's test images (column), in points against the column's own.

    ``accuracy`` (T, T) in percent; on the diagonal, a task's own network, its accuracy is written out.
    """
    gap = accuracy - np.diag(accuracy)[None]
    limit = max(1.0, float(np.abs(gap).max()))
    figure, axis = subplots(height=5.2)
    image = axis.imshow(gap, cmap="RdBu", vmin=-limit, vmax=limit)
    for row, column in np.ndindex(*gap.shape):
        own = row == column
        text = f"{accuracy[row, column]:.0f} %" if own else f"{gap[row, column]:+.1f}"
        dark = abs(gap[row, column]) > 0.6 * limit
        weight = "bold" if own else "normal"
        axis.text(
            column, row, text, ha="center", va="center", fontsize=7, weight=weight, color="white" if dark else "black"
        )
    names = [name.replace("_", " ") for name in tasks]
    axis.set_xticks(range(len(names)), names, rotation=40, ha="right")
    axis.set_yticks(range(len(names)), names)
    axis.set(xlabel="tested on the images of", ylabel="network found for")
    axis.grid(False)
    subtitle(axis, title)
    bar = figure.colorbar(image, ax=axis, shrink=0.8)
    bar.set_label("points against the task's own network", color=REFERENCE)
    return figure


@styled
def equal_time(recipes: list[dict], searches: list[dict]) -> Figure:
    """Accuracy of a search, without choosing, against the CPU time it takes to answer all scenarios once.

    ``recipes`` are rows of ``benchmarks/results/recipes.json``, a hollow dot each (its first samples), ``searches`` of
    ``equal_time.json``: OFA-T with more and more pairs, and one network for all tasks from the same pairs. Both are means
    over the seeds that all have, on validation images that trained nothing.
    """
    recipes, searches = alone.on_common_seeds(recipes, searches)
    figure, axis = subplots(height=3.6)
    for name, label, style in (
        ("OFA-T", "OFA-T, by number of pairs", METHOD_STYLE["OFA-T"]),
        ("one for all", "one network for all tasks, from the same pairs", METHOD_STYLE["OFA-V"]),
    ):
        groups = [[row for row in searches if row["pairs"] == n] for n in sorted({row["pairs"] for row in searches})]
        x = [np.mean([row["cpu_seconds"] for row in rows]) for rows in groups]
        y = [np.mean([row[name]["accuracy"] for row in rows]) for rows in groups]
        axis.plot(x, y, label=label, **style)
        for place, value, rows in zip(x, y, groups, strict=True):
            axis.annotate(
                str(rows[0]["pairs"]), (place, value), (0, 6), textcoords="offset points", ha="center", fontsize=7
            )
    names = dict.fromkeys(row["recipe"] for row in recipes)
    own = [[row for row in recipes if row["recipe"] == name] for name in names]
    x = [np.mean([row["cpu_seconds"] for row in rows]) for rows in own]
    y = [np.mean([row["first"]["accuracy"] for row in rows]) for rows in own]
    look = {**METHOD_STYLE["EAS"], "markerfacecolor": "white", "linestyle": "none"}
    axis.plot(x, y, label="EAS, first sample, a recipe each", **look)
    axis.set_xscale("log")
    axis.set(xlabel="CPU seconds of one core for all scenarios", ylabel="task accuracy (%, validation)")
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_formatter("{x:g}")
    seeds = counted(len({row["seed"] for row in (*recipes, *searches)}), "seed")
    subtitle(axis, f"mean over budgets and tasks; {seeds}; validation images that train nothing")
    figure.legend(loc="outside upper center", ncols=2)
    return figure
