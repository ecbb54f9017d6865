"""The paper's claims: verdicts flip as they must, intervals cover the truth, damaged evidence is one clear line."""

from __future__ import annotations

import copy
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import one_line
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from eas_core.base.errors import DataError
from eas_core.evidence import accuracy_claims, architecture_claims, claims, compare, paper, queries, verdicts
from eas_core.evidence.verdicts import FAILS, HOLDS, NOT_MEASURED, OPEN, Claim, Measured
from eas_core.search.evaluate import pack
from eas_core.show import claim_figures, claim_texts, findings, paper_figures
from eas_core.space.search_space import LARGEST, SMALLEST

MAIN, READING = 0.6, "exclude"
BUDGETS = (1.0, 2.0, 3.0, 4.0, 5.0)
TASKS = ("dogs", "big_cats")
N = 400  # test images of a task
METHODS = ("EAS", "OFA-T", "OFA-V", "multi-path")


# ---------------------------------------------------------------- evidence with known hit rates


def hits(rate: float, n: int = N, reverse: bool = False) -> np.ndarray:
    """Right on the first ``rate`` of n images (the last if ``reverse``): rates differ on as few images as can be."""
    right = np.arange(n) < round(rate * n)
    return right[::-1] if reverse else right


def make_record(kind: str, seed: int, q: float, result: dict, seconds: float = 10.0, **sections) -> dict:
    settings = {
        "seed": seed,
        "data": {"source": "shapes10", "seed": 2},
        "space": {"num_classes": 12, "widths": [8, 16]},
        "supernet": {"batch_size": 64, "task_dropout": {"q": q, "reading": READING}},
        **sections,
    }
    provenance = {"device": "CPU", "threads": 1, "code": "0" * 10, "time": "", "versions": {}}
    return {"kind": kind, "settings": settings, "result": result, "seconds": seconds, "provenance": provenance}


def make_tested(
    method: str, seed: int, q: float, right: dict[tuple[str, float], np.ndarray], cost: float = 0.95
) -> dict:
    """A tested record from right or wrong of every image, by (task, budget); networks cost ``cost`` of the budget."""
    rows = [
        {
            "task": task,
            "budget": budget,
            "madds": cost * budget,
            "architecture": SMALLEST.to_dict(),
            "accuracy": float(values.mean()),
            "n": len(values),
            "correct": pack(torch.tensor(values.copy())),
        }
        for (task, budget), values in right.items()
    ]
    return make_record(f"tested-{method}", seed, q, {"rows": rows, "test_digest": "d" * 64})


def at_rate(rate: float, budgets=BUDGETS, tasks=TASKS, **options) -> dict[tuple[str, float], np.ndarray]:
    return {(task, budget): hits(rate, **options) for task in tasks for budget in budgets}


def specialized(seed: int, q: float, alike=(3, 5, 6, 6, 6), budgets=BUDGETS, scenarios: int = 50, took: float = 0.05):
    """Six tasks of which ``alike`` have the largest network at each budget, the others the smallest.

    The similarity of these two is 0, so the mean over the 15 pairs is known: 6/15, 10/15 and 1 for 3, 5 and 6 alike.
    """
    rows = [
        {"task": f"task {t}", "budget": b, "madds": b, "architecture": (LARGEST if t < k else SMALLEST).to_dict()}
        for b, k in zip(budgets, alike, strict=True)
        for t in range(6)
    ]
    times = {"scenarios": scenarios, "forward": took / 10, "with_sampling": took, "peak_memory_bytes": 0}
    return make_record("specialized", seed, q, {"rows": rows, "search_seconds": times})


def trained(stage: str, seed: int, steps: int, scenarios: int, seconds: float, q: float = MAIN) -> dict:
    result = {"curve": [{"step": 1}, {"step": steps}], "peak_memory_bytes": 2_000_000}
    return make_record(stage, seed, q, result, seconds, **{stage: {"steps": steps, "scenarios_per_step": scenarios}})


def one_seed(seed: int = 0, main: float = MAIN, rates: dict[float, float] | None = None, n: int = N) -> dict:
    """Evidence of one seed in which EAS is right on 80 %, the plain supernet's methods on 75 %, target only on 60 %."""
    rates = {0.0: 0.75, MAIN: 0.8, 1.0: 0.6} if rates is None else rates
    variants = {}
    for q, rate in rates.items():
        records = {"tested-EAS": make_tested("EAS", seed, q, at_rate(rate, n=n)), "specialized": specialized(seed, q)}
        if q in (0.0, main):
            records |= {f"tested-{m}": make_tested(m, seed, q, at_rate(0.75, n=n)) for m in ("OFA-T", "OFA-V")}
        if q == main:
            records["tested-multi-path"] = make_tested("multi-path", seed, q, at_rate(0.79, n=n))
            records["generator"] = trained("generator", seed, 100, 4, 100.0, q)  # 0.25 s a scenario
            records["multi_path"] = trained("multi_path", seed, 50, 2, 100.0, q)  # 1 s a scenario
            records["teacher"] = make_record("teacher", seed, q, {})
            del records["teacher"]["settings"]["supernet"]
        variants[f"q={q:g}"] = {"q": q, "reading": READING, "records": records}
    return {"seed": seed, "profile": "demo", "main": f"q={main:g}", "variants": variants}


def put(evidence: list[dict], record_of, q: float = MAIN) -> list[dict]:
    """Replace a record of every seed by ``record_of(seed)``."""
    for entry in evidence:
        record = record_of(entry["seed"])
        entry["variants"][f"q={q:g}"]["records"][record["kind"]] = record
    return evidence


def judged(evidence: list[dict]) -> dict[str, Claim]:
    return {claim.key: claim for claim in claims.judge(evidence)}


# ---------------------------------------------------------------- verdicts


@pytest.mark.parametrize(
    ("low", "high", "margin", "expected"),
    [
        (0.1, 0.9, 0, HOLDS),
        (-0.1, 0.9, 0, OPEN),
        (0.0, 0.0, 0, OPEN),
        (-0.9, -0.1, 0, FAILS),
        (-0.4, 0.2, 0.5, HOLDS),
        (-0.6, 0.2, 0.5, OPEN),
        (-0.5, 0.2, 0.5, OPEN),
        (-0.4, -0.1, 0.5, FAILS),  # a shown deficit comes before the margin
        (-0.9, -0.6, 0.5, FAILS),
        (0.0, 0.0, 0.5, HOLDS),
        (-math.inf, math.inf, 0, OPEN),
    ],
)
def test_a_shown_deficit_comes_before_the_margin(low, high, margin, expected):
    assert verdicts.verdict(low, high, margin) == expected


