"""EAS inference never returns a network above its budget, and a scenario's proposal is the same in any batch."""

import math
from functools import cache

import pytest
import torch
from helpers import SMALL, TASKS, architectures, bits, one_line, random_split, random_supernet
from hypothesis import given, settings
from hypothesis import strategies as st
from test_multi_path import path_generator

from eas_core.base.errors import SpaceError
from eas_core.base.random import rng
from eas_core.network.generator import ArchitectureGenerator, hard_gates, relaxed_gates
from eas_core.search.gate_statistics import gate_statistics
from eas_core.search.specialize import (
    TOGETHER,
    Proposal,
    draw_gates,
    most_probable,
    nearest_feasible,
    propose,
    ranked,
    scenario_rng,
    specialize,
)
from eas_core.settings import schema
from eas_core.space.cost_tables import budget_range, madds, madds_millions
from eas_core.space.search_space import GATES, LARGEST, SMALLEST, from_gates, from_index, nest, to_gates

LOW, HIGH = budget_range(SMALL)
SETTINGS = schema.Specialize(samples=256, candidates=20, budgets=(1.0,))


def generator(seed: int = 0, scale: float = 1.0) -> ArchitectureGenerator:
    network = ArchitectureGenerator(3, (LOW, HIGH), 4, 8, 16)
    network.initialise(rng(seed, "generator"))
    with torch.no_grad():
        for head in (network.kernel_head, network.width_head, network.depth_head):
            head.weight.mul_(scale)
    return network


def cost(architecture) -> float:
    return madds(SMALL, [architecture])[0] / 1e6


@given(
    st.integers(0, 10**6),
    st.sampled_from([0.1, 1.0, 20.0]),
    st.lists(st.tuples(st.integers(0, 2), st.floats(0.0, 1.0)), min_size=1, max_size=4),
)
def test_no_candidate_costs_more_than_its_budget(seed, scale, scenarios):
    scenarios = [(task, LOW + share * (HIGH - LOW)) for task, share in scenarios]
    proposals = propose(generator(seed, scale), SMALL, scenarios, SETTINGS, seed)
    assert [(p.task, p.budget) for p in proposals] == scenarios
    for proposal in proposals:
        assert 1 <= len(set(proposal.candidates)) == len(proposal.candidates) <= SETTINGS.candidates
        for architecture in proposal.candidates:
            assert cost(architecture) <= proposal.budget
            assert proposal.derived or cost(architecture) >= (1 - SETTINGS.tolerance) * proposal.budget


@given(st.integers(0, 10**6), st.floats(0.0, 1.0), st.sampled_from([0.1, 3.0, 50.0]))
def test_the_nearest_feasible_architecture_keeps_every_budget(seed, share, scale):
    budget = LOW + share * (HIGH - LOW)
    z = scale * torch.randn(90, generator=rng(seed, "z"))
    assert cost(nearest_feasible(z, SMALL, budget)) <= budget


@given(architectures())
def test_what_already_fits_only_grows(architecture):
    """A generator sure of an architecture that fits gets it, with gates added as far as the budget goes."""
    z = 20 * to_gates([architecture])[0] - 10
    budget = cost(architecture) + 1e-9
    assert nearest_feasible(z, SMALL, budget) == architecture
    roomy = nearest_feasible(z, SMALL, 1.3 * budget)
    assert cost(roomy) >= cost(architecture)


def test_the_nearest_feasible_architecture_uses_the_budget():
    for seed in range(20):
        z = torch.randn(90, generator=rng(seed, "z"))
        budget = LOW + 0.4 * (HIGH - LOW)
        gates = to_gates([nearest_feasible(z, SMALL, budget)])
        for gate in (gates == 0).nonzero()[:, 1].tolist():  # no single gate more would fit
            raised = gates.clone()
            raised[0, gate] = 1
            more = madds_millions(SMALL, to_gates(from_gates(raised))).item()
            assert more > budget or more <= madds_millions(SMALL, gates).item()


