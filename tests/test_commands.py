"""Every command that the book, the README, a release or a message shows is one that its program accepts.

Commands are collected from shell blocks and code spans (each must be known) and from comments, docstrings and messages
(found by their first words, read as far as they look like a command). ``eas`` on the small profiles is run on the smoke
run; what needs ImageNet, a cluster, a GPU or hours is read by its own parser, and its settings are validated.
"""

import ast
import copy
import json
import re
import runpy
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest
import tiny
import yaml

from eas_core import cli
from eas_core.base import devices
from eas_core.runs import releases, run
from eas_core.settings import profiles, schema

ROOT = Path(__file__).parents[1]
RELEASE = "benchmarks/gpu_release.sh"
PROGRAMS = "eas make snakemake papermill python torchrun accelerate srun pip conda pre-commit".split() + [RELEASE]
EAS = next(action.choices for action in cli.parser()._actions if action.dest == "==SUPPRESS==")
TARGETS = re.search(r"\.PHONY: (.*)", (ROOT / "Makefile").read_text())[1].split()
RULES = re.findall(r"^rule (\w+)", (ROOT / "Snakefile").read_text(), re.MULTILINE)
FIRST = (  # how a command begins outside shell blocks and code spans, where "make sure" is none
    rf"eas (?:{'|'.join(EAS)})|make (?:{'|'.join(TARGETS)})|snakemake (?:-|{'|'.join(RULES)})|python (?:-m benchmarks|book/|examples/)"
    r"|torchrun|accelerate launch|srun|pip install|conda env create"
)
STANDS_FOR = {  # what is to be filled in; {...} is that of an f-string
    ".venv/bin/": "", "TABLE|FIGURE|CLAIM": "table-1", "PROFILE=…": "PROFILE=demo", "SEED=…": "SEED=0", "...": "0", "…": "", "NAME": "polygons", "<name>": "polygons", "$ZIP": "x.zip", "$DATA": "x",
    "{shlex.quote(name)}": "demo", "{shlex.quote(which)}": "smoke", "{numbers}": "0", "{weights}": "0",
    "my.yaml": "smoke", "{options.out}": "smoke", "{run.profile.name}": "smoke", "{run.seed}": "0", "{root}": "", "{settings.source}": "imagenet-10", "{seed}": "",
}  # fmt: skip
PROSE = [*ROOT.glob("*file"), ROOT / "pyproject.toml", *ROOT.glob("*.yml"), *ROOT.glob("slurm/*.yaml")]
PROSE += [
    p for folder in ("eas_core", "data_prep", "benchmarks", "book", "examples") for p in (ROOT / folder).rglob("*.py")
]
PROSE += sorted((ROOT / "eas_core").rglob("*.yaml"))


def pages() -> dict[str, str]:
    """The Markdown that has commands in it, what cells print included."""
    paths = [*ROOT.glob("*.md"), *ROOT.glob(".github/**/*.md"), *ROOT.glob("releases/*/README.md")]
    paths += [path for path in (ROOT / "book").rglob("*.md") if "executed" not in path.parts]
    found = {str(path.relative_to(ROOT)): path.read_text() for path in paths}
    throughput = json.loads((ROOT / "benchmarks" / "results" / "throughput.json").read_text())
    found["book/cost.py"] = runpy.run_path(str(ROOT / "book" / "cost.py"))["page"](throughput)
    results = releases.read(ROOT / "releases" / "tiny-imagenet-10-cpu")["results"]
    for path in sorted((ROOT / "notebooks").rglob("*.ipynb")):
        for cell in json.loads(path.read_text())["cells"]:
            text = "".join(cell["source"])
            if cell["cell_type"] == "code" and "```bash" in text:
                shown: list[str] = []
                known = {"shlex": shlex, "releases": releases, "results": results}
                scenario = {"profile": "smoke", "task": "polygons", "budget": 3.0}
                exec(text, {"display": shown.append, "Markdown": str, **known, **scenario})
                text = "\n".join(shown)
            elif cell["cell_type"] == "code":
                continue
            found[f"{path.relative_to(ROOT)} {cell['id']}"] = text
    return found


