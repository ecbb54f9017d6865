"""Malformed input of every kind is one line and exit status 2: no traceback, no hang, and no file is changed."""

from __future__ import annotations

import copy
import errno
import hashlib
import io
import json
import os
import pickle
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from helpers import one_line
from test_claims import one_seed

from eas_core import cli
from eas_core.base import checkpoints, records
from eas_core.base.errors import EASError
from eas_core.base.random import rng
from eas_core.evidence import claims
from eas_core.network.subnetwork import Network
from eas_core.runs import export, releases, trained
from eas_core.runs.run import make_run
from eas_core.settings import profiles
from eas_core.space.search_space import SMALLEST

ROOT = Path(__file__).parents[1]
SMOKE = (profiles.FOLDER / "smoke.yaml").read_bytes()
PLAIN = yaml.safe_load(SMOKE)
HUGE = "9" * 5000
pytestmark = pytest.mark.timeout(60, func_only=True)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def refused(capsys, tmp_path):
    """Run a command that must say one line and change nothing in ``folder`` (default: the test's own); returns the line."""

    def call(*words: str, folder: Path = tmp_path) -> str:
        before = content(folder)
        capsys.readouterr()
        try:
            status = cli.main(list(words))
        except SystemExit as stop:  # argparse
            status = stop.code
        out, err = capsys.readouterr()
        assert status == 2 and err.startswith("eas: ") and err.endswith("\n"), (status, err)
        assert len(err.splitlines()) == 1 and len(err) < 2000 and "Traceback" not in err, err
        assert content(folder) == before
        return err

    return call


def cases(*groups: dict) -> dict:
    """Groups of cases as one, which must all have different names."""
    merged = {name: case for group in groups for name, case in group.items()}
    assert len(merged) == sum(map(len, groups))
    return merged


# ---------------------------------------------------------------- profile files


def with_value(path: str, value: object) -> bytes:
    raw = copy.deepcopy(PLAIN)
    *sections, last = path.split(".")
    inside = raw
    for section in sections:
        inside = inside[section]
    inside[last] = value
    return yaml.safe_dump(raw).encode()


