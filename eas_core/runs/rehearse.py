"""How long a run will take on this machine: its stages in a few steps, on noise in place of pictures.

What is timed is what will run: the same functions, networks, tasks and numbers of test pictures; steps and scenarios are few, and
their times are multiplied. So what the machine is busy with meanwhile is in the estimate too.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from eas_core.base.parsing import parse_json
from eas_core.base.random import rng
from eas_core.data.splits import Split
from eas_core.runs import pipeline
from eas_core.runs.run import Run
from eas_core.settings.schema import Profile

STEPS = 5  # of each training that are timed, after one that warms up
IMAGES = 512  # of training that stand for all


@dataclass(frozen=True)
class Rehearsal(Run):
    """A run whose pictures are noise: ``labels`` are the class numbers of each split."""

    labels: dict[str, list[int]] = field(default_factory=dict)

    def check_data(self) -> None:
        """There is nothing to check."""

    def splits(self, *names: str) -> list[Split]:
        """Noise with the labels of each split; of the training split at most ``IMAGES``."""
        found = []
        for name in names:
            draw, labels = rng(self.seed, "rehearsal", name), torch.tensor(self.labels[name])
            if name == "train":
                labels = labels[torch.randperm(len(labels), generator=draw)[:IMAGES].sort().values]
            shape = (len(labels), 3, *[self.profile.space.resolution] * 2)
            images = torch.randint(256, shape, dtype=torch.uint8, generator=draw)
            found.append(Split(name, images, labels, "noise").to(self.device))
        return found


@dataclass(frozen=True)
class Times:
    """Seconds of a run's parts: of a step of each training, of a budget's search and test, and of what comes once."""

    teacher: float
    supernet: tuple[float, ...]  # of a step in each stage
    generator: float
    budget: float
    once: float

    def training(self, profile: Profile, pictures: int) -> float:
        """Seconds of the teacher's and the supernet's training on so many pictures, the teacher's logits included."""
        batches = [pictures // min(settings.batch_size, pictures) for settings in (profile.teacher, profile.supernet)]
        stages = zip(profile.supernet.stages, self.supernet, strict=True)
        steps = profile.teacher.epochs * batches[0] * self.teacher
        steps += sum(stage.epochs * batches[1] * seconds for stage, seconds in stages)
        return steps + batches[0] * self.teacher / 3  # forward without backward: about a third

    def total(self, profile: Profile, pictures: int) -> float:
        """Seconds of a whole run with these settings."""
        rest = self.generator * profile.generator.steps + self.budget * len(profile.specialize.budgets) + self.once
        return self.training(profile, pictures) + rest


def rehearse(profile: Profile, labels: dict[str, list[int]], device: str) -> Times:
    """Run every stage of :func:`eas_core.runs.results.results` in a temporary folder, a few steps each, and time it."""
    count = min(IMAGES, len(labels["train"]))
    few = (STEPS + 0.01) / (count // min(profile.teacher.batch_size, count))
    teacher = profile.teacher.model_copy(update={"epochs": few + few / STEPS})
    stages = tuple(stage.model_copy(update={"epochs": few}) for stage in profile.supernet.stages)
    settings = profile.specialize
    short = profile.model_copy(
        update={
            "teacher": teacher,
            "supernet": profile.supernet.model_copy(update={"stages": stages}),
            "generator": profile.generator.model_copy(update={"steps": STEPS + 1}),
            "specialize": settings.model_copy(update={"budgets": (settings.middle,)}),
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        run = replace(Rehearsal(short, 0, Path(folder), device, progress=False, labels=labels).ready())
        last = pipeline.make(run, "results")["seconds"]
        steps = {stage: _steps(run.folder(stage)) for stage in ("teacher", "supernet", "generator")}
        search, test = (pipeline.record(run, stage)["seconds"] for stage in ("specialized", "tested-EAS"))
    of_stages = np.array_split(steps["supernet"], len(stages))
    first = sum(float(seconds[0] - np.median(seconds)) for seconds in steps.values())  # compiling, and so on
    means = {name: float(np.mean(seconds[1:])) for name, seconds in steps.items()}
    supernet = tuple(
        float(np.mean(seconds[1:] if number == 0 else seconds)) for number, seconds in enumerate(of_stages)
    )
    return Times(means["teacher"], supernet, means["generator"], search + test, last + max(0.0, first))


def _steps(folder: Path) -> np.ndarray:
    """Seconds of each step of a training that wrote a line for each."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return np.diff([0.0, *(parse_json(line)["seconds"] for line in lines)])  # type: ignore[index]
