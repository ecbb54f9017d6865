"""Build the book from the executed notebooks, warnings as errors: ``python book/build.py``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


JUPYTER_BOOK = (
    str(Path(sys.executable).with_name("jupyter-book")),
    "build",
    "book/",
    "--all",
    "-W",
    "-n",
    "--keep-going",
)


def main(command: Sequence[str] = JUPYTER_BOOK, log: Path = ROOT / "_build" / "build.log") -> int:
    """Run Jupyter Book; its exit status, and its warnings on stderr if that is not 0."""
    log.parent.mkdir(exist_ok=True)
    with open(log, "w") as out:
        environment = os.environ | {"NO_COLOR": "1"}
        status = subprocess.run(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT).returncode
    if status:
        text = log.read_text().splitlines()
        notable = [line for line in text if "WARNING" in line or "ERROR" in line or "Error" in line]
        print("\n".join(notable or text[-20:]), file=sys.stderr)
        print(f"the book was not built; all that Sphinx said is in {log}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
