"""The notebooks in the repository are clean, and each runs from top to bottom with the smoke profile."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ALL = [*NOTEBOOKS, *sorted((ROOT / "notebooks").glob("*/*.ipynb"))]  # the jobs too
PARAMETERS = {"profile": "demo", "seed": 0, "runs": "runs", "overrides": []}
# In the order of the Snakefile: the quickstart uses what the others train.
ORDER = sorted(NOTEBOOKS, key=lambda path: (path.name.startswith("01_"), path.name))


def name_of(path: Path) -> str:
    return path.stem


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
    (listed,) = re.findall(r"releases=RELEASES if name in \((.*?)\)", (ROOT / "Snakefile").read_text())
    reading = [path.stem for path in NOTEBOOKS if re.search(r"\breleases\.\w+\(", path.read_text())]
    assert sorted(re.findall(r'"(\w+)"', listed)) == reading


@pytest.fixture(scope="module")
def runs(smoke_run, smoke_evidence, tmp_path_factory) -> Path:
    """A copy of the finished smoke run, since notebooks may write."""
    return shutil.copytree(smoke_run.root, tmp_path_factory.mktemp("notebooks") / "runs")


@pytest.mark.parametrize("path", ORDER, ids=name_of)
def test_notebook_runs_with_the_smoke_profile(path, runs, tmp_path, monkeypatch):
    papermill = pytest.importorskip("papermill")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    root = tmp_path / "runs" if path.stem == "01_quickstart" else runs  # a reader's first notebook trains from nothing
    parameters = {"profile": "smoke", "seed": 0, "runs": str(root), "overrides": []}
    out = tmp_path / path.name
    papermill.execute_notebook(str(path), str(out), parameters, progress_bar=False, cwd=str(ROOT))
    cells = nbformat.read(out, as_version=4).cells
    assert any(cell.outputs for cell in cells if cell.cell_type == "code"), "shows nothing"
