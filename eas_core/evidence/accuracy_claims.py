"""The paper's claims, each beside what this run's records say: pure functions, evidence in, claims out.

``evidence`` is a list with one dict a seed, as :func:`eas_core.runs.jobs.collect` makes it. Accuracies are compared by
:mod:`eas_core.evidence.compare`: on the same test images, seed by seed, averaged over all budgets. A claim gets its verdict from
an interval by :func:`verdict` and nothing else; the rule stands beside it in words.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from eas_core.evidence import compare, tables
from eas_core.evidence.checks import check
from eas_core.evidence.compare import Estimate
from eas_core.show.paper_tables import rates_of, records_of

HOLDS, FAILS, OPEN, NOT_MEASURED = VERDICTS = ("holds", "does not hold", "inconclusive", "not measured")
MARGIN = 0.5  # points: "at least as accurate" means worse by less than this
COST_MARGIN = 0.01  # "no more multiply-adds" means at most this share more
CHEAPER = 2.0  # "much cheaper" means more than this many times less time
SCENARIOS = 50  # tasks x budgets of Table III
ENOUGH = 1.0  # points: a task that gains less from the largest budget needs no more network
LEVELS = 4  # budgets without which "saturates" means nothing: two first steps and two last ones that are not the same

# Numbers that stand in the paper's text only, with their place.
GAIN_OF_DROPOUT = 0.3  # points at 320 M, section 4.2
SINGLE_PATH, MULTI_PATH = 89.43, 88.73  # % at 277 M, section 4.2


@dataclass(frozen=True)
class Claim:
    """One claim of the paper, and what the records say about it.

    ``key`` stands for it in code, ``label`` names it in a few words, ``statement`` in a sentence; ``where`` it stands
    in the paper. ``paper`` and ``ours`` are the numbers of both sides as short text, ours with its interval and, after
    a semicolon, what it was measured on; ``detail`` tells more. ``rule`` says how ``verdict``, one of
    ``VERDICTS``, is computed. Claims about a difference of accuracies have an ``estimate`` in points, its
    ``margin`` (points, see :func:`verdict`), and ``paper_points`` where the paper gives that difference as a number.
    """

    key: str
    label: str
    statement: str
    where: str
    paper: str
    rule: str
    ours: str = ""
    verdict: str = NOT_MEASURED
    detail: str = ""
    estimate: Estimate | None = None
    margin: float = 0.0
    paper_points: float | None = None


def verdict(low: float, high: float, margin: float = 0.0) -> str:
    """What an interval says about a claim "above 0", or with a margin (same unit) "not worse than 0 by the margin".

    Whether the interval lies below 0 is asked first, so a shown deficit counts even if it is smaller than the margin;
    then whether it lies above ``-margin``.
    """
    if high < 0:
        return FAILS
    return HOLDS if low > -margin else OPEN


def judge(evidence: list[dict]) -> list[Claim]:
    """All claims in the paper's order; evidence that is damaged or mixed raises :class:`DataError` in one line.

    A claim whose records this profile does not make is "not measured", and ``ours`` says what is missing.
    """
    check(evidence)
    judged = []
    for claim, measure in _claims(_paper_data(evidence)):
        try:
            judged.append(replace(claim, **measure(evidence)))
        except _Missing as missing:
            judged.append(replace(claim, ours=str(missing)))
    return judged


def claims_table(claims: Sequence[Claim]) -> pd.DataFrame:
    """A row a claim: what it says in short, the paper's number and place, this run's, the verdict.

    No cell is longer than the 50 characters that pandas shows.
    """
    rows = []
    for claim in claims:
        value, _, counts = claim.ours.partition("; ")
        paper = {"claim": claim.label, "in the paper": claim.where, "paper": claim.paper}
        rows.append({**paper, "this run": value, "of": counts, "verdict": claim.verdict})
    columns = ["claim", "in the paper", "paper", "this run", "of", "verdict"]
    return pd.DataFrame(rows, columns=columns, index=pd.Index([claim.key for claim in claims], name="key"))


def details(claims: Sequence[Claim]) -> str:
    """All that claims hold, as Markdown: a paragraph and a list each, without headings."""
    blocks = []
    for claim in claims:
        lines = [f"**{claim.label[0].upper()}{claim.label[1:]}: {claim.verdict}.** {claim.statement}", ""]
        parts = {f"Paper ({claim.where})": claim.paper, "This run": claim.ours}
        parts |= {"Rule": claim.rule, "In detail": claim.detail}
        blocks.append("\n".join(lines + [f"- {name}: {text}" for name, text in parts.items() if text]))
    return "\n\n".join(blocks)


def summary(claims: Sequence[Claim]) -> str:
    """One Markdown sentence: how many claims got which verdict, and which."""
    words = {HOLDS: ("holds", "hold"), FAILS: ("does not hold", "do not hold")}
    words |= {OPEN: ("is inconclusive", "are inconclusive"), NOT_MEASURED: ("was not measured", "were not measured")}
    parts = []
    for name in VERDICTS:
        keys = [claim.key for claim in claims if claim.verdict == name]
        if keys:
            parts.append(f"**{len(keys)} {words[name][len(keys) > 1]}** ({', '.join(keys)})")
    text = f"Of {len(claims)} claims, {_and(parts)}." if parts else "No claims were judged."
    if any(claim.estimate and claim.estimate.seeds == 1 for claim in claims):
        text += " With one seed, the verdicts are about these trained networks: intervals cover the test images only."
    return text


# ---------------------------------------------------------------- the claims


class _Missing(Exception):
    """Records that this profile does not make."""


Measure = Callable[[list[dict]], dict]


def _claims(data: str) -> list[tuple[Claim, Measure]]:
    """Every claim with the paper's side filled in from its tables on ``data``, and what measures ours."""
    table = "Table I" if data == "ImageNet-10" else "Table II"
    eas, ofa_t, ofa_v = (tables.paper_table(data, method) for method in ("EAS", "OFA-T", "OFA-V"))
    accuracy, madds = "avg_acc_percent", "avg_madds_millions"
    by_task, from_eas = ofa_t[accuracy] - ofa_v[accuracy], eas[accuracy] - ofa_t[accuracy]
    cost = 100 * (eas[madds].mean() / ofa_t[madds].mean() - 1)
    best = tables.paper_table("ImageNet-10").iloc[2]  # the level that section 7 quotes
    times = tables.paper_search_times()
    hours = times["training_gpu_hours"]
    gains = [round(eas[name].iloc[-1] - eas[name].iloc[0], 1) for name in eas.columns if name.startswith("T-")]
    above = "lies above 0; does not hold if it lies below 0; else inconclusive."
    interval = "the 95 % interval of the paired difference of accuracies, averaged over budgets,"
    at_least = (
        f"Does not hold if {interval} lies below 0, which is asked first, so that a shown deficit counts however small "
        f"it is; else holds if it lies above -{MARGIN:g} points; else inconclusive."
    )
    at_no_more_cost = (
        f"Holds if {interval} lies above 0 and EAS's mean cost is at most {100 * COST_MARGIN:g} % above OFA-T's; above "
        "0 at a higher cost is inconclusive; does not hold if the interval lies below 0; else inconclusive."
    )
    seeds = "With several seeds it must be so in each; does not hold if it is so in none; else inconclusive."
    return [
        (
            Claim(
                key="ofa-t",
                label="OFA-T at least as accurate as OFA-V",
                statement="An architecture searched for each task (OFA-T) is at least as accurate as one for all tasks "
                "(OFA-V) on the same plain supernet.",
                where=f"section 4.1, {table}",
                paper=f"{by_task.mean():+.2f} points ({by_task.min():+.1f} to {by_task.max():+.1f} by level)",
                paper_points=float(by_task.mean()),
                rule=at_least,
                margin=MARGIN,
            ),
            _ofa,
        ),
        (
            Claim(
                key="eas",
                label="EAS more accurate than OFA-T",
                statement="EAS with its task-dropout supernet is more accurate than OFA-T with a plain one, at no more "
                "multiply-adds.",
                where=f"section 4.1, {table}",
                paper=f"{from_eas.mean():+.2f} points ({from_eas.min():+.1f} to {from_eas.max():+.1f}) "
                f"at {cost:+.1f} % MAdds",
                paper_points=float(from_eas.mean()),
                rule=at_no_more_cost,
            ),
            partial(_eas_and_ofa_t, q=0.0),
        ),
        (
            Claim(
                key="eas-same-supernet",
                label="EAS more accurate than OFA-T, same supernet",
                statement="On one and the same task-dropout supernet, EAS's generator finds more accurate networks "
                "than OFA-T's evolutionary search, at no more multiply-adds.",
                where="section 4.2, Figure IV",
                paper="above at every level (no number)",
                rule=at_no_more_cost,
            ),
            partial(_eas_and_ofa_t, q=None),
        ),
        (
            Claim(
                key="dropout",
                label="task dropout better than none",
                statement="Training the supernet with task dropout makes EAS more accurate than training it without.",
                where="section 4.2, Figure III",
                paper=f"{GAIN_OF_DROPOUT:+.1f} points at 320 M",
                paper_points=GAIN_OF_DROPOUT,
                rule=f"Holds if {interval} {above}",
            ),
            _dropout,
        ),
        (
            Claim(
                key="interior",
                label="an interior drop rate best",
                statement="With a rising drop rate q, accuracy first rises and then falls: neither end of the sweep is "
                "best.",
                where="section 7, Figure V",
                paper=f"best at q = 0.6: {best[accuracy]:.1f} % at {best[madds]:g} M",
                rule="Holds if the interior rate of highest mean accuracy beats both ends of the sweep: the intervals "
                "of both paired differences, averaged over budgets, lie above 0. Does not hold if that to the better "
                "end lies below 0. Else inconclusive. The intervals hold at 95 % for all interior rates together "
                "(Bonferroni), since the best of them was chosen on the test images; the number shown is the "
                "difference to the better end.",
            ),
            _interior,
        ),
        (
            Claim(
                key="target-only",
                label="target task only worse than no dropout",
                statement="Training each image on the classes of its own task only (q = 1) makes EAS less accurate "
                "than no dropout (q = 0).",
                where="section 4.2, Figure III",
                paper="q = 0 above q = 1 (no number)",
                rule=f"Holds if {interval} q = 0 minus q = 1, {above}",
            ),
            _target_only,
        ),
        (
            Claim(
                key="multi-path",
                label="single-path at least as accurate as multi-path",
                statement="The single-path generator finds networks at least as accurate as those of the multi-path "
                "generator on the same supernet.",
                where="section 4.2, Figure IV",
                paper=f"{SINGLE_PATH - MULTI_PATH:+.2f} points at 277 M ({SINGLE_PATH} and {MULTI_PATH} %)",
                paper_points=SINGLE_PATH - MULTI_PATH,
                rule=at_least,
                margin=MARGIN,
            ),
            _encodings,
        ),
        (
            Claim(
                key="cheaper",
                label="single-path much cheaper to train",
                statement="Training the single-path generator costs much less than training the multi-path one.",
                where="section 4.2, Table III",
                paper=f"{hours['Multi-path AG'] / hours['Single-path AG']:.1f}x less time "
                f"({hours['Single-path AG']:g} and {hours['Multi-path AG']:g} GPU hours)",
                rule=f"Holds if the multi-path generator trains more than {CHEAPER:g} times as long for a scenario (one "
                f"task's images once forward and backward). {seeds} Inconclusive too if the two were timed on different "
                "devices or numbers of threads. Totals and memory are reported, not judged: the numbers of steps are "
                "settings.",
            ),
            _training_cost,
        ),
        (
            Claim(
                key="time",
                label=f"{SCENARIOS} scenarios in less than {_limit():g} s",
                statement=f"Architectures for {SCENARIOS} scenarios are found in less than {_limit():g} s.",
                where="section 4.2, Table III",
                paper=f"{times['search_cpu_seconds']['Single-path AG']} s",
                rule="Holds if the generator's forward pass, sampling and enforcing the budgets together take less than "
                f"{_limit():g} s, scaled in proportion to {SCENARIOS} scenarios if another number was timed. {seeds}",
            ),
            _search_time,
        ),
        (
            Claim(
                key="similarity",
                label="architectures grow alike, then saturate",
                statement="The tasks' architectures become more alike as the budget grows, and later hardly any more.",
                where="section 7.1, Figure VI",
                paper="rises, then saturates (no number)",
                rule="Two 95 % intervals over seeds (Student's t): of the rise of the mean cosine similarity from the "
                "lowest to the highest budget, and of its slope over the first two steps minus that over the last two "
                "(per million of budget). Holds if both lie above 0; does not hold if one lies below 0; else "
                "inconclusive. One seed gives no such interval, since only another training tells how much "
                "similarities vary, and so is always inconclusive.",
            ),
            _similarity,
        ),
        (
            Claim(
                key="small-network",
                label="small networks suffice for easy tasks",
                statement="For some tasks a small network is enough: the largest budget adds nothing measurable.",
                where=f"section 4.1, {table}",
                paper=f"{sum(gain < ENOUGH for gain in gains)} of {len(gains)} tasks gain less than {ENOUGH:g} point",
                rule=f"A task needs no more network if the interval of its gain from the lowest to the highest budget "
                f"lies below {ENOUGH:g} point. Holds if at least one task is such; does not hold if all intervals lie "
                f"above {ENOUGH:g} point; else inconclusive. The intervals hold at 95 % for all tasks together "
                "(Bonferroni: each at 1 - 0.05 / number of tasks).",
            ),
            _easy_tasks,
        ),
    ]


