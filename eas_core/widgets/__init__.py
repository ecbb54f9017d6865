"""Widgets that compute in the page: the explorer of task and budget, and small pieces for single ideas.

Each is one anywidget whose ES module holds its own controls and computes everything itself. So it works in three places:
in a live notebook, where its traits and Python's stay the same; in a published page without Python, mounted from the
state saved there (``book/_static/widgets.js``); and, as the figure that :func:`show` puts beside it, where no script runs.
"""

from __future__ import annotations

import base64
import html
import io
from importlib.util import find_spec
from pathlib import Path

from IPython.display import HTML, display
from matplotlib.figure import Figure

FOLDER = Path(__file__).parent
HAS_ANYWIDGET = find_spec("anywidget") is not None  # else notebooks show figures and plain ipywidgets


def module(*names: str) -> str:
    """The ES module of a widget: the shared helpers and its own files, in one text without imports."""
    return "\n".join((FOLDER / f"{name}.js").read_text() for name in ("dom", *names))


def style() -> str:
    """The style sheet of all widgets."""
    return (FOLDER / "widgets.css").read_text()


def show(widget: object, figure: Figure, description: str) -> None:
    """Display a widget, and the figure that stands in for it in print and where no script runs.

    Without a widget (None, because anywidget is not installed) only the figure is shown. ``description`` is the
    figure's alternative text: what a reader who cannot see it should know.
    """
    if widget is not None:
        display(widget)
    image = io.BytesIO()
    figure.savefig(image, format="png")
    source = base64.b64encode(image.getvalue()).decode()
    text = html.escape(description, quote=True)
    display(HTML(f'<div class="eas-fallback"><img alt="{text}" src="data:image/png;base64,{source}"></div>'))
