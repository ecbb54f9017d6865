"""What a record says, in words: pure functions, records in, one Markdown paragraph out.

The book's prose holds no number that a run decides. These sentences do, and they say so when a claim does not hold.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from eas_core.data.tasks import TaskSet
from eas_core.evidence import compare
from eas_core.evidence.paper import ACCURACY, PAPER_DATA, paper_search_times, paper_table
from eas_core.evidence.queries import (
    budgets_of,
    common_budgets,
    comparisons,
    having,
    level_summaries,
    main_variant,
    other_readings,
    picked_comparisons,
    records_of,
)
from eas_core.evidence.words import counted, readable
from eas_core.show.architecture_tables import architecture_growth, architecture_similarity, budget_table
from eas_core.show.result_tables import largest_smallest_table


def _budgets(values: list[float]) -> str:
    return ", ".join(f"{value:g}" for value in values) + " M"


def mixed(evidence: list[dict]) -> str:
    """:func:`mixed_records` of all records of an evidence, every seed's and every variant's."""
    variants = [variant for entry in evidence for variant in entry["variants"].values()]
    return mixed_records([record for variant in variants for record in variant["records"].values()])


def mixed_records(records: list[dict]) -> str:
    """A warning, one line, if records that are shown as one experiment were not made by the same code; else nothing.

    What counts are the versions of their stages (:mod:`eas_core.settings.stages`). Records from before there were any are told
    apart by the state of the code, which each of them names.
    """
    made = [record["provenance"] for record in records]
    known = [entry["stages"] for entry in made if entry.get("stages")]
    codes = {entry.get("code", "unknown") for entry in made if not entry.get("stages")}
    found: dict[str, set[int]] = {}
    for versions in known:
        for stage, version in versions.items():
            found.setdefault(stage, set()).add(version)
    differing = {stage: sorted(numbers) for stage, numbers in found.items() if len(numbers) > 1}
    if differing:
        listed = ", ".join(f"{stage} {' and '.join(map(str, numbers))}" for stage, numbers in differing.items())
        reason = f"come from different versions of the code: {listed}"
    elif known and codes:
        reason = f"come from several states of the code: {len(made) - len(known)} do not say which versions they are of"
    elif len(codes) > 1:
        reason = f"come from {len(codes)} states of the code ({', '.join(sorted(codes))}) and say no versions"
    else:
        return ""
    return f"**Mixed:** these {len(made)} records {reason}. What differs between them may be due to that."


def search_time(record: dict) -> str:
    """Time of the search for all scenarios, from a specialised record, beside Table III's."""
    seconds = record["result"]["search_seconds"]
    paper = paper_search_times()["search_cpu_seconds"]
    return (
        f"For all {seconds['scenarios']} scenarios together, the generator's forward pass takes "
        f"**{1000 * seconds['forward']:.1f} ms**, and **{1000 * seconds['with_sampling']:.1f} ms** with sampling and "
        f"enforcing the budgets (medians, on {record['provenance']['device']}, {record['provenance']['threads']} "
        f"threads). Table III of the paper gives {paper['Single-path AG']} s for 50 scenarios with its generator and "
        f"{paper['OFA-T']} s with evolutionary search. Scoring the candidates on the validation split comes on top; "
        f"the whole stage took {record['seconds']:.0f} s here."
    )


def budgets_kept(record: dict) -> str:
    """Whether every network is within its budget and the mean over tasks within 5 % below it."""
    table = budget_table(record)
    above, networks, derived = (int(table[name].sum()) for name in ("above budget", "networks", "derived"))
    kept = f"**{above} of {networks} networks exceed their budget**" if above else "**Every network keeps its budget**"
    far = [budget for budget, share in table["mean % of budget"].items() if share < 95]
    near = (
        f"the mean cost over tasks lies within 5 % below the budget at all {len(table)} levels"
        if not far
        else f"but the mean cost lies more than 5 % below the budget at {_budgets(far)}"
    )
    count = "No architecture" if not derived else f"{derived} of {networks} architectures"
    return f"{kept} ({networks} networks), and {near}. {count} had to be derived because no sample fitted."


