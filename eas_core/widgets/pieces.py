"""Three small live pieces, each for one idea: the relaxed gate, task dropout and the shared kernel.

Each function takes plain tensors and values and returns a :class:`Piece`, or None where anywidget is not installed;
:func:`eas_core.widgets.show` shows the piece with the figure that stands in for it.
"""

from __future__ import annotations

import traitlets
from torch import Tensor

from eas_core import widgets
from eas_core.base.errors import EASError
from eas_core.data.task_dropout import READINGS
from eas_core.data.tasks import TaskSet
from eas_core.space.search_space import KERNELS

P_RANGE, TAU_RANGE = (0.02, 0.98), (0.1, 3.0)

if widgets.HAS_ANYWIDGET:
    import anywidget

    class Piece(anywidget.AnyWidget):
        """A widget with one ES module and the data that it starts from; the rest happens in the page."""

        _esm = traitlets.Unicode().tag(sync=True)
        _css = widgets.style()

        #: What the piece starts from, JSON-able.
        data = traitlets.Dict().tag(sync=True)

        def __init__(self, name: str, data: dict) -> None:
            super().__init__(_esm=widgets.module(name), data=data)


def _piece(name: str, data: dict) -> Piece | None:
    return Piece(name, data) if widgets.HAS_ANYWIDGET else None


def _within(name: str, value: float, low: float, high: float) -> float:
    if not low <= value <= high:
        raise EASError(f"{name}: {value:g} is not between {low:g} and {high:g}")
    return float(value)


def _rounded(values: Tensor) -> list:
    """Nested lists of numbers with 4 decimals, enough to draw and half as long."""
    return [[round(v, 4) for v in row] for row in values.detach().cpu().double().tolist()]


def gumbel(p: float = 0.7, tau: float = 1.0, draws: int = 200) -> Piece | None:
    """The relaxed gate of Eq. (I): sliders for probability and temperature, density, draws, straight-through gradient.

    Draw number ``seed`` has the noise ``explorer_data.uniform(seed, draws)``. Raises :class:`EASError` for values outside
    the sliders' ranges.
    """
    data = {"p": _within("p", p, *P_RANGE), "tau": _within("tau", tau, *TAU_RANGE)}
    return _piece("gumbel", data | {"draws": draws, "seed": 1, "ranges": {"p": P_RANGE, "tau": TAU_RANGE}})


def task_dropout(
    logits: Tensor, labels: Tensor, tasks: TaskSet, q: float = 0.6, reading: str = "exclude"
) -> Piece | None:
    """Task dropout of images with ``logits`` (n, C) and ``labels`` (n,): masks, and the softmax in both readings.

    Task t of image i is kept if it is the image's own or number i T + t of ``explorer_data.uniform(seed, n T)`` is at least
    q. Raises :class:`EASError` for an unknown reading, a q outside [0, 1] or shapes that do not fit together.
    """
    if reading not in READINGS:
        raise EASError(f"reading: {reading!r} is not one of {', '.join(READINGS)}")
    if logits.shape != (len(labels), tasks.num_classes):
        raise EASError(f"logits: shape {tuple(logits.shape)} is not ({len(labels)}, {tasks.num_classes})")
    data = {
        "q": _within("q", q, 0, 1),
        "reading": reading,
        "seed": 1,
        "tasks": [{"name": n, "classes": list(c)} for n, c in zip(tasks.names, tasks.classes, strict=True)],
        "class_names": list(tasks.class_names),
        "labels": labels.tolist(),
        "logits": _rounded(logits),
    }
    return _piece("task_dropout", data)


def kernel_crop(kernels: dict[str, Tensor], kernel: int = 5) -> Piece | None:
    """Depthwise kernels {name: (7, 7)}, one at a time, and what the choice of a smaller ``kernel`` keeps of it.

    Raises :class:`EASError` for another size or shape.
    """
    if kernel not in KERNELS:
        raise EASError(f"kernel: {kernel!r} is not one of {', '.join(map(str, KERNELS))}")
    for name, weight in kernels.items():
        if weight.shape != (KERNELS[-1], KERNELS[-1]):
            raise EASError(f"kernels: {name!r} has shape {tuple(weight.shape)}, not ({KERNELS[-1]}, {KERNELS[-1]})")
    return _piece(
        "kernel_crop", {"kernel": kernel, "kernels": [{"name": n, "weights": _rounded(w)} for n, w in kernels.items()]}
    )
