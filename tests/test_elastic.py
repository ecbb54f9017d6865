"""Elastic layers: crops, masks, Eq. (E), channel order, and the depthwise weight gradient."""

import pytest
import torch
import torch.nn.functional as F
from helpers import random_supernet
from hypothesis import given
from hypothesis import strategies as st

from eas_core.base.random import rng
from eas_core.network.convolution import depthwise_conv
from eas_core.network.elastic import ElasticBlock, batch_norm, centre_crop, kernel_mask, nested_mask

GATES = {3: (0.0, 0.0), 5: (1.0, 0.0), 7: (1.0, 1.0)}


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=rng(seed, "normal", *shape), dtype=torch.float64)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (4, 4), (5, 8), (7, 7), (16, 16), (13, 9)])
def test_depthwise_gradients_equal_autograds(kernel, stride, size):
    x, weight = normal(3, 8, *size).requires_grad_(), normal(8, 1, kernel, kernel).requires_grad_()
    ours = depthwise_conv(x, weight, stride)
    theirs = F.conv2d(x, weight, stride=stride, padding=kernel // 2, groups=8)
    torch.testing.assert_close(ours, theirs)
    grad = normal(*theirs.shape, seed=1)
    for a, b in zip(
        torch.autograd.grad(ours, (x, weight), grad), torch.autograd.grad(theirs, (x, weight), grad), strict=True
    ):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [5, 7])
def test_depthwise_gradients_in_float32_channels_last_equal_autograds_to_rounding(kernel, stride):
    x = normal(4, 16, 11, 11).float().contiguous(memory_format=torch.channels_last).requires_grad_()
    weight = normal(16, 1, kernel, kernel).float().requires_grad_()
    ours = torch.autograd.grad(depthwise_conv(x, weight, stride).square().sum(), (x, weight))
    wide, kept = x.detach().double().requires_grad_(), weight.detach().double().requires_grad_()
    exact = F.conv2d(wide, kept, stride=stride, padding=kernel // 2, groups=16).square().sum()
    for a, b in zip(ours, torch.autograd.grad(exact, (wide, kept)), strict=True):
        torch.testing.assert_close(a.double(), b, rtol=1e-4, atol=1e-3)


def test_a_frozen_kernel_gets_no_gradient_but_its_input_does():
    x, weight = normal(2, 4, 6, 6).requires_grad_(), normal(4, 1, 7, 7)
    depthwise_conv(x, weight, 1).sum().backward()
    assert weight.grad is None and x.grad.abs().sum() > 0


def test_a_smaller_kernel_is_the_centre_of_the_largest():
    weight = torch.arange(49.0).reshape(1, 1, 7, 7)
    assert centre_crop(weight, 3).flatten().tolist() == [16, 17, 18, 23, 24, 25, 30, 31, 32]
    assert centre_crop(weight, 5)[0, 0, 0].tolist() == [8, 9, 10, 11, 12]
    assert torch.equal(centre_crop(weight, 7), weight)


@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_the_kernel_mask_keeps_exactly_the_centre_crop(kernel):
    mask = kernel_mask(torch.tensor(GATES[kernel]))
    assert mask.sum() == kernel**2 and centre_crop(mask[None, None], kernel).eq(1).all()


def test_each_kernel_gate_owns_its_ring():
    mask = kernel_mask(torch.tensor([0.5, 0.25]))
    assert mask[3].tolist() == [0.25, 0.5, 1, 1, 1, 0.5, 0.25] and mask[0].tolist() == [0.25] * 7


def test_the_width_mask_keeps_the_leading_channels():
    assert nested_mask((2, 3, 5), torch.tensor([1.0, 0.0])).tolist() == [1, 1, 1, 0, 0]
    assert nested_mask((2, 3, 5), torch.tensor([0.5, 0.25])).tolist() == [1, 1, 0.5, 0.25, 0.25]
    assert nested_mask((8, 8, 16), torch.tensor([0.0, 0.0])).tolist() == [1] * 8 + [0] * 8  # equal sizes are fine


def residual_block() -> ElasticBlock:
    block = random_supernet().blocks[5].eval()
    assert block.residual and block.hiddens
    return block


@given(st.floats(0, 1))
def test_equation_e_interpolates_between_the_input_and_the_block(g):
    block, x = residual_block(), normal(2, 8, 5, 5)
    gates = torch.tensor([1.0, 0.0], dtype=torch.float64), torch.tensor([1.0, 0.0], dtype=torch.float64)
    with torch.no_grad():
        whole = block(x, 5, 4)  # F(H)
        gated = block.forward_gated(x, *gates, torch.tensor(g, dtype=torch.float64))
    torch.testing.assert_close(gated, x * (1 - g) + whole * g)


def test_a_closed_depth_gate_is_the_identity():
    block, x = residual_block(), normal(2, 8, 5, 5)
    zeros = torch.zeros(2, dtype=torch.float64)
    assert torch.equal(block.forward_gated(x, zeros, zeros, zeros[0]), x)


def test_batch_norm_without_tracking_uses_the_batch_and_leaves_the_running_statistics():
    norm, x = torch.nn.BatchNorm2d(6).double().train(), normal(4, 3, 5, 5) * 2 + 1
    out = batch_norm(x, norm, track=False)
    torch.testing.assert_close(out.mean((0, 2, 3)), torch.zeros(3, dtype=torch.float64))
    assert norm.running_mean.eq(0).all() and norm.running_var.eq(1).all()
    batch_norm(x, norm, track=True)
    assert norm.running_mean[:3].ne(0).all() and norm.running_mean[3:].eq(0).all()


def test_sorting_puts_the_channels_that_are_read_most_strongly_first():
    block = residual_block()
    block.sort_channels()
    importance = block.project.weight.abs().sum((0, 2, 3))
    assert torch.equal(importance, importance.sort(descending=True).values)
    importance = block.se.expand.weight.abs().sum((0, 2, 3))
    assert torch.equal(importance, importance.sort(descending=True).values)
