"""Whether evidence can be judged: one profile, every variant with the same records, nothing damaged or made up."""

from __future__ import annotations

import reprlib
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from eas_core.base.errors import DataError, SpaceError
from eas_core.evidence import queries
from eas_core.search.evaluate import unpack
from eas_core.settings.stages import STAGES, TESTED
from eas_core.space.search_space import Architecture


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)


Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


class _Dropout(_Model):
    q: Fraction
    reading: str


class _Record(_Model):
    kind: str
    settings: dict
    result: dict
    seconds: NotNegative
    provenance: dict


class _Provenance(_Model):
    code: str = ""
    stages: dict[str, int] = {}


class _Variant(_Dropout):
    records: dict[str, dict]


class _Seed(_Model):
    seed: int
    profile: str
    main: str
    variants: dict[str, _Variant]


class _Row(_Model):
    task: str
    budget: Positive
    madds: Positive
    architecture: dict


class _Rows(_Model):
    rows: Annotated[list[_Row], Field(min_length=1)]


class _ScoredRow(_Row):
    accuracy: Fraction
    n: Annotated[int, Field(ge=2)]


class _TestedRow(_ScoredRow):
    correct: str


class _Tested(_Model):
    rows: Annotated[list[_TestedRow], Field(min_length=1)]
    test_digest: str


class _SearchSeconds(_Model):
    scenarios: Count
    forward: Positive
    with_sampling: Positive


class _Specialized(_Rows):
    search_seconds: _SearchSeconds


class _Step(_Model):
    step: Count


class _Curve(_Model):
    curve: Annotated[list[_Step], Field(min_length=1)]


class _Trained(_Curve):
    peak_memory_bytes: NotNegative


class _EvolvedRow(_Row):
    method: str


class _Evolved(_Model):
    rows: Annotated[list[_EvolvedRow], Field(min_length=1)]


class _Comparison(_Model):
    budget: Positive
    random_accuracy: list[Fraction]
    random_by_task: list[list[Fraction]]
    random_madds: list[Positive]


class _Results(_Model):
    rows: Annotated[list[_ScoredRow], Field(min_length=1)]
    comparisons: list[_Comparison]


_SHAPES = {"curve": _Curve, "rows": _Rows, "tested": _Tested, "evolved": _Evolved, "results": _Results}
#: What later stages and reports read of a stage's result, as a model; records of all ages have it.
#:
#: :meta hide-value:
RESULTS = {stage.name: _SHAPES[stage.result] for stage in STAGES.values() if stage.result} | {"tested-same": _Tested}


class _Scenarios(_Model):
    scenarios_per_step: Count


class _Device(_Model):
    device: str
    threads: Count


def check(evidence: list[dict]) -> None:
    """Whether claims can be judged from the evidence; if not, :class:`DataError` says in one line what is wrong.

    Asked for: one profile, every seed once, a variant with the same records in all seeds that have it, every record whole, of its kind, seed and drop
    rate, and made with the same settings as the others; test results that agree with their own accuracies.
    """
    _read(list[_Seed], evidence, "evidence")
    queries.one_profile(evidence)
    for entry in evidence:
        if entry["main"] not in entry["variants"]:
            raise DataError(f"evidence: seed {entry['seed']} has no variant {entry['main']}, the profile's own")
        if len({(v["q"], v["reading"]) for v in entry["variants"].values()}) < len(entry["variants"]):
            raise DataError(f"evidence: seed {entry['seed']} has two variants of the same drop rate and reading")
    stages: dict[str, set[str]] = {}
    for entry in evidence:
        for name, variant in entry["variants"].items():
            stages.setdefault(name, set()).update(variant["records"])
    for entry in evidence:
        for name, variant in entry["variants"].items():
            for stage in sorted(stages[name] - set(variant["records"])):
                raise DataError(f"evidence: seed {entry['seed']} has no {stage} of {name}, another seed has")
    settings: dict[str, tuple[str, str]] = {}
    tested: dict[object, dict[str, tuple[object, str]]] = {}  # by the drawing of the images
    for entry in evidence:
        for name, variant in entry["variants"].items():
            for stage, record in variant["records"].items():
                where = f"seed {entry['seed']}, {name}, {stage}"
                _check_record(record, stage, entry["seed"], variant, where)
                _agree(settings, _shared_settings(record, where), where, "evidence: of different profiles,")
                if stage in TESTED:
                    known = tested.setdefault(record["settings"]["data"].get("seed"), {})
                    images = {"test_digest": record["result"]["test_digest"]}
                    for row in record["result"]["rows"]:
                        images[f"n of {row['task']}"] = row["n"]
                        _agree(known, images, where, "evidence: tested on different images,")


