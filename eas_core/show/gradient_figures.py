"""Figures of the gate's gradient: the loss along a gate, and what gradients predict of flips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.interpolate import CubicHermiteSpline

from eas_core.search.gate_gradient import KINDS, PREDICTIONS, Flip, agreement
from eas_core.show.generator_tables import PREDICTION_NAMES
from eas_core.show.style import EAS, RANDOM, REFERENCE, THIRD, array, styled, subplots, subtitle

LOOKS = dict(
    zip(KINDS, ((EAS, "o"), (THIRD, "s"), (RANDOM, "^")), strict=True)
)  # colour and marker of each kind of gate
MILLI = 1000  # changes of one gate are some thousandths of a nat


@styled
def gate_flips(flips: Sequence[Flip]) -> Figure:
    """Predicted against true change of the loss when a gate is flipped, on and off apart, for two estimators.

    Both in thousandths of a nat; on the dashed line a prediction is right, in the shaded quarters even its sign is wrong.
    """
    figure, axes = subplots(2, 2, height=5.6, sharex=True, sharey=True)
    values = [MILLI * value for flip in flips for value in (flip.change, flip.straight_through, flip.second_order)]
    low, high = min([*values, -1.0]), max([*values, 1.0])
    low, high = (edge + sign * 0.06 * (high - low) for edge, sign in ((low, -1), (high, 1)))
    for row, prediction in zip(axes, PREDICTIONS, strict=True):
        for axis, on in zip(row, (True, False), strict=True):
            _draw_flips(axis, [flip for flip in flips if flip.on is on], prediction)
            axis.plot([low, high], [low, high], color=REFERENCE, linestyle="--", linewidth=1.2)
            axis.fill([low, low, 0, 0], [0, high, high, 0], color=REFERENCE, alpha=0.1, linewidth=0)
            axis.fill([0, 0, high, high], [low, 0, 0, low], color=REFERENCE, alpha=0.1, linewidth=0)
            axis.set(xlim=(low, high), ylim=(low, high))
        row[0].set_ylabel(f"{PREDICTION_NAMES[prediction]} gradient")
    figure.supylabel("predicted change of the loss (0.001 nats)", fontsize="medium")
    figure.supxlabel("true change of the loss (0.001 nats)", fontsize="medium")
    for kind, (colour, marker) in LOOKS.items():
        axes[0, 0].plot([], [], marker, color=colour, label=f"{kind} gate")
    axes[0, 0].plot([], [], color=REFERENCE, linestyle="--", linewidth=1.2, label="predicted = true")
    axes[0, 0].fill([], [], color=REFERENCE, alpha=0.2, label="wrong sign")
    figure.legend(loc="outside upper center", ncols=5)
    return figure


def _draw_flips(axis: Axes, flips: Sequence[Flip], prediction: str) -> None:
    for kind, (colour, marker) in LOOKS.items():
        of_kind = [flip for flip in flips if flip.kind == kind]
        true, predicted = ([MILLI * getattr(f, name) for f in of_kind] for name in ("change", prediction))
        axis.plot(true, predicted, marker, color=colour, alpha=0.75, markersize=4.5)
    found = agreement(flips, prediction)
    numbers = f"n = {found['n']}"
    if found["slope"] is not None:
        numbers += f", slope {found['slope']:.2f}, correlation {found['correlation']:.2f}"
    way = "on" if not flips or flips[0].on else "off"
    subtitle(axis, f"switched {way}: {numbers}" if flips else "no flips")


@styled
def loss_along_gates(curves: Sequence[tuple[str, torch.Tensor | np.ndarray]]) -> Figure:
    """The loss while a gate moves from off to on, with its slope at both ends, a panel per gate.

    ``curves`` hold a title and (points, 3) each: the gate, the loss in nats, and the slope, as
    :func:`eas_core.search.gate_gradient.along` gives them. Losses are drawn as changes from the gate switched off, between the points by the cubics with their slopes.
    """
    figure, axes = subplots(1, len(curves), height=2.9, squeeze=False)
    for axis, (title, curve) in zip(axes.flat, curves, strict=True):
        gate, loss, slope = array(curve).T
        loss = MILLI * (loss - loss[0])
        axis.plot([0, 1], loss[[0, -1]], color=REFERENCE, linestyle="--", linewidth=1.2)
        fine = np.linspace(0, 1, 101)
        axis.plot(fine, CubicHermiteSpline(gate, loss, MILLI * slope)(fine), color=EAS)
        for end, reach in ((0, 0.4), (-1, -0.4)):
            tangent = loss[end] + MILLI * slope[end] * np.array([0, reach])
            axis.plot([gate[end], gate[end] + reach], tangent, color=RANDOM, linewidth=1.4)
        axis.plot([0, 1], loss[[0, -1]], "o", color=EAS)
        axis.set(xlabel="gate", title=title, xticks=[0, 0.5, 1])
    figure.supylabel("change of the loss (0.001 nats)", fontsize="medium")
    axes[0, 0].plot([], [], color=EAS, label="loss")
    axes[0, 0].plot([], [], color=RANDOM, label="gradient at a sample")
    axes[0, 0].plot([], [], color=REFERENCE, linestyle="--", label="what a flip changes")
    figure.legend(loc="outside upper center", ncols=3)
    return figure
