"""How much memory a piece of work takes on top of what was there before."""

from __future__ import annotations

import threading

import psutil
import torch

SECONDS = 0.02  # between two samples


class PeakMemory:
    """``with PeakMemory(device) as memory: ...``, then ``memory.bytes``: the highest rise while the block ran.

    On a GPU it is the allocator's peak, on a CPU the process's resident memory, sampled fifty times a second. Freed
    memory that the process keeps for later is not seen as new, so measure in a fresh process.
    """

    bytes = 0

    def __init__(self, device: str | torch.device = "cpu"):
        self.cuda = torch.device(device).type == "cuda"

    def __enter__(self) -> PeakMemory:
        if self.cuda:
            torch.cuda.reset_peak_memory_stats()
            self._start = torch.cuda.memory_allocated()
            return self
        self._process = psutil.Process()
        self._start = self._process.memory_info().rss
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        if self.cuda:
            self.bytes = torch.cuda.max_memory_allocated() - self._start
            return
        self._stop.set()
        self._thread.join()
        self._note()

    def _watch(self) -> None:
        while not self._stop.wait(SECONDS):
            self._note()

    def _note(self) -> None:
        self.bytes = max(self.bytes, self._process.memory_info().rss - self._start)
