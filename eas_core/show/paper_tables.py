"""The paper's Tables I, II and III, from the evidence of several seeds: records in, a pandas ``DataFrame`` out.

``evidence`` is a list with one dict a seed, as :func:`eas_core.runs.jobs.collect` makes it. A profile need not have every
variant: rows whose records are not there are left out. Evidence of several profiles is never mixed, and what enters an
average is checked by :mod:`eas_core.evidence.compare`: either raises :class:`DataError` in one line.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd

from eas_core.base.errors import DataError
from eas_core.data.tasks import TaskSet
from eas_core.evidence import compare
from eas_core.evidence.paper import ACCURACY, MADDS, comparable_paper_rows, paper_data, paper_search_times, paper_table
from eas_core.evidence.queries import common_budgets, having, records_of
from eas_core.settings.stages import METHODS
from eas_core.show.columns import AVERAGE, COST, COUNT, INTERVAL, SEEDS, significant

MB = 1e6  # bytes
THIS_RUN = "this run: average (%)"


# ---------------------------------------------------------------- Tables I and II


def method_table(rows: list[dict], tasks: Sequence[str] | None = None) -> pd.DataFrame:
    """The layout of Tables I and II: accuracy by budget level, method and task, in percent.

    A row is ``{"level", "method", "task", "accuracy" (fraction), "madds" (millions)}``; rows that differ in nothing but
    their numbers (seeds) are averaged. Index (level, method), methods in the paper's order OFA-V, OFA-T, multi-path,
    EAS, where "OFA-V (...)" counts as OFA-V. Columns T-1, T-2, ... in the order of ``tasks``, or else of the rows; then
    the average over tasks in percent and the average multiply-adds in millions.
    """
    names = list(tasks if tasks is not None else dict.fromkeys(row["task"] for row in rows))
    cells: dict[tuple, list[dict]] = {}
    for row in rows:
        cells.setdefault((row["level"], row["method"], row["task"]), []).append(row)
    lines = sorted({key[:2] for key in cells}, key=_in_the_papers_order)
    if not lines:
        raise DataError("rows: none given, at least one method at one level is needed")
    for (level, method), name in product(lines, names):
        if (level, method, name) not in cells:
            raise DataError(f"rows: {method} at level {level} has no task {name}")

    table = {}
    for line in lines:
        accuracy, madds = (
            np.array([np.mean([row[key] for row in cells[*line, name]]) for name in names])
            for key in ("accuracy", "madds")
        )
        by_task = {f"T-{t}": round(100 * value, 1) for t, value in enumerate(accuracy, 1)}
        table[line] = by_task | {AVERAGE: round(100 * accuracy.mean(), 2), COST: significant(madds.mean())}
    frame = pd.DataFrame.from_dict(table, orient="index")
    frame.index = pd.MultiIndex.from_tuples(frame.index, names=["level", "method"])
    return frame


def _in_the_papers_order(line: tuple) -> tuple:
    level, method = line
    base = method.split(" (")[0]
    return (level, list(METHODS).index(base) if base in METHODS else len(METHODS), method)


def obtained_table(evidence: list[dict], tasks: TaskSet, beside: Sequence[dict] = ()) -> pd.DataFrame:
    """Table I (or II, with 12 tasks) of these runs, a mean over seeds, with the paper's averages beside it.

    EAS comes from the profile's own supernet. OFA-V and OFA-T come from the plain one, q = 0, because once-for-all knows
    no task dropout; a profile without it has them from its own, and "OFA-V (q=0.6)" says so. The average is over all
    test images, the 95 % interval that of :func:`eas_core.evidence.compare.accuracy`; ``n`` counts a level's test images.
    Columns "paper: ..." put the paper's level 1 beside the lowest budget, and so on; on other data than the paper's
    they say "other data": levels of accuracy are then not comparable. With the evidence of this run ``beside`` that of a
    release, a column has this run's averages. Only seeds with the plain supernet count, if any has it.
    """
    records = _table_1_records(evidence)
    if not records:
        raise DataError("evidence: no tested-EAS, tested-OFA-V or tested-OFA-T in it")
    budgets = common_budgets([record for own in records.values() for record in own])
    estimates = {
        (budget, method): compare.accuracy(own, budget) for method, own in records.items() for budget in budgets
    }
    rows = [
        {"level": row["budget"], "method": method, **{key: row[key] for key in ("task", "accuracy", "madds")}}
        for method, own in records.items()
        for record in own
        for row in record["result"]["rows"]
    ]
    table = method_table(rows, tasks.names)
    table.index = table.index.rename(["budget (M)", "method"])
    lines = [estimates[line] for line in table.index]
    table[AVERAGE] = [round(one.mean, 2) for one in lines]
    table.insert(table.columns.get_loc(AVERAGE) + 1, INTERVAL, [f"±{one.high - one.mean:.2f}" for one in lines])
    table[COUNT] = [one.n for one in lines]
    table[SEEDS] = [one.seeds for one in lines]
    for column, values in _paper_columns(table.index, budgets, next(iter(records.values()))[0], tasks).items():
        table[column] = values
    if beside:
        own = obtained_table(list(beside), tasks)
        table[THIS_RUN] = (own[AVERAGE].map("{:.2f}".format) + " " + own[INTERVAL]).reindex(table.index).fillna("")
    return table


def _table_1_records(evidence: list[dict]) -> dict[str, list[dict]]:
    """The tested records of Table I by the method's name in it, those that there are; all of the same seeds."""
    evidence, records = having(evidence, [0.0]), {}
    for name, method in METHODS.items():
        own = records_of(evidence, method.tested)
        plain = records_of(evidence, method.tested, q=0.0) if method.supernets == "plain" else own
        if method.table_1 and (plain or own):
            records[name if plain else f"{name} ({evidence[0]['main']})"] = plain or own
    return records


