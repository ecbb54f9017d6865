"""What a page about methods shows: the release that is named like the profile, which leads, and this run beside it.

A release has more seeds than a run, so its intervals say more of the method. Without one a page shows this run alone and
says so. A book that is built from a release shows that once, as it has no run of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eas_core.base.errors import DataError
from eas_core.evidence import queries
from eas_core.runs import jobs, releases
from eas_core.runs.releases_files import MANIFEST, read_manifest
from eas_core.runs.results import results
from eas_core.runs.run import Run, make_run


@dataclass(frozen=True)
class Shown:
    """Evidence, a list with a dict a seed each (:func:`eas_core.runs.jobs.collect`), and whose it is.

    ``release`` is that of the release ``name``, empty without one; ``here`` that of the runs that the page itself uses,
    which is the release's in a book that is built from it.
    """

    name: str
    release: list[dict]
    here: list[dict]

    @property
    def lead(self) -> list[dict]:
        """What a page shows first, and takes its statements from."""
        return self.release or self.here

    @property
    def beside(self) -> list[dict]:
        """This run's, where a release leads; else empty."""
        return self.here if self.release and self.release is not self.here else []

    def first(self, made: Callable[[list[dict]], Any]) -> tuple[list[dict], Any]:
        """What ``made`` makes of ``lead`` or, where that lacks what it needs (None), of ``beside``; and which of them it was.

        ``([], None)`` if both lack it.
        """
        for evidence in (self.lead, self.beside):
            if evidence and (found := made(evidence)) is not None:
                return evidence, found
        return [], None

    def of(self, seed: int) -> dict[str, dict]:
        """``{stage: record}`` of one seed of the runs that the page uses, in the profile's own variant."""
        (entry,) = (entry for entry in self.here if entry["seed"] == seed)
        records: dict[str, dict] = queries.main_variant(entry)["records"]
        return records


def shown(
    profile: str, seed: int, runs: str | Path, overrides: Sequence[str] = (), seeds: Sequence[int] | None = None
) -> Shown:
    """What a page shows whose parameters these are; ``seeds`` are all that it shows of its runs, by default ``seed`` alone.

    What is missing of ``seed`` is made, of others it raises :class:`DataError`. Runs that were restored from a release
    (:func:`eas_core.runs.releases.restore`) are that release's, and nothing is made.
    """
    asked = [make_run(profile, number, runs, list(overrides)) for number in seeds or [seed]]
    if (Path(runs) / MANIFEST).is_file():
        evidence = [jobs.collect(run, partial=True) for run in asked]
        return Shown(_restored(runs), evidence, evidence)
    evidence = [jobs.collect(run, make=run.seed == seed) for run in asked]
    return Shown(asked[0].profile.name, _leading(asked[0], evidence), evidence)


def of_run(run: Run) -> Shown:
    """What a page shows that needs no more of this run than its ``results``: that record alone, and the release's evidence."""
    if (Path(run.root) / MANIFEST).is_file():
        seeds = read_manifest(Path(run.root)).seeds
        evidence = [jobs.collect(replace(run, seed=seed), partial=True) for seed in seeds]
        return Shown(_restored(run.root), evidence, evidence)
    own = run.profile.supernet.task_dropout
    name = jobs.variant_name(own.q, own.reading, own.reading)
    variant = {"q": own.q, "reading": own.reading, "records": {"results": results(run)}}
    entry = {"seed": run.seed, "profile": run.profile.name, "main": name, "variants": {name: variant}}
    return Shown(run.profile.name, _leading(run, [entry]), [entry])


def _leading(run: Run, here: list[dict]) -> list[dict]:
    """The :func:`eas_core.runs.releases.published` release of a run's profile; [] too if it is of other tasks.

    If its records are those of ``here``, the run that it was published from, it is ``here``: to be shown once. A supernet
    that fewer than :data:`~eas_core.runs.releases.SEVERAL` seeds have does not lead: it is left out.
    """
    release = releases.published(run.profile.name)
    found = queries.records_of(release, "specialized") if release else []
    if any(queries.tasks_of(record) != list(run.tasks.names) for record in found):
        return []
    if release == here:
        return here
    made = Counter(name for entry in release for name in entry["variants"])
    led = {name for name, seeds in made.items() if seeds >= releases.SEVERAL}
    return [{**entry, "variants": {n: v for n, v in entry["variants"].items() if n in led}} for entry in release]


def _restored(root: str | Path) -> str:
    """The name of the release that was restored to a folder."""
    return Path(root).resolve().name.rpartition("-")[0]


def several(page: Shown, seeds: int = 2, rates: int = 1) -> list[dict]:
    """Evidence for exercises, of at least so many ``seeds`` that all have at least so many drop ``rates``.

    The page's own, or else the demo's release. Raises :class:`DataError` if none is enough.
    """
    for evidence in _candidates(page):
        if rates > 1 and evidence:
            drop = queries.rates_of(evidence)
            evidence = queries.having(evidence, drop) if len(drop) >= rates else []
        if len(evidence) >= seeds:
            return evidence
    more = f" with {rates} drop rates" if rates > 1 else ""
    raise DataError(f"release: demo is not there or has fewer than {seeds} seeds{more}, which an exercise needs")


def with_readings(page: Shown) -> list[dict]:
    """The evidence that compares both readings of Eq. (A), of the most seeds first; the page's own if none does."""
    for evidence in (page.lead, page.here, _former("demo-readings")):
        if evidence and queries.other_readings(evidence):
            return evidence
    return page.lead


def _candidates(page: Shown) -> Iterator[list[dict]]:
    """Evidence in the order in which exercises take it, read when it is asked for."""
    yield page.lead
    yield page.here
    yield releases.published("demo")
    yield _former("demo-3-seeds")


def _former(name: str) -> list[dict]:
    """The evidence of a release from before :mod:`eas_core.runs.releases`; [] where there is none of that name."""
    place = releases.releases_files.shipped() / name
    return releases.read_evidence(place) if place.is_dir() else []
