"""Evidence of a few stages: what one table, figure or claim needs, made where it is missing, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from eas_core.runs import jobs, pipeline
from eas_core.runs.run import Run
from eas_core.settings import schema
from eas_core.settings.stages import lineage


class Need(NamedTuple):
    """A stage, and of which supernets: "own", the profile's; "plain", that with q = 0; "target", that with q = 1;
    "baseline", the plain one or, if the profile has none, its own; "rates", every drop rate."""

    stage: str
    where: str = "own"


def variants(profile: schema.Profile, need: Need) -> Sequence[tuple[float, str]]:
    """The supernets (drop rate, reading of Eq. (A)) for which a profile's jobs make what is needed; maybe none.

    >>> from eas_core.settings import profiles
    >>> variants(profiles.load("demo"), Need("tested-OFA-T", "plain"))
    [(0.0, 'exclude')]
    """
    own = profile.supernet.task_dropout
    made = dict.fromkeys(
        (job.q, job.reading)
        for job in jobs.jobs(profile)
        if need.stage in job.stages and job.reading == own.reading  # other readings are no part of the paper
    )
    rates = {"own": {own.q}, "plain": {0.0}, "target": {1.0}, "baseline": {0.0}, "rates": {q for q, _ in made}}
    found = [variant for variant in made if variant[0] in rates[need.where]]
    return found or ([(own.q, own.reading)] if need.where == "baseline" else [])


def gather(run: Run, needs: Iterable[Need]) -> dict:
    """The evidence of one seed (:func:`eas_core.runs.jobs.collect`) with the stages that are needed only.

    What is not there is made, with the stages that it comes after.
    """
    own = run.profile.supernet.task_dropout
    main = jobs.variant_name(own.q, own.reading, own.reading)
    found: dict[str, dict] = {main: {"q": own.q, "reading": own.reading, "records": {}}}
    for need in needs:
        for q, reading in variants(run.profile, need):
            name = jobs.variant_name(q, reading, own.reading)
            entry = found.setdefault(name, {"q": q, "reading": reading, "records": {}})
            entry["records"][need.stage] = pipeline.record(run.variant(q, reading), need.stage, run)
    return {"seed": run.seed, "profile": run.profile.name, "main": main, "variants": found}


def seconds(entry: dict, needs: Iterable[Need], profile: schema.Profile) -> float:
    """How many seconds all stages behind what is needed took, by the records of one seed's evidence; each counts once."""
    own, counted = entry["variants"][entry["main"]], {}
    for need in needs:
        for q, reading in variants(profile, need):
            for variant in entry["variants"].values():
                if (variant["q"], variant["reading"]) == (q, reading):
                    for stage in lineage(need.stage):
                        shared = stage in ("data", "teacher")  # which all supernets start from
                        records = (own if shared else variant)["records"]
                        if stage in records:
                            counted[stage, None if shared else q] = records[stage]["seconds"]
    return float(sum(counted.values()))