def test_verdicts_are_of_the_claims_named_and_of_no_other_that_begins_alike():
    judged = claims.judge([one_seed(0), one_seed(1)])
    by_key = {claim.key: claim for claim in judged}
    assert {"eas", "eas-same-supernet"} <= set(by_key)
    lines = claim_texts.verdicts(judged, "eas", "ofa-t").splitlines()
    assert [by_key[key].statement in line for key, line in zip(("eas", "ofa-t"), lines, strict=True)] == [True, True]
    with pytest.raises(KeyError):
        claim_texts.verdicts(judged, "ea")


def test_every_claim_has_both_sides_a_rule_and_a_verdict():
    found = claims.judge([one_seed(0), one_seed(1)])
    assert len({claim.key for claim in found}) == 11
    for claim in found:
        assert all([claim.statement, claim.where, claim.paper, claim.rule, claim.ours, claim.detail]), claim.key
        assert claim.statement.endswith(".") and claim.rule.endswith(".") and claim.detail.endswith(".")
        assert claim.verdict in verdicts.VERDICTS and claim.verdict != NOT_MEASURED
        assert "2 seeds" in claim.ours
        if claim.estimate:
            assert f"n = {len(TASKS) * N}," in claim.ours and (claim.estimate.n, claim.estimate.seeds) == (800, 2)
    assert {claim.key for claim in found if claim.estimate is None} == {
        "cheaper",
        "time",
        "similarity",
        "small-network",
    }


@pytest.mark.parametrize(
    ("by_task", "for_all", "expected"),
    [
        ({"rate": 0.8}, {"rate": 0.8}, HOLDS),  # equal on every image: at least as accurate
        ({"rate": 0.8}, {"rate": 0.7}, HOLDS),
        ({"rate": 0.7}, {"rate": 0.8}, FAILS),
        ({"rate": 0.8}, {"rate": 0.8, "reverse": True}, OPEN),  # equal on average, on very different images
    ],
)
def test_ofa_t_against_ofa_v(by_task, for_all, expected):
    evidence = [one_seed()]
    put(evidence, lambda seed: make_tested("OFA-T", seed, 0.0, at_rate(**by_task)), q=0.0)
    put(evidence, lambda seed: make_tested("OFA-V", seed, 0.0, at_rate(**for_all)), q=0.0)
    claim = judged(evidence)["ofa-t"]
    assert claim.verdict == expected
    assert claim.estimate.mean == pytest.approx(100 * (by_task["rate"] - for_all["rate"]))


def test_a_deficit_smaller_than_the_margin_still_counts_once_it_is_shown():
    evidence = [one_seed(n=4000)]
    put(evidence, lambda seed: make_tested("OFA-T", seed, 0.0, at_rate(0.7975, n=4000)), q=0.0)
    put(evidence, lambda seed: make_tested("OFA-V", seed, 0.0, at_rate(0.8, n=4000)), q=0.0)
    claim = judged(evidence)["ofa-t"]
    assert -accuracy_claims.MARGIN < claim.estimate.low and claim.estimate.high < 0
    assert claim.verdict == FAILS


def test_without_a_plain_supernet_ofa_is_compared_on_the_main_one_and_eas_with_it_is_not_measured():
    found = judged([one_seed(rates={MAIN: 0.8, 1.0: 0.6})])
    assert found["ofa-t"].verdict == HOLDS and "no plain supernet" in found["ofa-t"].detail
    assert ") on q = 0.6; n = " in found["ofa-t"].ours
    for key in ("eas", "dropout", "target-only", "interior"):
        assert found[key].verdict == NOT_MEASURED and found[key].estimate is None, key
    assert found["eas"].ours == "no tested-OFA-T record for q = 0"
    assert found["eas-same-supernet"].verdict == HOLDS


@pytest.mark.parametrize(
    ("rate", "cost", "expected"),
    [(0.85, 0.95, HOLDS), (0.85, 0.958, HOLDS), (0.85, 0.97, OPEN), (0.75, 0.95, OPEN), (0.65, 0.95, FAILS)],
)
def test_eas_must_be_more_accurate_at_no_more_cost(rate, cost, expected):
    evidence = put([one_seed(0), one_seed(1)], lambda seed: make_tested("EAS", seed, MAIN, at_rate(rate), cost))
    found = judged(evidence)
    for key in ("eas", "eas-same-supernet"):
        assert found[key].verdict == expected
        assert found[key].estimate.mean == pytest.approx(100 * (rate - 0.75))
        assert f"at {100 * (cost / 0.95 - 1):+.1f} % MAdds" in found[key].ours
        assert ("cost more" in found[key].detail) == (cost == 0.97)


def test_the_two_comparisons_with_ofa_t_take_it_from_different_supernets():
    evidence = put([one_seed()], lambda seed: make_tested("OFA-T", seed, MAIN, at_rate(0.9)))
    found = judged(evidence)
    assert found["eas"].estimate.mean == pytest.approx(5) and found["eas"].verdict == HOLDS
    assert (
        found["eas-same-supernet"].estimate.mean == pytest.approx(-10) and found["eas-same-supernet"].verdict == FAILS
    )


@pytest.mark.parametrize(("plain", "expected"), [(0.7, HOLDS), (0.8, OPEN), (0.9, FAILS)])
def test_task_dropout_against_none(plain, expected):
    assert judged([one_seed(rates={0.0: plain, MAIN: 0.8, 1.0: 0.6})])["dropout"].verdict == expected


def test_a_profile_without_dropout_cannot_say_whether_dropout_helps():
    found = judged([one_seed(main=0.0, rates={0.0: 0.75, 1.0: 0.6})])
    assert found["dropout"].verdict == NOT_MEASURED and "0" in found["dropout"].ours
    assert found["eas"].estimate == found["eas-same-supernet"].estimate


@pytest.mark.parametrize(("target", "expected"), [(0.7, HOLDS), (0.75, OPEN), (0.8, FAILS)])
def test_target_only_against_no_dropout(target, expected):
    claim = judged([one_seed(rates={0.0: 0.75, MAIN: 0.8, 1.0: target})])["target-only"]
    assert claim.verdict == expected and claim.estimate.mean == pytest.approx(100 * (0.75 - target))


