"""Every figure of the book: pure functions, records or arrays in, a matplotlib ``Figure`` out.

One visual language, set here and nowhere else. Blue is EAS, orange is random architectures, grey is a reference; light
to dark blue is small to large; every method has its colour and marker in ``METHOD_STYLE``. The colours are Okabe and
Ito's, which colour-blind readers can tell apart. Records are the plain dicts of :mod:`eas_core.runs.pipeline`. Accuracies are
drawn in percent, costs in millions of multiply-adds; bars are 95 % intervals and the number n behind them is written on
the figure. No function shows or saves anything. The first line of each docstring is the figure's caption in the gallery.
"""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Callable, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from eas_core.data.tasks import TaskSet
from eas_core.evidence.tables import comparisons, level_summaries, picked_comparisons
from eas_core.space.cost import MILLION, budget_range, cost_tables, madds
from eas_core.space.search_space import (
    BLOCKS,
    BLOCKS_PER_UNIT,
    EXPANSIONS,
    KERNELS,
    PAIRS,
    UNITS,
    Architecture,
    SearchSpace,
    sample,
)

WIDTH = 7.2  # inches: the width of the book's text
EAS, RANDOM, REFERENCE, THIRD, FOURTH = "#0072B2", "#D55E00", "#767676", "#009E73", "#CC79A7"
CYCLE = (EAS, RANDOM, THIRD, FOURTH, "#E69F00", "#56B4E9", "#000000")
METHOD_STYLE = {  # method: its colour and marker
    "EAS": {"color": EAS, "marker": "o"},
    "multi-path": {"color": FOURTH, "marker": "D"},
    "OFA-T": {"color": THIRD, "marker": "s"},
    "OFA-V": {"color": "#E69F00", "marker": "^"},
    "random": {"color": RANDOM, "marker": "x"},
}
PAPER_STYLE = {"marker": "*", "markersize": 10, "markerfacecolor": "white", "linestyle": "none"}  # any of its methods
SHADES = dict(zip(EXPANSIONS, ("#C6DCEF", "#5FA3D0", "#0B4F86"), strict=True))  # expansion ratio, light to dark
RAMP = LinearSegmentedColormap.from_list("eas", ["#FFFFFF", "#5FA3D0", "#08335A"])
STYLE = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.labelsize": 9.5,
    "axes.prop_cycle": plt.cycler(color=CYCLE),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "figure.constrained_layout.use": True,
    "figure.dpi": 140,
    "font.size": 9,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.6,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
    "savefig.dpi": 140,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
}
MADDS_LABEL = "multiply-adds of one image (millions)"
TASK_ACCURACY_LABEL = "task accuracy (%)"


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Draw in the project's style, and leave no figure open that a notebook would show a second time."""

    @functools.wraps(draw)
    def drawn(*arguments, **options) -> Figure:
        before = plt.get_fignums()
        try:
            with plt.rc_context(STYLE):
                return draw(*arguments, **options)
        finally:  # whatever came of it: a figure, None or an error
            for number in set(plt.get_fignums()) - set(before):
                plt.close(number)

    return drawn


def subplots(rows: int = 1, columns: int = 1, height: float = 3.4, **options):
    """Matplotlib's ``subplots`` as wide as the book's text; ``height`` in inches. Returns (figure, axes)."""
    return plt.subplots(rows, columns, figsize=(WIDTH, height), **options)


def _array(values) -> np.ndarray:
    return values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)


def error_bars(low_high: Sequence[Sequence[float]], middle: Sequence[float]) -> np.ndarray:
    """Intervals around values as matplotlib's (2, n) lengths of error bars."""
    low, high = np.asarray(low_high, dtype=float).T
    return np.clip([middle - low, high - middle], 0, None)


def readable(name: str) -> str:
    """A name as text: blanks for underscores."""
    return name.replace("_", " ")


# ---------------------------------------------------------------- data


