"""Tasks are groups of classes; Eq. (A) and (B) drop whole groups, never an image's own."""

import math

import pytest
import torch
import torch.nn.functional as F
from helpers import TASKS, one_line
from hypothesis import given
from hypothesis import strategies as st

from eas_core.base.errors import SpaceError
from eas_core.base.random import rng
from eas_core.data.task_dropout import apply_mask, own_task_logits, task_dropout_mask
from eas_core.data.tasks import TaskSet

LABELS = torch.tensor([0, 1, 2, 3, 4, 5])  # a, b, c of task 0; 1, 2 of task 1; + of task 2
OWN = torch.tensor([[1, 1, 1, 0, 0, 0]] * 3 + [[0, 0, 0, 1, 1, 0]] * 2 + [[0, 0, 0, 0, 0, 1]]).bool()


def test_groups_number_classes_in_the_order_given():
    assert TASKS.classes == ((0, 1, 2), (3, 4), (5,)) and TASKS.num_classes == 6 and len(TASKS) == 3
    assert TASKS.task_of(LABELS).tolist() == [0, 0, 0, 1, 1, 2]
    assert TASKS.membership().sum(0).tolist() == [1] * 6


@pytest.mark.parametrize(
    "names, classes",
    [
        (("x", "y"), ((0, 1), (1, 2))),  # not disjoint
        (("x", "y"), ((0,), (1,))),  # does not cover
        (("x", "y"), ((0, 1, 2),)),  # one name too many
        (("x", "x"), ((0, 1), (2,))),  # names twice
        (("x", "y"), ((0, 1), (3,))),  # beyond the classes
    ],
)
def test_groups_that_are_no_partition_are_refused(names, classes):
    with pytest.raises(SpaceError) as error:
        TaskSet(names, classes, ("a", "b", "c"))
    assert "tasks" in one_line(error.value)


def test_tasks_are_found_by_name_and_number():
    assert TASKS.index("digits") == TASKS.index(1) == 1


@pytest.mark.parametrize("task", ["cats", "", 3, -1, 1.5, None])
def test_an_unknown_task_is_refused_with_the_list_of_tasks(task):
    with pytest.raises(SpaceError) as error:
        TASKS.index(task)
    assert "letters, digits, signs" in one_line(error.value)


def test_q_zero_drops_nothing():
    assert task_dropout_mask(LABELS, TASKS, 0.0, rng(0)).all()


def test_q_one_leaves_the_target_task_only():
    assert torch.equal(task_dropout_mask(LABELS, TASKS, 1.0, rng(0)), OWN)


@given(st.floats(0, 1), st.integers(0, 1000))
def test_an_images_own_task_is_never_dropped(q, seed):
    assert task_dropout_mask(LABELS, TASKS, q, rng(seed))[OWN].all()


@given(st.floats(0, 1), st.integers(0, 1000))
def test_equation_b_classes_of_a_task_are_dropped_together(q, seed):
    mask = task_dropout_mask(LABELS, TASKS, q, rng(seed))
    for group in TASKS.classes:
        columns = mask[:, list(group)]
        assert torch.equal(columns.all(1), columns.any(1))


@pytest.mark.parametrize("q", [0.1, 0.6, 0.9])
def test_other_tasks_are_dropped_with_probability_q(q):
    labels = LABELS.repeat(2000)
    mask = task_dropout_mask(labels, TASKS, q, rng(0, "frequency"))
    for task, group in enumerate(TASKS.classes):
        others = TASKS.task_of(labels) != task
        n = int(others.sum())
        dropped = 1 - mask[others][:, group[0]].float().mean().item()
        assert abs(dropped - q) < 5 * math.sqrt(q * (1 - q) / n)


def test_images_and_tasks_are_dropped_independently():
    mask = task_dropout_mask(torch.zeros(20000, dtype=torch.long), TASKS, 0.5, rng(0))
    both = (mask[:, 3] & mask[:, 5]).float().mean().item()
    assert abs(both - 0.25) < 0.02
    assert abs((mask[1:, 3] & mask[:-1, 3]).float().mean().item() - 0.25) < 0.02


LOGITS = torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]])
MASK = torch.tensor([[True, True, True, False, False, True]])


def test_equation_a_as_written_multiplies_so_a_dropped_class_adds_one_to_the_denominator():
    masked = apply_mask(LOGITS, MASK, "zero")
    assert masked.tolist() == [[1, 2, 3, 0, 0, 6]]
    denominator = sum(math.exp(v) for v in (1, 2, 3, 6)) + 2
    assert masked.softmax(1)[0, 5].item() == pytest.approx(math.exp(6) / denominator)


def test_the_other_reading_takes_dropped_classes_out_of_the_softmax():
    probability = apply_mask(LOGITS, MASK, "exclude").softmax(1)[0]
    assert probability[3] == 0 and probability[4] == 0
    assert probability[5].item() == pytest.approx(math.exp(6) / sum(math.exp(v) for v in (1, 2, 3, 6)))


@pytest.mark.parametrize("reading", ["zero", "exclude"])
def test_dropped_classes_get_no_gradient(reading):
    logits = LOGITS.clone().requires_grad_()
    F.cross_entropy(apply_mask(logits, MASK, reading), torch.tensor([0])).backward()
    assert logits.grad[~MASK].eq(0).all() and logits.grad[MASK].ne(0).all()


@pytest.mark.parametrize("reading", ["zero", "exclude"])
def test_without_dropout_both_readings_change_nothing(reading):
    assert torch.equal(apply_mask(LOGITS, torch.ones_like(MASK), reading), LOGITS)


def test_excluded_classes_leave_every_loss_finite():
    masked = apply_mask(LOGITS, MASK, "exclude")
    soft = masked.softmax(1)
    assert torch.isfinite((soft * masked.log_softmax(1)).sum())
    assert torch.isfinite(F.cross_entropy(masked, torch.tensor([3])))


def test_an_unknown_reading_is_refused():
    with pytest.raises(SpaceError, match="exclude, zero"):
        apply_mask(LOGITS, MASK, "ignore")


def test_at_test_time_only_the_own_tasks_classes_compete():
    logits = torch.tensor([[0.0, 1.0, 0.5, 9.0, 9.0, 9.0], [9.0, 9.0, 9.0, 0.0, 1.0, 9.0]])
    own = own_task_logits(logits, torch.tensor([0, 3]), TASKS)
    assert own.argmax(1).tolist() == [1, 4]
    assert own.softmax(1)[0, :3].sum().item() == pytest.approx(1)