def _limit() -> float:
    """Table III's "<0.1" as a number of seconds."""
    return float(tables.paper_search_times()["search_cpu_seconds"]["Single-path AG"].lstrip("<"))


def _paper_data(evidence: list[dict]) -> str:
    """The paper's data set to put beside the evidence, by its number of tasks."""
    found = records_of(evidence, "tested-EAS")
    return tables.paper_data(_tasks(found[0]) if found else ())


# ---------------------------------------------------------------- measuring


def _need(evidence: list[dict], stage: str, q: float | None = None) -> list[dict]:
    """The records of a stage, one a seed in order, of the profile's own supernet or that with drop rate ``q``."""
    found = records_of(evidence, stage, q)
    if not found:
        raise _Missing(f"no {stage} record" + ("" if q is None else f" for q = {q:g}"))
    return found


def _compared(ours: list[dict], others: list[dict], names: tuple[str, str], margin: float = 0.0) -> dict:
    budgets = compare.budgets_of(ours + others)
    whole = compare.difference(ours, others, budgets)
    levels = [f"{b:g} M {_interval(compare.difference(ours, others, [b]))}" for b in budgets]
    sides = [
        f"{name} {_mean_accuracy(records):.2f} % at {compare.cost(records, budgets):.4g} M"
        for name, records in zip(names, (ours, others), strict=True)
    ]
    return {
        "estimate": whole,
        "ours": _points(whole),
        "verdict": verdict(whole.low, whole.high, margin),
        "detail": f"On average over budgets: {sides[0]}, {sides[1]}. Difference by budget: {'; '.join(levels)}.",
    }


