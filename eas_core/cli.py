"""The command line, ``eas``: run, tasks, prepare, cost, specialize, evaluate, export, report, claims, release.

Modules that import PyTorch or pandas, which takes seconds, are imported once all that can be wrong with the options has
been looked at.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

from eas_core import __version__
from eas_core.base.errors import EASError, SpaceError
from eas_core.settings.stages import STAGES, lineage

OUT_OF_MEMORY = ("out of memory", "not enough memory", "allocate memory")  # what torch says of it


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 2 bad input or stopped early (one line on stderr says why)."""
    options = _parser().parse_args(arguments)
    terminate = signal.getsignal(signal.SIGTERM)
    try:
        options.command(options)
    except EASError as error:
        rank = int(os.environ.get("RANK", 0))  # of several processes, started by torchrun or accelerate launch
        if rank == 0 or not error.alike:
            print(_one_line(str(error), f"eas (process {rank})" if rank else "eas"), file=sys.stderr, flush=True)
        if error.alike:
            from eas_core.base.devices import leave

            leave()  # together: a launcher ends all processes as soon as one has failed
        return 2
    except BrokenPipeError:
        return 0
    except OSError as error:  # of a file that is not the kit's own, or may not be read
        print(_one_line(str(error)), file=sys.stderr)
        return 2
    except (MemoryError, RuntimeError) as error:  # RuntimeError is what torch raises, on a GPU too
        if isinstance(error, RuntimeError) and not any(words in str(error) for words in OUT_OF_MEMORY):
            raise
        print(_one_line(f"not enough memory ({str(error):.200})"), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("eas: interrupted; what was complete is kept, run again to continue", file=sys.stderr)
        return 130
    finally:
        if signal.getsignal(signal.SIGTERM) is not terminate:
            signal.signal(signal.SIGTERM, terminate)
    return 0


def _one_line(message: str, program: str = "eas") -> str:
    """A message in one line, whatever was quoted in it: bytes that are no UTF-8, line breaks, nulls, a whole book."""
    plain = " ".join(message.encode(errors="backslashreplace").decode().replace("\0", "\\0").split())
    return f"{program}: {plain if len(plain) <= 1000 else f'{plain[:700]} ... {plain[-200:]}'}"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str):
        """One line, without the usage that argparse prints before it."""
        self.exit(2, f"{_one_line(message)}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="eas",
        description="Elastic Architecture Search: one supernet, one generator, a compact network for any task and budget.",
    )
    parser.add_argument("--version", action="version", version=f"eas {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--profile", default="demo", help="profile name or YAML file (default: demo)")
    common.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a setting, e.g. --set supernet.batch_size=64; may be repeated for other settings",
    )
    common.add_argument("--seed", type=int, default=0, help="seed of the run (default: 0)")
    common.add_argument("--runs", default="runs", metavar="FOLDER", help="where artefacts lie (default: runs)")
    common.add_argument("--device", default="auto", help="auto, cpu or cuda (default: auto)")
    common.add_argument("--quiet", action="store_true", help="no progress bars")

    def add(name: str, function, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, parents=[common], help=text, description=text)
        command.set_defaults(command=function)
        return command

    run = add(
        "run", _run, "train and evaluate, stage by stage; what is there is reused, what was interrupted continues"
    )
    run.add_argument(
        "--until",
        default="results",
        choices=STAGES,
        metavar="STAGE",
        help=f"last stage to make (default: results): {', '.join(STAGES)}",
    )
    run.add_argument("--max-minutes", type=float, help="stop cleanly after this time; run again to continue")
    run.add_argument(
        "--mixed-precision",
        metavar="KIND",
        help="no or bf16: forward passes of the trainings (default: that of accelerate launch, or no)",
    )
    run.add_argument(
        "--micro-batches",
        type=int,
        default=1,
        metavar="N",
        help="gradient accumulation: each process does its part of a batch in N passes (default: 1)",
    )

    run.add_argument(
        "--deterministic", action="store_true", help="the same bits each time on a GPU too, more slowly (CPU: always)"
    )

    tasks = add("tasks", _tasks, "list the tasks of a profile and their classes")
    tasks.add_argument(
        "--json", action="store_true", help="as JSON: {task: [class, ...]}; wnids where the source has them"
    )

    prepare = add(
        "prepare",
        _prepare,
        "check and pack the photographs of imagenet-10 or imagenet-12 from your copy of ImageNet (ILSVRC2012); "
        "interrupted, it continues when run again",
    )
    prepare.add_argument(
        "--source",
        required=True,
        action="append",
        metavar="PATH",
        help="file or folder; may be repeated. Both splits are found in any of these forms: ILSVRC2012_img_train.tar and "
        "ILSVRC2012_img_val.tar; train/nXXXXXXXX/*.JPEG and val/nXXXXXXXX/*.JPEG; parquet files (Hugging Face); "
        "webdataset shards. Only read from, nothing is unpacked",
    )
    prepare.add_argument(
        "--ground-truth",
        metavar="FILE",
        help="classes of the validation photographs, where they come without: ILSVRC2012_devkit_t12.tar.gz, "
        "LOC_val_solution.csv, or lines 'ILSVRC2012_val_00000001.JPEG n01751748' (default: looked for in PATH)",
    )
    prepare.add_argument(
        "--out", required=True, metavar="DIR", help="folder for the packed photographs, manifest.csv and report.md"
    )
    prepare.add_argument("--no-pack", action="store_true", help="only check every photograph; manifest and report")
    prepare.add_argument("--workers", type=int, metavar="N", help="threads that decode, 1 to 256 (default: one a core)")

    cost = add("cost", _cost, "exact multiply-adds and parameters of architectures")
    cost.add_argument(
        "--archs",
        required=True,
        metavar="FILE",
        help='JSON list of {"depth": [5], "expand": [20], "kernel": [20]}; - for standard input',
    )
    cost.add_argument("--resolution", type=int, help="image size instead of the profile's")
    cost.add_argument("--num-classes", type=int, help="number of classes instead of the profile's")

    special = add("specialize", _specialize, "the network for one task under one budget")
    _scenario(special)

    evaluate = add("evaluate", _evaluate, "test accuracy of the network for one task under one budget")
    _scenario(evaluate)

    export = add("export", _export, "write the network for one task under one budget as safetensors (and ONNX)")
    _scenario(export)
    export.add_argument("--out", required=True, metavar="FOLDER", help="folder to write to")
    export.add_argument("--onnx", action="store_true", help="also write network.onnx")

    add("report", _report, "print the results table of a finished run")

    claims = add("claims", _claims, "the paper's claims judged from the records of several seeds, made before")
    claims.add_argument("--seeds", default="0", help="seeds, such as 0,1,2 (default: 0); --seed is not used")
    claims.add_argument("--out", metavar="FOLDER", help="also copy all records into a folder, one file a seed")

    release = add("release", _release, "copy a finished run's records, weights and profile into a folder")
    release.add_argument("--out", required=True, metavar="FOLDER", help="folder to write to, e.g. releases/my-run")
    return parser