def paired_short(record: dict) -> str:
    """At how many budgets EAS beats random architectures of equal cost, in one sentence."""
    rows = comparisons(record)
    if not rows:
        return "Nothing to compare: this run evaluated no random architectures (`evaluation.random_architectures: 0`)."
    above, below = _clear_of_zero(rows)
    return (
        f"Against {rows[0]['others']} random architectures of equal cost, the 95 % interval of the paired difference "
        f"lies above zero at **{len(above)} of {len(rows)} budgets**{f' ({_budgets(above)})' if above else ''}"
        f"{f', and below zero at {len(below)} ({_budgets(below)})' if below else ''}."
    )


def paired(record: dict) -> str:
    """:func:`paired_short`, the size of the difference, and what may explain budgets where it is not above zero."""
    text, rows = paired_short(record), comparisons(record)
    if not rows:
        return text
    half = 100 * float(np.mean([(row["interval"][1] - row["interval"][0]) / 2 for row in rows]))
    mean = 100 * float(np.mean([row["difference"] for row in rows]))
    text += f" The difference averages {mean:+.2f} points over budgets; intervals reach {half:.2f} points either way."
    missed = sum(row["interval"][0] <= 0 for row in rows)
    if not missed:
        return text
    where = "At no budget is EAS shown" if missed == len(rows) else "At the other budgets EAS is not shown"
    text += f" {where} to be better than picking at random."
    spread = record["result"].get("spread")
    if spread:
        deviation = 100 * spread["deviation"]
        text += (
            f" Why that may be: architectures of one cost (about {spread['madds']:.3g} M) have accuracies with a "
            f"standard deviation of {deviation:.2f} points, while {rows[0]['n']:,} test images and {rows[0]['others']} "
            f"random architectures resolve differences of about {half:.2f} points. "
        )
        text += (
            "Even a search whose choices are one standard deviation better than average would go unnoticed."
            if deviation < half
            else "A search whose choices are one standard deviation better than average would be noticed, so there "
            "this generator's choices are not that good."
        )
    return text


def picked(record: dict) -> str:
    """What of the difference is due to the generator, and what to choosing on validation images."""
    rows = picked_comparisons(record)
    if not rows:
        return "This record does not tell what choosing on validation images brings to random architectures."
    plain = {row["budget"]: row["difference"] for row in comparisons(record)}
    above, below = _clear_of_zero(rows)
    mean = 100 * float(np.mean([row["difference"] for row in rows]))
    chosen = 100 * float(np.mean([plain[row["budget"]] - row["difference"] for row in rows]))
    return (
        f"Let the validation split choose one of {rows[0]['tried']} random architectures for each task, and their "
        f"accuracy changes by {chosen:+.2f} points on average. Against these, EAS's difference "
        f"averages {mean:+.2f} points; its interval lies above zero at "
        f"**{len(above)} of {len(rows)} budgets**{f' ({_budgets(above)})' if above else ''}"
        f"{f' and below zero at {len(below)} ({_budgets(below)})' if below else ''}. "
        + (
            "So the generator itself brings something there."
            if len(above) > 1
            else "**What EAS gains over picking at random, if anything, is not shown to come from the generator**"
            + (": among several intervals, one may lie above zero by chance." if above else ".")
        )
    )


def _clear_of_zero(rows: list[dict]) -> tuple[list[float], list[float]]:
    """The budgets whose interval lies above zero, and those whose interval lies below."""
    above = [row["budget"] for row in rows if row["interval"][0] > 0]
    return above, [row["budget"] for row in rows if row["interval"][1] < 0]


def spread_short(record: dict) -> str:
    """Whether architectures of equal cost differ by at least twice the sampling error, in one sentence."""
    result = record["result"].get("spread")
    if not result:
        return "This run evaluated no architectures of equal cost (`evaluation.spread_architectures` is below 2)."
    deviation, error = 100 * result["deviation"], 100 * result["sampling_error"]
    ratio = deviation / error if error else math.inf
    verdict = "so there is something to find"
    if ratio < 2:
        verdict = "**less than twice as much: a search has little to find here**"
    return (
        f"The accuracies of {len(result['accuracy'])} random architectures of about {result['madds']:.3g} M have a "
        f"standard deviation of **{deviation:.2f} points**, {ratio:.1f} times the sampling error of one accuracy on "
        f"{result['n']:,} images ({error:.2f} points), {verdict}."
    )


