"""The one training loop of the kit: progress, metrics, checkpoints, and exact continuation.

A step is a function of the step number alone: its random numbers and its images are named by it (see
:func:`eas_core.base.random.rng`), its learning rate is computed from it. So weights, optimiser state and step number are
everything a checkpoint needs; there is no random state, sampler position or schedule to keep.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from types import FrameType
from typing import Any, TypedDict

import torch
from torch import Tensor, nn

from eas_core.base import checkpoints, files
from eas_core.base.devices import ALONE, Devices
from eas_core.base.errors import CheckpointError, EASError
from eas_core.base.progress import reporter
from eas_core.settings import schema

CHECKPOINT_SECONDS = 30.0
POINTS = 200  # of a training curve
Numbers = Mapping[str, float | Tensor]


class Stopped(EASError):
    """Training stopped before its end, after saving; running the same command again continues it."""

    alike = True


class Options(TypedDict, total=False):
    """What a launch tells :func:`train` through the functions that train one network."""

    deadline: float | None
    progress: bool
    settings_key: str


def train(
    name: str,
    folder: Path,
    steps: int,
    modules: Mapping[str, nn.Module],
    optimizer: torch.optim.Optimizer,
    step: Callable[[int], Numbers],
    *,
    images_per_step: int,
    deadline: float | None = None,
    progress: bool = True,
    settings_key: str = "",
    devices: Devices = ALONE,
) -> tuple[list[dict[str, float]], float]:
    """Call ``step(0) .. step(steps - 1)``, continuing from ``folder/checkpoint.pt`` where there is one.

    ``step`` does one update and returns numbers to show: floats, or tensors () that are left on the device until the next
    point of the curve, so that no step waits for a GPU. Returns the training curve (about 200 points, each the mean of
    the steps since the last) and the seconds spent, earlier sittings included. ``folder/metrics.jsonl``
    gets a line for each point, with the seconds so far and images per second, and after an interruption goes on where the
    checkpoint was made. Raises :class:`Stopped` after saving, when ``deadline`` (``time.monotonic()``) has passed or on
    SIGTERM or Ctrl-C, and :class:`EASError` if another process is training in the folder. Several ``devices`` load the
    same checkpoint, the first one writes it, and all stop after the same step if one has to.
    """
    path = Path(folder) / "checkpoint.pt"
    alone = files.only_writer(path.parent) if devices.first else nullcontext()
    with alone, stop_requests(patient=devices.count > 1) as stop:
        state = _restore(path, modules, optimizer, settings_key, steps)
        begun = kept = state["step"]
        devices.copy_from_first(modules, begun)
        course = _Course(state, steps, images_per_step, path.with_name("metrics.jsonl") if devices.first else None)
        saved = time.monotonic()
        with reporter(name, steps, begun, enabled=progress and devices.first) as show:
            for done in range(begun + 1, steps + 1):
                shown = course.add(done, step(done - 1))
                show(done, shown, {"last checkpoint": f"step {kept}" if kept else "none"})
                now = time.monotonic()
                halt = devices.any(stop.requested or (deadline is not None and now > deadline))
                if done < steps and (halt or now - saved > CHECKPOINT_SECONDS):
                    if devices.first:
                        weights = {key: module.state_dict() for key, module in modules.items()}
                        trained = {"modules": weights, "optimizer": optimizer.state_dict()}
                        checkpoints.save_checkpoint(
                            path, {"key": settings_key, "step": done, **trained, **course.state()}
                        )
                    saved, kept = time.monotonic(), done
                    if halt:
                        devices.wait()  # a launcher ends the others as soon as one has ended
                        raise Stopped(f"{name}: stopped after step {done} of {steps}, saved; run again to continue")
        return course.curve, course.seconds()


class _Course:
    """The numbers of a training so far; ``metrics`` is the file that gets a line for each point of the curve."""

    def __init__(self, state: dict, steps: int, images_per_step: int, metrics: Path | None) -> None:
        self.steps, self.images_per_step, self.metrics = steps, images_per_step, metrics
        self.curve: list[dict[str, float]] = state["curve"]
        self.pending: list[Numbers] = state["pending"]  # of the steps since the last point
        self.lines: list[dict[str, float]] = state["metrics"]
        self.spent: float = state["seconds"]
        if metrics:
            files.write_lines(metrics, self.lines)
        self.point_step, self.started = state["step"], time.monotonic()
        self.point_time = self.started

    def seconds(self) -> float:
        """Time spent, earlier sittings included."""
        return self.spent + time.monotonic() - self.started

    def state(self) -> dict:
        """What a checkpoint keeps of it; waits for the device."""
        self.pending[:] = plain(self.pending)
        return {"curve": self.curve, "pending": self.pending, "metrics": self.lines, "seconds": self.seconds()}

    def add(self, done: int, numbers: Numbers) -> dict[str, str]:
        """Take in the numbers of the step that makes it ``done`` steps; returns what to show."""
        self.pending.append(numbers)
        at_point = done % max(1, self.steps // POINTS) == 0 or done == self.steps
        points = plain(self.pending) if at_point else []  # waits for the device
        now = time.monotonic()
        rate = self.images_per_step * (done - self.point_step) / max(now - self.point_time, 1e-9)
        if at_point:
            self.curve.append({"step": done, **{k: sum(p[k] for p in points) / len(points) for k in points[-1]}})
            seconds = {"seconds": round(self.spent + now - self.started, 3), "images_per_second": round(rate, 1)}
            self.lines.append({**self.curve[-1], **seconds})
            if self.metrics:
                files.append_line(self.metrics, self.lines[-1])
            self.pending, self.point_step, self.point_time = [], done, now
        shown = {k: f"{v:.3g}" for k, v in self.curve[-1].items() if k != "step"} if self.curve else {}
        return {**shown, "images/s": f"{rate:.0f}"}


def plain(numbers: list[Numbers]) -> list[dict[str, float]]:
    """The numbers of steps as floats; waits for the device that computes them."""
    return [{name: float(value) for name, value in step.items()} for step in numbers]


def mean_of(values: list[Tensor]) -> Tensor:
    """The mean of the numbers that a step's passes gave, tensors (), as one that stays on their device, float64."""
    return torch.stack(values).double().mean()