def _ofa(evidence: list[dict]) -> dict:
    plain = bool(records_of(evidence, "tested-OFA-T", 0.0))
    q = 0.0 if plain else None
    found = _compared(
        _need(evidence, "tested-OFA-T", q), _need(evidence, "tested-OFA-V", q), ("OFA-T", "OFA-V"), MARGIN
    )
    if not plain:
        found["detail"] += f" There is no plain supernet in this run: both on the one with q = {_own_rate(evidence):g}."
    return found


def _eas_and_ofa_t(evidence: list[dict], q: float | None) -> dict:
    ours, others = _need(evidence, "tested-EAS"), _need(evidence, "tested-OFA-T", q)
    found = _compared(ours, others, ("EAS", "OFA-T"))
    budgets = compare.budgets_of(ours)
    ratio = compare.cost(ours, budgets) / compare.cost(others, budgets)
    found["ours"] = found["ours"].replace(";", f" at {100 * (ratio - 1):+.1f} % MAdds;")
    if found["verdict"] == HOLDS and ratio > 1 + COST_MARGIN:
        found["verdict"] = OPEN
        found["detail"] += " EAS is more accurate, but its networks cost more: not the comparison the claim is about."
    return found


def _dropout(evidence: list[dict]) -> dict:
    own = _own_rate(evidence)
    if own == 0:
        raise _Missing("the profile's own drop rate is 0")
    return _compared(_need(evidence, "tested-EAS"), _need(evidence, "tested-EAS", 0.0), (f"q = {own:g}", "q = 0"))


