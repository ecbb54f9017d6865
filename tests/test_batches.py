"""Batches by Snakemake: what is planned, what is skipped, what a kill and a failure leave behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from eas_core.runs import jobs, releases
from eas_core.runs.run import automatic_device
from eas_core.settings import profiles

pytest.importorskip("snakemake")
ROOT = Path(__file__).resolve().parent.parent
SMOKE = [job.name.replace(" ", "_") for job in jobs.jobs(profiles.load("smoke"))]
TINY = "data.train_per_class=2 data.valid_per_class=2 data.test_per_class=2"


def command(*arguments: str, runs: Path, cores: int = 2, **config: str) -> list[str]:
    settings = [f"{name}={value}" for name, value in {"profile": "smoke", "runs": runs, **config}.items()]
    tools = ["--cores", str(cores), "--nolock", "--keep-going", "--rerun-incomplete", "--scheduler", "greedy"]
    return [sys.executable, "-m", "snakemake", *tools, *arguments, "--config", *settings]


def snakemake(
    *arguments: str, runs: Path, cores: int = 2, bin: Path = Path(sys.executable).parent, **config: str
) -> subprocess.CompletedProcess:
    """``bin``: where the jobs find ``python``."""
    path = os.pathsep.join([str(bin), os.environ["PATH"]])
    environment = os.environ | {"PATH": path}
    return subprocess.run(
        command(*arguments, runs=runs, cores=cores, **config), cwd=ROOT, env=environment, capture_output=True, text=True
    )


def planned(output: str) -> set[tuple[str, str]]:
    """(seed, job) of every job that a dry run lists."""
    return set(re.findall(r"output: \S*/jobs/(\d+)/(\S+)\.ipynb", output))


def test_three_seeds_plan_every_combination(tmp_path):
    run = snakemake("-n", "claims", runs=tmp_path, seeds="0,1,2")
    assert run.returncode == 0, run.stderr
    assert planned(run.stdout + run.stderr) == {(seed, job) for seed in "012" for job in SMOKE}


def test_a_job_that_only_begins_like_one_is_none(tmp_path):
    run = snakemake("-n", f"{tmp_path}/smoke/jobs/0/{SMOKE[-1]}_more.ipynb", runs=tmp_path)
    assert run.returncode != 0 and "MissingRuleException" in run.stdout + run.stderr


def test_a_cluster_gets_the_same_jobs(tmp_path):
    pytest.importorskip("snakemake_executor_plugin_slurm")
    local = snakemake("-n", "claims", runs=tmp_path, seeds="0,1")
    cluster = snakemake("-n", "--profile", "slurm", "claims", runs=tmp_path, seeds="0,1", gpu="1")
    assert cluster.returncode == 0, cluster.stderr
    text = cluster.stdout + cluster.stderr
    assert planned(text) == planned(local.stdout + local.stderr)
    assert "gpu=1" in text and "mem_mb=32000" in text, "the profile file was not read"


@pytest.fixture
def idle(tmp_path) -> Path:
    """A folder with a ``python`` that makes the output of a job, and notes when, with how many threads.

    It ends when two jobs have started, or after five seconds.
    """
    program = tmp_path / "bin" / "python"
    program.parent.mkdir()
    program.write_text(
        f"""#!/bin/sh
