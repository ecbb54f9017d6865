"""Accuracy per task, Wilson's interval and paired differences against values computed otherwise."""

import math

import pytest
import torch
from helpers import TASKS, random_split, random_supernet
from hypothesis import given
from hypothesis import strategies as st

from eas_core.base.random import rng
from eas_core.search.evaluate import Scores, paired_difference, score, wilson
from eas_core.space.search_space import LARGEST


class Fixed(torch.nn.Module):
    """A network that answers the same logits whatever it sees."""

    def __init__(self, logits: list[float]):
        super().__init__()
        self.register_buffer("logits", torch.tensor(logits))

    def forward(self, images):
        return self.logits.expand(len(images), -1)


@pytest.mark.parametrize(
    "hits, n, low, high",  # scipy.stats.binomtest(hits, n).proportion_ci(method="wilson")
    [
        (0, 10, 0.0, 0.2775328),
        (5, 10, 0.2365931, 0.7634069),
        (10, 10, 0.7224672, 1.0),
        (81, 100, 0.7222115, 0.8748525),
    ],
)
def test_wilsons_interval_equals_scipys(hits, n, low, high):
    assert wilson(hits, n) == pytest.approx((low, high), abs=1e-6)


@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilsons_interval_holds_exactly_the_proportions_the_score_test_accepts(case):
    hits, n = case
    low, high = wilson(hits, n)
    assert 0 <= low <= hits / n + 1e-12 and hits / n - 1e-12 <= high <= 1
    for bound in (low, high):  # the defining equation: |p - bound| = z sqrt(bound (1 - bound) / n)
        distance = 1.959964 * math.sqrt(bound * (1 - bound) / n)
        assert abs(hits / n - bound) == pytest.approx(distance, abs=1e-7)


def test_only_the_classes_of_the_own_task_compete():
    # Class 5 has the largest logit of all, yet within the first task class 1 wins, within the second class 3.
    scores = score(Fixed([0.0, 1.0, 0.5, 4.0, 2.0, 9.0]), random_split("valid"), TASKS)
    by_class = scores.correct.reshape(6, 8).float().mean(1).tolist()
    assert by_class == [0, 1, 0, 1, 0, 1]
    assert [scores.accuracy(t) for t in range(3)] == pytest.approx([1 / 3, 1 / 2, 1])
    assert scores.accuracy() == 0.5


def test_the_loss_is_the_cross_entropy_over_the_own_tasks_classes():
    scores = score(Fixed([0.0, 1.0, 0.5, 4.0, 2.0, 9.0]), random_split("valid"), TASKS)
    expected = math.log(math.exp(4) + math.exp(2)) - (4 + 2) / 2  # mean over both classes of the second task
    assert scores.cross_entropy(1) == pytest.approx(expected, rel=1e-5)
    assert scores.cross_entropy(2) == pytest.approx(0, abs=1e-6)


def test_scores_of_some_images_are_those_of_all_images_at_these_places():
    split = random_split("valid")
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 13 * 13, 6))
    whole, index = score(network, split, TASKS, batch_size=7), torch.tensor([40, 3, 3, 17])
    some = score(network, split, TASKS, index, batch_size=3)
    assert torch.equal(some.correct, whole.correct[index]) and torch.equal(some.task, whole.task[index])
    torch.testing.assert_close(some.loss, whole.loss[index])
    assert 0 < whole.accuracy() < 1


def test_scoring_uses_eval_mode():
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(0.99), torch.nn.Linear(3 * 13 * 13, 6)).train()
    one, two = (score(network, random_split("valid"), TASKS) for _ in range(2))
    assert torch.equal(one.loss, two.loss)


def test_a_summary_says_n_and_the_interval():
    correct, task = torch.tensor([True, True, False, True]), torch.tensor([0, 0, 1, 1])
    scores = Scores(correct, torch.tensor([1.0, 2.0, 3.0, 4.0]), task)
    assert scores.summary(0) == {"accuracy": 1.0, "interval": list(wilson(2, 2)), "cross_entropy": 1.5, "n": 2}
    assert scores.summary()["accuracy"] == 0.75 and scores.summary()["n"] == 4


def test_a_paired_difference_by_hand():
    ours, others = torch.tensor([1, 1, 0, 1]).bool(), torch.tensor([[1, 0, 0, 0]]).bool()
    found = paired_difference(ours, others)
    # differences 0, 1, 0, 1: mean 0.5, variance 1/3, standard error sqrt(1/12)
    half = 1.959964 * math.sqrt(1 / 12)
    assert found["difference"] == 0.5 and found["n"] == 4 and found["others"] == 1
    assert found["interval"] == pytest.approx([0.5 - half, 0.5 + half])


def test_the_spread_between_architectures_widens_the_interval():
    ours = torch.tensor([1, 1, 0, 0]).bool()
    others = torch.tensor([[1, 1, 1, 0], [1, 0, 0, 0]]).bool()  # accuracies 0.75 and 0.25: variance 0.125 of 2
    per_image = torch.tensor([1, 1, 0, 0]) - torch.tensor([1, 0.5, 0.5, 0])
    half = 1.959964 * math.sqrt(per_image.var().item() / 4 + 0.125 / 2)
    assert paired_difference(ours, others)["interval"] == pytest.approx([-half, half])


def test_pairing_removes_the_difficulty_that_images_share():
    hard = torch.rand(2000, generator=rng(0)) < 0.5
    ours, others = ~hard, ~hard.clone()
    others[:20] = False
    found = paired_difference(ours, others[None])
    width = found["interval"][1] - found["interval"][0]
    assert width < 0.02  # two independent proportions of n = 2000 would give 0.06


@given(st.integers(0, 10**6))
def test_equal_architectures_differ_by_nothing(seed):
    right = torch.rand(50, generator=rng(seed)) < 0.7
    found = paired_difference(right, right[None])
    assert found["difference"] == 0 and found["interval"] == [0, 0]


@pytest.mark.early
def test_a_split_as_large_as_the_demos_is_scored_as_its_parts_are():
    """What the default profile scores: thousands of images at once, on an extracted network."""
    network = random_supernet().float().extract(LARGEST).eval()
    split = random_split("valid", per_class=400)  # 2,400 images
    whole = score(network, split, TASKS)
    parts = [score(network, split, TASKS, index) for index in torch.arange(len(split)).split(300)]
    assert torch.equal(whole.correct, torch.cat([part.correct for part in parts]))
    torch.testing.assert_close(whole.loss, torch.cat([part.loss for part in parts]), atol=1e-4, rtol=1e-4)
    assert whole.summary()["n"] == 2400
