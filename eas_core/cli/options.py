"""Every command with its options. A new command is an entry in :data:`COMMANDS`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, NoReturn

from eas_core import __version__
from eas_core.cli import commands, evidence, named, networks, own
from eas_core.settings.stages import METHODS, STAGES


def one_line(message: str, program: str = "eas") -> str:
    """A message in one line, whatever was quoted in it: bytes that are no UTF-8, line breaks, nulls, a whole book."""
    plain = " ".join(message.encode(errors="backslashreplace").decode().replace("\0", "\\0").split())
    return f"{program}: {plain if len(plain) <= 1000 else f'{plain[:700]} ... {plain[-200:]}'}"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, without the usage that argparse prints before it."""
        self.exit(2, f"{one_line(message)}; see {self.prog} --help\n")


def count(text: str) -> int:
    """The type of an option that is a number of things; argparse names it in its message."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} must be 1 or more")
    return number


def parser() -> argparse.ArgumentParser:
    program = _Parser(
        prog="eas",
        description="Elastic Architecture Search: one supernet, one generator, a compact network for any task and budget.",
    )
    program.add_argument("--version", action="version", version=f"eas {__version__}")
    listed = program.add_subparsers(required=True, metavar="COMMAND")
    common = _common()
    for name, (function, options, text) in COMMANDS.items():
        command = listed.add_parser(name, parents=[common], help=text, description=text)
        command.set_defaults(command=function)
        for add_option in options:
            add_option(command)
    return program


def _common() -> _Parser:
    """The options that every command has."""
    common = _Parser(add_help=False)
    common.add_argument("--profile", default=named.PROFILE, help="profile name or YAML file (default: demo)")
    common.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a setting, e.g. --set supernet.batch_size=64; may be repeated for other settings",
    )
    common.add_argument("--seed", type=int, default=named.SEED, help="seed of the run (default: 0)")
    common.add_argument("--runs", default="runs", metavar="FOLDER", help="where artefacts lie (default: runs)")
    common.add_argument("--device", default="auto", help="auto, cpu or cuda (default: auto)")
    common.add_argument("--quiet", action="store_true", help="no progress bars")
    return common


def _option(*names: str, **how: Any) -> Callable[[argparse.ArgumentParser], object]:
    """An option of a command, to be added to its parser."""
    return lambda command: command.add_argument(*names, **how)


_METHOD = _option(
    "--method",
    default="best",
    choices=("best", *(name for name, method in METHODS.items() if method.generator)),
    help="how the architecture is found (default: best, that with the best validation accuracy in the records that are "
    "there, or else EAS); the output names it",
)
_SCENARIO = (
    _option("--task", required=True, help="task name (see eas tasks)"),
    _option("--budget", required=True, type=float, help="millions of multiply-adds"),
    _METHOD,
)
_RELEASED = _option(
    "--release",
    metavar="NAME",
    help="a published release instead of a profile and a seed, a folder of releases/ or a path: nothing is trained",
)
_EVALUATE = (
    _option("--task", help="task name (see eas tasks); with --release alone, all networks of its record are tested"),
    _option("--budget", type=float, help="millions of multiply-adds"),
    _METHOD,
    _RELEASED,
    _option(
        "--tolerance",
        type=float,
        default=0.1,
        metavar="POINTS",
        help="with --release alone: exit status 2 if an accuracy is off by more (default: 0.1)",
    ),
)
_RUN = (
    _option(
        "--until",
        default="results",
        choices=STAGES,
        metavar="STAGE",
        help=f"last stage to make (default: results): {', '.join(STAGES)}",
    ),
    _option("--max-minutes", type=float, help="stop cleanly after this time; run again to continue"),
    _option(
        "--mixed-precision",
        metavar="KIND",
        help="no or bf16: forward passes of the trainings (default: that of accelerate launch, or no)",
    ),
    _option(
        "--micro-batches",
        type=int,
        default=1,
        metavar="N",
        help="gradient accumulation: each process does its part of a batch in N passes (default: 1)",
    ),
    _option(
        "--deterministic", action="store_true", help="the same bits each time on a GPU too, more slowly (CPU: always)"
    ),
)
_INIT = (
    _option(
        "folder",
        metavar="FOLDER",
        help="pictures, a folder for each class, as deep as they come; or a CSV with path, label, and if wanted task and split",
    ),
    _option("--out", required=True, metavar="FILE.yaml", help="the profile to write; a list and a report go beside it"),
    _option(
        "--tasks",
        default="first",
        metavar="HOW",
        help="first (default): the classes of a folder at the top are a task; one: all are one task; or a YAML file, "
        "task: [class, ...]",
    ),
    _option("--time", default="minutes", choices=("minutes", "hour", "night"), help="how long a run may take"),
)
_PREPARE = (
    _option(
        "--source",
        required=True,
        action="append",
        metavar="PATH",
        help="file or folder; may be repeated. Both splits are found in any of these forms: ILSVRC2012_img_train.tar and "
        "ILSVRC2012_img_val.tar; train/nXXXXXXXX/*.JPEG and val/nXXXXXXXX/*.JPEG; parquet files (Hugging Face); "
        "webdataset shards. Only read from, nothing is unpacked",
    ),
    _option(
        "--ground-truth",
        metavar="FILE",
        help="classes of the validation photographs, where they come without: ILSVRC2012_devkit_t12.tar.gz, "
        "LOC_val_solution.csv, or lines 'ILSVRC2012_val_00000001.JPEG n01751748' (default: looked for in PATH)",
    ),
    _option(
        "--out", required=True, metavar="DIR", help="folder for the packed photographs, manifest.csv and report.md"
    ),
    _option("--no-pack", action="store_true", help="only check every photograph; manifest and report"),
    _option("--workers", type=int, metavar="N", help="threads that decode, 1 to 256 (default: one a core)"),
)
_COST = (
    _option(
        "--archs",
        required=True,
        metavar="FILE",
        help='JSON list of {"depth": [5], "expand": [20], "kernel": [20]}; - for standard input',
    ),
    _option("--resolution", type=int, help="image size instead of the profile's"),
    _option("--num-classes", type=int, help="number of classes instead of the profile's"),
)
_JSON = _option("--json", action="store_true", help="as JSON: {task: [class, ...]}; wnids where the source has them")
_ONNX = _option("--onnx", action="store_true", help="also write network.onnx")
_WHAT = _option("what", nargs="?", metavar="TABLE|FIGURE|CLAIM", help="such as table-1 (default: list what there is)")
_ARCHITECTURE = _option(
    "--architecture", metavar="FILE", help="JSON {depth, expand, kernel}: this one, instead of one that is found"
)
_ONNX_FILE = _option(
    "--out", metavar="FILE.onnx", help="also write the network as ONNX with classes, preprocessing and accuracy in it"
)
_SPECIALIZE = (
    _option("--task", required=True, help="task name (see eas tasks)"),
    _option("--budget", type=float, help="millions of multiply-adds"),
    _option("--latency", metavar="MS", help="milliseconds for one image, such as 5ms, in the place of --budget"),
    _option("--device-table", metavar="FILE", help="with --latency: the device, as eas latency wrote it"),
    _METHOD,
    _RELEASED,
    _ONNX_FILE,
    _option(
        "--int8",
        action="store_true",
        help="with --out: also FILE.int8.onnx, in 8 bits, with its accuracy and latency measured",
    ),
)
_LATENCY = (
    _option("action", choices=("measure",), help="what to do"),
    _option("--out", required=True, metavar="FILE.json", help="table to write"),
    _option("--runtime", default="onnxruntime", choices=("onnxruntime", "torch"), help="(default: onnxruntime)"),
    _option("--threads", type=int, default=1, metavar="N", help="threads, kept on as many cores (default: 1)"),
    _option("--rounds", type=count, default=7, metavar="N", help="times that all is measured (default: 7)"),
)
_PREDICT = (
    _option("file", metavar="FILE.onnx", help="what eas specialize or eas export wrote"),
    _option("pictures", nargs="+", metavar="IMAGE|FOLDER", help="pictures, or folders of them, sub-folders too"),
    _option("--json", action="store_true", help="as JSON, with the probabilities of all classes"),
    _option("--batch", type=count, default=64, metavar="N", help="pictures at a time (default: 64)"),
)
_SEEDS = _option("--seeds", default="0", help="seeds, such as 0,1,2 (default: 0); --seed is not used")

_WEIGHTS = _option(
    "--weights",
    type=int,
    metavar="SEED",
    help="the seed whose weights are published (default: the one whose are there, or else the first)",
)
_PARTIAL = _option(
    "--partial",
    action="store_true",
    help="leave out supernets of other drop rates and readings that are not finished, to be published later",
)


def _out(text: str, required: bool = True) -> Callable[[argparse.ArgumentParser], object]:
    return _option("--out", required=required, metavar="FOLDER", help=text)


#: Every command, the function that runs it, its options besides the common ones, what help says.
#:
#: :meta hide-value:
COMMANDS = {
    "init": (
        own.init,
        _INIT,
        "look at your own pictures, split them, and write a profile whose run fits a time on this machine; --seed is that "
        "of the splits",
    ),
    "run": (
        commands.run,
        _RUN,
        "train and evaluate, stage by stage; what is there is reused, what was interrupted continues",
    ),
    "tasks": (commands.tasks, (_JSON,), "list the tasks of a profile and their classes"),
    "prepare": (
        commands.prepare,
        _PREPARE,
        "check and pack the photographs of imagenet-10 or imagenet-12 from your copy of ImageNet (ILSVRC2012); "
        "interrupted, it continues when run again",
    ),
    "cost": (commands.cost, _COST, "exact multiply-adds and parameters of architectures"),
    "specialize": (
        networks.specialize,
        _SPECIALIZE,
        "the network for one task under one budget; with --out as one ONNX file that eas predict reads",
    ),
    "latency": (
        networks.latency,
        _LATENCY,
        "measure how long the parts of a profile's networks take on this device; interrupted, it continues when run again",
    ),
    "predict": (
        networks.predict,
        _PREDICT,
        "classes of pictures by an ONNX file that specialize or export wrote; needs no PyTorch",
    ),
    "evaluate": (
        networks.evaluate,
        _EVALUATE,
        "test accuracy of the network for one task under one budget, or of all networks of a release beside its record",
    ),
    "export": (
        networks.export,
        (*_SCENARIO, _RELEASED, _ARCHITECTURE, _out("folder to write to"), _ONNX),
        "write the network for one task under one budget as safetensors (and ONNX)",
    ),
    "report": (commands.report, (), "print the results table of a finished run"),
    "claims": (
        evidence.claims,
        (_SEEDS, _out("also copy all records into a folder, one file a seed", required=False)),
        "the paper's claims judged from the records of several seeds, made before",
    ),
    "reproduce": (
        evidence.reproduce,
        (_WHAT, _SEEDS, _out("also write the figure and the numbers (CSV) into a folder", required=False)),
        "one table, figure or claim of the paper: makes what it needs and prints expected beside obtained numbers",
    ),
    "release": (
        evidence.release,
        (
            _SEEDS,
            _WEIGHTS,
            _PARTIAL,
            _out("folder to write to, e.g. releases/my-run; a release there gets the seeds added"),
        ),
        "publish finished runs, one a seed: all records, the weights of one seed, the profile and a model card",
    ),
    "restore": (
        evidence.restore,
        (_option("--release", required=True, metavar="NAME", help="a folder of releases/ or a path"),),
        "put a release's records and weights below the folder of runs, where notebooks find them; prints where",
    ),
}
