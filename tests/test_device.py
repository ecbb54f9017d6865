"""Which device a run takes, and that everything keeps to it: a card that does not exist takes the place of a GPU.

``FakeTensorMode`` computes shapes, types and devices but no numbers, and refuses to mix devices, as a GPU does. It has
forward passes only: autograd wants a real driver.
"""

from __future__ import annotations

import functools
import gc
import json
import os
from contextlib import contextmanager

import pytest
import torch
from helpers import SMALL, TASKS, one_line, random_split
from torch._subclasses.fake_tensor import FakeTensorMode

from eas_core.base import devices, records
from eas_core.base.errors import EASError
from eas_core.base.memory import PeakMemory
from eas_core.base.random import rng
from eas_core.data import splits
from eas_core.data.splits import Split
from eas_core.data.task_dropout import apply_mask, own_task_logits, task_dropout_mask
from eas_core.network.convolution import depthwise_conv
from eas_core.network.generator import sample_gates
from eas_core.network.multi_path import PathWeights, expected_madds_millions, path_weights
from eas_core.network.subnetwork import Network
from eas_core.network.supernet import Supernet
from eas_core.runs import run
from eas_core.search import predictor
from eas_core.search.evaluate import score
from eas_core.search.predictor import AccuracyPredictor
from eas_core.settings import profiles
from eas_core.space.cost_tables import cost_of_index, cost_tables, madds_millions
from eas_core.space.search_space import SMALLEST
from eas_core.training.train_generator import joint_loss
from eas_core.training.train_supernet import batch, distillation_loss, teacher_logits

# ---------------------------------------------------------------- the choice


@pytest.mark.parametrize("gpu, device", [(True, "cuda"), (False, "cpu")])
def test_auto_is_a_gpu_if_there_is_one(gpu, device):
    assert run.automatic_device(gpu) == device


def test_auto_is_what_pytorch_sees(tmp_path):
    device = run.automatic_device()
    assert device == ("cuda" if torch.cuda.device_count() else "cpu") == run.usable_device("auto")
    assert run.make_run("smoke", root=tmp_path).device == device


@pytest.mark.parametrize(
    "device, said",
    [
        ("mps", "lacks the float64 of the costs"),  # it failed after the supernet was trained
        ("mps:0", "lacks the float64 of the costs"),
        ("xpu", "is not auto, cpu or cuda"),
        ("meta", "is not auto, cpu or cuda"),
        ("cuda:99", "cannot be used here"),
    ],
)
def test_a_device_on_which_a_run_would_fail_is_refused_before_anything_else(device, said, tmp_path):
    with pytest.raises(EASError, match=said) as error:
        run.make_run("smoke", root=tmp_path, device=device)
    assert one_line(error.value).startswith(f"device: {device!r}") and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "processes, device, gpus, expected",
    [(2, "cpu", 8, False), (2, "auto", 0, False), (2, "auto", 2, True), (8, "cuda", 8, True)],
)
def test_processes_take_a_gpu_each_unless_there_is_none_or_the_cpu_is_asked_for(processes, device, gpus, expected):
    assert devices.needs_gpus(processes, device, gpus) == expected


@pytest.mark.parametrize("device, gpus", [("cuda", 0), ("cuda", 1), ("auto", 1)])
def test_more_processes_than_gpus_are_one_line(device, gpus):
    with pytest.raises(EASError, match=f"2 processes on this machine, but {gpus} GPUs") as error:
        devices.needs_gpus(2, device, gpus)
    assert one_line(error.value)


