"""Intervals over seeds that share their test images, and over seeds that have their own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from eas_core.base.errors import DataError
from eas_core.evidence import compare
from eas_core.search.evaluate import pack


def record(seed: int, right: np.ndarray, drawing: int = 0, digest: str | None = None) -> dict:
    row = {"task": "a", "budget": 2.0, "madds": 1.9, "n": len(right), "correct": pack(torch.from_numpy(right))}
    settings = {"seed": seed, "data": {"seed": drawing, "source": "x"}, "space": {}}
    return {"settings": settings, "result": {"rows": [row], "test_digest": digest or f"drawing {drawing}"}}


def drawn(seed: int, share: float, n: int = 200) -> np.ndarray:
    return np.random.default_rng(seed).random(n) < share


def test_seeds_with_images_of_their_own_vary_as_a_whole():
    shares = [0.5, 0.7, 0.6]
    records = [record(s, drawn(s, p), drawing=s) for s, p in enumerate(shares)]
    found = compare.accuracy(records, 2.0)
    means = np.array([drawn(s, p).mean() for s, p in enumerate(shares)])
    half = stats.t.ppf(0.975, 2) * means.std(ddof=1) / 3**0.5
    assert (found.mean, found.low) == pytest.approx((100 * means.mean(), 100 * (means.mean() - half)))
    assert found.seeds == 3 and found.n == 200
    shared = compare.accuracy([record(s, drawn(s, p)) for s, p in enumerate(shares)], 2.0)
    assert shared.mean == pytest.approx(found.mean) and shared.low != pytest.approx(found.low)


def test_one_seed_has_the_interval_of_its_images_whoever_drew_them():
    one, other = (compare.accuracy([record(4, drawn(4, 0.6), drawing=d)], 2.0) for d in (0, 4))
    assert one == other and one.high > one.mean > one.low


def test_methods_are_compared_on_each_seeds_own_images():
    ours = [record(s, drawn(s, 0.8), drawing=s) for s in (1, 2)]
    others = [record(s, drawn(s, 0.6), drawing=s) for s in (1, 2)]
    gap = compare.difference(ours, others, [2.0])
    means = [drawn(s, 0.8).mean() - drawn(s, 0.6).mean() for s in (1, 2)]
    assert gap.mean == pytest.approx(100 * np.mean(means))
    with pytest.raises(DataError, match="tested on different images"):
        compare.difference(ours, [others[0], record(2, drawn(2, 0.6), drawing=3)], [2.0])


def test_images_that_some_seeds_share_and_others_do_not_are_refused():
    records = [record(0, drawn(0, 0.5)), record(1, drawn(1, 0.5)), record(2, drawn(2, 0.5), drawing=2)]
    with pytest.raises(DataError, match="some were tested on the same images"):
        compare.accuracy(records, 2.0)
    with pytest.raises(DataError, match="tested on different images"):  # one drawing, two contents
        compare.accuracy([record(0, drawn(0, 0.5)), record(1, drawn(1, 0.5), digest="other")], 2.0)


def test_an_estimate_knows_its_interval_at_any_confidence():
    values = np.random.default_rng(0).normal(0.1, 0.3, (3, 50))
    for own_images in (False, True):
        found = compare.estimate(values, own_images=own_images)
        assert found.at(0.95) == pytest.approx((found.low, found.high))
        wide = compare.estimate(values, 0.99, own_images)
        assert found.at(0.99) == pytest.approx((wide.low, wide.high))
        assert wide.error == found.error and wide.freedom == found.freedom
    same = compare.estimate(np.full((2, 9), 0.25))
    assert same.at(0.999) == (25.0, 25.0) and same.detectable() == 0


def test_the_detectable_difference_is_shown_that_often():
    draw, seeds, sigma = np.random.default_rng(1), 8, 0.01
    error = 100 * sigma / seeds**0.5
    true = compare.Estimate(0, 0, 0, 1, seeds, error, seeds - 1).detectable(0.8) / 100
    low = [compare.estimate(draw.normal(true, sigma, (seeds, 1)), own_images=True).low for _ in range(2000)]
    assert np.mean(np.array(low) > 0) == pytest.approx(0.8, abs=0.03)
