"""A step of training never waits for the card: it copies nothing back, asks for no number, and copies to it on the side.

Tensors on ``meta`` have no numbers, so whoever asks for one (``.item()``, an ``if``) fails here as well. What would make a
GPU's host wait besides is refused by :func:`no_waiting`. Unlike tensors on a pretended ``cuda``, those on ``meta`` have
backward passes.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
import torch
from helpers import SMALL, TASKS, random_split
from test_training import PROFILE
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from eas_core.base.devices import ALONE, Devices
from eas_core.data.splits import Split
from eas_core.network.calibrate import calibrate
from eas_core.network.generator import GATE_HEADS, ArchitectureGenerator
from eas_core.network.multi_path import PATH_HEADS
from eas_core.network.supernet import Supernet
from eas_core.search.evaluate import score
from eas_core.settings import schema
from eas_core.space.search_space import LARGEST
from eas_core.training import train_generator, train_supernet

SHAPED_BY_NUMBERS = {"nonzero", "masked_select", "_unique2", "unique_dim", "bincount"}  # the host must know how many


class Waited(AssertionError):
    pass


class _Operators(TorchDispatchMode):
    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = operator.name().split("::")[1].split(".")[0]
        result = operator(*args, **kwargs)
        given = [a for a in args if isinstance(a, Tensor)]
        if all(t.device.type == "cpu" for t in [*given, result] if isinstance(t, Tensor)):
            return result
        if name in SHAPED_BY_NUMBERS or (name == "repeat_interleave" and kwargs.get("output_size") is None):
            raise Waited(f"the shape that {name} gives depends on numbers of the device")
        if name == "index" and any(i is not None and i.dtype == torch.bool for i in args[1]):
            raise Waited("how many a mask chooses depends on numbers of the device")
        if name == "index" and any(i is not None and i.device != args[0].device for i in args[1]):
            raise Waited("an index is copied to the device")
        moved = name == "_to_copy" and given[0].device != result.device
        if moved and not kwargs.get("non_blocking"):
            raise Waited(f"a copy of {tuple(result.shape)} from {given[0].device} to {result.device}")
        if name == "copy_" and args[0].device != args[1].device and not (len(args) > 2 and args[2]):
            raise Waited(f"a copy of {tuple(result.shape)} from {args[1].device} to {args[0].device}")
        return result


class _Functions(TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if function in (torch.tensor, torch.as_tensor) and result.device.type != "cpu" and result is not args[0]:
            raise Waited("numbers of the host are copied to the device")
        if function is Tensor.__getitem__ and args[0].device.type != "cpu":
            for part in args[1] if isinstance(args[1], tuple) else args[1:]:
                if isinstance(part, list):
                    raise Waited("a list of the host is copied to the device, as an index")
        return result


@contextmanager
def no_waiting():
    """Refuses what makes the host wait for a device; what the CPU does alone is free."""
    with _Functions(), _Operators():
        yield


PLAIN = schema.Optimizer(kind="sgd", lr=0.01, momentum=0.9)  # the fused ones know of no such device


def changed(profile, section: str, **changes):
    return profile.model_copy(update={section: getattr(profile, section).model_copy(update=changes)})


def without_numbers(name: str, monkeypatch) -> Split:
    """A split on the device, of which only the images of a task are known."""
    split = random_split(name)
    monkeypatch.setattr(Split, "of_task", lambda _, tasks, task: (tasks.task_of(split.labels) == task).nonzero()[:, 0])
    return split.to("meta")


def step_of(stage: str, profile, monkeypatch, devices: Devices = ALONE):
    """The function that does a step of a stage, everything of it on a device."""
    found = []
    for module in (train_supernet, train_generator):
        monkeypatch.setattr(module, "train", lambda *args, **kwargs: (found.append(args[5]), 0.0))
    network, teacher = (Supernet(SMALL).to("meta", memory_format=torch.channels_last) for _ in range(2))
    train, rest = random_split().to("meta"), (profile, 0, Path("nowhere"), devices)
    if stage == "teacher":
        train_supernet.train_teacher(network, train, *rest, tasks=TASKS)
    elif stage == "supernet":
        train_supernet.train_supernet(network, teacher, train, *rest, tasks=TASKS)
    else:
        heads = PATH_HEADS if stage == "multi-path" else GATE_HEADS
        generator = ArchitectureGenerator(len(TASKS), (0.6, 2.6), 4, 8, 16, heads).to("meta")
        valid = without_numbers("valid", monkeypatch)
        train_generator.train_generator(generator, network, valid, TASKS, *rest)
    return found[0]


@pytest.mark.parametrize(
    "stage, section, settings, micro_batches",
    [
        ("teacher", "data", {"augment": "shift"}, 1),
        ("teacher", "data", {"augment": "crop"}, 2),
        ("supernet", "supernet", {"cached_teacher": True}, 1),
        ("supernet", "supernet", {"cached_teacher": False}, 1),
        ("generator", "generator", {"cost_scenarios": 3}, 1),
        ("generator", "generator", {"cost_scenarios": 0}, 2),
        ("multi-path", "multi_path", {"scenarios_per_step": 1}, 1),
    ],
)
def test_a_step_never_waits_for_the_device(stage, section, settings, micro_batches, monkeypatch):
    profile = changed(PROFILE, section, **settings)
    for part in ("teacher", "supernet", "generator"):
        profile = changed(profile, part, optimizer=PLAIN)
    step = step_of(stage, profile, monkeypatch, Devices(micro_batches=micro_batches))
    step(0)  # copies the tables that are kept
    with no_waiting():
        numbers = step(1)
    assert len(numbers) == 2 and all(x.device.type == "meta" and x.shape == () for x in numbers.values())


def test_calibrating_waits_for_nothing_and_scoring_for_its_result_alone():
    plain, split = Supernet(SMALL).to("meta").extract(LARGEST), random_split().to("meta")
    assert {tensor.device.type for tensor in plain.state_dict().values()} == {"meta"}
    for mode in (nullcontext, no_waiting):  # at first the tables are copied that are kept
        seen = []
        hook = plain.head.conv.register_forward_hook(lambda *_: seen.append(None))
        with mode():
            calibrate(plain, split, 20, 8, 0)
            with pytest.raises(NotImplementedError, match="no data"):  # once all is done, and the numbers come back
                score(torch.nn.Sequential(plain), split, TASKS, batch_size=16)
        hook.remove()
        assert len(seen) == 3 + 3


@pytest.mark.parametrize(
    "work",
    [
        lambda x: x.sum().item(),
        lambda x: bool((x > 0).any()),
        lambda x: x + torch.tensor([1.0, 2.0], device=x.device),
        lambda x: x[x > 0],
        lambda x: x.repeat_interleave(torch.tensor([1, 2]).to(x.device, non_blocking=True)),
        lambda x: x[torch.tensor([0, 1])],
        lambda x: x[[0, 1]],
        lambda x: x.copy_(torch.ones(2)),
        lambda x: x.cpu(),
    ],
)
def test_what_waits_is_found(work):
    with no_waiting(), pytest.raises((Waited, RuntimeError, NotImplementedError)):
        work(torch.ones(2, device="meta"))


def test_what_does_not_wait_is_let_through():
    x, index = torch.ones(2, device="meta"), torch.tensor([1, 0]).to("meta")
    with no_waiting():
        x = x + torch.ones(2).to("meta", non_blocking=True) + torch.zeros(2, device="meta")
        x.copy_(torch.ones(2), non_blocking=True)
        assert x[index].repeat_interleave(2).shape == (4,)
        assert torch.ones(3)[torch.tensor([True, False, True])].sum().item() == 2  # on the CPU alone
