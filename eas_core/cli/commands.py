"""The commands about a run and its settings, and what every command has in common.

A command gets the parsed options, prints what was asked for, and complains by an :class:`~eas_core.base.errors.EASError`.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from argparse import Namespace
from pathlib import Path

from eas_core.base.errors import SpaceError
from eas_core.cli import named
from eas_core.settings.stages import STAGES, lineage


def run(options: Namespace) -> None:
    from dataclasses import replace

    from eas_core.base import devices

    given = options.device, options.mixed_precision, options.micro_batches, options.deterministic
    team, options.device = devices.join(*given)
    if team.count == 1 and threading.current_thread() is threading.main_thread():
        # as Ctrl-C; while training, a step and saving go first (a launcher's processes agree on a stop there instead)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    run = named.plan(options, max_minutes=options.max_minutes, devices=team)
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


def report(options: Namespace) -> None:
    from eas_core.base import records

    run = named.plan(options)
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
