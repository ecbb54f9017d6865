"""One profile with one seed, and where its artefacts lie.

A stage's folder, ``runs/<profile>/<seed>/<stage>-<key>``, is named by a hash of every setting that the stage depends on
and of the versions of the code that makes it. So a second execution finds what is there, a changed setting rebuilds what
depends on it and nothing else, a mended stage is made again, and variants of a run (other drop rates, say) share what
they have in common.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from eas_core import data, profiles, records
from eas_core.data import Split
from eas_core.devices import ALONE, Devices
from eas_core.errors import EASError
from eas_core.stages import settings_of, versions
from eas_core.tasks import TaskSet

DEVICES = ("cpu", "cuda", "mps", "xpu")


@dataclass(frozen=True)
class Run:
    """One profile with one seed, and where its artefacts lie. ``deadline`` is a ``time.monotonic()`` value.

    ``devices`` are the processes that train together; they enter provenance, not keys.
    """

    profile: profiles.Profile
    seed: int = 0
    root: Path = Path("runs")
    device: str = "cpu"
    deadline: float | None = None
    progress: bool = True
    devices: Devices = ALONE

    @property
    def tasks(self) -> TaskSet:
        """The tasks of the data source."""
        return data.task_set(self.profile.data)

    def settings(self, stage: str, whole: bool = True) -> dict:
        """Every setting that the stage's artefact depends on; unless ``whole``, what :meth:`key` leaves out is missing."""
        settings = {"seed": self.seed, **self.profile.dump(*settings_of(stage), whole=whole)}
        for name in ("path", "digest"):  # where photographs lie changes no result, which they are does
            settings["data"].pop(name, None)
        digest = data.pack_digest(self.profile.data)
        if digest is not None:
            settings["data"]["digest"] = digest
        return settings

    def key(self, stage: str) -> str:
        """Ten hexadecimal digits, the last part of the stage's folder: what its result is made of.

        They identify the settings and the versions (:mod:`eas_core.stages`) of the stage and all it depends on. A setting
        that has its default value is left out: so an option that is added later, and off unless asked for, renames no
        folder of a run made without it. Hence another default makes the same key mean something else: whoever changes
        one raises the version of the stages that read it (a test asks for that).
        """
        return records.key({**self.settings(stage, whole=False), "versions": versions(stage)})

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
        """What :func:`eas_core.training.train` needs to know of the stage: folder, deadline, progress bar, key."""
        return {
            "folder": self.folder(stage),
            "deadline": self.deadline,
            "progress": self.progress,
            "settings_key": f"{self.key(stage)} {self.devices.variant}".strip(),
            "devices": self.devices,
        }

    def splits(self, *names: str) -> list[Split]:
        """Splits by name, prepared at first use and moved to the run's device."""
        profile = self.profile
        if profile.space.num_classes != self.tasks.num_classes:
            message = f"{profile.space.num_classes}, but {profile.data.source} has {self.tasks.num_classes} classes"
            raise EASError(f"space.num_classes: {message}")
        cache = Path(self.root) / "data"
        return [s.to(self.device) for s in data.load(profile.data, profile.space.resolution, cache, names)]


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
    """
    if not 0 <= int(seed) < 2**63:
        raise EASError(f"seed: {seed!r:.60} must be a whole number from 0 to 2^63 - 1")
    if max_minutes is not None and not max_minutes >= 0:
        raise EASError(f"max_minutes: {max_minutes} must be a number of minutes, 0 or more")
    _check_folder(root)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        if torch.device(device).type not in DEVICES:
            raise RuntimeError(f"it must be auto or one of {', '.join(DEVICES)}")
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise EASError(f"device: {device!r:.60} cannot be used here ({str(error).splitlines()[0]:.80})") from None
    deadline = None if max_minutes is None else time.monotonic() + 60 * max_minutes
    settings = profiles.load(profile, overrides)
    names = ("teacher.batch_size", "supernet.batch_size", "generator.task_images", "generator.context_images")
    devices.check({name: getattr(getattr(settings, name.split(".")[0]), name.split(".")[1]) for name in names})
    return Run(settings, int(seed), Path(root), device, deadline, progress, devices)


def _check_folder(root: str | Path) -> None:
    """Refuse a path that the system cannot hold; whether it can be written to shows when something is."""
    try:
        str(root).encode()  # fails for bytes that are no UTF-8
        if "\0" in str(root):
            raise ValueError("null character in it")
        Path(root).exists()
    except (OSError, ValueError) as error:
        raise EASError(f"runs: {str(root)!r:.120} cannot be a folder ({str(error):.80})") from None
