"""A run of every stage in seconds, what it results in as a few numbers a stage, and those numbers as stored.

``tests/results_of_stages.json`` holds, for each stage, its versions and statistics of its result; and the defaults of all
settings, which keys leave out. ``python tests/tiny.py`` stores them anew, after the version of what changed was raised in
``eas_core/settings/stages.py``. Statistics and not digests of bits, since those differ from one kind of CPU to another.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from helpers import replaced

from eas_core.base import files, records
from eas_core.runs import pipeline
from eas_core.runs import run as eas_run
from eas_core.runs.run import Run
from eas_core.settings import schema
from eas_core.settings.stages import STAGES, lineage, settings_of, versions

STORED = Path(__file__).with_name("results_of_stages.json")
COMMAND = "python tests/tiny.py"
SMALL = [  # beside the profile smoke
    "data.train_per_class=2",
    "data.valid_per_class=2",
    "data.test_per_class=2",
    "teacher.batch_size=40",
    "supernet.batch_size=40",
    *("calibration.images=24", "calibration.batch_size=16"),  # the last batch is shorter
    *("generator.steps=3", "generator.task_images=4", "generator.context_images=4"),
    *("multi_path.steps=1", "multi_path.scenarios_per_step=1"),
    *("amortised.steps=3", "amortised.scenarios_per_step=12"),
    *("specialize.samples=64", "specialize.candidates=2", "specialize.budgets=[3.6]"),
    *("pairs.count=10", "pairs.costs=budgets", "pairs.images_per_class=1", "pairs.hold_out=0.4"),
    *("predictor.epochs=5", "predictor.batch_size=4", "predictor.hidden=16"),
    *("evolution.population=8", "evolution.generations=3"),
    *("evaluation.batch_size=32", "evaluation.random_architectures=2", "evaluation.spread_architectures=3"),
]
LEFT_OUT = ("seconds", "search_seconds", "peak_memory_bytes", "correct", "test_digest", "task", "method")

# How far statistics may be off, as a share of their size. With other instructions of the CPU (AVX-512, AVX2, SSE4.1) or
# another library for convolutions those of this run differ by 5e-7 for the teacher, 3e-5 for the supernet and up to 4e-4
# for what comes after it,
TOLERANCE = {"teacher": 2e-5, "supernet": 2e-4, "generator": 3e-2}
ELSEWHERE = 5e-3
# unless rounding tips something over: an image whose two best classes are about equally likely, a gate whose logit is about
# the noise (which changes the generator's curve by up to 8e-3). Then a choice between two networks may follow, and the random ones of that cost. So shares of images may be off
# by this, a tenth of the rows by anything, and what random networks are compared in by more.
OF_IMAGES = 0.05
COMPARED = 0.1
COUNTED = (
    *("accuracy", "task accuracy", "mean_accuracy", "valid_accuracy", "random_accuracy", "random_by_task", "interval"),
    *("difference", "deviation", "by_task_deviation", "sampling_error"),
)


def make_run(root: Path, *overrides: str) -> Run:
    """The tiny run; what ``overrides`` set takes the place of what is set here."""
    return eas_run.make_run("smoke", root=root, overrides=replaced(SMALL, *overrides), device="cpu", progress=False)


def make(run: Run, stage: str) -> dict:
    """The record of a stage. Accuracies of pairs are replaced for what comes after them: by numbers of the same kind that
    no rounding changes. What was measured stays beside them."""
    record, path = pipeline.make(run, stage), run.folder(stage) / "pairs.safetensors"
    if stage == "pairs":
        tensors, _ = records.load_tensors(path)
        if "measured" not in tensors:
            count, tasks = tensors["accuracy"].shape
            size = tensors["gates"].double().mean(1, keepdim=True)
            steady = 0.3 + 0.4 * size + 0.01 * ((torch.arange(count)[:, None] * torch.arange(1, tasks + 1)) % 7)
            tensors |= {"measured": tensors["accuracy"], "accuracy": steady.float()}
            records.save_tensors(path, tensors, {"stage": "pairs"})
    return record


def result_of(run: Run, stage: str) -> dict:
    """Statistics of a stage's result (made if it is not there, after what it depends on): for each kind of number its
    count, mean, deviation and trend, which knows of the order."""
    if stage == "data":
        splits = run.splits("train", "valid", "test")
        found = {s.name: [s.images.double(), s.labels.double()] for s in splits}
    else:
        for before in lineage(stage)[1:-1]:
            make(run, before)
        found = _numbers(make(run, stage)["result"])
        for path in sorted(run.folder(stage).glob("*.safetensors")):
            tensors, _ = records.load_tensors(path)
            if stage == "pairs":
                tensors["accuracy"] = tensors.pop("measured")
                found |= {f"{path.stem}.{name}": [tensor.double()] for name, tensor in tensors.items()}
            else:
                found[path.stem] = [tensor.double() for tensor in tensors.values()]
    rows = {name for name in found if name.startswith("rows.")}
    return {name: _by_row(found[name], found) if name in rows else _statistics(found[name]) for name in found}


def _by_row(numbers: list[torch.Tensor], found: dict) -> dict:
    """The mean of each row, of which any may hold several numbers, such as an architecture's."""
    rows = torch.cat(numbers).view(len(found["rows.budget"]), -1).mean(1)
    return {"rows": [float(f"{value:.6g}") for value in rows.tolist()]}


