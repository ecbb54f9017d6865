"""Releases from before :mod:`eas_core.runs.releases`: kept as long as a page of the book still shows one.

``releases/<name>/`` held one of two things:

- the records, weights and exact profile of one run, one file a stage (:func:`read`);
- the evidence of several seeds, all records but no weights, one file a seed (:func:`publish_evidence`,
  :func:`read_evidence`).

Whoever removes the last of them removes this module, its line in :mod:`eas_core.runs.releases`, ``read_release`` in
``eas_core/__init__.pyi``, and ``--out`` of ``eas claims``.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from pathlib import Path

from eas_core.base import files, records
from eas_core.base.errors import DataError
from eas_core.data import sources
from eas_core.data.tasks import TaskSet
from eas_core.settings import profiles, schema
from eas_core.settings.stages import NO_RESULT

ROOT = Path(__file__).parents[2]
STAGES = ("teacher", "supernet", "generator", "specialized", "results")


def folder(release: str | Path) -> Path:
    """A release's folder: as given, or else relative to the project, so that notebooks work from any directory."""
    path = Path(release)
    return path if path.is_absolute() or path.exists() else ROOT / path


def read(release: str | Path) -> dict[str, dict]:
    """``{stage: record}`` of a release; a record that is missing or damaged raises :class:`DataError`.

    >>> records = read("releases/tiny-imagenet-10-cpu")
    >>> list(records), sorted(records["results"])
    (['teacher', 'supernet', 'generator', 'specialized', 'results'],
     ['kind', 'provenance', 'result', 'seconds', 'settings'])
    """
    return {stage: records.read_record(folder(release) / f"{stage}.json", stage) for stage in STAGES}


def publish_evidence(evidence: list[dict], target: Path) -> list[Path]:
    """Write the evidence of each seed (:func:`eas_core.runs.jobs.collect`) into a folder; returns what was written."""
    paths = []
    for entry in evidence:
        paths.append(Path(target) / f"seed-{entry['seed']}.json")
        files.write_atomic(paths[-1], (json.dumps(entry, separators=(",", ":")) + "\n").encode())
    return paths


def read_evidence(release: str | Path) -> list[dict]:
    """The evidence of a release, by seed; a missing or damaged file raises :class:`DataError`."""
    paths = sorted(folder(release).glob("seed-*.json"), key=lambda path: (len(path.name), path.name))
    if not paths:
        raise DataError(f"release: {release} holds no seed-*.json")
    evidence = []
    for path in paths:
        entry = files.read_json(path, "release")
        if not isinstance(entry, dict):
            raise DataError(f"release: {path} is damaged (it holds no table)")
        evidence.append(entry)
    return evidence


def digest(release: str | Path) -> str:
    """SHA-256 of the results record, which identifies the published numbers."""
    return hashlib.sha256((folder(release) / "results.json").read_bytes()).hexdigest()


def tasks(record: dict) -> TaskSet:
    """The tasks that a record is about."""
    return sources.task_set(schema.Data(**record["settings"]["data"]))


def command(record: dict, profile: str, path: str = "FILE.zip") -> str:
    """The command that repeats a run: ``profile`` plus the settings in which the record differs from it."""
    settings, now = record["settings"], profiles.load(profile)
    plain = now.dump(*(name for name in settings if name in type(now).model_fields))
    recorded = {name: _in_full(getattr(now, name), settings[name]).model_dump(mode="json") for name in plain}
    sets = [f"data.path={path}", *(f"{key}={value}" for key, value in _differences(plain, recorded))]
    parts = ["eas", "run", "--profile", profile, "--seed", str(settings["seed"])]
    lines = [shlex.join(parts), *(f"    --set {shlex.quote(entry)}" for entry in sets)]
    return " \\\n".join(lines)


def _in_full(now: schema.Settings, recorded: dict) -> schema.Settings:
    """A record's settings in today's terms: one that is newer than the record is at its default, or as it is ``now``.

    A default is what was done before there was the setting. What is no setting any more is left out.
    """
    full = {}
    for name, field in type(now).model_fields.items():
        value = getattr(now, name)
        if name not in recorded:
            full[name] = value if field.is_required() else field.get_default()
        else:
            nested = isinstance(value, schema.Settings)
            full[name] = _in_full(value, recorded[name]) if nested else recorded[name]
    return type(now)(**full)


def _differences(plain: dict, recorded: dict, prefix: str = "") -> list[tuple[str, str]]:
    """``section.key`` and JSON value of every setting that is not the profile's."""
    found = []
    for name, value in plain.items():
        key, other = prefix + name, recorded[name]
        if isinstance(value, dict):
            found += _differences(value, other, key + ".")
        elif other != value and key not in NO_RESULT:
            found.append((key, json.dumps(other)))
    return found
