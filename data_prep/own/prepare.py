"""From a folder or a CSV to the list that a run reads: find, look, arrange, group."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from data_prep import SPLITS
from data_prep.own import groups as grouping
from data_prep.own import listing
from data_prep.own.arrange import arrange
from data_prep.own.files import find
from data_prep.own.look import look
from data_prep.own.report import Report
from eas_core.base.errors import DataError


@dataclass(frozen=True)
class Prepared:
    """What a run needs of somebody's pictures."""

    root: Path  # the list's paths are relative to it
    groups: dict[str, tuple[str, ...]]  # tasks and their classes
    listing: str  # the list, a CSV
    labels: dict[str, list[int]]  # class numbers of the pictures of each split
    side: int  # the median of the shorter sides, pixels
    seconds: float  # that opening all pictures took

    def sizes(self) -> dict[str, int]:
        """Pictures of each split."""
        return {split: len(numbers) for split, numbers in self.labels.items()}


def prepare(source: Path, tasks: str, seed: int, report: Report, progress: bool = True) -> Prepared:
    """Check every picture and give it a split and a task (:mod:`~data_prep.own.groups`); the report gets what was found.

    Pictures that no run can use raise :class:`DataError`: none at all, a single class, a task that has none to test on.
    """
    if tasks not in (grouping.FIRST, grouping.ONE):
        grouping.read(Path(tasks))  # what is wrong with it is said before all pictures are looked at
    root, named = find(source, report)
    started = time.monotonic()
    seen = look(root, named, report, progress)
    seconds = time.monotonic() - started
    for label in sorted({one.label for one in named} - {one.named.label for one in seen}):
        report.add("empty", label)
    arranged = arrange(seen, seed, report)
    groups = grouping.group([one.named for one, _ in arranged], tasks, report)
    numbers = {label: number for number, (_, label) in enumerate(listing.pairs(groups))}
    labels = {s: sorted(numbers[one.named.label] for one, split in arranged if split == s) for s in SPLITS}
    for task, classes in groups.items():
        for split in SPLITS:
            if not Counter(labels[split]).keys() & {numbers[label] for label in classes}:
                few = "it needs a class with three pictures that differ, or a place in another task (--tasks)"
                raise DataError(f"pictures: task {task!r:.80} has no {split} pictures; {few}")
    side = round(median(min(one.width, one.height) for one, _ in arranged))
    return Prepared(root.absolute(), groups, listing.text(arranged, groups), labels, side, seconds)
