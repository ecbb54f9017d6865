"""Tables of what the generator learns from."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from eas_core.search.gate_gradient import KINDS, PREDICTIONS, Flip, agreement

PREDICTION_NAMES = dict(zip(PREDICTIONS, ("straight-through", "second-order"), strict=True))
_COLUMNS = (
    ("mean change (0.001 nats)", "predicted", 1000, 1),
    ("slope", "slope", 1, 2),
    ("correlation", "correlation", 1, 2),
)


def gate_gradient_table(flips: Sequence[Flip]) -> pd.DataFrame:
    """True and predicted changes of the loss when gates are flipped, on and off apart, all gates and each kind.

    Mean changes in thousandths of a nat; the slope is that of predicted over true changes (1 if right), and a dash stands
    where there are too few flips for one.
    """
    rows = {}
    for way, on in (("switched on", True), ("switched off", False)):
        for kind in ("all", *KINDS):
            group = [flip for flip in flips if flip.on is on and kind in ("all", flip.kind)]
            if group:
                rows[way, kind] = _row({name: agreement(group, name) for name in PREDICTIONS})
    table = pd.DataFrame(rows).T
    table.index.names = ["gates", "kind"]
    return table


def _row(found: dict[str, dict[str, float | None]]) -> dict[tuple[str, str], str]:
    """``found`` is the agreement of each prediction with the same flips."""
    first = found[PREDICTIONS[0]]
    row = {("flips", "n"): str(first["n"]), ("mean change (0.001 nats)", "true"): _text(1000, first["true"], 1)}
    for title, what, scale, digits in _COLUMNS:
        row |= {(title, PREDICTION_NAMES[name]): _text(scale, found[name][what], digits) for name in PREDICTIONS}
    return row


def _text(scale: float, value: float | None, digits: int) -> str:
    return "–" if value is None else f"{scale * value:.{digits}f}"