def spread(record: dict) -> str:
    """:func:`spread_short`, the range of the accuracies, and the deviation with the sampling error taken out."""
    result = record["result"].get("spread")
    if not result:
        return spread_short(record)
    own = 100 * math.sqrt(max(0.0, result["deviation"] ** 2 - result["sampling_error"] ** 2))
    low, high = 100 * min(result["accuracy"]), 100 * max(result["accuracy"])
    return (
        f"{spread_short(record)} They reach {low:.1f} to {high:.1f} %. With the sampling error taken out, about "
        f"{own:.2f} points are left as the difference between architectures; as all of them see the same images, that "
        "is a cautious figure."
    )


def losing_tasks(record: dict, tasks: TaskSet, points: float = 5.0) -> str:
    """Which tasks lose at least ``points`` from the largest to the smallest budget."""
    lost = largest_smallest_table(record, tasks)["lost"].drop("mean over tasks")
    losing = lost[lost >= points].sort_values(ascending=False)
    budgets = budgets_of(record)
    names = ", ".join(f"{readable(name)} ({value:.1f})" for name, value in losing.items())
    span = f"from {budgets[-1]:g} M to {budgets[0]:g} M"
    if losing.empty:
        most = readable(lost.idxmax())
        return f"**No task loses {points:g} points or more** {span}; the most is {lost.max():.1f} points ({most})."
    least = lost.idxmin()
    return (
        f"**{len(losing)} of {len(lost)} tasks lose {points:g} points or more** {span}: {names}. "
        f"The least is lost by {readable(least)} ({lost[least]:.1f}), for which a small network is enough."
    )


def similarity(record: dict, references: pd.DataFrame | None = None) -> str:
    """Whether the tasks' architectures become more alike with the budget (Figure VI), and how alike chance makes them.

    Without ``references`` (:func:`eas_core.show.architecture_tables.similarity_references`) it does not say whether tasks were told apart.
    """
    table = architecture_similarity(record)
    mean = table["mean similarity"]
    low = mean.iloc[0]
    alike = ", **the tasks' architectures are practically the same**" if low >= 0.999 else ""
    rises = int((mean.diff().dropna() > 0).sum())
    if mean.iloc[-1] <= low:
        claim = "**unlike the paper's Figure VI**, where it grows"
    elif 2 * rises <= len(mean) - 1:
        claim = "higher as in the paper's Figure VI, but **without a steady rise**"
    else:
        claim = "higher as in the paper's Figure VI"
    text = (
        f"At the lowest budget the mean similarity between tasks is **{low:.3f}**{alike}. From the lowest to the highest "
        f"budget it goes to {mean.iloc[-1]:.3f}, {claim}; it rises at {rises} of {len(mean) - 1} steps. "
    )
    if references is None:
        return text + "Whether tasks were told apart, these numbers alone do not say."
    more = int((mean > references["random pairs"]).sum())
    text += (
        f"At **{more} of {len(mean)}** budgets the tasks' architectures are more alike than random ones of equal cost. "
    )
    apart = 1 - references[["draws of one task", "draws of two tasks"]].dropna()
    if apart.empty or not apart["draws of two tasks"].mean() > 0:
        return text + "Two draws of one task cannot be compared here."
    one, two = apart["draws of one task"].mean(), apart["draws of two tasks"].mean()
    share = one / two
    if share >= 0.9:
        reading = "so **little of the difference between tasks is the tasks' doing**"
    elif share >= 0.5:
        reading = "so **most of the difference between tasks is chance in sampling**"
    else:
        reading = "so **most of the difference between tasks is the tasks' doing**"
    return (
        text + f"Two draws of one task differ by {one:.3f} (1 - similarity, mean over budgets), draws of two tasks by "
        f"{two:.3f}: the first is **{100 * share:.0f} %** of the second, {reading}."
    )


def growth(record: dict) -> str:
    """Whether architectures grow with the budget, and in which of their three dimensions."""
    table = architecture_growth(record)
    parts = []
    for column, name in (("blocks", "number of blocks"), ("ratio", "expansion ratio"), ("kernel", "kernel size")):
        first, last = table[column].iloc[0], table[column].iloc[-1]
        verb = "grows" if last > first else "**does not grow**"
        parts.append(f"the mean {name} {verb} ({first:.2f} to {last:.2f})")
    costs = table["MAdds (M)"]
    grow = "grow" if (costs.diff().dropna() > 0).all() else "**do not always grow**"
    return f"Networks {grow} with the budget: from the lowest to the highest, {'; '.join(parts)}."


