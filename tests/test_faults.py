"""What may go wrong during a long training: kills, damaged checkpoints, full disks, two writers; and what it tells."""

import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from helpers import bits, one_line

from eas_core import cli
from eas_core.base import checkpoints, files, progress
from eas_core.base.errors import CheckpointError, EASError
from eas_core.cli import named
from eas_core.runs.run import make_run
from eas_core.training import loop
from eas_core.training.loop import Stopped

ROOT = Path(__file__).parents[1]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
STEPS = 12


def tiny(folder: Path, *, show: bool = False, **options) -> tuple[dict[str, bytes], list[dict]]:
    """Train eight weights for twelve steps; returns (weights as bytes, curve)."""
    network = torch.nn.Linear(8, 1)
    torch.nn.init.constant_(network.weight, 0.1)
    torch.nn.init.zeros_(network.bias)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.1)

    def step(index: int) -> dict[str, float]:
        images = torch.randn(4, 8, generator=torch.Generator().manual_seed(index))
        loss = ((network(images) - images.sum(1, keepdim=True)) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"loss": loss.item()}

    options = {"images_per_step": 4, "progress": show, "settings_key": "k", **options}
    curve, _ = loop.train("tiny", folder, STEPS, {"network": network}, optimizer, step, **options)
    return bits(network.state_dict()), curve


def stop_after(folder: Path, steps: int) -> Path:
    """A training stopped after some steps, each of them saved; returns its checkpoint."""
    for _ in range(steps):
        with pytest.raises(Stopped):
            tiny(folder, deadline=0.0)
    return folder / "checkpoint.pt"


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return tiny(tmp_path_factory.mktemp("undisturbed"))


def metrics(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def without_times(lines: list[dict]) -> list[dict]:
    return [{k: v for k, v in line.items() if k not in ("seconds", "images_per_second")} for line in lines]


# ---------------------------------------------------------------- kills


def test_kills_at_twenty_moments_and_at_each_stage_of_writing_change_nothing(tmp_path):
    command = [sys.executable, str(ROOT / "tests" / "killed.py"), str(tmp_path), "0"]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=250)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["kills"] == {"killed": 20, "writing": 5}
    assert len(set(told["steps"])) >= 5, "the kills came too early to show anything"
    assert told["left"] == [0, 0]  # half-written files are removed by the next sitting
    whole, killed, writing = (
        json.loads((tmp_path / n / "result.json").read_text()) for n in ("whole", "killed", "writing")
    )
    assert whole["curve"] and killed == whole and writing == whole
    for name in ("whole", "killed", "writing"):
        lines = metrics(tmp_path / name)
        assert without_times(lines) == whole["curve"]  # no step twice, none missing, no torn line
        seconds = [line["seconds"] for line in lines]
        assert seconds == sorted(seconds) and all(line["images_per_second"] > 0 for line in lines)


# ---------------------------------------------------------------- damaged checkpoints


