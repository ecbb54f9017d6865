"""The notebooks in the repository are clean, and each runs from top to bottom with the smoke profile."""

from __future__ import annotations

import re
import shutil
import sys
import types
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.pylabtools import select_figure_formats
from IPython.utils.capture import capture_output
from traitlets.config import Config

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ALL = [*NOTEBOOKS, *sorted((ROOT / "notebooks").glob("*/*.ipynb"))]  # the jobs too
PARAMETERS = {"profile": "demo", "seed": 0, "runs": "runs", "overrides": []}
# In the order of the Snakefile: the quickstart uses what the others train.
ORDER = sorted(NOTEBOOKS, key=lambda path: (path.name.startswith("01_"), path.name))


def name_of(path: Path) -> str:
    return path.stem


def parameters(runs: Path) -> dict:
    return {"profile": "smoke", "seed": 0, "runs": str(runs), "overrides": []}


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_notebook_in_the_repository_is_clean(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}, "metadata of a run was saved"
    assert notebook.metadata["kernelspec"]["name"] == "python3"
    assert notebook.metadata["language_info"]["name"] == "python"
    for cell in notebook.cells:
        assert not {"papermill", "execution", "widgets"} & set(cell.metadata)
        assert "injected-parameters" not in cell.metadata.get("tags", [])
        if cell.cell_type == "code":
            assert not cell.outputs and cell.execution_count is None, "outputs belong to book/executed"


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_cell_ids_are_stable_and_unique(path):
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    assert (notebook.nbformat, notebook.nbformat_minor) >= (4, 5), "older formats have no cell ids"
    ids = [cell["id"] for cell in notebook.cells]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_notebook_has_the_common_parameters(path):
    cells = nbformat.read(path, as_version=4).cells
    (cell,) = (cell for cell in cells if "parameters" in cell.metadata.get("tags", []))
    defined: dict = {}
    exec(cell.source, defined)
    assert {name: defined.get(name) for name in PARAMETERS} == PARAMETERS


def test_the_book_lists_every_notebook():
    toc = (ROOT / "book" / "_toc.yml").read_text()
    snakefile = (ROOT / "Snakefile").read_text()
    for path in NOTEBOOKS:
        assert (f"executed/{path.stem}\n" if path.stem != "index" else "root: index\n") in toc
        assert f'"{path.stem}": ' in snakefile
    assert len(re.findall(r"executed/\d\d_", toc)) == len(NOTEBOOKS) - 1  # the cover is the root


def test_a_notebook_that_reads_releases_is_made_again_when_they_change():
    snakefile = (ROOT / "Snakefile").read_text()
    every_seed, others = (
        re.search(rf"^{name} = \((.*?)\)", snakefile, re.M)[1] for name in ("ALL_SEEDS", "SHOW_RELEASES")
    )
    assert "*ALL_SEEDS" in others and "releases=RELEASES if name in SHOW_RELEASES" in snakefile
    reading = [path.stem for path in NOTEBOOKS if re.search(r"\b(releases|shown)\.\w+\(", path.read_text())]
    assert sorted(re.findall(r'"(\w+)"', every_seed + others)) == reading


@pytest.fixture(scope="module")
def runs(smoke_run, smoke_evidence, tmp_path_factory) -> Path:
    """A copy of the finished smoke run, since notebooks may write."""
    return shutil.copytree(smoke_run.root, tmp_path_factory.mktemp("notebooks") / "runs")


# By papermill in a kernel of their own, as the book does: the one that trains from nothing and the one with the explorer.
# tests/test_release_format.py runs two more so.
IN_A_KERNEL = ("01_quickstart", "index")


@pytest.mark.parametrize("path", [path for path in ORDER if path.stem in IN_A_KERNEL], ids=name_of)
def test_notebook_runs_in_a_kernel_with_the_smoke_profile(path, runs, tmp_path, monkeypatch):
    papermill = pytest.importorskip("papermill")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    root = tmp_path / "runs" if path.stem == "01_quickstart" else runs  # a reader's first notebook trains from nothing
    out = tmp_path / path.name
    papermill.execute_notebook(str(path), str(out), parameters(root), progress_bar=False, cwd=str(ROOT))
    cells = nbformat.read(out, as_version=4).cells
    assert any(cell.outputs for cell in cells if cell.cell_type == "code"), "shows nothing"


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """IPython in this process, with a namespace of its own: as a kernel's, but nothing has to be imported again."""
    own = types.ModuleType("executed")
    monkeypatch.setitem(sys.modules, "executed", own)
    for name in ("displayhook", "excepthook", "ps1", "ps2", "ps3"):  # IPython's own, until the test ends
        monkeypatch.setattr(sys, name, getattr(sys, name, ""), raising=False)
    config = Config(HistoryManager={"enabled": False})
    shell = InteractiveShell.instance(config=config, ipython_dir=str(tmp_path / "ipython"), user_module=own)
    select_figure_formats(shell, {"png"})
    with plt.rc_context():
        yield shell
    plt.close("all")
    InteractiveShell.clear_instance()


@pytest.mark.parametrize("path", [path for path in ORDER if path.stem not in IN_A_KERNEL], ids=name_of)
def test_notebook_runs_with_the_smoke_profile(path, runs, shell, monkeypatch):
    monkeypatch.chdir(ROOT)
    shown = []
    for number, cell in enumerate(nbformat.read(path, as_version=4).cells):
        if cell.cell_type != "code":
            continue
        with capture_output() as said:
            done = shell.run_cell(cell.source, store_history=False)
        assert done.success, f"cell {number}: {done.error_before_exec or done.error_in_exec!r}"
        shown += [said.stdout, *said.outputs]
        if "parameters" in cell.metadata.get("tags", []):
            shell.push(parameters(runs))
    assert any(shown), "shows nothing"
