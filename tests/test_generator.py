"""The architecture generator: Eq. (G)-(J) on cases computable by hand, and the embeddings of budgets."""

import math

import pytest
import torch
from helpers import bits, one_line
from hypothesis import given
from hypothesis import strategies as st

from eas_core.base.errors import SpaceError
from eas_core.base.random import rng
from eas_core.network.generator import (
    ESTIMATORS,
    ArchitectureGenerator,
    hard_gates,
    probabilities,
    relaxed_gates,
    sample_gates,
    second_order_gates,
)


def generator(seed: int = 0, anchors: int = 10) -> ArchitectureGenerator:
    network = ArchitectureGenerator(tasks=3, budget=(100.0, 190.0), anchors=anchors, embedding=8, hidden=16)
    network.initialise(rng(seed, "generator"))
    return network


def test_equation_h_the_probability_is_the_sigmoid():
    z = torch.tensor([0.0, math.log(3), -math.log(3)])
    torch.testing.assert_close(probabilities(z), torch.tensor([0.5, 0.75, 0.25]))


@pytest.mark.parametrize("p", [0.05, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("tau", [0.5, 1.0, 3.0])
def test_equation_g_a_gate_is_one_with_probability_p(p, tau):
    z = torch.full((40000,), math.log(p / (1 - p)))
    frequency = sample_gates(z, tau, rng(0, "frequency")).mean().item()
    assert abs(frequency - p) < 5 * math.sqrt(p * (1 - p) / 40000)


@pytest.mark.parametrize(
    "p, u, tau, expected",
    [
        (0.5, 0.5, 1.0, 0.5),
        (0.75, 0.5, 1.0, 0.75),  # log 3 + 0
        (0.5, 0.8, 1.0, 0.8),  # 0 + log 4
        (0.75, 0.75, 1.0, 0.9),  # log 3 + log 3 = log 9
        (0.75, 0.75, 2.0, 0.75),  # half of it: log 3
        (0.75, 0.25, 0.1, 0.5),  # they cancel at every temperature
        (0.2, 0.5, 0.5, 1 / 17),  # twice -log 4 = -log 16
    ],
)
def test_equation_i_by_hand(p, u, tau, expected):
    z = torch.tensor(math.log(p / (1 - p)), dtype=torch.float64)
    assert relaxed_gates(z, torch.tensor(u, dtype=torch.float64), tau).item() == pytest.approx(expected)


def test_equation_j_is_one_only_above_a_half():
    h = torch.tensor([0.0, 0.499, 0.5, 0.501, 1.0])
    assert hard_gates(h).tolist() == [0, 0, 0, 1, 1]


@given(st.lists(st.floats(-8, 8), min_size=1, max_size=9), st.floats(0.1, 5), st.integers(0, 99))
def test_the_straight_through_gradient_is_that_of_h(values, tau, seed):
    u = torch.rand(len(values), generator=rng(seed), dtype=torch.float64).clamp(0.01, 0.99)
    weights = torch.arange(1.0, len(values) + 1, dtype=torch.float64)
    found = []
    for last in (hard_gates, lambda h: h):
        z = torch.tensor(values, dtype=torch.float64, requires_grad=True)
        (last(relaxed_gates(z, u, tau)) * weights).sum().backward()
        found.append(z.grad)
    torch.testing.assert_close(*found)
    h = relaxed_gates(torch.tensor(values, dtype=torch.float64), u, tau)
    torch.testing.assert_close(found[0], weights * h * (1 - h) / tau)  # the derivative of a sigmoid


@given(st.lists(st.floats(-30, 30), min_size=1, max_size=20), st.integers(0, 99))
def test_sampled_gates_are_exactly_zero_or_one(values, seed):
    assert set(sample_gates(torch.tensor(values), 1.0, rng(seed)).tolist()) <= {0.0, 1.0}


@given(st.lists(st.floats(-30, 30), min_size=1, max_size=20), st.floats(0.1, 5), st.integers(0, 99))
def test_both_estimators_draw_the_same_gates(values, tau, seed):
    z = torch.tensor(values)
    first, second = (sample_gates(z, tau, rng(seed), estimator) for estimator in ESTIMATORS)
    assert torch.equal(first, second) and set(second.tolist()) <= {0.0, 1.0}
    assert torch.equal(first, sample_gates(z, tau, rng(seed))), "the paper's is the default"


@given(st.floats(-6, 6), st.floats(-3, 3), st.floats(-3, 3), st.floats(-3, 3))
def test_the_second_order_gradient_is_exact_in_expectation_for_a_loss_quadratic_in_a_gate(value, a, b, c):
    p, expected = 1 / (1 + math.exp(-value)), 0.0
    for on in (0.0, 1.0):  # the expectation over both draws
        z = torch.tensor(value, dtype=torch.float64, requires_grad=True)
        gate = second_order_gates(z, torch.tensor(on))
        (a * gate**2 + b * gate + c).backward()
        assert gate.item() == on
        expected += (p if on else 1 - p) * z.grad.item()
    assert expected == pytest.approx(p * (1 - p) * (a + b), abs=1e-12)  # d/dz of (1 - p) f(0) + p f(1)


def mean_gradient(estimator: str, curvature: float, p: float = 0.3, n: int = 40000) -> tuple[float, float]:
    """Mean of the estimated gradients of g + curvature (g^2 - g), which is g on 0 and 1, and its standard error."""
    z = torch.full((n,), math.log(p / (1 - p)), dtype=torch.float64, requires_grad=True)
    gate = sample_gates(z, 1.0, rng(0, "mean gradient"), estimator)
    (gate + curvature * (gate**2 - gate)).sum().backward()
    return z.grad.mean().item(), z.grad.std().item() / math.sqrt(n)


def test_curvature_along_a_gate_biases_straight_through_gradients_and_not_second_order_ones():
    truth = 0.3 * 0.7
    for curvature in (0.0, 6.0):
        mean, error = mean_gradient("second-order", curvature)
        assert abs(mean - truth) < 5 * error
    flat, curved = (mean_gradient("straight-through", curvature)[0] for curvature in (0.0, 6.0))
    assert flat > 0 > curved, "even its sign is wrong"


def test_an_estimator_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(SpaceError) as error:
        sample_gates(torch.zeros(3), 1.0, rng(0), "reinforce")
    assert "generator.estimator" in one_line(error.value) and "second-order" in str(error.value)


def test_certain_gates_are_not_left_to_chance():
    z = torch.tensor([20.0, -20.0]).expand(5000, 2)
    gates = sample_gates(z, 1.0, rng(0))
    assert gates[:, 0].eq(1).all() and gates[:, 1].eq(0).all()


@pytest.mark.parametrize("anchors", [2, 4, 10])
def test_the_embedding_is_exact_at_the_anchors(anchors):
    network = generator(anchors=anchors).double()
    budgets = torch.linspace(100, 190, anchors, dtype=torch.float64)
    torch.testing.assert_close(network.embed_budget(budgets), network.budget_embedding)


@given(st.integers(0, 8), st.floats(0, 1))
def test_the_embedding_is_linear_between_anchors(left, weight):
    network = generator().double()
    budget = torch.tensor([100 + 10 * (left + weight)], dtype=torch.float64)
    low, high = network.budget_embedding[left], network.budget_embedding[left + 1]
    torch.testing.assert_close(network.embed_budget(budget)[0], (1 - weight) * low + weight * high)


@pytest.mark.parametrize("budget", [99.9, 190.1, -1.0, 1e9, float("inf"), float("nan")])
def test_a_budget_out_of_range_is_refused_with_the_range(budget):
    with pytest.raises(SpaceError) as error:
        generator().embed_budget(torch.tensor([150.0, budget]))
    assert "[100, 190]" in one_line(error.value)


def test_one_forward_pass_gives_each_scenario_what_it_gets_alone():
    network, task, budget = generator(), torch.tensor([0, 1, 2, 1]), torch.tensor([100.0, 133.0, 190.0, 150.0])
    z = network(task, budget)
    assert z.shape == (4, 90)
    for i in range(4):
        torch.testing.assert_close(network(task[i : i + 1], budget[i : i + 1])[0], z[i])


def test_task_and_budget_both_matter():
    network = generator()
    z = network(torch.tensor([0, 1, 0]), torch.tensor([120.0, 120.0, 180.0]))
    assert not torch.allclose(z[0], z[1]) and not torch.allclose(z[0], z[2])


def test_every_weight_learns_from_the_gates():
    network = generator()
    z = network(torch.arange(3), torch.tensor([104.0, 147.0, 185.0]))
    z.square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in network.parameters())


def test_initialisation_depends_on_the_seed_only():
    assert bits(generator(1).state_dict()) == bits(generator(1).state_dict()) != bits(generator(2).state_dict())
