"""One set of weights, three views: masks equal slices equal extraction, for every architecture."""

import pytest
import torch
from helpers import SMALL, architectures, bits, random_images, random_supernet
from hypothesis import given, settings

from eas_core.base.errors import SpaceError
from eas_core.base.random import rng
from eas_core.network.supernet import Supernet, initialise
from eas_core.space.search_space import LARGEST, SMALLEST, sample, to_gates, uniform

NETWORK = random_supernet()
IMAGES = random_images()
CLOSE = {"rtol": 1e-8, "atol": 1e-9}


def gates_of(architecture) -> torch.Tensor:
    return to_gates([architecture])[0].double()


@given(architectures())
@torch.no_grad()
def test_masks_equal_slices_equal_extraction_with_running_statistics(architecture):
    NETWORK.eval()
    sliced = NETWORK(IMAGES, architecture)
    assert sliced.std() > 1e-3
    torch.testing.assert_close(NETWORK(IMAGES, gates_of(architecture)), sliced, **CLOSE)
    torch.testing.assert_close(NETWORK.extract(architecture).double()(IMAGES), sliced, **CLOSE)


@given(architectures())
@torch.no_grad()
def test_masks_equal_slices_equal_extraction_with_batch_statistics(architecture):
    extracted = NETWORK.extract(architecture).double().train()
    NETWORK.train()
    masked = NETWORK(IMAGES, gates_of(architecture))
    state = {k: v.clone() for k, v in NETWORK.state_dict().items()}
    sliced = NETWORK(IMAGES, architecture)
    NETWORK.load_state_dict(state)  # slices track running statistics, the next example needs the old ones
    torch.testing.assert_close(masked, sliced, **CLOSE)
    torch.testing.assert_close(extracted(IMAGES), sliced, **CLOSE)


def gradients(which, training: bool) -> dict[str, torch.Tensor]:
    """Of a fixed random combination of the logits: for every weight (none counts as zero) and for the images."""
    network = random_supernet().train(training)
    images = IMAGES.clone().requires_grad_()
    readout = torch.randn(len(IMAGES), SMALL.num_classes, generator=rng(0, "readout"), dtype=torch.float64)
    (network(images, which) * readout).sum().backward()
    found = {n: torch.zeros_like(p) if p.grad is None else p.grad for n, p in network.named_parameters()}
    return {**found, "images": images.grad}


@pytest.mark.parametrize("training", [False, True], ids=["running statistics", "batch statistics"])
@settings(max_examples=10)
@given(architecture=architectures())
def test_masks_and_slices_give_shared_weights_the_same_gradients(training, architecture):
    sliced, masked = gradients(architecture, training), gradients(gates_of(architecture), training)
    for name in sliced:
        scale = sliced[name].abs().max().item()
        torch.testing.assert_close(masked[name], sliced[name], rtol=1e-6, atol=1e-8 * max(scale, 1), msg=name)
    assert sliced["stem.conv.weight"].abs().sum() > 0


def test_the_three_views_agree_in_float32():
    network = random_supernet().float().eval()
    images = IMAGES.float()
    with torch.no_grad():
        for i in range(5):
            architecture = sample(rng(0, "float32", i))
            sliced = network(images, architecture)
            for other in (network(images, gates_of(architecture).float()), network.extract(architecture)(images)):
                torch.testing.assert_close(other, sliced, rtol=1e-3, atol=1e-3 * sliced.abs().max().item())


def test_different_architectures_give_different_logits():
    NETWORK.eval()
    with torch.no_grad():
        choices = ((2, 3, 3), (3, 3, 3), (2, 4, 3), (2, 3, 5), (4, 6, 7))
        logits = [NETWORK(IMAGES, uniform(*choice)) for choice in choices]
    for i, one in enumerate(logits):
        assert all(not torch.allclose(one, other) for other in logits[i + 1 :])


@settings(max_examples=5)
@given(architectures())
def test_masks_leave_no_trace_in_running_statistics(architecture):
    network = random_supernet().train()
    before = bits(network.state_dict())
    network(IMAGES, gates_of(architecture)).sum().backward()
    assert bits(network.state_dict()) == before
    network(IMAGES, architecture)  # slices do leave one
    assert bits(network.state_dict()) != before


def test_extraction_shares_no_memory_with_the_supernet():
    network = random_supernet()
    before = bits(network.state_dict())
    extracted = network.extract(SMALLEST)
    with torch.no_grad():
        for parameter in extracted.parameters():
            parameter.add_(1)
    assert bits(network.state_dict()) == before


def test_an_extracted_network_is_plain():
    extracted = random_supernet().extract(sample(rng(0, "plain")))
    assert not extracted.training
    assert not any(type(module).__name__.startswith("Elastic") for module in extracted.modules())


@torch.no_grad()
def test_sorting_channels_keeps_the_largest_network_and_changes_a_narrow_one():
    network = random_supernet().eval()
    narrow = uniform(4, 3, 7)
    largest, small = network(IMAGES, LARGEST), network(IMAGES, narrow)
    network.sort_channels()
    torch.testing.assert_close(network(IMAGES, LARGEST), largest, **CLOSE)
    assert not torch.allclose(network(IMAGES, narrow), small)
    sorted_once = bits(network.state_dict())
    network.sort_channels()
    assert bits(network.state_dict()) == sorted_once


@torch.no_grad()
def test_after_sorting_the_three_views_still_agree():
    network = random_supernet().eval()
    network.sort_channels()
    architecture = sample(rng(0, "sorted"))
    sliced = network(IMAGES, architecture)
    torch.testing.assert_close(network(IMAGES, gates_of(architecture)), sliced, **CLOSE)
    torch.testing.assert_close(network.extract(architecture).double()(IMAGES), sliced, **CLOSE)


def test_gates_have_gradients_where_they_matter():
    network = random_supernet().train()
    gates = torch.ones(90, dtype=torch.float64, requires_grad=True)
    network(IMAGES, gates).square().sum().backward()
    assert gates.grad.ne(0).all()


def test_several_scenarios_in_one_call_are_refused():
    with pytest.raises(SpaceError, match="one scenario a call"):
        NETWORK(IMAGES, torch.zeros(2, 90))


def test_initialisation_depends_on_the_generator_only():
    one, two, other = Supernet(SMALL), Supernet(SMALL), Supernet(SMALL)
    for network, seed in ((one, 1), (two, 1), (other, 2)):
        initialise(network, rng(seed, "i"))
    assert bits(one.state_dict()) == bits(two.state_dict()) != bits(other.state_dict())


@torch.no_grad()
def test_every_residual_block_starts_as_the_identity():
    network = Supernet(SMALL)
    initialise(network, rng(0, "i"))
    for block in network.eval().blocks:
        x = torch.randn(2, block.expand.in_channels, 5, 5, generator=rng(0, "x"))
        if block.residual:
            assert torch.equal(block(x, 5, 4), x)