@pytest.mark.parametrize(
    ("rates", "expected", "gap"),
    [
        ({0.0: 0.7, MAIN: 0.8, 1.0: 0.72}, HOLDS, 8),
        ({0.0: 0.7, MAIN: 0.75, 1.0: 0.85}, FAILS, -10),
        ({0.0: 0.85, MAIN: 0.8, 1.0: 0.7}, FAILS, -5),
        ({0.0: 0.7, MAIN: 0.8, 1.0: 0.8}, OPEN, 0),
        ({0.0: 0.7, 0.2: 0.8, MAIN: 0.75, 1.0: 0.72}, HOLDS, 8),  # the best interior rate need not be the profile's
    ],
)
def test_an_interior_drop_rate_must_beat_both_ends(rates, expected, gap):
    claim = judged([one_seed(rates=rates)])["interior"]
    assert claim.verdict == expected and claim.estimate.mean == pytest.approx(gap)


def test_a_sweep_needs_an_interior_rate():
    claim = judged([one_seed(rates={0.0: 0.7, MAIN: 0.8})])["interior"]
    assert claim.verdict == NOT_MEASURED and "three drop rates" in claim.ours


def test_choosing_the_best_of_more_interior_rates_widens_the_interval():
    few = judged([one_seed(rates={0.0: 0.7, MAIN: 0.8, 1.0: 0.75})])["interior"].estimate
    many = judged([one_seed(rates={0.0: 0.7, 0.2: 0.75, 0.4: 0.75, MAIN: 0.8, 1.0: 0.75})])["interior"].estimate
    assert many.mean == few.mean and many.low < few.low


@pytest.mark.parametrize(
    ("multi", "expected", "better"), [(0.7, HOLDS, HOLDS), (0.8, HOLDS, OPEN), (0.9, FAILS, FAILS)]
)
def test_single_path_against_multi_path(multi, expected, better):
    claim = judged(put([one_seed()], lambda seed: make_tested("multi-path", seed, MAIN, at_rate(multi))))["multi-path"]
    assert claim.verdict == expected and claim.detail.endswith(f"better: {better}.")


@pytest.mark.parametrize(
    ("seconds", "expected"), [((100, 100), HOLDS), ((30, 30), FAILS), ((100, 30), OPEN), ((50, 100), OPEN)]
)
def test_cheaper_means_twice_less_time_a_scenario_in_every_seed(seconds, expected):
    # The generator takes 100 s / (100 steps x 4 scenarios), the other one seconds / (50 x 2): half of that is 50 s.
    evidence = [one_seed(0), one_seed(1)]
    put(evidence, lambda seed: trained("multi_path", seed, 50, 2, float(seconds[seed])))
    claim = judged(evidence)["cheaper"]
    assert claim.verdict == expected
    assert f"{4 * math.sqrt(seconds[0] * seconds[1]) / 100:.1f}x" in claim.ours


def test_times_on_different_devices_are_not_compared():
    evidence = [one_seed()]
    evidence[0]["variants"]["q=0.6"]["records"]["multi_path"]["provenance"]["device"] = "GPU"
    claim = judged(evidence)["cheaper"]
    assert claim.verdict == OPEN and "different devices (CPU, 1 thread(s) and GPU, 1 thread(s))" in claim.detail


@pytest.mark.parametrize(
    ("took", "scenarios", "expected", "text"),
    [
        ((0.05, 0.06), 50, HOLDS, "0.05 to 0.06 s; 2 seeds"),
        ((0.2, 0.3), 50, FAILS, "0.2 to 0.3 s; 2 seeds"),
        ((0.05, 0.3), 50, OPEN, "0.05 to 0.3 s; 2 seeds"),
        ((0.05, 0.05), 20, FAILS, "0.125 s, scaled from 20 scenarios; 2 seeds"),
        ((0.15, 0.15), 100, HOLDS, "0.075 s, scaled from 100 scenarios; 2 seeds"),
    ],
)
def test_search_time_is_scaled_to_fifty_scenarios(took, scenarios, expected, text):
    evidence = [one_seed(0), one_seed(1)]
    put(evidence, lambda seed: specialized(seed, MAIN, scenarios=scenarios, took=took[seed]))
    claim = judged(evidence)["time"]
    assert claim.verdict == expected and claim.ours == text


@pytest.mark.parametrize(
    ("alike", "expected"),
    [
        (((3, 5, 6, 6, 6), (3, 5, 6, 6, 6), (4, 5, 6, 6, 6)), HOLDS),
        (((6, 6, 6, 5, 3), (6, 6, 6, 5, 3), (6, 6, 6, 5, 4)), FAILS),  # falls
        (((3, 3, 3, 5, 6), (3, 3, 3, 5, 6), (4, 4, 4, 5, 6)), FAILS),  # rises ever faster
        (((3, 5, 6, 6, 6), (6, 6, 6, 6, 6), (6, 6, 6, 5, 3)), OPEN),  # seeds disagree
        (((3, 5, 6, 6, 6),), OPEN),  # one seed has no interval, however clear
    ],
)
def test_similarity_must_rise_and_then_saturate_over_seeds(alike, expected):
    evidence = [one_seed(seed) for seed in range(len(alike))]
    claim = judged(put(evidence, lambda seed: specialized(seed, MAIN, alike[seed])))["similarity"]
    assert claim.verdict == expected and claim.estimate is None


def test_similarity_numbers_are_those_of_the_pairs():
    claim = judged([one_seed()])["similarity"]
    assert claim.ours == "0.40 to 1.00: +0.600; 1 seed"
    assert "0.400 at 1 M, 0.667 at 2 M, 1.000 at 3 M" in claim.detail
    assert "+0.300 over the first two steps, +0.000 over the last two" in claim.detail


def test_three_budgets_cannot_show_saturation():
    evidence = [one_seed(seed) for seed in range(2)]
    put(evidence, lambda seed: specialized(seed, MAIN, (3, 5, 6), BUDGETS[:3]))
    assert judged(evidence)["similarity"].verdict == NOT_MEASURED