def paper_resolution(data: str = "ImageNet-10") -> str:
    """What the paper's own number of test images resolves, beside the differences it reports."""
    ours, theirs = paper_table(data, "EAS"), paper_table(data, "OFA-T")
    gains = ours[ACCURACY] - theirs[ACCURACY]
    n = PAPER_DATA[data].test_images
    p = ours[ACCURACY].mean() / 100
    error = 100 * math.sqrt(p * (1 - p) / n)
    return (
        f"In the paper EAS is {gains.min():.1f} to {gains.max():.1f} points above OFA-T on {data}. An average of "
        f"{100 * p:.1f} % on {n:,} test images has a sampling error of {error:.2f} points, a difference of two such "
        f"averages {math.sqrt(2) * error:.2f} if they were independent (a 95 % interval of ± "
        f"{1.96 * math.sqrt(2) * error:.1f}); on the same images it is smaller, by how much the paper does not say. "
        "All four levels point the same way, but they share one supernet and one set of images."
    )


def headline(record: dict, chance: float) -> str:
    """Mean task accuracy of the smallest, the specialised and the largest networks, against guessing (a fraction)."""
    result, levels = record["result"], level_summaries(record)
    parts = [f"{own['accuracy']:.1f} % at {own['budget']:g} M" for own in levels]
    small, large = (
        f"{100 * result[name]['accuracy']:.1f} %** ({100 * result[name]['interval'][0]:.1f}-"
        f"{100 * result[name]['interval'][1]:.1f}, {result[name]['madds']:.3g} M)"
        for name in ("smallest", "largest")
    )
    edges = [100 * result["smallest"]["interval"][0], 100 * result["largest"]["interval"][0]]
    worst = min(edges + [own["interval"][0] for own in levels])
    verdict = "All intervals lie above" if worst > 100 * chance else "**Not all intervals lie above**"
    return (
        f"On {result['largest']['n']:,} test images, mean task accuracy is **{small} for the smallest network, "
        f"**{large} for the largest, and for specialised networks {', '.join(parts)}. {verdict} the "
        f"{100 * chance:.1f} % of guessing."
    )


# ---------------------------------------------------------------- several records: baselines, ablations, claims


def task_legend(tasks: TaskSet) -> str:
    """Which task T-1, T-2, ... is."""
    return ", ".join(f"T-{t} {readable(name)}" for t, name in enumerate(tasks.names, 1)) + "."


def predictor(record: dict, tasks: TaskSet) -> str:
    """How well the accuracy predictor ranks held-out architectures, and what that means for the search."""
    held = record["result"]["held_out"]
    by_task = [own["spearman"] or 0.0 for own in held["tasks"]]  # None: all predictions alike, no order at all
    worst, best = (pick(range(len(by_task)), key=by_task.__getitem__) for pick in (min, max))
    mean = held["mean"]["spearman"] or 0.0
    verdict = "good enough to tell good from bad, not the best from the good" if mean > 0.7 else "**a weak guide**"
    if mean > 0.9:
        verdict = "a good guide"
    return (
        f"Trained on {record['result']['trained_on']} pairs, tested on {held['n']} others: Spearman's ρ is "
        f"**{mean:.2f}** for the mean over tasks, {verdict}. For single tasks, whose accuracies are measured on fewer "
        f"images, it goes from {by_task[worst]:.2f} ({readable(tasks.names[worst])}) to {by_task[best]:.2f} "
        f"({readable(tasks.names[best])}). Most of it is the difference between cheap and expensive "
        "architectures; within a budget, ranking is harder."
    )


def readings(evidence: list[dict]) -> str:
    """Eq. (A) to the letter against the other reading: the mean difference over budgets on the same architectures."""
    others = other_readings(evidence)
    if not others:
        return "There is no supernet with the other reading (`ablation.readings`)."
    own, other = main_variant(evidence[0])["reading"], others[0]
    evidence = having(evidence, readings=[other])
    base = records_of(evidence, "tested-EAS")
    d = compare.difference(records_of(evidence, "tested-same", reading=other), base, common_budgets(base))
    sign = "**inconclusive**: the interval contains zero"
    if d.low > 0 or d.high < 0:
        sign = f"the reading `{other if d.low > 0 else own}` is better here"
    return (
        f"`{other}` minus `{own}`, averaged over budgets: **{d.mean:+.2f} points** "
        f"[{d.low:+.2f}, {d.high:+.2f}] ({d.n:,} test images, {counted(d.seeds, 'seed')}), {sign}."
    )
