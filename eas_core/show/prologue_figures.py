"""Figures of the prologue: one block of a network, and a toy supernet with three kernel sizes and one gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from eas_core.show.drawing import INK, RULED, arrow, box, canvas
from eas_core.show.style import (
    EAS,
    RAMP,
    RANDOM,
    REFERENCE,
    SHADES,
    THIRD,
    array,
    styled,
    subplots,
    subtitle,
)
from eas_core.space.search_space import DEPTHS, EXPANSIONS, KERNELS

TASK_COLORS = (EAS, RANDOM, THIRD)


@styled
def block() -> Figure:
    """One block: widen the channels, look around, narrow them again, add the input; orange marks what is searched.

    Bars are stacks of channels, their height the number of channels. A drawing of the method, made from no record.
    """
    figure, axis = canvas(2.62)
    narrow, wide, middle = 0.5, 1.3, 1.62
    stacks = ((0.36, narrow), (2.22, wide), (4.3, wide), (6.32, narrow))
    for i, (x, tall) in enumerate(stacks):
        shade = SHADES[EXPANSIONS[-1]] if tall == wide else SHADES[EXPANSIONS[0]]
        axis.add_patch(Rectangle((x, middle - tall / 2), 0.2, tall, facecolor=shade, edgecolor="#1B3A57"))
        name = ("input:\nc channels", "e · c channels", "e · c channels", "output:\nc channels")[i]
        axis.text(x + 0.1, middle - tall / 2 - 0.08, name, ha="center", va="top", fontsize=8, color=INK)
    names = ("1×1 convolution\nwidens", "k×k convolution,\neach channel\nby itself", "1×1 convolution\nnarrows")
    for (x, _), (end, _), name in zip(stacks, stacks[1:], names, strict=False):
        arrow(axis, (x + 0.26, middle), (end - 0.06, middle))
        axis.text((x + end + 0.2) / 2, middle + 0.09, name, ha="center", va="bottom", fontsize=8, color=INK)
    axis.plot([0.46, 0.46, 6.42], [middle + 0.27, 2.47, 2.47], color=RULED, linewidth=1.1)
    arrow(axis, (6.42, 2.47), (6.42, middle + 0.27))
    text = "a shortcut adds the input to the output: a skipped block passes on what it got"
    axis.text(3.44, 2.51, text, ha="center", va="bottom", fontsize=7.5, color=INK)
    searched = (
        (1.34, "expansion ratio e", EXPANSIONS),
        (3.36, "kernel size k", KERNELS),
        (5.5, "depth: how many such\nblocks in a row", DEPTHS),
    )
    for x, name, choices in searched:
        box(axis, x - 0.76, 0.05, 1.52, 0.5, f"{name}:\n{', '.join(map(str, choices))}", facecolor="#FDF1E8")
        if x < 5:
            arrow(axis, (x, 0.56), (x, middle - 0.06), color=RANDOM)
    return figure


@styled
def toy_tasks(images: torch.Tensor, alike: torch.Tensor, titles: Sequence[str], kernels: Sequence[int]) -> Figure:
    """The toy's tasks: an image of each class, and below it how alike pixels are at each distance.

    ``images`` (classes, height, width); ``alike`` (classes, s, s) correlations for shifts of -s//2 to s//2 pixels; squares
    are the shifts that a kernel of each of these sizes can see.
    """
    figure, axes = subplots(2, len(images), height=3.0)
    for i, (picture, map_) in enumerate(zip(array(images), array(alike), strict=True)):
        reach = len(map_) // 2
        axes[0, i].imshow(picture, cmap="gray")
        axes[0, i].set_title(titles[i], fontsize=8, loc="center")
        extent = (-reach - 0.5, reach + 0.5, -reach - 0.5, reach + 0.5)
        axes[1, i].imshow(map_, cmap=RAMP, vmin=0, vmax=0.5, extent=extent)
        for size in kernels:
            edge = size - 0.5  # shifts of up to size - 1 pixels
            axes[1, i].add_patch(Rectangle((-edge, -edge), 2 * edge, 2 * edge, fill=False, edgecolor=RANDOM))
            axes[1, i].text(0.2 - edge, 0.2 - edge, f"{size}×{size}", fontsize=6, ha="left", va="bottom", color=INK)
        for axis in axes[:, i]:
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
    axes[0, 0].set_ylabel("an image")
    axes[1, 0].set_ylabel("alike at a shift")
    return figure


@styled
def toy_sharing(accuracy: Mapping[str, np.ndarray], tasks: Sequence[str], kernels: Sequence[int], n: int) -> Figure:
    """Accuracy of three kernel sizes on three tasks: weights of their own, shared, or cut from the largest.

    ``accuracy`` has an array (tasks, kernels) of shares right by the way of training, in the order of drawing; ``n`` images
    per task.
    """
    looks = (("o", REFERENCE, "none"), ("D", EAS, EAS), ("x", RANDOM, RANDOM))
    figure, axes = subplots(1, len(tasks), height=2.7, sharey=True)
    for t, axis in enumerate(axes):
        for offset, (name, values), (marker, color, face) in zip(
            (-0.14, 0, 0.14), accuracy.items(), looks, strict=True
        ):
            places = np.arange(len(kernels)) + offset
            axis.plot(places, 100 * values[t], marker, color=color, markerfacecolor=face, label=name)
        axis.axhline(50, color=REFERENCE, linestyle=":", linewidth=1)
        axis.set(xticks=range(len(kernels)), xlabel="kernel size", ylim=(40, 104), xlim=(-0.5, 2.5))
        axis.set_xticklabels([f"{k}×{k}" for k in kernels])
        subtitle(axis, f"{tasks[t]}, n = {n}")
    axes[0].set_ylabel("accuracy (%)")
    axes[0].text(-0.42, 51, "guessing", fontsize=7.5, color=REFERENCE)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(accuracy))
    return figure


@styled
def toy_gate(curves: Mapping[str, Sequence[float]], saved: Mapping[str, float], price: float) -> Figure:
    """One gate learns: its probability while it is trained for each task, and what opening it saves.

    ``curves`` has the probability after each step by task; ``saved`` how much lower the cross-entropy (nats) is with the gate
    open; ``price`` what opening costs in the same unit.
    """
    figure, (left, right) = subplots(1, 2, height=2.6, width_ratios=(3, 2))
    for (name, values), color in zip(curves.items(), TASK_COLORS, strict=False):
        left.plot(np.arange(1, len(values) + 1), values, color=color, label=name)
    left.set(xlabel="step", ylabel="probability that the gate is open", ylim=(-0.03, 1.03))
    left.legend(loc="center right", bbox_to_anchor=(1, 0.55))
    _bars(right, saved)
    right.axvline(price, color=INK, linestyle="--", linewidth=1)
    right.text(price + 0.01, len(saved) - 0.52, f"price {price:g}", fontsize=8, color=INK, va="bottom")
    right.set(xlabel="loss saved by opening (nats)", ylim=(-0.6, len(saved) - 0.2))
    return figure


def _bars(axis: Axes, values: Mapping[str, float]) -> None:
    """Lying bars, the first on top, with their values."""
    places = range(len(values) - 1, -1, -1)
    axis.barh(places, list(values.values()), color=TASK_COLORS[: len(values)], height=0.55)
    axis.set_yticks(places, labels=list(values))
    axis.grid(axis="y", visible=False)