@styled
def contact_sheet(images, labels, tasks: TaskSet, per_class: int = 2, columns: int = 6) -> Figure:
    """Images of every class, a row a task, class names below.

    ``images`` uint8 (n, 3, r, r), ``labels`` (n,); the first ``per_class`` of a class are drawn. A task of more than
    ``columns`` classes takes several rows.
    """
    labels = _array(labels)
    rows = [(t, group[i : i + columns]) for t, group in enumerate(tasks.classes) for i in range(0, len(group), columns)]
    cell_width, picture = per_class + 0.25, 1.0  # in widths of one image
    scale = columns * cell_width / WIDTH  # image widths an inch, so that text keeps its size
    cell_height = picture + 0.54 * scale
    figure, axis = subplots(height=cell_height * len(rows) / scale)
    axis.set_axis_off()
    for row, (task, group) in enumerate(rows):
        top = row * cell_height + 0.24 * scale
        if group[0] == tasks.classes[task][0]:
            axis.text(0, top - 0.05 * scale, readable(tasks.names[task]), weight="bold", fontsize=9, va="bottom")
        for column, label in enumerate(group):
            left = column * cell_width
            for i, index in enumerate(np.flatnonzero(labels == label)[:per_class]):
                pixels = _array(images[int(index)]).transpose(1, 2, 0)
                extent = (left + i, left + i + 0.96, top + picture, top)
                axis.imshow(pixels, extent=extent, interpolation="nearest", aspect="auto")
            for line, text in enumerate(textwrap.wrap(tasks.class_names[label], 17, max_lines=2, placeholder="…")):
                baseline = top + picture + (0.13 + 0.125 * line) * scale
                axis.text(left, baseline, readable(text), fontsize=7.5, va="baseline")
    axis.set(xlim=(-0.05, columns * cell_width), ylim=(len(rows) * cell_height, 0))
    return figure


@styled
def dropout_masks(mask, tasks: TaskSet, labels=None, title: str = "") -> Figure:
    """Task dropout's masks, a row an image, classes grouped by task.

    ``mask`` is (n, C) of 0/1. With ``labels`` (n,) the block of each image's own task, which is never dropped, is
    outlined.
    """
    mask = _array(mask).astype(float)
    order = [c for group in tasks.classes for c in group]
    figure, axis = subplots(height=min(6.0, 1.5 + 0.2 * len(mask)))
    axis.imshow(mask[:, order], aspect="auto", cmap=RAMP, vmin=0, vmax=1.4, interpolation="nearest")
    edges = np.cumsum([0, *(len(group) for group in tasks.classes)]) - 0.5
    for edge in edges[1:-1]:
        axis.axvline(edge, color="white", linewidth=1.5)
    for row in range(len(mask) - 1):
        axis.axhline(row + 0.5, color="white", linewidth=1.5)
    if labels is not None:
        for row, task in enumerate(tasks.task_of(torch.as_tensor(labels)).tolist()):
            box = Rectangle((edges[task] + 0.12, row - 0.4), edges[task + 1] - edges[task] - 0.24, 0.8)
            box.set(fill=False, edgecolor=RANDOM, linewidth=1.6, clip_on=False)
            axis.add_patch(box)
    names = [readable(name) for name in tasks.names]
    axis.set_xticks((edges[:-1] + edges[1:]) / 2, names, rotation=35, ha="right", rotation_mode="anchor")
    axis.set_yticks(range(len(mask)), range(1, len(mask) + 1))
    axis.set(xlabel="classes, grouped by task", ylabel="image of the batch", title=title)
    axis.grid(False)
    handles = [Patch(facecolor=RAMP(1 / 1.4), label="logit kept")]
    handles.append(Patch(facecolor="w", edgecolor="#999999", label="dropped"))
    if labels is not None:
        handles.append(Patch(facecolor="none", edgecolor=RANDOM, label="the image's own task"))
    figure.legend(handles=handles, loc="outside upper center", ncols=3)
    return figure


# ---------------------------------------------------------------- training


