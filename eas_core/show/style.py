"""The one visual language of all figures, set here and nowhere else.

Blue is EAS, orange is random architectures, grey is a reference; light to dark blue is small to large; every method has
its colour and marker in ``METHOD_STYLE``. The colours are Okabe and Ito's, which colour-blind readers can tell apart.
Figures are pure functions, records or arrays in, a matplotlib ``Figure`` out: accuracies in percent, costs in millions of
multiply-adds, bars are 95 % intervals, and the number n behind them is written on the figure. No function shows or saves
anything. The first line of each docstring is the figure's caption in the gallery.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from eas_core.settings.stages import METHODS
from eas_core.space.search_space import EXPANSIONS

WIDTH = 7.2  # inches: the width of the book's text
EAS, RANDOM, REFERENCE, THIRD, FOURTH = "#0072B2", "#D55E00", "#636363", "#009E73", "#CC79A7"
CYCLE = (EAS, RANDOM, THIRD, FOURTH, "#E69F00", "#56B4E9", "#000000")
METHOD_STYLE: dict[str, dict[str, Any]] = {
    name: {"color": method.color, "marker": method.marker} for name, method in METHODS.items()
}
METHOD_STYLE["random"] = {"color": RANDOM, "marker": "x"}
# any of the paper's methods
PAPER_STYLE: dict[str, Any] = {"marker": "*", "markersize": 10, "markerfacecolor": "white", "linestyle": "none"}
SHADES = dict(zip(EXPANSIONS, ("#C6DCEF", "#5FA3D0", "#0B4F86"), strict=True))  # expansion ratio, light to dark
RAMP = LinearSegmentedColormap.from_list("eas", ["#FFFFFF", "#5FA3D0", "#08335A"])
STYLE: dict[Any, Any] = {  # matplotlib names its keys by literals
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
BUDGET_LABEL = "budget (millions of multiply-adds)"
TASK_ACCURACY_LABEL = "task accuracy (%)"

Arguments = ParamSpec("Arguments")
Drawn = TypeVar("Drawn", bound=Figure | None)


def styled(draw: Callable[Arguments, Drawn]) -> Callable[Arguments, Drawn]:
    """Draw in the project's style, and leave no figure open that a notebook would show a second time."""

    @functools.wraps(draw)
    def drawn(*arguments: Arguments.args, **options: Arguments.kwargs) -> Drawn:
        before = plt.get_fignums()
        try:
            with plt.rc_context(STYLE):
                return draw(*arguments, **options)
        finally:  # whatever came of it: a figure, None or an error
            for number in set(plt.get_fignums()) - set(before):
                plt.close(number)

    return drawn


def subplots(rows: int = 1, columns: int = 1, height: float = 3.4, **options: Any) -> tuple[Figure, Any]:
    """Matplotlib's ``subplots`` as wide as the book's text; ``height`` in inches. Returns (figure, axes)."""
    return plt.subplots(rows, columns, figsize=(WIDTH, height), **options)


def subtitle(axis: Axes, text: str) -> None:
    """A small grey line above an axis: how many images, seeds or samples are behind what is drawn."""
    axis.set_title(text, color=REFERENCE, fontsize=8.5)


def array(values: torch.Tensor | np.ndarray | Sequence) -> np.ndarray:
    """A tensor, on whatever device, or a sequence as a NumPy array."""
    return values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)


def error_bars(low_high: Sequence[Sequence[float]], middle: np.ndarray) -> np.ndarray:
    """Intervals around values as matplotlib's (2, n) lengths of error bars."""
    low, high = np.asarray(low_high, dtype=float).T
    lengths: np.ndarray = np.clip([middle - low, high - middle], 0, None)
    return lengths
