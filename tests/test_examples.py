"""The scripts of examples/ and the lines of the README run as they are, at smoke sizes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def run(script: str, *options: str) -> str:
    """What a script prints; it is started in the project's folder, as its docstring says."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, f"examples/{script}", *options]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_short_and_says_how_it_is_run(path):
    assert len(path.read_text().splitlines()) < 40
    assert f"python examples/{path.name}" in path.read_text().split('"""')[1]


def test_train_and_specialise(smoke_run, tmp_path):
    """The generator is trained, the rest is there: that takes half a minute less."""
    kept = shutil.ignore_patterns("generator-*", "multi_path*", "tested-*", "specialized-*", "results-*")
    shutil.copytree(smoke_run.root, tmp_path / "runs", ignore=kept)
    out = run("specialise.py", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "network"))
    cost, size = re.search(r"at most 3 M: ([\d.]+) M multiply-adds, ([\d,]+) parameters", out).groups()
    assert 1.7 < float(cost) <= 3 and int(size.replace(",", "")) > 10_000
    assert (tmp_path / "network" / "network.safetensors").exists()
    (trained,) = (tmp_path / "runs").rglob("generator-*/record.json")
    assert trained.parent.name == smoke_run.folder("generator").name


def test_read_a_release_and_draw_a_figure(tmp_path):
    out = run("read_release.py", "releases/tiny-imagenet-10-cpu", "--out", str(tmp_path / "figure.png"))
    assert re.search(r"teacher: \d+ s, x86_64 CPU, torch ", out)
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_add_a_baseline(smoke_run, tmp_path):
    shutil.copytree(smoke_run.root, tmp_path / "runs")
    out = run("add_baseline.py", "smoke", "0", str(tmp_path / "runs"))
    means = re.findall(r"(EAS|random): ([\d.]+)%, mean of 50 tasks and budgets", out)
    assert [name for name, _ in means] == ["EAS", "random"] and all(float(mean) > 5 for _, mean in means)
    (record,) = (tmp_path / "runs").rglob("tested-random-*/record.json")
    rows = json.loads(record.read_text())["result"]["rows"]
    assert all(0.96 * row["budget"] <= row["madds"] <= row["budget"] for row in rows)


def test_the_lines_of_the_readme(smoke_run):
    (code,) = re.findall(r"```python\n(.+?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    code, count = re.subn(r'make_run\("demo"\)', f'make_run("smoke", root={str(smoke_run.root)!r}, device="cpu")', code)
    names: dict = {}
    exec(code, names)
    assert count == 1 and names["chosen"].madds <= 2.3
