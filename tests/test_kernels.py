"""The compiled loops give what PyTorch's operators give, and step aside where they cannot work."""

import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import SMALL, architectures, random_images, random_supernet
from hypothesis import given
from hypothesis import strategies as st

from eas_core.base.random import rng
from eas_core.network import kernels
from eas_core.network.norm import ACTIVATIONS, BatchNorm2d
from eas_core.network.subnetwork import folded

LAST = torch.channels_last


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    x = torch.randn(shape, generator=rng(seed, "normal", *shape))
    return x.contiguous(memory_format=LAST) if len(shape) == 4 else x


@given(
    st.sampled_from(list(ACTIVATIONS)),
    st.integers(1, 40),
    st.tuples(st.integers(1, 5), st.integers(1, 9), st.integers(1, 9)).filter(lambda s: np.prod(s) > 1),
    st.floats(-30, 30),
)
def test_batch_norm_and_its_gradients_equal_pytorchs(activation, channels, shape, offset):
    n, height, width = shape
    x = (normal(n, channels, height, width) + offset).requires_grad_()  # a mean far from 0, that could cancel
    weight, bias = normal(channels, seed=1).requires_grad_(), normal(channels, seed=2).requires_grad_()
    grad = normal(n, channels, height, width, seed=3)
    norm = BatchNorm2d(channels)
    norm.weight, norm.bias = torch.nn.Parameter(weight.detach()), torch.nn.Parameter(bias.detach())
    assert kernels.can_take(x, norm.weight)
    y = norm(x, activation)
    got = torch.autograd.grad(y, (x, norm.weight, norm.bias), grad)
    wide = [t.detach().double().requires_grad_() for t in (x, weight, bias)]
    mean, var = torch.zeros(channels).double(), torch.ones(channels).double()
    exact = ACTIVATIONS[activation](F.batch_norm(wide[0], mean, var, *wide[1:], True, 0.1, norm.eps))
    torch.testing.assert_close(y.double(), exact, rtol=1e-3, atol=1e-3)
    scale = 1 / norm.eps**0.5 if n * height * width < 4 else 30  # few pixels may have hardly any variance
    for ours, theirs in zip(got, torch.autograd.grad(exact, wide, grad.double()), strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-3, atol=1e-4 * scale)
    torch.testing.assert_close(norm.running_mean.double(), mean, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(norm.running_var.double(), var, rtol=1e-3, atol=1e-4)


def test_running_statistics_are_the_plain_mean_over_batches_without_a_momentum():
    ours, theirs = BatchNorm2d(6, momentum=None), torch.nn.BatchNorm2d(6, momentum=None)
    for seed in range(3):
        x = normal(4, 6, 5, 5, seed=seed)
        ours(x), theirs(x)
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    assert ours.num_batches_tracked == 3


def test_what_is_not_a_number_stays_one():
    x = normal(2, 3, 4, 4)
    x[0, 1, 2, 2] = torch.nan
    for activation in ACTIVATIONS:
        bad = BatchNorm2d(3)(x, activation).isnan().flatten(2).any(2).any(0)
        assert bad.tolist() == [False, True, False]


@pytest.mark.parametrize("wide", [1, 1000], ids=["pixel by pixel", "row by row"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (4, 4), (7, 5), (13, 9)])
def test_the_depthwise_weight_gradient_equals_autograds(kernel, stride, size, wide):
    x, weight = normal(3, 12, *size), normal(12, 1, kernel, kernel).requires_grad_()
    y = F.conv2d(x, weight, stride=stride, padding=kernel // 2, groups=12)
    grad = normal(*y.shape, seed=1)
    (expected,) = torch.autograd.grad(y, weight, grad)
    given = (t.permute(0, 2, 3, 1).numpy() for t in (grad, x))
    got = torch.from_numpy(kernels.depthwise_weight_gradient(*given, kernel, stride, wide))
    torch.testing.assert_close(got, expected[:, 0].permute(1, 2, 0), rtol=1e-4, atol=1e-4)


def test_the_kernels_take_float32_on_a_cpu_channels_last_and_nothing_else():
    x, weight = normal(2, 4, 3, 3), torch.ones(4)
    assert kernels.can_take(x, weight)
    assert not kernels.can_take(x.double(), weight) and not kernels.can_take(x, weight.double())
    assert not kernels.can_take(x.bfloat16(), weight)
    assert not kernels.can_take(x.contiguous(), weight)
    assert not kernels.can_take(x.to("meta"), weight)
    assert not kernels.can_take(x[:1, :, :1, :1].contiguous(memory_format=LAST), weight)
    seen = []
    torch.jit.trace(lambda x: (seen.append(kernels.can_take(x, weight)), x + 1)[1], x, check_trace=False)
    assert seen and not any(seen)


def test_without_numba_pytorchs_operators_are_used():
    code = """
import sys
sys.modules["numba"] = None  # importing it fails
import torch
from eas_core.network import kernels
from eas_core.network.norm import BatchNorm2d
x = torch.randn(2, 4, 3, 3).contiguous(memory_format=torch.channels_last)
assert not kernels.can_take(x, torch.ones(4))
torch.testing.assert_close(BatchNorm2d(4)(x, "relu"), torch.nn.BatchNorm2d(4)(x).relu())
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("layout", [torch.contiguous_format, LAST])
def test_training_mode_is_the_same_whichever_code_runs(dtype, layout):
    x = normal(4, 8, 5, 5).to(dtype).contiguous(memory_format=layout)
    norm = BatchNorm2d(8).to(dtype)
    theirs = F.hardswish(torch.nn.BatchNorm2d(8).to(dtype)(x))
    torch.testing.assert_close(norm(x, "hardswish"), theirs, rtol=1e-4, atol=1e-5)


def test_a_single_pixel_is_refused_as_pytorch_does():
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        BatchNorm2d(3)(normal(1, 3, 1, 1))


@given(architectures())
def test_folding_changes_no_logits(architecture):
    network = random_supernet().float().extract(architecture)
    images = random_images(SMALL, 6).float().contiguous(memory_format=LAST)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        torch.testing.assert_close(folded(network)(images), network(images), atol=1e-4, rtol=1e-4)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded(network).modules())
