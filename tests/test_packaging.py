"""The files that say what is installed agree with each other."""

from __future__ import annotations

import importlib
import pkgutil
import re
import tomllib
from pathlib import Path

import pytest
import yaml

import data_prep
import eas_core
from eas_core.runs import releases_files

ROOT = Path(__file__).resolve().parent.parent
REGISTRY = re.compile(r"https?:|://|index-url|pypi\.|pythonhosted|anaconda\.org", re.IGNORECASE)


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def environment() -> tuple[list[str], list[str]]:
    entries = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (pip,) = (entry["pip"] for entry in entries if isinstance(entry, dict))
    return [entry for entry in entries if isinstance(entry, str)], pip


def test_constraints_are_exact_and_sorted():
    pinned = constraints()
    assert list(pinned) == sorted(pinned) == [canonical(name) for name in pinned]
    assert all(re.fullmatch(r"[0-9][0-9A-Za-z.]*", version) for version in pinned.values())


def test_every_direct_dependency_is_constrained():
    extras = project()["optional-dependencies"]
    direct = project()["dependencies"] + extras["book"] + extras["test"]
    names = {canonical(re.match(r"[A-Za-z0-9._-]+", entry)[0]) for entry in direct}
    assert names <= set(constraints()), f"not in constraints.txt: {sorted(names - set(constraints()))}"


def test_constraints_satisfy_the_declared_ranges():
    requirements = pytest.importorskip("packaging.requirements")
    extras = project()["optional-dependencies"]
    for entry in project()["dependencies"] + extras["book"] + extras["test"]:
        requirement = requirements.Requirement(entry)
        assert requirement.specifier.contains(constraints()[canonical(requirement.name)], prereleases=True), entry


def test_environment_pins_what_constraints_pin():
    _, pip = environment()
    pins = [entry.split("==") for entry in pip if "==" in entry]
    assert pins
    for name, version in pins:
        assert constraints()[canonical(name)] == version, name


def test_environment_installs_this_project_under_its_constraints():
    conda, pip = environment()
    assert "--constraint constraints.txt" in pip and any(entry.startswith("--editable .[") for entry in pip)
    (python,) = (entry.removeprefix("python=") for entry in conda if entry.startswith("python="))
    minimum = project()["requires-python"].removeprefix(">=")
    assert tuple(map(int, python.split("."))) >= tuple(map(int, minimum.split(".")))


@pytest.mark.parametrize(
    "name", ["constraints.txt", "environment.yml", "pyproject.toml", "Makefile", "Snakefile", ".ci/run", "Dockerfile"]
)
def test_no_file_names_a_package_registry(name):
    assert not REGISTRY.search((ROOT / name).read_text())


@pytest.mark.early
def test_every_module_can_be_imported():
    for package in (eas_core, data_prep):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)


def test_profiles_travel_with_the_package():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = settings["package-data"]["eas_core"]
    shipped = {path for pattern in patterns for path in (ROOT / "eas_core").glob(pattern)}
    data = {
        path
        for path in (ROOT / "eas_core").rglob("*")
        if path.suffix in (".typed", ".pyi", ".yaml", ".js", ".css", ".csv", ".json")
    }
    assert data == shipped


def test_every_release_of_the_format_that_commands_read_travels_with_the_wheel():
    files = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["data-files"]
    assert all(list(ROOT.glob(pattern)) for patterns in files.values() for pattern in patterns)
    for name in releases_files.listed():
        assert files[f"share/eas/releases/{name}"] == [f"releases/{name}/*"]


@pytest.mark.parametrize("checkout", [True, False])
def test_releases_are_the_projects_or_those_that_were_installed(checkout, tmp_path, monkeypatch):
    for name in ("ROOT", "INSTALLED"):
        monkeypatch.setattr(releases_files, name, tmp_path / name)
        (tmp_path / name).mkdir()
    if checkout:
        (tmp_path / "ROOT" / "pyproject.toml").touch()
    assert releases_files.shipped() == (tmp_path / "ROOT" / "releases" if checkout else tmp_path / "INSTALLED")
