"""What each command of ``eas`` does. Each gets the parsed options, prints what was asked for, and complains by an
:class:`~eas_core.base.errors.EASError`."""

from __future__ import annotations

import json
import signal
import sys
import threading
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eas_core.base.errors import EASError, SpaceError
from eas_core.settings.stages import STAGES, lineage

PROFILE, SEED = "demo", 0  # unless the options name others

if TYPE_CHECKING:
    from eas_core.runs.releases_files import Content
    from eas_core.runs.run import Run
    from eas_core.search.specialize import Specialized
    from eas_core.space.architecture import Architecture


def _plan(options: Namespace, **more: Any) -> Run:
    """The run that the options name; ``ready()`` then looks for its device, with PyTorch."""
    from eas_core.runs.run import plan

    return plan(
        options.profile,
        options.seed,
        options.runs,
        options.overrides,
        options.device,
        progress=not options.quiet,
        **more,
    )


def _released(options: Namespace) -> Run:
    """The run of a release's weights, finished: its records and weights are put below the folder of runs."""
    from eas_core.runs import releases

    content = _release(options)
    seeds = [content.manifest.weights]
    return releases.restore(content, options.runs, seeds, options.overrides, options.device, progress=not options.quiet)


def _release(options: Namespace) -> Content:
    """The release that the options name, every file as published."""
    if options.profile != PROFILE or options.seed != SEED:
        raise EASError(
            f"--release: {options.release!r:.160} has its own profile and seed; leave out --profile and --seed"
        )
    from eas_core.runs import releases, releases_files

    releases.check_settings(options.overrides)
    return releases_files.read(options.release)


def run(options: Namespace) -> None:
    from dataclasses import replace

    from eas_core.base import devices

    given = options.device, options.mixed_precision, options.micro_batches, options.deterministic
    team, options.device = devices.join(*given)
    if team.count == 1 and threading.current_thread() is threading.main_thread():
        # as Ctrl-C; while training, a step and saving go first (a launcher's processes agree on a stop there instead)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    run = _plan(options, max_minutes=options.max_minutes, devices=team)
    run.check_data()
    run = run.ready()
    from eas_core.runs import pipeline

    with team.first_alone():
        run.splits("train", "valid")
    stages = lineage(options.until)[1:]
    for stage in stages:
        if not STAGES[stage].together and run.devices.count > 1:
            devices.leave()
            if not team.first:
                return
            run = replace(run, devices=devices.ALONE)
        record = pipeline.make(run, stage)
        if team.first:
            print(f"{stage}: {run.folder(stage)} ({record['seconds']:.0f} s)", flush=True)
    devices.leave()
    if team.first and options.until == "results":
        report(options)


def tasks(options: Namespace) -> None:
    from eas_core.data import sources
    from eas_core.settings import profiles

    settings = profiles.load(options.profile, options.overrides).data
    if options.json:
        print(json.dumps(sources.class_ids(settings), indent=1))
        return
    tasks = sources.task_set(settings)
    for task, classes in zip(tasks.names, tasks.classes, strict=True):
        print(f"{task}: {', '.join(tasks.class_names[c] for c in classes)}")


def prepare(options: Namespace) -> None:
    from data_prep.imagenet.prepare import prepare
    from eas_core.settings import profiles

    settings = profiles.load(options.profile, options.overrides).data
    made = prepare(
        settings.source,
        options.source,
        options.out,
        options.ground_truth,
        pack=not options.no_pack,
        workers=options.workers,
        seed=settings.seed or 0,
        progress=not options.quiet,
    )
    print(", ".join(f"{name} {size:,}" for name, size in made.sizes.items()))
    for kind, number in made.problems.items():
        print(f"{kind}: {number:,}")
    print("as many photographs as in the paper" if made.complete else "NOT as many photographs as in the paper")
    print(made.report)


def cost(options: Namespace) -> None:
    from dataclasses import replace

    from eas_core.base.parsing import parse_json
    from eas_core.settings import profiles
    from eas_core.space import count
    from eas_core.space.architecture import Architecture

    space = profiles.load(options.profile, options.overrides).search_space()
    changes = {"resolution": options.resolution, "num_classes": options.num_classes}
    space = replace(space, **{name: value for name, value in changes.items() if value is not None})
    try:
        text = sys.stdin.read() if options.archs == "-" else Path(options.archs).read_text()
        listed = parse_json(text)
    except (OSError, ValueError) as error:
        raise SpaceError(f"--archs: {options.archs} cannot be read as JSON ({error})") from None
    if not isinstance(listed, list):
        raise SpaceError(f"--archs: a list of architectures is needed, found {type(listed).__name__}")
    architectures = []
    for number, item in enumerate(listed):
        try:
            architectures.append(Architecture.from_dict(item))
        except SpaceError as error:
            raise SpaceError(f"--archs: entry {number}: {error}") from None
    both = zip(count.madds(space, architectures), count.params(space, architectures), strict=True)
    print(json.dumps([{"madds": madds, "params": params} for madds, params in both]))


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
    run = _released(options) if options.release else _plan(options)
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
    run = _released(options) if options.release else _plan(options)
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


