"""Flips of gates: which there are, what they change, and what the gradient at one end or at both predicts."""

from __future__ import annotations

import pytest
import torch
from helpers import SMALL, TASKS, architectures, bits, one_line, random_split
from hypothesis import given
from torch import Tensor, nn

from eas_core.base.errors import DataError
from eas_core.base.random import rng
from eas_core.data.splits import Split
from eas_core.network.supernet import Supernet, initialise
from eas_core.search import gate_gradient
from eas_core.search.gate_gradient import Batch, Flip
from eas_core.show import generator_tables, gradient_figures
from eas_core.space.search_space import GATES, LARGEST, SMALLEST, from_gates, nest, sample, to_gates


class Curved(nn.Module):
    """In place of a supernet: cross-entropy log(1 + e^a) of the task with two classes, a a polynomial of the gates."""

    def __init__(self, power: int):
        super().__init__()
        self.power, self.gains = power, torch.randn(GATES // 2, 2, generator=rng(0, "gains"))

    def forward(self, images: Tensor, gates: Tensor) -> Tensor:
        loss = 30 + (self.gains * nest(gates) ** self.power).sum() / 10
        logits = torch.zeros(len(images), TASKS.num_classes)
        logits[:, 4] = loss  # the label is class 3: its loss is log(1 + e^loss), which is loss to 1e-12
        return logits


TWO = Batch(torch.zeros(4, 3, 2, 2), torch.tensor([3, 3]))


@given(architectures())
def test_flips_are_those_that_change_the_network(architecture):
    gates, found = to_gates([architecture])[0], gate_gradient.flipped(architecture)
    for gate in range(GATES):
        other = gates.clone()
        other[gate] = 1 - other[gate]
        (network,) = from_gates(other[None])
        assert found.get(gate, architecture) == network
    assert architecture not in found.values()


@pytest.mark.parametrize("architecture", [SMALLEST, LARGEST, sample(rng(0))], ids=["smallest", "largest", "random"])
def test_where_the_loss_is_straight_along_every_gate_both_predictions_are_right(architecture):
    for flip in gate_gradient.flips(Curved(1), architecture, TWO, TASKS):
        assert flip.straight_through == pytest.approx(flip.change, abs=1e-5)
        assert flip.second_order == pytest.approx(flip.change, abs=1e-5)


def test_where_it_is_a_parabola_only_the_mean_of_both_ends_is_right():
    flips = gate_gradient.flips(Curved(2), sample(rng(0)), TWO, TASKS)
    assert {flip.on for flip in flips} == {True, False}
    for flip in flips:
        assert flip.second_order == pytest.approx(flip.change, abs=1e-5)
        assert flip.straight_through == pytest.approx(0 if flip.on else 2 * flip.change, abs=1e-5)


def trained_pair() -> tuple[Supernet, Batch]:
    supernet = Supernet(SMALL)
    initialise(supernet, rng(0, "s"))
    for name, parameter in supernet.named_parameters():
        if name.endswith("norm3.weight"):  # 0 at first, so that no gate of a residual block would matter
            nn.init.ones_(parameter)
    return supernet, gate_gradient.draw_batch(random_split("valid"), TASKS, 0, 6, 6, rng(0, "batch"))


def test_a_flip_changes_the_loss_by_what_the_other_networks_loss_is():
    supernet, batch = trained_pair()
    flips = gate_gradient.flips(supernet, SMALLEST, batch, TASKS)
    others = gate_gradient.flipped(SMALLEST)
    assert [flip.gate for flip in flips] == list(others) and all(flip.on for flip in flips)
    for flip in flips[::8]:
        losses = []
        for which in (SMALLEST, others[flip.gate]):
            gates = to_gates([which])[0]
            losses.append(gate_gradient.loss_and_gradient(supernet, gates, batch, TASKS)[0])
        assert flip.change == pytest.approx(losses[1] - losses[0], abs=1e-6)
    assert any(abs(flip.change - flip.straight_through) > 1e-4 for flip in flips), "the loss is curved"


@pytest.mark.parametrize("training", [True, False])
def test_the_supernet_is_left_as_it_was(training):
    supernet, batch = trained_pair()
    supernet.train(training)
    before, gates = bits(supernet.state_dict()), to_gates([LARGEST])[0]
    gate_gradient.loss_and_gradient(supernet, gates, batch, TASKS)
    assert bits(supernet.state_dict()) == before and supernet.training is training
    assert all(parameter.grad is None for parameter in supernet.parameters())
    assert torch.equal(gates, to_gates([LARGEST])[0]) and not gates.requires_grad


@pytest.mark.parametrize("power", [1, 2, 3])
def test_the_way_along_a_gate_has_the_losses_and_slopes_between_its_ends(power):
    network = Curved(power)
    curve = gate_gradient.along(network, SMALLEST, 4, TWO, TASKS, points=5)
    gate, gain = torch.linspace(0, 1, 5), network.gains[2, 0] / 10
    torch.testing.assert_close(curve[:, 0], gate)
    torch.testing.assert_close(curve[:, 1], 30 + gain * gate**power)
    torch.testing.assert_close(curve[:, 2], power * gain * gate ** (power - 1), atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("own, context, found", [(3, 5, 3), (3, 0, 3), (100, 2, 24)], ids=["both", "none", "all"])
def test_a_batch_has_different_images_of_the_task_then_others(own, context, found):
    split = random_split("valid")
    batch = gate_gradient.draw_batch(split, TASKS, 0, own, context, rng(0))
    assert len(batch.labels) == found and batch.images.shape == (found + context, 3, 13, 13)
    assert set(batch.labels.tolist()) <= set(TASKS.classes[0])
    assert len(batch.images[:found].flatten(1).unique(dim=0)) == found


def test_a_task_without_images_is_refused():
    split = random_split("valid")
    only = split.labels < 3
    split = Split("valid", split.images[only], split.labels[only], "x")
    with pytest.raises(DataError) as error:
        gate_gradient.draw_batch(split, TASKS, 1, 4, 4, rng(0))
    assert TASKS.names[1] in one_line(error.value)


def flip(change: float, predicted: float, gate: int = 0, on: bool = True) -> Flip:
    return Flip(gate, on, change, predicted, change)


def test_agreement_by_hand():
    found = gate_gradient.agreement([flip(0.0, 1.0), flip(1.0, 3.0), flip(2.0, 5.0)], "straight_through")
    assert found["n"] == 3 and found["true"] == 1 and found["predicted"] == 3
    assert found["slope"] == pytest.approx(2) and found["correlation"] == pytest.approx(1)


@pytest.mark.parametrize("flips", [[flip(0, 1), flip(1, 2)], [flip(1, 1)] * 4, [flip(1, i) for i in range(4)]])
def test_too_few_or_equal_flips_have_no_slope(flips):
    found = gate_gradient.agreement(flips, "straight_through")
    assert found["slope"] is None and found["correlation"] is None and found["n"] == len(flips)


def test_gates_have_the_kind_and_name_of_what_they_decide():
    named = {0: "kernel ≥ 5, unit 1 block 1", 39: "kernel ≥ 7, unit 5 block 4", 40: "ratio ≥ 4, unit 1 block 1"}
    named |= {79: "ratio ≥ 6, unit 5 block 4", 80: "depth ≥ 3, unit 1", 89: "depth ≥ 4, unit 5"}
    assert {gate: flip(0, 0, gate).name for gate in named} == named
    assert [flip(0, 0, gate).kind for gate in named] == ["kernel", "kernel", "width", "width", "depth", "depth"]


def test_the_table_has_a_row_for_each_kind_that_was_flipped_and_no_holes():
    flips = [flip(0.001 * i, 0.002 * i, 2 * i) for i in range(30)] + [flip(-0.001, 0.003, 80, on=False)]
    table = generator_tables.gate_gradient_table(flips)
    rows = ["all", "kernel", "width"]
    assert list(table.index) == [("switched on", row) for row in rows] + [("switched off", k) for k in ("all", "depth")]
    assert table.loc[("switched on", "all"), ("slope", "straight-through")] == "2.00"
    off = table.loc[("switched off", "depth")]
    assert off["mean change (0.001 nats)"].tolist() == ["-1.0", "3.0", "-1.0"] and off["slope"].tolist() == ["–", "–"]
    assert not table.isna().any(axis=None)


@pytest.mark.parametrize("ways", [(True, False), (True,), ()], ids=["both", "on only", "none"])
def test_the_figure_draws_every_flip_once_for_each_prediction(ways):
    flips = [flip(0.01 * i, 0.02 * i, 30 * (i % 3), on) for on in ways for i in range(5)]
    figure = gradient_figures.gate_flips(flips)
    drawn = sum(len(line.get_xdata()) for axis in figure.axes for line in axis.lines if line.get_linestyle() == "None")
    assert drawn == 2 * len(flips)
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert titles.count("no flips") == 2 * (2 - len(ways))
