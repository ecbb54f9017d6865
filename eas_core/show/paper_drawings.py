"""The paper's Figures I to V, and what compares methods over several seeds: records in, a matplotlib ``Figure`` out.

``evidence`` is a list with one dict a seed, as :func:`eas_core.runs.jobs.collect` makes it. A profile need not have every
variant: series whose records are not there are left out, and where nothing is left to compare a function returns None.
Accuracies are drawn in percent, differences in points, costs in millions of multiply-adds; bars are 95 % intervals of
:mod:`eas_core.evidence.compare`, which also sees to it that only like is compared with like (:class:`DataError` in one line).
The paper's values are drawn only where the data are the paper's. Colours are those of :mod:`eas_core.show.figures`.
"""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Patch, Rectangle
from matplotlib.ticker import MaxNLocator
from scipy import stats

from eas_core.base.errors import DataError
from eas_core.data.tasks import TaskSet
from eas_core.evidence import compare
from eas_core.evidence.tables import comparable_paper_rows, paper_data
from eas_core.show.figures import (
    EAS,
    MADDS_LABEL,
    METHOD_STYLE,
    PAPER_STYLE,
    RAMP,
    RANDOM,
    REFERENCE,
    SHADES,
    TASK_ACCURACY_LABEL,
    WIDTH,
    error_bars,
    readable,
    styled,
    subplots,
)
from eas_core.show.paper_tables import other_readings, rates_of, records_of
from eas_core.space.cost import MILLION
from eas_core.space.search_space import BLOCKS, BLOCKS_PER_UNIT, KERNELS, LARGEST, PAIRS, UNITS, Architecture, to_gates

PAPER_RATES = {"ImageNet-10": 0.6, "ImageNet-12": 0.1}  # drop rates q (section 4)
RULED, INK = "#8A8A8A", "#333333"
BUDGET_LABEL = "budget (millions of multiply-adds)"


# ---------------------------------------------------------------- drawing in inches


def _canvas(height: float) -> tuple[Figure, Axes]:
    """A figure whose only axis covers it and counts in inches, so that text and drawing keep their proportions."""
    figure = plt.figure(figsize=(WIDTH, height), layout="none")
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set(xlim=(0, WIDTH), ylim=(0, height))
    axis.set_axis_off()
    return figure, axis


def _arrow(axis: Axes, start: tuple[float, float], end: tuple[float, float], **options) -> None:
    style = {"arrowstyle": "-|>", "mutation_scale": 8, "color": RULED, "linewidth": 1.1, "shrinkA": 0, "shrinkB": 0}
    axis.add_patch(FancyArrowPatch(start, end, **style | options))


def _box(axis: Axes, x: float, y: float, width: float, height: float, text: str = "", **options) -> None:
    """A rounded box with its lower left corner at (x, y), text in its middle."""
    style = {"facecolor": "#F2F6FA", "edgecolor": "#7A93AB", "linewidth": 1.0}
    axis.add_patch(FancyBboxPatch((x, y), width, height, "round,pad=0,rounding_size=0.06", **style | options))
    axis.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=8, color=INK)


