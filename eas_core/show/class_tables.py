"""Accuracy of each class and balanced accuracy, for data whose classes have different numbers of pictures.

Accuracies are in percent. Balanced accuracy is the mean over classes, so that each counts the same; classes without a test picture
are not in it, and have no accuracy in the tables.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from eas_core.data.tasks import TaskSet
from eas_core.evidence.words import readable
from eas_core.search.evaluate import unpack


def class_accuracies(
    record: dict, tasks: TaskSet, labels: Sequence[int], budget: float
) -> dict[int, tuple[float, int]]:
    """Of each class with test pictures its accuracy (a fraction) at a budget, and how many there are.

    ``record`` is of a stage that tests or of the results, ``labels`` are the class numbers of the test split, sorted.
    """
    found, own = {}, np.asarray(labels)
    for row in record["result"]["rows"]:
        if row["budget"] == budget:
            classes = tasks.classes[tasks.index(row["task"])]
            of_task = own[np.isin(own, classes)]
            right = unpack(row["correct"], len(of_task))
            for label in np.unique(of_task).tolist():
                found[label] = float(right[of_task == label].mean()), int((of_task == label).sum())
    return dict(sorted(found.items()))


def balanced_table(record: dict, tasks: TaskSet, labels: Sequence[int]) -> pd.DataFrame:
    """Balanced accuracy of each task at each budget, chance, and how many classes and pictures it is of.

    Index task; the last row, of all tasks, is the mean over all classes. Chance is that of guessing among a task's classes.
    """
    budgets = sorted({row["budget"] for row in record["result"]["rows"]})
    of = {budget: class_accuracies(record, tasks, labels, budget) for budget in budgets}
    groups = {readable(name): tasks.classes[t] for t, name in enumerate(tasks.names)}
    every = tuple(range(tasks.num_classes))
    chance = {label: 100 / len(group) for group in tasks.classes for label in group}
    rows = {}
    for name, group in {**groups, "all tasks": every}.items():
        tested = [label for label in group if label in of[budgets[0]]]
        rows[name] = {
            **{f"at {budget:g} M": _percent([of[budget][label][0] for label in tested]) for budget in budgets},
            "chance": round(float(np.mean([chance[label] for label in tested])), 1),
            "classes": len(tested),
            "pictures": sum(of[budgets[0]][label][1] for label in tested),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("balanced accuracy (%)")


def class_table(record: dict, tasks: TaskSet, labels: Sequence[int]) -> pd.DataFrame:
    """Accuracy of each class at the largest budget, the worst first; "none tested" where there is no test picture."""
    budget = max(row["budget"] for row in record["result"]["rows"])
    of = class_accuracies(record, tasks, labels, budget)
    rows = [
        {
            "task": readable(task),
            "class": tasks.class_names[label],
            "accuracy (%)": _percent([of[label][0]]) if label in of else "none tested",
            "pictures": of[label][1] if label in of else 0,
        }
        for task, group in zip(tasks.names, tasks.classes, strict=True)
        for label in sorted(group, key=lambda label: of.get(label, (2.0, 0))[0])
    ]
    return pd.DataFrame(rows).set_index(["task", "class"])


def _percent(fractions: list[float]) -> float:
    return round(100 * float(np.mean(fractions)), 1)
