"""Several processes train as one does: two of them, on CPUs by gloo, against one with the same batches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from distributed_worker import CASES, OPTIONS, SHORT, layer, new_network, normalised, trained
from helpers import SMALL, bits, one_line
from test_training import PROFILE

from eas_core.base import checkpoints, devices, records
from eas_core.base.devices import ALONE, Devices
from eas_core.base.errors import CheckpointError, DevicesError, EASError
from eas_core.network.calibrate import calibrate
from eas_core.network.norm import BatchNorm2d
from eas_core.network.subnetwork import Network
from eas_core.runs import trained as train_stages
from eas_core.runs.run import make_run
from eas_core.settings import stages
from eas_core.space.search_space import LARGEST
from eas_core.training.loop import Stopped

pytest.importorskip("accelerate")
ROOT = Path(__file__).parents[1]


def launch(*command: str, cwd: Path) -> subprocess.CompletedProcess:
    """A command in two processes, by torchrun; where they meet is a free port of this machine.

    They wait for each other at every step, so beside other work they take many times as long as alone (45 s).
    """
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths}
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.run([*torchrun, *command], cwd=cwd, env=environment, capture_output=True, text=True, timeout=900)


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> Path:
    """The folder that two processes of tests/distributed_worker.py have filled."""
    folder = tmp_path_factory.mktemp("two")
    done = launch(str(ROOT / "tests" / "distributed_worker.py"), str(folder), cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def found(folder: Path, case: str, rank: int = 0) -> tuple[dict[str, torch.Tensor], list[dict]]:
    tensors, metadata = records.load_tensors(folder / f"{case}-{rank}.safetensors")
    return tensors, metadata["curve"]


@pytest.mark.parametrize("case", CASES)
def test_two_processes_follow_the_curve_of_one_with_the_same_batches(case, two, tmp_path):
    """In double to 1e-12, weights to 1e-9; in float32 to 1e-4. AdamW turns rounding of zero gradients into steps.

    (So the weights of the supernet in float32 are not compared; it is trained by AdamW, and in double they agree.)
    """
    stage, profile, dtype = CASES[case]
    weights, curve = trained(stage, profile, tmp_path, dtype)
    ours, points = found(two, case)
    close = 1e-12 if dtype == torch.float64 else 1e-4
    assert len(points) == len(curve) > 1
    for point, expected in zip(points, curve, strict=True):
        assert point == pytest.approx(expected, rel=close)
    if case != "supernet in float32":
        start = new_network(stage, dtype).state_dict()
        for name, tensor in weights.items():
            torch.testing.assert_close(ours[name], tensor, rtol=0, atol=1e-9 if dtype == torch.float64 else 1e-4)
        assert max((weights[name] - start[name]).abs().max().item() for name in start) > 1e-2


@pytest.mark.parametrize("case", CASES)
def test_both_processes_end_with_the_same_bits(case, two):
    (weights, curve), (others, other_curve) = (found(two, case, rank) for rank in (0, 1))
    assert bits(weights) == bits(others) and curve == other_curve


def test_processes_stop_together_and_go_on_to_what_an_undisturbed_training_gives(two):
    stops = [json.loads((two / f"stops-{rank}.json").read_text()) for rank in (0, 1)]
    assert stops[0] == stops[1] and [line.split(",")[0] for line in stops[0]] == [
        f"supernet: stopped after step {step} of 7" for step in range(1, 7)
    ]
    for rank in (0, 1):
        (weights, curve), (undisturbed, whole) = found(two, "stopped", rank), found(two, "supernet in float32", rank)
        assert bits(weights) == bits(undisturbed) and curve == whole


def test_one_process_goes_on_where_two_have_stopped(two):
    assert checkpoints.load_checkpoint(two / "handed over" / "checkpoint.pt")["step"] == 1
    _, curve = trained("supernet", SHORT, two / "handed over")
    for point, expected in zip(curve, found(two, "supernet in float32")[1], strict=True):
        assert point == pytest.approx(expected, rel=1e-4)


def test_a_batch_that_cannot_be_split_equally_is_refused_in_one_line(two):
    for rank in (0, 1):
        batch, micro_batches = json.loads((two / f"refused-{rank}.json").read_text())
        assert batch.startswith("teacher.batch_size: 7 images cannot be split equally among 2 processes")
        assert "2 processes x 3 micro-batches; take a multiple of 6" in micro_batches
    profile = PROFILE.model_copy(update={"teacher": PROFILE.teacher.model_copy(update={"batch_size": 10**6})})
    with pytest.raises(DevicesError, match="48 images cannot be split") as error:  # the split has no more
        trained("teacher", profile, two, devices=Devices(micro_batches=5))
    assert one_line(error.value)


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("stage", ["teacher", "supernet", "generator"])
def test_mixed_precision_and_micro_batches_train_near_the_plain_training(stage, option, two, tmp_path):
    weights, curve = found(two, f"{stage} {option}")
    assert all(torch.isfinite(tensor).all() and tensor.dtype != torch.bfloat16 for tensor in weights.values())
    name = "validation loss" if stage == "generator" else "loss"
    plain = found(two, f"{stage} in float32" if stage != "generator" else stage)[1]
    assert curve[0][name] == pytest.approx(plain[0][name], rel=0.2) and curve[0][name] != plain[0][name]


def test_layers_normalise_with_the_statistics_of_both_halves(two):
    one = normalised(*layer())
    halves = [found(two, "layer", rank)[0] for rank in (0, 1)]
    for name in ("y", "x"):  # outputs, and the gradient of the inputs
        torch.testing.assert_close(torch.cat([half[name] for half in halves]), one[name], rtol=0, atol=1e-12)
    for half in halves:
        for name in one.keys() - {"y", "x"}:
            torch.testing.assert_close(half[name], one[name], rtol=0, atol=1e-12)
    local = normalised(layer()[0], layer()[1][:3])
    assert (local["y"] - one["y"][:3]).abs().max() > 0.1  # the halves' own statistics are others


def test_all_processes_start_from_the_first_ones_weights(two):
    first, second = (found(two, "copied", rank)[0] for rank in (0, 1))
    assert bits(first) == bits(second)


def test_processes_that_see_other_checkpoints_are_told_in_one_line(two):
    for rank in (0, 1):
        (line,) = json.loads((two / f"apart-{rank}.json").read_text())
        assert line.startswith("checkpoint: not all processes see the same one")


# ---------------------------------------------------------------- one process


def test_one_process_does_what_torch_does():
    norm, x = layer()
    plain = torch.nn.BatchNorm2d(5).double()
    plain.load_state_dict(norm.state_dict())
    assert torch.equal(norm(x), plain(x)) and bits(norm.state_dict()) == bits(plain.state_dict())
    assert all(type(m) is BatchNorm2d for m in Network(SMALL, LARGEST).modules() if "Norm" in type(m).__name__)
    tensor = torch.arange(3.0)
    assert ALONE.share(tensor) is tensor and ALONE.micro(3) == [slice(0, 3)] and ALONE.first and ALONE.described() == {}


def test_options_of_a_launch_are_no_settings_but_a_checkpoint_keeps_to_them(tmp_path):
    plain = make_run("smoke", root=tmp_path, device="cpu", progress=False)
    team, _ = devices.join("cpu", "bf16", 2)
    run = make_run("smoke", root=tmp_path, device="cpu", progress=False, max_minutes=0, devices=team)
    assert [run.key(stage) for stage in stages.STAGES] == [plain.key(stage) for stage in stages.STAGES]
    with pytest.raises(Stopped):
        train_stages.teacher(run)
    with pytest.raises(CheckpointError, match="another run"):
        train_stages.teacher(plain)
    with pytest.raises(Stopped):
        train_stages.teacher(run)


def test_mixed_precision_of_accelerate_launch_is_taken_up_and_impossible_options_are_one_line(monkeypatch):
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    assert devices.join("cpu")[0].mixed_precision == "bf16" and devices.join("cpu", "no")[0].mixed_precision == "no"
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "fp16")
    for arguments in (("cpu",), ("cpu", "bf17"), ("cpu", "no", 0)):
        with pytest.raises(DevicesError) as error:
            devices.join(*arguments)
        assert one_line(error.value)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(EASError, match="2 processes") as error:
        devices.join("cuda:0")
    assert one_line(error.value)


def test_several_processes_without_accelerate_are_one_line(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(EASError, match="2 processes were started, which needs accelerate") as error:
        devices.join("cpu")
    assert one_line(error.value)


# ---------------------------------------------------------------- the command line


def test_eas_run_by_torchrun_from_the_first_stage_to_the_last(tmp_path):
    changes = ["data.train_per_class=4", "specialize.budgets=[3.0]", "generator.steps=3", "teacher.batch_size=32"]
    changes += ["evaluation.random_architectures=0", "evaluation.spread_architectures=0", "supernet.batch_size=32"]
    overrides = [word for change in changes for word in ("--set", change)]
    command = ["-m", "eas_core.cli", "run", "--profile", "smoke", "--device", "cpu", "--runs", str(tmp_path)]
    stopped = launch(*command, *overrides, "--quiet", "--max-minutes", "0", cwd=tmp_path)
    lines = [line for line in stopped.stderr.splitlines() if line.startswith(("eas:", "eas ("))]
    assert stopped.returncode != 0 and len(lines) == 1, stopped.stderr
    assert lines[0].startswith("eas: teacher: stopped after step 1 of ")
    (checkpoint,) = tmp_path.rglob("checkpoint.pt")

    done = launch(*command, *overrides, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not checkpoint.exists()
    made = stages.lineage("results")[1:]
    assert [line.split(":")[0] for line in done.stdout.splitlines()[: len(made)]] == made
    assert done.stdout.count("teacher:") == 1 and "95 % interval" in done.stdout
    run = make_run("smoke", root=tmp_path, overrides=changes, device="cpu", progress=False)
    for stage in made:  # one process finds what two have made
        record = records.read_record(run.folder(stage) / "record.json", stage)
        assert record["provenance"].get("processes") == (2 if stages.STAGES[stage].together else None)
    network, _ = train_stages.supernet(run)
    (train,) = run.splits("train")
    calibrate(network.extract(LARGEST), train, 8, 8, 0)
