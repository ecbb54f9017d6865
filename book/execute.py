"""Execute one notebook by papermill: ``python book/execute.py IN.ipynb OUT.ipynb --profile demo --seed 0 --runs runs``.

The executed copy appears under its name only when every cell ran; a copy that stopped is left in ``unfinished/`` beside
it, and one line says which cell failed and why. Seconds, peak memory and the machine go into the copy's metadata.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import sys
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

# jsonschema looks for it to check internet addresses, of which notebooks hold none: building its grammar takes a second.
sys.modules["rfc3987_syntax"] = None

import nbformat  # noqa: E402
import papermill  # noqa: E402
import psutil  # noqa: E402

from eas_core.base.parsing import parse_json  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(description="Execute one notebook by papermill.")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--profile", default="demo")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", default="runs")
    parser.add_argument("--set", default="", help="settings to override, separated by blanks as in a shell")
    more = "another parameter; VALUE is JSON, or else text"
    parser.add_argument("-p", dest="more", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help=more)
    options = parser.parse_args()
    parameters = {
        "profile": options.profile,
        "seed": options.seed,
        "runs": options.runs,
        "overrides": shlex.split(options.set),
    }
    for name, text in options.more:
        if name in parameters:
            parser.error(f"-p {name} {text}: {name} is already {parameters[name]!r}")
        try:
            parameters[name] = _value(text)
        except ValueError as error:
            parser.error(f"-p {name}: {error}")
    return execute(options.source, options.target, parameters)


def _value(text: str):
    """A parameter's value: JSON, or else the text itself; JSON with a key twice raises ValueError."""
    try:
        return parse_json(text)
    except json.JSONDecodeError:
        return text


def execute(source: Path, target: Path, parameters: dict) -> int:
    """Run ``source`` with ``parameters`` into ``target``; returns 0, or 1 after saying which cell failed."""
    unfinished = target.parent / "unfinished" / target.name
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    started = time.monotonic()
    with PeakMemory() as memory:
        try:
            papermill.execute_notebook(
                str(source),
                str(unfinished),
                parameters,
                cwd=str(ROOT),
                progress_bar=False,
                extra_arguments=["--log-level=50"],  # no notes of the kernel about itself
            )
        except Exception as error:  # whatever it was, the reader needs the notebook, the cell and the reason
            what = f"{source} ({parameters['job']}, seed {parameters['seed']})" if "job" in parameters else source
            print(f"{what}: {_failed_cell(source, unfinished)}: {_reason(error)} (see {unfinished})", file=sys.stderr)
            return 1
    seconds = time.monotonic() - started
    executed = nbformat.read(unfinished, as_version=4)
    executed.metadata["eas"] = {
        **parameters,
        "seconds": round(seconds, 1),
        "peak_memory_bytes": memory.peak,
        "cores": os.cpu_count(),
        "threads": threads(os.environ),
        "machine": f"{platform.machine()} {platform.system()}, Python {platform.python_version()}",
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    nbformat.write(executed, unfinished)
    os.replace(unfinished, target)
    what = f"{parameters['job']}, seed {parameters['seed']}" if "job" in parameters else source.stem
    print(f"{what}: {seconds:.0f} s, {memory.peak / 2**30:.1f} GiB", flush=True)
    return 0


def threads(environment: Mapping[str, str]) -> int | None:
    """Threads of a kernel: the first number of OMP_NUM_THREADS (it may list one for each level), or else all cores."""
    first = environment.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) else os.cpu_count()


def _failed_cell(source: Path, unfinished: Path) -> str:
    """Which cell of ``source`` failed, from the state that papermill left in the unfinished copy."""
    try:
        ran = nbformat.read(unfinished, as_version=4).cells
        cells = nbformat.read(source, as_version=4).cells
    except (OSError, ValueError):
        return "not started"
    failed = [c for c in ran if c.metadata.get("papermill", {}).get("status") in ("failed", "running")]
    for number, cell in enumerate(cells, 1):
        if failed and cell.get("id") == failed[0].get("id"):
            code = [line for line in cell.source.splitlines() if line.strip() and not line.lstrip().startswith("#")]
            return f"cell {number} of {len(cells)} ({code[0].strip()[:60] if code else 'empty'})"
    return "the injected parameters cell" if failed else "not started"


def _reason(error: Exception) -> str:
    name, value = getattr(error, "ename", None), getattr(error, "evalue", None)
    if name is None:
        name, value = type(error).__name__, str(error)
    return " ".join(f"{name}: {value}".split())[:500]


class PeakMemory:
    """The largest resident memory of the processes started inside the ``with`` block, sampled five times a second."""

    def __enter__(self) -> PeakMemory:
        self.peak, self._stop = 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._stop.wait(0.2):
            total = 0
            for process in me.children(recursive=True):
                try:
                    total += process.memory_info().rss
                except psutil.Error:  # it ended meanwhile
                    continue
            self.peak = max(self.peak, total)


if __name__ == "__main__":
    sys.exit(main())