def gaining(dogs: tuple[int, int], cats: tuple[int, int], n: int = 2000):
    """Each task's (images won, images lost) from the lowest to the highest budget."""

    def right(won: int, lost: int, last: bool) -> np.ndarray:
        values = hits(0.5, n)
        if last:
            values[:lost] = False
            values[n - won :] = True
        return values

    changes = zip(TASKS, (dogs, cats), strict=True)
    return {(task, budget): right(*change, budget == BUDGETS[-1]) for task, change in changes for budget in BUDGETS}


@pytest.mark.parametrize(
    ("dogs", "cats", "expected", "count"),
    [
        ((10, 10), (400, 10), HOLDS, 1),
        ((0, 0), (0, 0), HOLDS, 2),
        ((300, 10), (400, 10), FAILS, 0),
        ((20, 0), (400, 10), OPEN, 0),  # a gain of exactly 1 point
        ((19, 10), (400, 10), OPEN, 0),  # below 1 point for one task looked at alone, not for the best of two
    ],
)
def test_a_small_network_suffices_if_one_task_gains_less_than_a_point(dogs, cats, expected, count):
    evidence = [one_seed(n=2000)]
    put(evidence, lambda seed: make_tested("EAS", seed, MAIN, gaining(dogs, cats)))
    claim = judged(evidence)["small-network"]
    assert claim.verdict == expected
    assert claim.ours == f"{count} of 2 tasks shown to gain less than 1 point; n = 2,000 a task, 1 seed"


def test_the_interval_of_one_task_alone_would_have_been_too_narrow():
    record = make_tested("EAS", 0, MAIN, gaining((19, 10), (400, 10)))
    alone = compare.change([record], BUDGETS[0], BUDGETS[-1], "dogs")
    together = compare.change([record], BUDGETS[0], BUDGETS[-1], "dogs", 1 - 0.05 / 2)
    assert alone.high < architecture_claims.ENOUGH < together.high and alone.mean == together.mean == pytest.approx(
        0.45
    )


def test_the_primary_number_averages_over_budgets_and_the_detail_has_each():
    evidence = [one_seed()]
    rates = dict(zip(BUDGETS, (0.76, 0.78, 0.8, 0.82, 0.84), strict=True))
    right = {(task, budget): hits(rates[budget]) for task in TASKS for budget in BUDGETS}
    put(evidence, lambda seed: make_tested("OFA-T", seed, MAIN, at_rate(0.75)))
    claim = judged(put(evidence, lambda seed: make_tested("EAS", seed, MAIN, right)))["eas-same-supernet"]
    assert claim.estimate.mean == pytest.approx(5)
    for budget, gap in zip(BUDGETS, (1, 3, 5, 7, 9), strict=True):
        assert f"{budget:g} M {gap:+.2f} (" in claim.detail


# ---------------------------------------------------------------- seeds


def test_seeds_that_disagree_are_inconclusive_where_each_alone_is_clear():
    def with_rates(*rates: float) -> list[dict]:
        evidence = [one_seed(seed) for seed in range(len(rates))]
        return put(evidence, lambda seed: make_tested("EAS", seed, MAIN, at_rate(rates[seed])))

    assert judged(with_rates(0.85))["dropout"].verdict == HOLDS
    assert judged(with_rates(0.65))["dropout"].verdict == FAILS
    claim = judged(with_rates(0.85, 0.65, 0.85, 0.65))["dropout"]
    assert claim.verdict == OPEN and claim.estimate.seeds == 4
    assert judged(with_rates(0.85, 0.86, 0.84, 0.85))["dropout"].verdict == HOLDS


def test_the_order_of_the_seeds_does_not_matter():
    evidence = [one_seed(seed) for seed in range(3)]
    put(evidence, lambda seed: make_tested("EAS", seed, MAIN, at_rate(0.8 + 0.01 * seed)))
    forwards, backwards = judged(evidence), judged(evidence[::-1])
    for key, claim in forwards.items():
        assert claim.verdict == backwards[key].verdict
        if claim.estimate:
            assert claim.estimate.mean == pytest.approx(backwards[key].estimate.mean)
            assert claim.estimate.low == pytest.approx(backwards[key].estimate.low)


def test_intervals_cover_the_truth_when_images_and_seeds_both_vary():
    rng = np.random.default_rng(0)
    truth, seeds, n, repetitions = 3.0, 3, 150, 200
    covered, covered_without_seeds = 0, 0
    for _ in range(repetitions):
        hard = {task: rng.uniform(-0.2, 0.2, n) for task in TASKS}  # an image is hard for both methods
        records = {"EAS": [], "OFA-T": []}
        for method, base in (("EAS", 0.63), ("OFA-T", 0.6)):
            suits = {task: rng.uniform(-0.1, 0.1, n) for task in TASKS}  # and suits one of them more
            for seed in range(seeds):
                luck = rng.uniform(-0.06, 0.06)  # of one training
                rates = {task: base + luck + hard[task] + suits[task] for task in TASKS}
                right = {(task, b): rng.random(n) < rates[task] for task in TASKS for b in BUDGETS[:2]}
                records[method].append(make_tested(method, seed, MAIN, right))
        found = compare.difference(records["EAS"], records["OFA-T"], list(BUDGETS[:2]))
        covered += found.low <= truth <= found.high
        gaps = [
            100 * np.concatenate([correct(a, k) - correct(b, k) for k in BUDGETS[:2]])
            for a, b in zip(*records.values(), strict=True)
        ]
        error = np.concatenate(gaps).std() / math.sqrt(len(TASKS) * n * seeds * 2)
        covered_without_seeds += abs(found.mean - truth) < 1.96 * error
    assert 0.9 <= covered / repetitions <= 1.0
    assert covered_without_seeds / repetitions < 0.85  # as if every image of every seed were independent


def correct(record: dict, budget: float) -> np.ndarray:
    rows = [row for row in record["result"]["rows"] if row["budget"] == budget]
    return np.concatenate(
        [np.unpackbits(np.frombuffer(bytes.fromhex(r["correct"]), np.uint8), count=r["n"]) for r in rows]
    ).astype(float)


# ---------------------------------------------------------------- the paper's side


