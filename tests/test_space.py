"""Architectures cannot be invalid, and every written form of one leads back to it."""

import itertools
import json

import pytest
import torch
from helpers import architectures, one_line
from hypothesis import given
from hypothesis import strategies as st

from eas_core.base.errors import SpaceError
from eas_core.base.random import rng
from eas_core.space.search_space import (
    BLOCKS,
    GATES,
    LARGEST,
    PAIRS,
    SMALLEST,
    UNITS,
    Architecture,
    SearchSpace,
    active_blocks,
    canonical,
    from_gates,
    from_index,
    make_divisible,
    nest,
    one_hot,
    one_hot_of_gates,
    one_hot_of_index,
    sample,
    space_size,
    to_gates,
    to_index,
    uniform,
)


@given(architectures())
def test_json_leads_back_to_the_architecture(architecture):
    assert Architecture.from_json(architecture.to_json()) == architecture
    assert Architecture.from_dict(json.loads(json.dumps(architecture.to_dict()))) == architecture


@given(st.lists(architectures(), min_size=1, max_size=5))
def test_gates_lead_back_to_the_architectures(listed):
    gates = to_gates(listed)
    assert gates.shape == (len(listed), GATES) and set(gates.unique().tolist()) <= {0.0, 1.0}
    assert from_gates(gates) == listed


@given(architectures())
def test_gates_are_nested_pairs(architecture):
    first, second = to_gates([architecture])[0].unflatten(0, (-1, 2)).unbind(1)
    assert (second <= first).all()


def test_a_second_gate_without_the_first_means_nothing():
    gates = torch.zeros(1, GATES)
    gates[0, 1::2] = 1
    assert from_gates(gates) == [SMALLEST]
    assert nest(gates).sum() == 0


def test_gates_of_a_known_architecture():
    architecture = Architecture((2, 3, 4, 2, 2), (6, 3, 3, 3) + (3,) * 16, (5, 7, 3, 3) + (3,) * 16)
    gates = to_gates([architecture])[0].tolist()
    assert gates[:6] == [1, 0, 1, 1, 0, 0]  # kernels 5, 7, 3
    assert gates[40:44] == [1, 1, 0, 0]  # ratios 6, 3
    assert gates[80:] == [0, 0, 1, 0, 1, 1, 0, 0, 0, 0]  # depths 2, 3, 4, 2, 2


def test_blocks_beyond_the_depth_do_not_tell_architectures_apart():
    deep = Architecture((2,) * UNITS, (6,) * BLOCKS, (7,) * BLOCKS)
    expand, kernel = list(deep.expand), list(deep.kernel)
    expand[2], kernel[3] = 4, 5  # blocks 3 and 4 of the first unit do not exist
    same = Architecture(deep.depth, expand, kernel)
    assert deep == same and hash(deep) == hash(same)
    assert deep.expand[2] == 3 and deep.kernel[3] == 3 and deep.expand[1] == 6


@pytest.mark.parametrize(
    "depth, expand, kernel, field",
    [
        ((1,) * 5, (3,) * 20, (3,) * 20, "depth"),
        ((2,) * 4, (3,) * 20, (3,) * 20, "depth"),
        ((2,) * 5, (5,) * 20, (3,) * 20, "expand"),
        ((2,) * 5, (3,) * 21, (3,) * 20, "expand"),
        ((2,) * 5, (3,) * 20, (4,) * 20, "kernel"),
        ((2,) * 5, (3,) * 20, (3,) * 19 + (True,), "kernel"),
        ((2,) * 5, (3,) * 20, (3,) * 19 + ("3",), "kernel"),
        ((2,) * 5, (3,) * 20, (3,) * 19 + (None,), "kernel"),
        ((2,) * 5, (3,) * 20, (3,) * 19 + (float("nan"),), "kernel"),
        ((2,) * 5, (3,) * 20, (3,) * 19 + ([3],), "kernel"),
        (2, (3,) * 20, (3,) * 20, "depth"),
        ("22222", (3,) * 20, (3,) * 20, "depth"),
    ],
)
def test_an_invalid_architecture_cannot_exist(depth, expand, kernel, field):
    with pytest.raises(SpaceError) as error:
        Architecture(depth, expand, kernel)
    assert f"architecture.{field}" in one_line(error.value)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '{"depth": []}', '{"depth": [], "expand": [], "kernel": [], "x": 1}']
)
def test_json_that_is_no_architecture_is_refused_in_one_line(text):
    with pytest.raises(SpaceError) as error:
        Architecture.from_json(text)
    one_line(error.value)


