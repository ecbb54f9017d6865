"""Which stages a run has, what each depends on, and which version of its results the code makes.

A result is identified by the settings that made it and by the code that did. The settings of a stage are listed here;
for the code stands a number, the stage's *version*. **Raise it by hand whenever the stage's results change by more than
rounding**: another draw, another formula, a mended fault, another default of a setting (see :meth:`Run.key`, which leaves
defaults out). ``tests/test_stages.py`` compares a tiny run with stored numbers and fails when that was forgotten. The
versions of a stage and of all it depends on are part of its key and of its records.
"""

from __future__ import annotations

from typing import NamedTuple


class Stage(NamedTuple):
    """The stage ``after`` which it comes, the ``settings`` that it reads besides that one's, the ``version`` of its results."""

    after: str | None
    settings: tuple[str, ...]  # a section, or a single one: "section.key"
    version: int = 1


STAGES = {
    "data": Stage(None, ("data", "space")),
    "teacher": Stage("data", ("teacher",)),
    "supernet": Stage("teacher", ("supernet",)),
    # EAS
    "generator": Stage("supernet", ("generator",)),
    "specialized": Stage("generator", ("calibration", "specialize"), 2),  # 2: a scenario has noise of its own
    "tested-EAS": Stage("specialized", ()),
    "results": Stage(
        "tested-EAS",
        ("evaluation.random_architectures", "evaluation.spread_architectures", "evaluation.cost_window"),
    ),
    # the multi-path encoding: the generator's settings, but for those that it has itself and for tau
    "multi_path": Stage(
        "supernet",
        (
            "multi_path",
            "generator.optimizer",
            "generator.budget",
            "generator.anchors",
            "generator.embedding",
            "generator.hidden",
            "generator.lam",
            "generator.cost_scenarios",
            "generator.task_images",
            "generator.context_images",
            "generator.aim",
        ),
    ),
    "multi_path_specialized": Stage("multi_path", ("calibration", "specialize"), 2),  # as specialized
    "tested-multi-path": Stage("multi_path_specialized", ()),
    # OFA-V and OFA-T
    "pairs": Stage(
        "supernet",
        (
            "calibration",
            "pairs.count",
            "pairs.costs",
            "pairs.images_per_class",
            "generator.budget",
            "evaluation.cost_window",
        ),
    ),
    "predictor": Stage("pairs", ("predictor", "pairs.hold_out")),
    "evolved": Stage("predictor", ("evolution", "specialize.budgets", "specialize.tolerance")),
    "tested-OFA-V": Stage("evolved", ()),
    "tested-OFA-T": Stage("evolved", ()),
}
NO_RESULT = {  # settings that change no result, so that no key holds them: why
    "name": "it is part of the path, before the key",
    "data.path": "where photographs lie; which they are says data.digest",
    "supernet.stages.name": "a label for figures",
    "evaluation.batch_size": "each image is scored by itself: memory and rounding",
}
TRAINED = ("teacher", "supernet", "generator", "multi_path")  # by all processes of a launch; first in every lineage
METHODS = ("OFA-V", "OFA-T", "multi-path", "EAS")
TESTED = (*(f"tested-{method}" for method in METHODS), "tested-same")  # the last: EAS's networks, another supernet


def lineage(stage: str) -> list[str]:
    """A stage with all that it depends on, first things first: ``["data", "teacher", ..., stage]``."""
    before = STAGES[stage].after
    return [*(lineage(before) if before else []), stage]


def settings_of(stage: str) -> list[str]:
    """The sections and single settings that a stage's results depend on, those of its whole lineage."""
    return [name for entry in lineage(stage) for name in STAGES[entry].settings]


def versions(stage: str) -> dict[str, int]:
    """The version of a stage and of all it depends on, by name; nothing for what is no stage.

    ``tested-same`` (:func:`eas_core.runs.pipeline.tested_as`) is made as ``tested-EAS`` is.
    """
    stage = "tested-EAS" if stage == "tested-same" else stage
    return {name: STAGES[name].version for name in lineage(stage)} if stage in STAGES else {}
