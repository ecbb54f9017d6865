"""What each of two processes does for test_distributed.py: it writes what it found into a folder, by case and rank.

``torchrun --nproc-per-node 2 tests/distributed_worker.py FOLDER``
"""

from __future__ import annotations

import json
import signal
import sys
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from unittest import mock

import torch
from helpers import SMALL, TASKS, random_split
from test_training import PROFILE

from eas_core.base import devices, files, records
from eas_core.base.errors import DevicesError
from eas_core.base.random import rng
from eas_core.network.generator import GATE_HEADS, ArchitectureGenerator
from eas_core.network.multi_path import PATH_HEADS
from eas_core.network.norm import BatchNorm2d, synchronised
from eas_core.network.supernet import Supernet, initialise
from eas_core.space.search_space import sample
from eas_core.training import loop, train_generator, train_supernet


def changed(profile, section: str, **changes):
    return profile.model_copy(update={section: getattr(profile, section).model_copy(update=changes)})


SHORT = changed(changed(PROFILE, "teacher", epochs=1), "generator", steps=3)  # 6, 2 + 2 + 3 and 3 steps
UNCACHED = changed(SHORT, "supernet", cached_teacher=False)  # two sub-networks a step, task dropout and distillation
CASES = {  # name: (stage, profile, precision)
    "teacher": ("teacher", changed(SHORT, "data", augment="crop"), torch.float64),
    "supernet": ("supernet", UNCACHED, torch.float64),
    "generator": ("generator", SHORT, torch.float64),
    "multi-path generator": ("multi_path", SHORT, torch.float64),
    "teacher in float32": ("teacher", SHORT, torch.float32),
    "supernet in float32": ("supernet", SHORT, torch.float32),
}
OPTIONS = {"bf16": ("bf16", 1), "two micro-batches": ("no", 2)}  # name: (mixed precision, micro-batches)
UNEVEN = {  # name: (profile, micro-batches)
    "batch": (changed(SHORT, "teacher", batch_size=7), 1),
    "micro-batches": (SHORT, 3),
}


class AnyPrecision(Supernet):
    """A supernet that computes in the precision of its weights: in double, two ways to one result agree to 12 digits."""

    def forward(self, x, which):
        return super().forward(x.to(self.stem.conv.weight.dtype), which)

    def forward_paths(self, x, paths):
        return super().forward_paths(x.to(self.stem.conv.weight.dtype), paths)


def random_network(name: str = "initialise", dtype: torch.dtype = torch.float32) -> Supernet:
    network = AnyPrecision(SMALL)
    initialise(network, rng(0, name))
    return network.to(dtype=dtype, memory_format=torch.channels_last)


def new_network(stage: str, dtype: torch.dtype) -> torch.nn.Module:
    """What the stage trains, before it does."""
    if stage in ("teacher", "supernet"):
        return random_network(dtype=dtype)
    heads = PATH_HEADS if stage == "multi_path" else GATE_HEADS
    network = ArchitectureGenerator(len(TASKS), (0.6, 2.6), 4, 8, 16, heads)
    network.initialise(rng(0, "g"))
    return network.to(dtype)


def trained(
    stage: str, profile, folder: Path, dtype: torch.dtype = torch.float32, **loop
) -> tuple[dict[str, torch.Tensor], list[dict]]:
    """Weights and training curve of a stage, from its start or its checkpoint in ``folder``."""
    network, loop = new_network(stage, dtype), {"progress": False, "settings_key": "k", **loop}
    split = random_split("train" if stage in ("teacher", "supernet") else "valid")
    if stage == "teacher":
        curve, _ = train_supernet.train_teacher(network, split, profile, 0, folder, tasks=TASKS, **loop)
    elif stage == "supernet":
        teacher = random_network("teacher", dtype)
        curve, _ = train_supernet.train_supernet(network, teacher, split, profile, 0, folder, tasks=TASKS, **loop)
    else:
        supernet = random_network(dtype=dtype)
        curve, _ = train_generator.train_generator(network, supernet, split, TASKS, profile, 0, folder, **loop)
    return network.state_dict(), curve


