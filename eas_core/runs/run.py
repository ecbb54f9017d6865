"""One profile with one seed, and where its artefacts lie.

What is wrong with its settings is found here before PyTorch is loaded, which takes seconds (:func:`plan`).

A stage's folder, ``runs/<profile>/<seed>/<stage>-<key>``, is named by a hash of every setting that the stage depends on
and of the versions of the code that makes it. So a second execution finds what is there, a changed setting rebuilds what
depends on it and nothing else, a mended stage is made again, and variants of a run (other drop rates, say) share what
they have in common.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from eas_core.base import files
from eas_core.base.devices import ALONE, Devices, settle
from eas_core.base.errors import EASError
from eas_core.data import sources
from eas_core.data.tasks import TaskSet
from eas_core.runs.keys import settings_behind, stage_key
from eas_core.settings import profiles, schema
from eas_core.space.budget import check_budget

if TYPE_CHECKING:
    from eas_core.data.splits import Split

DEVICES = ("cpu", "cuda")


@dataclass(frozen=True)
class Run:
    """One profile with one seed, and where its artefacts lie. ``deadline`` is a ``time.monotonic()`` value.

    ``devices`` are the processes that train together; they enter provenance, not keys.
    """

    profile: schema.Profile
    seed: int = 0
    root: Path = Path("runs")
    device: str = "cpu"
    deadline: float | None = None
    progress: bool = True
    devices: Devices = ALONE

    @property
    def data(self) -> schema.Data:
        """The section ``data``, where the run's own seed draws the images if it gives none."""
        return self.profile.data.drawn_with(self.seed)

    @property
    def tasks(self) -> TaskSet:
        """The tasks of the data source."""
        return sources.task_set(self.data)

    def settings(self, stage: str, whole: bool = True) -> dict:
        """Every setting that the stage's artefact depends on; unless ``whole``, what :meth:`key` leaves out is missing."""
        return settings_behind(stage, self.profile, self.seed, whole)

    def key(self, stage: str) -> str:
        """The last part of the name of the stage's folder: what its result is made of (:func:`~eas_core.runs.keys.stage_key`)."""
        return stage_key(stage, self.settings(stage, whole=False))

    def folder(self, stage: str) -> Path:
        """Where the stage's artefacts lie: ``root/<profile>/<seed>/<stage>-<key>``."""
        return Path(self.root) / self.profile.name / str(self.seed) / f"{stage}-{self.key(stage)}"

    def variant(self, q: float | None = None, reading: str | None = None) -> Run:
        """The same run with another task dropout; all stages before the supernet are shared."""
        changes = {"q": q, "reading": reading}
        supernet = self.profile.supernet
        dropout = supernet.task_dropout.model_copy(update={k: v for k, v in changes.items() if v is not None})
        supernet = supernet.model_copy(update={"task_dropout": dropout})
        return replace(self, profile=self.profile.model_copy(update={"supernet": supernet}))

    def loop(self, stage: str) -> dict:
        """What :func:`eas_core.training.loop.train` needs to know of the stage: folder, deadline, progress bar, key."""
        return {
            "folder": self.folder(stage),
            "deadline": self.deadline,
            "progress": self.progress,
            "settings_key": f"{self.key(stage)} {self.devices.variant}".strip(),
            "devices": self.devices,
        }

    def scenario(self, task: str | int, budget: float) -> tuple[int, float]:
        """The number of a task given by name or number, and the budget in millions of multiply-adds.

        An unknown task, or a budget outside the generator's range, raises :class:`EASError`.
        """
        index, (low, high) = self.tasks.index(task), self.profile.generator.budget
        check_budget(budget, low, high)
        return index, float(budget)

    def check_data(self) -> None:
        """Refuse, before any image is read, a data source that is not there or has other classes than the network."""
        settings, classes = self.data, self.profile.space.num_classes
        if classes != self.tasks.num_classes:
            message = f"{classes}, but {settings.source} has {self.tasks.num_classes} classes"
            raise EASError(f"space.num_classes: {message}")
        sources.check(settings, self.profile.space.resolution, Path(self.root) / "data")

    def splits(self, *names: str) -> list[Split]:
        """Splits by name, prepared at first use and moved to the run's device."""
        from eas_core.data import splits

        self.check_data()
        profile, cache = self.profile, Path(self.root) / "data"
        return [s.to(self.device) for s in splits.load(self.data, profile.space.resolution, cache, names)]

    def validation(self) -> tuple[Split, Split]:
        """The validation split in two: what generators and pairs learn from, and what ranks candidates.

        The latter are the last ``specialize.images_per_class`` of each class; both are the whole split if that is not
        given. A class with no more images than that raises :class:`EASError`.
        """
        from eas_core.data import splits

        (valid,) = self.splits("valid")
        count = self.profile.specialize.images_per_class
        return (valid, valid) if count is None else splits.parted(valid, count)

    def ready(self) -> Run:
        """The same run on a device that is there: ``auto`` is a GPU if PyTorch sees one, else the CPU."""
        from eas_core.base.memory import keep_freed_memory

        keep_freed_memory()
        device = usable_device(self.device)
        settle(device, self.devices.deterministic)
        return replace(self, device=device)