def test_the_papers_numbers():
    found = judged([one_seed()])
    assert found["ofa-t"].paper == "+0.25 points (-0.1 to +0.5 by level)"
    assert found["eas"].paper == "+1.13 points (+0.9 to +1.3) at -3.7 % MAdds"
    assert found["eas"].paper_points == pytest.approx(1.125)
    assert found["interior"].paper == "best at q = 0.6: 89.7 % at 316 M"
    assert found["cheaper"].paper == "44.8x less time (0.9 and 40.3 GPU hours)"
    assert found["time"].paper == "<0.1 s"
    assert found["small-network"].paper == "5 of 10 tasks gain less than 1 point"
    assert found["multi-path"].paper_points == pytest.approx(0.7) and found["dropout"].paper_points == 0.3


def test_the_papers_numbers_come_from_its_tables(tmp_path, monkeypatch):
    shutil.copytree(paper.PAPER, tmp_path, dirs_exist_ok=True)
    table = (tmp_path / "table_1.csv").read_text()
    lines = [line.replace(",230", ",460") if line.startswith("1,OFA-T") else line for line in table.splitlines()]
    lines = [line.replace(",87.9,", ",80.0,") if line.startswith("1,OFA-V") else line for line in lines]
    lines = [line.replace(",89.7,316", ",90.7,317") for line in lines]
    lines = [line.replace("4,EAS,88.7", "4,EAS,95.0") for line in lines]
    (tmp_path / "table_1.csv").write_text("\n".join(lines))
    times = (tmp_path / "table_3.csv").read_text()
    (tmp_path / "table_3.csv").write_text(times.replace("40.3", "9.0").replace("0.9,<0.1", "0.9,<0.02"))
    monkeypatch.setattr(paper, "PAPER", tmp_path)
    found = judged([one_seed()])
    assert found["ofa-t"].paper_points == pytest.approx(0.25 + 7.9 / 4)
    assert found["eas"].paper_points == pytest.approx(1.125 + 0.25) and "-19.0 % MAdds" in found["eas"].paper
    assert found["interior"].paper == "best at q = 0.6: 90.7 % at 317 M"
    assert found["cheaper"].paper.startswith("10.0x")
    assert found["small-network"].paper.startswith("4 of 10")
    assert found["time"].paper == "<0.02 s" and found["time"].verdict == FAILS and "0.02 s" in found["time"].rule


def test_twelve_tasks_are_put_beside_table_ii():
    names = [f"task {t}" for t in range(12)]
    evidence = [one_seed(rates={MAIN: 0.8})]
    for method in METHODS:
        put(evidence, lambda seed, m=method: make_tested(m, seed, MAIN, at_rate(0.8, tasks=names)))
    found = judged(evidence)
    assert found["eas"].where == "section 4.1, Table II" and found["eas"].paper_points == pytest.approx(0.225)
    assert "of 12 tasks" in found["small-network"].paper and "of 12 tasks" in found["small-network"].ours


# ---------------------------------------------------------------- a claim more


def test_a_claim_is_one_entry_that_judging_and_the_page_loop_over():
    """Texts get the paper's numbers on its data set, and the measure's words, without another line anywhere."""

    def cost_of_eas(evidence: list[dict]) -> Measured:
        cost = compare.cost(verdicts.needed(evidence, "tested-EAS"), list(BUDGETS))
        return Measured(f"{cost:.4g} M; 1 seed", verdicts.verdict(cost - 9, cost - 9), "Mean over budgets.")

    own = Claim(
        key="own",
        label="costs more than {low:g} M",
        statement="EAS costs more than {low:g} M.",
        where="section 9, {table}",
        paper="{low:g} M",
        rule="Holds above {low:g} M.",
        numbers=lambda data: {"low": 9.0, "points": 1.5},
        measure=cost_of_eas,
    )
    *others, found = claims.judge([one_seed()], (*claims.CLAIMS, own))
    assert [claim.key for claim in others] == [claim.key for claim in claims.CLAIMS]
    assert (found.label, found.where, found.paper) == ("costs more than 9 M", "section 9, Table I", "9 M")
    assert (found.verdict, found.ours, found.paper_points) == (FAILS, "2.85 M; 1 seed", 1.5)
    assert claim_texts.claims_table([found]).loc["own", "this run"] == "2.85 M"
    assert "Holds above 9 M." in claim_texts.details([found])
    assert "**1 does not hold** (own)" in claim_texts.summary([found])


def test_no_text_keeps_a_brace_that_nothing_filled_in():
    for claim in claims.judge([one_seed()]):
        texts = (claim.label, claim.statement, claim.where, claim.paper, claim.rule, claim.ours, claim.detail)
        assert not any("{" in text or "}" in text for text in texts), claim.key


# ---------------------------------------------------------------- the page


def test_table_has_a_row_a_claim_and_no_cell_that_pandas_would_cut():
    for evidence in ([one_seed(0), one_seed(1)], [one_seed(rates={MAIN: 0.8})]):
        found = claims.judge(evidence)
        table = claim_texts.claims_table(found)
        assert list(table.index) == [claim.key for claim in found]
        assert table["verdict"].tolist() == [claim.verdict for claim in found]
        assert max(len(cell) for cell in table.to_numpy().flat) <= 50
    assert claim_texts.claims_table([]).empty


def test_with_a_release_its_numbers_lead_and_this_runs_stand_beside():
    released, own = claims.judge([one_seed(0), one_seed(1)]), claims.judge([one_seed(rates={MAIN: 0.8})])
    table = claim_texts.claims_table(released, own)
    assert table["verdict"].tolist() == [claim.verdict for claim in released]
    assert table["its verdict"].tolist() == [claim.verdict for claim in own]
    assert (table["release"] + "; " + table["evidence"]).tolist() == [claim.ours for claim in released]
    assert max(len(cell) for cell in table.to_numpy().flat) <= 50
    text = claim_texts.details(released, own)
    assert all(f"- Release: {claim.ours}" in text for claim in released)
    assert all(f"- This run: {claim.ours} ({claim.verdict})" in text for claim in own)
    assert claim_texts.claims_table(own).columns.tolist()[3:] == ["this run", "evidence", "verdict"]
    words = claim_texts.verdicts(released, "dropout", own=own)
    assert "**Holds**" in words and "2 seeds (this run: not measured, no tested-EAS record for q = 0)" in words