def blocks_and_spans(text: str) -> list[str]:
    """The lines of shell blocks, continued ones joined, and the code spans that begin with a program."""
    found, fence, plain = [], None, []
    for line in text.replace("\\\n", " ").splitlines():
        if line.lstrip().startswith("```"):
            fence = line.strip() if fence is None else None
        elif fence in ("```", "```bash"):
            found.append(line)
        elif fence is None:
            plain.append(line)
    spans = re.findall(r"(`+)(.+?)\1", " ".join(plain))
    found += [span for _, span in spans if span.split()[0] in PROGRAMS and " " in span]
    commands = [shlex.split(line, comments=True) for line in found]
    return [shlex.join(words) for words in commands if words and not re.fullmatch(r"[A-Z]+=\S+", words[0])]


def in_prose(text: str) -> list[str]:
    """Commands in comments, docstrings and messages: the words from a known beginning as far as they look like it."""
    found = []
    for match in re.finditer(rf"(?<![\w.-])(?=({FIRST})([^`\n]*))", text):
        words, option, first = [], False, match[1].split()
        for number, word in enumerate(re.split(r"(?<!,) ", re.split(r"  |, |\) |\"", match[1] + match[2])[0])):
            plain = word.strip("[]") if word[0:1] == "[" or word[-1:] == "]" and "[" not in word else word
            plain = plain.rstrip(",;:).'")
            like = r"\w[\w-]*$" if first[0] == "pip" else r"-|\w+=|\w+/"
            looks = number < len(first) or option or plain in (*TARGETS, *RULES) or re.match(like, plain)
            if not looks or plain in ("", "|"):
                break
            words.append(plain)
            option = plain.startswith("-") and not plain.startswith("--no-")
            if plain != word.strip("[]"):
                break
        found.append(shlex.join(words))
    return found


