"""Draw a shape: a picture in, what two generated networks say of it out; the networks run in the page.

The page carries a release's supernet in half precision, its generator, and a few pictures that networks are calibrated on
(:mod:`eas_core.widgets.network_data`). No Python, no server.
"""

from __future__ import annotations

import re

import traitlets

from eas_core import widgets
from eas_core.runs.releases import Release
from eas_core.widgets import explorer_data, network_data


def engine() -> str:
    """The text of the page's worker: ``network.js`` as a plain script, and what answers questions."""
    text = (widgets.FOLDER / "network.js").read_text() + "\n" + (widgets.FOLDER / "network_worker.js").read_text()
    return re.sub(r"^export ", "", text, flags=re.MULTILINE)


if widgets.HAS_ANYWIDGET:
    import anywidget

    class Draw(anywidget.AnyWidget):
        """The widget: a sheet, two scenarios, and class probabilities."""

        _esm = widgets.module("method", "paper", "draw")
        _css = widgets.style() + (widgets.FOLDER / "draw.css").read_text()

        #: The text of the worker.
        engine = traitlets.Unicode().tag(sync=True)
        #: Tasks, budgets and costs for the generator, ``network`` for the supernet, and the classes ticked at first.
        data = traitlets.Dict().tag(sync=True)
        #: The generator's weights, float32.
        weights = traitlets.Bytes().tag(sync=True)
        #: The supernet's weights, float16.
        supernet = traitlets.Bytes().tag(sync=True)
        #: Pictures for the calibration, bytes (n, r, r, 3).
        pictures = traitlets.Bytes().tag(sync=True)
        #: A validation image of each class, bytes (classes, r, r, 3).
        examples = traitlets.Bytes().tag(sync=True)


def draw_a_shape(release: Release) -> Draw | None:
    """The widget for a release's supernet and generator; None where anywidget is not installed.

    A release whose pictures cannot be drawn for a page (photographs) raises :class:`~eas_core.base.errors.EASError`.
    """
    if not widgets.HAS_ANYWIDGET:
        return None
    data = explorer_data.scenario_facts(release.profile, release.tasks, release.generator)
    first = [group[0] for group in release.tasks.classes[:5]]  # five classes of five tasks
    return Draw(
        engine=engine(),
        data=data | {"release": release.name, "network": network_data.facts(release), "ticked": first},
        weights=explorer_data.weight_bytes(release.generator),
        supernet=network_data.weight_bytes(release.supernet),
        pictures=network_data.picture_bytes(network_data.drawn(release, "train", network_data.PER_CLASS)),
        examples=network_data.picture_bytes(network_data.drawn(release, "valid", 1)),
    )
