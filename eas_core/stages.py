"""Which stages a run has, and what each depends on."""

from __future__ import annotations

STAGES = {  # name: (the stage before, the settings added to that stage's)
    "data": (None, ("data", "space")),
    "teacher": ("data", ("teacher",)),
    "supernet": ("teacher", ("supernet",)),
    # EAS
    "generator": ("supernet", ("generator", "calibration")),
    "specialized": ("generator", ("specialize",)),
    "tested-EAS": ("specialized", ("evaluation.batch_size",)),
    "results": ("specialized", ("evaluation",)),
    # the multi-path encoding
    "multi_path": ("supernet", ("generator", "calibration", "multi_path")),
    "multi_path_specialized": ("multi_path", ("specialize",)),
    "tested-multi-path": ("multi_path_specialized", ("evaluation.batch_size",)),
    # OFA-V and OFA-T
    "pairs": ("supernet", ("calibration", "generator.budget", "pairs")),
    "predictor": ("pairs", ("predictor",)),
    "evolved": ("predictor", ("evolution", "specialize.budgets", "specialize.tolerance")),
    "tested-OFA-V": ("evolved", ("evaluation.batch_size",)),
    "tested-OFA-T": ("evolved", ("evaluation.batch_size",)),
}
TRAINED = ("teacher", "supernet", "generator", "multi_path")  # by all processes of a launch; first in every lineage
METHODS = ("OFA-V", "OFA-T", "multi-path", "EAS")
TESTED = (*(f"tested-{method}" for method in METHODS), "tested-same")  # the last: EAS's networks, another supernet


def lineage(stage: str) -> list[str]:
    """A stage with all that it depends on, first things first: ``["data", "teacher", ..., stage]``."""
    before = STAGES[stage][0]
    return [*(lineage(before) if before else []), stage]
