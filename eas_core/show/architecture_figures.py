"""Figures of architectures: what they look like, what they cost, how alike they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from eas_core.show.style import EAS, MADDS_LABEL, RANDOM, SHADES, THIRD, array, styled, subplots, subtitle
from eas_core.space.cost_tables import MILLION, budget_range, cost_tables, madds
from eas_core.space.search_space import BLOCKS, BLOCKS_PER_UNIT, KERNELS, UNITS, Architecture, SearchSpace, sample


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
        axis.set_ylabel("kernel" if len(pairs) > 1 else "kernel size")
    _unit_labels(axes[-1, 0])
    _architecture_legend(figure)
    return figure


def architecture(architecture: Architecture | dict, title: str = "") -> Figure:
    """The drawing of one architecture: kernel size as height, expansion ratio as colour, skipped blocks as outlines."""
    return architectures([(title, architecture)])


def _draw_architecture(axis: Axes, architecture: Architecture) -> None:
    """Blocks left to right: height is the kernel size, colour the expansion ratio, a dashed outline a skipped block."""
    gap = 0.7
    centres = [block + gap * (block // BLOCKS_PER_UNIT) for block in range(BLOCKS)]
    for block, x in enumerate(centres):
        if architecture.active(block):
            axis.bar(x, architecture.kernel[block], 0.78, color=SHADES[architecture.expand[block]], edgecolor="#1B3A57")
        else:
            axis.bar(x, KERNELS[0], 0.78, fill=False, edgecolor="#B0B0B0", linestyle=(0, (2, 2)), linewidth=0.9)
    axis.set_yticks(KERNELS)
    axis.set_xticks(centres, [f"{1 + block % BLOCKS_PER_UNIT}" for block in range(BLOCKS)])
    axis.set(xlim=(-0.7, centres[-1] + 0.7), ylim=(0, 7.6))
    axis.tick_params(axis="x", length=0)
    axis.grid(False, axis="x")


def _unit_labels(axis: Axes) -> None:
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
    subtitle(right, f"n = {count:,} drawn uniformly")
    for budget in budgets:
        right.axvline(budget, color=EAS, linewidth=1, linestyle="--")
    if len(budgets):
        right.plot([], [], color=EAS, linewidth=1, linestyle="--", label="budgets")
    figure.legend(loc="outside upper center", ncols=3)
    return figure


@styled
def kernel_rings(weight: torch.Tensor | np.ndarray, masks: dict[str, torch.Tensor]) -> Figure:
    """One shared depthwise kernel (7, 7) and what is left of it under each named 0/1 mask (7, 7)."""
    weight = array(weight)
    figure, axes = subplots(1, len(masks), height=2.5, squeeze=False)
    limit = np.abs(weight).max()
    for axis, (name, mask) in zip(axes[0], masks.items(), strict=True):
        shown = np.where(array(mask) > 0, weight, np.nan)
        drawn = axis.imshow(shown, cmap="PuOr", vmin=-limit, vmax=limit)
        axis.set(xticks=[], yticks=[], facecolor="#EDEDED")
        axis.set_title(name, loc="center")
        axis.grid(False)
        axis.spines[:].set_visible(False)
    figure.colorbar(drawn, ax=axes, label="weight", fraction=0.05)
    return figure


@styled
def cosine_similarity(similarities: pd.DataFrame, references: pd.DataFrame | None = None) -> Figure:
    """Figure VI: similarity of the tasks' architectures against cost, and beside it what chance gives.

    ``similarities`` comes from :func:`eas_core.show.architecture_tables.architecture_similarity`, ``references`` from
    :func:`eas_core.show.architecture_tables.similarity_references`.
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
        styles = {"draws of one task": ("s", THIRD, "-."), "draws of two tasks": ("^", "k", ":")}
        for name, (marker, color, line) in {**styles, "random pairs": ("x", RANDOM, "--")}.items():
            axis.plot(cost, references[name], marker=marker, color=color, linestyle=line, label=name)
    axis.set(xlabel=f"average {MADDS_LABEL}", ylabel="cosine similarity")
    subtitle(axis, f"{int(similarities['pairs'].iloc[0])} pairs of tasks per level")
    figure.legend(loc="outside upper center", ncols=2 if references is None else 3)
    return figure
