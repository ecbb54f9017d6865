"""What cites the kit agrees with itself, and what is shipped has a licence that LICENSES.md names."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import yaml

import eas_core

ROOT = Path(__file__).resolve().parent.parent
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
ZENODO = json.loads((ROOT / ".zenodo.json").read_text())


def test_version_and_licence_are_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert CITATION["version"] == ZENODO["version"] == eas_core.__version__
    assert CITATION["license"] == ZENODO["license"] == project["license"]


def test_title_and_authors_are_the_same_everywhere():
    assert CITATION["title"] == ZENODO["title"] == (ROOT / "README.md").read_text().splitlines()[0].removeprefix("# ")
    assert [author["name"] for author in CITATION["authors"]] == [one["name"] for one in ZENODO["creators"]]


def test_the_paper_is_the_one_of_the_bibliography():
    entry = re.search(r"@article\{liu2021eas,(.+?)\n\}", (ROOT / "book/references.bib").read_text(), re.DOTALL)[1]
    fields = dict(re.findall(r"(\w+) = \{(.+?)\}", entry))
    paper = CITATION["preferred-citation"]
    names = [f"{author['family-names']}, {author['given-names']}" for author in paper["authors"]]
    assert (paper["title"], " and ".join(names)) == (fields["title"], fields["author"])
    assert (paper["journal"], str(paper["year"])) == (fields["journal"], fields["year"])
    assert paper["identifiers"][0]["value"] == ZENODO["related_identifiers"][0]["identifier"]


def test_every_release_has_a_card_and_a_licence():
    text = (ROOT / "LICENSES.md").read_text()
    for folder in (path for path in (ROOT / "releases").iterdir() if path.is_dir()):
        assert f"`releases/{folder.name}`" in text
        assert f"({(folder / 'README.md').relative_to(ROOT)})" in text and (folder / "README.md").is_file()


def test_packages_whose_files_are_in_the_book_are_pinned():
    pinned = (ROOT / "constraints.txt").read_text()
    for name in ("sphinx-book-theme", "pydata-sphinx-theme", "sphinx-mathjax-offline", "sphinx-copybutton"):
        assert f"\n{name}==" in pinned and name in (ROOT / "LICENSES.md").read_text()
