"""What needs no PyTorch does without it: help, lists of tasks, costs, and every error of a wrong argument.

Importing torch, pandas or matplotlib takes seconds. All cases run one after another in one fresh process, which notes
after each what it has loaded; times are measured by ``python -m benchmarks.start_up``.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from eas_core import cli
from eas_core.space.search_space import SMALLEST

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "torchvision", "pandas", "scipy", "matplotlib", "accelerate")
SCENARIO = "--task 0 --budget 3"
NEEDED = {  # what each command cannot do without; FILE is a file, NEW a folder that could be made, PHOTOS is empty
    "run": "",
    "tasks": "",
    "prepare": "--source PHOTOS --out NEW",
    "cost": "--archs ARCHS",
    "specialize": SCENARIO,
    "evaluate": SCENARIO,
    "export": f"{SCENARIO} --out NEW",
    "report": "",
    "claims": "",
    "release": "--out NEW",
    "restore": "--release NOWHERE",
    "reproduce": "",
    "latency": "measure --out NEW.json",
    "predict": "FILE PHOTOS",
    "init": "PHOTOS --out NEW.yaml",
}
NO_PROFILE = {"predict", "init"}  # the file knows itself, the other one writes a profile
COMMON = [
    "--profile nope",
    "--profile FILE.yaml",
    "--set nonsense",
    "--set supernet.speed=3",
    "--set teacher.epochs=-1",
    "--set generator.budget=[1,1000]",
    "--set specialize.budgets=[0.1]",
    "--seed x",
    "--nonsense",
]
A_RUN = ["--seed -1", "--seed 9223372036854775808", "--runs FILE", "--runs FILE/in", "--device gpu", "--device cpu:x"]
DATA = [
    "--set space.num_classes=59",
    "{BUDGET} --profile imagenet-10",
    "{BUDGET} --profile imagenet-10 --set data.path=PHOTOS",
    "--set data.source=tiny-imagenet --set data.path=nowhere.zip",
    "--set data.source=tiny-imagenet --set data.path=FILE",
    "--set data.source=tiny-imagenet --set data.path=PHOTOS",
]
DATA, SCENARIO_DATA = ([words.format(BUDGET=b).strip() for words in DATA] for b in ("", "--budget 300"))
A_SCENARIO = [
    "--task dogs",
    "--task 10",
    "--budget 0",
    "--budget 1e9",
    "--budget nan",
    "--budget much",
    "--method OFA-T",
]
A_RELEASE = ["--release NOWHERE", "--profile demo --release NOWHERE"]
LAUNCH = ["--mixed-precision fp8", "--micro-batches 0", "--micro-batches x", "--micro-batches 7"]
WRONG = {
    "run": [*A_RUN, *DATA, *LAUNCH, "--until heaven", "--max-minutes -1", "--max-minutes nan", "--max-minutes x"],
    "tasks": [],
    "prepare": [
        "",  # no photographs
        "--profile demo",
        "--source nowhere",
        "--ground-truth nowhere",
        "--out FILE",
        "--workers 0",
        "--workers x",
    ],
    "cost": ["--archs nowhere", "--archs FILE", "--resolution 0", "--resolution x", "--num-classes 0"],
    "specialize": [
        *A_RUN,
        *SCENARIO_DATA,
        *A_SCENARIO,
        *A_RELEASE,
        "--latency 5ms",
        "--device-table nowhere",
        "--out FILE",
        "--int8",
    ],
    "evaluate": [*A_RUN, *SCENARIO_DATA, *A_SCENARIO, *A_RELEASE, "--tolerance x"],
    "export": [*A_RUN, *SCENARIO_DATA, *A_SCENARIO, *A_RELEASE, "--out FILE", "--architecture nowhere"],
    "report": [*A_RUN, ""],  # nothing has been trained
    "claims": [*A_RUN, "", "--seeds one", "--seeds 0,0", "--seeds 0,-1", "--out FILE/in"],
    "release": [*A_RUN, "", "--out FILE", "--seeds 0,0", "--weights x"],
    "restore": ["--release ELSEWHERE"],
    "reproduce": ["--runs FILE table-1", "--device gpu table-1", "--seeds one", "--seeds 0,0", "--out FILE/in"],
    "latency": [
        "--runtime fast",
        "--threads 0",
        "--threads 9999",
        "--threads x",
        "--rounds 0",
        "--rounds x",
        "--out FILE",
    ],
    "predict": ["--batch 0", "--batch x", "--nonsense"],
    "init": ["--out FILE", "--out FILE/in.yaml", "--time day", "--tasks nowhere.yaml", "--seed x", "--nonsense"],
}
GOOD = ["--help", "--version", *(f"{name} --help" for name in NEEDED), "tasks", "tasks --json", "cost"]
UNUSED = {
    *(
        (name, option)
        for name in ("tasks", "prepare", "cost", "restore", "latency")
        for option in ("--runs", "--device")
    ),
    *((name, option) for name in NO_PROFILE for option in ("--profile", "--set", "--seed", "--runs", "--device")),
}
CASES = [
    f"{name} {words}".strip()
    for name in NEEDED
    for words in (*(COMMON if name not in NO_PROFILE else ()), *WRONG[name])
] + ["", "fly"]

CHILD = """
import contextlib, io, json, sys
from eas_core import cli

