"""Any stage of a run by its name: found if it is complete, else made, together with all it depends on."""

from __future__ import annotations

from pkgutil import resolve_name

from eas_core.runs.run import Run
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
