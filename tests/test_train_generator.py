"""Algorithm 1: its losses by hand, its draws, and what training does and must not do."""

import json
import math
from dataclasses import asdict

import pytest
import torch
from helpers import SMALL, TASKS, bits, random_split, replaced
from hypothesis import given
from hypothesis import strategies as st

from eas_core.base.random import rng
from eas_core.network.generator import ArchitectureGenerator
from eas_core.network.multi_path import PATH_HEADS
from eas_core.network.supernet import Supernet, initialise
from eas_core.search.amortised import train_amortised
from eas_core.search.predictor import AccuracyPredictor
from eas_core.settings import profiles, schema
from eas_core.space.search_space import BLOCKS
from eas_core.training.loop import Stopped
from eas_core.training.train_generator import cost_loss, draw_scenarios, joint_loss, train_generator, validation_loss

SETTINGS = [  # the small space of the tests costs 0.43 to 3.15 M
    "generator.budget=[0.6, 2.6]",
    "generator.lam=10",
    "generator.task_images=4",
    "generator.context_images=4",
    f"space={json.dumps(asdict(SMALL))}",
    "specialize.budgets=[1.0]",
]


def small_profile(*more: str) -> schema.Profile:
    return profiles.load("smoke", replaced(SETTINGS, *more))


def fresh_pair() -> tuple[ArchitectureGenerator, Supernet]:
    network, supernet = ArchitectureGenerator(3, (0.6, 2.6), 4, 8, 16), Supernet(SMALL)
    network.initialise(rng(0, "g"))
    initialise(supernet, rng(0, "s"))
    return network, supernet


def train(network, supernet, profile, folder, seed=0):
    return train_generator(network, supernet, random_split("valid"), TASKS, profile, seed, folder, progress=False)


def test_equation_c_by_hand():
    assert cost_loss(torch.tensor([3.0, 5.0]), torch.tensor([2.0, 8.0])).item() == (1 + 9) / 2


def test_equation_d_by_hand():
    loss = joint_loss(torch.tensor(0.7), torch.tensor([230.0]), torch.tensor([220.0]), lam=0.01)
    assert loss.item() == pytest.approx(0.7 + 0.01 * 100)


def test_the_cost_loss_pulls_towards_the_budget_from_both_sides():
    cost = torch.tensor([3.0, 1.0], requires_grad=True)
    cost_loss(cost, torch.tensor([2.0, 2.0])).backward()
    assert cost.grad.tolist() == [1.0, -1.0]


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 99))
def test_scenarios_lie_in_range_and_take_every_task_before_repeating_one(count, tasks, seed):
    task, budget = draw_scenarios(count, tasks, (1.5, 4.0), rng(seed))
    assert len(task) == len(budget) == count
    assert ((budget >= 1.5) & (budget <= 4.0)).all() and ((task >= 0) & (task < tasks)).all()
    for start in range(0, count, tasks):
        part = task[start : start + tasks].tolist()
        assert len(set(part)) == len(part)


def test_budgets_are_uniform_over_the_range():
    _, budget = draw_scenarios(20000, 3, (1.0, 3.0), rng(0, "uniform"))
    counts = torch.histc(budget, bins=4, min=1.0, max=3.0)
    assert ((counts - 5000).abs() < 350).all()  # more than 5 standard deviations


def test_training_leaves_the_supernet_as_it_was(tmp_path):
    network, supernet = fresh_pair()
    before, weights = bits(supernet.state_dict()), bits(network.state_dict())
    train(network, supernet, small_profile("generator.steps=3"), tmp_path)
    assert bits(supernet.state_dict()) == before
    assert all(p.grad is None for p in supernet.parameters())
    assert bits(network.state_dict()) != weights