@pytest.mark.parametrize(
    "asked, said, device", [("auto", "true", "cpu"), ("auto", "false", "auto"), ("cuda", "true", "cuda")]
)
def test_accelerate_launch_on_the_cpu_decides_where_nothing_is_asked_for(asked, said, device, monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_CPU", said)
    assert devices.join(asked)[1] == device


# ---------------------------------------------------------------- memory and names


class Allocator:
    """What torch.cuda says of memory, of a machine with two GPUs that holds 100 bytes on the second one."""

    def __init__(self):
        self.now, self.peak = {"cuda:0": 0, "cuda:1": 100}, {"cuda:0": 10**9, "cuda:1": 10**6}

    def take(self, device: str, size: int) -> None:
        self.now[device] += size
        self.peak[device] = max(self.peak[device], self.now[device])

    def reset_peak_memory_stats(self, device) -> None:
        self.peak[str(device)] = self.now[str(device)]

    def memory_allocated(self, device) -> int:
        return self.now[str(device)]

    def max_memory_allocated(self, device) -> int:
        return self.peak[str(device)]


def test_memory_of_a_gpu_is_the_rise_of_that_gpu_and_of_no_other():
    cuda = Allocator()
    with PeakMemory("cuda:1", cuda) as memory:
        cuda.take("cuda:1", 70)
        cuda.take("cuda:1", -70)
        cuda.take("cuda:0", 5000)
    assert memory.bytes == 70


def test_memory_of_a_cpu_asks_no_gpu():
    with PeakMemory("cpu", cuda=None) as memory:
        pass
    assert memory.bytes >= 0


def test_records_name_the_gpu_or_the_cpu():
    assert records.device_name("cuda:1", lambda device: f"card {device.index}") == "card 1"
    assert records.device_name("cpu", None).endswith(" CPU")


# ---------------------------------------------------------------- how a card computes


@pytest.fixture
def unsettled(monkeypatch):
    """PyTorch's own choices, before and after the test."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    yield devices.gpu_settings()
    torch.set_float32_matmul_precision("highest")
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("deterministic", [False, True])
def test_a_gpu_takes_the_fastest_algorithms_or_deterministic_ones_and_records_say_so(unsettled, deterministic):
    assert (unsettled["tf32"], unsettled["cudnn_benchmark"], unsettled["deterministic"]) == (False, False, False)
    devices.settle("cuda:1", deterministic)
    found = devices.gpu_settings()
    assert found == {**unsettled, "tf32": True, "cudnn_benchmark": not deterministic, "deterministic": deterministic}
    assert ("CUBLAS_WORKSPACE_CONFIG" in os.environ) == deterministic
    json.dumps(found)


def test_a_cpu_is_left_as_it_is_and_its_records_say_nothing_of_gpus(unsettled):
    devices.settle("cpu", deterministic=True)
    assert devices.gpu_settings() == unsettled and "CUBLAS_WORKSPACE_CONFIG" not in os.environ
    assert "gpu" not in records.provenance("cpu")


def test_records_of_a_gpu_say_how_it_computed(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "card")
    made = records.provenance("cuda")
    assert made["device"] == "card" and made["gpu"] == devices.gpu_settings()


# ---------------------------------------------------------------- a card that does not exist


@contextmanager
def card():
    """Tensors on ``cuda`` have shapes, types and a device here, and no content; none of them is kept for later."""
    try:
        with FakeTensorMode(allow_non_fake_inputs=True):
            yield torch.device("cuda", 0)
    finally:
        kept = (f for f in gc.get_objects() if type(f) is functools._lru_cache_wrapper)
        for function in [f for f in kept if f.__module__.startswith("eas_core.")]:
            function.cache_clear()


def on_card(gpu: torch.device) -> tuple[Supernet, Split]:
    with gpu:
        return Supernet(SMALL), random_split().to(gpu)


def test_the_card_refuses_to_mix_devices():
    with card() as gpu, pytest.raises(RuntimeError, match="device"):
        torch.zeros(2, device=gpu) + torch.zeros(2)


@pytest.mark.parametrize("device, own", [("cpu", True), ("meta", False)])
@pytest.mark.parametrize("kernel", [3, 5])
def test_the_kits_depthwise_gradient_is_for_wide_kernels_on_the_cpu(device, own, kernel):
    x = torch.zeros(2, 8, 9, 9, device=device).contiguous(memory_format=torch.channels_last)
    weight = torch.zeros(8, 1, kernel, kernel, device=device, requires_grad=True)
    y = depthwise_conv(x, weight, 2)
    assert y.shape == (2, 8, 5, 5) and y.device.type == device
    assert ("DepthwiseConv" in type(y.grad_fn).__name__) == (own and kernel > 3)
    with torch.no_grad():
        assert depthwise_conv(x, weight, 2).grad_fn is None


@pytest.mark.parametrize("kind", ["shift", "crop"])
def test_batches_are_augmented_on_the_card(kind):
    settings = profiles.load("smoke").data.model_copy(update={"augment": kind})
    with card() as gpu:
        images, labels, index = batch(random_split().to(gpu), 0, 8, settings, 0, "t")
    assert images.device == labels.device == index.device == gpu


def test_a_step_of_the_supernet_stays_on_the_card():
    with card() as gpu:
        network, split = on_card(gpu)
        images, labels = splits.normalise(split.images[:8]), split.labels[:8]
        mask = task_dropout_mask(labels, TASKS, 0.5, rng(0))
        soft = teacher_logits(network, split, batch_size=32)[:8]
        logits = network.train()(images, SMALLEST)
        loss = distillation_loss(apply_mask(logits, mask, "exclude"), soft)
        loss = loss + torch.nn.functional.cross_entropy(own_task_logits(logits, labels, TASKS), labels)
        network.sort_channels()
    assert loss.device == gpu and loss.requires_grad


def test_an_extracted_network_is_scored_on_the_card_and_its_scores_come_back():
    with card() as gpu:
        network, split = on_card(gpu)
        with gpu:
            plain = Network(SMALL, SMALLEST)
        for block, copy in zip(
            (b for i, b in enumerate(network.blocks) if SMALLEST.active(i)), plain.blocks, strict=True
        ):
            block.copy_to(copy)
        scores = score(plain, split, TASKS, torch.arange(4), batch_size=2)
    assert scores.correct.device == scores.loss.device == scores.task.device == torch.device("cpu")


@pytest.mark.parametrize("encoding", ["gates", "paths"])
def test_a_step_of_the_generator_stays_on_the_card(encoding):
    with card() as gpu:
        network, split = on_card(gpu)
        network.requires_grad_(False).train()
        index = torch.arange(4, device=gpu)
        images = splits.normalise(split.images[index])
        z = torch.zeros(3, 90 if encoding == "gates" else 195, device=gpu, requires_grad=True)
        if encoding == "gates":
            which = sample_gates(z, 1.0, rng(0))
            cost, logits = madds_millions(SMALL, which), network(images, which[0])
        else:
            which = path_weights(z)
            cost = expected_madds_millions(SMALL, which)
            logits = network.forward_paths(images, PathWeights(which.blocks[0], which.depths[0]))
        labels = split.labels[index]
        loss = torch.nn.functional.cross_entropy(own_task_logits(logits, labels, TASKS), labels)
        loss = joint_loss(loss, cost, torch.ones(3, device=gpu), 0.1)
        assert loss.device == cost.device == gpu and loss.requires_grad


def test_tables_of_costs_and_predictions_come_to_the_card_and_back():
    table = cost_tables(SMALL)[0]
    with card() as gpu:
        assert cost_of_index(table, torch.zeros(2, 45, dtype=torch.long, device=gpu)).device == gpu
        with gpu:
            network = AccuracyPredictor(SMALL, 3, 16, 1)
        assert network(torch.zeros(1, 135, device=gpu)).device == gpu
        assert predictor.predict(network, SMALL, [SMALLEST]).device.type == "cpu"
        objective = predictor.search_objective(network, [None, 2])
        assert objective(torch.zeros(2, 45, dtype=torch.long), torch.arange(2)).device.type == "cpu"
