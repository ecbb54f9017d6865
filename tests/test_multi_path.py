"""The multi-path encoding: one path with all the weight is that sub-network, and every path has a part in training."""

import pytest
import torch
from helpers import SMALL, TASKS, architectures, bits, random_images, random_split, random_supernet
from hypothesis import given
from hypothesis import strategies as st
from test_train_generator import fresh_pair, small_profile

from eas_core.base.devices import ALONE, Devices
from eas_core.base.random import rng
from eas_core.network.generator import ArchitectureGenerator
from eas_core.network.multi_path import (
    PATH_HEADS,
    PathWeights,
    draw_paths,
    expected_madds_millions,
    gate_logits,
    path_weights,
)
from eas_core.search.specialize import propose
from eas_core.settings import schema
from eas_core.space.cost_tables import budget_range, madds
from eas_core.space.search_space import BLOCKS, DEPTHS, EXPANSIONS, KERNELS, UNITS, Architecture, from_gates, from_index
from eas_core.training.train_generator import train_generator

LOW, HIGH = budget_range(SMALL)


def certain(architecture: Architecture, sure: float = 60.0) -> torch.Tensor:
    """Logits (195,) that give one architecture all the weight."""
    blocks, depths = torch.zeros(BLOCKS, 9), torch.zeros(UNITS, 3)
    for b in range(BLOCKS):
        k, e = KERNELS.index(architecture.kernel[b]), EXPANSIONS.index(architecture.expand[b])
        blocks[b, 3 * k + e] = sure
    for u in range(UNITS):
        depths[u, DEPTHS.index(architecture.depth[u])] = sure
    return torch.cat([blocks.flatten(), depths.flatten()])


def draw(z: torch.Tensor, count: int, seed: int) -> torch.Tensor:
    """Index (m, count, 45) of architectures drawn from path logits (m, 195)."""
    return draw_paths(z, torch.rand(len(z), count, BLOCKS + UNITS, generator=rng(seed)))


def path_generator(seed: int = 0, scale: float = 1.0) -> ArchitectureGenerator:
    network = ArchitectureGenerator(3, (LOW, HIGH), 4, 8, 16, heads=PATH_HEADS)
    network.initialise(rng(seed, "paths"))
    with torch.no_grad():
        network.path_head.weight.mul_(scale)
        network.depth_head.weight.mul_(scale)
    return network


@given(st.integers(0, 10**6))
def test_weights_of_each_choice_are_a_distribution(seed):
    paths = path_weights(torch.randn(4, 195, generator=rng(seed)))
    assert paths.blocks.shape == (4, BLOCKS, 9) and paths.depths.shape == (4, UNITS, 3)
    for weights in paths:
        assert (weights > 0).all()
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))


@given(architectures())
def test_one_path_with_all_the_weight_is_the_sliced_sub_network(architecture):
    network, x = random_supernet().train(), random_images()
    before = bits(network.state_dict())
    paths = path_weights(certain(architecture).double())
    with torch.no_grad():
        mixed = network.forward_paths(x, paths)
        assert bits(network.state_dict()) == before, "left a trace in the running statistics"
        torch.testing.assert_close(mixed, network(x, architecture))


