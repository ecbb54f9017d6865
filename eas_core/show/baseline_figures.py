"""Figures of once-for-all's search: how well the predictor ranks, and how evolution climbs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from eas_core.show.style import METHOD_STYLE, REFERENCE, styled, subplots, subtitle


@styled
def predictor_scatter(record: dict) -> Figure:
    """Predicted against measured validation accuracy of the pairs that the predictor was not trained on.

    ``record`` is a predictor record, its ``held_out_pairs`` hold (m, T) each; drawn are the means over the T tasks.
    """
    from scipy import stats  # takes a second to import

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
    subtitle(axis, f"{correlation}; n = {len(predicted)} held-out pairs")
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
    subtitle(axis, f"search for the mean over tasks, at most {budget:g} M")
    return figure