def bomb(kind: str) -> bytes:
    """Ten levels, each ten times the one before: ten thousand million values in a kilobyte."""
    lines = ["l0: &l0 {a: 1}" if kind == "merge" else "l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, 11):
        aliases = ", ".join([f"*l{level - 1}"] * 10)
        lines.append(f"l{level}: &l{level} " + (f"{{<<: [{aliases}]}}" if kind == "merge" else f"[{aliases}]"))
    return "\n".join(lines).encode()


VALUES = {
    "name": [None, 3, "", "..", "../../etc", "a/b", "a\0b", "a\nb", ".", "x" * 101, "ü", [1], {"a": 1}],
    "data": [None, [], "text", 3],
    "data.seed": [-1, 2**63, 1.5, "x", float("nan")],
    "data.source": ["cifar", None, 3, []],
    "data.train_per_class": [0, -1, 10**30, 2.5, "many", float("inf"), True],
    "data.path": [3, [], {}],
    "space.widths": [None, [], [8] * 4, [8] * 6, [0] * 5, [10**9] * 5, "8", [[8]] * 5],
    "space.num_classes": [0, 10**10, "six"],
    "space.resolution": [7, 10**4, -8],
    "teacher.epochs": [0, -1, float("nan"), float("inf"), 1e300, "1e"],
    "teacher.optimizer": [None, "sgd", {"kind": "sgd"}, {"kind": "sgd", "lr": 1, "x": 1}],
    "supernet.stages": [[], {}, [[]], "all", [{"name": "x"}]],
    "supernet.task_dropout.q": [-0.1, 1.1, float("nan"), "0.6"],
    "generator.budget": [[], [1], [5, 1], [0, 1], [float("nan"), 5], "1-5"],
    "specialize.budgets": [[], [0], [-1], [1e9], [float("nan")], "2.3", {}],
    "unknown": [1],
    "supernet.unknown": [1],
}
LENIENT = {("data.train_per_class", 6), ("supernet.task_dropout.q", 3)}  # true is 1, and "0.6" is 0.6
PROFILES = cases(
    {
        f"{path} {number}": with_value(path, value)
        for path, values in VALUES.items()
        for number, value in enumerate(values)
        if (path, number) not in LENIENT
    },
    {
        "empty": b"",
        "null": b"null",
        "number": b"3",
        "text": b"text",
        "list": b"[1, 2]",
        "binary": bytes(range(256)),
        "zeros": bytes(1000),
        "utf-16": SMOKE.decode().encode("utf-16-le"),
        "latin-1": b"name: \xff",
        "two documents": SMOKE + b"---\n" + SMOKE,
        "cut short": SMOKE[: len(SMOKE) // 2],
        "tab": b"\tname: x",
        "deep list": b"[" * 50000,
        "deep table": b"{a: " * 50000,
        "deep nesting in a field": b"name: " + b"[" * 200 + b"]" * 200,
        "aliases": bomb("list"),
        "aliases in a field": bomb("list") + b"\nname: *l9",
        "merges": bomb("merge"),
        "contains itself": b"name: &a [*a]",
        "table that contains itself": b"&a {a: *a}",
        "unknown alias": b"name: *nothing",
        "python object": b"!!python/object/apply:os.mkdir [trapped]",
        "python name": b"name: !!python/name:os.system",
        "date": b"name: 2024-13-45",
        "huge decimal": b"name: x\ndata: {seed: " + HUGE.encode() + b"}",
        "huge hexadecimal": SMOKE.replace(b"resolution:", b"resolution: 0x" + b"F" * 9000 + b" #"),
        "number as a key": b"3: 4",
        "list as a key": b"? [a]\n: b",
        "too large": b"# " + b"x" * 2_000_000 + b"\n" + SMOKE,
        "same key in two sections": b"name: a\nname: [b]",
    },
)


@pytest.mark.parametrize("case", PROFILES)
def test_profile_files(case, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.yaml").write_bytes(PROFILES[case])
    assert "p.yaml" in refused("tasks", "--profile", str(tmp_path / "p.yaml"))
    assert not (tmp_path / "trapped").exists()


PLACES = [
    "nowhere.yaml",
    "folder.yaml",
    "pipe.yaml",
    "dangling.yaml",
    "loop.yaml",
    "nul\0.yaml",
    "x" * 5000 + ".yaml",
    "",
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: ascii(place)[:20])
def test_places_without_a_profile(place, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.yaml").mkdir()
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "dangling.yaml").symlink_to("nothing")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    assert "is not one of demo, " in refused("tasks", "--profile", place)


# ---------------------------------------------------------------- overrides

OVERRIDES = [
    "", "=", "=3", ".", "..=3", "a", "a.b", "a=1", "a.b=1", "supernet", "supernet=", "supernet=3", "supernet=[]", "supernet.=1",
    ".supernet=1", "supernet..q=1", "supernet.stages.0=1", "supernet.stages[0]=1", "supernet.batch_size", "supernet.batch_size=",
    "supernet.batch_size=x", "supernet.batch_size=-1", "supernet.batch_size=1.5", "supernet.batch_size=.inf",
    "supernet.batch_size=0x" + "F" * 5000, "supernet.batch_size=" + HUGE, "supernet.batch_size=[" * 99, "supernet.batch_size={",
    "supernet.batch_size=!!python/object:os.x {}", "supernet.batch_size=\0", "supernet.batch_size=\udcff", "supernet.batch_size=*a",
    "supernet.batch_size=&a [*a]", "teacher.epochs=.nan", "teacher.epochs=1e999", "teacher.optimizer.kind=lion", "name=../x",
    "name=", "\0=1", "\udcff=1", "ü.ö=1", "data.seed=2024-13-45", "data.shift=33", "--set", "a" * 5000 + "=1",
    "data={source: shapes10}", "space.widths={0: 8}", "generator.budget=[.nan, .nan]", "supernet.task_dropout=0.5",
    "x: y", "supernet.batch_size==", "supernet.batch_size=[" + "[1, 2], " * 2000 + "]",
]  # fmt: skip


@pytest.mark.parametrize("override", OVERRIDES, ids=range(len(OVERRIDES)))
def test_overrides(override, refused):
    refused("tasks", "--profile", "smoke", f"--set={override}")


# ---------------------------------------------------------------- records


@pytest.fixture(scope="module")
def finished(smoke_run, tmp_path_factory):
    """A copy of the smoke run that tests may damage, if they mend it again."""
    root = tmp_path_factory.mktemp("finished") / "runs"
    shutil.copytree(smoke_run.root, root)
    return make_run("smoke", root=root, device="cpu", progress=False)


@pytest.fixture
def damage(finished):
    """Replace a file of the finished run until the test ends."""
    kept = {}

    def replace(path: Path, blob: bytes) -> None:
        kept.setdefault(path, path.read_bytes() if path.exists() else None)
        path.write_bytes(blob)

    yield replace
    for path, blob in kept.items():
        path.unlink() if blob is None else path.write_bytes(blob)


def words(run) -> tuple[str, ...]:
    return ("--profile", "smoke", "--runs", str(run.root), "--device", "cpu", "--quiet")


RAW = {
    "empty": b"", "space": b" ", "brace": b"{", "null": b"null", "list": b"[]", "table": b"{}", "number": b"3", "NaN": b"NaN",
    "text": b'"x"', "noise": bytes(range(256)), "zeros": bytes(100), "deep": b"[" * 100000, "huge": HUGE.encode(),
    "kind only": b'{"kind": "results"}', "no UTF-8": b'{"kind": "\xff"}', "UTF-16": "{}".encode("utf-16"),
}  # fmt: skip
FIELDS = {
    "kind": [None, 3, "teacher2", [], ""],
    "settings": [None, [], "x", 3],
    "result": [None, [], "x", 3],
    "seconds": [None, "x", -1, float("nan"), float("inf"), True, [], 1e300],
    "provenance": [None, [], "x"],
    "result.rows": [None, [], {}, "x", [None], [[]], [{}]],
    "result.rows.0.task": [None, 3, [], {}],
    "result.rows.0.budget": [None, "x", -1, float("nan"), float("inf"), [], True],
    "result.rows.0.madds": [None, "x", float("nan"), -1],
    "result.rows.0.architecture": [None, [], {}, "x", {"depth": [9] * 5, "expand": [3] * 20, "kernel": [3] * 20}],
    "result.rows.0.accuracy": [None, "x", 1.5, float("nan")],
    "result.rows.0.n": [None, "x", 0, 1.5, 10**30],
    "result.rows.0.correct": [None, 3, "x", "é", "====", "AAAA" * 10],
    "result.comparisons": [None, {}, [None], [{}]],
    "result.comparisons.0.random_accuracy": [None, "x", [2.0], [float("nan")]],
    "result.comparisons.0.random_by_task": [None, "x", [1], [["x"]]],
    "result.comparisons.0.random_madds": [None, "x", [0], [float("inf")]],
}
RECORDS = cases(
    {f"results {name}": ("results", blob) for name, blob in RAW.items()},
    {f"generator {name}": ("generator", blob) for name, blob in RAW.items()},
    {f"{path} {n}": ("results", (path, value)) for path, values in FIELDS.items() for n, value in enumerate(values)},
    {f"specialized {path} {n}": ("specialized", (path, value)) for path, values in FIELDS.items()
     if "rows" in path and path.rsplit(".")[-1] in ("rows", "task", "budget", "madds", "architecture") for n, value in enumerate(values)},
    {f"teacher curve {n}": ("teacher", ("result.curve", v)) for n, v in enumerate([None, [], {}, "x", [None], [{"step": "x"}], [{"step": 0}]])},
)  # fmt: skip


def mutated(record: dict, path: str, value: object) -> bytes:
    inside, keys = record, path.split(".")
    for key in keys[:-1]:
        inside = inside[int(key) if key.isdecimal() else key]
    inside[keys[-1]] = value
    return json.dumps(record).encode()


@pytest.mark.parametrize("case", RECORDS)
def test_records(case, refused, finished, damage):
    stage, change = RECORDS[case]
    path = finished.folder(stage) / "record.json"
    damage(path, change if isinstance(change, bytes) else mutated(json.loads(path.read_bytes()), *change))
    command = ("report",) if stage == "results" else ("run", "--until", stage)
    assert str(path) in refused(*command, *words(finished), folder=finished.root)


@pytest.mark.parametrize("keep", [0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_records_cut_short(keep, refused, finished, damage):
    path = finished.folder("results") / "record.json"
    damage(path, path.read_bytes()[: int(keep * path.stat().st_size)])
    assert str(path) in refused("report", *words(finished), folder=finished.root)


# ---------------------------------------------------------------- weights and data


def tensors(tensors: dict, **metadata: str) -> bytes:
    import safetensors.torch

    return safetensors.torch.save(tensors, metadata=metadata)


HEADER = (10**12).to_bytes(8, "little")  # says that a header of a terabyte follows
TENSORS = {
    "empty": b"", "noise": bytes(range(256)) * 10, "header too long": HEADER + b"{}", "no tensors": tensors({}),
    "others": tensors({"x": torch.zeros(3)}), "metadata no JSON": tensors({"x": torch.zeros(3)}, eas="{"),
    "metadata a list": tensors({"x": torch.zeros(3)}, eas="[]"), "metadata deep": tensors({"x": torch.zeros(3)}, eas="[" * 100000),
    "a pickle": pickle.dumps({"x": 1}), "negative offsets": (50).to_bytes(8, "little") + b'{"x":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}',
}  # fmt: skip


@pytest.mark.parametrize("case", TENSORS)
@pytest.mark.parametrize("file", ["weights", "data"])
def test_weights_and_data(case, file, refused, finished, damage):
    (data,) = (finished.root / "data").glob("*/valid.safetensors")
    path = finished.folder("teacher") / "weights.safetensors" if file == "weights" else data
    damage(path, TENSORS[case])
    assert str(path) in refused("run", "--until", "teacher", *words(finished), folder=finished.root)


# ---------------------------------------------------------------- checkpoints


class Trap:
    """Pickled code: makes a folder when it is loaded."""

    def __reduce__(self):
        return os.mkdir, ("trapped",)


def sealed(state: object, pickled: bytes | None = None) -> bytes:
    """A checkpoint with a right hash, whatever is in it."""
    if pickled is None:
        buffer = io.BytesIO()
        torch.save(state, buffer)
        pickled = buffer.getvalue()
    return checkpoints.MAGIC + hashlib.sha256(pickled).digest() + pickled


def changed(good: bytes, **changes: object) -> bytes:
    state = torch.load(io.BytesIO(good[checkpoints.HEADER :]), weights_only=True)
    return sealed({name: value for name, value in {**state, **changes}.items() if value is not ...})


def flipped(good: bytes, number: int) -> bytes:
    draw, blob = random.Random(number), bytearray(good)
    blob[draw.randrange(len(good))] ^= 1 << draw.randrange(8)
    return bytes(blob)


CHANGES = {
    "no step": {"step": ...}, "step text": {"step": "1"}, "step negative": {"step": -1}, "step zero": {"step": 0},
    "step too large": {"step": 10**9}, "step of floats": {"step": 1.0}, "no key": {"key": ...}, "another run's": {"key": "0123456789"},
    "key number": {"key": 3}, "no modules": {"modules": ...}, "modules empty": {"modules": {}}, "modules list": {"modules": []},
    "weights of another space": {"modules": {"network": {"weight": torch.zeros(3)}}}, "weights text": {"modules": {"network": "x"}},
    "weights numbers": {"modules": {"network": {"a": 3}}}, "no optimizer": {"optimizer": ...}, "optimizer empty": {"optimizer": {}},
    "optimizer groups": {"optimizer": {"state": {}, "param_groups": []}}, "optimizer text": {"optimizer": {"state": 3, "param_groups": 4}},
    "curve none": {"curve": None}, "pending text": {"pending": "x"}, "no metrics": {"metrics": ...}, "seconds text": {"seconds": "x"},
}  # fmt: skip
CHECKPOINTS = cases(
    {f"cut to {part:.2f}": lambda good, part=part: good[: int(part * len(good))] for part in (0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)},
    {f"cut by {n}": lambda good, n=n: good[:-n] for n in (1, 2, 100)},
    {f"cut to {n} bytes": lambda good, n=n: good[:n] for n in (1, 7, 8, 9, 39, 40, 41)},
    {f"bit {n}": lambda good, n=n: flipped(good, n) for n in range(15)},
    {
        "wrong magic": lambda good: b"EASckpt2" + good[8:],
        "no header": lambda good: good[checkpoints.HEADER :],
        "longer": lambda good: good + b"x",
        "twice": lambda good: good + good,
        "zeros": lambda good: bytes(len(good)),
        "text": lambda good: b"not a checkpoint\n" * 10,
        "pickle with code": lambda good: pickle.dumps(Trap()),
        "sealed pickle with code": lambda good: sealed(None, pickle.dumps(Trap(), protocol=2)),
        "sealed code in torch's format": lambda good: sealed({"key": Trap()}),
        "sealed nothing": lambda good: sealed(None, b""),
        "sealed noise": lambda good: sealed(None, bytes(range(256))),
        "sealed list": lambda good: sealed([1, 2]),
        "sealed number": lambda good: sealed(3),
        "sealed tensor": lambda good: sealed(torch.zeros(3)),
        "sealed cut": lambda good: sealed(None, good[checkpoints.HEADER : -100]),
    },
    {name: lambda good, changes=changes: changed(good, **changes) for name, changes in CHANGES.items()},
)  # fmt: skip


@pytest.fixture(scope="module")
def stopped(finished):
    """The finished run with another teacher, stopped after a step; its checkpoint's path and content."""
    overrides = ["teacher.warmup=0.5"]
    run = make_run("smoke", 0, finished.root, overrides, "cpu", max_minutes=0, progress=False)
    with pytest.raises(EASError, match="run again to continue"):
        trained.teacher(run)
    path = run.folder("teacher") / "checkpoint.pt"
    return path, path.read_bytes()


@pytest.mark.parametrize("case", CHECKPOINTS)
def test_checkpoints(case, refused, finished, stopped, damage, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path, good = stopped
    blob = CHECKPOINTS[case](good)
    assert blob != good
    damage(path, blob)
    said = refused("run", "--until", "teacher", "--set", "teacher.warmup=0.5", *words(finished), folder=finished.root)
    assert str(path) in said and "to start over" in said
    assert not (tmp_path / "trapped").exists()


def test_a_folder_in_place_of_a_checkpoint(refused, finished, stopped):
    path, good = stopped
    path.unlink()
    path.mkdir()
    try:
        command = ("run", "--until", "teacher", "--set", "teacher.warmup=0.5")
        assert str(path) in refused(*command, *words(finished), folder=finished.root)
    finally:
        path.rmdir()
        path.write_bytes(good)


# ---------------------------------------------------------------- the command line

ARGUMENTS = [
    (), ("",), ("fly",), ("--fly",), ("\0",), ("\udcff",), ("run", "--fly"), ("run", "extra"), ("run", "a\nb"), ("run", "--until"),
    ("run", "--until", ""), ("run", "--until", "heaven"), ("run", "--max-minutes", "x"), ("run", "--max-minutes", "nan"),
    ("run", "--max-minutes", "-1"), ("run", "--max-minutes", ""), ("run", "--seed", "x"), ("run", "--seed", "1.5"),
    ("run", "--seed", "-1"), ("run", "--seed", str(2**63)), ("run", "--seed", "9" * 300), ("run", "--seed", HUGE), ("run", "--seed", ""),
    ("run", "--runs", "nul\0"), ("run", "--runs", "x" * 300), ("run", "--runs", "a/" * 3000), ("run", "--runs", "\udcff"),
    ("run", "--runs", "{file}"), ("run", "--runs", "{file}/below"), ("run", "--runs", "/proc/nothing"), ("run", "--runs", "/dev/null"),
    ("run", "--device", "meta"), ("run", "--device", "tpu"), ("run", "--device", ""), ("run", "--device", "cuda:x"), ("run", "--device", "\0"),
    ("run", "--device", "cpu:99999999999"), ("run", "--profile", ""), ("run", "--profile", "\0"), ("run", "--profile", "{folder}"),
    ("tasks", "--json=1"), ("report", "--seed", "7"), ("report", "--runs", "{file}"), ("release",), ("release", "--out", "{folder}/out"),
    ("cost",), ("cost", "--archs"), ("cost", "--archs", "{folder}"), ("cost", "--archs", "nowhere"), ("cost", "--archs", "\0"),
    ("cost", "--archs", "x" * 5000), ("cost", "--archs", "{file}", "--resolution", "x"), ("cost", "--archs", "{good}", "--resolution", "0"),
    ("cost", "--archs", "{good}", "--resolution", "-1"), ("cost", "--archs", "{good}", "--resolution", "9" * 30),
    ("cost", "--archs", "{good}", "--num-classes", "0"), ("cost", "--archs", "{good}", "--num-classes", "9" * 30),
    ("cost", "--archs", "{good}", "--num-classes", HUGE), ("claims", "--seeds", ""), ("claims", "--seeds", "x"), ("claims", "--seeds", "-1"),
    ("claims", "--seeds", "0,"), ("claims", "--seeds", "0-2"), ("claims", "--seeds", HUGE), ("claims", "--seeds", "²"),
    ("claims", "--seeds", "0"), ("specialize",), ("specialize", "--task", "arrows"), ("specialize", "--budget", "3"),
    ("specialize", "--task", "arrows", "--budget", "x"), ("export", "--task", "arrows", "--budget", "3"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(ARGUMENTS)), ids=lambda n: ascii(" ".join(ARGUMENTS[n]))[:40])
def test_arguments(number, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    places = {"{file}": tmp_path / "file", "{folder}": tmp_path / "folder", "{good}": tmp_path / "good.json"}
    places["{file}"].write_text("text")
    places["{folder}"].mkdir()
    places["{good}"].write_text(json.dumps([SMALLEST.to_dict()]))
    arguments = list(ARGUMENTS[number])
    for name, path in places.items():
        arguments = [word.replace(name, str(path)) for word in arguments]
    if arguments[:1] in (["run"], ["report"], ["release"], ["claims"]):
        for name, value in (("--profile", "smoke"), ("--device", "cpu")):
            arguments += [] if name in arguments else [name, value]
    refused(*arguments)


SCENARIOS = cases(
    {f"task {ascii(t)[:20]}": (t, "3") for t in ("", "dogs", "Arrows", "00", "-1", "\0", "\udcff", "a\nb", "é", "x" * 5000)},
    {f"budget {b[:20]}": ("arrows", b) for b in ("0", "-1", "-0.0", "nan", "inf", "-inf", "1e999", "1e-999", "1e9", HUGE, "0x3", "")},
)  # fmt: skip


@pytest.mark.parametrize("case", SCENARIOS)
def test_tasks_and_budgets(case, refused, finished):
    task, budget = SCENARIOS[case]
    refused("specialize", f"--task={task}", f"--budget={budget}", *words(finished), folder=finished.root)


OUT = ["{file}", "{file}/below", "nul\0", "x" * 300, "/proc/nothing/here", "/dev/null/x"]


@pytest.mark.parametrize("out", OUT, ids=lambda out: ascii(out)[:20])
@pytest.mark.parametrize("command", ["release", "export"])
def test_folders_that_cannot_be_written_to(command, out, refused, finished, tmp_path):
    (tmp_path / "file").write_text("text")
    scenario = ("--task", "arrows", "--budget", "4") if command == "export" else ()
    refused(command, "--out", out.replace("{file}", str(tmp_path / "file")), *scenario, *words(finished))


@pytest.mark.parametrize("name", ["p.yaml", "a.json", "results", "generator"])
def test_files_that_may_not_be_read(name, capsys, finished, tmp_path, monkeypatch):
    path = tmp_path / name if "." in name else finished.folder(name) / "record.json"
    command = {
        "p.yaml": ("tasks", "--profile", str(path)),
        "a.json": ("cost", "--archs", str(path)),
        "results": ("report", *words(finished)),
        "generator": ("run", "--until", "generator", *words(finished)),
    }[name]
    if "." in name:
        path.write_text("[]")
    opened = io.open

    def guarded(file, mode="r", *arguments, **options):  # root may read everything, so permissions alone show nothing
        if Path(file) == path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))
        return opened(file, mode, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(io, "open", guarded)
        status = cli.main(list(command))
    err = capsys.readouterr().err
    assert status == 2 and err.startswith("eas: ") and err.count("\n") == 1


# ---------------------------------------------------------------- releases and exported networks

GOOD_SEED = one_seed()
VARIANT = GOOD_SEED["main"]
EVIDENCE = cases(
    {name: blob for name, blob in RAW.items()},
    {
        f"{name} {n}": json.dumps({**GOOD_SEED, name: value}).encode()
        for name in ("seed", "profile", "main", "variants")
        for n, value in enumerate([None, [], {}, 3.5, {"x": 1}, {"x": {"q": 0, "reading": "x", "records": 3}}])
    },
    {
        f"records {n}": json.dumps({**GOOD_SEED, "variants": {VARIANT: {**GOOD_SEED["variants"][VARIANT], "records": value}}}).encode()
        for n, value in enumerate([None, [], {"tested-same": {}}, {"tested-same": None}, {"x": {"kind": "x"}}])
    },
)  # fmt: skip


@pytest.mark.parametrize("case", EVIDENCE)
def test_releases(case, tmp_path):
    (tmp_path / "seed-0.json").write_bytes(EVIDENCE[case])
    with pytest.raises(EASError) as error:
        claims.judge(releases.read_evidence(tmp_path))
    one_line(error.value)
    assert (tmp_path / "seed-0.json").read_bytes() == EVIDENCE[case]


SPACE = {"num_classes": 6, "resolution": 13, "stem_width": 8, "first_width": 8, "widths": [8, 8, 16, 16, 24]}
SPACE |= {"final_width": 16, "head_width": 16}
NETWORK = {"space": SPACE, "architecture": SMALLEST.to_dict(), "classes": [0, 1]}
NETWORKS = cases(
    {name: blob for name, blob in RAW.items()},
    {
        f"{name} {n}": json.dumps({**NETWORK, name: value}).encode()
        for name in NETWORK
        for n, value in enumerate([None, [], "x", 3, [9], [-1], [[0]], [0.5], {"a": 1}])
        if (name, value) != ("classes", [])
    },
    {
        f"space.{name} {n}": json.dumps({**NETWORK, "space": {**SPACE, name: value}}).encode()
        for name in SPACE
        for n, value in enumerate([None, "x", 0, -1, 10**12, [], [10**9] * 5, float("nan")])
        if (name, n) not in {("resolution", 4)}  # a network takes images of any size
    },
)


@pytest.mark.parametrize("case", NETWORKS)
def test_exported_networks(case, tmp_path):
    from eas_core.space.search_space import SearchSpace

    network = Network(SearchSpace(**SPACE), SMALLEST)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, generator=rng(0))
    records.save_tensors(tmp_path / "network.safetensors", network.state_dict())
    (tmp_path / "network.json").write_text(json.dumps(NETWORK))
    export.load(tmp_path)
    (tmp_path / "network.json").write_bytes(NETWORKS[case])
    before = content(tmp_path)
    with pytest.raises(EASError) as error:
        export.load(tmp_path)
    one_line(error.value)
    assert content(tmp_path) == before


# ---------------------------------------------------------------- all together


def test_there_are_enough_cases():
    groups = (PROFILES, PLACES, OVERRIDES, RECORDS, TENSORS, CHECKPOINTS, ARGUMENTS, SCENARIOS, OUT, EVIDENCE, NETWORKS)
    assert all(len(set(map(repr, group))) == len(group) for group in groups)
    assert sum(map(len, groups)) >= 500
    assert min(map(len, (PROFILES, OVERRIDES, RECORDS, CHECKPOINTS, ARGUMENTS))) >= 50
    assert len(set(PROFILES.values())) == len(PROFILES)


def test_the_installed_program_says_one_line_too(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    program = [sys.executable, "-m", "eas_core.cli"]
    for words in (["run", "--profile", "nope"], ["run", "--until", "heaven"], ["cost", "--archs", b"\xff\xfe"]):
        done = subprocess.run([*program, *words], capture_output=True, cwd=tmp_path, env=environment, timeout=60)
        assert done.returncode == 2 and done.stdout == b"" and done.stderr.count(b"\n") == 1, done.stderr
    assert not list(tmp_path.iterdir())
