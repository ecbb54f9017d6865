"""Which pictures look alike, and which split each goes to: stratified by class, seeded, look-alikes on one side."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from data_prep.own.look import Seen
from data_prep.own.report import Report
from eas_core.base.errors import DataError

NEAR = 4  # bits of 64 in which the perceptual hashes of near duplicates differ at most
SHARES = {"test": 0.2, "valid": 0.15}  # of a class's pictures; all else is for training
ROWS = 1024  # compared at a time with all others


def near_duplicates(looks: Sequence[int], most: int = NEAR) -> np.ndarray:
    """For perceptual hashes (n,) of 64 bits the number of the group that each belongs to, (n,).

    Hashes that differ in at most ``most`` bits are in one group, and so is what such steps connect.
    """
    values = np.array(looks, dtype=np.uint64)
    pairs = []
    for start in range(0, len(values), ROWS):
        near = np.bitwise_count(values[start : start + ROWS, None] ^ values[None, start:]) <= most
        pairs.append(np.argwhere(near) + start)
    one, other = np.concatenate(pairs).T if pairs else np.empty((2, 0), int)
    from scipy.sparse import coo_array  # takes a while
    from scipy.sparse.csgraph import connected_components

    _, groups = connected_components(coo_array((np.ones(len(one)), (one, other)), (len(values),) * 2), directed=False)
    return groups


def arrange(seen: list[Seen], seed: int, report: Report) -> list[tuple[Seen, str]]:
    """The pictures that are used, each with its split.

    A split that came ready-made is kept; one that is missing beside ``train`` is taken out of ``train``. Without any, a fifth of
    each class is for testing and 15 % for validation, at least one picture each. Look-alikes count as one: a class of two
    has none for validation, a class of one is only trained on. No training pictures raise :class:`DataError`.
    """
    groups = near_duplicates([one.looks for one in seen]).tolist()
    ready = {one.named.split for one in seen} - {None}
    if ready and "train" not in ready:
        raise DataError("pictures: there are ready-made splits, but no training pictures that can be used")
    splits = [one.named.split or "train" for one in seen]
    wanted = [name for name in SHARES if name not in ready]
    members = defaultdict(list)  # of each group
    for i, group in enumerate(groups):
        if splits[i] == "train":
            members[group].append(i)
    by_class = defaultdict(list)  # groups by the class of their first picture
    for group in members.values():
        by_class[seen[group[0]].named.label].append(group)
    for number, label in enumerate(sorted(by_class) if wanted else ()):
        order = np.random.default_rng([seed, 0x0501, number]).permutation(len(by_class[label]))
        for name, chosen in _share([by_class[label][i] for i in order], wanted).items():
            for i in chosen:
                splits[i] = name
    _report_alike(seen, groups, splits, report)
    return _trained(list(zip(seen, splits, strict=True)), report)


def _share(groups: list[list[int]], wanted: list[str]) -> dict[str, list[int]]:
    """Pictures of one class for the splits ``wanted``; ``groups`` go whole, and at least one is left to train on."""
    left, total, chosen = list(groups), sum(map(len, groups)), {}
    for number, name in enumerate(wanted):
        if len(left) < 2:
            break
        aim, needed = max(1, round(SHARES[name] * total)), len(wanted) - number  # by training and the next splits
        taken = next((group for group in left if len(group) <= aim), min(left, key=len))
        left.remove(taken)
        for group in [group for group in left if len(group) <= aim - len(taken)]:
            if len(left) > needed and len(taken) + len(group) <= aim:
                left.remove(group)
                taken = taken + group
        chosen[name] = taken
    return chosen


def _report_alike(seen: list[Seen], groups: list[int], splits: list[str], report: Report) -> None:
    sizes = Counter(groups)
    first: dict[int, int] = {}
    sides, labels = defaultdict(set), defaultdict(set)
    for i, group in enumerate(groups):
        sides[group].add(splits[i])
        labels[group].add(seen[i].named.label)
    for i, group in enumerate(groups):
        path = seen[i].named.path
        if sizes[group] > 1:
            other = seen[first.setdefault(group, i)].named.path
            if other != path:
                report.add("near", path, f"like {other}")
            if len(sides[group]) > 1:
                report.add("both sides", path)
            if len(labels[group]) > 1:
                report.add("two classes", path)


def _trained(arranged: list[tuple[Seen, str]], report: Report) -> list[tuple[Seen, str]]:
    """Without classes of which no picture is trained on; classes that lack others are reported."""
    counts: dict[str, Counter] = defaultdict(Counter)
    for one, split in arranged:
        counts[one.named.label][split] += 1
    for label, of in sorted(counts.items()):
        if not of["train"]:
            report.add("untrained", label, f"pictures in other splits {of.total()}")
        elif not of["test"]:
            report.add("few" if of.total() < 3 else "untested", label)
        elif of.total() == 2:
            report.add("few", label)
    return [(one, split) for one, split in arranged if counts[one.named.label]["train"]]
