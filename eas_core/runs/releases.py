"""A release: the records of several seeds, the weights of one, and the exact profile, so that nothing has to be trained.

``releases/<name>/`` holds

- ``release.json``: the format, the profile's name, the seeds and which one's weights are there, the code and the versions
  of stages behind the records, and the SHA-256 of every other file (:class:`eas_core.runs.releases_files.Manifest`);
- ``profile.yaml``, every setting, and ``seed-<n>.json``, all records of a seed (:func:`eas_core.runs.jobs.collect`);
- ``<stage>.safetensors``, weights of one seed: of every stage of the profile's own variant that trains, but the teacher;
- ``pairs.safetensors`` and ``pairs.csv``, all architecture-accuracy pairs (:mod:`eas_core.runs.releases_pairs`);
- ``README.md``, the model card, made from the records (:mod:`eas_core.show.release_card`).

:func:`load` gives what a user needs in Python. :func:`restore` puts records and weights where a run has them, so that all
else, commands and notebooks, finds its stages finished. :mod:`eas_core.runs.releases_publish` makes a release.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from eas_core.base import files, records
from eas_core.base.errors import DataError, EASError, ProfileError
from eas_core.data.tasks import TaskSet
from eas_core.runs import jobs, releases_files, releases_pairs
from eas_core.runs.releases_files import MANIFEST, PAIRS, PROFILE, Content, weight_file
from eas_core.runs.releases_old import (  # noqa: F401 - of older releases, for pages that show them; goes with that module
    command,
    digest,
    publish_evidence,
    read,
    read_evidence,
    tasks,
)
from eas_core.runs.run import Run, plan
from eas_core.runs.run import folder as stage_folder
from eas_core.settings import profiles, schema
from eas_core.settings.stages import STAGES

if TYPE_CHECKING:
    import eas_core.network.generator
    import eas_core.network.supernet
    import eas_core.search.predictor

NOT_SHIPPED = ("teacher",)  # it has done its work
#: Seeds of a release that leads on the pages about methods.
SEVERAL = 3


@dataclass(frozen=True, eq=False)
class Release:
    """A release in memory: trained networks in eval mode, and the records behind them.

    ``supernet``, ``generator`` and ``predictor`` (None if this release has none) are those of ``seed``; ``evidence`` has
    the records of all ``seeds`` (:func:`eas_core.runs.jobs.collect`).
    """

    name: str
    profile: schema.Profile
    seeds: tuple[int, ...]
    seed: int
    tasks: TaskSet
    supernet: eas_core.network.supernet.Supernet
    generator: eas_core.network.generator.ArchitectureGenerator
    predictor: eas_core.search.predictor.AccuracyPredictor | None
    evidence: tuple[dict, ...]

    @property
    def records(self) -> dict[str, dict]:
        """``{stage: record}`` of ``seed``, in the profile's own variant."""
        return _own_records(self.evidence[self.seeds.index(self.seed)])


def load(name: str | Path, device: str = "auto") -> Release:
    """A release by its name in ``releases/``, or by its path: its networks, its tasks, its profile and its records.

    Needs no network and trains nothing. Every file is compared with its SHA-256 first. An unknown release, a file that is
    missing or not as published, a newer format, and one that other versions of stages made raise :class:`DataError`.

    >>> import torch
    >>> release = load("releases/smoke")  # or load("demo")
    >>> release.tasks.names[0], release.seeds, release.records["teacher"]["kind"]
    ('polygons', (0,), 'teacher')
    >>> logits = release.generator(torch.tensor([0]), torch.tensor([3.0]))  # task 0, 3 million multiply-adds: 90 gates
    >>> logits.shape
    torch.Size([1, 90])
    """
    from eas_core.runs.ofa import predictor
    from eas_core.runs.trained import generator, supernet

    content = releases_files.read(name)
    with TemporaryDirectory() as root:
        run = restore(content, root, [content.manifest.weights], device=device).ready()
        networks = supernet(run)[0].eval(), generator(run)[0].eval()
        predicts = predictor(run)[0].eval() if weight_file("predictor") in content.files else None
    seeds = tuple(content.manifest.seeds)
    evidence = tuple(content.evidence())
    return Release(content.name, run.profile, seeds, run.seed, run.tasks, *networks, predicts, evidence)


def published(name: str) -> list[dict]:
    """The evidence, a dict a seed, of a release that comes with the project and has at least :data:`SEVERAL` seeds, or [].

    A release named like a profile then has more seeds than a run: pages about methods show it first
    (:mod:`eas_core.runs.shown`). With two seeds an interval over seeds is 12.7 standard errors wide on either side, which
    shows nothing. What is damaged raises :class:`DataError`.

    >>> published("no-such-release")
    []
    """
    if name not in releases_files.listed():
        return []
    manifest = releases_files.read_manifest(releases_files.find(name))
    if len(manifest.seeds) < SEVERAL:
        return []
    return releases_files.read(name, [PROFILE, *map(releases_files.seed_file, manifest.seeds)]).evidence()


