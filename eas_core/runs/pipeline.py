"""Any stage of a run by its name: found if it is complete, else made, together with all it depends on."""

from __future__ import annotations

from pkgutil import resolve_name

from eas_core.runs import store
from eas_core.runs.run import Run, folder
from eas_core.settings.stages import STAGES


def make(run: Run, stage: str, base: Run | None = None) -> dict:
    """The record of a stage of :data:`eas_core.settings.stages.STAGES`, made first if it is not there.

    ``tested-same`` tests the architectures of ``base`` (:func:`eas_core.runs.tested.tested_as`).
    """
    if stage == "tested-same":
        made = resolve_name("eas_core.runs.tested:tested_as")(run, base)
    else:
        entry = STAGES[stage]
        made = resolve_name(entry.make)(run, *entry.arguments)
    record: dict = made[1] if isinstance(made, tuple) else made
    return record


def record(run: Run, stage: str, base: Run | None = None) -> dict:
    """The record of a stage as :func:`make` gives it, but where it is there, no weights are looked at.

    So records are read where they came without weights, as in a release (:mod:`eas_core.runs.releases`).
    """
    path = folder(run, stage, base) / "record.json"
    return store.finished(path, stage) if path.exists() else make(run, stage, base)
