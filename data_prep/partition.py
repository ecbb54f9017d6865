"""Splits of labelled arrays: training, validation and test, disjoint and the same for a seed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from eas_core.base.errors import DataError

Labelled = tuple[np.ndarray, np.ndarray]  # images uint8 (n, 3, r, r), labels int64 (n,)


def partition(pool: Labelled, test: Labelled, per_class: Mapping[str, int], seed: int) -> dict[str, Labelled]:
    """The three splits of a data set that comes with a ``pool`` to train on and a ``test`` set, each sorted by class.

    ``per_class`` says how many images of a class each split has, ``{"train": 400, "valid": 100, "test": 50}``. More
    than a class has raises :class:`DataError`.
    """
    for names, labels in ((("train", "valid"), pool[1]), (("test",), test[1])):
        wanted, smallest = sum(per_class[name] for name in names), np.bincount(labels).min()
        if wanted > smallest:
            asked = " + ".join(f"data.{name}_per_class" for name in names)
            raise DataError(f"{asked} = {wanted}, but a class has only {smallest} images")
    train, valid = hold_out(pool[1], per_class["valid"], seed)
    train = np.concatenate([train[pool[1][train] == c][: per_class["train"]] for c in np.unique(pool[1])])
    kept = np.concatenate([np.flatnonzero(test[1] == c)[: per_class["test"]] for c in np.unique(test[1])])
    return {
        "train": (pool[0][train], pool[1][train]),
        "valid": (pool[0][valid], pool[1][valid]),
        "test": (test[0][kept], test[1][kept]),
    }


def hold_out(labels: np.ndarray, per_class: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Disjoint indices (train, valid): ``per_class`` random images of each class are held out, the same for a seed."""
    rng = np.random.default_rng([seed, 0x5EED])
    valid = np.concatenate([rng.permutation(np.flatnonzero(labels == c))[:per_class] for c in np.unique(labels)])
    valid.sort()
    return np.setdiff1d(np.arange(len(labels)), valid), valid
