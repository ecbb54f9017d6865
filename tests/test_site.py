"""The site for a static host, and the notebooks that start by themselves."""

from __future__ import annotations

import zipfile

import nbformat
import pytest

from book import launch, site

ARTICLE = "<html><body><article class='bd-article'><h1>Title</h1>{}</article></body></html>"


@pytest.fixture
def book(tmp_path):
    """A book of two pages, the second one of a notebook."""
    folder = tmp_path / "html"
    (folder / "executed").mkdir(parents=True)
    (folder / "_static").mkdir()
    (folder / "index.html").write_text(ARTICLE.format('<a href="executed/01_quickstart.html">Quickstart</a>'))
    (folder / "executed" / "01_quickstart.html").write_text(ARTICLE.format('<a href="../index.html">cover</a>'))
    for name in ("searchindex.js", "_static/searchtools.js", "search.html", "_static/favicon.svg"):
        (folder / name).touch()
    return folder


@pytest.fixture
def dist(tmp_path):
    folder = tmp_path / "dist"
    folder.mkdir()
    (folder / "eas_core-0-py3-none-any.whl").write_text("wheel")
    return folder


def test_the_site_has_the_book_and_downloads_and_no_fault(book, dist, tmp_path, capsys):
    target = tmp_path / "site"
    for _ in range(2):  # made again, it is replaced
        assert site.main([str(book), str(target), "--dist", str(dist), "--repository", "owner/name"]) == 0
    assert "the site is in" in capsys.readouterr().out
    page = (target / "downloads" / "index.html").read_text()
    for name in ("eas_core-0-py3-none-any.whl", "notebooks.zip", "release-demo.zip"):
        assert f'href="{name}"' in page and (target / "downloads" / name).stat().st_size
    names = zipfile.ZipFile(target / "downloads" / "release-demo.zip").namelist()
    assert {"demo/release.json", "demo/README.md"} <= set(names)
    notebook = (target / "executed" / "01_quickstart.html").read_text()
    assert "mybinder.org/v2/gh/owner/name/main?urlpath=lab%2Ftree%2Flaunch%2F01_quickstart.ipynb" in notebook
    assert "owner/name/blob/launch/_build/launch/01_quickstart.ipynb" in notebook
    assert (target / ".nojekyll").exists()


def test_without_a_repository_there_are_no_buttons(book, tmp_path):
    site.make(book, tmp_path / "site")
    assert "mybinder" not in (tmp_path / "site" / "executed" / "01_quickstart.html").read_text()


@pytest.mark.parametrize(
    "wrong, said",
    [
        ('<script src="https://example.org/x.js"></script>', "<script> fetches https://example.org/x.js"),
        ('<img src="/logo.png">', "<img> fetches /logo.png"),
        ('<a href="/eas/index.html">cover</a>', "/eas/index.html begins at the host"),
        ('<a href="gone.html">gone</a>', "executed/gone.html is not there"),
    ],
)
def test_what_a_static_host_could_not_serve_is_a_fault(wrong, said, book, tmp_path, capsys):
    (book / "executed" / "01_quickstart.html").write_text(ARTICLE.format(wrong))
    assert site.main([str(book), str(tmp_path / "site")]) == 1
    assert said in capsys.readouterr().out


def test_styles_from_elsewhere_and_a_missing_index_are_faults(book, tmp_path):
    site.make(book, tmp_path / "site")
    assert list(site.faults(tmp_path / "site")) == []
    (tmp_path / "site" / "_static" / "x.css").write_text("@import url(https://example.org/x.css);")
    (tmp_path / "site" / "searchindex.js").unlink()
    assert list(site.faults(tmp_path / "site")) == [
        "_static/x.css: fetches from another origin",
        "searchindex.js is not there: search would not work",
    ]


def test_what_is_no_book_is_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit):
        site.main([str(tmp_path), str(tmp_path / "site")])
    assert "is no built book" in capsys.readouterr().err


def test_notebooks_for_binder_and_colab_start_from_a_release(tmp_path, capsys):
    launch.main([str(tmp_path), "--repository", "owner/name"])
    names = {path.name for path in (launch.ROOT / "notebooks").glob("*.ipynb")}
    assert {path.name for path in tmp_path.glob("*.ipynb")} == names
    cells = nbformat.read(tmp_path / "01_quickstart.ipynb", as_version=4).cells
    assert cells[0].source.startswith("%pip install --quiet https://github.com/owner/name/releases/download/v")
    place = next(number for number, cell in enumerate(cells) if "parameters" in cell.metadata.get("tags", []))
    assert cells[place + 1].id == "restore"


def test_the_cell_of_a_release_gives_the_parameters_of_its_run(smoke_release, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values: dict = {}
    exec(launch.RESTORE.format(release=str(smoke_release)), values)
    run = values["restored"]
    assert values["profile"] == str(smoke_release / "profile.yaml") and values["seed"] == run.seed
    assert (run.folder("supernet") / "record.json").is_file() and str(run.root) == values["runs"]
