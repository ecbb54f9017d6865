"""All records behind the paper's tables, figures and claims, seed by seed, and the jobs that make them.

Besides the profile's own supernet there is one for each other drop rate and each other reading of Eq. (A)
(``ablation`` of a profile). Each is a *variant* of the run, named like ``q=0.6`` or ``q=0.6 zero``. The plain supernet
``q=0`` also serves the baselines OFA-V and OFA-T, since once-for-all knows no task dropout.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from eas_core.base.errors import DataError
from eas_core.runs.run import Run, folder
from eas_core.settings import schema
from eas_core.settings.stages import METHODS


@dataclass(frozen=True)
class Job:
    """Stages that one process makes in order, of the variant with drop rate ``q`` and ``reading``; ``after``: job names.

    ``kind`` is the same for all variants, ``name`` tells them apart.
    """

    kind: str
    name: str
    stages: tuple[str, ...]
    q: float
    reading: str
    after: tuple[str, ...]


def variant_name(q: float, reading: str, main_reading: str) -> str:
    """A variant's name: its drop rate, and its reading of Eq. (A) if that is not the profile's own."""
    return f"q={q:g}" if reading == main_reading else f"q={q:g} {reading}"


def searches(kind: str, every_pick: bool) -> tuple[str, ...]:
    """The stages of a job that searches and tests: those of all its methods, each once, then their tests.

    Without ``every_pick`` only what each method chose is tested.
    """
    own = [method for method in METHODS.values() if method.job == kind]
    stages = dict.fromkeys(stage for method in own for stage in method.stages)
    tests = [method.stage_of(pick) for method in own for pick in method.picks if every_pick or pick == "chosen"]
    return (*stages, *tests)


def jobs(profile: schema.Profile) -> list[Job]:
    """The jobs of one seed, in an order in which they can run one after another."""
    own, ablation = profile.supernet.task_dropout, profile.ablation
    wanted = {"EAS": METHODS["EAS"].supernets} | {method.job: method.supernets for method in METHODS.values()}
    planned = [Job("teacher", "teacher", ("teacher",), own.q, own.reading, ())]

    def add(kind: str, stages: tuple[str, ...], q: float, reading: str, *after: str) -> str:
        name = f"{kind} {variant_name(q, reading, own.reading)}"
        # what a job before makes already, it waits for
        shared = [job for job in planned if (job.q, job.reading) == (q, reading) and {*job.stages} & {*stages}]
        made = {stage for job in shared for stage in job.stages}
        left = tuple(stage for stage in stages if stage not in made)
        planned.append(Job(kind, name, left, q, reading, (*after, *(job.name for job in shared))))
        return name

    main = add("supernet", ("supernet",), own.q, own.reading, "teacher")
    eas = add("EAS", searches("EAS", True), own.q, own.reading, main)
    add("results", ("results",), own.q, own.reading, eas)
    for q in sorted({*ablation.q} - {own.q}):
        name = add("supernet", ("supernet",), q, own.reading, "teacher")
        for kind, where in wanted.items():
            if where == "every" or (where == "plain" and q == 0):
                add(kind, searches(kind, False), q, own.reading, name)
    for kind in wanted:
        if kind != "EAS":
            add(kind, searches(kind, True), own.q, own.reading, main)
    for reading in ablation.readings:
        if reading != own.reading:
            name = add("supernet", ("supernet",), own.q, reading, "teacher")
            add("reading", ("tested-same",), own.q, reading, name, eas)
    return planned


def job(profile: schema.Profile, name: str) -> Job:
    """The job of that name; an unknown one raises :class:`DataError` listing what there is."""
    planned = {entry.name: entry for entry in jobs(profile)}
    if name not in planned:
        raise DataError(f"job: {name!r} is not one of {', '.join(planned)}")
    return planned[name]


def keys(run: Run, entry: Job) -> list[str]:
    """What a job's results depend on: the key of each of its stages."""
    variant = run.variant(entry.q, entry.reading)
    return [folder(variant, stage, run).name for stage in entry.stages]


def do(run: Run, entry: Job) -> dict[str, dict]:
    """Make a job's stages that are not there; returns the records of all by stage."""
    from eas_core.runs import pipeline

    return {stage: pipeline.record(run.variant(entry.q, entry.reading), stage, run) for stage in entry.stages}


def _missing(run: Run, entry: Job) -> str | None:
    """The first stage of a job that has no record."""
    variant = run.variant(entry.q, entry.reading)
    return next((s for s in entry.stages if not (folder(variant, s, run) / "record.json").exists()), None)


def finished(run: Run) -> list[Job]:
    """The jobs of the variants that are whole: no record is missing of the variant."""
    planned = jobs(run.profile)
    unfinished = {(entry.q, entry.reading) for entry in planned if _missing(run, entry)}
    return [entry for entry in planned if (entry.q, entry.reading) not in unfinished]


def require(run: Run, partial: bool = False) -> None:
    """Refuse a seed of which a record is missing: :class:`DataError` in one line, with the command that makes it.

    If ``partial``, only the records of the profile's own variant are asked for.
    """
    own = run.profile.supernet.task_dropout
    for planned in jobs(run.profile):
        if partial and (planned.q, planned.reading) != (own.q, own.reading):
            continue
        if stage := _missing(run, planned):
            name = variant_name(planned.q, planned.reading, own.reading)
            root = "" if Path(run.root) == Path("runs") else f" runs={shlex.quote(str(run.root))}"
            raise DataError(
                f"seed {run.seed}: {stage} of {name} is not there for profile {run.profile.name} under {run.root}; "
                f"make it: snakemake -c2 claims --config profile={run.profile.name} seeds={run.seed}{root}"
            )


def collect(run: Run, make: bool = True, partial: bool = False) -> dict:
    """The evidence of one seed, JSON-able.

    ``{"seed", "profile", "main", "variants": {name: {"q", "reading", "records": {stage: record}}}}``; ``main`` names the
    profile's own variant. What is missing is made, or with ``make=False`` raises :class:`DataError` in one line. If
    ``partial`` nothing is made, and variants other than the profile's own that lack a record are left out whole.
    """
    if partial or not make:
        require(run, partial)
    own = run.profile.supernet.task_dropout
    variants: dict[str, dict] = {}
    for planned in finished(run) if partial else jobs(run.profile):
        name = variant_name(planned.q, planned.reading, own.reading)
        entry = variants.setdefault(name, {"q": planned.q, "reading": planned.reading, "records": {}})
        entry["records"] |= do(run, planned)
    main = variant_name(own.q, own.reading, own.reading)
    return {"seed": run.seed, "profile": run.profile.name, "main": main, "variants": variants}