def test_what_the_release_has_no_records_for_is_judged_from_this_run():
    released, own = (
        claims.judge([one_seed(s, rates={0.0: 0.75, MAIN: 0.8}) for s in (7, 8)]),
        claims.judge([one_seed()]),
    )
    best = {claim.key: claim for claim in claim_texts.leading(released, own)}
    assert {key for key, claim in best.items() if claim in own} == {"interior", "target-only"}
    text = claim_texts.summary(released, own)
    assert (
        "In the release interior and target-only are not measured with 3 seeds or more: judged from this run." in text
    )
    assert "With one seed (interior, target-only), verdicts are about these" in text
    assert "were not measured" not in text and "were not measured" in claim_texts.summary(released)
    assert "(this run; not measured with 3 seeds or more in the release)" in claim_texts.verdicts(
        released, "interior", own=own
    )
    assert claim_texts.claims_table(released, own)["release"]["interior"] == "not measured with 3 seeds or more"
    details = claim_texts.details(released, own)
    assert f"interior drop rate best: {best['interior'].verdict} (this run).**" in details
    assert details.count("- In detail (this run): ") == 2
    named = [label for label in claim_texts.sharpness(list(best.values()), own).index if label.endswith("(this run)")]
    assert named == [f"{best[key].label} (this run)" for key in ("interior", "target-only")]
    figure = claim_figures.forest(list(best.values()), own)
    assert "this run" in [entry.get_text() for entry in figure.legends[0].get_texts()]
    assert "1 to 2 seeds" in figure.get_suptitle()
    labels = [" ".join(label.get_text().split()) for label in figure.axes[0].get_yticklabels()]
    assert [label for label in labels if label.endswith("(this run)")] == [
        f"{best[key].label} (this run)" for key in ("interior", "target-only")
    ]
    alone = claim_figures.forest(own)
    assert "this run" not in [entry.get_text() for entry in alone.legends[0].get_texts()]


def lacking(evidence: list[dict], **seeds: tuple[int, ...]) -> list[dict]:
    """Take the variant ``q<number>`` from the seeds."""
    for name, without in seeds.items():
        for entry in evidence:
            if entry["seed"] in without:
                del entry["variants"][name.replace("q", "q=")]
    return evidence


def test_a_claim_stands_on_the_seeds_that_have_all_that_it_compares():
    evidence = lacking([one_seed(seed) for seed in range(4)], q0=(0, 1), q1=(1, 2))
    seeds = {key: claim.estimate.seeds for key, claim in judged(evidence).items() if claim.estimate}
    assert seeds == {
        **{"ofa-t": 2, "eas": 2, "eas-same-supernet": 4, "multi-path": 4},
        **{"dropout": 2, "target-only": 1, "interior": 1},
    }
    assert all(claim.ours.endswith("4 seeds") for claim in map(judged(evidence).get, ("similarity", "time")))
    some = lacking([one_seed(seed) for seed in range(4)], q0=(0, 1), q1=(2, 3))
    for key in ("target-only", "interior"):
        claim = judged(some)[key]
        assert claim.verdict == NOT_MEASURED and "no seed has all the supernets" in claim.ours


def test_figures_of_several_supernets_are_of_the_seeds_that_have_them():
    evidence = lacking([one_seed(seed) for seed in range(4)], q0=(0, 1), q1=(1,))
    for figure in (paper_figures.dropout_ablation(evidence), paper_figures.drop_rates(evidence)):
        texts = [figure.get_suptitle(), *(t.get_text() for t in figure.findobj(Text))]
        assert any("2 seeds" in text for text in texts)
    assert any("4 seeds" in t.get_text() for t in paper_figures.method_differences(evidence).findobj(Text))
    nothing = lacking([one_seed(seed) for seed in range(2)], q0=(0,), q1=(1,))
    assert paper_figures.dropout_ablation(nothing) is paper_figures.drop_rates(nothing) is None


def test_summary_counts_the_verdicts():
    found = claims.judge([one_seed(rates={MAIN: 0.8, 1.0: 0.6})])
    text = claim_texts.summary(found)
    assert text.startswith(
        "Of 11 claims, **6 hold** (ofa-t, eas-same-supernet, multi-path, cheaper, time, small-network)"
    )
    assert (
        "**1 is inconclusive** (similarity) and **4 were not measured** (eas, dropout, interior, target-only)." in text
    )
    assert "With one seed" in text and "does not hold" not in text and "\n" not in text
    assert "With one seed" not in claim_texts.summary(claims.judge([one_seed(0), one_seed(1)]))
    assert "No claims" in claim_texts.summary([])


def test_sharpness_says_what_the_design_could_show_and_which_verdicts_stand_together():
    found = claims.judge([one_seed(0), one_seed(1)])
    table = claim_texts.sharpness(found)
    judged = [claim for claim in found if claim.estimate]
    assert list(table.index) == [claim.label for claim in judged]
    assert (table["shown in 4 of 5 cases"] >= table["standard error"]).all()
    for error, freedom, expected in ((0.2, 30, HOLDS), (0.45, 30, OPEN)):  # both clear of zero at 95 % each
        estimate = compare.Estimate(1.0, 0.05, 1.95, 100, 8, error, freedom)
        eleven = [replace(claim, verdict=HOLDS, margin=0.0, estimate=estimate) for claim in judged]
        assert set(claim_texts.sharpness(eleven).iloc[:, -1]) == {expected}
    assert claim_texts.sharpness([]).empty


def test_details_hold_every_rule_and_number_and_no_heading():
    found = claims.judge([one_seed()])
    text = claim_texts.details(found)
    for claim in found:
        assert all(part in text for part in (claim.statement, claim.paper, claim.ours, claim.rule, claim.detail))
    assert not any(line.startswith("#") for line in text.splitlines())


def test_evidence_of_a_run_can_be_judged(smoke_evidence):
    found = claims.judge([smoke_evidence])
    assert all(claim.verdict != NOT_MEASURED and claim.ours for claim in found)
    assert max(len(cell) for cell in claim_texts.claims_table(found).to_numpy().flat) <= 50


def test_forest_shows_every_difference_and_stays_on_its_canvas():
    found = claims.judge([one_seed(0), one_seed(1)])
    figure = claim_figures.forest(found)
    axis = figure.axes[0]
    labels = [label.get_text().replace("\n", " ") for label in axis.get_yticklabels()]
    assert labels == [claim.label for claim in found if claim.estimate]
    FigureCanvasAgg(figure).draw()
    renderer = figure.canvas.get_renderer()
    width, height = figure.canvas.get_width_height()
    boxes = [
        text.get_window_extent(renderer)
        for text in figure.findobj(match=lambda a: hasattr(a, "get_text"))
        if text.get_text()
    ]
    assert figure.get_figwidth() == 7.2
    for box in boxes:
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
    assert "n = 800 test images a difference, 2 seeds" in figure.get_suptitle()


