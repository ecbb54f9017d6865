"""The accuracy predictor learns what depends on the architecture, knows its space, and is the same for equal seeds."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from helpers import SMALL, architectures, bits, one_line
from hypothesis import given
from hypothesis import strategies as st

from eas_core.base.errors import DataError, EASError, SpaceError
from eas_core.base.random import rng
from eas_core.search.predictor import AccuracyPredictor, fit, predict, rank_correlation, search_objective
from eas_core.settings import schema
from eas_core.space.search_space import LARGEST, SMALLEST, one_hot, one_hot_of_index, sample, to_index

SHORT = schema.Predictor(epochs=60, batch_size=64, hidden=64)


def small_predictor(tasks: int = 3, seed: int = 0) -> AccuracyPredictor:
    predictor = AccuracyPredictor(SMALL, tasks, hidden=16)
    predictor.initialise(rng(seed, "weights"))
    predictor.mean.copy_(torch.linspace(0.5, 0.8, tasks))
    predictor.std.copy_(torch.linspace(0.01, 0.03, tasks))
    return predictor


def made_up_pairs(count: int, tasks: int, seed: int = 0, shared: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes (n, 135) and accuracies (n, T) to which each choice adds something; ``shared`` makes tasks alike."""
    draw = rng(seed, "pairs")
    codes = one_hot_of_index(torch.randint(3, (count, 45), generator=draw))
    effect = (1 - shared) * torch.randn(135, tasks, generator=draw) + shared * torch.randn(135, 1, generator=draw)
    noise = 0.002 * torch.randn(count, tasks, generator=draw)
    return codes, (torch.sigmoid(1 + 0.02 * (codes @ effect)) + noise).clamp(0, 1)


def fitted(codes, accuracy, seed=0, settings=SHORT) -> tuple[AccuracyPredictor, list[dict]]:
    predictor = AccuracyPredictor(SMALL, accuracy.shape[1], settings.hidden, settings.layers)
    return predictor, fit(predictor, codes, accuracy, settings, rng(seed, "fit"), progress=False)


def test_the_papers_network_has_three_hidden_layers_of_400_and_an_output_a_task():
    shapes = {name: tuple(p.shape) for name, p in AccuracyPredictor(SMALL, 10).named_parameters()}
    weights = [shape for name, shape in shapes.items() if name.endswith("weight")]
    assert weights == [(400, 135), (400, 400), (400, 400), (10, 400)]
    assert "head.bias" not in shapes


def test_it_orders_architectures_that_it_has_not_seen():
    codes, accuracy = made_up_pairs(700, 4)
    predictor, curve = fitted(codes[:500], accuracy[:500])
    assert [point["step"] for point in curve] == list(range(1, SHORT.epochs + 1))
    assert curve[-1]["loss"] < 0.2 * curve[0]["loss"]
    with torch.no_grad():
        predicted = predictor(codes[500:])
    assert rank_correlation(predicted, accuracy[500:])["mean"]["spearman"] > 0.8
    assert (predicted - accuracy[500:]).abs().mean() < 0.5 * accuracy.std(0).mean(), "not in fractions"


@pytest.mark.parametrize("tasks, shared", [(1, 0.0), (10, 1.0)])
@pytest.mark.parametrize("seed", range(3))
def test_the_papers_learning_rate_does_not_collapse_to_one_prediction(tasks, shared, seed):
    """Where tasks agree their gradients add up; without a limit on it some runs end with one value for all."""
    codes, accuracy = made_up_pairs(900, tasks, seed, shared)
    settings = schema.Predictor(epochs=40)
    predictor, curve = fitted(codes[:700], accuracy[:700], seed, settings)
    assert curve[-1]["loss"] < 0.5
    with torch.no_grad():
        assert rank_correlation(predictor(codes[700:]), accuracy[700:])["mean"]["spearman"] > 0.7


def test_equal_generators_fit_equal_weights_whatever_was_there_before():
    codes, accuracy = made_up_pairs(70, 2)
    settings = schema.Predictor(epochs=3, batch_size=32, hidden=16)
    predictors = [fitted(codes, accuracy, seed, settings)[0] for seed in (0, 0, 1)]
    fit(predictors[1], codes, accuracy, settings, rng(0, "fit"), progress=False)  # a second time, over fitted weights
    first, again, other = (bits(predictor.state_dict()) for predictor in predictors)
    assert first == again and first != other


def test_fewer_pairs_than_a_batch_are_one_batch():
    codes, accuracy = made_up_pairs(10, 2)
    _, curve = fitted(codes, accuracy, settings=schema.Predictor(epochs=30, batch_size=256, hidden=32))
    assert curve[-1]["loss"] < curve[0]["loss"]


def test_a_task_on_which_all_are_equal_is_predicted_as_that():
    codes, accuracy = made_up_pairs(80, 2)
    accuracy[:, 1] = 0.75
    predictor, _ = fitted(codes, accuracy)
    with torch.no_grad():
        predicted = predictor(codes)
    assert predicted.isfinite().all() and (predicted[:, 1] - 0.75).abs().max() < 0.05


