"""The paper's numbers: its Tables I to V as data, and what stands in its text only, with its place.

The tables come from ``paper_numbers/*.csv``, the classes from ``data_prep/imagenet``; nothing here reads a record but
:func:`comparable_paper_rows`, which says whether a run may be put beside them.
"""

from __future__ import annotations

from collections.abc import Sized
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from data_prep import imagenet

PAPER = Path(__file__).parent / "paper_numbers"


class PaperData(NamedTuple):
    """What the paper says of one of its data sets (section 4).

    The ``file`` of its table of accuracies, how many ``tasks`` and ``test_images``, the ``file`` of its classes in
    data_prep/imagenet, what the ``table`` is called, and the drop rate ``q`` that was used on it.
    """

    file: str
    tasks: int
    test_images: int
    classes: str
    table: str
    q: float


PAPER_DATA = {
    "ImageNet-10": PaperData("table_1.csv", 10, 3000, "table_4.csv", "Table I", 0.6),
    "ImageNet-12": PaperData("table_2.csv", 12, 12000, "table_5.csv", "Table II", 0.1),
}
SCENARIOS = 50  # tasks x budgets of Table III
GAIN_OF_DROPOUT = 0.3  # points at 320 M, section 4.2
SINGLE_PATH, MULTI_PATH = 89.43, 88.73  # % at 277 M, section 4.2
ACCURACY, MADDS = "avg_acc_percent", "avg_madds_millions"  # columns of Tables I and II


def paper_table(data: str = "ImageNet-10", method: str = "EAS") -> pd.DataFrame:
    """Rows of Table I (ImageNet-10) or II (ImageNet-12) for ``method`` EAS, OFA-V or OFA-T; accuracies in percent."""
    table = pd.read_csv(PAPER / PAPER_DATA[data].file, comment="#")
    return table[table["method"] == method].reset_index(drop=True)


def paper_data(tasks: Sized) -> str:
    """The paper's data set to put beside a run: ImageNet-12 for 12 tasks, else ImageNet-10."""
    return "ImageNet-12" if len(tasks) == PAPER_DATA["ImageNet-12"].tasks else "ImageNet-10"


def comparable_paper_rows(record: dict, tasks: Sized) -> pd.DataFrame | None:
    """The paper's EAS rows if this run's data are the paper's, else None: accuracies on other data say nothing."""
    data = paper_data(tasks)
    return paper_table(data) if record["settings"]["data"]["source"] == data.lower() else None


def paper_search_times() -> pd.DataFrame:
    """Table III: GPU hours of training and CPU seconds of search, by method; "<0.1" is text."""
    return pd.read_csv(PAPER / "table_3.csv", comment="#").set_index("method")


def search_limit() -> float:
    """Table III's "<0.1", the search time of the single-path generator, as a number of seconds."""
    return float(paper_search_times()["search_cpu_seconds"]["Single-path AG"].lstrip("<"))


def paper_classes(data: str = "ImageNet-10") -> pd.DataFrame:
    """Rows of Table IV (ImageNet-10) or V (ImageNet-12), a class each: ``task``, ``class_name``, ``wnid``, ``n_train``."""
    return pd.read_csv(Path(imagenet.__file__).with_name(PAPER_DATA[data].classes), comment="#")
