"""A key given twice is one line that names it and where it is, in every YAML and JSON that the kit reads."""

from __future__ import annotations

import json
import re
import runpy
import sys
from pathlib import Path

import pytest
import yaml
from helpers import one_line

from eas_core import cli
from eas_core.base import records
from eas_core.base.errors import CheckpointError, DataError, ProfileError, SpaceError
from eas_core.base.parsing import DoubledKey, parse_json, parse_yaml
from eas_core.runs import export, releases
from eas_core.settings import profiles
from eas_core.space.search_space import LARGEST, Architecture

ROOT = Path(__file__).resolve().parents[1]
SMOKE = (profiles.FOLDER / "smoke.yaml").read_text()

# ---------------------------------------------------------------- the two readers

YAML = {
    "a: 1\nb: 2\na: 3": "'a' is given twice, in lines 1 and 3",
    "b: 2\nx:\n  lr: 1\n\n  'lr': 1": "'lr' is given twice, in lines 3 and 5",
    "{a: 1, b: 2, a: 1}": "'a' is given twice, in line 1",
    "- {a: 1}\n- b: {c: [{d: 1,\n    d: 2}]}": "'d' is given twice, in lines 2 and 3",
    "1: a\n0x1: b": "'0x1' is given twice, in lines 1 and 2",
    "a: &x {b: 1}\nc: {<<: *x, <<: *x}": "'<<' is given twice, in line 2",
    "a:\nb:\na:\na:": "'a' is given twice, in lines 1 and 3",
}
JSON = {
    '{"a": 1,\n "b": 2,\n "a": 3}': "'a' is given twice, in lines 1 and 3",
    '[{"depth":[2],"depth":[3]}]': "'depth' is given twice, in line 1",
    '{"x": {"y": [0, {"\\u0061": 1,\n"a": 2}]}}': "'a' is given twice, in lines 1 and 2",
    '{\n\t"a": 1,\n\t"a": 2}': "'a' is given twice",  # YAML knows no tabs, so there are no lines
    '{"": 1, "": 2}': "'' is given twice, in line 1",
    '{"a": 1, "b": "' + "x" * 10**5 + '", "a": 1}': "'a' is given twice",  # too long to look for lines
}


@pytest.mark.parametrize("read, text", [(parse_yaml, text) for text in YAML] + [(parse_json, text) for text in JSON])
@pytest.mark.parametrize("form", [str, str.encode], ids=["str", "bytes"])
def test_a_doubled_key_is_named_with_its_lines(read, text, form):
    with pytest.raises(DoubledKey) as error:
        read(form(text))
    assert one_line(error.value) == (YAML if read is parse_yaml else JSON)[text]


def test_the_same_key_in_different_tables_is_no_double():
    text = "base: &base {lr: 1, kind: sgd}\na: &a {<<: *base, lr: 2}\nb: {<<: *a, lr: 3}\nc: [{lr: 1}, {lr: 1}]\n'1': 2\n1: 3"
    assert parse_yaml(text) == yaml.safe_load(text)
    assert parse_yaml(text)["b"] == {"lr": 3, "kind": "sgd"}
    text = '{"a": {"a": 1}, "b": [{"a": 1}, {"a": 1}], "A": 2}'
    assert parse_json(text) == json.loads(text)


@pytest.mark.parametrize(
    "text", ["{", "[" * 3000, "a: b: c", "\0", "x: 2024-13-45", "2024-13-45: x", "!!python/name:os.system : 1"]
)
def test_no_yaml_is_one_line(text):
    with pytest.raises(ValueError, match=r"^not YAML \(.+\)$") as error:
        parse_yaml(text)
    one_line(error.value)


@pytest.mark.parametrize(
    "text", ["", "{", "text", "[" * 10**5, '{"a": ' * 10**5, "9" * 5000, b"\xff", '{"a": 1, "a": ' + "[" * 10**5]
)
def test_no_json_is_one_line(text):
    with pytest.raises(ValueError) as error:
        parse_json(text)
    one_line(error.value)


READER = re.compile(r"\bjson\.loads?\(|\byaml\.((safe_|full_|unsafe_)?load(_all)?|compose)\(")


def test_nothing_reads_yaml_or_json_by_itself():
    listed = [
        path for folder in ("eas_core", "data_prep", "book", "benchmarks") for path in (ROOT / folder).rglob("*.py")
    ]
    listed += [ROOT / "Snakefile", *(ROOT / "notebooks").rglob("*.ipynb")]
    own = {path.relative_to(ROOT).as_posix() for path in listed if READER.search(path.read_text())}
    assert len(listed) > 50 and own == {"eas_core/base/parsing.py"}


def test_no_file_of_the_project_has_a_key_twice():
    places = ("", "book", "slurm", "eas_core/profiles", "benchmarks/results", "releases/*")
    files = [path for place in places for path in ROOT.glob(f"{place}/*" if place else "*")]
    read = {".yaml": parse_yaml, ".yml": parse_yaml, ".json": parse_json}
    found = [read[path.suffix](path.read_bytes()) for path in files if path.suffix in read]
    assert len(found) > 15 and all(isinstance(content, dict | list) for content in found)


# ---------------------------------------------------------------- profiles and overrides


def test_a_profile_with_a_section_twice_names_it_and_both_lines(tmp_path):
    lines = SMOKE.splitlines()
    first = next(number for number, line in enumerate(lines, start=1) if line.startswith("teacher:"))
    path = tmp_path / "p.yaml"
    path.write_text("\n".join([*lines, "teacher:", "  epochs: 3"]))
    with pytest.raises(ProfileError) as error:
        profiles.load(str(path))
    said = f"profile: {path}: 'teacher' is given twice, in lines {first} and {len(lines) + 1}"
    assert one_line(error.value) == said


