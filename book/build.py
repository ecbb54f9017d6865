"""Build the book from the executed notebooks into an empty folder, warnings as errors: ``python book/build.py FOLDER``.

The pages are in ``FOLDER/_build/html``; they become the book when they have been checked (``book/check.py``).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
JUPYTER_BOOK = str(Path(sys.executable).with_name("jupyter-book"))


def command(folder: str) -> list[str]:
    """The call of Jupyter Book that builds the pages into ``folder``, warnings as errors."""
    return [JUPYTER_BOOK, "build", "book/", "--path-output", folder, "--all", "-W", "-n", "--keep-going"]


def main(command: Sequence[str], log: Path = ROOT / "_build" / "build.log") -> int:
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
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    sys.exit(main(command(sys.argv[1])))
