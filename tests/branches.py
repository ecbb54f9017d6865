"""Branch coverage of each package, and the branches that no test takes: ``python tests/branches.py`` after ``coverage combine``."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path


def report(measured: dict) -> str:
    """One line for each file with a branch that nothing took (line->line, a negative one is the end), one a package."""
    taken, there, lines = Counter(), Counter(), []
    for path, file in sorted(measured["files"].items()):
        package = Path(path).parts[0]
        taken[package] += file["summary"]["covered_branches"]
        there[package] += file["summary"]["num_branches"]
        if missing := file.get("missing_branches"):
            lines.append(f"{path}: " + ", ".join(f"{start}->{end}" for start, end in missing))
    shares = (
        f"{name}: {taken[name]} of {there[name]} branches, {100 * taken[name] / max(1, there[name]):.1f} %"
        for name in there
    )
    return "\n".join([*lines, *shares])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "coverage.json"
        subprocess.run([sys.executable, "-m", "coverage", "json", "--quiet", "-o", str(path)], check=True)
        print(report(json.loads(path.read_text())))
