"""A profile: every setting of a run (:mod:`eas_core.settings.schema`), read from one YAML file and validated.

``load("demo")`` reads ``eas_core/settings/profiles/demo.yaml``; a path to a YAML file works too. ``overrides`` are strings such
as ``supernet.batch_size=64``. An unknown profile, key or impossible value raises :class:`ProfileError` in one line.
"""

from __future__ import annotations

import reprlib
import shlex
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from eas_core.base.errors import ProfileError
from eas_core.base.parsing import parse_yaml
from eas_core.settings import schema
from eas_core.settings.schema import Profile, Settings
from eas_core.space.budget import budget_range

FOLDER = Path(__file__).parent / "profiles"
LARGEST_FILE = 10**6  # bytes


def names() -> list[str]:
    """The profiles that ship with the kit."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load(name: str, overrides: list[str] | tuple[str, ...] = ()) -> Profile:
    """Read and validate a profile by name or path, with ``section.key=value`` overrides applied.

    Raises :class:`ProfileError` in one line, also where a key of the file or an override is given twice, or where settings
    do not fit together: a budget outside the space's range.

    >>> load("demo", ["supernet.batch_size=64"]).supernet.batch_size
    64
    >>> load("demo", ["supernet.batchsize=64"])
    Traceback (most recent call last):
    eas_core.base.errors.ProfileError: profile demo: supernet.batchsize: unknown key; allowed: stages, batch_size, ...
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else FOLDER / f"{name}.yaml"
    try:
        if not path.is_file():
            raise FileNotFoundError
        if path.stat().st_size > LARGEST_FILE:
            raise ProfileError(f"profile: {path} is larger than {LARGEST_FILE} bytes")
        text = path.read_bytes()
    except (OSError, ValueError):  # ValueError: a name with a null character
        raise ProfileError(f"profile: {name!r:.160} is not one of {', '.join(names())}, nor a .yaml file") from None
    try:
        raw = parse_yaml(text)
    except ValueError as error:
        raise ProfileError(f"profile: {path}: {error}") from None
    if not isinstance(raw, dict):
        raise ProfileError(f"profile: {path} must hold sections, found {type(raw).__name__}")
    for number, override in enumerate(overrides):
        _apply(raw, override)
        _refuse_doubled(override, overrides[:number])
    try:
        profile = Profile(**raw)
    except (ValidationError, TypeError) as error:
        raise ProfileError(f"profile {name}: {_one_line(error)}") from None
    _check(profile, name)
    return profile


def differences(one: Profile, other: Profile) -> dict[str, tuple[object, object]]:
    """The settings in which two profiles differ, as ``section.key``, with both values; what only one has is None there."""
    first, second = (_flat(profile.model_dump(mode="json")) for profile in (one, other))
    both = {name: (first.get(name), second.get(name)) for name in [*first, *second]}
    return {name: values for name, values in both.items() if values[0] != values[1]}


def _flat(settings: object, path: str = "") -> dict[str, object]:
    """Every setting as ``section.key``."""
    if not isinstance(settings, dict):
        return {path: settings}
    return {k: v for name, value in settings.items() for k, v in _flat(value, f"{path}.{name}".strip(".")).items()}


def words(overrides: str) -> list[str]:
    """Overrides from one text, as ``make book SET=...`` takes them: separated by blanks, quoted where they hold blanks.

    Quotes and backslashes are a shell's. An open quote raises :class:`ProfileError`.
    """
    try:
        return shlex.split(overrides)
    except ValueError as error:
        raise ProfileError(f"set: {overrides!r:.160} cannot be split into settings ({error})") from None


def _apply(raw: dict[str, Any], override: str) -> None:
    target, separator, text = override.partition("=")
    *sections, last = target.strip().split(".")
    if not separator or not last:
        raise ProfileError(f"override: {override!r:.160} must look like section.key=value")
    model: type[Settings] | None = Profile
    table = raw
    for section in sections:
        field = model.model_fields.get(section) if model else None
        if field and section not in table and isinstance(field.default, Settings):
            table[section] = field.default.model_dump(mode="json")  # a section that the file leaves at its defaults
        kind = field.annotation if field else None
        model = kind if isinstance(kind, type) and issubclass(kind, Settings) else None
        inside = table.get(section)
        if isinstance(inside, list):
            raise ProfileError(f"override: {target!r:.160} points into a list; give the whole list instead")
        if not isinstance(inside, dict):
            raise ProfileError(f"override: {override!r:.160}: there is no section {section!r:.80}")
        table = inside
    try:
        table[last] = parse_yaml(text)
    except ValueError as error:
        raise ProfileError(f"override: {override!r:.160}: {error}") from None