def _numbers(value, path: str = "") -> dict[str, list]:
    """All numbers of a result by their path in it, those of a list together."""
    found: dict[str, list] = {}
    if isinstance(value, dict | list):
        inside = value.items() if isinstance(value, dict) else (("", entry) for entry in value)
        for name, entry in inside:
            if name not in LEFT_OUT:
                for key, numbers in _numbers(entry, f"{path}.{name}".strip(".")).items():
                    found.setdefault(key, []).extend(numbers)
    elif value is not None:
        found[path] = [torch.tensor([value], dtype=torch.float64)]
    return found


def _statistics(tensors: list[torch.Tensor]) -> dict[str, float]:
    values = torch.cat([tensor.flatten() for tensor in tensors]).numpy()
    place = np.linspace(-1, 1, len(values)) if len(values) > 1 else np.zeros(1)
    numbers = {"mean": values.mean(), "deviation": values.std(), "trend": (values * place).mean()}
    return {"count": len(values), **{name: float(f"{number:.6g}") for name, number in numbers.items()}}


def differences(stage: str, result: dict, stored: dict) -> list[str]:
    """What differs, in words: other kinds or counts of numbers, or a statistic by more than rounding explains: a share of
    the root mean square of these numbers."""
    found = [f"{name} is there only once" for name in sorted(set(result) ^ set(stored))]
    for name in set(result) & set(stored):
        ours, theirs = result[name], stored[name]
        share, of_images = TOLERANCE.get(stage, ELSEWHERE), OF_IMAGES
        if name.startswith(("comparisons.", "spread.")):
            share = of_images = COMPARED
        counted = name.split(".")[-1] in COUNTED
        if "rows" in theirs:
            rows = list(zip(ours["rows"], theirs["rows"], strict=False))
            off = sum(abs(a - b) > (of_images if counted else share * abs(b)) + 1e-9 for a, b in rows)
            if off > len(rows) / 10 or len(ours["rows"]) != len(theirs["rows"]):
                found.append(f"{name}: {off} of {len(rows)} rows")
            continue
        if ours["count"] != theirs["count"]:
            found.append(f"{name}: {ours['count']} numbers, {theirs['count']} stored")
            continue
        allowed = of_images if counted else share * (theirs["mean"] ** 2 + theirs["deviation"] ** 2) ** 0.5
        for key in ("mean", "deviation", "trend"):
            if not abs(ours[key] - theirs[key]) <= allowed + 1e-9:
                found.append(f"{name}: {key} {ours[key]:g}, stored {theirs[key]:g}")
    return sorted(found)


def defaults() -> dict[str, object]:
    """The default of every setting that has one, as ``section.key``."""
    return {path: default for path, default in leaves(schema.Profile) if default is not ...}


def leaves(model: type, path: str = "") -> Iterator[tuple[str, object]]:
    """Path and default (``...`` if it must be given) of every setting of a model, those of its sections too."""
    for name, field in model.model_fields.items():
        inner = f"{path}.{name}".strip(".")
        kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
        section = next((k for k in kinds if isinstance(k, type) and issubclass(k, schema.Settings)), None)
        if section is not None:
            yield from leaves(section, inner)
        if section is None or (path and not field.is_required()):  # a section within a section: as a whole too
            default = ... if field.is_required() else field.default
            plain = default.model_dump(mode="json") if isinstance(default, schema.Settings) else default
            yield inner, list(plain) if isinstance(plain, tuple) else plain


def reads(path: str, settings: list[str] | tuple[str, ...]) -> bool:
    """Whether a setting is one of these, which may be whole sections."""
    return any(path == name or path.startswith(f"{name}.") for name in settings)


def store(run: Run) -> dict:
    """What :data:`STORED` should hold."""
    made = {stage: {"versions": versions(stage), "result": result_of(run, stage)} for stage in STAGES}
    return {"defaults": defaults(), "stages": made}


def unraised(stored: dict, results: dict[str, dict]) -> list[str]:
    """What changed against ``stored`` without another version: nothing, or one line for the first stage concerned."""
    for stage, result in results.items():
        kept = stored["stages"].get(stage)
        if kept is None or kept["versions"] != versions(stage):
            continue
        if found := differences(stage, result, kept["result"]):
            return [f"results of stage {stage} changed ({found[0]}): raise its version in eas_core/settings/stages.py"]
    return []


def unraised_defaults(stored: dict, now: dict, of_code: dict[str, dict]) -> list[str]:
    """Settings whose default changed, with a stage that reads them and whose versions ``of_code`` are those stored."""
    changed = [name for name, value in stored["defaults"].items() if name in now and now[name] != value]
    return [
        f"the default of {name} changed: raise the version of {stage} in eas_core/settings/stages.py"
        for name in changed
        for stage, entry in stored["stages"].items()
        if stage in STAGES and reads(name, settings_of(stage)) and entry["versions"] == of_code[stage]
    ]


if __name__ == "__main__":
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        made = store(make_run(Path(folder)))
    if STORED.exists():
        before = json.loads(STORED.read_text())
        found = unraised(before, {stage: entry["result"] for stage, entry in made["stages"].items()})
        found += unraised_defaults(before, made["defaults"], {stage: versions(stage) for stage in STAGES})
        if found:
            sys.exit(found[0])
    files.write_atomic(STORED, (json.dumps(made, indent=1) + "\n").encode())
    print(f"stored: {STORED}")