@given(st.lists(architectures(), min_size=1, max_size=4))
def test_predictions_are_those_of_the_one_hot_code_scaled_back(listed):
    predictor = small_predictor()
    with torch.no_grad():
        expected = predictor.mean + predictor.std * predictor.normalised(one_hot(listed))
    torch.testing.assert_close(predict(predictor, SMALL, listed), expected)


@pytest.mark.parametrize("field, value", [("num_classes", 7), ("resolution", 14), ("widths", (8, 8, 16, 16, 32))])
def test_another_space_is_refused_naming_the_field(field, value):
    with pytest.raises(SpaceError, match=f"space.{field}: ") as error:
        predict(small_predictor(), replace(SMALL, **{field: value}), [SMALLEST])
    assert str(value) in one_line(error.value) and str(getattr(SMALL, field)) in str(error.value)


def test_the_objective_is_the_scenarios_task_or_the_mean_of_all():
    predictor = small_predictor()
    listed = [SMALLEST, LARGEST, *(sample(rng(i, "objective")) for i in range(1300))]  # more than one part
    scenario = torch.arange(len(listed)) % 3
    value = search_objective(predictor, [2, None, 0])(to_index(listed), scenario)
    said = predict(predictor, SMALL, listed)
    expected = torch.where(scenario == 0, said[:, 2], torch.where(scenario == 1, said.mean(1), said[:, 0]))
    torch.testing.assert_close(value, expected)
    assert search_objective(predictor, [0])(to_index([]), torch.zeros(0, dtype=torch.long)).shape == (0,)


@pytest.mark.parametrize("count, rows", [(0, 4), (3, 4), (4, 4), (9, 4)])
def test_architectures_are_evaluated_some_at_a_time_which_changes_nothing(count, rows):
    network = AccuracyPredictor(SMALL, 3, 16)
    network.initialise(rng(0))
    index = torch.randint(3, (count, 45), generator=rng(1))
    scenario = torch.arange(count) % 2
    whole = search_objective(network, [None, 2])(index, scenario)
    parts = search_objective(network, [None, 2], rows)(index, scenario)
    assert whole.shape == (count,)
    torch.testing.assert_close(parts, whole)


def test_rank_correlation_of_known_orders():
    measured = torch.tensor([[0.1, 0.4], [0.2, 0.3], [0.3, 0.2], [0.4, 0.1]])
    predicted = torch.tensor([[0.5, 0.1], [0.6, 0.2], [0.8, 0.3], [0.7, 0.4]])
    found = rank_correlation(predicted, measured)
    assert json.loads(json.dumps(found)) == found and found["n"] == 4
    # task 1: one of 6 pairs the wrong way round, rank differences 0, 0, 1, 1: tau 4/6, rho 1 - 6 * 2 / 60
    assert found["tasks"][0] == {"spearman": pytest.approx(0.8), "kendall": pytest.approx(4 / 6)}
    assert found["tasks"][1] == {"spearman": pytest.approx(-1.0), "kendall": pytest.approx(-1.0)}


def test_without_an_order_there_is_no_rank_correlation():
    measured = torch.tensor([[0.1], [0.2], [0.3]])
    assert rank_correlation(torch.full((3, 1), 0.5), measured)["mean"] == {"spearman": None, "kendall": None}


@pytest.mark.parametrize(
    "codes, accuracy, message",
    [
        (torch.zeros(4, 134), torch.full((4, 3), 0.5), "134"),
        (torch.zeros(4, 135), torch.full((4, 2), 0.5), r"\(4, 2\)"),
        (torch.zeros(4, 135), torch.full((5, 3), 0.5), r"\(5, 3\)"),
        (torch.zeros(0, 135), torch.zeros(0, 3), "needed"),
        (torch.zeros(4, 135), torch.full((4, 3), 87.5), "87.5"),
        (torch.zeros(4, 135), torch.full((4, 3), float("nan")), "nan"),
    ],
)
def test_impossible_pairs_are_refused_in_one_line(codes, accuracy, message):
    with pytest.raises(DataError, match=message) as error:
        fit(small_predictor(), codes, accuracy, SHORT, rng(0), progress=False)
    one_line(error.value)


def test_divergence_names_the_learning_rate():
    codes, accuracy = made_up_pairs(60, 2)
    optimizer = schema.Optimizer(kind="sgd", lr=1e8, momentum=0.9)
    with pytest.raises(EASError, match="predictor.optimizer.lr: 1e[+]08") as error:
        fitted(codes, accuracy, settings=schema.Predictor(epochs=20, hidden=16, optimizer=optimizer))
    one_line(error.value)


@pytest.mark.parametrize("shapes", [((3, 2), (3, 3)), ((3,), (3,)), ((1, 2), (1, 2))])
def test_rank_correlation_of_impossible_shapes_is_one_line(shapes):
    with pytest.raises(DataError, match="n at least 2") as error:
        rank_correlation(*(torch.zeros(shape) for shape in shapes))
    assert one_line(error.value)