def layer() -> tuple[BatchNorm2d, torch.Tensor]:
    """A BatchNorm layer and a batch of six images whose halves have other means, in double precision."""
    norm, x = BatchNorm2d(5).double(), torch.randn(6, 5, 4, 3, generator=rng(0, "x"), dtype=torch.float64)
    torch.nn.init.normal_(norm.weight, generator=rng(0, "weight"))
    return norm, x + torch.tensor([3.0, -1.0]).repeat_interleave(3)[:, None, None, None]


def normalised(norm: BatchNorm2d, x: torch.Tensor, team: devices.Devices = devices.ALONE) -> dict[str, torch.Tensor]:
    """Output, running statistics and gradients of a layer, for a loss that weighs outputs of whole batches differently."""
    x = team.share(x).clone().requires_grad_()
    weights = torch.linspace(-1, 1, x.numel() * team.count, dtype=x.dtype) ** 3
    with synchronised(norm, team):
        y = norm(x)
    (y * team.share(weights).view(x.shape)).sum().backward()
    team.average_gradients(norm)
    parameters = {"weight": norm.weight.grad, "bias": norm.bias.grad}  # the mean over processes, of sums
    parameters = {name: gradient * team.count for name, gradient in parameters.items()}
    return {"y": y.detach(), "x": x.grad, **parameters, **{n: b.clone() for n, b in norm.named_buffers()}}


@contextmanager
def signals(number: int):
    """SIGTERM, twice as through a launcher, while the first step draws its sub-network; for ``number`` 0 Ctrl-C, twice."""

    def interrupted(*args):
        for _ in range(2):
            signal.raise_signal(signal.SIGTERM if number else signal.SIGINT)
        return sample(*args)

    with mock.patch.object(train_supernet, "sample", interrupted):
        yield


def main(folder: Path) -> None:
    team, _ = devices.join("cpu")
    rank = team.state.process_index

    def keep(case: str, state: dict, curve: list | None = None) -> None:
        records.save_tensors(folder / f"{case}-{rank}.safetensors", state, {"curve": curve})

    def say(case: str, lines: list[str]) -> None:
        files.write_atomic(folder / f"{case}-{rank}.json", json.dumps(lines).encode())

    for case, (stage, profile, dtype) in CASES.items():
        keep(case, *trained(stage, profile, folder / case, dtype, devices=team))

    stops = []  # the second process alone has to stop: both do after that step, save, and go on
    while len(stops) < 20:
        with signals(len(stops)) if rank == 1 and len(stops) < 3 else nullcontext():
            late = 0.0 if rank == 1 and len(stops) >= 3 else None
            try:
                keep("stopped", *trained("supernet", SHORT, folder / "stopped", devices=team, deadline=late))
                break
            except loop.Stopped as error:
                stops.append(str(error))
    say("stops", stops)

    with suppress(loop.Stopped):
        trained("supernet", SHORT, folder / "handed over", devices=team, deadline=0.0)

    refused = []
    for case, (profile, parts) in UNEVEN.items():
        try:
            trained("teacher", profile, folder / case, devices=devices.Devices(team.state, "no", parts))
        except DevicesError as error:
            refused.append(str(error))
    say("refused", refused)

    short = changed(changed(UNCACHED, "teacher", epochs=0.4), "generator", steps=2)
    short = changed(short, "supernet", stages=SHORT.supernet.stages[:1], subnets_per_step=1)
    for stage in ("teacher", "supernet", "generator"):
        for case, options in OPTIONS.items():
            found = trained(stage, short, folder / f"{stage} {case}", devices=devices.Devices(team.state, *options))
            keep(f"{stage} {case}", *found)

    apart = []
    try:
        team.copy_from_first({}, rank)
    except DevicesError as error:
        apart.append(str(error))
    say("apart", apart)

    keep("layer", normalised(*layer(), team))
    network = random_network(f"other weights in process {rank}")
    team.copy_from_first({"network": network}, 0)
    keep("copied", network.state_dict())
    devices.leave()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
