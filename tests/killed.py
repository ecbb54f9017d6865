"""A tiny training that is killed again and again; run by test_faults.py, prints what came of it as JSON.

``python killed.py FOLDER SEED`` trains once undisturbed, then once with twenty SIGKILLs at random moments and once with a
SIGKILL at every stage of writing a checkpoint. Each sitting is a forked process, so that torch is imported once.
"""

import hashlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch
import torch._dynamo  # noqa: F401  the first step would import it, in every sitting anew

from eas_core.base import checkpoints, files
from eas_core.training import loop

STEPS = 1200
KILLS = 20
MOMENTS = ("half", "written", "synced", "between", "renamed")  # of writing a file


def train(folder: Path, begun: int) -> None:
    torch.set_num_threads(1)
    network = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.BatchNorm1d(32), torch.nn.Linear(32, 1))
    draw = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        parameter.data = torch.randn(parameter.shape, generator=draw) / 4
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)

    def step(index: int) -> dict[str, float]:
        images = torch.randn(16, 8, generator=torch.Generator().manual_seed(index))
        loss = ((network(images) - images.sum(1, keepdim=True)) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        time.sleep(0.001)
        os.write(begun, b".")
        return {"loss": loss.item()}

    loop.CHECKPOINT_SECONDS = 0.02
    modules, options = {"network": network}, {"images_per_step": 16, "progress": False, "settings_key": "k"}
    curve, _ = loop.train("tiny", folder, STEPS, modules, optimizer, step, **options)
    state = b"".join(tensor.numpy().tobytes() for tensor in network.state_dict().values())
    result = {"weights": hashlib.sha256(state).hexdigest(), "curve": curve}
    (folder / "result.json").write_text(json.dumps(result))


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_while_writing(moment: str, number: int) -> None:
    """Make this process kill itself at a moment of writing its ``number``-th checkpoint."""
    real, counts = {"open": open, "fsync": os.fsync, "replace": os.replace}, {"files": 0, "replaced": 0}

    class Dying:  # a file that takes half of what it is given
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def __getattr__(self, name):
            return getattr(self.file, name)

        def write(self, part):
            if moment == "half" and len(part) > 1000:
                self.file.write(bytes(part)[: len(part) // 2])
                self.file.flush()
                die()
            self.file.write(part)

    def opened(path, mode="r"):
        file = real["open"](path, mode)
        if ".checkpoint.pt." not in str(path):
            return file
        counts["files"] += 1
        counts["replaced"] = 0
        return Dying(file) if counts["files"] == number else file

    def fsync(descriptor):
        armed = counts["files"] == number
        if armed and moment == "written":
            die()
        real["fsync"](descriptor)
        if armed and moment == "synced":
            die()

    def replace(source, target):
        real["replace"](source, target)
        if counts["files"] == number and "checkpoint" in str(target):
            counts["replaced"] += 1
            if moment == {1: "between", 2: "renamed"}[counts["replaced"]]:
                die()

    files.open, files.os.fsync, files.os.replace = opened, fsync, replace


def sitting(folder: Path, seconds: float | None = None, moment: str = "", number: int = 0) -> int:
    """One process that trains; returns its exit status, -9 if it was killed."""
    stepped, begun = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            if moment:
                die_while_writing(moment, number)
            train(folder, begun)
            status = 0
        finally:
            os._exit(status)
    os.close(begun)
    if seconds is not None:
        os.read(stepped, 1)  # the first step of this sitting is done
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    while os.read(stepped, 1000):
        pass
    os.close(stepped)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(root: Path, seed: int) -> dict:
    draw = random.Random(seed)
    folders = {name: root / name for name in ("whole", "killed", "writing")}
    assert sitting(folders["whole"]) == 0
    kills = {"killed": 0, "writing": 0}
    steps = []  # of the checkpoint that each kill left
    while kills["killed"] < KILLS:
        if sitting(folders["killed"], draw.uniform(0.0, 0.1)) != -signal.SIGKILL:
            break
        kills["killed"] += 1
        path = folders["killed"] / "checkpoint.pt"
        steps.append(checkpoints.load_checkpoint(path)["step"] if path.exists() else 0)
    for moment in MOMENTS:
        kills["writing"] += sitting(folders["writing"], None, moment, draw.randint(2, 5)) == -signal.SIGKILL
    left = [len(list(folders["writing"].glob(".*.part")))]
    for name in ("killed", "writing"):
        assert sitting(folders[name]) == 0
    left.append(len(list(root.rglob(".*.part"))))
    return {"kills": kills, "steps": steps, "left": left}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))))