def test_the_least_certain_gates_are_switched_off_first():
    z = torch.full((90,), 10.0)
    z[0:2] = 0.1  # the kernel of the first block is what the generator is least sure of
    chosen = nearest_feasible(z, SMALL, HIGH - 1e-6)
    assert chosen.kernel[0] < 7
    assert chosen.kernel[1:] == LARGEST.kernel[1:] and chosen.expand == LARGEST.expand and chosen.depth == LARGEST.depth


def test_the_ends_of_the_range_give_the_ends_of_the_space():
    z = torch.randn(90, generator=rng(0, "z"))
    assert nearest_feasible(z, SMALL, LOW) == SMALLEST
    assert nearest_feasible(z, SMALL, HIGH) == LARGEST


@pytest.mark.parametrize("budget", [0.0, LOW * 0.999])
def test_a_budget_below_the_smallest_architecture_is_refused_with_the_range(budget):
    with pytest.raises(SpaceError) as error:
        nearest_feasible(torch.zeros(90), SMALL, budget)
    assert f"range {LOW:g}-{HIGH:g} M" in one_line(error.value)


@pytest.mark.parametrize("budget", [LOW / 2, HIGH * 2, float("nan")])
def test_a_budget_out_of_the_generators_range_is_refused(budget):
    with pytest.raises(SpaceError) as error:
        propose(generator(), SMALL, [(0, 1.0), (1, budget)], SETTINGS, 0)
    assert "outside" in one_line(error.value)


def test_a_proposal_says_when_no_sample_fitted():
    stubborn = generator()
    with torch.no_grad():
        for head in (stubborn.kernel_head, stubborn.width_head, stubborn.depth_head):
            head.weight.zero_()
            head.bias.fill_(12.0)  # always the largest network
    tight, loose = propose(stubborn, SMALL, [(0, LOW + 0.2 * (HIGH - LOW)), (0, HIGH)], SETTINGS, 0)
    assert tight.derived and len(tight.candidates) == 1 and cost(tight.candidates[0]) <= tight.budget
    assert not loose.derived and loose.candidates == (LARGEST,)


def test_two_budgets_in_one_pass_are_each_kept():
    low, high = LOW + 0.2 * (HIGH - LOW), LOW + 0.9 * (HIGH - LOW)
    small, large = propose(generator(), SMALL, [(0, low), (0, high)], SETTINGS, 0)
    assert max(map(cost, small.candidates)) <= low < min(map(cost, large.candidates)) <= high


# ---------------------------------------------------------------- a scenario alone and in any batch

MAKERS = {"gates": generator, "paths": path_generator}
POOL = [(task, LOW + share * (HIGH - LOW)) for task in range(3) for share in (0.0, 0.07, 0.3, 0.5, 0.8, 1.0)]
FEW = schema.Specialize(samples=50, candidates=4, tolerance=0.1, budgets=(1.0,))


@cache
def alone(encoding: str, scale: float, seed: int, scenario: tuple[int, float]) -> Proposal:
    (proposal,) = propose(MAKERS[encoding](1, scale), SMALL, [scenario], FEW, seed)
    return proposal


@pytest.mark.parametrize("encoding", MAKERS)
@given(
    st.sampled_from([0.1, 1.0, 5.0]),
    st.integers(0, 3),
    st.lists(st.sampled_from(POOL), min_size=1, max_size=40),
)
def test_a_scenario_gets_in_any_batch_what_it_gets_alone(encoding, scale, seed, batch):
    """Any choice of scenarios, in any order, some of them twice."""
    found = propose(MAKERS[encoding](1, scale), SMALL, batch, FEW, seed)
    assert found == [alone(encoding, scale, seed, scenario) for scenario in batch]


