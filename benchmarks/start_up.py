"""How long ``eas`` takes to say what it can say without PyTorch: ``python -m benchmarks.start_up``.

Each command runs in a fresh process, in turns with the others; ``import torch`` stands beside them, since an ``eas`` that
imported it could not be faster.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from eas_core.base import files, records

RESULTS = Path(__file__).parent / "results" / "start_up.json"
ROUNDS = 11
COMMANDS = {  # name: (words after python, the limit in seconds of wall time)
    "import torch": (("-c", "import torch"), None),
    "eas --help": (("-m", "eas_core.cli", "--help"), 0.3),
    "eas tasks": (("-m", "eas_core.cli", "tasks"), 1.5),
    "an unknown profile": (("-m", "eas_core.cli", "run", "--profile", "nope"), 1.5),
    "a wrong setting": (("-m", "eas_core.cli", "run", "--set", "supernet.speed=3"), 1.5),
    "an unknown task": (("-m", "eas_core.cli", "specialize", "--task", "dogs", "--budget", "2.3"), 1.5),
    "a budget out of range": (("-m", "eas_core.cli", "specialize", "--task", "0", "--budget", "1e9"), 1.5),
    "claims of no run": (("-m", "eas_core.cli", "claims", "--runs", "nowhere"), 1.5),
}


def seconds(words: tuple[str, ...]) -> tuple[float, float]:
    """Wall and CPU seconds of one process."""
    before, tick = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *words], capture_output=True)
    wall, after = time.perf_counter() - tick, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    for number in range(ROUNDS + 1):
        for name, (words, _) in COMMANDS.items():
            spent = seconds(words)
            if number:  # the first fills the file cache
                found[name].append(spent)
    wall, cpu = ({name: statistics.median(s[i] for s in spent) for name, spent in found.items()} for i in (0, 1))
    print("| | wall s | CPU s | limit, wall s | import torch / this, CPU |\n| --- | ---: | ---: | ---: | ---: |")
    for name, (_, limit) in COMMANDS.items():
        print(
            f"| {name} | {wall[name]:.2f} | {cpu[name]:.2f} | {limit or ''} | {cpu['import torch'] / cpu[name]:.1f} |"
        )
    result = {"wall": wall, "cpu": cpu, "provenance": records.provenance()}
    files.write_atomic(RESULTS, (json.dumps(result, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
