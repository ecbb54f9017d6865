"""Tables of specialised networks: what they cost, what they look like, how alike they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import normalize

from eas_core.evidence.queries import budgets_of, level, task_similarities
from eas_core.search.specialize import Proposal
from eas_core.show.columns import significant
from eas_core.space.search_space import UNITS, Architecture, one_hot


def specialised_table(record: dict) -> pd.DataFrame:
    """Every specialised network of a specialised or results record: cost, validation accuracy and shape, a row each.

    "blocks" counts the searched blocks of all five units; "kernel" and "ratio" are means over those blocks. "derived"
    marks scenarios in which no sample fitted the budget.
    """
    rows = []
    for row in record["result"]["rows"]:
        rows.append(
            {
                "task": row["task"],
                "budget (M)": row["budget"],
                "MAdds (M)": significant(row["madds"]),
                "% of budget": round(100 * row["madds"] / row["budget"], 1),
                "validation accuracy (%)": round(100 * row["valid_accuracy"], 1),
                "candidates": row["candidates"],
                "derived": row["derived"],
                **{key: round(value, 2) for key, value in _shape(row["architecture"]).items()},
            }
        )
    return pd.DataFrame(rows).set_index(["task", "budget (M)"])


def _shape(architecture: dict) -> dict[str, float]:
    """Number of searched blocks, and their mean kernel size and expansion ratio."""
    value = Architecture.from_dict(architecture)
    active = [block for block in range(len(value.kernel)) if value.active(block)]
    means = {
        name: float(np.mean([values[b] for b in active]))
        for name, values in (("kernel", value.kernel), ("ratio", value.expand))
    }
    return {"blocks": sum(value.depth), **means}


def budget_table(record: dict) -> pd.DataFrame:
    """How the networks keep their budgets, a row per budget: counts, and costs as shares of the budget in %."""
    table = specialised_table(record).reset_index()
    exceeds = np.array([row["madds"] > row["budget"] for row in record["result"]["rows"]])
    grouped = table.assign(exceeds=exceeds).groupby("budget (M)")
    return pd.DataFrame(
        {
            "networks": grouped.size(),
            "above budget": grouped["exceeds"].sum(),
            "derived": grouped["derived"].sum(),
            "mean MAdds (M)": grouped["MAdds (M)"].mean().round(3),
            "mean % of budget": grouped["% of budget"].mean().round(1),
            "least % of budget": grouped["% of budget"].min(),
        }
    )


def architecture_growth(record: dict) -> pd.DataFrame:
    """Means over tasks at each budget: searched blocks, their kernel size and ratio (Figure VII in numbers)."""
    shapes = [
        {"budget (M)": row["budget"], "MAdds (M)": row["madds"], **_shape(row["architecture"])}
        for row in record["result"]["rows"]
    ]
    return pd.DataFrame(shapes).groupby("budget (M)").mean().round(3)


def unit_depths(record: dict, budget: float) -> pd.DataFrame:
    """Depth of the five units of each task's network at one budget (Figure VIII in numbers)."""
    rows = level(record, budget)
    columns = [f"unit {u + 1}" for u in range(UNITS)]
    index = pd.Index([row["task"] for row in rows], name="task")
    return pd.DataFrame([row["architecture"]["depth"] for row in rows], columns=columns, index=index)


def architecture_similarity(record: dict) -> pd.DataFrame:
    """Figure VI: cosine similarity of one-hot encodings, over all pairs of tasks at each budget."""
    rows = []
    for budget in budgets_of(record):
        pairs = task_similarities(record, budget)
        rows.append(
            {
                "budget (M)": budget,
                "average MAdds (M)": float(np.mean([row["madds"] for row in level(record, budget)])),
                "mean similarity": float(np.mean(pairs)),
                "lowest": min(pairs),
                "highest": max(pairs),
                "pairs": len(pairs),
            }
        )
    return pd.DataFrame(rows).set_index("budget (M)")


def similarity_references(
    proposals: Sequence[Proposal], random: Mapping[float, Sequence[Architecture]]
) -> pd.DataFrame:
    """What to read Figure VI beside: the mean similarity of two draws of one task, of draws of two tasks, and of random pairs.

    ``proposals`` hold several candidates of each task and budget (:func:`eas_core.search.specialize.propose`, all of them
    different), ``random`` several architectures of equal cost a budget. ``nan`` where there is no pair.
    """
    rows = []
    for budget, others in random.items():
        own = [proposal for proposal in proposals if proposal.budget == budget]
        owner = torch.tensor([proposal.task for proposal in own for _ in proposal.candidates])
        pairs, same = _pairs([a for proposal in own for a in proposal.candidates], owner)
        rows.append(
            {
                "budget (M)": budget,
                "draws of one task": float(pairs[same].mean()),
                "draws of two tasks": float(pairs[~same].mean()),
                "random pairs": float(_pairs(others, torch.zeros(len(others)))[0].mean()),
            }
        )
    return pd.DataFrame(rows).set_index("budget (M)")


def _pairs(architectures: Sequence[Architecture], owner: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosine similarity of every pair, and whether both have the same owner."""
    code = normalize(one_hot(list(architectures)).double())
    i, j = torch.triu_indices(len(code), len(code), offset=1)
    return (code[i] * code[j]).sum(1), owner[i] == owner[j]