def test_forest_tells_verdicts_by_colour_and_marker():
    found = claims.judge([one_seed(rates={0.0: 0.75, MAIN: 0.8, 1.0: 0.9})])
    looks = {(look["color"], look["marker"]) for look in claim_figures.LOOKS.values()}
    assert len(looks) == len({c for c, _ in looks}) == len({m for _, m in looks}) == 3
    (legend,) = claim_figures.forest(found).legends
    assert [text.get_text() for text in legend.get_texts()][:2] == [HOLDS, FAILS]
    with pytest.raises(DataError) as error:
        claim_figures.forest([replace(claim, estimate=None) for claim in found])
    assert "none of them" in one_line(error.value)


# ---------------------------------------------------------------- evidence that cannot be used


def records(evidence: list[dict], q: float = MAIN, seed: int = 1) -> dict:
    return evidence[seed]["variants"][f"q={q:g}"]["records"]


def row(evidence: list[dict], number: int = 0) -> dict:
    return records(evidence)["tested-EAS"]["result"]["rows"][number]


BROKEN = {
    "the same seed twice": (lambda e: e[1].update(seed=0), "seeds 0, 0 are not all different"),
    "another profile": (lambda e: e[1].update(profile="smoke"), "different profiles, profile is demo and smoke"),
    "other data": (
        lambda e: [
            r["settings"]["data"].update(source="stripes")
            for v in e[1]["variants"].values()
            for r in v["records"].values()
        ],
        "different profiles, data.source is shapes10 (seed 0, q=0, tested-EAS) and stripes",
    ),
    "another space": (
        lambda e: records(e)["tested-OFA-T"]["settings"]["space"].update(num_classes=60),
        "different profiles, space.num_classes is 12",
    ),
    "other settings": (
        lambda e: records(e)["generator"]["settings"]["generator"].update(steps=7),
        "different profiles, generator.steps is 100",
    ),
    "a setting whose name begins like one that may differ": (
        lambda e: [
            r["settings"]["supernet"].update(task_dropout_rate=s)
            for s in (0, 1)
            for r in (records(e, seed=s)["generator"],)
        ],
        "different profiles, supernet.task_dropout_rate is 0",
    ),
    "another main variant": (lambda e: e[1].update(main="q=0"), "different profiles, main is q=0.6 and q=0"),
    "no main variant": (lambda e: [x.update(main="q=0.3") for x in e], "seed 0 has no variant q=0.3"),
    "a seed without a stage": (lambda e: records(e, seed=0).pop("tested-OFA-V"), "seed 0 has no tested-OFA-V of q=0.6"),
    "a variant twice": (
        lambda e: [x["variants"].update({"again": copy.deepcopy(x["variants"]["q=1"])}) for x in e],
        "two variants of the same drop rate",
    ),
    "a mislabelled variant": (
        lambda e: [x["variants"].update({"q=0": x["variants"]["q=1"] | {"q": 0.0}}) for x in e],
        "seed 0, q=0, tested-EAS: made with q = 1 and reading exclude",
    ),
    "a mislabelled seed": (lambda e: e[1].update(seed=5), "settings.seed is 1"),
    "a record of another kind": (lambda e: records(e)["tested-EAS"].update(kind="results"), "of kind 'results'"),
    "no variants": (lambda e: e[1].pop("variants"), "evidence: 1.variants: field required"),
    "no result": (
        lambda e: records(e)["tested-EAS"].pop("result"),
        "seed 1, q=0.6, tested-EAS: result: field required",
    ),
    "no data settings": (lambda e: records(e)["tested-EAS"]["settings"].pop("data"), "settings.data"),
    "no rows": (lambda e: records(e)["tested-EAS"]["result"].update(rows=[]), "at least 1 item"),
    "no hits": (lambda e: row(e).pop("correct"), "result: rows.0.correct: field required"),
    "hits cut short": (
        lambda e: row(e).update(correct=row(e)["correct"][:-2]),
        "dogs at 1 M: record: correct holds 49",
    ),
    "hits that are no hexadecimal": (lambda e: row(e).update(correct="zz"), "not hexadecimal"),
    "a wrong n": (lambda e: row(e).update(n=399), "accuracy is 0.8, but 320 of n = 399 images are right"),
    "a huge n": (lambda e: row(e).update(n=10**9), "bytes"),
    "another n at one budget": (
        lambda e: row(e, 1).update(n=8, correct="f0", accuracy=0.5),
        "n of dogs is 400",
    ),
    "an accuracy that is not the hits'": (lambda e: row(e).update(accuracy=0.81), "320 of n = 400 images are right"),
    "NaN": (lambda e: row(e).update(accuracy=math.nan), "rows.0.accuracy = nan: input should be a finite number"),
    "a cost of NaN": (lambda e: row(e).update(madds=math.nan), "rows.0.madds = nan"),
    "a time of NaN": (lambda e: records(e)["generator"].update(seconds=math.nan), "generator: seconds = nan"),
    "no time": (lambda e: records(e)["generator"].update(seconds=0.0), "greater than 0"),
    "a search time of NaN": (
        lambda e: records(e)["specialized"]["result"]["search_seconds"].update(with_sampling=math.nan),
        "search_seconds.with_sampling = nan",
    ),
    "a task twice": (lambda e: row(e).update(row(e, 1)), "10 rows are not one for each of 2 tasks and 5 budgets"),
    "a row missing": (lambda e: records(e)["tested-EAS"]["result"]["rows"].pop(), "9 rows are not one for each"),
    "no architecture": (
        lambda e: records(e)["specialized"]["result"]["rows"][0]["architecture"].update(depth=[9] * 5),
        "seed 1, q=0.6, specialized: task 0 at 1 M: architecture",
    ),
    "no curve": (lambda e: records(e)["multi_path"]["result"].update(curve=[]), "multi_path: result: curve"),
    "no scenarios": (lambda e: records(e)["multi_path"]["settings"].pop("multi_path"), "settings.multi_path"),
    "no device": (lambda e: records(e)["multi_path"]["provenance"].pop("device"), "provenance: device: field required"),
    "a version that is no number": (
        lambda e: records(e)["tested-EAS"]["provenance"].update(stages={"teacher": "two"}),
        "provenance: stages.teacher = 'two'",
    ),
    "no state of the code": (lambda e: records(e)["tested-EAS"]["provenance"].update(code=[]), "provenance: code = []"),
    "other test images": (
        lambda e: records(e)["tested-EAS"]["result"].update(test_digest="e" * 64),
        "tested on different images, test_digest is dddd",
    ),
}