def _target_only(evidence: list[dict]) -> dict:
    return _compared(
        _need(evidence, "tested-EAS", 0.0), _need(evidence, "tested-EAS", 1.0), ("q = 0 (no dropout)", "q = 1 (target)")
    )


def _encodings(evidence: list[dict]) -> dict:
    ours, others = _need(evidence, "tested-EAS"), _need(evidence, "tested-multi-path")
    found = _compared(ours, others, ("single-path", "multi-path"), MARGIN)
    better = verdict(found["estimate"].low, found["estimate"].high)
    found["detail"] += f" The paper's stronger wording, that single-path is better: {better}."
    return found


def _interior(evidence: list[dict]) -> dict:
    """Numbers of the best interior drop rate against both ends of the sweep."""
    rates = rates_of(evidence)
    if len(rates) < 3:
        raise _Missing(f"needs three drop rates, there are {len(rates)}")
    records = {q: _need(evidence, "tested-EAS", q) for q in rates}
    budgets = compare.budgets_of([record for found in records.values() for record in found])
    means = {q: _mean_accuracy(records[q]) for q in rates}
    best = max(rates[1:-1], key=means.get)
    confidence = 1 - 0.05 / len(rates[1:-1])
    ends = {
        q: compare.difference(records[best], records[q], budgets, confidence=confidence) for q in (rates[0], rates[-1])
    }
    better = min(ends, key=lambda q: ends[q].mean)
    versus = "; ".join(f"against q = {q:g} {_interval(gap)}" for q, gap in ends.items())
    return {
        "estimate": ends[better],
        "ours": f"q = {best:g} over {better:g}: {_points(ends[better])}",
        "verdict": verdict(min(gap.low for gap in ends.values()), ends[better].high),
        "detail": f"Mean accuracy by drop rate: {', '.join(f'q = {q:g} {means[q]:.2f} %' for q in rates)}. "
        f"The best interior rate, q = {best:g}: {versus}.",
    }


