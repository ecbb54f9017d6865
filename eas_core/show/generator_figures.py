"""Figures of the generator: its gates, its budgets, and what it proposes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from eas_core.show.style import (
    BUDGET_LABEL,
    CYCLE,
    EAS,
    MADDS_LABEL,
    RAMP,
    RANDOM,
    REFERENCE,
    array,
    styled,
    subplots,
    subtitle,
)
from eas_core.space.search_space import BLOCKS, BLOCKS_PER_UNIT, PAIRS, UNITS

GATE_LABEL = "probability that the gate is on"


@styled
def gates(probabilities: torch.Tensor | np.ndarray, title: str = "") -> Figure:
    """Probabilities of the 90 gates, one cell per gate: kernel, width and depth rows over the 20 blocks.

    ``probabilities`` is (90,), in the order of :mod:`eas_core.space.search_space`. The second row of each kind only counts together
    with the first (7 implies 5, 6 implies 4, block 4 implies 3).
    """
    figure, axis = subplots(height=2.7)
    _draw_gates(axis, probabilities)
    axis.set(title=title, xlabel="blocks 1-4 of each unit", ylabel="gate")
    figure.colorbar(_probability_scale(), ax=axis, label=GATE_LABEL, fraction=0.04, pad=0.02)
    return figure


@styled
def gate_grid(rows: Sequence[tuple[str, torch.Tensor]], columns: int = 2) -> Figure:
    """Probabilities of the 90 gates in several scenarios, a small panel each.

    ``rows`` hold a title and probabilities (90,) each, laid out as in :func:`gates`.
    """
    lines = -(-len(rows) // columns)
    figure, axes = subplots(lines, columns, height=0.9 + 1.5 * lines, squeeze=False, sharex=True, sharey=True)
    for axis, (title, probabilities) in zip(axes.flat, rows, strict=False):
        _draw_gates(axis, probabilities, fontsize=7.5)
        axis.set_title(title, fontsize=9)
    for axis in axes.flat[len(rows) :]:
        axis.set_axis_off()
    figure.colorbar(_probability_scale(), ax=axes, label=GATE_LABEL, fraction=0.03, pad=0.02)
    return figure


def _draw_gates(axis: Axes, probabilities: torch.Tensor | np.ndarray, **text: Any) -> None:
    """One cell per gate, kernel and width rows over the blocks, depth rows over the units; ``text`` is how names look."""
    pairs = array(probabilities).reshape(PAIRS, 2)
    for row in range(4):
        for block in range(BLOCKS):
            x = block + 0.5 * (block // BLOCKS_PER_UNIT)
            _cell(axis, x, row + 0.3 * (row // 2), 1, pairs[BLOCKS * (row // 2) + block, row % 2])
    for row in range(2):
        for unit in range(UNITS):
            _cell(axis, unit * (BLOCKS_PER_UNIT + 0.5), row + 4.6, BLOCKS_PER_UNIT, pairs[2 * BLOCKS + unit, row])
    names = ["kernel ≥ 5", "kernel ≥ 7", "ratio ≥ 4", "ratio ≥ 6", "depth ≥ 3", "depth ≥ 4"]
    axis.set_yticks([row + 0.5 + 0.3 * (row // 2) for row in range(6)], names, **text)
    axis.set_xticks([u * (BLOCKS_PER_UNIT + 0.5) + 2 for u in range(UNITS)], [f"unit {u + 1}" for u in range(UNITS)])
    axis.set(xlim=(-0.1, 22.1), ylim=(6.7, -0.1))
    axis.grid(False)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)


def _cell(axis: Axes, x: float, y: float, width: float, value: float) -> None:
    axis.add_patch(Rectangle((x, y), width, 1, facecolor=RAMP(float(value)), edgecolor="#8A8A8A", linewidth=0.5))


def _probability_scale() -> plt.cm.ScalarMappable:
    return plt.cm.ScalarMappable(plt.Normalize(0, 1), RAMP)


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
def anchor_interpolation(
    budgets: torch.Tensor | np.ndarray,
    embeddings: torch.Tensor | np.ndarray,
    anchor_budgets: torch.Tensor | np.ndarray,
    anchors: torch.Tensor | np.ndarray,
    dimensions: int = 4,
) -> Figure:
    """Budget embeddings between their K anchors, the first few dimensions.

    ``budgets`` (m,) and ``anchor_budgets`` (K,) in millions; ``embeddings`` (m, e) and ``anchors`` (K, e).
    """
    budgets, embeddings, anchor_budgets, anchors = map(array, (budgets, embeddings, anchor_budgets, anchors))
    figure, axis = subplots(height=3.2)
    for d in range(min(dimensions, anchors.shape[1])):
        axis.plot(budgets, embeddings[:, d], color=CYCLE[d % len(CYCLE)], linewidth=1.3, label=f"dimension {d + 1}")
        axis.plot(anchor_budgets, anchors[:, d], "o", color=CYCLE[d % len(CYCLE)])
    axis.plot([], [], "o", color=REFERENCE, label=f"the K = {len(anchors)} anchors")
    axis.set(xlabel=BUDGET_LABEL, ylabel="value of the budget embedding")
    figure.legend(loc="outside upper center", ncols=min(dimensions, anchors.shape[1]) + 1)
    return figure


@styled
def sampled_costs(costs: torch.Tensor | np.ndarray, budget: float, tolerance: float, title: str = "") -> Figure:
    """Cost of the architectures sampled for one scenario, and the window that a candidate must fall into.

    ``costs`` (s,) and ``budget`` in millions; the window is from (1 - tolerance) of the budget to the budget.
    """
    costs = array(costs)
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
def cost_follows_budget(budgets: torch.Tensor | np.ndarray, costs: torch.Tensor | np.ndarray) -> Figure:
    """What sampled architectures cost, against the budget asked for: median and 90 % range.

    ``costs`` is (m, s), s architectures at each of m ``budgets``, both in millions.
    """
    budgets, costs = array(budgets), array(costs)
    low, middle, high = np.quantile(costs, [0.05, 0.5, 0.95], axis=1)
    figure, axis = subplots(height=3.2)
    axis.fill_between(budgets, low, high, color=EAS, alpha=0.18, linewidth=0, label="90 % of the samples")
    axis.plot(budgets, middle, color=EAS, label="median of the samples")
    axis.plot(budgets, budgets, color=REFERENCE, linestyle="--", linewidth=1.2, label="cost = budget")
    axis.set(xlabel="budget asked for (millions of multiply-adds)", ylabel="cost of the samples (millions)")
    subtitle(axis, f"n = {costs.shape[1]:,} samples per budget")
    axis.legend()
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
    axis.set(xlabel=BUDGET_LABEL, ylabel="cost (% of the budget)")
    figure.legend(loc="outside upper center", ncols=3)
    return figure