def _network(axis: Axes, architecture: Architecture, x: float, y: float, width: float, height: float) -> None:
    """A small drawing of an architecture: height is the kernel size, colour the expansion ratio, a gap between units."""
    step = width / (BLOCKS + 0.8 * (UNITS - 1))
    for block in range(BLOCKS):
        left = x + step * (block + 0.8 * (block // BLOCKS_PER_UNIT))
        if architecture.active(block):
            tall = height * architecture.kernel[block] / KERNELS[-1]
            look = {"facecolor": SHADES[architecture.expand[block]], "edgecolor": "#1B3A57", "linewidth": 0.5}
        else:
            tall, look = 0.015, {"facecolor": "#B0B0B0", "linewidth": 0}
        axis.add_patch(Rectangle((left, y), 0.86 * step, tall, **look))


# ---------------------------------------------------------------- Figure I


@styled
def scenarios(record_rows: list[dict], tasks: TaskSet) -> Figure:
    """Figure I: one supernet serves many tasks on many devices, and every scenario has its own small network.

    ``record_rows`` are rows of a specialised or tested record, ``{"task", "budget" and "madds" (millions),
    "architecture"}``; at most three tasks and three budgets are drawn, first, middle and last of those that all exist.
    """
    rows = {
        (row["task"], row["budget"]): row
        for row in record_rows
        if all(key in row for key in ("madds", "architecture")) and row["task"] in tasks.names
    }
    names = _three([name for name in tasks.names if any(task == name for task, _ in rows)])
    budgets = _three(sorted({budget for _, budget in rows}))
    if not rows or any((name, budget) not in rows for name in names for budget in budgets):
        raise DataError("rows: every drawn task needs an architecture at every drawn budget")

    left, column, line, top = 3.36, 1.26, 0.82, 0.92
    height = top + line * len(names) + 0.42
    figure, axis = _canvas(height)
    middles = [height - top - line * (i + 0.5) for i in range(len(names))]
    for j, budget in enumerate(budgets):
        x = left + column * (j + 0.5)
        _device(axis, x, height - 0.36, j + 3 - len(budgets))
        axis.text(x, height - 0.79, f"at most {budget:g} M", ha="center", fontsize=8.5)
    for i, name in enumerate(names):
        group = tasks.classes[tasks.names.index(name)]
        _box(axis, 2.02, middles[i] - 0.26, 1.14, 0.52)
        size = 8 if len(name) < 15 else 7
        axis.text(2.59, middles[i] + 0.09, readable(name), ha="center", va="center", fontsize=size, weight="bold")
        axis.text(2.59, middles[i] - 0.1, f"{len(group)} classes", ha="center", va="center", fontsize=8, color=INK)
        for j, budget in enumerate(budgets):
            row, x = rows[name, budget], left + column * j + 0.13
            _network(axis, Architecture.from_dict(row["architecture"]), x, middles[i] - 0.13, column - 0.26, 0.42)
            cost = f"{row['madds']:.3g} M"
            axis.text(
                left + column * (j + 0.5), middles[i] - 0.19, cost, ha="center", va="top", fontsize=7.5, color=INK
            )
        if i:
            axis.plot([2.02, WIDTH - 0.1], [middles[i] + line / 2] * 2, color="#E3E3E3", linewidth=0.8)

    middle = float(np.mean(middles))
    _network(axis, LARGEST, 0.12, middle - 0.25, 1.5, 0.5)
    axis.text(0.87, middle + 0.33, "one supernet", ha="center", va="bottom", fontsize=9, weight="bold")
    axis.text(0.87, middle - 0.33, "trained once,\nall weights shared", ha="center", va="top", fontsize=8, color=INK)
    for y in middles:
        _arrow(axis, (1.68, middle), (1.98, y))
    axis.text(2.59, height - 0.36, "task", ha="center", va="center", fontsize=9, weight="bold")
    axis.text(2.59, height - 0.62, "a group of classes", ha="center", va="center", fontsize=8, color=INK)
    handles = [Patch(facecolor=c, edgecolor="#1B3A57", label=f"expansion ratio {e}") for e, c in SHADES.items()]
    handles.append(plt.Line2D([], [], color="#B0B0B0", linewidth=2, label="skipped block"))
    axis.legend(
        handles=handles,
        title="a bar is a block, its height the kernel size; M: millions of multiply-adds of one image",
        title_fontsize=8,
        ncols=4,
        loc="lower center",
        bbox_to_anchor=(0.5, 0.0),
        borderaxespad=0.2,
        fontsize=8,
    )
    return figure


def _three(values: list) -> list:
    """First, middle and last of at least three values, else all."""
    return [values[i] for i in sorted({0, len(values) // 2, len(values) - 1})] if values else []


def _device(axis: Axes, x: float, y: float, kind: int) -> None:
    """A watch (0), a phone (1) or a laptop (2), about 0.5 inches, its middle at (x, y)."""
    look = {"facecolor": "white", "edgecolor": INK, "linewidth": 1.1}
    screen = {"facecolor": "#DCE6F0", "edgecolor": RULED, "linewidth": 0.6}
    round_box = "round,pad=0,rounding_size=0.04"
    if kind == 0:
        axis.add_patch(Rectangle((x - 0.06, y - 0.24), 0.12, 0.48, **look))
        axis.add_patch(Circle((x, y), 0.15, **look))
        axis.add_patch(Circle((x, y), 0.11, **screen))
    elif kind == 1:
        axis.add_patch(FancyBboxPatch((x - 0.14, y - 0.26), 0.28, 0.52, round_box, **look))
        axis.add_patch(Rectangle((x - 0.11, y - 0.17), 0.22, 0.37, **screen))
    else:
        axis.add_patch(FancyBboxPatch((x - 0.3, y - 0.13), 0.6, 0.38, round_box, **look))
        axis.add_patch(Rectangle((x - 0.26, y - 0.09), 0.52, 0.3, **screen))
        axis.add_patch(FancyBboxPatch((x - 0.38, y - 0.24), 0.76, 0.08, round_box, **look))


# ---------------------------------------------------------------- Figure II


@styled
def overview(q: float = 0.6, anchors: int = 10) -> Figure:
    """Figure II: (a) task dropout; (b) the architecture generator.

    Drawn with drop rate ``q`` and ``anchors`` budgets that have an embedding of their own. A drawing of the method, made
    from no record: mask, probabilities and architecture are examples.
    """
    figure, axis = _canvas(6.15)
    _draw_task_dropout(axis, 3.74, q)
    _draw_generator(axis, 0.0, anchors)
    axis.plot([0.1, WIDTH - 0.1], [3.66] * 2, color="#D0D0D0", linewidth=0.8)
    return figure


def _draw_task_dropout(axis: Axes, base: float, q: float) -> None:
    """Four tasks of three classes: logits, mask, masked logits and probabilities as columns of cells, top to bottom."""
    groups, size, cell, gap = 4, 3, 0.115, 0.055
    own, dropped = 1, (0, 3)
    tops = [base + 1.74 - g * (size * cell + gap) for g in range(groups)]
    bottoms = [tops[g] - (c + 1) * cell for g in range(groups) for c in range(size)]
    middle = (tops[0] + bottoms[-1]) / 2
    columns = {"v": 0.36, "o": 2.0, "m": 3.55, "masked": 4.72, "softmax": 5.82}
    kept, off = RAMP(1 / 1.4), "white"
    axis.text(0.1, base + 2.26, "(a) Task dropout", fontsize=10, weight="bold", va="center")
    heads = (
        ("v", 0.5, "features v\nof one image"),
        ("o", 0.5, "logits\no = wᵀv"),
        ("m", 0.5, "mask m, one\ndraw a task"),
        ("masked", 0.5, "masked\nlogits ô"),
        ("softmax", 1.9, "softmax over\nwhat is kept"),
    )
    for name, share, text in heads:
        place = (columns[name] + share * 0.26, base + 1.79)
        axis.text(*place, text, ha="center", va="bottom", fontsize=8, color=INK, linespacing=1.1)

    for i, shade in enumerate((0.2, 0.75, 0.4, 0.9, 0.1, 0.55, 0.3, 0.65)):
        look = {"facecolor": plt.cm.Greys(0.15 + 0.6 * shade), "edgecolor": RULED, "linewidth": 0.5}
        axis.add_patch(Rectangle((columns["v"], middle + 0.115 * (3 - i)), 0.26, 0.115, **look))
    logits = np.array([0.5, 0.2, 0.6, 0.95, 0.45, 0.3, 0.35, 0.7, 0.25, 0.6, 0.4, 0.15])
    keep = np.array([0.0 if i // size in dropped else 1.0 for i in range(groups * size)])
    odds = np.exp(3 * logits) * keep
    for i, y in enumerate(bottoms):
        is_kept = keep[i] > 0
        edge = {"edgecolor": RULED, "linewidth": 0.5}
        axis.add_patch(Rectangle((columns["o"], y), 0.26, cell, facecolor=RAMP(0.15 + 0.6 * logits[i]), **edge))
        axis.add_patch(Rectangle((columns["m"], y), 0.26, cell, facecolor=kept if is_kept else off, **edge))
        colour = RAMP(0.15 + 0.6 * logits[i]) if is_kept else off
        axis.add_patch(Rectangle((columns["masked"], y), 0.26, cell, facecolor=colour, **edge))
        length = 0.9 * odds[i] / odds.max()
        axis.add_patch(Rectangle((columns["softmax"], y + 0.015), length, cell - 0.03, facecolor=EAS))
    axis.plot([columns["softmax"]] * 2, [bottoms[-1] - 0.03, tops[0] + 0.03], color=INK, linewidth=0.8)
    for g in range(groups):
        y = tops[g] - size * cell / 2
        name = f"task {g + 1}" + (": its own" if g == own else "")
        weight = "bold" if g == own else "normal"
        axis.text(columns["o"] - 0.06, y, name, ha="right", va="center", fontsize=7.5, color=INK, weight=weight)
        text = "always kept" if g == own else ("dropped" if g in dropped else "kept")
        colour = RANDOM if g == own else INK
        axis.text(columns["m"] - 0.06, y, text, ha="right", va="center", fontsize=7.5, color=colour, weight=weight)
        if g == own:
            for name in ("o", "m", "masked"):
                box = Rectangle((columns[name] - 0.02, tops[g] - size * cell - 0.02), 0.3, size * cell + 0.04)
                box.set(fill=False, edgecolor=RANDOM, linewidth=1.5)
                axis.add_patch(box)
    _arrow(axis, (columns["v"] + 0.32, middle), (columns["v"] + 0.66, middle))
    axis.text((columns["o"] + 0.26 + 2.88) / 2, middle, "⊙", ha="center", va="center", fontsize=13, color=INK)
    axis.text((columns["m"] + 0.26 + columns["masked"]) / 2, middle, "=", ha="center", va="center", fontsize=13)
    _arrow(axis, (columns["masked"] + 0.34, middle), (columns["softmax"] - 0.08, middle))
    text = f"Each other task is dropped with probability q = {q:g}, all its classes together: Eq. (A), (B)"
    axis.text(WIDTH / 2, base + 0.06, text, ha="center", va="center", fontsize=8, color=INK)


def _draw_generator(axis: Axes, base: float, anchors: int) -> None:
    """Task and budget at the left, one LSTM step a unit in the middle, gates and architecture below, losses right."""
    axis.text(0.1, base + 3.5, "(b) Architecture generator", fontsize=10, weight="bold", va="center")
    # what goes in
    _box(axis, 0.1, base + 2.94, 0.62, 0.3, "task t")
    _box(axis, 0.1, base + 2.36, 0.62, 0.3, "budget B")
    _strip(axis, 1.16, base + 3.03, seed=1)
    _strip(axis, 1.16, base + 2.45, seed=2)
    axis.text(1.38, base + 3.19, "task embedding", ha="center", fontsize=7.5, color=INK)
    axis.text(1.38, base + 2.61, "budget embedding", ha="center", fontsize=7.5, color=INK)
    _arrow(axis, (0.74, base + 3.09), (1.13, base + 3.09))
    _arrow(axis, (0.74, base + 2.51), (1.13, base + 2.51))
    scale = np.linspace(0.16, 1.86, anchors)
    axis.plot(scale[[0, -1]], [base + 2.1] * 2, color=RULED, linewidth=1)
    axis.plot(scale, [base + 2.1] * anchors, "|", color=INK, markersize=6)
    between = anchors // 2 - 1
    axis.plot(scale[between : between + 2].mean(), base + 2.1, "v", color=RANDOM, markersize=6)
    for x, text in ((scale[0], "$B_L$"), (scale[-1], "$B_H$")):
        axis.text(x, base + 2.0, text, ha="center", va="top", fontsize=8, color=INK)
    text = f"K = {anchors} anchors,\nlinear in between"
    axis.text(1.01, base + 2.0, text, ha="center", va="top", fontsize=7.5, color=INK, linespacing=1.1)
    # one column a unit
    left, column = 2.42, 0.68
    architecture = Architecture(
        (3, 4, 2, 4, 3), (4, 6, 3, 3) * 5, (5, 3, 7, 3, 3, 5, 5, 7, 7, 3, 3, 3, 5, 7, 3, 5, 3, 5, 7, 3)
    )
    gates = to_gates([architecture])[0].reshape(PAIRS, 2).numpy()
    noise = np.random.default_rng(4).uniform(0.05, 0.42, (PAIRS, 2))
    axis.plot([2.1] * 2, [base + 2.51, base + 3.09], color=RULED, linewidth=1.1)
    axis.plot([1.63, 2.1], [base + 3.09] * 2, color=RULED, linewidth=1.1)
    axis.plot([1.63, 2.1], [base + 2.51] * 2, color=RULED, linewidth=1.1)
    _arrow(axis, (2.1, base + 2.8), (left - 0.02, base + 2.8))
    for u in range(UNITS):
        x = left + u * column
        axis.text(x + 0.29, base + 3.02, f"unit {u + 1}", ha="center", fontsize=7.5, color=INK)
        _box(axis, x, base + 2.66, 0.58, 0.28, "LSTM")
        if u:
            _arrow(axis, (x - column + 0.58, base + 2.8), (x, base + 2.8), mutation_scale=6)
        for h, (name, start) in enumerate((("k", 0), ("w", BLOCKS), ("d", 2 * BLOCKS))):
            centre = x + (0.1, 0.33, 0.53)[h]
            _arrow(axis, (x + 0.29, base + 2.65), (centre, base + 2.44), mutation_scale=5, linewidth=0.8)
            _box(axis, centre - 0.06, base + 2.26, 0.12, 0.18, name, linewidth=0.7)
            blocks = [start + BLOCKS_PER_UNIT * u + b for b in range(BLOCKS_PER_UNIT)] if h < 2 else [start + u]
            for row in range(2):
                for i, pair in enumerate(blocks):
                    cell = x + (0.0, 0.225, 0.5)[h] + 0.052 * i
                    on = gates[pair, row] > 0
                    p = 1 - noise[pair, row] if on else noise[pair, row]
                    look = {"edgecolor": RULED, "linewidth": 0.4}
                    y = base + 1.92 - 0.08 * row
                    axis.add_patch(Rectangle((cell, y), 0.052, 0.08, facecolor=RAMP(p), **look))
                    axis.add_patch(Rectangle((cell, y - 0.46), 0.052, 0.08, facecolor=INK if on else "white", **look))
        _arrow(axis, (x + 0.29, base + 2.24), (x + 0.29, base + 2.02), mutation_scale=6)
        _arrow(axis, (x + 0.29, base + 1.82), (x + 0.29, base + 1.56), mutation_scale=6)
        _arrow(axis, (x + 0.29, base + 1.36), (x + 0.29, base + 1.14), mutation_scale=6)
    _network(axis, architecture, left, base + 0.62, UNITS * column - 0.1, 0.46)
    right = left + UNITS * column
    for y, text in (
        (2.35, "heads: kernel,\nwidth, depth"),
        (1.92, "p = σ(z),\nEq. (H)"),
        (1.46, "hard gates,\nEq. (I), (J)"),
        (0.85, "architecture α"),
    ):
        axis.text(right, base + y, text, ha="left", va="center", fontsize=7.5, color=INK, linespacing=1.1)
    # what comes out
    _box(axis, 0.1, base + 1.0, 1.75, 0.36, "supernet W, frozen:\nvalidation loss", facecolor="white")
    _box(axis, 0.1, base + 0.5, 1.75, 0.36, "cost R(α), Eq. (F):\n(R(α) - B)², Eq. (C)", facecolor="white")
    _arrow(axis, (left - 0.06, base + 0.85), (1.88, base + 1.16))
    _arrow(axis, (left - 0.06, base + 0.85), (1.88, base + 0.66))
    text = r"loss $\mathcal{L}=\mathcal{L}_{val}(W,\alpha)+\lambda\,(R(\alpha)-B)^2$, Eq. (D);"
    text += " its gradient passes the hard gates straight through"
    axis.text(WIDTH / 2, base + 0.2, text, ha="center", va="center", fontsize=8, color=INK)


def _strip(axis: Axes, x: float, y: float, seed: int) -> None:
    """An embedding vector as eight cells."""
    for i, shade in enumerate(np.random.default_rng(seed).uniform(0.1, 0.7, 8)):
        look = {"facecolor": plt.cm.Greys(shade), "edgecolor": RULED, "linewidth": 0.4}
        axis.add_patch(Rectangle((x + 0.055 * i, y), 0.055, 0.12, **look))


# ---------------------------------------------------------------- accuracy against cost


def _levels(records: list[dict]) -> list[tuple[float, compare.Estimate]]:
    """Mean cost in millions and accuracy in percent at each budget, from tested records of all seeds."""
    return [
        (compare.cost(records, [budget]), compare.accuracy(records, budget)) for budget in compare.budgets_of(records)
    ]


def _note(estimate: compare.Estimate, unit: str = "a point") -> str:
    """The title line: how many images and seeds are behind a point, and what its bar covers."""
    if estimate.seeds == 1:
        return f"n = {estimate.n:,} test images {unit}, one seed; bars: 95 % interval over images"
    text = f"n = {estimate.n:,} test images {unit}, {estimate.seeds} seeds; bars: 95 % interval"
    return f"{text} over images and seeds"


def _title(axis: Axes, text: str) -> None:
    axis.set_title(text, color=REFERENCE, fontsize=8.5)


def _against_cost(axis: Axes, records: list[dict], number: int, **look) -> compare.Estimate:
    """Series ``number`` of accuracy against cost with its intervals; returns the estimate of the first level.

    Caps grow with the number, so that the ends of bars at the same cost can be told apart.
    """
    levels = _levels(records)
    estimates = [estimate for _, estimate in levels]
    mean = np.array([estimate.mean for estimate in estimates])
    bars = error_bars([(estimate.low, estimate.high) for estimate in estimates], mean)
    axis.errorbar([cost for cost, _ in levels], mean, bars, capsize=2.5 + 2 * number, elinewidth=1.2, **look)
    return estimates[0]


def _paper_eas(record: dict):
    """The paper's EAS rows, or None where this record's data are other data."""
    names = list(dict.fromkeys(row["task"] for row in record["result"]["rows"]))
    return comparable_paper_rows(record, names)


def _draw_paper_eas(axis: Axes, record: dict) -> None:
    paper = _paper_eas(record)
    if paper is not None:
        cost, accuracy = paper["avg_madds_millions"], paper["avg_acc_percent"]
        axis.errorbar(
            cost, accuracy, color=EAS, label="EAS, paper", **PAPER_STYLE
        )  # so that the legend's order is kept


@styled
def dropout_ablation(evidence: list[dict]) -> Figure | None:
    """Figure III: EAS with task dropout, without (q = 0) and with the target task only (q = 1), accuracy against cost.

    Every series has its own supernet and generator. None if the profile trains neither of the other two.
    """
    main = records_of(evidence, "tested-EAS")
    own = evidence[0]["variants"][evidence[0]["main"]]["q"]
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
    _draw_paper_eas(axis, main[0])
    axis.set(xlabel=f"average {MADDS_LABEL}", ylabel=f"mean {TASK_ACCURACY_LABEL}")
    _title(axis, _note(estimate))
    figure.legend(loc="outside upper center", ncols=len(axis.get_legend_handles_labels()[1]))
    return figure


@styled
def search_comparison(evidence: list[dict]) -> Figure | None:
    """Figure IV: different searches in one supernet, the profile's own: EAS, the multi-path generator and OFA-T.

    For reference, the mean of random architectures of EAS's cost, where the ``results`` record has them. Of the paper
    only EAS is drawn (Table I): which supernet OFA-T had in that table it does not say. None without anything to compare.
    """
    series = {
        "EAS": ("EAS, single-path", records_of(evidence, "tested-EAS")),
        "multi-path": ("multi-path generator", records_of(evidence, "tested-multi-path")),
        "OFA-T": ("OFA-T", records_of(evidence, "tested-OFA-T")),
    }
    series = {method: (label, records) for method, (label, records) in series.items() if records}
    random = _random_levels(records_of(evidence, "results"))
    if "EAS" not in series or len(series) + bool(random) < 2:
        return None
    compare.budgets_of([record for _, records in series.values() for record in records])
    figure, axis = subplots(height=3.6)
    for number, (method, (label, records)) in enumerate(series.items()):
        estimate = _against_cost(axis, records, number, label=label, **METHOD_STYLE[method])
    if random:
        look = {**METHOD_STYLE["random"], "linestyle": "--", "linewidth": 1.2}
        axis.errorbar(*zip(*random, strict=True), label="random (mean)", **look)
    _draw_paper_eas(axis, series["EAS"][1][0])
    axis.set(xlabel=f"average {MADDS_LABEL}", ylabel=f"mean {TASK_ACCURACY_LABEL}")
    _title(axis, _note(estimate))
    figure.legend(loc="outside upper center", ncols=len(axis.get_legend_handles_labels()[1]))
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
    """Figure V: accuracy against the drop rate q, a panel a budget level; panels span equally many points.

    Every rate has its own supernet and generator, all with the profile's reading of Eq. (A). The dotted line is the
    paper's best rate on ImageNet-10 (its choice on ImageNet-12). None if the profile trains one rate only.
    """
    rates = rates_of(evidence)
    if len(rates) < 2:
        return None
    own = evidence[0]["variants"][evidence[0]["main"]]["q"]
    records = {q: records_of(evidence, "tested-EAS", q) for q in rates}
    budgets = compare.budgets_of([record for one in records.values() for record in one])
    estimates = {budget: [compare.accuracy(records[q], budget) for q in rates] for budget in budgets}
    first = records[rates[0]][0]
    data = paper_data(dict.fromkeys(row["task"] for row in first["result"]["rows"]))
    paper = _paper_eas(first)
    published = {} if paper is None else dict(zip(budgets, paper["avg_acc_percent"], strict=False))  # four levels

    columns = min(columns, len(budgets))
    lines = -(-len(budgets) // columns)
    figure, axes = subplots(lines, columns, height=0.85 + 1.6 * lines, squeeze=False, sharex=True)
    drawn = {budget: [edge for one in row for edge in (one.low, one.high)] for budget, row in estimates.items()}
    for budget, value in published.items():
        drawn[budget].append(value)
    half = 0.54 * max(max(values) - min(values) for values in drawn.values())
    for i, (axis, budget) in enumerate(zip(axes.flat, budgets, strict=False)):
        axis.axvline(PAPER_RATES[data], color=REFERENCE, linestyle=":", linewidth=1.4)
        mean = np.array([estimate.mean for estimate in estimates[budget]])
        bars = error_bars([(estimate.low, estimate.high) for estimate in estimates[budget]], mean)
        axis.errorbar(rates, mean, bars, capsize=3, **METHOD_STYLE["EAS"])
        if own in rates:
            axis.plot(own, mean[rates.index(own)], "o", color=EAS, markersize=9, fillstyle="none")
        if budget in published:
            axis.plot(PAPER_RATES[data], published[budget], color=EAS, **PAPER_STYLE)
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
    named = "best in the paper" if data == "ImageNet-10" else "used in the paper"
    handles = [
        plt.Line2D([], [], **METHOD_STYLE["EAS"], label="EAS"),
        plt.Line2D(
            [], [], color=EAS, marker="o", markersize=9, fillstyle="none", linestyle="none", label="this profile's q"
        ),
        plt.Line2D([], [], color=REFERENCE, linestyle=":", label=f"{named}: q = {PAPER_RATES[data]:g} ({data})"),
    ]
    if paper is not None:
        handles.append(plt.Line2D([], [], color=EAS, label="EAS, paper", **PAPER_STYLE))
    note = _note(estimates[budgets[0]][0])
    legend = figure.legend(handles=handles, loc="outside upper center", ncols=4, title=note, title_fontsize=8.5)
    legend.get_title().set_color(REFERENCE)
    return figure


# ---------------------------------------------------------------- paired differences


@styled
def readings(evidence: list[dict]) -> Figure | None:
    """Both readings of Eq. (A): accuracy with the other reading's supernet minus that with the profile's own, in points.

    The same architectures (EAS's) are tested in both supernets, on the same images. None without the other supernet.
    """
    base = records_of(evidence, "tested-EAS")
    own = evidence[0]["variants"][evidence[0]["main"]]["reading"]
    series = [
        (
            records_of(evidence, "tested-same", reading=reading),
            base,
            f"supernet trained with “{reading}” minus “{own}”",
            METHOD_STYLE["EAS"],
        )
        for reading in other_readings(evidence)
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
    search in the plain one (q = 0), as in Table I. Pairs of which one is missing are left out; None without any.
    """
    rate = 0.0 if plain_baselines else None
    methods = {"EAS": records_of(evidence, "tested-EAS"), "multi-path": records_of(evidence, "tested-multi-path")}
    methods |= {name: records_of(evidence, f"tested-{name}", q=rate) for name in ("OFA-T", "OFA-V")}
    pairs = [("EAS", "OFA-T"), ("EAS", "OFA-V"), ("EAS", "multi-path"), ("OFA-T", "OFA-V")]
    looks = [METHOD_STYLE["OFA-T"], METHOD_STYLE["OFA-V"], METHOD_STYLE["multi-path"], {"color": "k", "marker": "x"}]
    series = [
        (methods[ours], methods[other], f"{ours} minus {other}", look)
        for (ours, other), look in zip(pairs, looks, strict=True)
        if methods[ours] and methods[other]
    ]
    return _differences(series, "difference (points of task accuracy)") if series else None


def _differences(series: Sequence[tuple[list[dict], list[dict], str, dict]], label: str) -> Figure:
    """Paired differences at each budget, (ours, others, label, look) each, side by side around the budget's place."""
    budgets = compare.budgets_of([record for ours, others, *_ in series for record in [*ours, *others]])
    figure, axis = subplots(height=3.4)
    axis.axhline(0, color="black", linewidth=1)
    for edge in range(1, len(budgets)):
        axis.axvline(edge - 0.5, color="#E3E3E3", linewidth=0.8, zorder=0)
    shift = 0.18 if len(series) > 1 else 0.0
    for number, (ours, others, name, look) in enumerate(series):
        estimates = [compare.difference(ours, others, [budget]) for budget in budgets]
        mean = np.array([estimate.mean for estimate in estimates])
        bars = error_bars([(estimate.low, estimate.high) for estimate in estimates], mean)
        x = np.arange(len(budgets)) + shift * (number - (len(series) - 1) / 2)
        axis.errorbar(x, mean, bars, linestyle="none", capsize=3, elinewidth=1.2, label=name, **look)
    axis.set_xticks(range(len(budgets)), [f"{budget:g}" for budget in budgets])
    axis.set(xlabel=BUDGET_LABEL, ylabel=label, xlim=(-0.5, len(budgets) - 0.5))
    axis.grid(False, axis="x")
    _title(axis, _note(estimates[0], "a difference"))
    figure.legend(loc="outside upper center", ncols=len(series))
    return figure


# ---------------------------------------------------------------- the predictor


@styled
def predictor_scatter(record: dict) -> Figure:
    """Predicted against measured validation accuracy of the pairs that the predictor was not trained on.

    ``record`` is a predictor record, its ``held_out_pairs`` hold (m, T) each; drawn are the means over the T tasks.
    """
    pairs = record["result"]["held_out_pairs"]
    predicted, measured = (100 * np.mean(pairs[key], axis=1) for key in ("predicted", "measured"))
    figure, axis = subplots(height=3.6)
    low, high = min(predicted.min(), measured.min()), max(predicted.max(), measured.max())
    margin = 0.05 * (high - low) or 1.0
    axis.plot(
        [low - margin, high + margin], [low - margin, high + margin], color=REFERENCE, linestyle="--", linewidth=1.2
    )
    look = {**METHOD_STYLE["OFA-T"], "linestyle": "none", "alpha": 0.75}
    axis.plot(measured, predicted, **look, label="held-out architecture, mean over tasks")
    axis.plot([], [], color=REFERENCE, linestyle="--", linewidth=1.2, label="predicted = measured")
    axis.set(xlabel="measured task accuracy (%, validation)", ylabel="predicted task accuracy (%)")
    correlation = "no rank correlation: all values of one side are equal"
    if len(np.unique(predicted)) > 1 and len(np.unique(measured)) > 1:
        spearman, kendall = (test(predicted, measured).statistic for test in (stats.spearmanr, stats.kendalltau))
        correlation = f"rank correlation: Spearman's ρ = {spearman:.2f}, Kendall's τ = {kendall:.2f}"
    _title(axis, f"{correlation}; n = {len(predicted)} held-out pairs")
    figure.legend(loc="outside upper center", ncols=2)
    return figure


@styled
def evolution_progress(best: Sequence[float], budget: float) -> Figure:
    """The best predicted accuracy found so far, step by step, of one evolutionary search.

    ``best`` are fractions, ``budget`` in millions.
    """
    figure, axis = subplots(height=2.6)
    look = {**METHOD_STYLE["OFA-V"], "marker": "", "linestyle": "-"}
    axis.plot(range(len(best)), 100 * np.asarray(best), **look)
    axis.set(xlabel="step (a generation, or one of local search)", ylabel="best predicted\ntask accuracy (%)")
    axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    _title(axis, f"search for the mean over tasks, at most {budget:g} M")
    return figure
