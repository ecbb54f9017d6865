"""Tables of what each search gives alone and after choosing, and of what the generator's gates say."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from eas_core.evidence import alone
from eas_core.evidence.compare import Estimate

THIS_RUN = "this run: minus one for all (points)"
PICKED = {
    "first": "first candidate",
    "probable": "most probable",
    "chosen": "best on ranking images",
    "shuffled": "first of another task",
}


def alone_table(evidence: list[dict], beside: Sequence[dict] = ()) -> pd.DataFrame:
    """Task accuracy (%) and cross-entropy (nats) of each method's picks by budget, and the mean difference to one network.

    The differences are over all budgets, in points with their 95 % interval: to one network per budget for all tasks
    (OFA-V's first), and to the mean of random architectures of equal cost. With the evidence of this run ``beside`` that
    of a release, the last column has this run's difference to one network.
    """
    own = {(line.method, line.pick): line.over_one.get(None) for line in alone.lines(list(beside))} if beside else {}
    rows = []
    for line in alone.lines(evidence):
        rows.append(
            {
                "method": line.method,
                "network": PICKED[line.pick],
                **{f"{b:g} M (%)": round(value, 2) for b, value in zip(line.budgets, line.accuracy, strict=True)},
                "mean (%)": round(sum(line.accuracy) / len(line.accuracy), 2),
                "cross-entropy (nats)": round(sum(line.loss) / len(line.loss), 4),
                "minus one for all (points)": _with_interval(line.over_one.get(None)),
                "minus random (points)": _with_interval(line.over_random.get(None)),
                **({THIS_RUN: _with_interval(own.get((line.method, line.pick)))} if beside else {}),
            }
        )
    return pd.DataFrame(rows).set_index(["method", "network"])


def _with_interval(value: Estimate | None) -> str:
    return "" if value is None else f"{value.mean:+.2f} ± {value.high - value.mean:.2f}"


def gates_table(evidence: list[dict]) -> pd.DataFrame:
    """What the gates of each generator say at each budget (:func:`eas_core.search.gate_statistics.gate_statistics`)."""
    rows = [
        {
            "generator": name,
            "budget (M)": row["budget"],
            "samples that keep it (%)": round(100 * row["keeping"], 1),
            "cost error (%)": round(100 * row["cost_error"], 1),
            "entropy of a gate (nats)": round(row["entropy"], 3),
            "deviation over tasks": round(row["deviation"], 3),
        }
        for name, stage in (("EAS", "specialized"), ("amortised", "amortised_specialized"))
        for row in alone.gates(evidence, stage)
    ]
    return pd.DataFrame(rows).set_index(["generator", "budget (M)"])


def recipes_table(rows: list[dict]) -> pd.DataFrame:
    """What training the generator takes: the recipes of ``benchmarks/results/recipes.json``, a mean over their seeds.

    Accuracies are over all budgets and tasks, on validation images that did not train the generator, and of the seeds
    that all recipes have.
    """
    (rows,) = alone.on_common_seeds(rows)
    table = pd.DataFrame(
        {
            "recipe": row["recipe"],
            "seed": row["seed"],
            "steps × samples": f"{row['settings']['steps']:,} × {row['settings']['scenarios_per_step']}",
            "rate": f"{row['settings']['optimizer']['lr']:g}, {row['settings']['schedule']}",
            "λ": row["settings"]["lam"],
            "most probable (%)": sum(row["probable"]["accuracy"]) / len(row["probable"]["accuracy"]),
            "first sample (%)": sum(row["first"]["accuracy"]) / len(row["first"]["accuracy"]),
            "cross-entropy (nats)": sum(row["probable"]["loss"]) / len(row["probable"]["loss"]),
            "deviation over tasks": sum(level["deviation"] for level in row["gates"]) / len(row["gates"]),
            "samples that keep B (%)": 100 * sum(level["keeping"] for level in row["gates"]) / len(row["gates"]),
            "CPU time (s)": row["cpu_seconds"],
        }
        for row in rows
    )
    groups = table.groupby("recipe", sort=False)
    means = groups.mean(numeric_only=True).drop(columns="seed")
    spread = groups["most probable (%)"].agg(lambda values: f"{values.std():.2f}" if len(values) > 1 else "")
    means.insert(0, "rate", groups["rate"].first())
    means.insert(0, "steps × samples", groups["steps × samples"].first())
    means.insert(4, "deviation over seeds", spread)
    means["seeds"] = groups.size()
    digits = {"most probable (%)": 2, "first sample (%)": 2, "cross-entropy (nats)": 4, "deviation over tasks": 3}
    return means.round({**digits, "samples that keep B (%)": 1, "CPU time (s)": 0})