def check_result(record: dict, stage: str, where: str) -> None:
    """Whether a record's result holds what other stages read of it; if not, :class:`DataError` says so after ``where``."""
    result = record["result"]
    if stage in RESULTS:
        _read(RESULTS[stage], result, f"{where}: result")
    for row in result.get("rows", ()) if stage in RESULTS else ():
        _check_architecture(row, where)
        if "correct" in row:
            _check_hits(row, where)


def _read(model: type, value: object, where: str) -> None:
    """Compare a value with a model; what does not fit raises :class:`DataError`."""
    try:
        TypeAdapter(model).validate_python(value)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        field = ".".join(map(str, problem["loc"])) or "it"
        found = "" if problem["type"] == "missing" else f" = {' '.join(reprlib.repr(problem['input']).split()):.60}"
        raise DataError(f"{where}: {field}{found}: {problem['msg'][0].lower()}{problem['msg'][1:]}") from None


def _check_record(record: dict, stage: str, seed: int, variant: dict, where: str) -> None:
    _read(_Record, record, where)
    _read(_Provenance, record["provenance"], f"{where}: provenance")
    settings, result = record["settings"], record["result"]
    if record["kind"] != stage:
        raise DataError(f"{where}: a record of kind {record['kind']!r}")
    for section in ("data", "space"):
        _read(dict, settings.get(section), f"{where}: settings.{section}")
    if settings.get("seed") != seed:
        raise DataError(f"{where}: settings.seed is {settings.get('seed')}")
    if "supernet" in settings:
        _read(dict, settings["supernet"], f"{where}: settings.supernet")
        dropout = settings["supernet"].get("task_dropout")
        _read(_Dropout, dropout, f"{where}: settings.supernet.task_dropout")
        if (dropout["q"], dropout["reading"]) != (variant["q"], variant["reading"]):
            raise DataError(f"{where}: made with q = {dropout['q']:g} and reading {dropout['reading']}")
    if stage in TESTED:
        _read(_Tested, result, f"{where}: result")
        _check_rows(result["rows"], where)
        for row in result["rows"]:
            _check_hits(row, where)
    elif stage == "specialized":
        _read(_Specialized, result, f"{where}: result")
        _check_rows(result["rows"], where)
        _read(_Device, record["provenance"], f"{where}: provenance")
    elif stage in ("generator", "multi_path"):
        _read(_Trained, result, f"{where}: result")
        _read(_Scenarios, settings.get(stage), f"{where}: settings.{stage}")
        _read(_Device, record["provenance"], f"{where}: provenance")
        _read(Positive, record["seconds"], f"{where}: seconds")


def _check_rows(rows: list[dict], where: str) -> None:
    """One row for every task and budget, with an architecture that exists."""
    scenarios = [(row["task"], row["budget"]) for row in rows]
    tasks, budgets = (len(set(values)) for values in zip(*scenarios, strict=True))
    if len(set(scenarios)) < len(rows) or len(rows) != tasks * budgets:
        raise DataError(f"{where}: {len(rows)} rows are not one for each of {tasks} tasks and {budgets} budgets")
    for row in rows:
        _check_architecture(row, where)


def _check_architecture(row: dict, where: str) -> None:
    try:
        Architecture.from_dict(row["architecture"])
    except SpaceError as error:
        raise DataError(f"{where}: {row['task']:.60} at {row['budget']:g} M: {error}") from None


def _check_hits(row: dict, where: str) -> None:
    """Right or wrong of every image, and an accuracy that is their mean."""
    place = f"{where}: {row['task']} at {row['budget']:g} M"
    try:
        hits = int(unpack(row["correct"], row["n"]).sum())
    except DataError as error:
        raise DataError(f"{place}: {error}") from None
    if abs(hits / row["n"] - row["accuracy"]) > 1e-9:
        raise DataError(f"{place}: accuracy is {row['accuracy']:.6g}, but {hits} of n = {row['n']} images are right")


def _shared_settings(record: dict, where: str) -> dict[str, str]:
    """What all records of one profile must have in common: all settings but the seeds and what makes variants."""
    try:
        settings = queries.flat_settings(record)
    except AttributeError:
        raise DataError(f"{where}: settings hold a list of which not all entries are sections") from None
    apart = ("seed.", "data.seed.", "supernet.task_dropout.", "architectures.")
    return {key: value for key, value in settings.items() if not f"{key}.".startswith(apart)}


def _agree(known: dict[str, tuple], found: dict, where: str, complaint: str) -> None:
    """Note values seen for the first time, with where; another value for the same key raises :class:`DataError`."""
    for key, value in found.items():
        other, there = known.setdefault(key, (value, where))
        if other != value:
            raise DataError(f"{complaint} {key} is {str(other):.60} ({there}) and {str(value):.60} ({where})")
