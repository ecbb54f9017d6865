"""Cost is exact: it equals a count of what extracted networks do, once-for-all's figures, and Eq. (E)-(F) by hand."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import SMALL, architectures, one_line
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from eas_core.base.errors import SpaceError
from eas_core.base.random import rng
from eas_core.network.subnetwork import Network
from eas_core.settings import profiles
from eas_core.space import cost_tables as cost
from eas_core.space import count
from eas_core.space.search_space import (
    BLOCKS,
    LARGEST,
    PAIRS,
    SMALLEST,
    Architecture,
    SearchSpace,
    from_index,
    nest,
    sample,
    to_gates,
    to_index,
    uniform,
)

FACTS = Path(__file__).resolve().parents[2] / "shared" / "facts" / "ofa_madds_examples.json"
SPACES = [
    SMALL,
    SearchSpace(num_classes=60),
    SearchSpace(num_classes=240, resolution=193),
    replace(SMALL, stem_stride=2, resolution=32, widths=(16, 8, 24, 24, 40)),
    profiles.load("demo").search_space(),
]


def layer_counts(network: Network) -> list[int]:
    """Multiply-adds of each convolution and linear layer for one image, in module order, as forward hooks see them."""
    counts = {}

    def hook(module, inputs, output):
        if isinstance(module, nn.Conv2d):
            taps = module.kernel_size[0] * module.kernel_size[1] * module.in_channels // module.groups
            counts[module] = output.numel() * taps
        else:
            counts[module] = module.in_features * module.out_features

    layers = [m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    for layer in layers:
        layer.register_forward_hook(hook)
    size = network.space.resolution
    network.eval()(torch.zeros(1, 3, size, size, device="meta"))
    return [counts[layer] for layer in layers]


def meta_network(space: SearchSpace, architecture: Architecture) -> Network:
    with torch.device("meta"):  # shapes without numbers: fast at every resolution
        return Network(space, architecture)


@pytest.mark.parametrize("space", SPACES, ids=lambda s: f"{s.resolution}px-{s.num_classes}")
@settings(max_examples=8)
@given(architecture=architectures())
def test_madds_and_params_equal_a_count_on_the_network(space, architecture):
    network = meta_network(space, architecture)
    assert cost.madds(space, [architecture]) == [sum(layer_counts(network))]
    assert cost.params(space, [architecture]) == [sum(p.numel() for p in network.parameters())]


@pytest.fixture(scope="module")
def ofa_facts() -> list[dict]:
    if not FACTS.exists():
        pytest.skip("once-for-all's own counts (ofa_madds_examples.json) are not beside this checkout")
    return json.loads(FACTS.read_text())


def _space_and_architecture(fact: dict) -> tuple[SearchSpace, Architecture]:
    space = SearchSpace(num_classes=fact["num_classes"], resolution=fact["resolution"])
    return space, Architecture(fact["depth"], fact["expand"], fact["kernel"])


def test_params_equal_once_for_alls(ofa_facts):
    assert len(ofa_facts) == 12
    for fact in ofa_facts:
        space, architecture = _space_and_architecture(fact)
        assert cost.params(space, [architecture]) == [fact["params"]]


def test_madds_summed_in_float32_as_once_for_all_sums_them_are_its_figures(ofa_facts):
    """Its counter adds the layers' counts in float32, in module order: above 2^24 a sum is rounded at every layer."""
    for fact in ofa_facts:
        total = np.float32(0)
        for layer in layer_counts(meta_network(*_space_and_architecture(fact))):
            total = np.float32(total + np.float32(layer))
        assert int(total) == fact["madds"]


def test_madds_differ_from_once_for_alls_by_float32_rounding_only(ofa_facts):
    for fact in ofa_facts:
        space, architecture = _space_and_architecture(fact)
        (ours,) = cost.madds(space, [architecture])
        assert abs(ours - fact["madds"]) <= 64


def test_a_batch_costs_what_its_members_cost():
    listed = [sample(rng(0, i)) for i in range(50)]
    assert cost.madds(SMALL, listed) == [cost.madds(SMALL, [a])[0] for a in listed]
    assert len(set(cost.madds(SMALL, listed))) > 40


def test_a_block_by_hand():
    # 8 -> 16 channels on 10 x 10, stride 2 (5 x 5 out), kernel 5, 24 expanded channels, 8 hidden in squeeze-excite
    madds = 8 * 24 * 100 + 24 * 25 * 25 + 24 * 16 * 25 + 2 * 24 * 8
    params = 8 * 24 + 24 * 25 + 24 * 16 + 2 * (24 + 24 + 16) + 2 * 24 * 8 + 24 + 8
    assert count._block(8, 16, 10, 2, 5, 24, True) == (madds, params)


def test_equation_e_gates_of_the_blocks_of_a_unit_are_one_one_g3_g3g4():
    gates = torch.zeros(90, dtype=torch.float64)
    gates[80:] = torch.tensor([0.5, 0.25, 1, 0, 0, 1, 1, 1, 0, 0])
    expected = [1, 1, 0.5, 0.125, 1, 1, 1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0]
    assert cost.depth_gates(nest(gates)).tolist() == expected