def _training_cost(evidence: list[dict]) -> dict:
    single, multi = _need(evidence, "generator"), _need(evidence, "multi_path")
    ratios = [
        _per_scenario(theirs, "multi_path") / _per_scenario(own, "generator")
        for own, theirs in zip(single, multi, strict=True)
    ]
    result = verdict(min(ratios) - CHEAPER, max(ratios) - CHEAPER)
    detail = (
        f"By seed: {_cost_of_training(single, 'generator')} for single-path, "
        f"{_cost_of_training(multi, 'multi_path')} for multi-path. The numbers of steps and scenarios are settings, "
        "and all scenarios of a step are in memory together. On a CPU memory is the rise of the whole process's, which "
        "memory already held can hide."
    )
    devices = [{_device(record) for record in pair} for pair in zip(single, multi, strict=True)]
    if any(len(pair) > 1 for pair in devices):
        result = OPEN
        detail += f" The two were timed on different devices ({' and '.join(sorted(set.union(*devices)))})."
    between = f" ({min(ratios):.1f}x to {max(ratios):.1f}x)" if len(ratios) > 1 else ""
    return {
        "ours": f"{stats.gmean(ratios):.1f}x less time a scenario{between}; {_count(single, 'seed')}",
        "verdict": result,
        "detail": detail,
    }


