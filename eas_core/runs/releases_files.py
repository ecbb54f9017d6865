"""The files of a release: which there must be, and that each is as published.

``release.json`` is a :class:`Manifest`; it names every other file with its SHA-256. What a release holds says
:mod:`eas_core.runs.releases`.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eas_core.base import files
from eas_core.base.errors import DataError
from eas_core.base.parsing import parse_json

ROOT = Path(__file__).parents[2]
INSTALLED = Path(sys.prefix) / "share" / "eas" / "releases"
FORMAT = 1  # raised when older code cannot read what is written now
MANIFEST, PROFILE, PAIRS, CARD = "release.json", "profile.yaml", "pairs.safetensors", "README.md"


class Manifest(BaseModel):
    """What ``release.json`` says. A file that lacks any of it is damaged."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    #: The number of the format, at most that which this code writes.
    format: Annotated[int, Field(ge=1)]
    #: The profile's name.
    profile: str
    #: The seeds whose records are there, ascending.
    seeds: Annotated[list[int], Field(min_length=1)]
    #: The one of them whose weights are there.
    weights: int
    #: The states of the code that made the records (:func:`eas_core.base.records.code_hash`).
    code: list[str]
    #: The version of every stage behind the records (:mod:`eas_core.settings.stages`).
    versions: dict[str, int]
    #: SHA-256 of every other file by its name.
    files: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*$")], Annotated[str, Field(pattern="^[0-9a-f]{64}$")]]


@dataclass(frozen=True)
class Content:
    """A release as read: its folder, its manifest, and the bytes of files that are as published, by their names."""

    folder: Path
    manifest: Manifest
    files: dict[str, bytes]

    @property
    def name(self) -> str:
        """The name of its folder, which is what the release is called."""
        return self.folder.resolve().name

    def evidence(self) -> list[dict]:
        """What :func:`eas_core.runs.jobs.collect` gave, of each seed whose file was read."""
        names = [name for name in map(seed_file, self.manifest.seeds) if name in self.files]
        found = []
        for name in names:
            try:
                entry = parse_json(self.files[name])
            except ValueError as error:
                raise DataError(f"release: {self.folder / name} is damaged ({files.reason(error)})") from None
            if not isinstance(entry, dict):
                raise DataError(f"release: {self.folder / name} is damaged (it holds no table)")
            found.append(entry)
        return found


def seed_file(seed: int) -> str:
    """The file with the records of a seed."""
    return f"seed-{seed}.json"


def weight_file(stage: str) -> str:
    """The file with the weights of a stage."""
    return f"{stage}.safetensors"


def shipped() -> Path:
    """The folder of the releases that come with the kit: the project's, or where its wheel puts some of them."""
    return INSTALLED if INSTALLED.is_dir() and not (ROOT / "pyproject.toml").is_file() else ROOT / "releases"


def listed() -> list[str]:
    """The names of the releases that come with the kit."""
    return sorted(path.parent.name for path in shipped().glob(f"*/{MANIFEST}"))


def find(name: str | Path) -> Path:
    """The folder of a release: ``releases/<name>`` that comes with the kit, or a path; an unknown one raises :class:`DataError`."""
    for place in (shipped() / name, Path(name), shipped().parent / name):
        try:
            if (place / MANIFEST).is_file():
                return place
            if place.is_dir() and str(name) not in ("", "."):
                raise DataError(f"release: {str(place)!r:.160} has no {MANIFEST}")
        except (OSError, ValueError):  # ValueError: a name with a null character
            continue
    there = f"one of {', '.join(listed())}" if listed() else "in releases/, which has none"
    raise DataError(f"release: {str(name)!r:.160} is not {there}, nor a folder with a {MANIFEST}")


def read_manifest(place: Path) -> Manifest:
    """What ``release.json`` in a folder says; one that is missing, damaged or of a newer format raises :class:`DataError`."""
    path = place / MANIFEST
    found = files.read_json(path, "release")
    number = found.get("format") if isinstance(found, dict) else None
    if isinstance(number, int) and number > FORMAT:
        raise DataError(f"release: {path} has format {number}, this code reads formats up to {FORMAT}; it is too old")
    try:
        manifest = Manifest.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or "it"
        raise DataError(
            f"release: {path} is damaged ({field:.80}: {first['msg'][0].lower()}{first['msg'][1:]})"
        ) from None
    needed = {PROFILE, *map(seed_file, manifest.seeds)}
    if missing := sorted(needed - set(manifest.files)):
        raise DataError(f"release: {path} is damaged (files: there is no {missing[0]})")
    if manifest.weights not in manifest.seeds:
        raise DataError(f"release: {path} is damaged (weights: {manifest.weights} is none of its seeds)")
    return manifest


def read(name: str | Path, only: Iterable[str] | None = None) -> Content:
    """A release with all its files, or ``only`` those named, each compared with its SHA-256.

    An unknown release, a newer format, and a file that is missing or not as published raise :class:`DataError`.
    """
    place = find(name)
    manifest = read_manifest(place)
    found = {}
    for file in manifest.files if only is None else only:
        try:
            found[file] = (place / file).read_bytes()
        except OSError as error:
            raise DataError(f"release: {place / file} cannot be read ({files.reason(error)})") from None
        if file not in manifest.files or hashlib.sha256(found[file]).hexdigest() != manifest.files[file]:
            raise DataError(f"release: {place / file} is not as published, its SHA-256 is another than {MANIFEST} says")
    return Content(place, manifest, found)


def write(place: Path, content: dict[str, bytes], **about: object) -> list[Path]:
    """Write files and then the manifest, with what it says ``about`` the release; returns what was written.

    Files of an earlier release there that it no longer has are removed.
    """
    sums = {name: hashlib.sha256(blob).hexdigest() for name, blob in sorted(content.items())}
    manifest = Manifest.model_validate({"format": FORMAT, **about, "files": sums})
    with files.only_writer(place):
        before = read_manifest(place).files if (place / MANIFEST).exists() else {}
        for name, blob in content.items():
            files.write_atomic(place / name, blob)
        text = json.dumps(manifest.model_dump(), indent=1) + "\n"
        files.write_atomic(place / MANIFEST, text.encode())
        for name in set(before) - set(content):
            (place / name).unlink(missing_ok=True)
    return [place / name for name in (*content, MANIFEST)]
