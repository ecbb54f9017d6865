"""Random numbers: every draw has a generator of its own, named after what it is for."""

from __future__ import annotations

import hashlib

import torch


def rng(seed: int, *name: str | int) -> torch.Generator:
    """A generator for one named purpose, e.g. ``rng(seed, "supernet", "augment", step)``.

    Every random draw of the kit comes from one of these. Since they are made anew from names and step numbers, a run
    that is continued draws exactly what an undisturbed one would have drawn.
    """
    text = "/".join(map(str, (seed, *name)))
    return torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big"))
