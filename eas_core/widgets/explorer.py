"""The explorer: task and budget in, the trained generator's architecture out, in a live notebook and in the page.

``explore(run)`` gives the widget; where anywidget is not installed, plain ipywidgets do the same with less drawing.
Both know ``task``, ``budget``, ``draw``, ``architecture``, ``derived`` and ``specialize()``.
"""

from __future__ import annotations

from typing import Any

import ipywidgets
import traitlets
from IPython.display import display
from matplotlib.figure import Figure

from eas_core import widgets
from eas_core.base.errors import EASError
from eas_core.evidence.words import readable
from eas_core.runs import trained
from eas_core.runs.given import given
from eas_core.runs.run import Run
from eas_core.search.specialize import Specialized
from eas_core.show import architecture_figures
from eas_core.space.budget import check_budget
from eas_core.space.cost_tables import MILLION, madds
from eas_core.space.search_space import Architecture
from eas_core.widgets import explorer_data


def explore(run: Run, task: int | str = 0, budget: float | None = None) -> Explorer | PlainExplorer:
    """The explorer of a run: an :class:`Explorer`, or a :class:`PlainExplorer` where anywidget is not installed.

    ``task`` is a number or a name; ``budget`` is in millions of multiply-adds, by default the middle budget level. What
    the run's generator needs is trained first if it is not there. Raises :class:`EASError` for an unknown task or a
    budget outside the generator's range.
    """
    levels = run.profile.specialize.budgets
    kind = Explorer if widgets.HAS_ANYWIDGET else PlainExplorer
    return kind(run, run.tasks.index(task), levels[len(levels) // 2] if budget is None else budget)


def architecture_figure(run: Run, explorer: Explorer | PlainExplorer) -> Figure:
    """The explorer's architecture as a figure: what a page shows where no script runs."""
    name = readable(run.tasks.names[explorer.task])
    cost = madds(run.profile.search_space(), [explorer.architecture])[0] / MILLION
    return architecture_figures.architecture(
        explorer.architecture, f"{name}, at most {explorer.budget:g} M: {cost:.3f} M"
    )


class _Scenario(traitlets.HasTraits):
    """A task (number), a budget (millions) and a draw, and the architecture that they give."""

    task = traitlets.Int(0)
    budget = traitlets.Float(0.0)
    draw = traitlets.Int(0, help="0: the most probable architecture; n: sample number n")

    def _start(self, run: Run, task: int, budget: float) -> None:
        self._run = run
        self._generator, _ = trained.generator(run)
        self._check(task, budget)
        self.task, self.budget = task, float(budget)

    def _check(self, task: int, budget: float) -> None:
        names, (low, high) = self._run.tasks.names, self._run.profile.generator.budget
        if not 0 <= task < len(names):
            raise EASError(f"task: {task} is not a task's number, 0 to {len(names) - 1}")
        check_budget(budget, low, high)

    def _compute(self) -> tuple[Architecture, bool]:
        settings, space = self._run.profile.specialize, self._run.profile.search_space()
        z = explorer_data.logits(self._generator, self.task, self.budget)
        return explorer_data.architecture_of(z, space, self.budget, self.draw, settings.samples, settings.tolerance)

    @property
    def architecture(self) -> Architecture:
        """The architecture that the reader sees."""
        return self._compute()[0]

    @property
    def derived(self) -> bool:
        """Whether no sample kept the budget, so that the nearest feasible architecture is shown."""
        return self._compute()[1]

    def specialize(self) -> Specialized:
        """The network of what is shown: taken from the supernet, calibrated, scored on the task's validation images."""
        return given(self._run, self.task, self.budget, self.architecture, self.derived)


if widgets.HAS_ANYWIDGET:
    import anywidget

    class Explorer(_Scenario, anywidget.AnyWidget):
        """The explorer as an anywidget: its ES module computes and draws, in the page as in the notebook.

        ``task``, ``budget``, ``draw`` and ``other`` (the task to compare with, -1: none) may be set from either side.
        """

        _esm = widgets.module("method", "explorer")
        _css = widgets.style()

        #: The task's number.
        task = traitlets.Int(0).tag(sync=True)
        #: Millions of multiply-adds.
        budget = traitlets.Float(0.0).tag(sync=True)
        #: 0 for the most probable architecture, n for sample number n.
        draw = traitlets.Int(0).tag(sync=True)
        #: The number of the task to compare with, -1 for none.
        other = traitlets.Int(-1).tag(sync=True)
        #: What :func:`eas_core.widgets.explorer_data.facts` gives.
        facts = traitlets.Dict().tag(sync=True)
        #: What :func:`eas_core.widgets.explorer_data.weight_bytes` gives.
        weights = traitlets.Bytes().tag(sync=True)
        #: What the page last drew, with the scenario it belongs to.
        shown = traitlets.Dict(help="what the page last drew, with the scenario it belongs to").tag(sync=True)

        def __init__(self, run: Run, task: int, budget: float) -> None:
            super().__init__()
            with self.hold_sync():
                self._start(run, task, budget)
                self.facts = explorer_data.facts(run)
                self.weights = explorer_data.weight_bytes(self._generator)

        @traitlets.validate("task", "budget", "draw", "other")
        def _valid(self, proposal: dict[str, Any]) -> Any:
            name, value = proposal["trait"].name, proposal["value"]
            if name == "task":
                self._check(value, self._run.profile.generator.budget[0])
            if name == "budget":
                self._check(0, value)
            if name == "draw" and value < 0:
                raise EASError(f"draw: {value} is not 0 (the most probable architecture) or the number of a sample")
            if name == "other" and not -1 <= value < len(self._run.tasks):
                raise EASError(f"other: {value} is not -1 (none) or a task's number, 0 to {len(self._run.tasks) - 1}")
            return value

        def _drawn(self) -> dict | None:
            """What the page drew, if it drew this very scenario."""
            ours = {"task": self.task, "budget": self.budget, "draw": self.draw}
            return self.shown if all(self.shown.get(name) == value for name, value in ours.items()) else None

        @property
        def architecture(self) -> Architecture:
            """The architecture that the reader sees; computed here as long as no page has drawn the scenario."""
            drawn = self._drawn()
            return Architecture.from_dict(drawn["architecture"]) if drawn else self._compute()[0]

        @property
        def derived(self) -> bool:
            """Whether no sample fitted the budget, so that the nearest feasible architecture is shown."""
            drawn = self._drawn()
            return bool(drawn["derived"]) if drawn else self._compute()[1]


class PlainExplorer(_Scenario):
    """The explorer of plain ipywidgets: a menu, a slider, a button and the drawing; needs a kernel."""

    def __init__(self, run: Run, task: int, budget: float) -> None:
        super().__init__()
        self._start(run, task, budget)
        low, high = run.profile.generator.budget
        names = [(readable(name), number) for number, name in enumerate(run.tasks.names)]
        menu = ipywidgets.Dropdown(options=names, description="Task")
        options = {"min": low, "max": high, "step": (high - low) / 200, "readout_format": ".4g"}
        slider = ipywidgets.FloatSlider(value=budget, description="Budget (M)", **options)
        again = ipywidgets.Button(description="Sample again")
        self._output = ipywidgets.Output()
        for trait, control in (("task", menu), ("budget", slider)):
            traitlets.link((self, trait), (control, "value"))
        again.on_click(lambda _: setattr(self, "draw", self.draw + 1))
        self.box = ipywidgets.VBox([menu, slider, again, self._output])
        self.observe(lambda _: self._draw(), ["task", "budget", "draw"])
        self._draw()

    def _draw(self) -> None:
        self._output.clear_output(wait=True)
        with self._output:
            display(architecture_figure(self._run, self))

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.box._repr_mimebundle_(**options)
