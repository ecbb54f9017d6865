"""What a claim of the paper is, and how it gets its verdict: from an interval by :func:`verdict`, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from eas_core.evidence.compare import Estimate
from eas_core.evidence.paper import PAPER_DATA
from eas_core.evidence.queries import records_of

HOLDS, FAILS, OPEN, NOT_MEASURED = VERDICTS = ("holds", "does not hold", "inconclusive", "not measured")


class Missing(Exception):
    """Records that this profile does not make; the text says which."""


class Measured(NamedTuple):
    """What records say of a claim; the fields are those of :class:`Claim`."""

    ours: str
    verdict: str
    detail: str
    estimate: Estimate | None = None


@dataclass(frozen=True)
class Claim:
    """One claim of the paper: what it says, how it is judged, and, once it was judged, what the records say about it.

    ``key`` stands for it in code, ``label`` names it in a few words, ``statement`` in a sentence; ``where`` it stands
    in the paper. ``paper`` and ``ours`` are the numbers of both sides as short text, ours with its interval and, after
    a semicolon, what it was measured on; ``detail`` tells more. ``rule`` says how ``verdict``, one of
    ``VERDICTS``, is computed. Claims about a difference of accuracies have an ``estimate`` in points, its
    ``margin`` (points, see :func:`verdict`), and ``paper_points`` where the paper gives that difference as a number.

    ``measure`` makes :class:`Measured` of evidence, or raises :class:`Missing`. ``numbers`` gives the numbers of the
    paper's tables, from the name of its data set: the texts name them in braces until :func:`judged` fills them in
    (``table``, of accuracies, is always among them), and ``points`` becomes ``paper_points``.
    """

    key: str
    label: str
    statement: str
    where: str
    paper: str
    rule: str
    measure: Callable[[list[dict]], Measured]
    numbers: Callable[[str], dict] = lambda data: {}
    margin: float = 0.0
    paper_points: float | None = None
    ours: str = ""
    verdict: str = NOT_MEASURED
    detail: str = ""
    estimate: Estimate | None = None


def verdict(low: float, high: float, margin: float = 0.0) -> str:
    """What an interval says about a claim "above 0", or with a margin (same unit) "not worse than 0 by the margin".

    Whether the interval lies below 0 is asked first, so a shown deficit counts even if it is smaller than the margin;
    then whether it lies above ``-margin``.
    """
    if high < 0:
        return FAILS
    return HOLDS if low > -margin else OPEN


def judged(claim: Claim, evidence: list[dict], data: str) -> Claim:
    """The claim with the paper's numbers on ``data`` filled in, and what the evidence says about it.

    One whose records this profile does not make is "not measured", and ``ours`` says what is missing.
    """
    numbers = {"table": PAPER_DATA[data].table, **claim.numbers(data)}
    texts = {name: getattr(claim, name).format(**numbers) for name in ("label", "statement", "where", "paper", "rule")}
    claim = replace(claim, **texts, paper_points=numbers.get("points", claim.paper_points))
    try:
        return replace(claim, **claim.measure(evidence)._asdict())
    except Missing as missing:
        return replace(claim, ours=str(missing))


def needed(evidence: list[dict], stage: str, q: float | None = None) -> list[dict]:
    """The records of a stage, one a seed in order, of the profile's own supernet or that with drop rate ``q``.

    Raises :class:`Missing` if there are none.
    """
    if not evidence:
        raise Missing("no seed has all the supernets that are compared")
    found = records_of(evidence, stage, q)
    if not found:
        raise Missing(f"no {stage} record" + ("" if q is None else f" for q = {q:g}"))
    return found
