"""Boxes and arrows of drawings that count in inches."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from eas_core.show.style import WIDTH

RULED, INK = "#8A8A8A", "#333333"

#: Colours and lines, as keywords of matplotlib's shapes.
Look = dict[str, Any]


def canvas(height: float) -> tuple[Figure, Axes]:
    """A figure whose only axis covers it and counts in inches, so that text and drawing keep their proportions."""
    figure = plt.figure(figsize=(WIDTH, height), layout="none")
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set(xlim=(0, WIDTH), ylim=(0, height))
    axis.set_axis_off()
    return figure, axis


def arrow(axis: Axes, start: tuple[float, float], end: tuple[float, float], **options: Any) -> None:
    """An arrow between two points (x, y)."""
    style: Look = {
        "arrowstyle": "-|>",
        "mutation_scale": 8,
        "color": RULED,
        "linewidth": 1.1,
        "shrinkA": 0,
        "shrinkB": 0,
    }
    axis.add_patch(FancyArrowPatch(start, end, **style | options))


def box(axis: Axes, x: float, y: float, width: float, height: float, text: str = "", **options: Any) -> None:
    """A rounded box with its lower left corner at (x, y), text in its middle."""
    style: Look = {"facecolor": "#F2F6FA", "edgecolor": "#7A93AB", "linewidth": 1.0}
    axis.add_patch(FancyBboxPatch((x, y), width, height, "round,pad=0,rounding_size=0.06", **style | options))
    axis.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=8, color=INK)