STATE = {
    "step": int,
    "modules": dict,
    "optimizer": dict,
    "curve": list,
    "pending": list,
    "metrics": list,
    "seconds": float,
}


def _restore(
    path: Path, modules: Mapping[str, nn.Module], optimizer: torch.optim.Optimizer, key: str, steps: int
) -> dict:
    """What to continue from, with weights and moments loaded: the last checkpoint, or else the state before step 0."""
    state = checkpoints.last_checkpoint(path, key)
    if state is None:
        return {"step": 0, "curve": [], "pending": [], "metrics": [], "seconds": 0.0}
    try:
        wrong = [name for name, kind in STATE.items() if not isinstance(state.get(name), kind)]
        if wrong or not 0 < state["step"] < steps:
            raise ValueError(f"{wrong[0] if wrong else 'step'} is not what was saved")
        for name, module in modules.items():
            module.load_state_dict(state["modules"][name])
        optimizer.load_state_dict(state["optimizer"])
    except (ValueError, KeyError, TypeError, RuntimeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(f"checkpoint: {path} does not fit ({reason:.120}); remove it to start over") from None
    return state


class stop_requests:
    """While training, SIGTERM and the first Ctrl-C only raise a flag: a step is never torn in two. A second Ctrl-C does.

    ``patient``: nor does a second one interrupt, for launchers that pass on what a process was sent already. Signals
    can only be caught in the main thread; elsewhere nothing is changed.
    """

    #: Whether a stop was asked for.
    requested = False

    def __init__(self, patient: bool = False) -> None:
        self.patient = patient

    def __enter__(self) -> stop_requests:
        self.previous: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            self.previous = {number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.previous.items():
            signal.signal(number, handler)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.requested and number == signal.SIGINT and not self.patient:  # SIGTERM may come twice, as from srun
            raise KeyboardInterrupt
        self.requested = True


def make_optimizer(module: nn.Module, settings: schema.Optimizer) -> torch.optim.Optimizer:
    """SGD with Nesterov momentum, AdamW or Adam; no weight decay on biases and BatchNorm."""
    decay = [p for p in module.parameters() if p.ndim > 1]
    rest = [p for p in module.parameters() if p.ndim <= 1]
    groups = [{"params": decay, "weight_decay": settings.weight_decay}, {"params": rest, "weight_decay": 0.0}]
    if settings.kind == "sgd":
        nesterov = settings.momentum > 0
        # Not fused: that one fails where some weights have a momentum and others, first used in a later step, have none.
        return torch.optim.SGD(groups, lr=settings.lr, momentum=settings.momentum, nesterov=nesterov)
    kind = torch.optim.AdamW if settings.kind == "adamw" else torch.optim.Adam
    return kind(groups, lr=settings.lr, fused=True)


def cosine(step: int, steps: int, peak: float, warmup: float) -> float:
    """Learning rate at a step: linear warm-up over the first ``warmup`` share of the steps, then cosine to zero."""
    rise = warmup * steps
    if step < rise:
        return peak * (step + 1) / (rise + 1)
    return 0.5 * peak * (1 + math.cos(math.pi * (step - rise) / max(1.0, steps - rise)))


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of all parameter groups."""
    for group in optimizer.param_groups:
        group["lr"] = lr
