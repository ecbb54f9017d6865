"""Settings for somebody's pictures that fit a time: resolution, widths, epochs and budgets, by a rehearsal on this machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from data_prep.catalogue import OWN
from data_prep.own import listing
from data_prep.own.prepare import Prepared
from eas_core.runs.rehearse import Times, rehearse
from eas_core.settings.schema import Profile
from eas_core.space.architecture import SearchSpace
from eas_core.space.budget import budget_range

TIMES = {"minutes": 5 * 60, "hour": 60 * 60, "night": 8 * 60 * 60}  # seconds
USED = 0.8  # of that time: what is left is for a machine that is busier than during the rehearsal
PASSES = {
    "teacher": 3.0,
    "kernel": 0.5,
    "depth": 1.5,
    "width": 6.0,
}  # epochs, of the profile demo; multiplied by one number
STEPS = 200  # of the teacher, at least: with fewer a smaller network is taken
FEW = 5000  # training pictures
MOST = 40.0  # the largest multiple of PASSES, unless so few pictures need more for STEPS
_DEMO: dict[str, Any] = {"first_width": 8, "widths": (8, 16, 32, 32, 48), "final_width": 160, "head_width": 160}
_HALF: dict[str, Any] = {"first_width": 16, "widths": (16, 24, 40, 56, 80), "final_width": 480, "head_width": 640}
#: Spaces from the largest to the smallest, those of the profiles demo and tiny-imagenet-10, and a larger picture for it.
SPACES: tuple[dict[str, Any], ...] = (
    {"resolution": 96, **_HALF, "strides": (2, 2, 2, 1, 2)},
    {"resolution": 64, **_HALF, "strides": (1, 2, 2, 1, 2)},
    {"resolution": 32, **_DEMO, "strides": (1, 2, 2, 1, 1)},
)
LARGEST = {"minutes": 32, "hour": 64, "night": 96}  # resolution that is tried first
#: The generator's steps and the scenarios of a step, budgets, candidates of a scenario.
EFFORT = {"minutes": (100, 2, 3, 2), "hour": (400, 4, 5, 4), "night": (1000, 4, 5, 4)}


def propose(
    name: str, prepared: Prepared, time: str, device: str, rehearsal: Callable[..., Times] = rehearse
) -> tuple[Profile, float]:
    """A profile for the time (a key of ``TIMES``), and the seconds that a run of it is expected to take.

    The largest space is taken in which the teacher has ``STEPS`` steps; enlarging small pictures is not proposed.
    """
    pictures = len(prepared.labels["train"])
    spaces = [s for s in SPACES if s["resolution"] <= min(LARGEST[time], max(prepared.side, SPACES[-1]["resolution"]))]
    for space in spaces:
        profile = _profile(name, prepared, space, time, 1.0)
        times = rehearsal(profile, prepared.labels, device)
        one = times.training(profile, pictures)
        rest = times.total(profile, pictures) - one + prepared.seconds
        batches = pictures // min(profile.teacher.batch_size, pictures)
        least = STEPS / (PASSES["teacher"] * batches)
        multiple = min(max(MOST, least), (USED * TIMES[time] - rest) / one)
        if multiple >= least:
            break
    profile = _profile(name, prepared, space, time, max(multiple, least))
    return profile, times.total(profile, pictures) + prepared.seconds


def _profile(name: str, prepared: Prepared, space: dict[str, Any], time: str, multiple: float) -> Profile:
    """The settings, with ``PASSES`` times ``multiple``."""
    steps, scenarios, levels, candidates = EFFORT[time]
    passes = {stage: float(f"{multiple * epochs:.3g}") for stage, epochs in PASSES.items()}
    adamw = {"kind": "adamw", "lr": 0.003, "weight_decay": 0.01}
    classes = sum(map(len, prepared.groups.values()))
    batch_size = 32 if len(prepared.labels["train"]) < FEW else 64  # few pictures: rather more steps
    whole = {"num_classes": classes, "stem_width": 16, "stem_stride": 2, **space}
    low, high = budget_range(SearchSpace(**whole))
    ends = low + 0.02 * (high - low), high - 0.02 * (high - low)
    least = min(Counter(prepared.labels["valid"]).values())
    shrinking = [
        {"name": "kernel", "depths": [4], "expansions": [6], "lr": 0.001},
        {"name": "depth", "depths": [2, 3, 4], "expansions": [6], "lr": 0.001},
        {"name": "width", "depths": [2, 3, 4], "expansions": [3, 4, 6], "lr": 0.002},
    ]
    sections: dict[str, Any] = {
        "data": {
            "source": OWN,
            "path": str(prepared.root),
            "listing": "",
            "groups": prepared.groups,
            "digest": listing.digest(prepared.listing),
            "augment": "crop",
            "sampling": "balanced",
        },
        "space": whole,
        "teacher": {"epochs": passes["teacher"], "batch_size": batch_size, "warmup": 0.05, "optimizer": adamw},
        "supernet": {
            "stages": [{**stage, "kernels": [3, 5, 7], "epochs": passes[str(stage["name"])]} for stage in shrinking],
            "batch_size": batch_size,
            "warmup": 0.1,
            "cached_teacher": True,
            "optimizer": adamw,
            "task_dropout": {"q": 0.6},
        },
        "calibration": {"images": 512, "batch_size": 256},
        "generator": {
            "steps": steps,
            "optimizer": {"kind": "adam", "lr": 0.003},
            "budget": [_digits(ends[0]), _digits(ends[1])],
            "lam": _digits(5 / (high - low) ** 2),  # about what the profiles have: the cost's error counts by its share
            "scenarios_per_step": scenarios,
            "cost_scenarios": 60,
            "task_images": 32,
            "context_images": 32,
            "aim": 0.975,
        },
        "specialize": {
            "samples": 256,
            "candidates": candidates,
            "images_per_class": least // 2 if least >= 4 else None,
            "budgets": [_digits(ends[0] * (ends[1] / ends[0]) ** ((i + 0.5) / levels)) for i in range(levels)],
        },
        "evaluation": {"batch_size": 256, "random_architectures": 0, "spread_architectures": 0},
    }
    return Profile(name=name, **sections)


def _digits(number: float) -> float:
    return float(f"{number:.3g}")
