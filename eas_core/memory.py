"""How much memory a piece of work takes on top of what was there before."""

from __future__ import annotations

import threading

import psutil
import torch

SECONDS = 0.02  # between two samples


class PeakMemory:
    """``with PeakMemory(device) as memory: ...``, then ``memory.bytes``: the highest rise while the block ran.

    On a GPU it is the peak of that GPU's allocator, on a CPU the process's resident memory, sampled fifty times a second. Freed
    memory that the process keeps for later is not seen as new, so measure in a fresh process.
    """

    bytes = 0

    def __init__(self, device: str | torch.device = "cpu", cuda=torch.cuda):
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

    def __exit__(self, *_) -> None:
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