def _paper_columns(index: pd.MultiIndex, budgets: list[float], record: dict, tasks: TaskSet) -> dict[str, list[str]]:
    """The paper's average accuracy and cost for each (budget, method), as text; empty where it has no such level."""
    data = paper_data(tasks)
    source = "paper" if comparable_paper_rows(record, tasks) is not None else "paper (other data)"
    average, cost = [], []
    for budget, method in index:
        rows = paper_table(data, method.split(" (")[0])
        row = rows[rows["level"] == 1 + budgets.index(budget)]
        average.append(f"{row[ACCURACY].iloc[0]:.1f}" if len(row) else "")
        cost.append(f"{row[MADDS].iloc[0]:g}" if len(row) else "")
    return {f"{source}: {AVERAGE}": average, f"{source}: {COST}": cost}


# ---------------------------------------------------------------- Table III


def cost_table(evidence: list[dict], beside: Sequence[dict] = ()) -> pd.DataFrame:
    """Table III: what each search costs on the profile's own supernet, a mean over seeds, with the paper's beside it.

    - ``training (s)``: OFA-T, measuring the architecture-accuracy pairs and fitting the predictor on them (the paper's
      definition); the generators, training them. The paper's numbers are hours of one GPU (RTX 3090).
    - ``search (s)``: finding architectures for all tasks and budgets. OFA-T, one evolutionary search a scenario;
      generators, one forward pass for all scenarios, sampling and enforcing the budgets. Scoring the candidates on the
      validation split is in none of them. The paper's numbers are seconds of a CPU (Xeon Gold 6230R), 50 scenarios.
    - ``forward pass (s)``: the part of a generator's search that is its forward pass.
    - ``training (MB)`` and ``search (MB)``: how much memory each takes on top of what was there before, at its highest
      (10^6 bytes; :class:`eas_core.base.memory.PeakMemory`); for OFA-T the higher one of pairs and predictor.

    With the evidence of this run ``beside`` that of a release, two more columns have this run's seconds.
    """
    paper = paper_search_times()
    pairs, predictor, evolved = (records_of(evidence, stage) for stage in ("pairs", "predictor", "evolved"))
    rows = {}
    if pairs and predictor and evolved:
        rows["OFA-T"] = _cost_row(
            paper.loc["OFA-T"],
            training=[a["seconds"] + b["seconds"] for a, b in zip(pairs, predictor, strict=True)],
            search=[record["result"]["search_seconds"]["OFA-T"] for record in evolved],
            training_memory=[max(map(_peak, both)) for both in zip(pairs, predictor, strict=True)],
            search_memory=list(map(_peak, evolved)),
            scenarios=evolved[0]["result"]["scenarios"],
        )
    for name, trained, searched in (
        ("Multi-path AG", "multi_path", "multi_path_specialized"),
        ("Single-path AG", "generator", "specialized"),
    ):
        training, search = records_of(evidence, trained), records_of(evidence, searched)
        if training and search:
            took = [record["result"]["search_seconds"] for record in search]
            rows[name + " (Ours)" * (name == "Single-path AG")] = _cost_row(
                paper.loc[name],
                training=[record["seconds"] for record in training],
                search=[one["with_sampling"] for one in took],
                forward=[one["forward"] for one in took],
                training_memory=list(map(_peak, training)),
                search_memory=[one["peak_memory_bytes"] for one in took],
                scenarios=took[0]["scenarios"],
            )
    if not rows:
        raise DataError("evidence: no record of a search in it")
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")
    table[SEEDS] = len(evidence)
    if beside:
        own = cost_table(list(beside))
        for column in ("training (s)", "search (s)"):
            table[f"this run: {column}"] = own[column].reindex(table.index).fillna("")
    return table


def _peak(record: dict) -> int:
    peak: int = record["result"]["peak_memory_bytes"]
    return peak


def _cost_row(
    paper: pd.Series,
    training: list[float],
    search: list[float],
    training_memory: list[int],
    search_memory: list[int],
    scenarios: int,
    forward: list[float] | None = None,
) -> dict:
    """One row of Table III from the numbers of each seed, in seconds and bytes."""
    return {
        "training (s)": _short(np.mean(training)),
        "paper: training (GPU hours)": f"{paper['training_gpu_hours']:g}",
        "search (s)": _short(np.mean(search)),
        "forward pass (s)": "" if forward is None else _short(np.mean(forward)),
        "paper: search (CPU seconds)": paper["search_cpu_seconds"],
        "scenarios": scenarios,
        "training (MB)": _short(np.mean(training_memory) / MB),
        "search (MB)": _short(np.mean(search_memory) / MB),
    }


def _short(value: float | np.floating) -> str:
    """Three significant digits, as text: one column holds minutes and milliseconds."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