echo "start $OMP_NUM_THREADS $*" >> '{tmp_path}/log'
for i in $(seq 50); do [ $(grep -c ^start '{tmp_path}/log') -ge 2 ] && break; sleep 0.1; done
echo "end $OMP_NUM_THREADS $*" >> '{tmp_path}/log'
touch "$3"
"""
    )
    program.chmod(0o755)
    return program.parent


@pytest.mark.parametrize("gpu, together", [("", automatic_device() == "cpu"), ("0", True), ("1", False)])
def test_on_a_gpu_one_training_runs_at_a_time(gpu, together, tmp_path, idle):
    runs = tmp_path / "runs with blanks"
    setting = f"data.path='{tmp_path}/a folder' pairs.count=11"
    targets = [f"{runs}/smoke/jobs/{seed}/teacher.ipynb" for seed in (0, 1)]
    run = snakemake(*targets, runs=runs, cores=12, bin=idle, gpu=gpu, threads="3", set=setting)
    assert run.returncode == 0, run.stderr
    lines = (tmp_path / "log").read_text().splitlines()
    assert ([line.split()[0] for line in lines] == ["start", "start", "end", "end"]) == together, lines
    assert all(Path(target).exists() for target in targets)
    assert all(line.split()[1] == "3" for line in lines), "a job has the threads it is given"
    assert all(f"--runs {runs} --set={setting} -p job teacher" in line for line in lines)


def test_a_killed_batch_continues_and_what_is_done_is_skipped(tmp_path):
    targets = [f"{tmp_path}/smoke/jobs/{seed}/teacher.ipynb" for seed in (0, 1)]
    arguments = command(*targets, runs=tmp_path, set=TINY)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    batch = subprocess.Popen(
        arguments, cwd=ROOT, env=os.environ | {"PATH": path}, start_new_session=True, stderr=subprocess.PIPE, text=True
    )
    waited = time.monotonic() + 120
    while not list(tmp_path.glob("smoke/jobs/*/unfinished/*")) and time.monotonic() < waited:
        time.sleep(0.2)
    os.killpg(batch.pid, signal.SIGKILL)
    batch.communicate()
    assert not all(Path(target).exists() for target in targets), "killed too late to show anything"

    run = snakemake(*targets, runs=tmp_path, set=TINY)
    assert run.returncode == 0, run.stderr
    assert all(Path(target).exists() for target in targets)
    made = {path: path.stat().st_mtime_ns for path in tmp_path.glob("smoke/*/teacher-*/record.json")}
    assert len(made) == 2

    again = snakemake(*targets, runs=tmp_path, set=TINY)
    assert again.returncode == 0 and "Nothing to be done" in again.stdout + again.stderr
    changed = snakemake("-n", *targets, runs=tmp_path, set=f"{TINY} pairs.count=11")
    assert "Nothing to be done" in changed.stdout + changed.stderr, "the teacher does not depend on pairs"
    changed = snakemake("-n", *targets, runs=tmp_path, set=f"{TINY} teacher.epochs=2")
    assert planned(changed.stdout + changed.stderr) == {("0", "teacher"), ("1", "teacher")}
    assert {path: path.stat().st_mtime_ns for path in made} == made


def test_a_failed_job_names_its_notebook_and_cell_and_leaves_the_others(tmp_path):
    blocked = tmp_path / "smoke" / "1"
    blocked.parent.mkdir(parents=True)
    blocked.write_text("a file where seed 1 wants its folder")
    targets = [f"{tmp_path}/smoke/jobs/{seed}/teacher.ipynb" for seed in (0, 1)]
    run = snakemake(*targets, runs=tmp_path, set=TINY)
    assert run.returncode != 0
    (line,) = [line for line in (run.stdout + run.stderr).splitlines() if line.startswith("notebooks/")]
    assert line.startswith("notebooks/jobs/job.ipynb (teacher, seed 1): cell 4 of 6 (records = jobs.do(")
    assert [Path(target).exists() for target in targets] == [True, False]


def test_a_book_from_a_release_trains_and_tests_nothing(smoke_release, tmp_path):
    run = snakemake("-n", "book", runs=tmp_path, **{"from": str(smoke_release)})
    assert run.returncode == 0, run.stderr
    text = run.stdout + run.stderr
    rules = set(re.findall(r"^rule (\w+):", text, re.MULTILINE))
    assert not planned(text) and {"restore", "01_quickstart", "12_claims", "index", "html"} <= rules
    target = releases.for_book(smoke_release, tmp_path)["runs"]
    done = snakemake(f"{target}/restored", runs=tmp_path, **{"from": str(smoke_release)})
    assert done.returncode == 0, done.stderr
    assert list(Path(target).rglob("tested-EAS-*/record.json"))


@pytest.mark.parametrize(
    "config, message",
    [
        ({"from": "nothing"}, "release: 'nothing' is not "),
        ({"profile": "nothing"}, "profile: 'nothing' is not one of"),
        ({"profile": "imagenet-10"}, "data.path: not set; make it with eas prepare"),
        ({"set": "supernet.batch=3"}, "batch: unknown key; allowed: "),
        ({"set": "data.path='/a folder"}, "cannot be split into settings"),
        ({"seeds": "0,one"}, "seeds: '0,one' must be whole numbers separated by commas"),
    ],
)
def test_bad_input_is_said_before_anything_runs(config, message, tmp_path):
    run = snakemake("-n", "claims", runs=tmp_path, **config)
    assert run.returncode != 0 and message in run.stdout + run.stderr


@pytest.mark.skipif(not (ROOT / ".venv/bin/snakemake").exists(), reason="make book has not installed .venv")
def test_settings_with_blanks_and_colons_reach_the_profile_from_make():
    """``--config set=...`` would not do: Snakemake reads a value with a colon and a blank in it as a table."""
    command = ["make", "-o", ".venv/book.stamp", "claims", "PROFILE=smoke", "SET=supernet.stages='[{name: kernel}]'"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert run.returncode and "profile smoke: supernet.stages.0.depths: field required" in run.stderr
