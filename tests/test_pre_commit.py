"""The hooks before a commit: tools of the pinned environment and nothing to download; they pass here and find what is wrong."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
REPOSITORIES = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
HOOKS = {hook["id"]: hook for repository in REPOSITORIES for hook in repository["hooks"]}


def run(name: str, *files: str, folder: Path = ROOT) -> int:
    """The exit status of a hook's command on these files, with the tools of the environment that runs the tests."""
    program, *options = shlex.split(HOOKS[name]["entry"])
    assert program.startswith(".venv/bin/")
    tool = Path(sys.executable).with_name(Path(program).name)
    if not tool.exists():
        pytest.skip(f"{tool.name} is not installed")
    return subprocess.run([tool, *options, *files], cwd=folder, capture_output=True).returncode


def test_nothing_is_downloaded():
    assert all(repository["repo"] == "local" for repository in REPOSITORIES)
    assert {hook["language"] for hook in HOOKS.values()} == {"system"}
    assert not any("additional_dependencies" in hook for hook in HOOKS.values())


def test_lint_and_hooks_run_the_same_tools():
    lint = (ROOT / "Makefile").read_text().split("\nlint:")[1].split("\n\n")[0]
    used = {Path(shlex.split(hook["entry"])[0]).name for hook in HOOKS.values()} - {"nbstripout"}
    assert used == {
        word.removeprefix("$(BIN)/").removeprefix("@")
        for word in lint.replace("@", "").split()
        if word.startswith("$(BIN)/")
    }


@pytest.mark.parametrize("name", ["ruff-check", "ruff-format"])
def test_python_is_checked_and_formatted(name, tmp_path):
    assert run(name, "eas_core/cli/commands.py") == 0
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    bad = tmp_path / "bad.py"
    bad.write_text("import os\nx = {  'a':1}\n")
    status = run(name, "bad.py", folder=tmp_path)
    assert (
        status != 0 or bad.read_text() == 'import os\n\nx = {"a": 1}\n'
    )  # a hook that changes a file stops the commit


def test_outputs_of_notebooks_are_taken_out_and_nothing_else(tmp_path):
    shutil.copytree(ROOT / "notebooks", tmp_path, dirs_exist_ok=True)
    copies = sorted(tmp_path.rglob("*.ipynb"))
    assert run("nbstripout", *map(str, copies)) == 0
    for path in copies:
        assert path.read_bytes() == (ROOT / "notebooks" / path.relative_to(tmp_path)).read_bytes(), path.name
    output = nbformat.v4.new_output("stream", text="1")
    nbformat.write(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1", outputs=[output])]), tmp_path / "ran.ipynb"
    )
    run("nbstripout", str(tmp_path / "ran.ipynb"))
    assert not nbformat.read(tmp_path / "ran.ipynb", as_version=4).cells[0].outputs