@pytest.mark.parametrize("encoding", MAKERS)
def test_so_does_one_in_a_batch_of_more_than_one_pass(encoding):
    batch = (POOL * (TOGETHER // len(POOL) + 2))[: TOGETHER + len(POOL)]
    found = propose(MAKERS[encoding](1, 1.0), SMALL, batch, FEW, 0)
    assert found == [alone(encoding, 1.0, 0, scenario) for scenario in batch]
    assert {p.derived for p in found} == {False, True}, "both ways to a candidate are tried"


def test_no_scenarios_give_no_proposals():
    assert propose(generator(), SMALL, [], FEW, 0) == []


def test_noise_belongs_to_seed_task_and_budget():
    names = [(seed, task, budget) for seed in (0, 1) for task in (0, 1) for budget in (2.0, 2.0 + 2**-50)]
    first = {torch.rand(4, generator=scenario_rng(*name)).numpy().tobytes() for name in names}
    assert len(first) == len(names)
    one, same = scenario_rng(0, 1, 2), scenario_rng(0, torch.tensor(1), 2.0)
    assert torch.equal(torch.rand(4, generator=one), torch.rand(4, generator=same))


@given(st.integers(0, 10**6), st.sampled_from(POOL), st.sampled_from([7, 8, 50, 300]), st.integers(1, 30))
def test_candidates_are_the_first_different_ones_that_fit_of_all_samples(seed, scenario, samples, candidates):
    task, budget = scenario
    settings_ = schema.Specialize(samples=samples, candidates=candidates, budgets=(1.0,))
    network = generator(1)
    (proposal,) = propose(network, SMALL, [scenario], settings_, seed)
    with torch.no_grad():
        z = network.double()(torch.tensor([task]), torch.tensor([budget], dtype=torch.float64))
    drawn = from_index(draw_gates(z, torch.rand(1, samples, GATES, generator=scenario_rng(seed, task, budget)))[0])
    fitting = dict.fromkeys(a for a in drawn if (1 - settings_.tolerance) * budget <= cost(a) <= budget)
    assert proposal.derived == (not fitting)
    assert proposal.candidates == (tuple(fitting)[:candidates] or (nearest_feasible(z[0], SMALL, budget),))


@given(st.integers(0, 10**6), st.sampled_from([0.1, 3.0, 30.0]))
def test_drawn_gates_are_those_of_the_equations(seed, scale):
    draw = rng(seed, "equations")
    z, u = scale * torch.randn(3, GATES, generator=draw).double(), torch.rand(3, 5, GATES, generator=draw)
    h = relaxed_gates(z[:, None], u.double(), 1.0)
    same = draw_gates(z, u) == nest(hard_gates(h)).sum(-1)
    close = ((h - 0.5).abs() < 1e-5).unflatten(-1, (-1, 2)).any(-1)  # u is rounded to 24 bits
    assert (same | close).all() and close.float().mean() < 0.01


def plain_nearest(z: list[float], budget: float):
    """The rule of :func:`nearest_feasible`, one gate after another."""

    def costs(rows):
        return [exact / 1e6 for exact in madds(SMALL, from_gates(torch.tensor(rows)))]

    gates = [float(value > 0 and (i % 2 == 0 or z[i - 1] > 0)) for i, value in enumerate(z)]
    for gate in sorted(range(GATES), key=z.__getitem__):
        if costs([gates])[0] <= budget:
            break
        gates[gate] = 0.0
    while True:
        now, *raised = costs([gates, *([*gates[:i], 1.0, *gates[i + 1 :]] for i in range(GATES))])
        fits = [i for i, more in enumerate(raised) if now < more <= budget]
        if not fits:
            return from_gates(torch.tensor([gates]))[0]
        gates[max(fits, key=z.__getitem__)] = 1.0


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.floats(0.0, 1.0), st.sampled_from([1, 100]))
def test_the_nearest_feasible_architecture_is_what_the_rule_says(seed, share, levels):
    z = (levels * torch.randn(90, generator=rng(seed, "z"))).round() / levels  # with many equal logits, or few
    budget = LOW + share * (HIGH - LOW)
    assert nearest_feasible(z, SMALL, budget) == plain_nearest(z.tolist(), budget)


@settings(max_examples=3)
@given(st.sets(architectures(), min_size=2, max_size=3))
def test_the_best_candidate_on_the_validation_split_wins(candidates):
    from eas_core.network.calibrate import calibrate
    from eas_core.search.evaluate import score

    supernet, train, valid = random_supernet().float(), random_split("train"), random_split("valid")
    before = bits(supernet.state_dict())
    proposal = Proposal(1, 2.0, tuple(candidates), False)
    calibration = schema.Calibration(images=24, batch_size=12)
    chosen = specialize(proposal, supernet, train, valid, TASKS, calibration, 5, seed=0)
    index = valid.of_task(TASKS, 1)
    ranks = {}
    for architecture in candidates:
        scores = score(calibrate(supernet.extract(architecture), train, 24, 12, 0), valid, TASKS, index, 5)
        ranks[architecture] = (scores.accuracy(), -scores.cross_entropy())
    assert ranks[chosen.architecture] == max(ranks.values())
    assert (chosen.valid_accuracy, -chosen.valid_loss) == ranks[chosen.architecture]
    assert chosen.madds == cost(chosen.architecture) and chosen.candidates == len(candidates)
    assert bits(supernet.state_dict()) == before
    again = score(chosen.network, valid, TASKS, index, 5)  # the network that is handed out is the one that was measured
    assert again.accuracy() == chosen.valid_accuracy


def test_a_proposal_without_candidates_is_refused():
    supernet, train, valid = random_supernet(), random_split("train"), random_split("valid")
    calibration = schema.Calibration(images=24, batch_size=12)
    with pytest.raises(SpaceError, match=r"^candidates: \(\) is empty, [^\n]*$"):
        specialize(Proposal(1, 2.0, (), False), supernet, train, valid, TASKS, calibration, 5, seed=0)


@pytest.mark.parametrize("task", [1, None], ids=["of a task", "of all tasks"])
def test_the_first_candidate_is_reported_beside_the_best(task):
    supernet, (train, valid) = random_supernet().float(), (random_split("train"), random_split("valid"))
    calibration = schema.Calibration(images=16, batch_size=8)
    candidates = tuple(from_gates((torch.rand(5, GATES, generator=rng(1)) > 0.5).float()))
    first, best = ranked(candidates, task, supernet, train, valid, TASKS, calibration, 8, 0)
    each = [ranked((one,), task, supernet, train, valid, TASKS, calibration, 8, 0)[0] for one in candidates]
    assert first.architecture == candidates[0] and first.valid_loss == each[0].valid_loss
    wanted = max(each, key=lambda one: (one.valid_accuracy, -one.valid_loss))
    assert (best.architecture, best.madds) == (wanted.architecture, cost(wanted.architecture))


def test_the_most_probable_architecture_is_the_nearest_to_the_logits_of_each_scenario():
    network, scenarios = generator(scale=20.0), [(0, LOW * 1.1), (2, HIGH * 0.9)]
    with torch.no_grad():
        z = network.double()(torch.tensor([0, 2]), torch.tensor([b for _, b in scenarios], dtype=torch.float64))
    wanted = [nearest_feasible(row, SMALL, budget) for row, (_, budget) in zip(z, scenarios, strict=True)]
    assert most_probable(network, SMALL, scenarios) == wanted


# ---------------------------------------------------------------- what a generator has learnt


def told(z: torch.Tensor) -> ArchitectureGenerator:
    """A generator that gives each of three tasks the same logits z (3, 90), whatever the budget."""
    network = generator()
    network.forward = lambda task, budget: z.double()[task]
    return network


def test_gate_statistics_by_hand():
    settings_ = schema.Specialize(samples=400, candidates=1, budgets=(1.5,), tolerance=0.1)
    even = gate_statistics(told(torch.zeros(3, GATES)), SMALL, 3, settings_, 0)[0]
    assert even["deviation"] == 0 and even["entropy"] == pytest.approx(math.log(2)) and even["budget"] == 1.5
    assert 0 < even["keeping"] < 0.5 and even["cost_error"] > 0.05
    sure = torch.full((3, GATES), -50.0)
    sure[2] = 50.0  # the third task has the largest network
    found = gate_statistics(told(sure), SMALL, 3, settings_, 0)[0]
    assert found["deviation"] == pytest.approx((2 / 9) ** 0.5) and found["entropy"] < 1e-9 and found["keeping"] == 0
    assert found["cost_error"] == pytest.approx((2 * abs(LOW - 1.5) + abs(HIGH - 1.5)) / 4.5)
    exact = schema.Specialize(samples=4, candidates=1, budgets=(LOW * 1.01,), tolerance=0.1)
    assert gate_statistics(told(torch.full((3, GATES), -50.0)), SMALL, 3, exact, 0)[0]["keeping"] == 1
