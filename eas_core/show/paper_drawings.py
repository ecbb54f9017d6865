"""The paper's Figures I and II, drawn in inches: what the method is for, and how it works."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, Patch, Rectangle

from eas_core.base.errors import DataError
from eas_core.data.tasks import TaskSet
from eas_core.evidence.words import readable
from eas_core.show.drawing import INK, RULED, Look, arrow, box, canvas
from eas_core.show.style import EAS, RAMP, RANDOM, SHADES, WIDTH, styled
from eas_core.space.search_space import BLOCKS, BLOCKS_PER_UNIT, KERNELS, LARGEST, PAIRS, UNITS, Architecture, to_gates


def _network(axis: Axes, architecture: Architecture, x: float, y: float, width: float, height: float) -> None:
    """A small drawing of an architecture: height is the kernel size, colour the expansion ratio, a gap between units."""
    step = width / (BLOCKS + 0.8 * (UNITS - 1))
    for block in range(BLOCKS):
        left = x + step * (block + 0.8 * (block // BLOCKS_PER_UNIT))
        if architecture.active(block):
            tall = height * architecture.kernel[block] / KERNELS[-1]
            look: Look = {"facecolor": SHADES[architecture.expand[block]], "edgecolor": "#1B3A57", "linewidth": 0.5}
        else:
            tall, look = 0.015, {"facecolor": "#B0B0B0", "linewidth": 0}
        axis.add_patch(Rectangle((left, y), 0.86 * step, tall, **look))


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
    figure, axis = canvas(height)
    middles = [height - top - line * (i + 0.5) for i in range(len(names))]
    centres = [left + column * (j + 0.5) for j in range(len(budgets))]
    for j, (budget, x) in enumerate(zip(budgets, centres, strict=True)):
        _device(axis, x, height - 0.36, j + 3 - len(budgets))
        axis.text(x, height - 0.79, f"at most {budget:g} M", ha="center", fontsize=8.5)
    for i, (name, y) in enumerate(zip(names, middles, strict=True)):
        _draw_task(axis, y, name, len(tasks.classes[tasks.names.index(name)]))
        for j, (budget, x) in enumerate(zip(budgets, centres, strict=True)):
            row = rows[name, budget]
            architecture = Architecture.from_dict(row["architecture"])
            _network(axis, architecture, left + column * j + 0.13, y - 0.13, column - 0.26, 0.42)
            cost = f"{row['madds']:.3g} M"
            axis.text(x, y - 0.19, cost, ha="center", va="top", fontsize=7.5, color=INK)
        if i:
            axis.plot([2.02, WIDTH - 0.1], [y + line / 2] * 2, color="#E3E3E3", linewidth=0.8)
    _draw_supernet(axis, middles)
    axis.text(2.59, height - 0.36, "task", ha="center", va="center", fontsize=9, weight="bold")
    axis.text(2.59, height - 0.62, "a group of classes", ha="center", va="center", fontsize=8, color=INK)
    _scenarios_legend(axis)
    return figure


def _draw_task(axis: Axes, y: float, name: str, classes: int) -> None:
    box(axis, 2.02, y - 0.26, 1.14, 0.52)
    size = 8 if len(name) < 15 else 7
    axis.text(2.59, y + 0.09, readable(name), ha="center", va="center", fontsize=size, weight="bold")
    axis.text(2.59, y - 0.1, f"{classes} classes", ha="center", va="center", fontsize=8, color=INK)


def _draw_supernet(axis: Axes, lines: list[float]) -> None:
    """The largest network at the left, with an arrow to each of the ``lines``, heights of tasks."""
    middle = float(np.mean(lines))
    _network(axis, LARGEST, 0.12, middle - 0.25, 1.5, 0.5)
    axis.text(0.87, middle + 0.33, "one supernet", ha="center", va="bottom", fontsize=9, weight="bold")
    axis.text(0.87, middle - 0.33, "trained once,\nall weights shared", ha="center", va="top", fontsize=8, color=INK)
    for y in lines:
        arrow(axis, (1.68, middle), (1.98, y))


def _scenarios_legend(axis: Axes) -> None:
    handles: list[Artist] = [
        Patch(facecolor=c, edgecolor="#1B3A57", label=f"expansion ratio {e}") for e, c in SHADES.items()
    ]
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


def _three(values: list) -> list:
    """First, middle and last of at least three values, else all."""
    return [values[i] for i in sorted({0, len(values) // 2, len(values) - 1})] if values else []


def _device(axis: Axes, x: float, y: float, kind: int) -> None:
    """A watch (0), a phone (1) or a laptop (2), about 0.5 inches, its middle at (x, y)."""
    look: Look = {"facecolor": "white", "edgecolor": INK, "linewidth": 1.1}
    screen: Look = {"facecolor": "#DCE6F0", "edgecolor": RULED, "linewidth": 0.6}
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


@styled
def overview(q: float = 0.6, anchors: int = 10) -> Figure:
    """Figure II: (a) task dropout; (b) the architecture generator.

    Drawn with drop rate ``q`` and ``anchors`` budgets that have an embedding of their own. A drawing of the method, made
    from no record: mask, probabilities and architecture are examples.
    """
    figure, axis = canvas(6.15)
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
        look: Look = {"facecolor": plt.cm.Greys(0.15 + 0.6 * shade), "edgecolor": RULED, "linewidth": 0.5}
        axis.add_patch(Rectangle((columns["v"], middle + 0.115 * (3 - i)), 0.26, 0.115, **look))
    logits = np.array([0.5, 0.2, 0.6, 0.95, 0.45, 0.3, 0.35, 0.7, 0.25, 0.6, 0.4, 0.15])
    keep = np.array([0.0 if i // size in dropped else 1.0 for i in range(groups * size)])
    odds = np.exp(3 * logits) * keep
    for i, y in enumerate(bottoms):
        is_kept = keep[i] > 0
        edge: Look = {"edgecolor": RULED, "linewidth": 0.5}
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
                frame = Rectangle((columns[name] - 0.02, tops[g] - size * cell - 0.02), 0.3, size * cell + 0.04)
                frame.set(fill=False, edgecolor=RANDOM, linewidth=1.5)
                axis.add_patch(frame)
    arrow(axis, (columns["v"] + 0.32, middle), (columns["v"] + 0.66, middle))
    axis.text((columns["o"] + 0.26 + 2.88) / 2, middle, "⊙", ha="center", va="center", fontsize=13, color=INK)
    axis.text((columns["m"] + 0.26 + columns["masked"]) / 2, middle, "=", ha="center", va="center", fontsize=13)
    arrow(axis, (columns["masked"] + 0.34, middle), (columns["softmax"] - 0.08, middle))
    text = f"Each other task is dropped with probability q = {q:g}, all its classes together: Eq. (A), (B)"
    axis.text(WIDTH / 2, base + 0.06, text, ha="center", va="center", fontsize=8, color=INK)


def _draw_generator(axis: Axes, base: float, anchors: int) -> None:
    """Task and budget at the left, one LSTM step per unit in the middle, gates and architecture below, losses right."""
    axis.text(0.1, base + 3.5, "(b) Architecture generator", fontsize=10, weight="bold", va="center")
    left, column = 2.42, 0.68
    architecture = Architecture(
        (3, 4, 2, 4, 3), (4, 6, 3, 3) * 5, (5, 3, 7, 3, 3, 5, 5, 7, 7, 3, 3, 3, 5, 7, 3, 5, 3, 5, 7, 3)
    )
    _draw_inputs(axis, base, anchors, left)
    _draw_units(axis, base, architecture, left, column)
    _network(axis, architecture, left, base + 0.62, UNITS * column - 0.1, 0.46)
    right = left + UNITS * column
    for y, text in (
        (2.35, "heads: kernel,\nwidth, depth"),
        (1.92, "p = σ(z),\nEq. (H)"),
        (1.46, "hard gates,\nEq. (I), (J)"),
        (0.85, "architecture α"),
    ):
        axis.text(right, base + y, text, ha="left", va="center", fontsize=7.5, color=INK, linespacing=1.1)
    _draw_losses(axis, base, left)


def _draw_inputs(axis: Axes, base: float, anchors: int, left: float) -> None:
    """Task and budget with their embeddings, the scale of anchors, and lines that lead to ``left``."""
    box(axis, 0.1, base + 2.94, 0.62, 0.3, "task t")
    box(axis, 0.1, base + 2.36, 0.62, 0.3, "budget B")
    _strip(axis, 1.16, base + 3.03, seed=1)
    _strip(axis, 1.16, base + 2.45, seed=2)
    axis.text(1.38, base + 3.19, "task embedding", ha="center", fontsize=7.5, color=INK)
    axis.text(1.38, base + 2.61, "budget embedding", ha="center", fontsize=7.5, color=INK)
    arrow(axis, (0.74, base + 3.09), (1.13, base + 3.09))
    arrow(axis, (0.74, base + 2.51), (1.13, base + 2.51))
    scale = np.linspace(0.16, 1.86, anchors)
    axis.plot(scale[[0, -1]], [base + 2.1] * 2, color=RULED, linewidth=1)
    axis.plot(scale, [base + 2.1] * anchors, "|", color=INK, markersize=6)
    between = anchors // 2 - 1
    axis.plot(scale[between : between + 2].mean(), base + 2.1, "v", color=RANDOM, markersize=6)
    for x, text in ((scale[0], "$B_L$"), (scale[-1], "$B_H$")):
        axis.text(x, base + 2.0, text, ha="center", va="top", fontsize=8, color=INK)
    text = f"K = {anchors} anchors,\nlinear in between"
    axis.text(1.01, base + 2.0, text, ha="center", va="top", fontsize=7.5, color=INK, linespacing=1.1)
    axis.plot([2.1] * 2, [base + 2.51, base + 3.09], color=RULED, linewidth=1.1)
    axis.plot([1.63, 2.1], [base + 3.09] * 2, color=RULED, linewidth=1.1)
    axis.plot([1.63, 2.1], [base + 2.51] * 2, color=RULED, linewidth=1.1)
    arrow(axis, (2.1, base + 2.8), (left - 0.02, base + 2.8))


def _draw_units(axis: Axes, base: float, architecture: Architecture, left: float, column: float) -> None:
    """One column per unit: its LSTM step, the three heads, probabilities and hard gates."""
    gates = to_gates([architecture])[0].reshape(PAIRS, 2).numpy()
    noise = np.random.default_rng(4).uniform(0.05, 0.42, (PAIRS, 2))
    for u in range(UNITS):
        x = left + u * column
        axis.text(x + 0.29, base + 3.02, f"unit {u + 1}", ha="center", fontsize=7.5, color=INK)
        box(axis, x, base + 2.66, 0.58, 0.28, "LSTM")
        if u:
            arrow(axis, (x - column + 0.58, base + 2.8), (x, base + 2.8), mutation_scale=6)
        for h, (name, start) in enumerate((("k", 0), ("w", BLOCKS), ("d", 2 * BLOCKS))):
            centre = x + (0.1, 0.33, 0.53)[h]
            arrow(axis, (x + 0.29, base + 2.65), (centre, base + 2.44), mutation_scale=5, linewidth=0.8)
            box(axis, centre - 0.06, base + 2.26, 0.12, 0.18, name, linewidth=0.7)
            blocks = [start + BLOCKS_PER_UNIT * u + b for b in range(BLOCKS_PER_UNIT)] if h < 2 else [start + u]
            for row in range(2):
                for i, pair in enumerate(blocks):
                    cell = x + (0.0, 0.225, 0.5)[h] + 0.052 * i
                    on = gates[pair, row] > 0
                    p = 1 - noise[pair, row] if on else noise[pair, row]
                    look: Look = {"edgecolor": RULED, "linewidth": 0.4}
                    y = base + 1.92 - 0.08 * row
                    axis.add_patch(Rectangle((cell, y), 0.052, 0.08, facecolor=RAMP(p), **look))
                    axis.add_patch(Rectangle((cell, y - 0.46), 0.052, 0.08, facecolor=INK if on else "white", **look))
        arrow(axis, (x + 0.29, base + 2.24), (x + 0.29, base + 2.02), mutation_scale=6)
        arrow(axis, (x + 0.29, base + 1.82), (x + 0.29, base + 1.56), mutation_scale=6)
        arrow(axis, (x + 0.29, base + 1.36), (x + 0.29, base + 1.14), mutation_scale=6)


def _draw_losses(axis: Axes, base: float, left: float) -> None:
    """The supernet's loss and the cost at the left, arrows from ``left`` to both, and the loss of the generator."""
    box(axis, 0.1, base + 1.0, 1.75, 0.36, "supernet W, frozen:\nvalidation loss", facecolor="white")
    box(axis, 0.1, base + 0.5, 1.75, 0.36, "cost R(α), Eq. (F):\n(R(α) - B)², Eq. (C)", facecolor="white")
    arrow(axis, (left - 0.06, base + 0.85), (1.88, base + 1.16))
    arrow(axis, (left - 0.06, base + 0.85), (1.88, base + 0.66))
    text = r"loss $\mathcal{L}=\mathcal{L}_{val}(W,\alpha)+\lambda\,(R(\alpha)-B)^2$, Eq. (D);"
    text += " its gradient passes the hard gates straight through"
    axis.text(WIDTH / 2, base + 0.2, text, ha="center", va="center", fontsize=8, color=INK)


def _strip(axis: Axes, x: float, y: float, seed: int) -> None:
    """An embedding vector as eight cells."""
    for i, shade in enumerate(np.random.default_rng(seed).uniform(0.1, 0.7, 8)):
        look: Look = {"facecolor": plt.cm.Greys(shade), "edgecolor": RULED, "linewidth": 0.4}
        axis.add_patch(Rectangle((x + 0.055 * i, y), 0.055, 0.12, **look))
