"""Whose records a page shows, in words: those of a release, of this run, or of other published seeds."""

from __future__ import annotations

from eas_core.evidence.words import counted, listed
from eas_core.runs.releases import SEVERAL
from eas_core.runs.shown import Shown


def whose(page: Shown, evidence: list[dict] | None = None) -> str:
    """Whose an evidence is, by default what leads: ``release demo, 8 seeds``, or ``this run, seed 0``.

    What belongs to neither comes from another release: ``published seeds of the profile demo, 3 seeds``.
    """
    evidence = page.lead if evidence is None else evidence
    seeds = counted(len(evidence), "seed")
    if _among(evidence, page.release):
        return f"release {page.name}, {seeds}"
    if _among(evidence, page.here):
        return _this_run(evidence)
    return f"published seeds of the profile {evidence[0]['profile']}, {seeds}"


def _among(evidence: list[dict], others: list[dict]) -> bool:
    return {id(entry) for entry in evidence} <= {id(entry) for entry in others}


def _this_run(evidence: list[dict]) -> str:
    numbers = listed([str(entry["seed"]) for entry in evidence])
    return f"this run, seed{'s' if len(evidence) > 1 else ''} {numbers}"


def source(page: Shown, evidence: list[dict]) -> str:
    """A Markdown line above what need not come from what leads; ``evidence`` as :meth:`~eas_core.runs.shown.Shown.first` gives it.

    How many of a release's seeds have what is compared, what follows says itself.
    """
    if not evidence:
        return "*Nothing to compare here: the supernets for it were not trained.*"
    if page.release and _among(evidence, page.release):
        return f"*Shown: release {page.name}.*"
    lacking = f"; release {page.name} has fewer than {SEVERAL} seeds of what is compared here" if page.release else ""
    return f"*Shown: {whose(page, evidence)}{lacking}.*"


def lead(page: Shown) -> str:
    """Whose records a page shows first and whose beside them, in one or two Markdown sentences."""
    if not page.release:
        return (
            f"*Shown: {whose(page)} of the profile `{page.name}`. A release of that profile, with {SEVERAL} seeds or more "
            f"and of the same tasks, would lead here; there is none (`releases/{page.name}`).*"
        )
    numbers = ", ".join(str(entry["seed"]) for entry in page.release)
    of = f"{whose(page, page.release)} ({numbers})"
    text = (
        f"Shown first: {of}; beside it {_this_run(page.beside)}." if page.beside else f"Shown: {of}, and no other run."
    )
    differs = " The release's settings, which may differ from this run's, are in its model card." if page.beside else ""
    return f"*{text}{differs}{_partly(page)}*"


def _partly(page: Shown) -> str:
    """Which supernets only some seeds of the release have, and which too few of them but this run."""
    made = [name for entry in page.release for name in entry["variants"]]
    some = [f"{name} for {made.count(name)}" for name in dict.fromkeys(made) if made.count(name) < len(page.release)]
    text = ""
    if some:
        text = (
            f" Of its {len(page.release)} seeds not all have every supernet ({', '.join(some)}): what is compared is always "
            "of the seeds that have all of it."
        )
    own = dict.fromkeys(name for entry in page.beside for name in entry["variants"])
    missing = [name for name in own if name not in made]
    if missing:
        text += (
            f" Fewer than {SEVERAL} of its seeds have a supernet with {listed(missing)}: what needs "
            f"{'it' if len(missing) == 1 else 'them'} comes from this run and says so."
        )
    return text
