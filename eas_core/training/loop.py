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
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import torch

from eas_core.base import checkpoints, files
from eas_core.base.devices import ALONE, Devices
from eas_core.base.errors import CheckpointError, EASError
from eas_core.base.progress import reporter
from eas_core.settings import schema

CHECKPOINT_SECONDS = 30.0
POINTS = 200  # of a training curve


class Stopped(EASError):
    """Training stopped before its end, after saving; running the same command again continues it."""

    alike = True


def train(
    name: str,
    folder: Path,
    steps: int,
    modules: dict[str, torch.nn.Module],
    optimizer: torch.optim.Optimizer,
    step: Callable[[int], dict[str, float | torch.Tensor]],
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
    gets a line for each point, with the seconds so far and images a second, and after an interruption goes on where the
    checkpoint was made. Raises :class:`Stopped` after saving, when ``deadline`` (``time.monotonic()``) has passed or on
    SIGTERM or Ctrl-C, and :class:`EASError` if another process is training in the folder. Several ``devices`` load the
    same checkpoint, the first one writes it, and all stop after the same step if one has to.
    """
    folder = Path(folder)
    path, metrics = folder / "checkpoint.pt", folder / "metrics.jsonl"
    every = max(1, steps // POINTS)
    alone = files.only_writer(folder) if devices.first else nullcontext()
    with alone, stop_requests(patient=devices.count > 1) as stop:
        state = _restore(path, modules, optimizer, settings_key, steps)
        done, curve, pending, lines, spent = (state[k] for k in ("step", "curve", "pending", "metrics", "seconds"))
        devices.copy_from_first(modules, done)
        if devices.first:
            files.write_lines(metrics, lines)
        started = saved = point_time = time.monotonic()
        point_step, saved_step = done, done

        def save() -> None:
            if not devices.first:
                return
            pending[:] = plain(pending)
            checkpoints.save_checkpoint(
                path,
                {
                    "key": settings_key,
                    "step": done,
                    "modules": {key: module.state_dict() for key, module in modules.items()},
                    "optimizer": optimizer.state_dict(),
                    "curve": curve,
                    "pending": pending,
                    "metrics": lines,
                    "seconds": spent + time.monotonic() - started,
                },
            )

        with reporter(name, steps, done, enabled=progress and devices.first) as show:
            for index in range(done, steps):
                pending.append(step(index))
                done = index + 1
                at_point = done % every == 0 or done == steps
                if at_point:
                    pending = plain(pending)  # waits for the device
                now = time.monotonic()
                rate = images_per_step * (done - point_step) / max(now - point_time, 1e-9)
                if at_point:
                    curve.append({"step": done, **{k: sum(p[k] for p in pending) / len(pending) for k in pending[-1]}})
                    seconds = {"seconds": round(spent + now - started, 3), "images_per_second": round(rate, 1)}
                    lines.append({**curve[-1], **seconds})
                    if devices.first:
                        files.append_line(metrics, lines[-1])
                    pending, point_step, point_time = [], done, now
                numbers = {k: f"{v:.3g}" for k, v in curve[-1].items() if k != "step"} if curve else {}
                more = {"last checkpoint": f"step {saved_step}" if saved_step else "none"}
                show(done, {**numbers, "images/s": f"{rate:.0f}"}, more)
                late = deadline is not None and now > deadline
                halt = devices.any(stop.requested or late)
                if done < steps and (halt or now - saved > CHECKPOINT_SECONDS):
                    save()
                    saved, saved_step = time.monotonic(), done
                    if halt:
                        devices.wait()  # a launcher ends the others as soon as one has ended
                        raise Stopped(f"{name}: stopped after step {done} of {steps}, saved; run again to continue")
        return curve, spent + time.monotonic() - started


def plain(numbers: list[dict[str, float | torch.Tensor]]) -> list[dict[str, float]]:
    """The numbers of steps as floats; waits for the device that computes them."""
    return [{name: float(value) for name, value in step.items()} for step in numbers]


def mean_of(values: list[torch.Tensor]) -> torch.Tensor:
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
    path: Path, modules: dict[str, torch.nn.Module], optimizer: torch.optim.Optimizer, key: str, steps: int
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

    def __init__(self, patient: bool = False):
        self.patient = patient

    def __enter__(self):
        self.previous = {}
        if threading.current_thread() is threading.main_thread():
            self.previous = {number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_):
        for number, handler in self.previous.items():
            signal.signal(number, handler)

    def _note(self, number, _frame):
        if self.requested and number == signal.SIGINT and not self.patient:  # SIGTERM may come twice, as from srun
            raise KeyboardInterrupt
        self.requested = True


def make_optimizer(module: torch.nn.Module, settings: schema.Optimizer) -> torch.optim.Optimizer:
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