def restore(
    release: str | Path | Content,
    root: str | Path = "runs",
    seeds: Sequence[int] | None = None,
    overrides: Sequence[str] = (),
    device: str = "auto",
    progress: bool = True,
) -> Run:
    """The run of a release's weights, with records and weights where a run has them: nothing that it made is made again.

    They lie in a folder of their own below ``root``, apart from what was trained there, since not all weights that the
    records speak of are published. ``seeds`` are those whose records are wanted, by default all. Of settings only
    ``data.path`` can be given, where the photographs lie. Raises what :func:`load` does.
    """
    content = release if isinstance(release, Content) else releases_files.read(release)
    _check_versions(content)
    check_settings(overrides)
    manifest, own = content.manifest, place(content, root)
    run = plan(str(content.folder / PROFILE), manifest.weights, own, list(overrides), device, progress=progress)
    wanted = set(manifest.seeds if seeds is None else seeds)
    entries = {entry["seed"]: entry for entry in content.evidence()}
    if manifest.weights in wanted:
        for stage in STAGES:
            if weight_file(stage) in content.files and stage != "pairs":
                _put(run.folder(stage) / "weights.safetensors", content.files[weight_file(stage)])
    if PAIRS in content.files:
        for (seed, variant), block in releases_pairs.from_file(content.folder / PAIRS).items():
            if seed in wanted:
                entry = entries[seed]["variants"][variant]
                target = replace(run, seed=seed).variant(entry["q"], entry["reading"]).folder("pairs")
                records.save_tensors(target / releases_pairs.FILE, block, {"stage": "pairs"})
    for seed in sorted(wanted):
        write_records(replace(run, seed=seed), entries[seed])  # last: where a record is, a stage is complete
    _put(own / MANIFEST, (content.folder / MANIFEST).read_bytes())  # says that these runs are a release's
    return run


def write_records(run: Run, entry: dict) -> None:
    """Write the records of one seed's evidence to where the run has them."""
    for variant in entry["variants"].values():
        own = run.variant(variant["q"], variant["reading"])
        for stage, record in variant["records"].items():
            text = json.dumps(record, indent=1) + "\n"
            _put(stage_folder(own, stage, run) / "record.json", text.encode())


def place(content: Content, root: str | Path) -> Path:
    """The folder below ``root`` that a release is restored to; another one as soon as any of its files changes."""
    return Path(root) / "releases" / f"{content.name}-{records.key(content.manifest.files)}"


def for_book(name: str | Path, root: str | Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """What ``make book FROM=name`` builds the book of: ``profile``, ``seed``, ``seeds`` and ``runs``, as notebooks take them.

    The profile is the one of that name which comes with the kit if that is the same, or else the release's file. Besides
    what :func:`load` refuses, so is a release without all records of the profile's own variant. Of other variants, which
    only some of its seeds may have, the pages show what is there.
    """
    content = releases_files.read(name)
    _check_versions(content)
    check_settings(overrides)
    profile = profile_of(content)
    planned = jobs.jobs(profile)
    own = profile.supernet.task_dropout
    for entry in content.evidence():
        for job in planned:
            if (job.q, job.reading) != (own.q, own.reading):
                continue
            variant = jobs.variant_name(job.q, job.reading, own.reading)
            there = entry["variants"].get(variant, {"records": {}})["records"]
            if missing := [stage for stage in job.stages if stage not in there]:
                raise DataError(f"release: {content.name} has no {missing[0]} of {variant} for seed {entry['seed']}")
    manifest = content.manifest
    return {
        "profile": _shipped(content, profile),
        "seed": manifest.weights,
        "seeds": manifest.seeds,
        "runs": str(place(content, root)),
    }


def profile_of(content: Content) -> schema.Profile:
    """The profile of a release."""
    return profiles.load(str(content.folder / PROFILE))


def _shipped(content: Content, profile: schema.Profile) -> str:
    """The name of the profile that comes with the kit if a release's is the same, or else the release's file."""
    try:
        if profiles.load(content.manifest.profile) == profile:
            return content.manifest.profile
    except ProfileError:
        pass  # a profile of the user's own
    path = content.folder / PROFILE
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _check_versions(content: Content) -> None:
    """Refuse a release that other versions of stages made: this code would look for its records elsewhere."""
    for stage, number in content.manifest.versions.items():
        now = STAGES[stage].version if stage in STAGES else None
        if now != number:
            here = "does not know it" if now is None else f"has version {now}"
            made = f"made by version {number} of the stage {stage}, this code {here}"
            raise DataError(f"release: {content.name} was {made}; use the code it was made by ({_states(content)})")


def check_settings(overrides: Sequence[str]) -> None:
    """Refuse other settings than a release's, but for where photographs lie."""
    if other := [text for text in overrides if text.partition("=")[0].strip() != "data.path"]:
        raise EASError(f"set: {other[0]!r:.160}: the settings of a release are fixed, all but data.path")


def _states(content: Content) -> str:
    return f"state {', '.join(content.manifest.code)}"


def _own_records(entry: dict) -> dict[str, dict]:
    """``{stage: record}`` of one seed's evidence, in the profile's own variant."""
    found: dict[str, dict] = entry["variants"][entry["main"]]["records"]
    return found


def trained_stages(entry: dict) -> list[str]:
    """The stages of the profile's own variant whose weights a release ships: they trained, so their result has a curve."""
    own = _own_records(entry)
    return [stage for stage, record in own.items() if "curve" in record["result"] and stage not in NOT_SHIPPED]


def _put(path: Path, content: bytes) -> None:
    """Write a file unless it is there with this content."""
    if not path.is_file() or path.read_bytes() != content:
        files.write_atomic(path, content)
