"""Build the book from the executed notebooks, warnings as errors: ``python book/build.py``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    log = ROOT / "_build" / "build.log"
    log.parent.mkdir(exist_ok=True)
    command = [
        str(Path(sys.executable).with_name("jupyter-book")),
        "build",
        "book/",
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
    sys.exit(main())