def test_the_size_of_the_space_equals_a_count_of_one_unit():
    blocks = list(itertools.product((3, 4, 6), (3, 5, 7)))
    unit = sum(len(list(itertools.product(range(len(blocks)), repeat=depth))) for depth in (2, 3, 4))
    assert space_size() == unit**5
    assert 2e19 < space_size() < 2.2e19  # once-for-all: "more than 10^19"


def test_sampling_reaches_every_choice_about_equally_often():
    draw = rng(0, "sampling")
    drawn = [sample(draw) for _ in range(900)]
    for values in ([a.depth[3] for a in drawn], [a.kernel[0] for a in drawn], [a.expand[1] for a in drawn]):
        counts = [values.count(v) for v in sorted(set(values))]
        assert len(counts) == 3 and all(abs(c - 300) < 75 for c in counts)  # 75 is more than 5 standard deviations


def test_sampling_obeys_the_choices_of_a_stage():
    drawn = [sample(rng(0, i), depths=(4,), expansions=(6,), kernels=(3, 7)) for i in range(20)]
    assert {a.depth for a in drawn} == {(4,) * 5} and {a.expand for a in drawn} == {(6,) * 20}
    assert {k for a in drawn for k in a.kernel} == {3, 7}


def test_equal_generators_sample_equal_architectures():
    assert sample(rng(3, "a")) == sample(rng(3, "a")) != sample(rng(4, "a"))


@given(architectures())
def test_one_hot_has_a_one_for_each_choice_of_each_real_block(architecture):
    code = one_hot([architecture])[0]
    assert code.shape == (135,)
    assert code.sum() == 2 * sum(architecture.depth) + UNITS
    for block in range(BLOCKS):
        kernel = code[3 * block : 3 * block + 3].tolist()
        assert kernel == [float(architecture.active(block) and architecture.kernel[block] == k) for k in (3, 5, 7)]


@given(st.lists(architectures(), max_size=5))
def test_an_index_leads_back_to_the_architectures(listed):
    index = to_index(listed)
    assert index.shape == (len(listed), PAIRS) and index.dtype == torch.int64
    assert from_index(index) == listed


@given(st.lists(st.integers(0, 2), min_size=PAIRS, max_size=PAIRS))
def test_every_index_is_an_architecture_whose_entries_are_positions_in_the_choices(row):
    (architecture,) = from_index(torch.tensor([row]))
    assert architecture == Architecture(
        [(2, 3, 4)[i] for i in row[40:]], [(3, 4, 6)[i] for i in row[20:40]], [(3, 5, 7)[i] for i in row[:20]]
    )
    exist = active_blocks(torch.tensor(row))
    assert exist.tolist() == [architecture.active(b) for b in range(BLOCKS)]


@given(architectures())
def test_an_index_counts_the_gates_of_each_pair_that_are_on(architecture):
    assert torch.equal(to_index([architecture]).float(), nest(to_gates([architecture])).sum(-1))


@given(st.lists(st.integers(0, 2), min_size=2 * PAIRS, max_size=2 * PAIRS))
def test_one_hot_of_an_index_is_that_of_its_architectures_whatever_the_entries_of_missing_blocks(entries):
    index = torch.tensor(entries).view(2, PAIRS)
    expected = one_hot(from_index(index))  # an Architecture holds the smallest choice where there is no block
    assert torch.equal(one_hot_of_index(index), expected)
    assert torch.equal(one_hot_of_index(index[:, None]), expected[:, None]), "leading dimensions"


@pytest.mark.parametrize("index, message", [(torch.zeros(PAIRS).long(), "45"), (torch.zeros(1, 44).long(), "44")])
def test_an_index_of_the_wrong_shape_is_refused(index, message):
    with pytest.raises(SpaceError, match=message) as error:
        from_index(index)
    one_line(error.value)


@pytest.mark.parametrize("entry", [-1, 3])
def test_an_index_with_another_entry_than_0_1_2_is_refused(entry):
    index = torch.ones(2, PAIRS, dtype=torch.long)
    index[1, 7] = entry
    with pytest.raises(SpaceError, match=f"index: {entry} is not one of 0, 1, 2") as error:
        from_index(index)
    one_line(error.value)


