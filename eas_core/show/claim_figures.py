"""The forest plot of the paper's claims: claims in, a matplotlib ``Figure`` out."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eas_core.base.errors import DataError
from eas_core.evidence.compare import Estimate
from eas_core.evidence.verdicts import FAILS, HOLDS, OPEN, Claim
from eas_core.evidence.words import counted, span
from eas_core.show.style import EAS, PAPER_STYLE, RANDOM, REFERENCE, error_bars, styled, subplots

LOOKS: dict[str, dict[str, Any]] = {  # verdict: its colour and marker
    HOLDS: {"color": EAS, "marker": "o"},
    FAILS: {"color": RANDOM, "marker": "X"},
    OPEN: {"color": REFERENCE, "marker": "s"},
}


@styled
def forest(claims: Sequence[Claim], own: Sequence[Claim] = ()) -> Figure:
    """Every claim that is a difference of accuracies, a row each: the difference in points with its 95 % interval.

    Colour and marker are the verdict. A short dotted line is the margin that the claim allows for, a star the paper's
    difference on its own data. Claims of another kind are left out; if none is left, :class:`DataError` says so. With
    this run's claims as ``own`` beside those of a release, they are the thin hollow markers below; a row that has nothing
    else says so.
    """
    mine = {claim.key: claim for claim in own if claim.estimate is not None}
    rows = [claim for claim in claims if claim.estimate is not None]
    estimates = [claim.estimate for claim in claims if claim.estimate is not None]
    if not rows:
        raise DataError("claims: none of them is a difference of accuracies")
    figure, axis = subplots(height=1.3 + 0.42 * len(rows))
    axis.axvline(0, color="black", linewidth=1)
    for y, (claim, value) in enumerate(zip(rows, estimates, strict=True)):
        bars = error_bars([(value.low, value.high)], np.array([value.mean]))
        axis.errorbar(value.mean, y, xerr=bars, capsize=3, linestyle="none", markersize=6, **LOOKS[claim.verdict])
        if claim.key in mine and mine[claim.key] is not claim:
            _beside(axis, mine[claim.key], y + 0.24)
        if claim.margin:
            axis.plot([-claim.margin] * 2, [y - 0.38, y + 0.38], color="black", linestyle=":", linewidth=1.4)
        if claim.paper_points is not None:
            axis.plot(claim.paper_points, y - 0.27, color="black", **PAPER_STYLE | {"markersize": 8})
        text = f"{value.mean:+.2f}\n({value.low:+.2f} to {value.high:+.2f})"
        axis.text(1.02, y, text, transform=axis.get_yaxis_transform(), va="center", fontsize=8, linespacing=1.15)
    labels = [f"{claim.label} (this run)" if mine.get(claim.key) is claim else claim.label for claim in rows]
    axis.set_yticks(range(len(rows)), [textwrap.fill(label, 27) for label in labels], linespacing=1.25)
    axis.set(ylim=(len(rows) - 0.45, -0.6), xlabel="task accuracy in the claim's favour (points), average over budgets")
    axis.grid(False, axis="y")
    axis.tick_params(axis="y", length=0)
    figure.suptitle(_measured_on(estimates), fontsize=8.5, color=REFERENCE)

    shown = [verdict for verdict in LOOKS if any(claim.verdict == verdict for claim in rows)]
    handles = [plt.Line2D([], [], linestyle="none", markersize=6, **LOOKS[verdict], label=verdict) for verdict in shown]
    if any(claim.margin for claim in rows):
        handles.append(plt.Line2D([], [], color="black", linestyle=":", linewidth=1.4, label="allowed margin"))
    if any(claim.paper_points is not None for claim in rows):
        handles.append(
            plt.Line2D([], [], color="black", **PAPER_STYLE | {"markersize": 8}, label="paper, its own data")
        )
    if mine:
        hollow: dict[str, Any] = {"color": REFERENCE, "marker": "o", "fillstyle": "none", "markersize": 4.5}
        handles.append(plt.Line2D([], [], linestyle="none", **hollow, label="this run"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), columnspacing=1.4, handletextpad=0.5)
    return figure


def _beside(axis: Axes, claim: Claim, y: float) -> None:
    """This run's difference and interval, small, in the colour of its own verdict."""
    assert claim.estimate is not None  # as was asked before
    value, look = claim.estimate, LOOKS[claim.verdict]
    bars = error_bars([(value.low, value.high)], np.array([value.mean]))
    style: dict[str, Any] = {**look, "fillstyle": "none", "markersize": 4.5, "elinewidth": 0.8, "alpha": 0.8}
    axis.errorbar(value.mean, y, xerr=bars, capsize=0, linestyle="none", **style)


def _measured_on(estimates: Sequence[Estimate]) -> str:
    """The title: test images and seeds behind a difference, and what its bar covers."""
    images, seeds = [estimate.n for estimate in estimates], [estimate.seeds for estimate in estimates]
    behind = f"n = {span(images, ',')} test images a difference"
    if min(seeds) == max(seeds):
        over = "images and seeds" if seeds[0] > 1 else "images only"
        return f"{behind}, {counted(seeds[0], 'seed')}; bars: 95 % interval over {over}"
    return f"{behind}, {span(seeds, 'd')} seeds; bars: 95 % interval over images and, from two seeds, over seeds"