def _scenario(command: argparse.ArgumentParser) -> None:
    command.add_argument("--task", required=True, help="task name (see eas tasks)")
    command.add_argument("--budget", required=True, type=float, help="millions of multiply-adds")


def _plan(options, **more):
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


def _run(options) -> None:
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
        _report(options)


def _tasks(options) -> None:
    from eas_core.data import sources
    from eas_core.settings import profiles

    settings = profiles.load(options.profile, options.overrides).data
    if options.json:
        print(json.dumps(sources.class_ids(settings), indent=1))
        return
    tasks = sources.task_set(settings)
    for task, classes in zip(tasks.names, tasks.classes, strict=True):
        print(f"{task}: {', '.join(tasks.class_names[c] for c in classes)}")


def _prepare(options) -> None:
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
        seed=settings.seed,
        progress=not options.quiet,
    )
    print(", ".join(f"{name} {size:,}" for name, size in made.sizes.items()))
    for kind, number in made.problems.items():
        print(f"{kind}: {number:,}")
    print("as many photographs as in the paper" if made.complete else "NOT as many photographs as in the paper")
    print(made.report)


def _cost(options) -> None:
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


def _chosen(options):
    run = _plan(options)
    run.scenario(options.task, options.budget)
    run.check_data()
    run = run.ready()
    from eas_core.runs import specialized

    return run, specialized.specialize_one(run, options.task, options.budget)


def _describe(run, chosen) -> dict:
    return {
        "task": run.tasks.names[chosen.task],
        "budget_millions": chosen.budget,
        "madds_millions": chosen.madds,
        "valid_accuracy": chosen.valid_accuracy,
        "derived": chosen.derived,
        "architecture": chosen.architecture.to_dict(),
    }


def _specialize(options) -> None:
    print(json.dumps(_describe(*_chosen(options)), indent=1))


def _evaluate(options) -> None:
    run, chosen = _chosen(options)
    from eas_core.search.evaluate import score

    (test,) = run.splits("test")
    index = test.of_task(run.tasks, chosen.task)
    scores = score(chosen.network, test, run.tasks, index, run.profile.evaluation.batch_size)
    print(json.dumps({**_describe(run, chosen), "test": scores.summary()}, indent=1))


def _export(options) -> None:
    _check_out(options)
    run, chosen = _chosen(options)
    from eas_core.runs import export

    for path in export.write(chosen, run, Path(options.out), onnx=options.onnx):
        print(path)


def _report(options) -> None:
    from eas_core.base import records

    run = _plan(options)
    path = run.folder("results") / "record.json"
    records.read_record(path, "results")
    from eas_core.evidence import tables
    from eas_core.runs import store

    record = store.finished(path, "results")
    print(tables.results_table(record, run.tasks).to_string())


def _claims(options) -> None:
    from dataclasses import replace

    from eas_core.runs import jobs, releases

    seeds = options.seeds.split(",")
    if not all(seed.isdecimal() and len(seed) < 19 for seed in seeds):
        raise EASError(f"--seeds: {options.seeds!r} must be whole numbers separated by commas, such as 0,1,2")
    if len({int(seed) for seed in seeds}) < len(seeds):
        raise EASError(f"--seeds: {options.seeds!r}: they are not all different")
    _check_out(options)
    runs = [replace(_plan(options), seed=int(seed)) for seed in seeds]
    for run in runs:
        jobs.require(run)
    from eas_core.evidence import claims

    collected = [jobs.collect(run, make=False) for run in runs]
    judged = claims.judge(collected)
    for claim in judged:
        print(f"{claim.verdict:14s} {claim.statement} {claim.ours}")
    for path in releases.publish_evidence(collected, Path(options.out)) if options.out else ():
        print(path)


def _release(options) -> None:
    from eas_core.runs import releases

    _check_out(options)
    for path in releases.publish(_plan(options), Path(options.out)):
        print(path)


def _check_out(options) -> None:
    from eas_core.base import records

    if options.out:
        records.check_folder(options.out, "--out")


if __name__ == "__main__":
    sys.exit(main())
