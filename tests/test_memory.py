"""Peak memory is what a piece of work adds, not what the process had before; measured in fresh processes, as advised."""

import subprocess
import sys
from pathlib import Path

import pytest

MIB = 2**20
PROGRAM = """
import torch
from eas_core.memory import PeakMemory
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
