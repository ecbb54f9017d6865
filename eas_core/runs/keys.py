"""The key of a stage: which settings its result is made of, and the ten digits that stand for them in a folder's name.

Which sections a stage reads, and the versions of the code, are listed in :mod:`eas_core.settings.stages`.
"""

from __future__ import annotations

from eas_core.base import records
from eas_core.data import sources
from eas_core.settings import schema
from eas_core.settings.stages import settings_of, versions


def settings_behind(stage: str, profile: schema.Profile, seed: int, whole: bool = True) -> dict:
    """Every setting that the stage's artefact depends on; unless ``whole``, those at their default are missing."""
    settings = {"seed": seed, **profile.dump(*settings_of(stage), whole=whole)}
    if profile.data.seed is None:  # the same images have the same key, however their seed was given
        settings["data"]["seed"] = seed
        if not whole and seed == type(profile.data).model_fields["seed"].default:
            del settings["data"]["seed"]
    for name in ("path", "listing", "digest"):  # where photographs lie changes no result, which they are does
        settings["data"].pop(name, None)
    digest = sources.pack_digest(profile.data.drawn_with(seed))
    if digest is not None:
        settings["data"]["digest"] = digest
    return settings


def stage_key(stage: str, settings: dict) -> str:
    """Ten hexadecimal digits of ``settings`` (:func:`settings_behind`, not the whole ones) and of the stage's versions.

    A setting that has its default value is left out: so an option that is added later, and off unless asked for, renames
    no folder of a run made without it. Hence another default makes the same key mean something else: whoever changes one
    raises the version of the stages that read it (a test asks for that).
    """
    return records.key({**settings, "versions": versions(stage)})
