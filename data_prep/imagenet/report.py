"""The report page: photographs of each class beside what the paper has, and everything missing, damaged or double."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from data_prep import imagenet
from data_prep.imagenet.inventory import Problem

SHOWN = 50  # lines of a kind of problem; all are in problems.csv
KINDS = {
    "archive": "Archives that are damaged or cut short",
    "missing": "Missing: in the ground truth, but not in the source",
    "damaged": "Damaged: left out",
    "misplaced": "In the wrong class, by their names: left out",
    "unlabelled": "Without a class: left out",
    "repeated": "The same name again: only the first is taken",
    "leak": "The same bytes in two splits: kept, as in the paper, but a score may profit from them",
    "duplicate": "The same bytes twice within a split: kept",
}


@dataclass(frozen=True)
class Counts:
    """Usable photographs of one class."""

    train: int  # with those held out
    valid: int
    test: int


def differences(source: str, counts: dict[str, Counts]) -> list[str]:
    """Lines about every class of a data set that has other numbers of photographs than the paper's."""
    lines = []
    for wnid in (wnid for group in imagenet.TASKS[source].values() for wnid in group):
        pairs = (
            ("training", counts[wnid].train, imagenet.TRAIN_IMAGES[wnid]),
            ("test", counts[wnid].test, imagenet.TEST_PER_CLASS),
        )
        lines += [
            f"{wnid} ({imagenet.CLASS_NAMES[wnid]}): {found} {split} photographs, {expected} in the paper"
            for split, found, expected in pairs
            if found != expected
        ]
    return lines


def page(source: str, counts: dict[str, Counts], problems: Sequence[Problem], about: Sequence[str]) -> str:
    """The report in Markdown; it holds no times and no machine, so that equal data give equal reports.

    Args:
        source: imagenet-10 or imagenet-12.
        counts: {wnid: counts}.
        problems: everything that is wrong.
        about: lines on where the photographs come from and what was made of them.
    """
    wnids = [wnid for group in imagenet.TASKS[source].values() for wnid in group]
    train, test = sum(imagenet.TRAIN_IMAGES[wnid] for wnid in wnids), imagenet.TEST_PER_CLASS * len(wnids)
    found, valid, tested = (sum(getattr(counts[wnid], name) for wnid in wnids) for name in ("train", "valid", "test"))
    differing = differences(source, counts)
    verdict = (
        "Every class has as many photographs as in the paper."
        if not differing
        else (f"**Not the paper's data**: {len(differing)} numbers differ, see below.")
    )
    parts = [
        f"# {source}",
        "\n".join(f"- {line}" for line in about),
        verdict,
        _table(
            ("photographs", "found", "the paper"),
            [
                ("training, with those held out", f"{found:,}", f"{train:,}"),
                ("held out for validation", f"{valid:,}", "10,000"),
                ("left for training", f"{found - valid:,}", f"{train - 10_000:,}"),
                ("test (ImageNet's validation split)", f"{tested:,}", f"{test:,}"),
            ],
        ),
    ]
    if differing:
        parts += [f"## Numbers that differ ({len(differing)})", "\n".join(f"- {line}" for line in differing)]
    for kind, title in KINDS.items():
        lines = [f"- `{problem.path}`: {problem.detail}" for problem in problems if problem.kind == kind]
        if lines:
            more = [f"- and {len(lines) - SHOWN:,} more, see problems.csv"] if len(lines) > SHOWN else []
            parts += [f"## {title} ({len(lines):,})", "\n".join(lines[:SHOWN] + more)]
    rows = [
        (
            task,
            imagenet.CLASS_NAMES[wnid],
            wnid,
            _beside(counts[wnid].train, imagenet.TRAIN_IMAGES[wnid]),
            str(counts[wnid].valid),
            _beside(counts[wnid].test, imagenet.TEST_PER_CLASS),
        )
        for task, group in imagenet.TASKS[source].items()
        for wnid in group
    ]
    parts += ["## Classes", _table(("task", "class", "id", "training", "of them held out", "test"), rows)]
    return "\n\n".join(parts) + "\n"


def _beside(found: int, expected: int) -> str:
    return str(found) if found == expected else f"**{found}** of {expected}"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ("---",) * len(head), *rows))