def _refuse_doubled(override: str, others: list[str] | tuple[str, ...]) -> None:
    """A setting is overridden once: neither twice by itself, nor by itself and as a part of its section."""
    target = override.partition("=")[0].strip()
    for other in others:
        before = other.partition("=")[0].strip()
        if f"{target}.".startswith(f"{before}.") or f"{before}.".startswith(f"{target}."):
            name = max(before, target, key=len)
            raise ProfileError(f"override: {name!r:.160} is given twice: {other!r:.160} and {override!r:.160}")


def _one_line(error: ValidationError | TypeError) -> str:
    if isinstance(error, TypeError):
        return f"{str(error):.160}"
    first = error.errors()[0]
    field = f"{'.'.join(map(str, first['loc'])):.160}"
    message = first["msg"][0].lower() + first["msg"][1:]
    if first["type"] == "extra_forbidden":
        message = f"unknown key; allowed: {', '.join(_allowed(first['loc']))}"
    value = "" if first["type"] in ("missing", "extra_forbidden") else f" = {_shown(first['input']):.60}"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{field}{value}: {message}{more}"


def _shown(value: object) -> str:
    """A value in a few words, however large or deep it is."""
    try:
        return reprlib.repr(value)
    except ValueError:  # a whole number of thousands of digits
        return f"a {type(value).__name__} too long to show"


def _allowed(location: tuple[int | str, ...]) -> list[str]:
    model: type[Settings] = Profile
    for part in location[:-1]:
        if isinstance(part, str):
            annotation = model.model_fields[part].annotation
            model = annotation if isinstance(annotation, type) else get_args(annotation)[0]
    return list(model.model_fields)


def wrong_data(data: schema.Data) -> str:
    """What does not fit the data source, in words; nothing if all does."""
    for name in ("train_per_class", "valid_per_class", "test_per_class"):
        value = getattr(data, name)
        if data.source in schema.PACKED and value is not None:
            return f"data.{name} = {value}: must not be given, {data.source}'s splits are as eas prepare packed them"
        if data.source in schema.LISTED and value is not None:
            return f"data.{name} = {value}: must not be given, data.listing says which split a picture is in"
        if data.source not in (*schema.PACKED, *schema.LISTED) and value is None:
            return f"data.{name}: needed for {data.source}, a number of images"
    for name in ("path", "listing", "groups", "digest"):
        given = getattr(data, name) is not None
        if data.source in schema.LISTED and not given:
            return f"data.{name}: needed for {data.source}; eas init FOLDER --out my.yaml writes a profile that has it"
        if name in ("listing", "groups") and given and data.source not in schema.LISTED:
            return f"data.{name}: only for {' and '.join(schema.LISTED)}"
    if data.digest is not None and data.source not in (*schema.PACKED, *schema.LISTED):
        return f"data.digest = {data.digest}: only for {', '.join((*schema.PACKED, *schema.LISTED))}, whose photographs it tells apart"
    return ""


def _check(profile: Profile, name: str) -> None:
    """What one field cannot know about another."""
    if wrong := wrong_data(profile.data):
        raise ProfileError(f"profile {name}: {wrong}")
    low, high = budget_range(profile.search_space())
    b_low, b_high = profile.generator.budget
    span = f"the space spans {low:.2f}-{high:.2f} M multiply-adds"
    if not low <= b_low < b_high <= high:
        raise ProfileError(f"profile {name}: generator.budget = [{b_low:g}, {b_high:g}]: {span}")
    for budget in profile.specialize.budgets:
        if not b_low <= budget <= b_high:
            raise ProfileError(f"profile {name}: specialize.budgets: {budget:g} is not in [{b_low:g}, {b_high:g}]")
    kept, valid = profile.specialize.images_per_class, profile.data.valid_per_class
    if kept is not None and valid is not None and kept >= valid:
        message = f"{kept}, but data.valid_per_class = {valid}, and some must be left to learn from"
        raise ProfileError(f"profile {name}: specialize.images_per_class = {message}")
