"""The one training loop of the kit: progress, checkpoints, and exact continuation.

A step is a function of the step number alone (its random numbers are named by it, see :func:`eas_core.data.rng`), so
weights, optimiser state and step number are everything a checkpoint needs.
"""

from __future__ import annotations

import ctypes
import math
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch
from tqdm import tqdm

from eas_core import profiles, records
from eas_core.errors import CheckpointError, EASError

CHECKPOINT_SECONDS = 30.0
POINTS = 200  # of a training curve


def keep_freed_memory() -> None:
    """Tell glibc to keep freed memory instead of giving it back to the kernel; does nothing elsewhere.

    Each step frees and allocates the same activations. By default glibc returns such large blocks, and every page of
    them is then faulted in anew. What this gains depends on the shapes; ``make bench`` measures it.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(-3, 2**30) or mallopt(-3, 2**25)  # M_MMAP_THRESHOLD; older glibc allows 32 MiB at most
        mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD


class Stopped(EASError):
    """Training stopped before its end, after saving; running the same command again continues it."""


def train(
    name: str,
    folder: Path,
    steps: int,
    modules: dict[str, torch.nn.Module],
    optimizer: torch.optim.Optimizer,
    step: Callable[[int], dict[str, float]],
    *,
    images_per_step: int,
    deadline: float | None = None,
    progress: bool = True,
    settings_key: str = "",
) -> tuple[list[dict[str, float]], float]:
    """Call ``step(0) .. step(steps - 1)``, continuing from ``folder/checkpoint.pt`` where there is one.

    ``step`` does one update and returns numbers to show (plain floats). Returns the training curve (about 200 points,
    each the mean of the steps since the last) and the seconds spent, earlier sittings included. Raises
    :class:`Stopped` after saving, when ``deadline`` (``time.monotonic()``) has passed or on SIGTERM or Ctrl-C.
    """
    keep_freed_memory()
    path = Path(folder) / "checkpoint.pt"
    done, curve, pending, spent = 0, [], [], 0.0
    if path.exists():
        state = records.load_checkpoint(path)
        if state.get("key") != settings_key:
            raise CheckpointError(f"checkpoint: {path} is of another run or search space; remove it to start over")
        for key, module in modules.items():
            module.load_state_dict(state["modules"][key])
        optimizer.load_state_dict(state["optimizer"])
        done, curve, pending, spent = state["step"], state["curve"], state["pending"], state["seconds"]

    started = saved = time.monotonic()

    def save() -> None:
        records.save_checkpoint(
            path,
            {
                "key": settings_key,
                "step": done,
                "modules": {key: module.state_dict() for key, module in modules.items()},
                "optimizer": optimizer.state_dict(),
                "curve": curve,
                "seconds": spent + time.monotonic() - started,
                "pending": pending,
            },
        )

    every = max(1, steps // POINTS)
    with (
        stop_requests() as stop,
        tqdm(total=steps, initial=done, desc=name, unit="step", disable=not progress, mininterval=1.0) as bar,
    ):
        for index in range(done, steps):
            tick = time.monotonic()
            pending.append(step(index))
            done = index + 1
            if done % every == 0 or done == steps:
                curve.append({"step": done, **{k: sum(p[k] for p in pending) / len(pending) for k in pending[-1]}})
                pending = []
            numbers = {k: f"{v:.3g}" for k, v in (curve or pending)[-1].items() if k != "step"}
            bar.set_postfix({**numbers, "img/s": f"{images_per_step / (time.monotonic() - tick):.0f}"}, refresh=False)
            bar.update()
            late = deadline is not None and time.monotonic() > deadline
            if done < steps and (stop.requested or late or time.monotonic() - saved > CHECKPOINT_SECONDS):
                save()
                saved = time.monotonic()
                if stop.requested or late:
                    raise Stopped(f"{name}: stopped after step {done} of {steps}, saved; run again to continue")
    return curve, spent + time.monotonic() - started


class stop_requests:
    """While training, SIGTERM and the first Ctrl-C only raise a flag: a step is never torn in two.

    Signals can only be caught in the main thread; elsewhere nothing is changed.
    """

    #: Whether a stop was asked for.
    requested = False

    def __enter__(self):
        self.previous = {}
        if threading.current_thread() is threading.main_thread():
            self.previous = {number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_):
        for number, handler in self.previous.items():
            signal.signal(number, handler)

    def _note(self, number, _frame):
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


def make_optimizer(module: torch.nn.Module, settings: profiles.Optimizer) -> torch.optim.Optimizer:
    """SGD with Nesterov momentum, AdamW or Adam; no weight decay on biases and BatchNorm."""
    decay = [p for p in module.parameters() if p.ndim > 1]
    rest = [p for p in module.parameters() if p.ndim <= 1]
    groups = [{"params": decay, "weight_decay": settings.weight_decay}, {"params": rest, "weight_decay": 0.0}]
    if settings.kind == "sgd":
        nesterov = settings.momentum > 0
        return torch.optim.SGD(groups, lr=settings.lr, momentum=settings.momentum, nesterov=nesterov, fused=True)
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
