"""Clock, ratios and tables of the benchmarks."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch


def clock() -> float:
    """Seconds: the process's CPU time with one thread, the wall's with several."""
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def ratios(slow: list[float], fast: list[float]) -> dict:
    """Median and 10-90 % spread of slow / fast, paired by position (round and architecture)."""
    values = sorted(a / b for a, b in zip(slow, fast, strict=True))
    tenth = len(values) // 10
    return {"median": statistics.median(values), "low": values[tenth], "high": values[-1 - tenth], "n": len(values)}


def timed(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    tick = clock()
    work()
    return clock() - tick


def median_ms(work: Callable[[], object], repeats: int) -> float:
    """Median milliseconds of a call, after two that warm up."""
    return 1e3 * statistics.median([timed(work) for _ in range(repeats + 2)][2:])


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
