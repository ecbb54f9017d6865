"""The paper's claims about differences of accuracies, and what measures them.

Accuracies are compared by :mod:`eas_core.evidence.compare`: on the same test images, seed by seed, averaged over all
budgets. Where only some seeds have a supernet of another drop rate, a claim about it stands on these
(:func:`eas_core.evidence.queries.having`).
"""

from __future__ import annotations

from functools import partial

import numpy as np

from eas_core.evidence import compare
from eas_core.evidence.paper import ACCURACY, GAIN_OF_DROPOUT, MADDS, MULTI_PATH, SINGLE_PATH, paper_table
from eas_core.evidence.queries import common_budgets, having, main_variant, rates_of, records_of
from eas_core.evidence.verdicts import HOLDS, OPEN, Claim, Measured, Missing, needed, verdict
from eas_core.evidence.words import interval, points

MARGIN = 0.5  # points: "at least as accurate" means worse by less than this
COST_MARGIN = 0.01  # "no more multiply-adds" means at most this share more

_INTERVAL = "the 95 % interval of the paired difference of accuracies, averaged over budgets,"
_ABOVE = "lies above 0; does not hold if it lies below 0; else inconclusive."
_AT_LEAST = (
    f"Does not hold if {_INTERVAL} lies below 0, which is asked first, so that a shown deficit counts however small "
    f"it is; else holds if it lies above -{MARGIN:g} points; else inconclusive."
)
_AT_NO_MORE_COST = (
    f"Holds if {_INTERVAL} lies above 0 and EAS's mean cost is at most {100 * COST_MARGIN:g} % above OFA-T's; above "
    "0 at a higher cost is inconclusive; does not hold if the interval lies below 0; else inconclusive."
)


# ---------------------------------------------------------------- measuring


def compared(ours: list[dict], others: list[dict], names: tuple[str, str], margin: float = 0.0) -> Measured:
    """The paired difference of two methods over all budgets, with its verdict; the detail has each budget's."""
    budgets = common_budgets(ours + others)
    whole = compare.difference(ours, others, budgets)
    levels = [f"{b:g} M {interval(compare.difference(ours, others, [b]))}" for b in budgets]
    sides = [
        f"{name} {_mean_accuracy(records):.2f} % at {compare.cost(records, budgets):.4g} M"
        for name, records in zip(names, (ours, others), strict=True)
    ]
    return Measured(
        ours=points(whole),
        verdict=verdict(whole.low, whole.high, margin),
        detail=f"On average over budgets: {sides[0]}, {sides[1]}. Difference by budget: {'; '.join(levels)}.",
        estimate=whole,
    )


def _mean_accuracy(records: list[dict]) -> float:
    return float(np.mean([compare.accuracy(records, budget).mean for budget in common_budgets(records)]))


def _own_rate(evidence: list[dict]) -> float:
    q: float = main_variant(evidence[0])["q"]
    return q


def ofa_t_over_ofa_v(evidence: list[dict]) -> Measured:
    """OFA-T minus OFA-V on the plain supernet, or on the profile's own where there is no plain one."""
    evidence = having(evidence, [0.0])
    plain = bool(records_of(evidence, "tested-OFA-T", 0.0))
    by_task, for_all = (needed(evidence, f"tested-{name}", 0.0 if plain else None) for name in ("OFA-T", "OFA-V"))
    found = compared(by_task, for_all, ("OFA-T", "OFA-V"), MARGIN)
    if plain:
        return found
    where = f" on q = {_own_rate(evidence):g}"
    more = f" There is no plain supernet here: both{where}."
    return found._replace(ours=found.ours.replace(";", f"{where};"), detail=found.detail + more)