@given(architectures(), architectures())
def test_one_hot_tells_different_architectures_apart(one, other):
    assert torch.equal(one_hot([one]), one_hot([other])) == (one == other)


@pytest.mark.parametrize(
    "value, rounded", [(7, 8), (8, 8), (11, 16), (12, 16), (20, 24), (18, 24), (17.6, 16), (60, 64), (2, 8)]
)
def test_channel_counts_round_to_multiples_of_eight_never_more_than_a_tenth_down(value, rounded):
    assert make_divisible(value) == rounded


@pytest.mark.parametrize(
    "change, field",
    [
        ({"widths": (8,) * 4}, "widths"),
        ({"strides": (3, 1, 1, 1, 1)}, "strides"),
        ({"stem_stride": 4}, "strides"),
        ({"resolution": 0}, "resolution"),
        ({"num_classes": -1}, "num_classes"),
    ],
)
def test_an_impossible_space_is_refused_in_one_line(change, field):
    with pytest.raises(SpaceError) as error:
        SearchSpace(**{"num_classes": 6, **change})
    assert f"space.{field}" in one_line(error.value)


def test_gates_of_the_wrong_shape_are_refused():
    with pytest.raises(SpaceError, match="90"):
        from_gates(torch.zeros(GATES))


def test_smallest_and_largest_are_the_ends_of_the_space():
    assert SMALLEST == uniform(2, 3, 3) and LARGEST == uniform(4, 6, 7)
    assert to_gates([SMALLEST]).sum() == 0 and to_gates([LARGEST]).sum() == GATES


@given(architectures())
def test_the_index_form_comes_back(architecture):
    index = to_index([architecture])
    assert index.shape == (1, 45) and index.dtype == torch.int64
    assert from_index(index) == [architecture]
    assert torch.equal(to_gates([architecture]).unflatten(1, (45, 2)).sum(-1).long(), index)
    assert torch.equal(one_hot_of_index(index), one_hot([architecture]))


@given(architectures(), architectures())
def test_entries_of_blocks_that_do_not_exist_are_of_no_account(architecture, other):
    index, noise = to_index([architecture]), to_index([other])
    exists = active_blocks(index)
    assert exists[0].tolist() == [architecture.active(b) for b in range(20)]
    mixed = torch.cat(
        [torch.where(exists, index[:, :20], noise[:, :20]), torch.where(exists, index[:, 20:40], noise[:, 20:40])], 1
    )
    mixed = torch.cat([mixed, index[:, 40:]], 1)
    (found,) = from_index(mixed)
    assert found == architecture and hash(found) == hash(architecture) and found.to_json() == architecture.to_json()
    assert torch.equal(canonical(mixed), index)
    assert torch.equal(one_hot_of_index(mixed), one_hot([architecture]))


@pytest.mark.parametrize("index", [torch.zeros(2, 44).long(), torch.zeros(45).long(), torch.full((1, 45), 3)])
def test_an_impossible_index_is_one_clear_line(index):
    with pytest.raises(SpaceError, match="index: ") as error:
        from_index(index)
    one_line(error.value)


@given(st.lists(architectures(), min_size=1, max_size=4))
def test_one_hot_codes_of_gates_are_those_of_their_architectures(chosen):
    gates = to_gates(chosen).requires_grad_()
    codes = one_hot_of_gates(gates)
    assert torch.equal(codes.detach(), one_hot(chosen))
    codes.sum().backward()
    assert gates.grad.isfinite().all()


def test_the_codes_gradient_is_that_of_the_choice():
    """The largest network's last depth gate makes the last block of its unit exist."""
    gates = to_gates([LARGEST])[0].requires_grad_()
    weight = torch.zeros(135)
    weight[5 * 3 + 2] = 1.0  # kernel 7 of the second unit's second block: there with any depth
    weight[3 * 3 + 2] = 2.0  # of the first unit's fourth block: only with depth 4
    (weight * one_hot_of_gates(gates)).sum().backward()
    found = {place: gates.grad[place].item() for place in gates.grad.nonzero().flatten().tolist()}
    assert found == {10: 1.0, 11: 1.0, 6: 2.0, 7: 2.0, 80: 2.0, 81: 2.0}