def messages(path: Path) -> str:
    """A file's text; of Python code its comments, and its strings with what is filled in as {name}, one a line."""
    text = path.read_text()
    if path.name == "Makefile":
        return "\n".join(line for line in text.splitlines() if line.startswith(("#", '\t@echo "make')))
    if path.suffix != ".py":
        return text.replace("\\\n", " ")
    parts = re.findall(r"#.*", text)
    tree = ast.parse(text)
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            values = (v.value if isinstance(v, ast.Constant) else f"{{{ast.unparse(v.value)}}}" for v in node.values)
            parts.append("".join(values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            parts.append(node.value)
    return "\n".join(parts)


def filled_in(command: str) -> str:
    for stands, value in STANDS_FOR.items():
        command = command.replace(shlex.quote(stands), value).replace(stands, value)
    return shlex.join(shlex.split(command))


def collected() -> dict[str, str]:
    """{command: where it was found}."""
    found: dict[str, str] = {}
    for where, text in pages().items():
        for command in blocks_and_spans(text):
            found.setdefault(filled_in(command), where)
    for path in PROSE:
        if path.suffix != ".md" and path.name != "cost.py":
            for command in in_prose(messages(path)):
                found.setdefault(filled_in(command), str(path.relative_to(ROOT)))
    return found


COMMANDS = collected()


# ---------------------------------------------------------------- each program's own parser


def read_eas(words: list[str], **settings):
    """Parse ``eas``'s words and validate the profile's settings, the device and the launch; the options."""
    if len(words) == 1:  # a mention of the command alone
        assert words[0] in EAS
        return None
    options = cli.parser().parse_args(words)
    team = devices.Devices(micro_batches=getattr(options, "micro_batches", 1))
    planned = run.plan(options.profile, options.seed, options.runs, options.overrides, options.device, devices=team)
    if getattr(options, "task", None) is not None:
        planned.tasks.index(options.task if options.profile in SMALL else 0)
    return options


def read_make(words: list[str]) -> None:
    """``make -n`` accepts it, its variables are the Makefile's, and so are the settings that it hands on."""
    text = (ROOT / "Makefile").read_text()
    given = dict(word.split("=", 1) for word in words if "=" in word)
    assert all(re.search(rf"^{name} \?=", text, re.MULTILINE) for name in given), given
    profiles.load(given.get("PROFILE", "demo"), profiles.words(given.get("SET", "")))  # handed on by the environment
    done = subprocess.run(["make", "-n", *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for line in done.stdout.replace("\\\n", " ").splitlines():
        if "/snakemake " in line:
            read_snakemake(shlex.split(line.split("/snakemake ", 1)[1]))
        if " pip install " in line:
            read_pip(["install", *shlex.split(line.split(" pip install ", 1)[1])])


def read_snakemake(words: list[str]) -> None:
    """Snakemake's parser accepts it, and the Snakefile its target and its settings."""
    parser = pytest.importorskip("snakemake.cli").get_argument_parser()
    options = parser.parse_args(words)
    assert set(options.targets) <= set(RULES)
    for folder in options.profile or ():
        names = yaml.safe_load((ROOT / folder / "config.yaml").read_text())
        known = {option.lstrip("-") for action in parser._actions for option in action.option_strings}
        assert set(names) <= known, f"{folder}/config.yaml"
    config = dict(entry.split("=", 1) for entry in options.config or ())
    assert set(config) <= set(re.findall(r"config\.get\(\"(\w+)\"", (ROOT / "Snakefile").read_text()))
    profiles.load(config.get("profile", "demo"), config.get("set", "").split())
    assert all(seed.isdecimal() for seed in config.get("seeds", "0").split(","))


def read_papermill(words: list[str]) -> None:
    """Papermill's parser accepts it, the notebook has the parameters, and the overrides are settings."""
    given = pytest.importorskip("papermill.cli").papermill.make_context("papermill", words).params
    cells = json.loads((ROOT / given["notebook_path"]).read_text())["cells"]
    (own,) = ("".join(cell["source"]) for cell in cells if "parameters" in cell["metadata"].get("tags", ()))
    for name, value in yaml.safe_load("\n".join(given["parameters_yaml"])).items():
        assert re.search(rf"^{name} = ", own, re.MULTILINE), name
        if name == "overrides":
            profiles.load("demo", value)


def read_python(words: list[str]) -> None:
    """The module or file is there and knows the options."""
    path = ROOT / (words[1].replace(".", "/") if words[0] == "-m" else words[0])
    if words[:2] == ["-m", "eas_core.cli"]:
        return read_eas(words[2:])
    path = path / "__main__.py" if path.is_dir() else path.with_suffix(".py")
    assert path.is_file()
    for word in words[2:]:
        assert not word.startswith("-") or f'"{word}"' in path.read_text(), word


def read_launcher(words: list[str]) -> None:
    """The launcher's parser accepts it, and ``eas`` what it starts."""
    if words[0] == "srun" and len(words) > 1:
        assert {word for word in words[: words.index("torchrun")] if word.startswith("-")} <= SRUN
        words = words[words.index("torchrun") :]
    if words == ["srun"]:  # a mention of the program
        return
    if words[0] == "torchrun":
        from torch.distributed.run import get_args_parser as parser

        words = words[1:]
    else:
        assert words[1] == "launch"
        parser, words = pytest.importorskip("accelerate.commands.launch").launch_command_parser, words[2:]
    if not words or words == ["--mixed_precision"]:  # the same, or of its option
        return
    options = parser().parse_args(words)
    read_python(["-m", options.training_script, *options.training_script_args])


def read_pip(words: list[str]) -> None:
    """Files are there, extras are the project's, and packages belong to one of them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert words[0] == "install"
    for option, word in zip(["", *words], words, strict=False):
        if option == "-c":
            assert (ROOT / word).is_file()
        elif option == "-e":
            extras = re.fullmatch(r"\.(?:\[(.+)\])?", word)[1]
            assert extras is None or set(extras.split(",")) <= set(project["optional-dependencies"])
        elif not word.startswith("-") and word != "install":
            listed = [entry for extra in project["optional-dependencies"].values() for entry in extra]
            assert word in {re.match(r"[\w-]+", entry)[0] for entry in listed}


def read_pre_commit(words: list[str]) -> None:
    assert words == ["install"] and (ROOT / ".pre-commit-config.yaml").is_file()


def read_conda(words: list[str]) -> None:
    assert words[:3] == ["env", "create", "-f"] and (ROOT / words[3]).is_file()


def read_release(words: list[str]) -> None:
    """The script has such a command, with as many words after it."""
    assert f'"{words[0]} {len(words)}"' in (ROOT / RELEASE).read_text()


SMALL = ("demo", "smoke")
SRUN = {"--nodes", "--ntasks", "--gpus"}
READERS = {
    "eas": read_eas,
    "make": read_make,
    "snakemake": read_snakemake,
    "papermill": read_papermill,
    "python": read_python,
}
READERS |= {"pip": read_pip, "conda": read_conda, "pre-commit": read_pre_commit, RELEASE: read_release}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_what_its_program_accepts(command):
    program, *words = shlex.split(command)
    assert program in PROGRAMS, f"{COMMANDS[command]} has a command that is not known here: {command}"
    if program in READERS:
        READERS[program](words)
    else:
        read_launcher([program, *words])


@pytest.mark.parametrize(
    "wrong",
    [
        "eas specialise --task 0",
        "eas run --profile imagenet-9",
        "eas run --set supernet.speed=3",
        "make bok",
        "make book SEEEDS=0",
        'make book SET="supernet.speed=3"',
        "snakemake claim --config seeds=0",
        "snakemake claims --config sedes=0",
        "snakemake claims --nonsense",
        "python -m benchmarks.nothing",
        "python -m benchmarks.throughput --nonsense",
        "torchrun --processes 8 -m eas_core.cli run --profile imagenet-10",
        "pip install -e .[nothing]",
        "benchmarks/gpu_release.sh piece card",
    ],
)
def test_a_wrong_command_would_be_found(wrong):
    page = f"```\n{wrong}\n```\nand `{wrong}`"
    (program, *words), again = (shlex.split(command) for command in blocks_and_spans(page))
    assert [program, *words] == again
    with pytest.raises((Exception, SystemExit)):
        READERS.get(program, lambda words: read_launcher([program, *words]))(words)


def test_commands_are_found_where_they_are():
    found = {where.split()[0] for where in COMMANDS.values()}
    assert {
        "README.md",
        "CONTRIBUTING.md",
        "book/running.md",
        "book/gpu.md",
        "examples/specialise.py",
        "book/cost.py",
        "Snakefile",
        "notebooks/01_quickstart.ipynb",
    } <= found
    for command in (
        "make book",
        "eas run --profile demo --max-minutes 10",
        "snakemake -c2 claims --config profile=smoke seeds=0",  # of a message
        "pip install onnx onnxscript",
        "eas export --profile smoke --task polygons --budget 3 --out my_network",  # printed by a cell
    ):
        assert command in COMMANDS
    assert in_prose("see make book  or so; make sure, and run eas tasks then.") == ["make book", "eas tasks"]


# ---------------------------------------------------------------- run


def small_runs() -> list[str]:
    """The commands of ``eas`` that can be run on the smoke run, with what makes it the smoke run's left out."""
    found = []
    for command in COMMANDS:
        program, *words = shlex.split(command)
        if program == "eas" and len(words) > 1 and cli.parser().parse_args(words).profile in SMALL:
            # init needs pictures (test_own.py), the others files or time of their own
            if "--release" not in words and words[0] not in ("init", "predict", "latency"):
                plain = command.replace(" --int8", "")
                found.append(re.sub(r" --(profile|budget|seeds|weights|out|archs) \S+", "", plain))
    return sorted(set(found))


def assert_runs(command: str, run, tmp_path, capsys) -> None:
    name, *words = shlex.split(command)[1:]
    words += ["--profile", "smoke", "--runs", str(run.root), "--device", "cpu", "--quiet"]
    if name in ("specialize", "evaluate", "export"):
        words += ["--budget", str(run.profile.specialize.budgets[0])]
    if name in ("export", "release"):
        words += ["--out", str(tmp_path / "network")]
    if "--onnx" in words:
        pytest.importorskip("onnxscript")
    assert cli.main([name, *words]) == 0
    assert capsys.readouterr().out


OF_ALL_JOBS = [command for command in small_runs() if command.split()[1] in ("claims", "release", "reproduce")]


@pytest.mark.parametrize("command", [command for command in small_runs() if command not in OF_ALL_JOBS])
def test_a_command_runs(command, smoke_run, tmp_path, capsys):
    assert_runs(command, smoke_run, tmp_path, capsys)


@pytest.mark.parametrize("command", OF_ALL_JOBS)
def test_a_command_that_reads_the_records_of_all_jobs_runs(command, smoke_run, smoke_evidence, tmp_path, capsys):
    assert_runs(command, smoke_run, tmp_path, capsys)


RELEASED = sorted(
    command
    for command in COMMANDS
    if " --release " in command and not {"--latency", "--architecture"} & {*command.split()}
)


@pytest.mark.parametrize("command", RELEASED)
def test_a_command_for_a_release_runs(command, smoke_release, tmp_path, capsys):
    command = re.sub(r" --release \S+", f" --release {shlex.quote(str(smoke_release))}", command)
    words = re.sub(r" --out (\S+)", lambda out: f" --out {shlex.quote(str(tmp_path / out[1]))}", command)
    assert cli.main([*shlex.split(words)[1:], "--runs", str(tmp_path / "runs"), "--device", "cpu", "--quiet"]) == 0
    assert capsys.readouterr().out


# ---------------------------------------------------------------- releases


def published() -> dict[str, tuple[dict, str]]:
    """{where: (record, profile)} of every release: its last record."""
    found = {}
    for folder in sorted(path for path in (ROOT / "releases").iterdir() if path.is_dir()):
        if (folder / "results.json").exists():
            profile = yaml.safe_load((folder / "profile.yaml").read_text())["name"]
            found[folder.name] = releases.read(folder)["results"], profile
        elif not (folder / "release.json").exists():
            for entry in releases.read_evidence(folder):
                for name, variant in entry["variants"].items():
                    if "tested-EAS" in variant["records"]:
                        where = f"{folder.name}, seed {entry['seed']}, {name}"
                        found[where] = variant["records"]["tested-EAS"], entry["profile"]
    return found


DEFAULTS = tiny.defaults()
PUBLISHED = published()


def inside(recorded, again) -> bool:
    """Whether all that was recorded is so again, entries that are newer than the record aside."""
    if isinstance(recorded, dict):
        return all(name in again and inside(value, again[name]) for name, value in recorded.items())
    if isinstance(recorded, list):
        return len(recorded) == len(again) and all(map(inside, recorded, again))
    return recorded == again


@pytest.mark.parametrize("where", PUBLISHED)
def test_a_releases_command_gives_its_settings_back(where):
    record, profile = PUBLISHED[where]
    assert_gives_back(record, profile)


def assert_gives_back(record: dict, profile: str) -> schema.Profile:
    command = releases.command(record, profile)
    for name in re.findall(r"--set '?([\w.]+)=null", command):  # what today's profile sets and the release had not
        assert DEFAULTS[name] is None, f"{name} cannot be null"
    options = read_eas(shlex.split(command.replace("\\\n", " "))[1:])
    again = profiles.load(options.profile, options.overrides)
    record = copy.deepcopy(record)
    record["settings"].get("evaluation", {}).pop(
        "batch_size", None
    )  # changes no result, so the command does not say it
    dumped = again.dump(*(name for name in record["settings"] if name != "seed"))
    assert options.seed == record["settings"]["seed"]
    dumped["data"]["path"] = record["settings"]["data"].get("path")
    assert inside({name: value for name, value in record["settings"].items() if name != "seed"}, dumped)
    return again


def test_a_setting_newer_than_a_record_is_as_it_was_before_there_was_one():
    now = profiles.load("tiny-imagenet-10")
    settings = {"seed": 0, **now.dump("data", "space", "teacher", "supernet")}
    assert now.data.augment == "crop" and now.supernet.subnets_per_step == 2 and now.supernet.warmup > 0
    del settings["supernet"]["subnets_per_step"], settings["supernet"]["warmup"], settings["data"]["shift"]
    del settings["supernet"]["optimizer"]["weight_decay"], settings["data"]["augment"]
    settings["supernet"]["gone"] = 1  # and one that is no setting any more
    record = {"settings": settings}
    sets = shlex.split(releases.command(record, "tiny-imagenet-10").replace("\\\n", " "))[7::2]
    assert sorted(sets) == [
        "data.path=FILE.zip",
        "supernet.optimizer.weight_decay=0.0",
        "supernet.subnets_per_step=1",
        "supernet.warmup=0.0",
    ]  # data.augment has no default: it is the profile's
    profiles.load("tiny-imagenet-10", sets)
