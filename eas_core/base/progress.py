"""How far a long run is: a bar on a terminal; elsewhere, as in the log of a cluster, a line at first and one a minute."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from tqdm import tqdm

HEARTBEAT_SECONDS = 60.0
Item = TypeVar("Item")


@contextmanager
def reporter(
    name: str, total: int, done: int = 0, *, unit: str = "step", enabled: bool = True
) -> Iterator[Callable[..., None]]:
    """Gives ``show(done, numbers, more)``, to be called after every step; ``more`` is for lines, a bar leaves it out.

    ``numbers`` and ``more`` are dicts of short texts. A line reads
    ``teacher: step 340 of 1200, loss 0.52, images/s 812, ETA 03:10, last checkpoint step 320``.
    """
    if enabled and not _is_terminal():
        yield _heartbeat(name, total, done, unit)
        return
    with tqdm(total=total, initial=done, desc=name, unit=unit, disable=not enabled, mininterval=1.0) as bar:

        def show(done: int, numbers: dict[str, str] | None = None, more: dict[str, str] | None = None) -> None:
            if numbers:
                bar.set_postfix(numbers, refresh=False)
            bar.update(done - bar.n)

        yield show


def track(items: Sequence[Item], name: str, *, unit: str = "it", enabled: bool = True) -> Iterator[Item]:
    """The items one by one, with a :func:`reporter` of how many are done."""
    with reporter(name, len(items), unit=unit, enabled=enabled) as show:
        for number, item in enumerate(items, 1):
            yield item
            show(number)


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def _heartbeat(name: str, total: int, first: int, unit: str) -> Callable[..., None]:
    started = last = time.monotonic()

    def show(done: int, numbers: dict[str, str] | None = None, more: dict[str, str] | None = None) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < HEARTBEAT_SECONDS:
            return
        last = now
        left = (now - started) / max(1, done - first) * (total - done)
        _say(name, unit, done, total, {**(numbers or {}), "ETA": tqdm.format_interval(left), **(more or {})})

    _say(name, unit, first, total, {})
    return show


def _say(name: str, unit: str, done: int, total: int, notes: dict[str, str]) -> None:
    parts = [f"{unit} {done} of {total}", *(f"{key} {value}" for key, value in notes.items())]
    print(f"{name}: {', '.join(parts)}", file=sys.stderr, flush=True)