def latency(options: Namespace) -> None:
    from eas_core.settings import profiles

    path = _check_file(options.out, ".json")
    assert path is not None  # the option is required
    space = profiles.load(options.profile, options.overrides).search_space()
    from eas_core.runs import latency

    progress = not options.quiet
    table = latency.measure(space, path, options.runtime, options.threads, options.rounds, progress)
    about = table.about
    print(json.dumps({"file": str(path), **about}, indent=1))


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
    out = _check_file(options.out, ".onnx")
    if options.int8 and out is None:
        raise EASError("--int8: --out is needed, the file that is quantised")
    if (options.budget is None) == (options.latency is None):
        raise EASError("specialize: --budget, or --latency with --device-table, is needed: one of them")
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


def predict(options: Namespace) -> None:
    if options.batch < 1:
        raise EASError(f"--batch: {options.batch} must be 1 or more pictures")
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
    run = _released(options)
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
    _check_out(options)
    run, chosen, described = _chosen(options, _architecture(options))
    from eas_core.runs import export

    written = export.write(chosen, run, Path(options.out), onnx=options.onnx)
    print(f"found by {described['method']}", file=sys.stderr)  # after what can fail: an error is one line
    for path in written:
        print(path)


def report(options: Namespace) -> None:
    from eas_core.base import records

    run = _plan(options)
    path = run.folder("results") / "record.json"
    records.read_record(path, "results")
    from eas_core.runs import store
    from eas_core.show import result_tables

    record = store.finished(path, "results")
    print(result_tables.results_table(record, run.tasks).to_string())
    if run.data.listing is not None:  # of somebody's own pictures, whose classes differ in size
        from eas_core.data import sources
        from eas_core.show import class_tables

        labels = sources.listed_labels(run.data, "test")
        print(class_tables.balanced_table(record, run.tasks, labels).to_string())
        print(class_tables.class_table(record, run.tasks, labels).to_string())


def _planned(options: Namespace) -> list[Run]:
    """The runs that ``--seeds`` names, whatever there is of them."""
    from dataclasses import replace

    seeds = options.seeds.split(",")
    if not all(seed.isdecimal() and len(seed) < 19 for seed in seeds):
        raise EASError(f"--seeds: {options.seeds!r} must be whole numbers separated by commas, such as 0,1,2")
    if len({int(seed) for seed in seeds}) < len(seeds):
        raise EASError(f"--seeds: {options.seeds!r}: they are not all different")
    _check_out(options)
    return [replace(_plan(options), seed=int(seed)) for seed in seeds]


def _of_seeds(options: Namespace) -> list[Run]:
    """The runs that ``--seeds`` names; all their stages must be there."""
    from eas_core.runs import jobs

    runs = _planned(options)
    for run in runs:
        jobs.require(run)
    return runs


def claims(options: Namespace) -> None:
    runs = _of_seeds(options)
    from eas_core.evidence import claims
    from eas_core.runs import jobs, releases

    collected = [jobs.collect(run, make=False) for run in runs]
    judged = claims.judge(collected)
    for claim in judged:
        print(f"{claim.verdict:14s} {claim.statement} {claim.ours}")
    for path in releases.publish_evidence(collected, Path(options.out)) if options.out else ():
        print(path)


def release(options: Namespace) -> None:
    runs = _of_seeds(options)
    from eas_core.runs import releases_publish
    from eas_core.show import release_card

    for path in releases_publish.publish(runs, Path(options.out), release_card.card, options.weights, options.partial):
        print(path)


def restore(options: Namespace) -> None:
    from eas_core.runs import releases

    content = _release(options)
    print(releases.restore(content, options.runs, overrides=options.overrides, device=options.device).root)


def reproduce(options: Namespace) -> None:
    """One table, figure or claim by itself: makes what it needs, prints expected beside obtained numbers."""
    runs = _planned(options)
    from eas_core.show import items, reproduced

    if options.what is None:
        for item in items.ITEMS.values():
            print(f"{item.key:18s} {item.what}")
        return
    wanted = items.item(options.what)
    for run in runs:
        reproduced.check_tasks(wanted, run.profile.name, run.tasks)
        if wanted.needs:
            run.check_data()
    from eas_core.runs import partly

    evidence = [partly.gather(run.ready(), wanted.needs) for run in runs]
    found = reproduced.reproduce(wanted, evidence, runs[0].tasks)
    for path in reproduced.write(found, Path(options.out)) if options.out else ():
        print(path)
    print(found.table.to_string())
    print("\n".join(found.notes))
    reproduced.refuse_unexpected(found)


def _check_out(options: Namespace) -> None:
    from eas_core.base import files

    if options.out:
        files.check_folder(options.out, "--out")


def _check_file(out: str | None, suffix: str) -> Path | None:
    """The file that ``--out`` names, refused before any work if it cannot be one."""
    if out is None:
        return None
    from eas_core.base import files

    path = Path(out)
    if path.suffix != suffix or path.is_dir():
        raise EASError(f"--out: {out!r:.120} must be a file named *{suffix}")
    files.check_folder(path.parent, "--out")
    return path
