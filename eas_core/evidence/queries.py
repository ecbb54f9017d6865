"""Questions to records: which there are, and what numbers they hold. Dicts in, plain values out.

A *record* is the dict that a stage leaves (:mod:`eas_core.base.records`); *evidence* is a list with one dict a seed, as
:func:`eas_core.runs.jobs.collect` makes it. Budgets and costs are in millions of multiply-adds.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import numpy as np
from torch.nn.functional import normalize

from eas_core.base.errors import DataError
from eas_core.data.tasks import TaskSet
from eas_core.search.evaluate import wilson
from eas_core.space.search_space import Architecture, one_hot

# ---------------------------------------------------------------- evidence: which records there are


def one_profile(evidence: list[dict]) -> None:
    """Evidence of no seed, of several profiles or with a seed twice raises :class:`DataError` in one line."""
    if not evidence:
        raise DataError("evidence: none given, at least one seed is needed")
    for key in ("profile", "main"):
        names = list(dict.fromkeys(entry[key] for entry in evidence))
        if len(names) > 1:
            raise DataError(f"evidence: of different profiles, {key} is {' and '.join(names)}")
    seeds = [entry["seed"] for entry in evidence]
    if len(set(seeds)) < len(seeds):
        raise DataError(f"evidence: seeds {', '.join(map(str, seeds))} are not all different")


def main_variant(entry: dict) -> dict:
    """The profile's own variant of one seed's evidence: its ``q``, its ``reading`` of Eq. (A), its ``records``."""
    variant: dict = entry["variants"][entry["main"]]
    return variant


def records_of(evidence: list[dict], stage: str, q: float | None = None, reading: str | None = None) -> list[dict]:
    """The records of one stage, one a seed; an empty list if this profile does not have them.

    They belong to the supernet with drop rate ``q`` and ``reading`` of Eq. (A), by default those of the profile itself.
    """
    one_profile(evidence)
    found = []
    for entry in evidence:
        own = main_variant(entry)
        wanted = (own["q"] if q is None else q, own["reading"] if reading is None else reading)
        for variant in entry["variants"].values():
            if (variant["q"], variant["reading"]) == wanted and stage in variant["records"]:
                found.append(variant["records"][stage])
    if found and len(found) < len(evidence):
        raise DataError(f"evidence: only {len(found)} of {len(evidence)} seeds have {stage} of the supernet {wanted}")
    return found


def having(evidence: list[dict], rates: Iterable[float] = (), readings: Iterable[str] = ()) -> list[dict]:
    """The seeds with a supernet of each of these drop rates (profile's own reading) and readings (own drop rate).

    A release may have variants for some of its seeds only. Methods are compared seed by seed, so what is compared must be
    of the same seeds: those that have all of it. What no seed has is not asked for; if every seed lacks something, none
    is left.

    >>> own = {"q": 0.6, "reading": "exclude", "records": {}}
    >>> one, two = ({"seed": s, "profile": "demo", "main": "q=0.6", "variants": {"q=0.6": own}} for s in (1, 2))
    >>> two = {**two, "variants": {**two["variants"], "q=0": {**own, "q": 0.0}}}
    >>> [entry["seed"] for entry in having([one, two], rates=[0.0])], len(having([one, two], rates=[1.0]))
    ([2], 2)
    """
    one_profile(evidence)
    made = [{(variant["q"], variant["reading"]) for variant in entry["variants"].values()} for entry in evidence]
    own = main_variant(evidence[0])
    asked = {(q, own["reading"]) for q in rates} | {(own["q"], reading) for reading in readings}
    wanted = {variant for variant in asked if any(variant in there for there in made)}
    return [entry for entry, there in zip(evidence, made, strict=True) if wanted <= there]


def rates_of(evidence: list[dict]) -> list[float]:
    """The drop rates q of which EAS was tested in any seed, ascending, the profile's own among them."""
    one_profile(evidence)
    rates = {variant["q"] for entry in evidence for variant in entry["variants"].values()}
    return [q for q in sorted(rates) if records_of(having(evidence, [q]), "tested-EAS", q)]


def other_readings(evidence: list[dict]) -> list[str]:
    """The readings of Eq. (A) besides the profile's own, under which any seed's same architectures were tested."""
    one_profile(evidence)
    readings = dict.fromkeys(variant["reading"] for entry in evidence for variant in entry["variants"].values())
    return [r for r in readings if records_of(having(evidence, readings=[r]), "tested-same", reading=r)]


# ---------------------------------------------------------------- rows of one record, a task and a budget each


def tasks_of(record: dict) -> list[str]:
    """The names of the tasks in a record's rows, in their order."""
    return list(dict.fromkeys(row["task"] for row in record["result"]["rows"]))


def budgets_of(record: dict) -> list[float]:
    """The budget levels of one record's rows, ascending."""
    return sorted({row["budget"] for row in record["result"]["rows"]})


def common_budgets(records: list[dict]) -> list[float]:
    """The budget levels that all records have, ascending; records with different ones raise :class:`DataError`."""
    levels = [budgets_of(record) for record in records]
    if any(level != levels[0] for level in levels):
        raise DataError(f"records: budgets {levels[0]} and {next(x for x in levels if x != levels[0])} are mixed")
    return levels[0]


def level(record: dict, budget: float, tasks: TaskSet | None = None) -> list[dict]:
    """The rows of one budget, in the order of ``tasks`` if given."""
    rows = [row for row in record["result"]["rows"] if row["budget"] == budget]
    return rows if tasks is None else sorted(rows, key=lambda row: tasks.names.index(row["task"]))


def chance(tasks: TaskSet) -> float:
    """Mean task accuracy of guessing, a fraction."""
    return float(np.mean([1 / len(group) for group in tasks.classes]))


def mean_over_tasks(rows: list[dict]) -> dict:
    """Mean cost (millions) of scored rows, accuracy averaged over tasks (%), its 95 % interval (%), n.

    The interval is Wilson's for all n test images together.
    """
    n = sum(row["n"] for row in rows)
    interval = wilson(round(sum(row["accuracy"] * row["n"] for row in rows)), n)
    return {
        "madds": float(np.mean([row["madds"] for row in rows])),
        "accuracy": float(100 * np.mean([row["accuracy"] for row in rows])),
        "interval": [100 * edge for edge in interval],
        "n": n,
    }


def level_summaries(record: dict) -> list[dict]:
    """:func:`mean_over_tasks` of a results record by ``budget``."""
    return [{"budget": budget, **mean_over_tasks(level(record, budget))} for budget in budgets_of(record)]


def comparisons(record: dict) -> list[dict]:
    """The budgets of a results record at which random architectures were evaluated."""
    return [row for row in record["result"]["comparisons"] if "difference" in row]


def picked_comparisons(record: dict) -> list[dict]:
    """The budgets at which random architectures were also chosen a task on the validation split, as EAS's are."""
    return [{**row["picked"], "budget": row["budget"]} for row in comparisons(record) if "picked" in row]


def task_similarities(record: dict, budget: float) -> list[float]:
    """Cosine similarity of the one-hot encodings of every two tasks' architectures at one budget (Figure VI)."""
    architectures = [Architecture.from_dict(row["architecture"]) for row in level(record, budget)]
    code = normalize(one_hot(architectures).double())
    return [float(code[a] @ code[b]) for a, b in combinations(range(len(architectures)), 2)]


# ---------------------------------------------------------------- settings


def flat_settings(record: dict) -> dict[str, str]:
    """Every setting of a record as ``section.key`` and text, stages of progressive shrinking as one line each.

    ``data.path`` is left out: where photographs lie is no setting.
    """
    found: dict[str, str] = {}

    def flatten(value: object, key: str) -> None:
        if isinstance(value, dict):
            for name, entry in value.items():
                flatten(entry, f"{key}.{name}" if key else name)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for number, entry in enumerate(value, 1):
                found[f"{key}[{number}]"] = ", ".join(f"{name} {item}" for name, item in entry.items())
        else:
            found[key] = str(value)

    flatten(record["settings"], "")
    found.pop("data.path", None)
    return found
