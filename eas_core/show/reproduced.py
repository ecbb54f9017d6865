"""A table, figure or claim with the numbers that were expected beside those obtained (``eas reproduce``).

Numbers are taken from one seed at a time (:mod:`eas_core.show.items`). Of a published release that gives a mean and a spread
over seeds, so that numbers of other seeds can be told to be as expected, or not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.special import stdtrit

from eas_core.base import files
from eas_core.base.errors import DataError
from eas_core.data.tasks import TaskSet
from eas_core.evidence import queries
from eas_core.evidence.verdicts import Missing
from eas_core.runs import releases, releases_files
from eas_core.show.items import Item, Numbers


def numbers_by_seed(wanted: Item, evidence: Sequence[dict], tasks: TaskSet) -> dict[int, Numbers]:
    """The numbers of each seed that has all that is needed; seeds that lack some are left out."""
    found = {}
    for entry in evidence:
        try:
            found[entry["seed"]] = wanted.numbers([entry], tasks)
        except (Missing, DataError):
            continue
    return found


def expected(
    wanted: Item, profile: str, tasks: TaskSet, like: Sequence[dict]
) -> tuple[str, list[dict], dict[int, Numbers]]:
    """The release that says what to expect of a profile: its name, the evidence of its seeds, and their numbers.

    It is one of those that come with the kit, of seeds with all records that ``like``, evidence of what is needed, has: that
    whose settings differ least, of equals that with most seeds. Without any: ``("", [], {})``.
    """
    found = []
    needs = (
        [(name, stage) for name, variant in like[0]["variants"].items() for stage in variant["records"]] if like else []
    )
    for folder in sorted(releases_files.shipped().glob("*")) if needs else ():
        if list(folder.glob("seed-*.json")):
            evidence = [entry for entry in _shipped(folder) if entry["profile"] == profile and _has(entry, needs)]
            if numbers := numbers_by_seed(wanted, evidence, tasks):
                entries = [entry for entry in evidence if entry["seed"] in numbers]
                found.append((-len(other_settings(like, entries)), len(numbers), folder.name, entries, numbers))
    return max(found, key=lambda one: one[:3])[2:] if found else ("", [], {})


def _has(entry: dict, needs: Sequence[tuple[str, str]]) -> bool:
    """Whether a seed has the records, each of a variant and a stage."""
    return all(stage in entry["variants"].get(name, {"records": {}})["records"] for name, stage in needs)


@cache
def _shipped(folder: Path) -> list[dict]:
    return releases.read_evidence(folder)


def tolerance(values: Sequence[float], seeds: int) -> float:
    """How far the mean of ``seeds`` further seeds may lie from that of these: half of a 95 % prediction interval.

    Student's t with n - 1 degrees of freedom times s sqrt(1/n + 1/seeds). Values that do not differ show no spread: the
    result is not a number (nan).

    >>> round(tolerance([1.0, 2.0, 3.0], seeds=1), 2)
    4.97
    """
    n = len(values)
    if len(set(values)) < 2:
        return math.nan
    return float(stdtrit(n - 1, 0.975)) * float(np.std(values, ddof=1)) * math.sqrt(1 / n + 1 / seeds)


def _text(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def compare_numbers(
    wanted: Item, obtained: Sequence[Numbers], published: Sequence[Numbers], paper: dict[str, str]
) -> pd.DataFrame:
    """A row a number: the paper's, the release's with its tolerance, the obtained one, whether it is as expected.

    ``obtained`` and ``published`` hold the numbers of a seed each. "as expected" is yes or no where the release has several
    seeds and time is not what is compared, else empty.
    """
    unit = f" ({wanted.unit})" if wanted.unit else ""
    release, here = f"release{unit}", f"obtained{unit}"
    ours, theirs = (pd.DataFrame(list(numbers), dtype=float) for numbers in (obtained, published))
    rows = {}
    for name in dict.fromkeys([*ours, *theirs]):
        row = rows[name] = {"paper": paper.get(name, ""), release: "", "tolerance": "", here: "", "as expected": ""}
        if name in ours:
            row[here] = _text(ours[name].mean())
        if name in theirs:
            row[release] = _text(theirs[name].mean())
            allowed = tolerance(theirs[name].dropna().tolist(), len(ours) or 1)
            if not math.isnan(allowed) and not wanted.timed:
                row["tolerance"] = f"±{allowed:.2g}"
                if name in ours:
                    row["as expected"] = "yes" if abs(ours[name].mean() - theirs[name].mean()) <= allowed else "no"
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("number")


def other_settings(evidence: Sequence[dict], published: Sequence[dict]) -> list[str]:
    """The settings in which the records of a release differ from obtained ones, of those that both have; sorted."""
    found = set()
    for name, variant in evidence[0]["variants"].items() if evidence and published else ():
        theirs = published[0]["variants"].get(name, {"records": {}})["records"]
        for stage, record in variant["records"].items():
            if stage in theirs:
                here, there = queries.flat_settings(record), queries.flat_settings(theirs[stage])
                found |= {key for key in here.keys() & there.keys() if here[key] != there[key]}
    return sorted(key for key in found if key.rpartition(".")[2] not in ("seed", "digest", "batch_size"))


@dataclass(frozen=True)
class Reproduced:
    """An item with its numbers beside those expected (``table``), sentences about them, and the figure if it has one."""

    item: Item
    table: pd.DataFrame
    notes: tuple[str, ...]
    figure: Figure | None


def check_tasks(wanted: Item, profile: str, tasks: TaskSet) -> None:
    """Refuse a profile of another number of tasks than a table is about: :class:`DataError`."""
    if wanted.tasks not in (None, len(tasks)):
        raise DataError(f"reproduce: {wanted.key} is about {wanted.tasks} tasks, profile {profile} has {len(tasks)}")


def reproduce(wanted: Item, evidence: Sequence[dict], tasks: TaskSet) -> Reproduced:
    """An item of the evidence of one or more seeds, which has what it ``needs`` (:func:`eas_core.runs.partly.gather`).

    Records that the profile does not make raise :class:`DataError` in one line.
    """
    evidence, profile = list(evidence), evidence[0]["profile"]
    try:
        obtained = [wanted.numbers([entry], tasks) for entry in evidence]
        said = wanted.paper(evidence[:1], tasks)
    except Missing as missing:
        raise DataError(f"reproduce: {wanted.key} cannot be had from profile {profile}: {missing}") from None
    name, entries, published = expected(wanted, profile, tasks, evidence)
    table = compare_numbers(wanted, obtained, list(published.values()), said)
    notes = []
    if name:
        seeds = ", ".join(map(str, published))
        notes.append(f"release: releases/{name}, seeds {seeds}; tolerance: 95 % prediction interval of each number")
        if other := other_settings(evidence, entries):
            notes.append(f"the release was made with other settings: {', '.join(other)}")
        elif same := [
            (entry["seed"], own) for entry, own in zip(evidence, obtained, strict=True) if entry["seed"] in published
        ]:
            off = max(abs(value - published[seed].get(key, value)) for seed, own in same for key, value in own.items())
            notes.append(f"of the same seeds the largest difference is {off:.3g}{wanted.unit and ' '}{wanted.unit}")
    elif wanted.needs:
        notes.append(f"no release of the profile {profile} has these numbers")
    if wanted.timed:
        notes.append("times depend on the machine and are not judged")
    figure = wanted.draw(evidence, tasks) if wanted.draw else None
    return Reproduced(wanted, table, tuple(notes), figure)


def write(found: Reproduced, folder: Path) -> list[Path]:
    """Write the numbers as CSV and the figure, if there is one, as PNG; returns what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{found.item.key}.csv"]
    files.write_atomic(paths[0], found.table.to_csv().encode())
    if found.figure is not None:
        paths.append(folder / f"{found.item.key}.png")
        found.figure.savefig(paths[-1])
    return paths


def refuse_unexpected(found: Reproduced) -> None:
    """Refuse an item of which more than half of the numbers lie outside their tolerance: :class:`DataError` names them.

    Each does so in one of twenty cases if nothing is wrong, and numbers of one item rise and fall together; that more than half do
    has a chance of at most one in ten, however they depend on each other (Markov's inequality).
    """
    judged = found.table["as expected"]
    out = list(found.table.index[judged == "no"])
    if 2 * len(out) > (judged != "").sum():
        raise DataError(f"reproduce: {found.item.key} is not as expected: {'; '.join(map(str, out)):.300}")
