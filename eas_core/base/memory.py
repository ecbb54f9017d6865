"""Memory: how much a piece of work takes on top of what was there before, and keeping what was freed."""

from __future__ import annotations

import ctypes
import sys
import threading
from typing import Any

import psutil
import torch

SECONDS = 0.02  # between two samples


def keep_freed_memory() -> None:
    """Tell glibc to keep freed memory instead of giving it back to the kernel; does nothing elsewhere.

    Each step of a training, and each batch of an evaluation, frees and allocates the same activations. By default glibc
    returns such large blocks, and every page of them is then faulted in anew. ``make bench`` measures what this gains.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(-3, 2**30) or mallopt(-3, 2**25)  # M_MMAP_THRESHOLD; older glibc allows 32 MiB at most
        mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD


class PeakMemory:
    """``with PeakMemory(device) as memory: ...``, then ``memory.bytes``: the highest rise while the block ran.

    On a GPU it is the peak of that GPU's allocator, on a CPU the process's resident memory, sampled fifty times a second. Freed
    memory that the process keeps for later is not seen as new, so measure in a fresh process.
    """

    bytes = 0

    def __init__(self, device: str | torch.device = "cpu", cuda: Any = torch.cuda) -> None:
        """``cuda`` counts the memory of GPUs: :mod:`torch.cuda`, or something with the same three functions."""
        self.device = torch.device(device)
        self.cuda = cuda if self.device.type == "cuda" else None

    def __enter__(self) -> PeakMemory:
        if self.cuda:
            self.cuda.reset_peak_memory_stats(self.device)
            self._start = self.cuda.memory_allocated(self.device)
            return self
        self._process = psutil.Process()
        self._start = self._process.memory_info().rss
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.cuda:
            self.bytes = self.cuda.max_memory_allocated(self.device) - self._start
            return
        self._stop.set()
        self._thread.join()
        self._note()

    def _watch(self) -> None:
        while not self._stop.wait(SECONDS):
            self._note()

    def _note(self) -> None:
        self.bytes = max(self.bytes, self._process.memory_info().rss - self._start)
