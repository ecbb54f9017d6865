"""Build the book from the executed notebooks into an empty folder, warnings as errors: ``python book/build.py FOLDER``.

The pages are in ``FOLDER/_build/html``; they become the book when they have been checked (``book/check.py``).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(folder: str) -> int:
    log = ROOT / "_build" / "build.log"
    log.parent.mkdir(exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    command = [
        str(Path(sys.executable).with_name("jupyter-book")),
        "build",
        "book/",
        "--path-output",
        folder,
        "--all",
        "-W",
        "-n",
        "--keep-going",
    ]
    with open(log, "w") as out:
        environment = os.environ | {"NO_COLOR": "1"}
        status = subprocess.run(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT).returncode
    if status:
        text = log.read_text().splitlines()
        notable = [line for line in text if "WARNING" in line or "ERROR" in line or "Error" in line]
        print("\n".join(notable or text[-20:]), file=sys.stderr)
        print(f"the book was not built; all that Sphinx said is in {log.relative_to(ROOT)}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