@pytest.mark.parametrize("extra", [60, 0], ids=["with cost scenarios", "Algorithm 1 as printed"])
def test_the_cost_approaches_the_budget(tmp_path, extra):
    network, supernet = fresh_pair()
    steps, scenarios = (40, 1) if extra else (80, 1)
    more = [f"steps={steps}", f"scenarios_per_step={scenarios}", f"cost_scenarios={extra}"]
    more += ["lam=30", "optimizer.lr=0.02"]
    curve, _ = train(network, supernet, small_profile(*(f"generator.{setting}" for setting in more)), tmp_path)
    error = [point["cost error"] for point in curve]
    tenth = max(5, len(error) // 6)
    assert sum(error[-tenth:]) < 0.7 * sum(error[:tenth])


def test_the_aim_moves_the_cost_below_the_budget(tmp_path):
    from eas_core.network.generator import sample_gates
    from eas_core.space.cost_tables import madds_millions

    means = []
    for aim in (1.0, 0.6):
        network, supernet = fresh_pair()
        more = ["steps=30", "scenarios_per_step=1", "lam=30", "optimizer.lr=0.03", f"aim={aim}"]
        train(network, supernet, small_profile(*(f"generator.{setting}" for setting in more)), tmp_path / str(aim))
        with torch.no_grad():
            z = network(torch.arange(3).repeat(50), torch.full((150,), 1.5))
        means.append(madds_millions(SMALL, sample_gates(z, 1.0, rng(0))).mean().item())
    assert means[1] < means[0] - 0.2


def test_images_of_other_tasks_change_the_batch_statistics_and_may_be_left_out(tmp_path):
    losses = []
    for context in (0, 4):
        network, supernet = fresh_pair()
        profile = small_profile("generator.steps=1", f"generator.context_images={context}")
        losses.append(train(network, supernet, profile, tmp_path / str(context))[0][0]["validation loss"])
    assert all(map(math.isfinite, losses)) and losses[0] != losses[1]


def test_the_validation_loss_reaches_the_generator(tmp_path):
    """With lambda next to nothing, other images must give other weights: the loss on images has a gradient."""
    trained = []
    for name in ("valid", "other"):
        network, supernet = fresh_pair()
        split = random_split(name)
        profile = small_profile("generator.steps=2", "generator.lam=1e-9", "generator.optimizer={kind: sgd, lr: 0.1}")
        train_generator(network, supernet, split, TASKS, profile, 0, tmp_path / name, progress=False)
        trained.append(bits(network.state_dict()))
    assert trained[0] != trained[1]


def test_the_loss_by_hand():
    logits, labels = torch.tensor([[math.log(3.0), 0.0], [0.0, 0.0]]), torch.tensor([0, 1])
    assert validation_loss(logits, labels, "error").item() == pytest.approx((0.25 + 0.5) / 2)
    assert validation_loss(logits, labels, "cross-entropy").item() == pytest.approx(
        -(math.log(0.75) + math.log(0.5)) / 2
    )


@pytest.mark.parametrize("loss", ["cross-entropy", "error"])
def test_the_loss_that_was_asked_for_is_trained_on(tmp_path, loss):
    network, supernet = fresh_pair()
    curve, _ = train(network, supernet, small_profile("generator.steps=1", f"generator.loss={loss}"), tmp_path)
    assert (curve[0]["validation loss"] < 0.75) == (loss == "error")  # a guess among three, two or one classes


# ---------------------------------------------------------------- learning rate and average


@pytest.mark.parametrize("multi_path", [False, True], ids=["gates", "paths"])
def test_the_learning_rate_stays_or_falls_as_a_cosine(tmp_path, monkeypatch, multi_path):
    rates = {}
    for schedule in ("constant", "cosine"):
        network, supernet = fresh_pair()
        if multi_path:
            network = ArchitectureGenerator(3, (0.6, 2.6), 4, 8, 16, PATH_HEADS)
            network.initialise(rng(0, "g"))
        seen = rates.setdefault(schedule, [])
        step = torch.optim.Adam.step
        with monkeypatch.context() as patch:
            patch.setattr(
                torch.optim.Adam,
                "step",
                lambda self, seen=seen, step=step: (seen.append(self.param_groups[0]["lr"]), step(self))[1],
            )
            more = ["generator.steps=4", "multi_path.steps=4", f"generator.schedule={schedule}"]
            train(
                network,
                supernet,
                small_profile(*more, "generator.optimizer={kind: adam, lr: 0.1}"),
                tmp_path / schedule,
            )
    assert rates["constant"] == [0.1] * 4
    assert rates["cosine"] == pytest.approx([0.05 * (1 + math.cos(math.pi * i / 4)) for i in range(4)])


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_the_weights_returned_are_the_average_of_those_after_each_step(tmp_path, decay):
    """By hand: the first step's weights, then half of what there is and half of the next step's."""
    after = []
    for steps in (1, 2, 3):
        network, supernet = fresh_pair()
        train(network, supernet, small_profile(f"generator.steps={steps}"), tmp_path / str(steps))
        after.append(network.lstm.weight_ih_l0.detach())
    network, supernet = fresh_pair()
    more = ("generator.steps=3", f"generator.averaging={decay}")
    train(network, supernet, small_profile(*more), tmp_path / "averaged")
    wanted = 0.5 * (0.5 * after[0] + 0.5 * after[1]) + 0.5 * after[2] if decay else after[2]
    torch.testing.assert_close(network.lstm.weight_ih_l0.detach(), wanted)


def test_an_interrupted_average_continues(tmp_path):
    profile = small_profile("generator.steps=4", "generator.averaging=0.9", "generator.schedule=cosine")
    whole, supernet = fresh_pair()
    train(whole, supernet, profile, tmp_path / "whole")
    for _ in range(4):
        pieces, supernet = fresh_pair()
        arguments = (pieces, supernet, random_split("valid"), TASKS, profile, 0, tmp_path / "pieces")
        try:
            train_generator(*arguments, progress=False, deadline=0.0)
        except Stopped:
            continue
    assert bits(pieces.state_dict()) == bits(whole.state_dict())


# ---------------------------------------------------------------- amortised search


def test_amortised_search_finds_what_its_teacher_likes_within_the_budget(tmp_path):
    """The teacher: task 0 wants kernels of 7, task 1 wants none, task 2 does not care."""
    teacher = AccuracyPredictor(SMALL, 3, hidden=4, layers=1)
    with torch.no_grad():
        for parameter in teacher.parameters():
            parameter.zero_()
        teacher.hidden[0].weight[0, 2 : 3 * BLOCKS : 3] = 1.0  # counts kernels of 7
        teacher.head.weight[:, 0] = torch.tensor([0.05, -0.05, 0.0])
    profile = small_profile("amortised={steps: 150, scenarios_per_step: 16, lam: 1.0}", "generator.averaging=0.9")
    network, _ = fresh_pair()
    curve, _ = train_amortised(network, teacher, SMALL, profile, 0, tmp_path, progress=False)
    assert curve[-1]["cost error"] < curve[0]["cost error"]
    with torch.no_grad():
        p = torch.sigmoid(network(torch.arange(3), torch.full((3,), 1.6)))[:, : 2 * BLOCKS].mean(1)
    assert p[0] > p[2] + 0.1 and p[1] < p[2] - 0.1
