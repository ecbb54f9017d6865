"""Tasks and their classes as tables, this run's and the paper's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from eas_core.data.tasks import TaskSet
from eas_core.evidence.paper import PAPER_DATA, paper_classes

IMAGES = {"train": "training images", "valid": "validation images", "test": "test images"}  # columns, by split


def paper_classes_table(data: str = "ImageNet-10") -> pd.DataFrame:
    """Table IV (ImageNet-10) or V (ImageNet-12), with what ImageNet has of each class; the last row is the total.

    Index (task, class) in the paper's order and words; columns id (WordNet's), training and test images. The paper
    holds out 10,000 of the training images for validation, drawn at random.
    """
    rows = paper_classes(data)
    test = PAPER_DATA[data].test_images // len(rows)  # 50, ImageNet's validation split
    columns = {"id": rows["wnid"], IMAGES["train"]: rows["n_train"], IMAGES["test"]: [test] * len(rows)}
    return _by_class(list(zip(rows["task"], rows["class_name"], strict=True)), columns)


def classes_table(
    tasks: TaskSet, ids: Mapping[str, Sequence[str]], counts: Mapping[str, int | Sequence[int]]
) -> pd.DataFrame:
    """The tasks and their classes, as in Tables IV and V; the last row is the total.

    Args:
        tasks: the profile's tasks.
        ids: ``{task: (id, ...)}``, what :func:`eas_core.data.sources.class_ids` gives.
        counts: images of a class by split, ``{"train": ..., "valid": ..., "test": ...}``, any of them: one number for
            all classes, or one for each, by class number.

    Returns:
        Index (task, class); a column "id", unless ids are the class names themselves, and one for each split given.
    """
    order = [c for group in tasks.classes for c in group]
    names = [
        (task, tasks.class_names[c]) for task, group in zip(tasks.names, tasks.classes, strict=True) for c in group
    ]
    own = [(task, name) for task in tasks.names for name in ids[task]]
    columns: dict[str, Sequence] = {} if own == names else {"id": [name for _, name in own]}
    for split, title in IMAGES.items():
        if split in counts:
            columns[title] = np.broadcast_to(np.asarray(counts[split]), len(order))[order].tolist()
    return _by_class(names, columns)


def _by_class(names: list[tuple[str, str]], columns: dict[str, Sequence]) -> pd.DataFrame:
    """A row for each (task, class), then the total of all columns but "id"."""
    index = [*names, ("total", f"{len(names)} classes")]
    table = {name: [*values, "" if name == "id" else sum(values)] for name, values in columns.items()}
    return pd.DataFrame(table, index=pd.MultiIndex.from_tuples(index, names=["task", "class"]))