@given(architectures())
def test_equation_f_the_cost_is_the_sum_of_the_costs_of_the_blocks_gone_through(architecture):
    table, _ = cost.cost_tables(SMALL)
    total = table.fixed
    for block in range(BLOCKS):
        if architecture.active(block):
            kernel, ratio = (3, 5, 7).index(architecture.kernel[block]), (3, 4, 6).index(architecture.expand[block])
            total += table.blocks[block, kernel, ratio].item()
    assert cost.madds(SMALL, [architecture]) == [total]


@given(st.lists(st.integers(0, 2), min_size=2 * PAIRS, max_size=2 * PAIRS))
def test_the_cost_of_an_index_is_exactly_that_of_its_gates(entries):
    """Entries of blocks that do not exist cost nothing: from_index() sets them to the smallest choice."""
    index = torch.tensor(entries).view(2, PAIRS)
    gates = to_gates(from_index(index))
    for space in (SMALL, SPACES[1]):
        for table in cost.cost_tables(space):
            found = cost.cost_of_index(table, index)
            assert found.dtype == torch.float64 and torch.equal(found, cost.cost_of_gates(table, gates))
            assert torch.equal(cost.cost_of_index(table, index[None]), found[None]), "leading dimensions"


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_architectures_drawn_around_a_cost_cost_that_on_average(share):
    low, high = cost.budget_range(SMALL)
    target = low + share * (high - low)
    index = cost.draw_around(SMALL, target, 4000, rng(0, "around"))
    costs = cost.cost_of_index(cost.cost_tables(SMALL)[0], index) / cost.MILLION
    assert abs(costs.mean().item() - target) < 5 * costs.std().item() / 4000**0.5  # five standard errors


@given(architectures())
def test_the_gradient_in_the_gates_is_what_switching_a_gate_costs(architecture):
    """The cost is linear in each gate, so its derivative is the difference between the gate on and the gate off."""
    table, _ = cost.cost_tables(SMALL)
    gates = to_gates([architecture])[0].double().requires_grad_()
    (gradient,) = torch.autograd.grad(cost.cost_of_gates(table, gates), gates)
    rows = gates.detach().repeat(90, 1)
    on, off = rows.clone().fill_diagonal_(1), rows.clone().fill_diagonal_(0)
    torch.testing.assert_close(gradient, cost.cost_of_gates(table, on) - cost.cost_of_gates(table, off))


def test_millions_are_madds_over_a_million():
    gates = to_gates([LARGEST, SMALLEST])
    assert cost.madds_millions(SMALL, gates).tolist() == [m / 1e6 for m in cost.madds(SMALL, [LARGEST, SMALLEST])]


@given(architectures())
def test_no_architecture_costs_less_than_the_smallest_or_more_than_the_largest(architecture):
    low, high = cost.budget_range(SMALL)
    assert low <= cost.madds(SMALL, [architecture])[0] / 1e6 <= high


def test_the_papers_space_spans_120_to_565_million():
    low, high = cost.budget_range(SearchSpace(num_classes=60))
    assert round(low) == 120 and round(high) == 565


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.9])
def test_architectures_of_about_equal_cost_are_different_and_within_the_window(share):
    low, high = cost.budget_range(SMALL)
    target = low + share * (high - low)
    found = cost.sample_near(SMALL, target, 0.02, 20, rng(0, "near"))
    assert len(set(found)) == 20
    assert all(abs(m / 1e6 - target) <= 0.02 * target for m in cost.madds(SMALL, found))
    assert found == cost.sample_near(SMALL, target, 0.02, 20, rng(0, "near"))


@pytest.mark.parametrize("target", [1e-6, 1e6, float("nan")])
def test_a_cost_outside_the_space_is_refused_with_the_range(target):
    with pytest.raises(SpaceError) as error:
        cost.sample_near(SMALL, target, 0.02, 1, rng(0))
    assert f"{cost.budget_range(SMALL)[1]:g}" in one_line(error.value)


def test_more_architectures_than_there_are_is_an_error():
    low, _ = cost.budget_range(SMALL)
    with pytest.raises(SpaceError, match="only"):
        cost.sample_near(SMALL, low, 1e-9, 5, rng(0))


def test_deeper_wider_and_larger_kernels_cost_more():
    order = [uniform(2, 3, 3), uniform(2, 3, 5), uniform(2, 4, 5), uniform(3, 4, 5), uniform(3, 6, 7), uniform(4, 6, 7)]
    for costs in (cost.madds(SMALL, order), cost.params(SMALL, order)):
        assert costs == sorted(set(costs))


@given(architectures())
def test_the_cost_of_an_index_is_the_cost_of_the_architecture(architecture):
    for space in SPACES:
        for table, exact in zip(cost.cost_tables(space), (cost.madds, cost.params), strict=True):
            index = to_index([architecture])
            assert cost.cost_of_index(table, index).tolist() == exact(space, [architecture])
            noise = index.clone()
            noise[:, 3] = (noise[:, 3] + 1) % 3  # a block that exists only at depth 4
            same = architecture.depth[0] < 4
            assert (cost.cost_of_index(table, noise).item() == exact(space, [architecture])[0]) == same