def test_a_block_is_the_weighted_sum_of_all_nine_candidates():
    network, draw = random_supernet().train(), rng(0, "mixture")
    paths = path_weights(torch.randn(195, generator=draw, dtype=torch.float64))
    x = network.stem(random_images())
    block = network.blocks[0]
    by_hand = sum(paths.blocks[0, 3 * k + e] * block(x, KERNELS[k], EXPANSIONS[e]) for k in range(3) for e in range(3))
    seen = []
    network.blocks[1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network.forward_paths(random_images(), paths)
    torch.testing.assert_close(seen[0], by_hand)


def test_every_weight_gets_a_gradient_from_the_images():
    network = random_supernet().train().requires_grad_(False)
    z = torch.randn(195, generator=rng(1), dtype=torch.float64).requires_grad_()
    network.forward_paths(random_images(), path_weights(z)).square().sum().backward()
    assert (z.grad != 0).all()


@given(architectures())
def test_certain_paths_cost_what_the_architecture_costs(architecture):
    cost = expected_madds_millions(SMALL, path_weights(certain(architecture).double()))
    assert cost.item() * 1e6 == pytest.approx(madds(SMALL, [architecture])[0], rel=1e-9)


def test_the_expected_cost_is_the_mean_cost_of_what_is_sampled():
    z = torch.randn(2, 195, generator=rng(2))
    expected = expected_madds_millions(SMALL, path_weights(z))
    for row, mean in zip(draw(z, 4000, 3), expected.tolist(), strict=True):
        costs = torch.tensor(madds(SMALL, from_index(row)), dtype=torch.float64) / 1e6
        assert abs(costs.mean().item() - mean) < 5 * costs.std().item() / 4000**0.5


@given(architectures())
def test_sampling_and_gates_of_certain_paths_give_the_architecture(architecture):
    z = certain(architecture)[None]
    assert set(from_index(draw(z, 5, 0)[0])) == {architecture}
    assert from_gates((gate_logits(z) > 0).float()) == [architecture]


def test_gate_logits_are_the_marginals_of_the_paths():
    z = torch.randn(1, 195, generator=rng(4))
    index = draw(z, 20000, 5)[0]
    gates = torch.stack([index >= 1, index >= 2], dim=-1).float()  # (20000, 45, 2)
    p = torch.sigmoid(gate_logits(z))[0].unflatten(0, (45, 2))
    first = gates[..., 0].mean(0)
    assert ((first - p[:, 0]).abs() < 0.02).all()
    second = gates[..., 1].sum(0) / gates[..., 0].sum(0).clamp(min=1)  # given the first
    enough = gates[..., 0].sum(0) > 2000
    assert ((second - p[:, 1]).abs()[enough] < 0.06).all()


@given(st.integers(0, 10**6), st.sampled_from([0.1, 3.0, 30.0]), st.floats(0.0, 1.0))
def test_no_candidate_of_a_path_generator_exceeds_its_budget(seed, scale, share):
    budget = LOW + share * (HIGH - LOW)
    settings = schema.Specialize(samples=64, candidates=5, budgets=(1.0,))
    for proposal in propose(path_generator(seed, scale), SMALL, [(0, budget), (2, budget)], settings, seed):
        assert all(cost <= 1e6 * budget for cost in madds(SMALL, list(proposal.candidates)))


def test_training_brings_the_cost_to_the_budget_and_leaves_the_supernet_as_it_was(tmp_path):
    _, supernet = fresh_pair()
    network = ArchitectureGenerator(3, (0.6, 2.6), 4, 8, 16, heads=PATH_HEADS)
    network.initialise(rng(0, "g"))
    before = bits(supernet.state_dict())
    more = ["multi_path.steps=30", "generator.lam=30", "generator.optimizer.lr=0.02"]
    curve, _ = train_generator(
        network, supernet, random_split("valid"), TASKS, small_profile(*more), 0, tmp_path, progress=False
    )
    assert curve[-1]["step"] == 30, "multi_path.steps counts, not generator.steps"
    error = [point["cost error"] for point in curve]
    assert sum(error[-5:]) < 0.7 * sum(error[:5])
    assert bits(supernet.state_dict()) == before


@pytest.mark.parametrize("options", [{"mixed_precision": "bf16"}, {"micro_batches": 2}], ids=["bf16", "micro-batches"])
def test_options_of_a_launch_train_near_the_plain_training(options, tmp_path):
    curves = []
    for team in (ALONE, Devices(**options)):
        _, supernet = fresh_pair()
        network = ArchitectureGenerator(3, (0.6, 2.6), 4, 8, 16, heads=PATH_HEADS)
        network.initialise(rng(0, "g"))
        profile, folder = small_profile("multi_path.steps=2"), tmp_path / str(len(curves))
        split = random_split("valid")
        curves.append(train_generator(network, supernet, split, TASKS, profile, 0, folder, team, progress=False)[0])
        assert all(
            tensor.dtype == torch.float32 and tensor.isfinite().all() for tensor in network.state_dict().values()
        )
    (plain, *_), (other, *_) = curves
    assert other["cost error"] == pytest.approx(plain["cost error"], rel=1e-6)  # costs stay float64
    assert other["validation loss"] == pytest.approx(plain["validation loss"], rel=0.2)
    assert other["validation loss"] != plain["validation loss"]


def test_paths_of_gates_are_named_alike():
    """Path p is kernel p // 3 and ratio p % 3, in sampling as in the cost table."""
    architecture = Architecture((2,) * UNITS, (6, 3) * (BLOCKS // 2), (3, 7) * (BLOCKS // 2))
    weights = path_weights(certain(architecture))
    assert isinstance(weights, PathWeights)
    assert from_index(draw(certain(architecture)[None], 1, 0)[0]) == [architecture]
