"""benchmarks/gpu_release.sh: a run in pieces, each on a bare machine, is the run that was never interrupted."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tiny
from helpers import bits
from test_tiny_imagenet import members, write_zip  # noqa: F401 - a fixture

from data_prep import tiny_imagenet
from eas_core.base import records
from eas_core.runs.run import make_run
from eas_core.settings.stages import lineage

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "benchmarks" / "gpu_release.sh"
EXTRAS = ("IPython", "anywidget", "ipywidgets", "jupyter", "nbformat", "papermill", "snakemake", "accelerate", "onnx")
SETTINGS = [  # a step or two a stage
    *tiny.SMALL,
    *("teacher.epochs=1", "supernet.cached_teacher=false"),
]


def script(*words, **environment) -> subprocess.CompletedProcess:
    plain = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    more = {"PYTHON": sys.executable, "PACKAGES": "", "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(["bash", str(SCRIPT), *map(str, words)], env=plain | more, capture_output=True, text=True)


def test_pieces_on_machines_that_start_bare_end_as_an_uninterrupted_run(tmp_path):
    """The first piece ends after a step of the teacher. No package of the extras can be imported there, as with
    ``pip install -e .``."""
    card, out = tmp_path / "card", tmp_path / "out"
    card.mkdir()
    parts = "tested-EAS\nsupernet supernet.task_dropout.q=0"
    settings = {"PROFILE": "smoke", "DEVICE": "cpu", "SET": " ".join(SETTINGS), "PARTS": parts}
    for number, minutes in enumerate(["0", "30"]):
        work = tmp_path / f"machine-{number}"
        for name in EXTRAS:
            (work / "packages" / name).mkdir(parents=True)
            (work / "packages" / name / "__init__.py").write_text(f"raise ImportError('{name} is not here')")
        done = script("piece", card, out, MINUTES=minutes, WORK=str(work), **settings)
        assert done.returncode == 0, done.stdout + done.stderr + (out / "log.txt").read_text()
        said = done.stdout.splitlines()[-1]
        assert said.endswith("all done") == (out / "done").exists() == (minutes != "0")
        if minutes == "0":
            assert "stopped after step 1 of" in done.stdout
        shutil.rmtree(work)  # the machine goes
        collected = script("collect", out, card)
        assert collected.returncode == 0, collected.stderr
    home = tmp_path / "home"
    home.mkdir()
    assert script("unpack", card, home).returncode == 0
    run = make_run("smoke", 0, home / "runs", SETTINGS, "cpu", progress=False)
    folders = [run.folder(stage) for stage in ("teacher", "supernet", "generator", "specialized", "tested-EAS")]
    folders.append(run.variant(q=0.0).folder("supernet"))
    assert sorted(home.rglob("record.json")) == sorted(folder / "record.json" for folder in folders)
    alone = make_run("smoke", 0, tmp_path / "alone", SETTINGS, "cpu", progress=False)
    tiny.make(alone, "teacher")
    weights = [records.load_tensors(r.folder("teacher") / "weights.safetensors")[0] for r in (run, alone)]
    assert bits(weights[0]) == bits(weights[1])
    assert not list(home.rglob("*.previous.pt")) and not (home / "runs" / "data").exists()


def test_photographs_are_packed_smaller_and_are_the_same_when_unpacked(members, tmp_path):  # noqa: F811
    archive = write_zip(tmp_path / "tiny-imagenet-200.zip", members)
    packed = script("pack", archive, tmp_path / "card")
    assert packed.returncode == 0, packed.stderr
    subprocess.run(["tar", "-xJf", tmp_path / "card" / "photographs.tar.xz", "-C", tmp_path], check=True)
    one, other = (tiny_imagenet.load(path, 16, progress=False) for path in (archive, tmp_path))
    assert (one.train_images == other.train_images).all() and (one.test_images == other.test_images).all()
    assert (tmp_path / "card" / "photographs.tar.xz").stat().st_size < archive.stat().st_size
    assert not list((tmp_path / tiny_imagenet.ROOT).rglob("n01443537*")), "a class that is not one of the sixty"


def test_what_is_made_by_default_is_every_method_with_task_dropout_and_once_for_alls_without():
    (default,) = re.findall(r'PARTS=\$\{PARTS:-"(.*?)"\}', SCRIPT.read_text(), re.DOTALL)
    made: dict[str, set[str]] = {"": set(), "supernet.task_dropout.q=0": set()}
    for line in default.splitlines():
        stage, _, setting = line.partition(" ")
        made[setting] |= {*lineage(stage)}
    own, plain = made.values()
    assert own >= {"results", "tested-EAS", "tested-multi-path"} and plain >= {
        "tested-EAS",
        "tested-OFA-V",
        "tested-OFA-T",
    }


@pytest.mark.parametrize(
    "words, said",
    [
        ([], "usage: "),
        (["piece", "card"], "usage: "),
        (["pack", "nothing.zip", "card"], "nothing.zip: no such file"),
        (["collect", "nothing", "card"], "nothing: nothing came back"),
    ],
)
def test_what_cannot_be_is_one_line(words, said, tmp_path):
    done = script(*words)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and said in done.stderr


def test_a_stage_that_fails_is_said_and_what_was_made_is_kept(tmp_path):
    (tmp_path / "card").mkdir()
    settings = {"PROFILE": "smoke", "DEVICE": "cpu", "SET": "teacher.batch_size=many", "WORK": str(tmp_path / "work")}
    done = script("piece", tmp_path / "card", tmp_path / "out", **settings)
    assert done.returncode == 2 and "results failed" in done.stderr and "teacher.batch_size" in done.stdout
    assert not (tmp_path / "out" / "done").exists()
