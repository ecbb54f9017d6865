"""Figures of images: the classes of every task, and what a network says of some of them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from eas_core.data.tasks import TaskSet
from eas_core.evidence.words import readable
from eas_core.show.style import EAS, RANDOM, WIDTH, array, styled, subplots


@styled
def contact_sheet(
    images: torch.Tensor | np.ndarray,
    labels: torch.Tensor | np.ndarray,
    tasks: TaskSet,
    per_class: int = 2,
    columns: int = 6,
) -> Figure:
    """Images of every class, a row per task, class names below.

    ``images`` uint8 (n, 3, r, r), ``labels`` (n,); the first ``per_class`` of a class are drawn. A task of more than
    ``columns`` classes takes several rows.
    """
    labels = array(labels)
    rows = [(t, group[i : i + columns]) for t, group in enumerate(tasks.classes) for i in range(0, len(group), columns)]
    cell_width, picture = per_class + 0.25, 1.0  # in widths of one image
    scale = columns * cell_width / WIDTH  # image widths an inch, so that text keeps its size
    cell_height = picture + 0.54 * scale
    figure, axis = subplots(height=cell_height * len(rows) / scale)
    axis.set_axis_off()
    for row, (task, group) in enumerate(rows):
        top = row * cell_height + 0.24 * scale
        if group[0] == tasks.classes[task][0]:
            axis.text(0, top - 0.05 * scale, readable(tasks.names[task]), weight="bold", fontsize=9, va="bottom")
        for column, label in enumerate(group):
            left = column * cell_width
            for i, index in enumerate(np.flatnonzero(labels == label)[:per_class]):
                pixels = array(images[int(index)]).transpose(1, 2, 0)
                extent = (left + i, left + i + 0.96, top + picture, top)
                axis.imshow(pixels, extent=extent, interpolation="nearest", aspect="auto")
            for line, text in enumerate(textwrap.wrap(tasks.class_names[label], 17, max_lines=2, placeholder="…")):
                baseline = top + picture + (0.13 + 0.125 * line) * scale
                axis.text(left, baseline, readable(text), fontsize=7.5, va="baseline")
    axis.set(xlim=(-0.05, columns * cell_width), ylim=(len(rows) * cell_height, 0))
    return figure


@styled
def predictions(
    images: torch.Tensor | np.ndarray,
    truth: Sequence[str],
    predicted: Sequence[str],
    confidence: torch.Tensor | np.ndarray | Sequence[float],
) -> Figure:
    """Images in a row, what each shows, and what the network says with which probability.

    ``images`` uint8 (n, 3, r, r); ``truth`` and ``predicted`` are n names, ``confidence`` (n,) fractions.
    """
    images, confidence = array(images), array(confidence)
    figure, axes = subplots(1, len(images), height=WIDTH / len(images) + 0.75, squeeze=False)
    for axis, image, true, said, share in zip(axes[0], images, truth, predicted, confidence, strict=True):
        axis.imshow(image.transpose(1, 2, 0), interpolation="nearest")
        axis.set_axis_off()
        axis.set_title("\n".join(textwrap.wrap(true, 15)), fontsize=8, loc="center")
        colour = EAS if said == true else RANDOM
        text = "\n".join(textwrap.wrap(said, 15)) + f"\n{share:.0%}"
        axis.text(0.5, -0.04, text, transform=axis.transAxes, ha="center", va="top", fontsize=8, color=colour)
    handles = [Patch(color=EAS, label="right"), Patch(color=RANDOM, label="wrong")]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, title="above: true class, below: prediction")
    return figure
