"""The hold-out: 10,000 of the training photographs become the validation set (section 4 of the paper)."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping

HOLD_OUT = 10_000  # photographs of all classes together


def hold_out(names: Mapping[str, Collection[str]], seed: int, total: int = HOLD_OUT) -> list[str]:
    """The sorted names of the photographs that are held out.

    Of each class those whose SHA-256 of ``seed/name`` is lowest: a fixed random order of names. It depends on nothing
    but names and seed, so neither the order of reading nor a library's generator matters, and a photograph that one
    copy of ImageNet lacks moves no other photograph of its class but the one that takes its place.

    Args:
        names: {class: names of its photographs}, each name once.
        seed: any whole number; another seed holds out others.
        total: how many of all classes together; no class gives more than half of its photographs.
    """
    share = quotas({label: len(group) for label, group in names.items()}, seed, total)
    chosen = (sorted(group, key=lambda name: _draw(seed, name))[: share[label]] for label, group in names.items())
    return sorted(name for group in chosen for name in group)


def quotas(sizes: Mapping[str, int], seed: int, total: int = HOLD_OUT) -> dict[str, int]:
    """How many photographs each class gives: as equal as possible, and never more than half of a class.

    Of 60 classes 40 give 167 and 20 give 166; which ones is drawn from the seed.
    """
    room = {label: size // 2 for label, size in sizes.items()}
    share = dict.fromkeys(sizes, 0)
    left = min(total, sum(room.values()))
    while left:
        free = [label for label in share if share[label] < room[label]]
        step = min(left // len(free), *(room[label] - share[label] for label in free))
        if step == 0:  # fewer photographs than classes are left
            free, step = sorted(free, key=lambda label: _draw(seed, label))[:left], 1
        for label in free:
            share[label] += step
        left -= step * len(free)
    return share


def _draw(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}/{name}".encode()).digest()
