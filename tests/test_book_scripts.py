"""The scripts that make the book's pages: what they say when all is well, and when something is not."""

from __future__ import annotations

import base64
import io
import os
import runpy
import sys

import matplotlib.pyplot as plt
import nbformat
import pytest
from branches import report
from browser import ROOT

pytest.importorskip("papermill")


def script(name: str) -> dict:
    return runpy.run_path(str(ROOT / "book" / f"{name}.py"))


# ---------------------------------------------------------------- build


@pytest.mark.parametrize(
    "said, status, expected",
    [
        (["fine", "WARNING: of no account"], 0, []),
        (["reading", "a.md:3: WARNING: broken link", "done"], 2, ["a.md:3: WARNING: broken link"]),
        ([str(n) for n in range(30)], 1, [str(n) for n in range(10, 30)]),  # nothing notable: the last lines
    ],
)
def test_a_build_says_nothing_or_what_sphinx_warned_of(said, status, expected, tmp_path, capfd):
    program = f"print(*{said!r}, sep=chr(10)); raise SystemExit({status})"
    log = tmp_path / "_build" / "build.log"
    assert script("build")["main"]([sys.executable, "-c", program], log) == status
    out, err = capfd.readouterr()
    last = [f"the book was not built; all that Sphinx said is in {log}"] if status else []
    assert out == "" and err.splitlines() == expected + last
    assert log.read_text().splitlines() == said


# ---------------------------------------------------------------- execute


@pytest.mark.parametrize(
    "value, threads", [("3", 3), ("4,2", 4), (None, os.cpu_count()), ("", os.cpu_count()), ("0", os.cpu_count())]
)
def test_threads_are_those_that_openmp_was_given_or_all_cores(value, threads):
    assert script("execute")["threads"]({} if value is None else {"OMP_NUM_THREADS": value}) == threads


@pytest.mark.parametrize("text, value", [("[0, 1]", [0, 1]), ("teacher", "teacher"), ("1e", "1e")])
def test_a_parameter_is_json_or_text(text, value):
    assert script("execute")["_value"](text) == value


@pytest.mark.parametrize(
    "status, expected",
    [
        (["completed", "failed"], "cell 2 of 3 (print(1))"),
        (["completed", "completed", "running"], "cell 3 of 3 (empty)"),  # killed while it ran
        (["completed"], "not started"),
        (["injected"], "the injected parameters cell"),
        (None, "not started"),
    ],
)
def test_the_cell_that_failed_is_named(status, expected, tmp_path):
    cells = [nbformat.v4.new_code_cell(code) for code in ("a = 1", "# why\n\nprint(1)", "# nothing")]
    source, unfinished = tmp_path / "a.ipynb", tmp_path / "b.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), source)
    if status == ["injected"]:
        cells = [nbformat.v4.new_code_cell("seed = 1", metadata={"papermill": {"status": "failed"}}), *cells]
    elif status:
        for cell, found in zip(cells, status, strict=False):
            cell.metadata["papermill"] = {"status": found}
    if status:
        nbformat.write(nbformat.v4.new_notebook(cells=cells), unfinished)
    assert script("execute")["_failed_cell"](source, unfinished) == expected


def test_the_reason_is_the_kernels_or_the_errors_own():
    reason = script("execute")["_reason"]
    kernels = RuntimeError()
    kernels.ename, kernels.evalue = "KeyError", "'a'\n  b"
    assert reason(kernels) == "KeyError: 'a' b" and reason(ValueError("no kernel")) == "ValueError: no kernel"


# ---------------------------------------------------------------- pages


@pytest.mark.parametrize("overrides", [[], ["pairs.count=11"]])
def test_run_times_tell_threads_and_changed_settings(overrides, tmp_path):
    paths = [tmp_path / name for name in ("a.ipynb", "b.ipynb")]
    for path, threads in zip(paths, (1, 2), strict=True):
        run = {
            "profile": "smoke",
            "seed": 0,
            "seconds": 2.0,
            "peak_memory_bytes": 2**30,
            "finished": "2026-01-01T10:00:00",
        }
        run |= {"cores": 2, "threads": threads, "machine": "m", "overrides": overrides}
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Title")], metadata={"eas": run})
        nbformat.write(notebook, path)
    page = script("run_times")["page"](paths)
    assert "**4.0**" in page and "2 cores, 1 thread, m; 2 cores, 2 threads, m" in page
    assert ("`pairs.count=11`" in page) == bool(overrides) == ("Overridden" in page)


def test_chapters_without_figures_have_no_part_in_the_gallery(tmp_path):
    pytest.importorskip("myst_parser")
    pixel = io.BytesIO()
    plt.imsave(pixel, [[0.0]], format="png")
    output = nbformat.v4.new_output("display_data", {"image/png": base64.b64encode(pixel.getvalue()).decode()})
    for name, outputs in (("with", [output]), ("without", [])):
        cells = [nbformat.v4.new_markdown_cell(f"# Chapter {name}"), nbformat.v4.new_code_cell("1", outputs=outputs)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / f"{name}.ipynb")
    page = script("gallery")["page"](sorted(tmp_path.glob("*.ipynb")))
    assert "## Chapter with" in page and "Chapter without" not in page
    assert [path.name for path in (tmp_path / "gallery").iterdir()] == ["with-1.png"]


# ---------------------------------------------------------------- make coverage


def test_branches_that_nothing_takes_are_listed_and_packages_counted():
    def file(covered: int, branches: int, *missing: list[int]) -> dict:
        return {"summary": {"covered_branches": covered, "num_branches": branches}, "missing_branches": missing}

    files = {"eas_core/a.py": file(3, 4, [5, -1]), "eas_core/b.py": file(4, 4), "book/c.py": file(0, 0)}
    assert report({"files": files}).splitlines() == [
        "eas_core/a.py: 5->-1",
        "book: 0 of 0 branches, 0.0 %",
        "eas_core: 7 of 8 branches, 87.5 %",
    ]