def damaged(good: bytes) -> dict[str, bytes]:
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 4
    cuts = {f"cut to {keep}": good[:keep] for keep in (0, 7, 8, 39, 40, 41)}
    cuts |= {"cut in half": good[: len(good) // 2], "cut by one": good[:-1]}
    return {**cuts, "flipped": bytes(flipped), "longer": good + b"\0", "zeros": bytes(len(good))}


@pytest.mark.parametrize("damage", damaged(b"x" * 100))
def test_a_damaged_checkpoint_is_told_and_the_one_before_used(damage, tmp_path, capsys, undisturbed):
    path = stop_after(tmp_path, 5)
    assert checkpoints.load_checkpoint(checkpoints.previous_checkpoint(path))["step"] == 4
    path.write_bytes(damaged(path.read_bytes())[damage])
    assert tiny(tmp_path) == undisturbed
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{path} is damaged or cut short" in line and "continuing from checkpoint.previous.pt" in line
    assert without_times(metrics(tmp_path)) == undisturbed[1]


def test_after_a_damaged_checkpoint_both_copies_are_whole_again(tmp_path, capsys):
    path = stop_after(tmp_path, 5)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(Stopped):
        tiny(tmp_path, deadline=0.0)
    both = (path, checkpoints.previous_checkpoint(path))
    assert [checkpoints.load_checkpoint(file)["step"] for file in both] == [5, 4]


def test_a_checkpoint_that_is_not_there_is_told_and_the_one_before_used(tmp_path, capsys, undisturbed):
    stop_after(tmp_path, 3).unlink()  # as if killed between two renames
    assert tiny(tmp_path) == undisturbed
    assert capsys.readouterr().err.count("continuing from checkpoint.previous.pt") == 1


def test_two_damaged_checkpoints_are_one_line_and_stay(tmp_path, capsys):
    path = stop_after(tmp_path, 3)
    for file in (path, checkpoints.previous_checkpoint(path)):
        file.write_bytes(file.read_bytes()[:-1])
    before = content(tmp_path)
    with pytest.raises(CheckpointError) as error:
        tiny(tmp_path)
    assert "remove both to start over" in one_line(error.value) and str(path) in str(error.value)
    assert content(tmp_path) == before and capsys.readouterr().err == ""


def test_another_runs_checkpoint_is_refused_even_if_the_one_before_is_the_runs_own(tmp_path):
    stop_after(tmp_path, 3)
    before = content(tmp_path)
    with pytest.raises(CheckpointError, match="of another run"):
        tiny(tmp_path, settings_key="other")
    assert content(tmp_path) == before


# ---------------------------------------------------------------- full disks


@pytest.mark.parametrize("call", ["fsync", "replace", "RLIMIT_FSIZE"])
@pytest.mark.parametrize("name", ["checkpoint.pt", "metrics.jsonl"])
def test_a_full_disk_leaves_the_last_checkpoint_usable(call, name, tmp_path, monkeypatch, undisturbed):
    path = stop_after(tmp_path, 4)
    before = content(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    real = getattr(os, call, None)
    count = []

    def full(*arguments):
        count.append(None)
        if len(count) == (1 if name == "metrics.jsonl" else 2):  # metrics are brought in line first
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*arguments)

    with monkeypatch.context() as patch:
        if real:
            patch.setattr(os, call, full)
        else:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1500 if name == "checkpoint.pt" else 100, limits[1]))
        try:
            with pytest.raises(EASError) as error:
                tiny(tmp_path, deadline=0.0)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not isinstance(error.value, Stopped) and name in one_line(error.value)
    assert {p: b for p, b in content(tmp_path).items() if "metrics" not in p} == {
        p: b for p, b in before.items() if "metrics" not in p
    }
    assert checkpoints.load_checkpoint(path)["step"] == 4
    assert tiny(tmp_path) == undisturbed
    assert without_times(metrics(tmp_path)) == undisturbed[1]


# ---------------------------------------------------------------- two writers


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(files, "LOCK_SECONDS", 0.1)


