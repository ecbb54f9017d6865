"""The network of an architecture that somebody has: from a page, a file or a program."""

from __future__ import annotations

from eas_core.base.errors import SpaceError
from eas_core.runs import trained
from eas_core.runs.run import Run
from eas_core.runs.specialized import best_of
from eas_core.search.specialize import Proposal, Specialized
from eas_core.space.architecture import Architecture
from eas_core.space.cost_tables import MILLION, madds


def given(run: Run, task: str | int, budget: float, architecture: Architecture, derived: bool = False) -> Specialized:
    """Cut out, calibrated and scored on the images that rank candidates, as if it had been found for this scenario.

    ``task`` is a name or a number, ``budget`` in millions of multiply-adds; ``derived`` says whether no sample of a
    generator had kept the budget. An unknown task, a budget outside the generator's range or an architecture that costs
    more raises :class:`~eas_core.base.errors.EASError`.
    """
    number, budget = run.scenario(task, budget)
    cost = madds(run.profile.search_space(), [architecture])[0] / MILLION
    if cost > budget:
        raise SpaceError(f"architecture: it costs {cost:.3f} M multiply-adds, more than the budget of {budget:g} M")
    weights, _ = trained.supernet(run)
    (train,), (_, valid) = run.splits("train"), run.validation()
    return best_of(run, Proposal(number, budget, (architecture,), derived), weights, train, valid)