def folder(run: Run, stage: str, base: Run | None = None) -> Path:
    """Where a stage's artefacts lie. ``tested-same``, of the architectures of ``base``, lies beside this run's supernet."""
    if stage != "tested-same":
        return run.folder(stage)
    key = stage_key(stage, made_of(run, stage, base, whole=False))
    return run.folder("supernet").with_name(f"tested-same-{key}")


def made_of(run: Run, stage: str, base: Run | None = None, whole: bool = True) -> dict:
    """Every setting that a stage depends on (:meth:`Run.settings`): for ``tested-same`` those of two runs.

    ``tested-same`` without ``base`` raises :class:`EASError`.
    """
    if stage != "tested-same":
        return run.settings(stage, whole)
    if base is None:
        raise EASError("base: None, but tested-same needs the run whose architectures are tested")
    return {**run.settings("supernet", whole), "architectures": base.settings("tested-EAS", whole)}


def make_run(
    profile: str = "demo",
    seed: int = 0,
    root: str | Path = "runs",
    overrides: list[str] | tuple[str, ...] = (),
    device: str = "auto",
    max_minutes: float | None = None,
    progress: bool = True,
    devices: Devices = ALONE,
) -> Run:
    """A run from plain values, as notebooks and the command line give them.

    ``overrides`` are strings such as ``generator.steps=800``; the device ``auto`` is a GPU if PyTorch sees one, else the
    CPU; after ``max_minutes`` a training saves and stops. Raises :class:`ProfileError` for an unknown profile or a bad
    setting, :class:`EASError` for a device that is not there.

    >>> run = make_run("smoke", seed=1, overrides=["generator.steps=800"], device="cpu")
    >>> run.profile.generator.steps, run.tasks.names[:2]
    (800, ('polygons', 'stripe_angle'))
    >>> make_run("smoke", overrides=["generator.steps=0"])
    Traceback (most recent call last):
    eas_core.base.errors.ProfileError: profile smoke: generator.steps = 0: input should be greater than or equal to 1
    """
    return plan(profile, seed, root, overrides, device, max_minutes, progress, devices).ready()


def plan(
    profile: str = "demo",
    seed: int = 0,
    root: str | Path = "runs",
    overrides: list[str] | tuple[str, ...] = (),
    device: str = "auto",
    max_minutes: float | None = None,
    progress: bool = True,
    devices: Devices = ALONE,
) -> Run:
    """What :func:`make_run` gives, but for the device, which is only looked for by :meth:`Run.ready`.

    That is enough to find records, and does without PyTorch.
    """
    if not 0 <= int(seed) < 2**63:
        raise EASError(f"seed: {seed!r:.60} must be a whole number from 0 to 2^63 - 1")
    if max_minutes is not None and not max_minutes >= 0:
        raise EASError(f"max_minutes: {max_minutes} must be a number of minutes, 0 or more")
    files.check_folder(root, "runs")
    if device != "auto" and not re.fullmatch(rf"({'|'.join(DEVICES)})(:\d+)?", device):
        why = " (mps lacks the float64 of the costs)" if device.startswith("mps") else ""
        raise EASError(f"device: {device!r:.60} is not auto, {' or '.join(DEVICES)}, with or without a number{why}")
    deadline = None if max_minutes is None else time.monotonic() + 60 * max_minutes
    settings = profiles.load(profile, overrides)
    names = ("teacher.batch_size", "supernet.batch_size", "generator.task_images", "generator.context_images")
    devices.check({name: getattr(getattr(settings, name.split(".")[0]), name.split(".")[1]) for name in names})
    return Run(settings, int(seed), Path(root), device, deadline, progress, devices)


def automatic_device(gpu: bool | None = None) -> str:
    """What the device ``auto`` stands for: ``cuda`` if there is a GPU (None: if PyTorch sees one), else ``cpu``."""
    if gpu is None:
        import torch

        gpu = torch.cuda.is_available()
    return "cuda" if gpu else "cpu"


def usable_device(device: str) -> str:
    """The device to compute on, ``auto`` resolved; one that is not there raises :class:`EASError`."""
    if device == "auto":
        return automatic_device()
    import torch

    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise EASError(f"device: {device!r:.60} cannot be used here ({str(error).splitlines()[0]:.80})") from None
    return device