heavy, seen, found = json.loads(sys.argv[1]), set(), []
for words in json.load(sys.stdin):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = cli.main(words)
        except SystemExit as stop:
            status = stop.code
    new = sorted({name for name in heavy if name in sys.modules} - seen)
    seen.update(new)
    found.append((status, out.getvalue(), err.getvalue(), new))
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> dict[str, tuple]:
    """(exit status, stdout, stderr, heavy modules that were loaded) of each case."""
    folder = tmp_path_factory.mktemp("arguments")
    for name in ("FILE", "FILE.yaml"):
        (folder / name).write_text("plain")
    (folder / "PHOTOS").mkdir()
    (folder / "ARCHS").write_text(json.dumps([SMALLEST.to_dict()]))
    lines = []
    for case in (*GOOD, *CASES):
        name, *words = case.split() or [""]
        if name in NEEDED and "--help" not in words:
            profile = {"prepare": "imagenet-10", "restore": "demo"}.get(name, "smoke")
            words = ["--profile", profile, "--quiet", *NEEDED[name].split(), *words]
        lines.append([name, *words] if name else [])
    done = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps(HEAVY)],
        input=json.dumps(lines),
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return dict(zip((*GOOD, *CASES), json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("case", GOOD)
def test_help_tasks_and_costs_do_without_pytorch(outcomes, case):
    status, out, err, loaded = outcomes[case]
    assert (status, err, loaded) == (0, "", []) and out


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_argument_is_one_line_before_pytorch_is_loaded(outcomes, case):
    status, out, err, loaded = outcomes[case]
    assert (status, out) == (2, "") and err.startswith("eas") and err.count("\n") == 1, err
    assert loaded == []
    *_, option, value = ("", "", *case.replace("=", " ").split())
    assert option.strip("-").replace("-", "_") in err.replace("-", "_") or value in err, f"it does not name {option}"


def test_the_list_has_every_command_and_every_option_that_takes_a_value():
    (commands,) = (action for action in cli.parser()._actions if action.choices and action.dest == "==SUPPRESS==")
    assert set(commands.choices) == set(NEEDED) == set(WRONG)
    for name, parser in commands.choices.items():
        tried = " ".join((*(COMMON if name not in NO_PROFILE else ()), *WRONG[name])).split()
        for action in parser._actions:
            takes_value = action.nargs != 0 and action.option_strings  # what has no name has tests with its command
            assert (
                not takes_value or {*action.option_strings} & {*tried} or (name, action.option_strings[0]) in UNUSED
            ), f"no case for {name} {action.option_strings[0]}"
