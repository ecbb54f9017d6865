"""Notebooks that anybody can start by themselves: ``python -m book.launch FOLDER [--repository OWNER/NAME] [--release demo]``.

A copy of each notebook of the book gets a cell behind its parameters that puts a release's records and weights where they are
found, so nothing is trained; with a repository the first cell installs the wheel of this version that is published there
(Colab). Binder has it installed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import nbformat

import eas_core

ROOT = Path(__file__).resolve().parent.parent
WHEEL = "https://github.com/{repository}/releases/download/v{version}/eas_core-{version}-py3-none-any.whl"
RESTORE = """\
# a release instead of training: its records and weights are put where the cells below look for them
from eas_core.runs import releases
from eas_core.runs.releases_files import find

restored = releases.restore({release!r}, "runs")
profile, seed, runs = str(find({release!r}) / "profile.yaml"), restored.seed, str(restored.root)"""


def prepared(notebook: nbformat.NotebookNode, release: str, wheel: str = "") -> nbformat.NotebookNode:
    """The notebook with the release's cell behind its parameters, and the installation before all if a wheel is given."""
    cells, made = list(notebook.cells), nbformat.v4.new_code_cell
    (place,) = (n for n, cell in enumerate(cells) if "parameters" in cell.metadata.get("tags", []))
    cells.insert(place + 1, made(RESTORE.format(release=release), id="restore"))
    if wheel:
        cells.insert(0, made(f"%pip install --quiet {wheel}", id="install"))
    return nbformat.v4.new_notebook(cells=cells, metadata=notebook.metadata)


def write(folder: Path, release: str = "demo", wheel: str = "") -> list[Path]:
    """Write all notebooks of the book, prepared, into a folder; returns what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        paths.append(folder / path.name)
        nbformat.write(prepared(nbformat.read(path, as_version=4), release, wheel), paths[-1])
    return paths


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="book.launch", description="Notebooks that start from a release.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repository", metavar="OWNER/NAME", help="whose wheel a first cell installs")
    parser.add_argument("--release", default="demo", help="name or path (default: demo)")
    options = parser.parse_args(arguments)
    wheel = WHEEL.format(repository=options.repository, version=eas_core.__version__) if options.repository else ""
    print(len(write(options.folder, options.release, wheel)), "notebooks in", options.folder)


if __name__ == "__main__":
    main()
