"""The commands about one network: found for a task, tested, written to files, timed, asked about pictures."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from eas_core.base.errors import EASError, SpaceError
from eas_core.cli import named

if TYPE_CHECKING:
    from eas_core.runs.run import Run
    from eas_core.search.specialize import Specialized
    from eas_core.space.architecture import Architecture


def _architecture(options: Namespace) -> Architecture | None:
    """The architecture in the file that ``--architecture`` names."""
    if options.architecture is None:
        return None
    from eas_core.space.architecture import Architecture

    if options.method != "best":
        raise EASError(f"--method: {options.method!r} finds an architecture; leave it out with --architecture")
    try:
        return Architecture.from_json(Path(options.architecture).read_text())
    except (OSError, UnicodeDecodeError, SpaceError) as error:
        raise SpaceError(f"--architecture: {options.architecture}: {error}") from None


def _chosen(options: Namespace, architecture: Architecture | None = None) -> tuple[Run, Specialized, dict]:
    """The run, the network for the scenario that the options name, and that as JSON says it.

    By the method asked for; "best" is the one that did best on validation images, of those that the run has recorded. A
    given ``architecture`` is taken as it is.
    """
    run = named.released(options) if options.release else named.plan(options)
    run.scenario(options.task, options.budget)
    run.check_data()
    run = run.ready()
    from eas_core.runs import specialized

    if architecture is not None:
        from eas_core.runs.given import given

        chosen = given(run, options.task, options.budget, architecture)
        return run, chosen, {"method": "--architecture", **_describe(run, chosen)}
    method, found = specialized.best_method(run) if options.method == "best" else (options.method, {})
    chosen = specialized.specialize_one(run, options.task, options.budget, method)
    return run, chosen, {"method": method, "validation_of_methods": found, **_describe(run, chosen)}


def _chosen_within(options: Namespace) -> tuple[Run, Specialized, dict]:
    """As :func:`_chosen`, for a number of milliseconds on a device."""
    limit = _milliseconds(options.latency)
    if options.device_table is None:
        raise EASError("--latency: --device-table is needed, a file that eas latency wrote")
    run = named.released(options) if options.release else named.plan(options)
    run.tasks.index(options.task)
    run.check_data()
    from eas_core.runs import latency, specialized
    from eas_core.space import latency_table

    table = latency_table.read(options.device_table, run.profile.search_space())
    latency.check_limit(limit, table)
    run = run.ready()
    method = specialized.best_method(run)[0] if options.method == "best" else options.method
    chosen, about = latency.specialize_within(run, options.task, limit, table, method)
    return run, chosen, {"method": method, **_describe(run, chosen), "latency": about}


def _milliseconds(text: str) -> float:
    try:
        return float(text.removesuffix("ms"))
    except ValueError:
        raise EASError(f"--latency: {text!r:.60} is no number of milliseconds, such as 5ms") from None


def _describe(run: Run, chosen: Specialized) -> dict:
    return {
        "task": run.tasks.names[chosen.task],
        "budget_millions": chosen.budget,
        "madds_millions": chosen.madds,
        "valid_accuracy": chosen.valid_accuracy,
        "derived": chosen.derived,
        "architecture": chosen.architecture.to_dict(),
    }


def specialize(options: Namespace) -> None:
    out = named.check_file(options.out, ".onnx")
    if options.int8 and out is None:
        raise EASError("--int8: --out is needed, the file that is quantised")
    if (options.budget is None) == (options.latency is None):
        raise EASError("specialize: --budget, or --latency with --device-table, is needed: one of them")
    if options.device_table is not None and options.latency is None:
        raise EASError(f"--device-table: {options.device_table!r:.160} is of use with --latency only")
    run, chosen, described = _chosen(options) if options.latency is None else _chosen_within(options)
    if out is not None:
        from eas_core.runs import export, onnx_file

        about = onnx_file.about(chosen, run)
        onnx_file.write(export.task_network(chosen, run), about, out)
        described |= {"file": str(out), "accuracy": about.accuracy}
        if options.int8:
            from eas_core.runs import int8

            smaller = out.with_suffix(".int8.onnx")
            described |= {"int8_file": str(smaller), "int8": int8.write(out, about, run, smaller)}
    print(json.dumps(described, indent=1))


def latency(options: Namespace) -> None:
    from eas_core.settings import profiles

    path = named.check_file(options.out, ".json")
    assert path is not None  # the option is required
    from eas_core.base import devices

    devices.check_threads(options.threads)
    space = profiles.load(options.profile, options.overrides).search_space()
    from eas_core.runs import latency

    progress = not options.quiet
    table = latency.measure(space, path, options.runtime, options.threads, options.rounds, progress)
    about = table.about
    print(json.dumps({"file": str(path), **about}, indent=1))


def predict(options: Namespace) -> None:
    from eas_core.runs import predict

    paths, others = predict.find(options.pictures)
    model = predict.load(options.file)
    found = list(predict.predict(model, paths, options.batch, progress=len(paths) > 1 and not options.quiet))
    failed = [one for one in found if one.error is not None]
    if len(failed) < len(found):
        if options.json:
            print(json.dumps([one.row() for one in found], indent=1))
        else:
            print(_table([one.row() for one in found]))
    if others and not options.quiet:
        print(f"eas: files that are no pictures by their names: {others}", file=sys.stderr)
    if failed:
        named = "; ".join(f"{one.row()['file']}: {one.error}" for one in failed)
        raise EASError(f"{len(failed)} of {len(found)} pictures could not be read: {named}")


def _table(rows: list[dict]) -> str:
    """Predictions in columns: file, class, probability; the error in place of both."""
    wide = max(len(row["file"]) for row in rows)
    classes = max(len(row.get("class", "")) for row in rows)
    lines = []
    for row in rows:
        said = f"{row['class']:{classes}}  {row['probability']:.3f}" if "class" in row else f"({row['error']})"
        lines.append(f"{row['file']:{wide}}  {said}")
    return "\n".join(lines)


def evaluate(options: Namespace) -> None:
    if options.task is None or options.budget is None:
        if not options.release or options.task is not None or options.budget is not None:
            raise EASError("evaluate: --task and --budget are needed, or --release alone for all its networks")
        if options.method != "best":
            raise EASError(
                f"--method: {options.method!r} needs --task and --budget; a release is evaluated as recorded"
            )
        return _evaluate_release(options)
    run, chosen, described = _chosen(options)
    from eas_core.search.evaluate import score

    (test,) = run.splits("test")
    index = test.of_task(run.tasks, chosen.task)
    scores = score(chosen.network, test, run.tasks, index, run.profile.evaluation.batch_size)
    print(json.dumps({**described, "test": scores.summary()}, indent=1))


def _evaluate_release(options: Namespace) -> None:
    import math

    if not 0 <= options.tolerance < math.inf:
        raise EASError(f"--tolerance: {options.tolerance} must be a number of points, 0 or more")
    run = named.released(options)
    run.check_data()
    run = run.ready()
    from eas_core.runs import releases_evaluate
    from eas_core.show import result_tables

    found, same_images = releases_evaluate.evaluate(run)
    print(result_tables.again_table(found).to_string())
    largest = max(abs(again.difference) for again in found)
    print(f"{len(found)} networks, largest difference {largest:.2f} points", end="")
    print("" if same_images else "; the test images are not those of the record, bit for bit")
    releases_evaluate.refuse_difference(found, options.tolerance)


def export(options: Namespace) -> None:
    named.check_folder(options)
    run, chosen, described = _chosen(options, _architecture(options))
    from eas_core.runs import export

    written = export.write(chosen, run, Path(options.out), onnx=options.onnx)
    print(f"found by {described['method']}", file=sys.stderr)  # after what can fail: an error is one line
    for path in written:
        print(path)
