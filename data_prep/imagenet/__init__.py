"""imagenet-10 and imagenet-12: the paper's two data sets, groups of ImageNet's 1000 classes (its Tables IV and V).

imagenet-10 has 10 tasks of 6 classes, imagenet-12 has 12 tasks of 20. The paper names its classes in words, a few of
which fit several WordNet ids; those were told apart by the task, by no class counting twice, and by the paper's numbers
of training images (section 4), which come out exactly:

- Cardigan in Clothing is the garment, not the dog, a Cardigan Welsh corgi.
- Gong in Instrument is n03447721: "gong" is also a name of the chime, which the task lists beside it.
- Harp in Instrument is n03495258: "harp" is also a name of the harmonica, which the task lists beside it.

ImageNet's validation split, 50 photographs a class, is the test set.
"""

import csv
from pathlib import Path

TEST_PER_CLASS = 50  # photographs of a class in ImageNet's validation split


def _rows(file: str) -> list[dict[str, str]]:
    """Rows of one of the paper's tables: task, class_name, wnid, n_train (ImageNet's training photographs)."""
    with (Path(__file__).parent / file).open(encoding="utf-8") as lines:
        return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def _groups(rows: list[dict[str, str]]) -> dict[str, tuple[str, ...]]:
    """{task: (wnid, ...)} in the order of the rows."""
    tasks = dict.fromkeys(row["task"] for row in rows)
    return {task: tuple(row["wnid"] for row in rows if row["task"] == task) for task in tasks}


_ROWS = {"imagenet-10": _rows("table_4.csv"), "imagenet-12": _rows("table_5.csv")}
_ALL = [row for rows in _ROWS.values() for row in rows]  # 38 classes are in both, under the same name

# data set -> task -> wnids, tasks and classes in the paper's order
TASKS: dict[str, dict[str, tuple[str, ...]]] = {source: _groups(rows) for source, rows in _ROWS.items()}
CLASS_NAMES: dict[str, str] = {row["wnid"]: row["class_name"] for row in _ALL}  # as the paper writes them
TRAIN_IMAGES: dict[str, int] = {row["wnid"]: int(row["n_train"]) for row in _ALL}  # of a class in ImageNet
