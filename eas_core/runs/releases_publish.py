"""Makes a release of finished runs, or adds their seeds to one: everything of :mod:`eas_core.runs.releases`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

from eas_core.base import records
from eas_core.base.errors import CheckpointError, DataError, EASError
from eas_core.base.files import reason
from eas_core.data import sources
from eas_core.runs import jobs, releases_files, releases_pairs
from eas_core.runs.releases import profile_of, trained_stages
from eas_core.runs.releases_files import CARD, MANIFEST, PAIRS, PROFILE, Content, seed_file, weight_file
from eas_core.runs.run import Run
from eas_core.settings import schema
from eas_core.settings.profiles import differences

#: Makes the model card from the release's name, its evidence, its profile, the seed of the weights, and all file names.
Card = Callable[[str, list[dict], schema.Profile, int, list[str]], str]


def publish(
    runs: Sequence[Run], target: Path, card: Card, weights: int | None = None, partial: bool = False
) -> list[Path]:
    """Publish finished runs, one a seed, into the folder ``target``; returns what was written.

    A release that is there already keeps its other seeds, if profile and versions of stages are the same; else
    :class:`DataError` says what differs. ``weights`` is the seed whose weights are published: by default the one whose
    weights are there, or else the first. An unfinished run raises :class:`DataError`; if ``partial``, only one whose own
    variant is unfinished does, and other variants that are not finished are left out, to be published later. What is
    refused changes no file.
    """
    target = Path(target)
    for run in runs:
        jobs.require(run, partial)
    fresh = {run.seed: jobs.collect(run, make=False, partial=partial) for run in runs}
    published = _published_profile(runs[0])
    versions = _versions(list(fresh.values()))
    before, evidence = None, dict(fresh)
    if (target / MANIFEST).exists():
        before = _kept(target, set(fresh), weights)
        _refuse_differences(before, published, versions)
        evidence |= {entry["seed"]: entry for entry in before.evidence()}
    chosen = weights if weights is not None else before.manifest.weights if before else runs[0].seed
    seeds = sorted(evidence)
    if chosen not in seeds:
        raise EASError(f"--weights: {chosen} is not one of the seeds {', '.join(map(str, seeds))}")
    entries = [evidence[seed] for seed in seeds]

    content = {PROFILE: profile_text(runs[0]).encode()}
    for seed in seeds:
        kept = before.files.get(seed_file(seed)) if before else None
        content[seed_file(seed)] = kept or (json.dumps(evidence[seed], separators=(",", ":")) + "\n").encode()
    content |= _weights(evidence[chosen], {run.seed: run for run in runs}.get(chosen), before)
    blocks = {} if before is None or PAIRS not in before.files else releases_pairs.from_file(target / PAIRS)
    blocks = {block: table for block, table in blocks.items() if block[0] not in fresh}
    for run in runs:
        blocks |= releases_pairs.blocks_of(run, fresh[run.seed])
    if blocks := dict(sorted(blocks.items())):
        content |= {PAIRS: releases_pairs.to_bytes(blocks), "pairs.csv": releases_pairs.to_csv(blocks, runs[0])}
    name = target.resolve().name
    content[CARD] = card(name, entries, published, chosen, sorted([*content, CARD, MANIFEST])).encode()
    about = {"profile": published.name, "seeds": seeds, "weights": chosen, "code": _states(entries)}
    return releases_files.write(target, content, **about, versions=versions)


def profile_text(run: Run) -> str:
    """The exact profile of a run as the text of a YAML file."""
    return str(yaml.safe_dump(_published_profile(run).model_dump(mode="json"), sort_keys=False, width=120))


def _published_profile(run: Run) -> schema.Profile:
    """The run's profile without where photographs lie, but with which they are."""
    where = {"path": None, "digest": sources.pack_digest(run.profile.data)}
    return run.profile.model_copy(update={"data": run.profile.data.model_copy(update=where)})


def _records(evidence: list[dict]) -> list[dict]:
    variants = [variant for entry in evidence for variant in entry["variants"].values()]
    return [record for variant in variants for record in variant["records"].values()]


def _versions(evidence: list[dict]) -> dict[str, int]:
    """The version of every stage behind the records."""
    found: dict[str, int] = {}
    for record in _records(evidence):
        found |= record["provenance"]["stages"]
    return dict(sorted(found.items()))


def _states(evidence: list[dict]) -> list[str]:
    return sorted({record["provenance"]["code"] for record in _records(evidence)})


def _kept(target: Path, fresh: set[int], weights: int | None) -> Content:
    """The release in a folder, with the files that stay as they are: those of seeds that are not published anew."""
    manifest = releases_files.read_manifest(target)
    only = [PROFILE, *(seed_file(seed) for seed in manifest.seeds if seed not in fresh)]
    if len(only) > 1:
        only += [name for name in (PAIRS,) if name in manifest.files]
    if manifest.weights not in fresh and weights in (None, manifest.weights):
        only += [name for name in manifest.files if name.endswith(".safetensors") and name != PAIRS]
    return releases_files.read(target.resolve(), only)


def _refuse_differences(before: Content, profile: schema.Profile, versions: dict[str, int]) -> None:
    there = before.manifest.versions
    changed = {name: (there.get(name), versions.get(name)) for name in [*there, *versions]}
    for what, found in (("profile", differences(profile_of(before), profile)), ("versions of stages", changed)):
        for name, (old, new) in found.items():
            if old != new:
                values = f"{name} is {old!s:.60} there, {new!s:.60} here"
                raise DataError(f"release: {before.folder} is of another {what}: {values}; publish into another folder")


def _weights(entry: dict, run: Run | None, before: Content | None) -> dict[str, bytes]:
    """The files of weights of one seed: of its run, or those that are published already."""
    found = {}
    for stage in trained_stages(entry):
        name = weight_file(stage)
        if run is None:
            if before is None or name not in before.files:
                raise DataError(f"--weights: the weights of seed {entry['seed']} are not there; give it in --seeds too")
            found[name] = before.files[name]
            continue
        path = run.folder(stage) / "weights.safetensors"
        records.load_tensors(path)  # refuses what is damaged
        try:
            found[name] = path.read_bytes()
        except OSError as error:
            raise CheckpointError(f"weights: {path} cannot be read ({reason(error)})") from None
    return found