@pytest.mark.parametrize(
    "overrides, said",
    [
        (
            ["teacher.epochs=1", "teacher.epochs=2"],
            "'teacher.epochs' is given twice: 'teacher.epochs=1' and 'teacher.epochs=2'",
        ),
        (["teacher.epochs=1", "data.seed=3", " teacher.epochs =1"], "'teacher.epochs' is given twice"),
        (["teacher.optimizer.lr=1", "teacher.optimizer={kind: sgd, lr: 2}"], "'teacher.optimizer.lr' is given twice"),
        (["teacher.optimizer={kind: sgd, lr: 2}", "teacher.optimizer.lr=1"], "'teacher.optimizer.lr' is given twice"),
        (["teacher.optimizer={kind: sgd, lr: 2, lr: 3}"], "'lr' is given twice, in line 1"),
    ],
)
def test_a_setting_overridden_twice_names_it_and_both_values(overrides, said):
    with pytest.raises(ProfileError) as error:
        profiles.load("smoke", overrides)
    assert said in one_line(error.value) and str(error.value).startswith("override: ")


def test_settings_whose_names_only_begin_alike_are_not_the_same():
    changed = profiles.load(
        "smoke", ["data.train_per_class=5", "data.path=x", "supernet.warmup=0.5", "teacher.warmup=0.5"]
    )
    assert (changed.data.train_per_class, changed.data.path, changed.supernet.warmup) == (5, "x", 0.5)


# ---------------------------------------------------------------- all other files

TWICE = '"kind": "results",\n "kind": "results"'


@pytest.mark.parametrize(
    "read, name",
    [
        (lambda path: records.read_record(path), "record.json"),
        (lambda path: releases.read_evidence(path.parent), "seed-0.json"),
        (lambda path: releases.read(path.parent), "teacher.json"),
        (lambda path: export.load(path.parent), "network.json"),
    ],
    ids=["record", "evidence", "release", "network"],
)
def test_records_releases_and_networks(read, name, tmp_path):
    (tmp_path / name).write_text(f"{{{TWICE}}}")
    with pytest.raises((DataError, CheckpointError)) as error:
        read(tmp_path / name)
    assert name in one_line(error.value) and "'kind' is given twice, in lines 1 and 2" in str(error.value)


def test_metadata_of_weights(tmp_path):
    import safetensors.torch
    import torch

    path = tmp_path / "weights.safetensors"
    path.write_bytes(safetensors.torch.save({"x": torch.zeros(1)}, metadata={"eas": '{"digest": 1, "digest": 2}'}))
    for read in (records.load_tensors, records.load_metadata):
        with pytest.raises(CheckpointError) as error:
            read(path)
        assert "'digest' is given twice" in one_line(error.value)


def test_architectures_of_the_command_line(tmp_path, capsys):
    path = tmp_path / "architectures.json"
    path.write_text(json.dumps([LARGEST.to_dict()]).replace('"kernel"', '\n"depth": [2, 2, 2, 2, 2], "kernel"'))
    assert cli.main(["cost", "--profile", "smoke", "--archs", str(path)]) == 2
    assert "'depth' is given twice, in lines 1 and 2" in one_line(Exception(capsys.readouterr().err.strip()))


@pytest.mark.parametrize("text", ['{"depth": [], "depth": []}', "[" * 10**5, "9" * 5000, "{"])
def test_an_architecture_as_text(text):
    with pytest.raises(SpaceError, match="^architecture: not JSON") as error:
        Architecture.from_json(text)
    one_line(error.value)


@pytest.fixture
def script(monkeypatch):
    """Run a script of book/ as the command line does; returns what it exits with, a status or a line for stderr."""

    def call(name: str, *words: object):
        monkeypatch.setattr(sys, "argv", [name, *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(str(ROOT / "book" / name), run_name="__main__")
        return stop.value.code

    return call


@pytest.mark.parametrize(
    "words, said",
    [
        (["-p", "job", "EAS", "-p", "job", "OFA"], "-p job OFA: job is already 'EAS'"),
        (["--seed", "1", "-p", "seed", "2"], "-p seed 2: seed is already 1"),
        (["-p", "x", '{"a": 1, "a": 2}'], "-p x: 'a' is given twice, in line 1"),
        (["-p", "x", "9" * 5000], "-p x: "),
    ],
)
def test_parameters_of_a_notebook(words, said, script, tmp_path, capsys):
    assert script("execute.py", tmp_path / "in.ipynb", tmp_path / "out.ipynb", *words) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text, said", [('{"CPU": {},\n"CPU": {}}', "'CPU' is given twice, in lines 1 and 2"), ("{", "")]
)
def test_results_of_the_page_of_costs(text, said, script, tmp_path, capsys):
    (tmp_path / "results.json").write_text(text)
    line = one_line(Exception(script("cost.py", tmp_path / "results.json")))
    assert line.startswith(f"results: {tmp_path / 'results.json'}: ") and said in line
    assert capsys.readouterr().out == ""


def test_results_that_a_benchmark_adds_to(tmp_path, monkeypatch, capsys):
    from benchmarks import throughput

    monkeypatch.setattr(throughput, "RESULTS", tmp_path / "throughput.json")
    monkeypatch.setattr(throughput, "measure", lambda *_: pytest.fail("measured before the file was read"))
    monkeypatch.setattr(sys, "argv", ["throughput", "--device", "cpu"])
    throughput.RESULTS.write_text('{"CPU": {}, "CPU": {}}')
    with pytest.raises(SystemExit, match="2"):
        throughput.main()
    assert "'CPU' is given twice, in line 1" in capsys.readouterr().err