HOLD = """
import sys, time
from pathlib import Path
from eas_core.base import files
with files.only_writer(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(request):
    """Another process that writes to a folder."""

    def hold(folder: Path) -> subprocess.Popen:
        command = [sys.executable, "-c", HOLD, str(folder)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=ENVIRONMENT, text=True)
        request.addfinalizer(lambda: (process.kill(), process.communicate()))
        assert process.stdout.readline() == "held\n"
        return process

    return hold


def test_a_second_writer_refuses_and_names_the_first_and_a_killed_one_blocks_nobody(tmp_path, holder, undisturbed):
    first = holder(tmp_path)
    before = content(tmp_path)
    with pytest.raises(EASError) as error:
        tiny(tmp_path)
    assert f"pid {first.pid} on {os.uname().nodename}" in one_line(error.value) and str(tmp_path) in str(error.value)
    assert content(tmp_path) == before
    first.kill()
    first.wait()
    assert tiny(tmp_path) == undisturbed
    assert not (tmp_path / ".lock").exists()


def test_a_writer_that_is_about_to_end_is_waited_for(tmp_path, holder, monkeypatch, undisturbed):
    monkeypatch.setattr(files, "LOCK_SECONDS", 30.0)
    first = holder(tmp_path)
    threading.Timer(0.3, first.kill).start()
    assert tiny(tmp_path) == undisturbed


def test_a_second_thread_refuses_and_other_folders_are_free(tmp_path):
    said = []

    def second():
        try:
            tiny(tmp_path / "a")
        except EASError as error:
            said.append(one_line(error))

    with files.only_writer(tmp_path / "a"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
        tiny(tmp_path / "b")
        with files.only_writer(tmp_path / "a"):  # who holds a folder may hold it again
            pass
        assert (tmp_path / "a" / ".lock").exists()
    assert len(said) == 1 and f"pid {os.getpid()}" in said[0]


def test_a_second_run_of_a_stage_is_one_line_and_what_is_finished_can_be_read(smoke_run, tmp_path, holder, capsys):
    shutil.copytree(smoke_run.root, tmp_path / "runs")
    changed = ["teacher.warmup=0.5"]
    run = make_run("smoke", 0, tmp_path / "runs", changed, device="cpu", progress=False)
    words = ["run", "--until", "teacher", "--profile", "smoke", "--runs", str(run.root), "--device", "cpu", "--quiet"]
    held = holder(run.folder("teacher"))
    assert cli.main([*words, "--set", *changed]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and f"pid {held.pid}" in err and str(run.folder("teacher")) in err
    finished = make_run("smoke", 0, run.root, device="cpu").folder("teacher")
    holder(finished)
    assert cli.main(words) == 0


def test_a_file_system_without_locks_is_told(tmp_path, monkeypatch, capsys, undisturbed):
    def no_locks(*_, **__):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(files.FileLock, "acquire", no_locks)
    assert tiny(tmp_path) == undisturbed
    (line,) = capsys.readouterr().err.splitlines()
    assert str(tmp_path) in line and "cannot be locked" in line


# ---------------------------------------------------------------- what a training tells


def test_metrics_are_a_line_a_point_and_go_on_where_the_checkpoint_was_made(tmp_path, undisturbed):
    stop_after(tmp_path, 6)
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"step": 7, "loss": 1.0}\n{"step": 8, "lo')  # made after the checkpoint, and torn by a kill
    assert tiny(tmp_path) == undisturbed
    lines = metrics(tmp_path)
    assert [line["step"] for line in lines] == list(range(1, 13)) and without_times(lines) == undisturbed[1]
    assert set(lines[0]) == {"step", "loss", "seconds", "images_per_second"}


def test_metrics_of_an_abandoned_training_are_not_continued(tmp_path, undisturbed):
    checkpoints.remove_checkpoints(stop_after(tmp_path, 6))
    tiny(tmp_path)
    assert without_times(metrics(tmp_path)) == undisturbed[1]


def test_a_number_that_is_not_finite_is_null_in_metrics(tmp_path):
    files.append_line(tmp_path / "m.jsonl", {"step": 1, "loss": float("nan"), "rate": float("inf")})
    assert (tmp_path / "m.jsonl").read_text() == '{"step": 1, "loss": null, "rate": null}\n'


def test_a_log_gets_a_line_at_first_and_then_one_a_minute(tmp_path, monkeypatch, capsys, undisturbed):
    path = stop_after(tmp_path, 3)
    assert path.exists()
    capsys.readouterr()
    assert tiny(tmp_path, show=True) == undisturbed
    assert capsys.readouterr().err == "tiny: step 3 of 12\n"  # done in less than a minute
    monkeypatch.setattr(progress, "HEARTBEAT_SECONDS", 0.0)
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    tiny(tmp_path / "other", show=True)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 13 and lines[0] == "tiny: step 0 of 12"
    start, loss, rate, left, last = lines[7].split(", ")
    assert start == "tiny: step 7 of 12" and loss.startswith("loss ") and rate.startswith("images/s ")
    assert left.startswith("ETA 00:0") and last == "last checkpoint step 6"
    assert "last checkpoint none" in lines[1]


def test_a_terminal_gets_a_bar(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(progress, "_is_terminal", lambda: True)
    tiny(tmp_path, show=True)
    err = capsys.readouterr().err
    assert "\rtiny:" in err and "12/12" in err and "step 12 of" not in err


def test_quiet_is_quiet(tmp_path, capsys):
    tiny(tmp_path)
    assert capsys.readouterr().err == ""


def test_items_are_tracked_too(monkeypatch, capsys):
    monkeypatch.setattr(progress, "HEARTBEAT_SECONDS", 0.0)
    assert list(progress.track("abc", "letters")) == ["a", "b", "c"]
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == [f"letters: it {n} of 3" for n in range(4)]


# ---------------------------------------------------------------- SIGTERM, too little memory


def test_sigterm_twice_in_one_step_still_saves(tmp_path, monkeypatch, undisturbed):
    real, calls = torch.Tensor.backward, []

    def backward(tensor):
        calls.append(None)
        if len(calls) == 5:
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)
        real(tensor)

    monkeypatch.setattr(torch.Tensor, "backward", backward)
    with pytest.raises(Stopped):
        tiny(tmp_path)
    assert checkpoints.load_checkpoint(tmp_path / "checkpoint.pt")["step"] == 5
    assert tiny(tmp_path) == undisturbed


def test_too_little_memory_is_one_line(monkeypatch, capsys):
    for error in (MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate 2 GiB\nmore")):

        def fail(*_, error=error):
            raise error

        monkeypatch.setattr(named, "plan", fail)
        assert cli.main(["report"]) == 2
        assert capsys.readouterr().err.startswith("eas: not enough memory")


def test_sigterm_outside_a_training_is_one_line(tmp_path):
    script = (
        "import sys, time\n"
        "from eas_core import cli\nfrom eas_core.runs import pipeline\n"
        "pipeline.make = lambda *_: (print('made', flush=True), time.sleep(60))\n"
        f"sys.exit(cli.main(['run', '--profile', 'smoke', '--device', 'cpu', '--runs', {str(tmp_path)!r}, '--quiet']))\n"
    )
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": ENVIRONMENT, "text": True}
    process = subprocess.Popen([sys.executable, "-c", script], **options)
    assert process.stdout.readline() == "made\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 130 and err.count("\n") == 1 and "run again to continue" in err