def eas_over_ofa_t(evidence: list[dict], q: float | None) -> Measured:
    """EAS minus OFA-T of the supernet with drop rate ``q`` (None: the profile's own), at no more multiply-adds."""
    evidence = having(evidence, [] if q is None else [q])
    ours, others = needed(evidence, "tested-EAS"), needed(evidence, "tested-OFA-T", q)
    found = compared(ours, others, ("EAS", "OFA-T"))
    budgets = common_budgets(ours)
    ratio = compare.cost(ours, budgets) / compare.cost(others, budgets)
    found = found._replace(ours=found.ours.replace(";", f" at {100 * (ratio - 1):+.1f} % MAdds;"))
    if found.verdict == HOLDS and ratio > 1 + COST_MARGIN:
        more = " EAS is more accurate, but its networks cost more: not the comparison the claim is about."
        return found._replace(verdict=OPEN, detail=found.detail + more)
    return found


def dropout_over_none(evidence: list[dict]) -> Measured:
    """EAS with the profile's drop rate minus EAS with none."""
    own = _own_rate(evidence)
    if own == 0:
        raise Missing("the profile's own drop rate is 0")
    evidence = having(evidence, [0.0])
    return compared(needed(evidence, "tested-EAS"), needed(evidence, "tested-EAS", 0.0), (f"q = {own:g}", "q = 0"))


def none_over_target_only(evidence: list[dict]) -> Measured:
    """EAS without dropout minus EAS whose supernet saw the target task only."""
    evidence = having(evidence, [0.0, 1.0])
    none, target = (needed(evidence, "tested-EAS", q) for q in (0.0, 1.0))
    return compared(none, target, ("q = 0 (no dropout)", "q = 1 (target)"))


def single_over_multi_path(evidence: list[dict]) -> Measured:
    """The single-path generator's networks minus the multi-path one's, on the same supernet."""
    ours, others = needed(evidence, "tested-EAS"), needed(evidence, "tested-multi-path")
    found = compared(ours, others, ("single-path", "multi-path"), MARGIN)
    assert found.estimate is not None  # as of every comparison
    better = verdict(found.estimate.low, found.estimate.high)
    return found._replace(detail=f"{found.detail} The paper's stronger wording, that single-path is better: {better}.")


def interior_rate(evidence: list[dict]) -> Measured:
    """The best interior drop rate minus each end of the sweep; the estimate is that to the better end."""
    rates = rates_of(evidence)
    if len(rates) < 3:
        raise Missing(f"needs three drop rates, there are {len(rates)}")
    evidence = having(evidence, rates)
    records = {q: needed(evidence, "tested-EAS", q) for q in rates}
    budgets = common_budgets([record for found in records.values() for record in found])
    means = {q: _mean_accuracy(records[q]) for q in rates}
    best = max(rates[1:-1], key=lambda q: means[q])
    confidence = 1 - 0.05 / len(rates[1:-1])
    ends = {
        q: compare.difference(records[best], records[q], budgets, confidence=confidence) for q in (rates[0], rates[-1])
    }
    better = min(ends, key=lambda q: ends[q].mean)
    versus = "; ".join(f"against q = {q:g} {interval(gap)}" for q, gap in ends.items())
    return Measured(
        ours=f"q = {best:g} over {better:g}: {points(ends[better])}",
        verdict=verdict(min(gap.low for gap in ends.values()), ends[better].high),
        detail=f"Mean accuracy by drop rate: {', '.join(f'q = {q:g} {means[q]:.2f} %' for q in rates)}. "
        f"The best interior rate, q = {best:g}: {versus}.",
        estimate=ends[better],
    )


# ---------------------------------------------------------------- the paper's side


def _papers_gain(data: str, ours: str, other: str) -> dict:
    """Accuracy of one method minus another's in the paper's table: mean (points), range, and cost in % more."""
    one, two = (paper_table(data, method) for method in (ours, other))
    gain = one[ACCURACY] - two[ACCURACY]
    cost = 100 * (one[MADDS].mean() / two[MADDS].mean() - 1)
    return {"points": float(gain.mean()), "low": gain.min(), "high": gain.max(), "cost": cost}


