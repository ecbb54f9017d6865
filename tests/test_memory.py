"""Peak memory is what a piece of work adds, not what the process had before."""

import torch

from eas_core.memory import PeakMemory

MIB = 2**20


def test_the_peak_is_what_was_added_and_touched():
    before = torch.ones(20 * MIB)  # 80 MiB that are none of the block's business
    with PeakMemory() as memory:
        added = torch.ones(16 * MIB)  # 64 MiB
        assert added.sum() > 0
    assert 50 * MIB < memory.bytes < 75 * MIB
    del before


def test_memory_that_is_freed_again_counts():
    with PeakMemory() as memory:
        for _ in range(3):
            torch.ones(64 * MIB).sum()  # 256 MiB each, one after the other
    assert 200 * MIB < memory.bytes < 400 * MIB


def test_doing_nothing_takes_next_to_nothing():
    with PeakMemory() as memory:
        pass
    assert memory.bytes < 4 * MIB
