"""The page of run times, from the metadata of the executed notebooks: ``python book/run_times.py EXECUTED... > PAGE``."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat


def page(paths: list[Path]) -> str:
    """Markdown: a row a notebook, in the order of reading, with what the run measured."""
    rows = [(path, nbformat.read(path, as_version=4).metadata["eas"]) for path in sorted(paths)]
    lines = [
        "# Run times",
        "",
        "Measured when the notebooks of this book were executed, one at a time: seconds from the start of a notebook's kernel",
        "to its end, and the largest resident memory of its processes. A notebook whose trained networks were already there",
        "from an earlier run loads them, so its time is then that of loading.",
        "",
        "| notebook | profile | seed | seconds | peak memory | finished (UTC) |",
        "| --- | --- | ---: | ---: | ---: | --- |",
    ]
    for path, run in rows:
        finished = run["finished"][:16].replace("T", " ")
        memory = f"{run['peak_memory_bytes'] / 2**30:.2f} GiB"
        lines.append(
            f"| [{path.stem}]({path.name}) | {run['profile']} | {run['seed']} | {run['seconds']:.1f} | {memory} | {finished} |"
        )
    seconds = sum(run["seconds"] for _, run in rows)
    memory = max(run["peak_memory_bytes"] for _, run in rows)
    lines.append(f"| **together** | | | **{seconds:.1f}** | **{memory / 2**30:.2f} GiB** (largest) | |")
    machines = sorted(
        {
            f"{run['cores']} cores, {run['threads']} {'thread' if run['threads'] == 1 else 'threads'}, {run['machine']}"
            for _, run in rows
        }
    )
    changed = sorted({setting for _, run in rows for setting in run["overrides"]})
    lines += ["", "Machine: " + "; ".join(machines) + "."]
    if changed:
        lines += ["", "Overridden settings: " + ", ".join(f"`{setting}`" for setting in changed) + "."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page([Path(name) for name in sys.argv[1:]]))
