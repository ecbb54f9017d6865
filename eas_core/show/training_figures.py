"""Figures of training: curves, calibration, and what task dropout hides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from eas_core.data.tasks import TaskSet
from eas_core.evidence.words import readable
from eas_core.show.style import (
    EAS,
    RAMP,
    RANDOM,
    REFERENCE,
    TASK_ACCURACY_LABEL,
    array,
    error_bars,
    styled,
    subplots,
    subtitle,
)

DROPPED = "#E6E6E6"


@styled
def training_curve(record: dict, title: str = "", chance: float | None = None) -> Figure:
    """The training curve of a teacher, supernet or generator, one panel a quantity.

    The stages of progressive shrinking are marked; ``chance`` (a fraction) draws the accuracy of guessing.
    """
    curve = record["result"]["curve"]
    names = [name for name in curve[-1] if name != "step"]
    steps = [point["step"] for point in curve]
    figure, axes = subplots(1, len(names), height=2.8, squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        share = name == "cost error" or "accuracy" in name
        values = np.array([point[name] for point in curve]) * (100 if share else 1)
        axis.plot(steps, values, color=EAS)
        unit = {"cost error": "cost error (% of target)", "task accuracy": TASK_ACCURACY_LABEL}
        axis.set(xlabel="training step", ylabel=unit.get(name, f"{name} (nats)"))
        if chance is not None and "accuracy" in name:
            axis.axhline(100 * chance, color=REFERENCE, linestyle=":", linewidth=1.2, label="chance")
            axis.legend()
        axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        _mark_stages(axis, record, steps[-1])
    if title:
        figure.suptitle(title, fontsize=10)
    return figure


def _mark_stages(axis: Axes, record: dict, steps: int) -> None:
    if record["kind"] != "supernet":
        return
    stages = record["settings"]["supernet"]["stages"]
    ends = np.cumsum([stage["epochs"] for stage in stages])
    ends = ends / ends[-1] * steps
    for start, end, stage in zip([0, *ends[:-1]], ends, stages, strict=True):
        if start:
            axis.axvline(start, color=REFERENCE, linewidth=0.8, linestyle="--")
        middle = ((start + end) / 2, 1.0)
        rotation = 0 if (end - start) / steps > 0.14 else 90
        options: dict[str, Any] = {
            "ha": "center",
            "va": "bottom",
            "fontsize": 8.5,
            "color": REFERENCE,
            "rotation": rotation,
        }
        axis.text(*middle, stage["name"], transform=axis.get_xaxis_transform(), **options)


@styled
def calibration_curve(points: list[dict], chance: float | None = None) -> Figure:
    """Accuracy after BatchNorm calibration against the number of calibration images.

    A point is ``{"images": int, "accuracy": fraction, "interval": [low, high], "n": int}``, the last two optional, and
    optionally ``"name"`` to draw several networks. 0 images means no calibration.
    """
    figure, axis = subplots(height=3.2)
    names = list(dict.fromkeys(point.get("name", "") for point in points))
    places = {images: place for place, images in enumerate(sorted({point["images"] for point in points}))}
    for number, name in enumerate(names):
        own = sorted((p for p in points if p.get("name", "") == name), key=lambda p: p["images"])
        accuracy = np.array([100 * p["accuracy"] for p in own])
        bars = None
        if all("interval" in p for p in own):
            bars = error_bars([[100 * edge for edge in p["interval"]] for p in own], accuracy)
        x = [places[p["images"]] + 0.06 * (number - (len(names) - 1) / 2) for p in own]
        axis.errorbar(x, accuracy, bars, marker="o", capsize=3, label=name or None)
    axis.set_xticks(list(places.values()), [f"{images:,}" if images else "none" for images in places])
    axis.set(xlabel="images used for calibration", ylabel=TASK_ACCURACY_LABEL)
    if chance is not None:
        axis.axhline(100 * chance, color=REFERENCE, linestyle=":", linewidth=1.2, label="chance")
    counts = {point["n"] for point in points if "n" in point}
    if counts:
        subtitle(axis, f"n = {max(counts):,} images per point, bars: 95 % interval")
    if any(names) or chance is not None:
        figure.legend(loc="outside upper center", ncols=len(names) + 1)
    return figure


@styled
def dropout_masks(
    mask: torch.Tensor | np.ndarray, tasks: TaskSet, labels: torch.Tensor | np.ndarray | None = None, title: str = ""
) -> Figure:
    """Task dropout's masks, a row per image, classes grouped by task.

    ``mask`` is (n, C) of 0/1. With ``labels`` (n,) the block of each image's own task, which is never dropped, is
    outlined.
    """
    mask = array(mask).astype(float)
    order = [c for group in tasks.classes for c in group]
    figure, axis = subplots(height=min(6.0, 1.5 + 0.2 * len(mask)))
    shades = ListedColormap([to_hex(DROPPED), to_hex(RAMP(1 / 1.4))])
    axis.imshow(mask[:, order], aspect="auto", cmap=shades, vmin=0, vmax=1, interpolation="nearest")
    edges = np.cumsum([0, *(len(group) for group in tasks.classes)]) - 0.5
    for edge in edges[1:-1]:
        axis.axvline(edge, color="white", linewidth=1.5)
    for row in range(len(mask) - 1):
        axis.axhline(row + 0.5, color="white", linewidth=1.5)
    if labels is not None:
        for row, task in enumerate(tasks.task_of(torch.as_tensor(labels)).tolist()):
            box = Rectangle((edges[task] + 0.12, row - 0.4), edges[task + 1] - edges[task] - 0.24, 0.8)
            box.set(fill=False, edgecolor=RANDOM, linewidth=1.6, clip_on=False)
            axis.add_patch(box)
    names = [readable(name) for name in tasks.names]
    axis.set_xticks((edges[:-1] + edges[1:]) / 2, names, rotation=35, ha="right", rotation_mode="anchor")
    axis.set_yticks(range(len(mask)), range(1, len(mask) + 1))
    axis.set(xlabel="classes, grouped by task", ylabel="image of the batch", title=title)
    axis.grid(False)
    handles = [Patch(facecolor=RAMP(1 / 1.4), label="logit kept")]
    handles.append(Patch(facecolor=DROPPED, label="dropped"))
    if labels is not None:
        handles.append(Patch(facecolor="none", edgecolor=RANDOM, label="the image's own task"))
    figure.legend(handles=handles, loc="outside upper center", ncols=3)
    return figure


@styled
def gradient_share(shares: dict[str, Sequence[float]], rates: Sequence[float]) -> Figure:
    """Share of the loss gradient on other tasks' logits, against the drop rate q, a line a reading of Eq. (A).

    ``shares`` holds a list for each reading, fractions, one for each of ``rates``.
    """
    figure, axis = subplots(height=2.8)
    for (name, values), marker, line in zip(shares.items(), "osv^", ("-", "--", ":", "-."), strict=False):
        axis.plot(rates, 100 * np.asarray(values), marker=marker, linestyle=line, label=name)
    axis.set(xlabel="drop rate q", ylabel="gradient on the logits\nof other tasks (% of all)", ylim=(0, None))
    axis.legend()
    return figure
