"""Peak memory is what a piece of work adds, not what the process had before; measured in fresh processes, as advised."""

import subprocess
import sys
from pathlib import Path

import pytest

from eas_core.base import memory

MIB = 2**20
PROGRAM = """
import torch
from eas_core.base.memory import PeakMemory
before = torch.ones(20 * 2**20)  # 80 MiB that are none of the block's business
with PeakMemory() as memory:
    {work}
print(memory.bytes)
"""


@pytest.mark.parametrize(
    "work, low, high",
    [
        ("kept = torch.ones(16 * 2**20)", 50, 80),  # 64 MiB
        ("[torch.ones(64 * 2**20).sum() for _ in range(3)]", 200, 400),  # 256 MiB, freed again, three times
        ("pass", 0, 4),
    ],
)
def test_the_peak_is_what_was_added(work, low, high):
    root = Path(__file__).resolve().parent.parent
    program = PROGRAM.format(work=work)
    run = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert low * MIB <= int(run.stdout) <= high * MIB


class Library:
    """A C library whose ``mallopt`` takes thresholds up to a limit, as glibc's does."""

    def __init__(self, limit: int):
        self.limit, self.asked = limit, []

    def mallopt(self, option: int, value: int) -> int:
        self.asked.append((option, value))
        return int(option != -3 or value <= self.limit)


@pytest.mark.parametrize(
    "platform, library, asked",
    [
        ("linux", Library(2**30), [(-3, 2**30), (-1, 2**31 - 1)]),
        ("linux", Library(2**25), [(-3, 2**30), (-3, 2**25), (-1, 2**31 - 1)]),  # glibc before 2.35
        ("linux", object(), None),  # another C library, such as musl
        ("darwin", None, None),
    ],
    ids=["glibc", "old glibc", "no mallopt", "no Linux"],
)
def test_freed_memory_is_kept_where_the_c_library_can(platform, library, asked, monkeypatch):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: library)
    memory.keep_freed_memory()
    assert getattr(library, "asked", None) == asked