def test_seeds_may_have_images_of_their_own():
    """Each seed's records agree with each other; images differ from seed to seed, and the verdicts' intervals know it."""

    def drawn(apart: bool) -> list[dict]:
        made = [one_seed(seed) for seed in (0, 1, 2)]
        for entry in made if apart else ():
            for variant in entry["variants"].values():
                for record in variant["records"].values():
                    record["settings"]["data"]["seed"] = entry["seed"]
                    if "test_digest" in record["result"]:
                        record["result"]["test_digest"] = f"images of {entry['seed']}"
        return made

    apart, shared = judged(drawn(True))["eas"].estimate, judged(drawn(False))["eas"].estimate
    assert apart.mean == pytest.approx(shared.mean) and apart.seeds == shared.seeds == 3
    assert apart.high != shared.high


@pytest.mark.parametrize("name", BROKEN)
def test_evidence_that_cannot_be_used_is_one_clear_line(name):
    evidence = [one_seed(0), one_seed(1)]
    breaks, complaint = BROKEN[name]
    breaks(evidence)
    with pytest.raises(DataError) as error:
        claims.judge(evidence)
    assert complaint in one_line(error.value)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("evidence", [[], {}, None, ["text"], [None], [[]], 3])
def test_what_is_no_evidence_is_one_clear_line(evidence):
    with pytest.raises(DataError) as error:
        claims.judge(evidence)
    assert one_line(error.value).startswith("evidence: ")


def test_whatever_value_is_damaged_nothing_but_a_data_error_comes_out():
    def places(value, path=()):
        yield path
        for key, entry in value.items() if isinstance(value, dict) else list(enumerate(value))[:2]:
            if isinstance(entry, dict | list):
                yield from places(entry, (*path, key))
            else:
                yield (*path, key)

    whole = [one_seed(0, rates={0.0: 0.75, MAIN: 0.8, 1.0: 0.6}, n=16), one_seed(1, n=16)]
    paths = [path for path in places(whole) if len(path) > 1]
    rng = np.random.default_rng(0)
    refused = 0
    chosen = rng.permutation(len(paths))[:80]
    for number in chosen:
        evidence = copy.deepcopy(whole)
        *way, last = paths[number]
        holder = evidence
        for key in way:
            holder = holder[key]
        value = [None, math.nan, "x", -1, [], {}, True, [{}, 1]][rng.integers(8)]
        holder[last] = value
        try:
            claims.judge(evidence)
        except DataError as error:
            one_line(error)
            refused += 1
    assert refused > len(chosen) // 2


def test_one_budget_cannot_say_which_tasks_are_easy():
    evidence = [one_seed()]
    put(evidence, lambda seed: make_tested("EAS", seed, MAIN, at_rate(0.8, budgets=BUDGETS[:1])))
    with pytest.raises(verdicts.Missing, match="needs two budgets"):
        architecture_claims.easy_tasks(evidence)


@pytest.mark.parametrize("margin", [0.0, 1.0])
@pytest.mark.parametrize("points", [None, 2.0])
def test_the_legend_of_claims_names_what_is_drawn(margin, points):
    found = [
        replace(claim, margin=margin and claim.margin, paper_points=points and claim.paper_points)
        for claim in claims.judge([one_seed(0), one_seed(1)])
    ]
    (legend,) = claim_figures.forest(found).legends
    named = {text.get_text() for text in legend.get_texts()}
    assert ("allowed margin" in named) == any(claim.margin for claim in found) <= bool(margin)
    assert ("paper, its own data" in named) == any(claim.paper_points is not None for claim in found) <= bool(points)


def test_records_that_cannot_be_compared_are_one_line():
    ours, others = ([make_tested("EAS", seed, MAIN, at_rate(0.8)) for seed in seeds] for seeds in ((0, 1), (0, 2)))
    fewer = make_tested("EAS", 1, MAIN, at_rate(0.8, budgets=BUDGETS[:2]))
    for compared, said in (
        (lambda: compare.difference(ours, others, list(BUDGETS)), "seeds .0, 1. are compared with seeds .0, 2."),
        (lambda: queries.common_budgets([ours[0], fewer]), "budgets .* are mixed"),
        (lambda: compare.accuracy([], 1.0), "none given"),
    ):
        with pytest.raises(DataError, match=said) as error:
            compared()
        assert one_line(error.value)


# ---------------------------------------------------------------- records of several versions of the code


def made_by(evidence: list[dict], seed: int, **provenance) -> list[dict]:
    """The evidence, with this in the provenance of all records of one seed."""
    for variant in evidence[seed]["variants"].values():
        for record in variant["records"].values():
            record["provenance"].update(provenance)
    return evidence


ONE, TWO = {"teacher": 1, "supernet": 1}, {"teacher": 1, "supernet": 2}


@pytest.mark.parametrize(
    "seeds, said",
    [
        ([{}, {}], ""),
        ([{"code": "a"}, {"code": "b"}], "come from 2 states of the code (a, b) and say no versions"),
        ([{"stages": ONE}, {"stages": ONE}], ""),
        ([{"stages": ONE, "code": "a"}, {"stages": ONE, "code": "b"}], ""),  # versions say that results are the same
        ([{"stages": ONE}, {"stages": TWO}], "come from different versions of the code: supernet 1 and 2"),
        ([{"stages": ONE}, {}], "do not say which versions they are of"),
    ],
)
def test_records_of_one_experiment_made_by_different_code_are_labelled(seeds, said):
    evidence = [one_seed(0), one_seed(1)]
    for number, provenance in enumerate(seeds):
        made_by(evidence, number, **provenance)
    assert claims.judge(evidence), "old records and new ones can be judged"
    warning = findings.mixed(evidence)
    assert "\n" not in warning and said in warning and bool(warning) == bool(said)