def _per_scenario(record: dict, section: str) -> float:
    """Seconds of training by steps and scenarios a step."""
    scenarios = record["settings"][section]["scenarios_per_step"]
    return record["seconds"] / (record["result"]["curve"][-1]["step"] * scenarios)


def _cost_of_training(records: list[dict], section: str) -> str:
    steps, scenarios = records[0]["result"]["curve"][-1]["step"], records[0]["settings"][section]["scenarios_per_step"]
    each = ", ".join(f"{1000 * _per_scenario(record, section):.3g}" for record in records)
    total = ", ".join(f"{record['seconds']:.3g}" for record in records)
    memory = ", ".join(f"{record['result']['peak_memory_bytes'] / 1e6:.3g}" for record in records)
    return f"{each} ms a scenario, {total} s for {steps} steps of {scenarios}, peak memory {memory} MB"


def _device(record: dict) -> str:
    return f"{record['provenance']['device']}, {record['provenance']['threads']} thread(s)"


def _search_time(evidence: list[dict]) -> dict:
    found = _need(evidence, "specialized")
    timed = [record["result"]["search_seconds"] for record in found]
    scale = [SCENARIOS / times["scenarios"] for times in timed]
    whole = [factor * times["with_sampling"] for factor, times in zip(scale, timed, strict=True)]
    forward = [factor * times["forward"] for factor, times in zip(scale, timed, strict=True)]
    counts = sorted({times["scenarios"] for times in timed})
    scaled = "" if counts == [SCENARIOS] else f", scaled from {_and([str(count) for count in counts])} scenarios"
    devices = dict.fromkeys(_device(record) for record in found)
    return {
        "ours": f"{_span(whole, '.3g')} s{scaled}; {_count(found, 'seed')}",
        "verdict": verdict(_limit() - max(whole), _limit() - min(whole)),
        "detail": f"The forward pass alone takes {_span(forward, '.2g')} s. Medians of repeated runs on "
        f"{' and '.join(devices)}. Choosing among the candidates on the validation split comes on top.",
    }


def _similarity(evidence: list[dict]) -> dict:
    found = _need(evidence, "specialized")
    budgets = compare.budgets_of(found)
    if len(budgets) < LEVELS or len(_tasks(found[0])) < 2:
        raise _Missing(f"needs two tasks and {LEVELS} budgets")
    curves = np.array([tables.architecture_similarity(record)["mean similarity"] for record in found])
    first, last = ((curves[:, b] - curves[:, a]) / (budgets[b] - budgets[a]) for a, b in ((0, 2), (-3, -1)))
    rise, flattening = _over_seeds(curves[:, -1] - curves[:, 0]), _over_seeds(first - last)
    parts = {verdict(rise.low, rise.high), verdict(flattening.low, flattening.high)}
    mean = curves.mean(0)
    levels = ", ".join(f"{value:.3f} at {budget:g} M" for budget, value in zip(budgets, mean, strict=True))
    between = f" ({rise.low:+.3f} to {rise.high:+.3f})" if len(found) > 1 else ""
    slopes = f" ({flattening.low:+.3f} to {flattening.high:+.3f})" if len(found) > 1 else ""
    return {
        "ours": f"{mean[0]:.2f} to {mean[-1]:.2f}: {rise.mean:+.3f}{between}; {_count(found, 'seed')}",
        "verdict": next(name for name in (FAILS, OPEN, HOLDS) if name in parts),
        "detail": f"Mean similarity {levels}, over all pairs of {len(_tasks(found[0]))} tasks. Slope per million of "
        f"budget: {first.mean():+.3f} over the first two steps, {last.mean():+.3f} over the last two, difference "
        f"{flattening.mean:+.3f}{slopes}.",
    }


