"""The site: the built book with its explorer, and downloads, in one folder that any static host serves under any path.

``python -m book.site _build/html _build/site [--dist FOLDER] [--repository OWNER/NAME]`` (``make site``). Downloads are the kit's
wheel and sdist, its notebooks and its releases. With a repository, pages of notebooks get buttons that start them on Binder
and Colab. What is wrong with the site is said one fault a line: links that lead nowhere or out of the folder, and anything
that a page would fetch from another origin.
"""

from __future__ import annotations

import argparse
import html
import re
import shutil
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

from book.check import Site, link_faults
from book.launch import write as write_notebooks

ROOT = Path(__file__).resolve().parent.parent
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Downloads</title>
<link rel="icon" href="../_static/favicon.svg">
<style>body{{font:1rem/1.5 sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}}td,th{{text-align:left;padding:.2rem 1rem .2rem 0}}</style>
</head><body><main><h1>Downloads</h1>
<p><a href="../index.html">The book</a></p>
<table><thead><tr><th>file</th><th>what</th><th>size</th></tr></thead><tbody>
{rows}
</tbody></table></main></body></html>
"""
BUTTONS = """<p class="eas-launch">Start this notebook, without training: \
<a href="https://mybinder.org/v2/gh/{repository}/{tag}?urlpath={binder}">Binder</a>, \
<a href="https://colab.research.google.com/github/{repository}/blob/launch/_build/launch/{name}.ipynb">Colab</a></p>"""
FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src"}
NO_FETCH = {
    "canonical",
    "author",
    "license",
    "next",
    "prev",
    "index",
    "search",
}  # rel of links that nothing is fetched for
IN_STYLES = re.compile(r"""(?:url\(\s*["']?|@import\s+["'])(https?:)?//""")


def pack(target: Path, files: list[Path], base: Path) -> None:
    """Files as a zip, named by their paths below ``base``, the same bytes for the same files."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(files):
            archive.writestr(zipfile.ZipInfo(str(path.relative_to(base))), path.read_bytes(), zipfile.ZIP_DEFLATED)


def downloads(folder: Path, dist: Path | None) -> None:
    """Fill the folder of downloads, with a page that lists them."""
    folder.mkdir()
    about = {}
    for path in sorted(dist.iterdir()) if dist else ():
        shutil.copy(path, folder)
        about[path.name] = "the kit, for pip" if path.suffix == ".whl" else "the kit's source"
    notebooks = write_notebooks(folder / "notebooks")
    pack(folder / "notebooks.zip", notebooks, folder / "notebooks")
    shutil.rmtree(folder / "notebooks")
    about["notebooks.zip"] = "the book's notebooks, which start from the release demo"
    for release in sorted(path for path in (ROOT / "releases").iterdir() if path.is_dir()):
        name = f"release-{release.name}.zip"
        pack(folder / name, [path for path in release.iterdir() if path.is_file()], release.parent)
        about[name] = f"records, model card and, if published, weights of the release {release.name}"
    rows = [
        f'<tr><td><a href="{quote(name)}">{html.escape(name)}</a></td><td>{html.escape(text)}</td>'
        f"<td>{(folder / name).stat().st_size / 1e6:.1f} MB</td></tr>"
        for name, text in about.items()
    ]
    (folder / "index.html").write_text(PAGE.format(rows="\n".join(rows)))


def add_to_article(page: Path, text: str) -> None:
    """Put HTML at the beginning of a page's article, behind its title."""
    content = page.read_text()
    changed, count = re.subn(
        r"(<article\b.*?</h1>)", lambda found: found[1] + "\n" + text, content, count=1, flags=re.DOTALL
    )
    if not count:
        sys.exit(f"{page}: no article with a title")
    page.write_text(changed)


def make(book: Path, target: Path, dist: Path | None = None, repository: str = "", tag: str = "main") -> None:
    """Make the site in ``target``, which is replaced."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(book, target)
    (target / ".nojekyll").touch()  # GitHub's pages would leave out folders such as _static
    downloads(target / "downloads", dist)
    add_to_article(
        target / "index.html", '<p><a href="downloads/index.html">Downloads</a>: the kit, notebooks, releases.</p>'
    )
    for page in sorted((target / "executed").glob("*.html")) if repository else ():
        if (ROOT / "notebooks" / f"{page.stem}.ipynb").is_file():
            binder = quote(f"lab/tree/launch/{page.stem}.ipynb", safe="")
            add_to_article(page, BUTTONS.format(repository=repository, tag=tag, binder=binder, name=page.stem))


def faults(folder: Path) -> Iterator[str]:
    """What would not work on a static host under some path: dead links, absolute paths, what comes from another origin."""
    site = Site(folder)
    yield from link_faults(site)
    for page in site.pages():
        soup = site.soup(page)
        for name, attribute in FETCHED.items():
            for element in soup.find_all(name, {attribute: True}):
                if not NO_FETCH & set(element.get("rel") or ()) and _foreign(element[attribute]):
                    yield f"{page}: <{name}> fetches {element[attribute]:.80}"
        for anchor in soup.find_all("a", href=True):
            if anchor["href"].startswith("/"):
                yield f"{page}: {anchor['href']:.80} begins at the host, not at the page"
    for style in sorted(folder.rglob("*.css")):
        if IN_STYLES.search(style.read_text(errors="replace")):
            yield f"{style.relative_to(folder)}: fetches from another origin"
    for name in ("searchindex.js", "_static/searchtools.js", "search.html"):
        if not (folder / name).is_file():
            yield f"{name} is not there: search would not work"


def _foreign(address: str) -> bool:
    parts = urlsplit(address)
    return bool(parts.netloc) or address.startswith("/")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="book.site", description="The book and downloads in one folder.")
    parser.add_argument("book", type=Path, help="the built book")
    parser.add_argument("target", type=Path, help="folder to make; one that is there is replaced")
    parser.add_argument("--dist", type=Path, help="folder with wheel and sdist")
    parser.add_argument("--repository", default="", metavar="OWNER/NAME", help="for buttons that start notebooks")
    parser.add_argument("--tag", default="main", help="state of the repository that Binder takes (default: main)")
    options = parser.parse_args(arguments)
    if not (options.book / "index.html").is_file():
        parser.error(f"{options.book} is no built book: make book")
    make(options.book, options.target, options.dist, options.repository, options.tag)
    found = list(faults(options.target))
    print("\n".join(found) or f"the site is in {options.target}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