def _papers_best(data: str) -> dict:
    """Accuracy and cost at the level of Table I that section 7 quotes; the paper gives them for one data set only."""
    best = paper_table("ImageNet-10").iloc[2]
    return {"accuracy": best[ACCURACY], "madds": best[MADDS]}


CLAIMS = (
    Claim(
        key="ofa-t",
        label="OFA-T at least as accurate as OFA-V",
        statement="An architecture searched for each task (OFA-T) is at least as accurate as one for all tasks "
        "(OFA-V) on the same plain supernet.",
        where="section 4.1, {table}",
        paper="{points:+.2f} points ({low:+.1f} to {high:+.1f} by level)",
        numbers=partial(_papers_gain, ours="OFA-T", other="OFA-V"),
        rule=_AT_LEAST,
        margin=MARGIN,
        measure=ofa_t_over_ofa_v,
    ),
    Claim(
        key="eas",
        label="EAS more accurate than OFA-T",
        statement="EAS with its task-dropout supernet is more accurate than OFA-T with a plain one, at no more "
        "multiply-adds.",
        where="section 4.1, {table}",
        paper="{points:+.2f} points ({low:+.1f} to {high:+.1f}) at {cost:+.1f} % MAdds",
        numbers=partial(_papers_gain, ours="EAS", other="OFA-T"),
        rule=_AT_NO_MORE_COST,
        measure=partial(eas_over_ofa_t, q=0.0),
    ),
    Claim(
        key="eas-same-supernet",
        label="EAS more accurate than OFA-T, same supernet",
        statement="On one and the same task-dropout supernet, EAS's generator finds more accurate networks "
        "than OFA-T's evolutionary search, at no more multiply-adds.",
        where="section 4.2, Figure IV",
        paper="above at every level (no number)",
        rule=_AT_NO_MORE_COST,
        measure=partial(eas_over_ofa_t, q=None),
    ),
    Claim(
        key="dropout",
        label="task dropout better than none",
        statement="Training the supernet with task dropout makes EAS more accurate than training it without.",
        where="section 4.2, Figure III",
        paper=f"{GAIN_OF_DROPOUT:+.1f} points at 320 M",
        paper_points=GAIN_OF_DROPOUT,
        rule=f"Holds if {_INTERVAL} {_ABOVE}",
        measure=dropout_over_none,
    ),
    Claim(
        key="interior",
        label="an interior drop rate best",
        statement="With a rising drop rate q, accuracy first rises and then falls: neither end of the sweep is best.",
        where="section 7, Figure V",
        paper="best at q = 0.6: {accuracy:.1f} % at {madds:g} M",
        numbers=_papers_best,
        rule="Holds if the interior rate of highest mean accuracy beats both ends of the sweep: the intervals "
        "of both paired differences, averaged over budgets, lie above 0. Does not hold if that to the better "
        "end lies below 0. Else inconclusive. The intervals hold at 95 % for all interior rates together "
        "(Bonferroni), since the best of them was chosen on the test images; the number shown is the "
        "difference to the better end.",
        measure=interior_rate,
    ),
    Claim(
        key="target-only",
        label="target task only worse than no dropout",
        statement="Training each image on the classes of its own task only (q = 1) makes EAS less accurate "
        "than no dropout (q = 0).",
        where="section 4.2, Figure III",
        paper="q = 0 above q = 1 (no number)",
        rule=f"Holds if {_INTERVAL} q = 0 minus q = 1, {_ABOVE}",
        measure=none_over_target_only,
    ),
    Claim(
        key="multi-path",
        label="single-path at least as accurate as multi-path",
        statement="The single-path generator finds networks at least as accurate as those of the multi-path "
        "generator on the same supernet.",
        where="section 4.2, Figure IV",
        paper=f"{SINGLE_PATH - MULTI_PATH:+.2f} points at 277 M ({SINGLE_PATH} and {MULTI_PATH} %)",
        paper_points=SINGLE_PATH - MULTI_PATH,
        rule=_AT_LEAST,
        margin=MARGIN,
        measure=single_over_multi_path,
    ),
)