@styled
def training_curve(record: dict, title: str = "", chance: float | None = None) -> Figure:
    """The training curve of a teacher, supernet or generator, one panel a quantity.

    The stages of progressive shrinking are marked; ``chance`` (a fraction) draws the accuracy of guessing.
    """
    curve = record["result"]["curve"]
    names = [name for name in curve[-1] if name != "step"]
    steps = [point["step"] for point in curve]
    figure, axes = subplots(1, len(names), height=2.8, squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        share = name == "cost error" or "accuracy" in name
        values = np.array([point[name] for point in curve]) * (100 if share else 1)
        axis.plot(steps, values, color=EAS)
        unit = {"cost error": "cost error (% of target)", "task accuracy": TASK_ACCURACY_LABEL}
        axis.set(xlabel="training step", ylabel=unit.get(name, f"{name} (nats)"))
        if chance is not None and "accuracy" in name:
            axis.axhline(100 * chance, color=REFERENCE, linestyle=":", linewidth=1.2, label="chance")
            axis.legend()
        axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        _mark_stages(axis, record, steps[-1])
    if title:
        figure.suptitle(title, fontsize=10)
    return figure


def _mark_stages(axis, record: dict, steps: int) -> None:
    if record["kind"] != "supernet":
        return
    stages = record["settings"]["supernet"]["stages"]
    ends = np.cumsum([stage["epochs"] for stage in stages])
    ends = ends / ends[-1] * steps
    for start, end, stage in zip([0, *ends[:-1]], ends, stages, strict=True):
        if start:
            axis.axvline(start, color=REFERENCE, linewidth=0.8, linestyle="--")
        middle = ((start + end) / 2, 1.0)
        rotation = 0 if (end - start) / steps > 0.14 else 90
        options = {"ha": "center", "va": "bottom", "fontsize": 8.5, "color": REFERENCE, "rotation": rotation}
        axis.text(*middle, stage["name"], transform=axis.get_xaxis_transform(), **options)


@styled
def calibration_curve(points: list[dict], chance: float | None = None) -> Figure:
    """Accuracy after BatchNorm calibration against the number of calibration images.

    A point is ``{"images": int, "accuracy": fraction, "interval": [low, high], "n": int}``, the last two optional, and
    optionally ``"name"`` to draw several networks. 0 images means no calibration.
    """
    figure, axis = subplots(height=3.2)
    names = list(dict.fromkeys(point.get("name", "") for point in points))
    places = {images: place for place, images in enumerate(sorted({point["images"] for point in points}))}
    for number, name in enumerate(names):
        own = sorted((p for p in points if p.get("name", "") == name), key=lambda p: p["images"])
        accuracy = np.array([100 * p["accuracy"] for p in own])
        bars = None
        if all("interval" in p for p in own):
            bars = error_bars([[100 * edge for edge in p["interval"]] for p in own], accuracy)
        x = [places[p["images"]] + 0.06 * (number - (len(names) - 1) / 2) for p in own]
        axis.errorbar(x, accuracy, bars, marker="o", capsize=3, label=name or None)
    axis.set_xticks(list(places.values()), [f"{images:,}" if images else "none" for images in places])
    axis.set(xlabel="images used for calibration", ylabel=TASK_ACCURACY_LABEL)
    if chance is not None:
        axis.axhline(100 * chance, color=REFERENCE, linestyle=":", linewidth=1.2, label="chance")
    counts = {point["n"] for point in points if "n" in point}
    if counts:
        axis.set_title(f"n = {max(counts):,} images a point, bars: 95 % interval", color=REFERENCE, fontsize=8.5)
    if any(names) or chance is not None:
        figure.legend(loc="outside upper center", ncols=len(names) + 1)
    return figure


# ---------------------------------------------------------------- architectures and cost


def _draw_architecture(axis, architecture: Architecture) -> None:
    """Blocks left to right: height is the kernel size, colour the expansion ratio, a dashed outline a skipped block."""
    gap = 0.7
    centres = [block + gap * (block // BLOCKS_PER_UNIT) for block in range(BLOCKS)]
    for block, x in enumerate(centres):
        if architecture.active(block):
            axis.bar(x, architecture.kernel[block], 0.78, color=SHADES[architecture.expand[block]], edgecolor="#1B3A57")
        else:
            axis.bar(x, KERNELS[0], 0.78, fill=False, edgecolor="#B0B0B0", linestyle=(0, (2, 2)), linewidth=0.9)
    axis.set_yticks(KERNELS)
    axis.set_xticks(centres, [1 + block % BLOCKS_PER_UNIT for block in range(BLOCKS)])
    axis.set(xlim=(-0.7, centres[-1] + 0.7), ylim=(0, 7.6))
    axis.tick_params(axis="x", length=0)
    axis.grid(False, axis="x")


def _unit_labels(axis) -> None:
    units = axis.secondary_xaxis("bottom")
    middles = [u * (BLOCKS_PER_UNIT + 0.7) + (BLOCKS_PER_UNIT - 1) / 2 for u in range(UNITS)]
    units.set_xticks(middles, [f"\nunit {u + 1}" for u in range(UNITS)])
    units.tick_params(length=0)
    units.spines["bottom"].set_visible(False)
    units.set_xlabel("block within its unit, from input (left) to output (right)")


def _architecture_legend(figure: Figure) -> None:
    handles = [Patch(facecolor=c, edgecolor="#1B3A57", label=f"expansion ratio {e}") for e, c in SHADES.items()]
    handles.append(Patch(facecolor="w", edgecolor="#B0B0B0", linestyle=(0, (2, 2)), label="skipped block"))
    figure.legend(handles=handles, loc="outside upper center", ncols=4)


@styled
def architectures(pairs: Sequence[tuple[str, Architecture | dict]]) -> Figure:
    """Architectures below one another: kernel size as height, expansion ratio as colour.

    ``pairs`` hold a title and an architecture, or its JSON form, each. Figures VII and VIII are drawn so.
    """
    figure, axes = subplots(len(pairs), 1, height=1.05 + 1.12 * len(pairs), sharex=True, squeeze=False)
    for axis, (title, architecture) in zip(axes[:, 0], pairs, strict=True):
        if isinstance(architecture, dict):
            architecture = Architecture.from_dict(architecture)
        _draw_architecture(axis, architecture)
        axis.set_title(title)
        axis.set_ylabel("kernel" if len(pairs) > 1 else "kernel size (pixels)")
    _unit_labels(axes[-1, 0])
    _architecture_legend(figure)
    return figure


def architecture(architecture: Architecture | dict, title: str = "") -> Figure:
    """The drawing of one architecture: kernel size as height, expansion ratio as colour, skipped blocks as outlines."""
    return architectures([(title, architecture)])


@styled
def cost_landscape(space: SearchSpace, budgets: Sequence[float] = (), count: int = 2000, seed: int = 0) -> Figure:
    """Where the multiply-adds of a space are: by unit, and what uniformly drawn architectures cost.

    ``count`` architectures are drawn; ``budgets`` (millions) are marked.
    """
    table = cost_tables(space)[0]
    blocks = table.blocks.unflatten(0, (UNITS, BLOCKS_PER_UNIT)) / MILLION  # (5, 4, kernel, expansion)
    parts = {
        "smallest": [table.fixed / MILLION, *blocks[:, :2, 0, 0].sum(1).tolist()],
        "largest": [table.fixed / MILLION, *blocks[:, :, -1, -1].sum(1).tolist()],
    }
    figure, (left, right) = subplots(1, 2, height=3.2)
    y, names = np.arange(UNITS + 1), ["stem and head", *(f"unit {u + 1}" for u in range(UNITS))]
    for offset, name, colour in ((-0.2, "smallest", SHADES[4]), (0.2, "largest", SHADES[6])):
        bars = left.barh(y + offset, parts[name], 0.38, color=colour, label=f"{name}: {sum(parts[name]):.4g} M")
        shares = [f"{value / sum(parts[name]):.0%}" for value in parts[name]]
        left.bar_label(bars, shares, padding=2, fontsize=7.5)
    left.set_yticks(y, names)
    left.invert_yaxis()
    left.set(xlabel="multiply-adds (millions)", ylabel="part of the network", xlim=(0, 1.18 * max(parts["largest"])))
    left.grid(False, axis="y")

    draw = torch.Generator().manual_seed(seed)
    cost = np.array(madds(space, [sample(draw) for _ in range(count)])) / MILLION
    right.hist(cost, bins=40, color=RANDOM, alpha=0.8)
    low, high = budget_range(space)
    right.set(xlabel=MADDS_LABEL, ylabel="architectures", xlim=(low - 0.04 * (high - low), high))
    right.set_title(f"n = {count:,} drawn uniformly", color=REFERENCE, fontsize=8.5)
    for budget in budgets:
        right.axvline(budget, color=EAS, linewidth=1, linestyle="--")
    if len(budgets):
        right.plot([], [], color=EAS, linewidth=1, linestyle="--", label="budgets")
    figure.legend(loc="outside upper center", ncols=3)
    return figure


# ---------------------------------------------------------------- generator


@styled
def gates(probabilities, title: str = "") -> Figure:
    """Probabilities of the 90 gates, one cell a gate: kernel, width and depth rows over the 20 blocks.

    ``probabilities`` is (90,), in the order of :mod:`eas_core.space.search_space`. The second row of each kind only counts together
    with the first (7 implies 5, 6 implies 4, block 4 implies 3).
    """
    pairs = _array(probabilities).reshape(PAIRS, 2)
    figure, axis = subplots(height=2.7)
    for row, (start, second) in enumerate(((0, 0), (0, 1), (BLOCKS, 0), (BLOCKS, 1))):
        for block in range(BLOCKS):
            x, y = block + 0.5 * (block // BLOCKS_PER_UNIT), row + 0.3 * (row // 2)
            _cell(axis, x, y, 1, pairs[start + block, second])
    for row in (4, 5):
        for unit in range(UNITS):
            x = unit * (BLOCKS_PER_UNIT + 0.5)
            _cell(axis, x, row + 0.6, BLOCKS_PER_UNIT, pairs[2 * BLOCKS + unit, row - 4])
    names = ["kernel ≥ 5", "kernel ≥ 7", "ratio ≥ 4", "ratio ≥ 6", "depth ≥ 3", "depth ≥ 4"]
    axis.set_yticks([row + 0.5 + 0.3 * (row // 2) for row in range(6)], names)
    axis.set_xticks([u * (BLOCKS_PER_UNIT + 0.5) + 2 for u in range(UNITS)], [f"unit {u + 1}" for u in range(UNITS)])
    axis.set(xlim=(-0.1, 22.1), ylim=(6.7, -0.1), title=title, xlabel="blocks 1-4 of each unit", ylabel="gate")
    axis.grid(False)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
    scale = plt.cm.ScalarMappable(plt.Normalize(0, 1), RAMP)
    figure.colorbar(scale, ax=axis, label="probability that the gate is on", fraction=0.04, pad=0.02)
    return figure


def _cell(axis, x: float, y: float, width: float, value: float) -> None:
    axis.add_patch(Rectangle((x, y), width, 1, facecolor=RAMP(float(value)), edgecolor="#8A8A8A", linewidth=0.5))


@styled
def gumbel(taus: Sequence[float] = (2.0, 1.0, 0.5, 0.1), p: float = 0.7) -> Figure:
    """Density of the relaxed gate h of Eq. (I) for a gate with probability ``p`` at several temperatures.

    The area right of 0.5 is ``p`` at every temperature: that is why the hard gate of Eq. (J) is on with probability p.
    """
    figure, axis = subplots(height=3.2)
    h = np.linspace(0.001, 0.999, 999)
    logit, z = np.log(h / (1 - h)), np.log(p / (1 - p))
    for tau, style in zip(taus, ("-", "--", "-.", ":", "-", "--", "-."), strict=False):
        noise = tau * logit - z  # the logistic noise log u/(1-u) that gives this h
        density = np.exp(-np.abs(noise)) / (1 + np.exp(-np.abs(noise))) ** 2 * tau / (h * (1 - h))
        axis.plot(h, density, linestyle=style, label=f"τ = {tau:g}")
    axis.axvline(0.5, color=REFERENCE, linewidth=1)
    axis.text(0.51, 3.85, f"gate on: probability {p:g}", color=REFERENCE, va="top")
    axis.text(0.49, 3.85, f"gate off: {1 - p:.2g}", color=REFERENCE, va="top", ha="right")
    axis.set(xlim=(0, 1), ylim=(0, 4), xlabel="relaxed gate h", ylabel="probability density")
    figure.legend(loc="outside upper center", ncols=len(taus))
    return figure


@styled
def anchor_interpolation(budgets, embeddings, anchor_budgets, anchors, dimensions: int = 4) -> Figure:
    """Budget embeddings between their K anchors, the first few dimensions.

    ``budgets`` (m,) and ``anchor_budgets`` (K,) in millions; ``embeddings`` (m, e) and ``anchors`` (K, e).
    """
    budgets, embeddings, anchor_budgets, anchors = map(_array, (budgets, embeddings, anchor_budgets, anchors))
    figure, axis = subplots(height=3.2)
    for d in range(min(dimensions, anchors.shape[1])):
        axis.plot(budgets, embeddings[:, d], color=CYCLE[d % len(CYCLE)], linewidth=1.3, label=f"dimension {d + 1}")
        axis.plot(anchor_budgets, anchors[:, d], "o", color=CYCLE[d % len(CYCLE)])
    axis.plot([], [], "o", color=REFERENCE, label=f"the K = {len(anchors)} anchors")
    axis.set(xlabel="budget (millions of multiply-adds)", ylabel="value of the budget embedding")
    figure.legend(loc="outside upper center", ncols=min(dimensions, anchors.shape[1]) + 1)
    return figure


@styled
def sampled_costs(costs, budget: float, tolerance: float, title: str = "") -> Figure:
    """Cost of the architectures sampled for one scenario, and the window that a candidate must fall into.

    ``costs`` (s,) and ``budget`` in millions; the window is from (1 - tolerance) of the budget to the budget.
    """
    costs = _array(costs)
    kept = (costs <= budget) & (costs >= (1 - tolerance) * budget)
    figure, axis = subplots(height=2.8)
    window = tolerance * budget  # its edges are edges of bins
    width = window / np.clip(40 * window / np.ptp(costs), 1, 5).round() if len(costs) > 1 and np.ptp(costs) else window
    below, above = (max(1, int(np.ceil(gap / width))) for gap in (budget - costs.min(), costs.max() - budget))
    bins = budget + width * np.arange(-below, above + 1)
    axis.hist(
        [costs[kept], costs[~kept]],
        bins,
        stacked=True,
        color=[EAS, "#BDBDBD"],
        label=[f"within the window: {kept.sum()}", f"rejected: {(~kept).sum()}"],
    )
    axis.axvline(budget, color=RANDOM, label=f"budget: {budget:g} M")
    axis.axvspan((1 - tolerance) * budget, budget, color=EAS, alpha=0.1, linewidth=0)
    axis.set(xlabel=MADDS_LABEL, ylabel="sampled architectures", title=title)
    axis.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    figure.legend(loc="outside upper center", ncols=3)
    return figure


@styled
def budget_use(record: dict) -> Figure:
    """Cost of every specialised network as a share of its budget, a dot a task."""
    rows = record["result"]["rows"]
    budgets = sorted({row["budget"] for row in rows})
    figure, axis = subplots(height=2.8)
    for place, budget in enumerate(budgets):
        shares = np.array([100 * row["madds"] / budget for row in rows if row["budget"] == budget])
        axis.plot(place + np.linspace(-0.22, 0.22, len(shares)), shares, "o", color=EAS, alpha=0.75)
        axis.plot([place - 0.32, place + 0.32], [shares.mean()] * 2, color="black", linewidth=1.6)
    axis.axhline(100, color=RANDOM)
    axis.plot([], [], "o", color=EAS, label="one task")
    axis.plot([], [], color="black", label="mean over tasks")
    axis.plot([], [], color=RANDOM, label="the budget")
    axis.set_xticks(range(len(budgets)), [f"{budget:g}" for budget in budgets])
    axis.set(xlabel="budget (millions of multiply-adds)", ylabel="cost (% of the budget)")
    figure.legend(loc="outside upper center", ncols=3)
    return figure


# ---------------------------------------------------------------- results


@styled
def accuracy_cost(record: dict, chance: float | None = None, paper=None) -> Figure:
    """Accuracy against cost: EAS averaged over tasks, random architectures of equal cost, smallest and largest network.

    ``paper``: the paper's rows, where :func:`eas_core.evidence.tables.comparable_paper_rows` has any.
    """
    levels, result = level_summaries(record), record["result"]
    figure, axis = subplots(height=3.6)
    for number, row in enumerate(result["comparisons"]):
        cost, accuracy = np.array(row["random_madds"]) / MILLION, 100 * np.array(row["random_accuracy"])
        label = f"{len(cost)} random architectures a level" if not number and len(cost) else None
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
        cost, accuracy = paper["avg_madds_millions"], paper["avg_acc_percent"]
        axis.plot(cost, accuracy, color=EAS, label="EAS, paper", **PAPER_STYLE)
    axis.set(xlabel=MADDS_LABEL, ylabel=f"mean {TASK_ACCURACY_LABEL}")
    title = f"n = {levels[0]['n']:,} test images a point, bars: 95 % interval{_guessing(chance)}"
    axis.set_title(title, color=REFERENCE, fontsize=8.5)
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def _guessing(chance: float | None) -> str:
    """Chance in words: as a line it would stretch the axis until the differences of interest vanish."""
    return "" if chance is None else f"; guessing: {100 * chance:.1f} %"


@styled
def accuracy_by_task(record: dict, chance: float | None = None) -> Figure:
    """Accuracy of each task's specialised networks against their cost, with the mean of random ones of equal cost."""
    result = record["result"]
    names = list(dict.fromkeys(row["task"] for row in result["rows"]))
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
        xlabel="budget (millions of multiply-adds)",
        ylabel="EAS - random (points)",
        xlim=(-0.5, max(1, len(rows)) - 0.5),
    )
    if rows:
        n, others = rows[0]["n"], rows[0]["others"]
        note = f"{others} random architectures a budget, n = {n:,} test images, bars: 95 % interval"
        axis.set_title(note, color=REFERENCE, fontsize=8.5)
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
    axis.set_title(note, color=REFERENCE, fontsize=8.5)
    figure.legend(loc="outside upper center", ncols=3)
    return figure


@styled
def cosine_similarity(similarities, references=None) -> Figure:
    """Figure VI: similarity of the tasks' architectures against cost, and beside it what chance gives.

    ``similarities`` comes from :func:`eas_core.evidence.tables.architecture_similarity`, ``references`` from
    :func:`eas_core.evidence.tables.similarity_references`.
    """
    figure, axis = subplots(height=3.0 if references is None else 3.6)
    cost, mean = similarities["average MAdds (M)"], similarities["mean similarity"]
    axis.fill_between(
        cost,
        similarities["lowest"],
        similarities["highest"],
        color=EAS,
        alpha=0.15,
        linewidth=0,
        label="least and most similar pair of tasks",
    )
    axis.plot(cost, mean, marker="o", color=EAS, label="networks of two tasks (mean)")
    if references is not None:
        styles = {"draws of one task": ("s", REFERENCE, "-."), "draws of two tasks": ("^", REFERENCE, ":")}
        for name, (marker, color, line) in {**styles, "random pairs": ("x", RANDOM, "--")}.items():
            axis.plot(cost, references[name], marker=marker, color=color, linestyle=line, label=name)
    axis.set(xlabel=f"average {MADDS_LABEL}", ylabel="cosine similarity")
    axis.set_title(f"{int(similarities['pairs'].iloc[0])} pairs of tasks a level", color=REFERENCE, fontsize=8.5)
    figure.legend(loc="outside upper center", ncols=2 if references is None else 3)
    return figure


# ---------------------------------------------------------------- small live examples


@styled
def predictions(images, truth: Sequence[str], predicted: Sequence[str], confidence) -> Figure:
    """Images in a row, what each shows, and what the network says with which probability.

    ``images`` uint8 (n, 3, r, r); ``truth`` and ``predicted`` are n names, ``confidence`` (n,) fractions.
    """
    images, confidence = _array(images), _array(confidence)
    figure, axes = subplots(1, len(images), height=WIDTH / len(images) + 0.75, squeeze=False)
    for axis, image, true, said, share in zip(axes[0], images, truth, predicted, confidence, strict=True):
        axis.imshow(image.transpose(1, 2, 0), interpolation="nearest")
        axis.set_axis_off()
        axis.set_title("\n".join(textwrap.wrap(true, 15)), fontsize=8, loc="center")
        colour = EAS if said == true else RANDOM
        text = "\n".join(textwrap.wrap(said, 15)) + f"\n{share:.0%}"
        axis.text(0.5, -0.04, text, transform=axis.transAxes, ha="center", va="top", fontsize=8, color=colour)
    handles = [Patch(color=EAS, label="right"), Patch(color=RANDOM, label="wrong")]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, title="above: true class, below: prediction")
    return figure


@styled
def kernel_rings(weight, masks: dict[str, torch.Tensor]) -> Figure:
    """One shared depthwise kernel (7, 7) and what is left of it under each named 0/1 mask (7, 7)."""
    weight = _array(weight)
    figure, axes = subplots(1, len(masks), height=2.5, squeeze=False)
    limit = np.abs(weight).max()
    for axis, (name, mask) in zip(axes[0], masks.items(), strict=True):
        shown = np.where(_array(mask) > 0, weight, np.nan)
        drawn = axis.imshow(shown, cmap="PuOr", vmin=-limit, vmax=limit)
        axis.set(xticks=[], yticks=[], facecolor="#EDEDED")
        axis.set_title(name, loc="center")
        axis.grid(False)
        axis.spines[:].set_visible(False)
    figure.colorbar(drawn, ax=axes, label="weight", fraction=0.05)
    return figure


@styled
def gradient_share(shares: dict[str, Sequence[float]], rates: Sequence[float]) -> Figure:
    """Share of the loss gradient on other tasks' logits, against the drop rate q, a line a reading of Eq. (A).

    ``shares`` holds a list for each reading, fractions, one for each of ``rates``.
    """
    figure, axis = subplots(height=2.8)
    for (name, values), marker, line in zip(shares.items(), "osv^", ("-", "--", ":", "-."), strict=False):
        axis.plot(rates, 100 * np.asarray(values), marker=marker, linestyle=line, label=name)
    axis.set(xlabel="drop rate q", ylabel="gradient on the logits\nof other tasks (% of all)", ylim=(0, None))
    axis.legend()
    return figure


@styled
def gate_grid(rows: Sequence[tuple[str, torch.Tensor]], columns: int = 2) -> Figure:
    """Probabilities of the 90 gates in several scenarios, a small panel each.

    ``rows`` hold a title and probabilities (90,) each, laid out as in :func:`gates`.
    """
    lines = -(-len(rows) // columns)
    figure, axes = subplots(lines, columns, height=0.9 + 1.5 * lines, squeeze=False, sharex=True, sharey=True)
    for axis, (title, probabilities) in zip(axes.flat, rows, strict=False):
        pairs = _array(probabilities).reshape(PAIRS, 2)
        for row in range(4):
            for block in range(BLOCKS):
                x = block + 0.5 * (block // BLOCKS_PER_UNIT)
                _cell(axis, x, row + 0.3 * (row // 2), 1, pairs[BLOCKS * (row // 2) + block, row % 2])
        for row in range(2):
            for unit in range(UNITS):
                _cell(axis, unit * (BLOCKS_PER_UNIT + 0.5), row + 4.6, BLOCKS_PER_UNIT, pairs[2 * BLOCKS + unit, row])
        names = ["kernel ≥ 5", "kernel ≥ 7", "ratio ≥ 4", "ratio ≥ 6", "depth ≥ 3", "depth ≥ 4"]
        axis.set_yticks([row + 0.5 + 0.3 * (row // 2) for row in range(6)], names, fontsize=7.5)
        middles = [u * (BLOCKS_PER_UNIT + 0.5) + 2 for u in range(UNITS)]
        axis.set_xticks(middles, [f"unit {u + 1}" for u in range(UNITS)])
        axis.set(xlim=(-0.1, 22.1), ylim=(6.7, -0.1))
        axis.set_title(title, fontsize=9)
        axis.grid(False)
        axis.spines[:].set_visible(False)
        axis.tick_params(length=0)
    for axis in axes.flat[len(rows) :]:
        axis.set_axis_off()
    scale = plt.cm.ScalarMappable(plt.Normalize(0, 1), RAMP)
    figure.colorbar(scale, ax=axes, label="probability that the gate is on", fraction=0.03, pad=0.02)
    return figure


@styled
def cost_follows_budget(budgets, costs) -> Figure:
    """What sampled architectures cost, against the budget asked for: median and 90 % range.

    ``costs`` is (m, s), s architectures at each of m ``budgets``, both in millions.
    """
    budgets, costs = _array(budgets), _array(costs)
    low, middle, high = np.quantile(costs, [0.05, 0.5, 0.95], axis=1)
    figure, axis = subplots(height=3.2)
    axis.fill_between(budgets, low, high, color=EAS, alpha=0.18, linewidth=0, label="90 % of the samples")
    axis.plot(budgets, middle, color=EAS, label="median of the samples")
    axis.plot(budgets, budgets, color=REFERENCE, linestyle="--", linewidth=1.2, label="cost = budget")
    axis.set(xlabel="budget asked for (millions of multiply-adds)", ylabel="cost of the samples (millions)")
    axis.set_title(f"n = {costs.shape[1]:,} samples a budget", color=REFERENCE, fontsize=8.5)
    axis.legend()
    return figure