class _Interval(NamedTuple):
    mean: float
    low: float
    high: float


def _over_seeds(values: np.ndarray) -> _Interval:
    """Mean of one value a seed and its 95 % interval by Student's t, endless for a single seed."""
    mean, count = float(values.mean()), len(values)
    half = float(stats.t.ppf(0.975, count - 1) * values.std(ddof=1) / math.sqrt(count)) if count > 1 else math.inf
    return _Interval(mean, mean - half, mean + half)


def _easy_tasks(evidence: list[dict]) -> dict:
    found = _need(evidence, "tested-EAS")
    budgets, names = compare.budgets_of(found), _tasks(found[0])
    if len(budgets) < 2:
        raise _Missing("needs two budgets")
    confidence = 1 - 0.05 / len(names)
    gains = {name: compare.change(found, budgets[0], budgets[-1], name, confidence) for name in names}
    easy = [name for name, gain in gains.items() if gain.high < ENOUGH]
    listed = "; ".join(f"{_readable(name)} {_interval(gain)}" for name, gain in gains.items())
    counts = sorted({gain.n for gain in gains.values()})
    n = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    return {
        "ours": f"{len(easy)} of {_count(names, 'task')} shown to gain less than {ENOUGH:g} point; n = {n} a task, "
        f"{_count(found, 'seed')}",
        "verdict": verdict(
            max(ENOUGH - gain.high for gain in gains.values()), max(ENOUGH - gain.low for gain in gains.values())
        ),
        "detail": f"Gain from {budgets[0]:g} M to {budgets[-1]:g} M in points, with simultaneous intervals: {listed}. "
        f"Below {ENOUGH:g} point as measured: {sum(gain.mean < ENOUGH for gain in gains.values())}; with the whole "
        f"interval: {_and(list(map(_readable, easy))) if easy else 'none'}.",
    }


def _own_rate(evidence: list[dict]) -> float:
    return evidence[0]["variants"][evidence[0]["main"]]["q"]


def _tasks(record: dict) -> list[str]:
    return list(dict.fromkeys(row["task"] for row in record["result"]["rows"]))


def _mean_accuracy(records: list[dict]) -> float:
    return float(np.mean([compare.accuracy(records, budget).mean for budget in compare.budgets_of(records)]))


# ---------------------------------------------------------------- words


def _interval(value: Estimate) -> str:
    return f"{value.mean:+.2f} ({value.low:+.2f} to {value.high:+.2f})"


def _points(value: Estimate) -> str:
    seeds = f"{value.seeds} seed{'s' if value.seeds > 1 else ''}"
    return f"{value.mean:+.2f} points ({value.low:+.2f} to {value.high:+.2f}); n = {value.n:,}, {seeds}"


def _span(values: list[float], form: str) -> str:
    low, high = f"{min(values):{form}}", f"{max(values):{form}}"
    return low if low == high else f"{low} to {high}"


def _count(items: Sequence, name: str) -> str:
    return f"{len(items)} {name}{'' if len(items) == 1 else 's'}"


def _and(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _readable(name: str) -> str:
    return name.replace("_", " ")
