"""The faults of a built book that can be seen without a browser, one a line: ``python book/check.py HTML --profile demo``.

Every cell ran and shows the figure or table that its code asks for; all of it reached the page, with no value missing;
links, anchors and images are there; the claims have the verdicts, and the explorer the weights, of this run's records.
"""

from __future__ import annotations

import argparse
import ast
import base64
import importlib
import io
import json
import pkgutil
import posixpath
import re
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import bs4
import nbformat
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import eas_core  # noqa: E402
from eas_core.base.errors import EASError  # noqa: E402
from eas_core.base.parsing import parse_json, parse_yaml  # noqa: E402
from eas_core.evidence import claims  # noqa: E402
from eas_core.evidence.verdicts import Claim  # noqa: E402
from eas_core.runs import jobs, trained  # noqa: E402
from eas_core.runs.releases_files import MANIFEST  # noqa: E402
from eas_core.runs.run import make_run  # noqa: E402
from eas_core.widgets import explorer_data  # noqa: E402

KINDS = {
    "Figure": "figure",
    "Figure | None": "",
    "pd.DataFrame": "table",
}  # what a function returns: what its cell shows
MODULES = {  # by the name that a notebook gives them
    module.name.rsplit(".", 1)[-1]: module.name
    for module in pkgutil.walk_packages(eas_core.__path__, "eas_core.")
    if not module.ispkg
}
UNFILLED = re.compile(r"(?<![\w.])(?:nan|NaN|NaT|inf|<NA>)(?![\w.])")
OF_SPHINX = {"genindex.html", "py-modindex.html", "search.html"}  # pages that need no link from the cover
STATE = "application/vnd.jupyter.widget-state+json"


# ---------------------------------------------------------------- executed notebooks


def promised(source: str) -> list[str]:
    """What the code of a cell shows: "figure", "table" or "output", for each ``display(...)`` and its last expression.

    A figure or table is what a function of eas_core annotated so, or pandas, returns. What may return None, such as a
    call of something else or ``x if c else None``, promises nothing.
    """
    body, kinds, found = ast.parse(source).body, {}, []
    for statement in body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            kinds[statement.targets[0].id] = _kind(statement.value, kinds)
        elif isinstance(statement, ast.Expr):
            value = statement.value
            shown = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "display"
            if shown:
                found += [_kind(argument, kinds) or "output" for argument in value.args]
            elif statement is body[-1] and not source.rstrip().endswith(";"):
                found.append(_kind(value, kinds))
    return [kind for kind in found if kind]


def _kind(value: ast.expr, kinds: dict[str, str]) -> str:
    if isinstance(value, ast.IfExp):
        return ""
    unknown = "" if isinstance(value, ast.Call) else "output"  # a call that is not known may return None
    while isinstance(value, ast.Call | ast.Attribute | ast.Subscript):  # tables.x(...).round(2): what starts the chain
        if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name):
            module, name = value.value.id, value.attr
            function = getattr(importlib.import_module(MODULES[module]), name, None) if module in MODULES else None
            if function is not None:
                return KINDS.get(getattr(function, "__annotations__", {}).get("return"), unknown)
            if module == "pd":
                return "table"
        value = value.func if isinstance(value, ast.Call) else value.value
    return kinds.get(value.id, unknown) if isinstance(value, ast.Name) else unknown


def shown(cell: nbformat.NotebookNode) -> list[str]:
    """What the outputs of a cell are, "figure", "table" or "output" each; an image that does not decode is none."""
    found = []
    for output in cell.outputs:
        data = output.get("data", {})
        if "image/png" in data:
            found += ["figure"] if _is_image(base64.b64decode(data["image/png"])) else []
        else:
            found.append("table" if "<table" in data.get("text/html", "") else "output")
    return found


def _is_image(png: bytes) -> bool:
    """Whether it decodes and is not of a single colour."""
    try:
        return any(low < high for low, high in Image.open(io.BytesIO(png)).convert("RGB").getextrema())
    except OSError:
        return False


def notebook_faults(source: nbformat.NotebookNode, executed: nbformat.NotebookNode) -> Iterator[str]:
    """Cells of ``source`` that are missing in the executed copy, did not run, raised, or lack what their code shows."""
    copies = {cell.id: cell for cell in executed.cells}
    for number, cell in enumerate(source.cells, start=1):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        where = f"cell {number} ({cell.source.strip().splitlines()[-1].strip()[:60]})"
        copy = copies.get(cell.id)
        if copy is None:
            yield f"{where} is missing"
            continue
        errors = [output.ename for output in copy.outputs if output.output_type == "error"]
        if errors:
            yield f"{where} raised {errors[0]}"
        elif copy.execution_count is None:
            yield f"{where} did not run"
        else:
            wanted, there = promised(cell.source), shown(copy)
            for kind in ("figure", "table"):
                if there.count(kind) < wanted.count(kind):
                    yield f"{where} shows {there.count(kind)} of {wanted.count(kind)} {kind}s"
            if len(there) < len(wanted):
                yield f"{where} shows {len(there)} of {len(wanted)} outputs"


# ---------------------------------------------------------------- pages


class Link(NamedTuple):
    page: str  # where it leads to, a path below the site's folder
    fragment: str
    text: str


class Site:
    """The pages of a folder, each named by its path below it, parsed once."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.soup = cache(self.soup)
        self.ids = cache(self.ids)
        self.links = cache(self.links)
        self.pages = cache(self.pages)

    def soup(self, page: str) -> bs4.BeautifulSoup:
        return bs4.BeautifulSoup((self.folder / page).read_text(), "html.parser")

    def ids(self, page: str) -> set[str]:
        return {element["id"] for element in self.soup(page).find_all(id=True)}

    def links(self, page: str) -> tuple[Link, ...]:
        """The links of a page that stay inside the site."""
        found = []
        for anchor in self.soup(page).find_all("a", href=True):
            scheme, host, path, _, fragment = urlsplit(anchor["href"])
            if not scheme and not host and anchor["href"] != "#":
                target = posixpath.normpath(posixpath.join(posixpath.dirname(page), unquote(path))) if path else page
                found.append(Link(target, unquote(fragment), anchor.get_text(" ", strip=True)))
        return tuple(found)

    def pages(self) -> tuple[str, ...]:
        """Every page that can be reached from the cover, in the order of clicks."""
        found = ["index.html"]
        for page in found:  # grows while it is read
            targets = [link.page for link in self.links(page) if link.page.endswith(".html")]
            found += [t for t in dict.fromkeys(targets) if t not in found and (self.folder / t).is_file()]
        return tuple(found)

    def built(self) -> set[str]:
        """All pages of the folder, those of scripts and fonts (``_static`` and the like) left out."""
        paths = (path.relative_to(self.folder) for path in self.folder.rglob("*.html"))
        return {path.as_posix() for path in paths if not path.parts[0].startswith("_")}


def toc_pages(toc: dict) -> list[str]:
    """The pages that a ``_toc.yml`` lists, without suffix, the cover first."""
    chapters = [chapter for part in toc["parts"] for chapter in part["chapters"]]
    return [toc["root"], *(page["file"] for chapter in chapters for page in (chapter, *chapter.get("sections", [])))]


def link_faults(site: Site) -> Iterator[str]:
    """Links, anchors and images that lead nowhere, and pages that no link leads to."""
    for page in site.pages():
        for link in site.links(page):
            if not (site.folder / link.page).is_file():
                yield f"{page}: {link.page} is not there ({link.text!r})"
            elif link.fragment and link.page.endswith(".html") and link.fragment not in site.ids(link.page):
                yield f"{page}: {link.page} has no #{link.fragment} ({link.text!r})"
        for image in site.soup(page).find_all("img", src=True):
            path = site.folder / posixpath.dirname(page) / unquote(image["src"])
            if not image["src"].startswith("data:") and not (path.is_file() and path.stat().st_size):
                yield f"{page}: the image {image['src']} is not there"
    for page in sorted(site.built() - set(site.pages()) - OF_SPHINX):
        yield f"{page}: no link leads to it"


def value_faults(soup: bs4.BeautifulSoup) -> Iterator[str]:
    """Tables without a value, and values that a run has left open: nan, infinite, None."""
    for table in soup.select("article table"):
        cells = [cell.get_text(" ", strip=True) for cell in table.select("tbody td")]
        name = " ".join(table.get_text(" ", strip=True).split())[:60]
        if not any(cells):
            yield f"an empty table ({name})"
        bad = [cell for cell in cells if cell == "None" or UNFILLED.search(cell)]
        if bad:
            yield f"{bad[0][:60]!r} in a table ({name})"
    for output in soup.select("article .cell_output"):
        for text in output.find_all(string=UNFILLED):
            if not text.find_parent(["table", "script", "style"]):
                yield f"{text.strip()[:60]!r} in an output"


def shown_faults(soup: bs4.BeautifulSoup, executed: nbformat.NotebookNode) -> Iterator[str]:
    """Figures and tables of an executed notebook that its page lacks."""
    cells = [cell for cell in executed.cells if cell.cell_type == "code"]
    seen = [cell for cell in cells if not {"remove-output", "remove-cell"} & set(cell.metadata.get("tags", []))]
    kinds = [kind for cell in seen for kind in shown(cell)]
    for kind, selector in (("figure", "img:not(.eas-fallback img)"), ("table", "table")):
        there = len(soup.select(f"article .cell_output {selector}"))
        if there < kinds.count(kind):
            yield f"{there} of {kinds.count(kind)} {kind}s of its notebook"


# ---------------------------------------------------------------- this run's claims and generator


def claims_faults(soup: bs4.BeautifulSoup, judged: Sequence[Claim]) -> Iterator[str]:
    """Claims that the first table of verdicts lacks or gives another verdict than these, this run's: its last column."""
    tables = [t for t in soup.select("article table") if {"key", "verdict"} <= {h.get_text() for h in t.select("th")}]
    rows = [row.select("th, td") for row in tables[0].select("tbody tr")] if tables else []
    verdicts = {row[0].get_text(strip=True): row[-1].get_text(strip=True) for row in rows}
    for claim in judged:
        said = verdicts.get(claim.key)
        if said != claim.verdict:
            yield f"claim {claim.key}: {f'the page says {said!r}' if said else 'no verdict'}, the records {claim.verdict!r}"


def explorer_state(page: str) -> dict | None:
    """The traits of the explorer that the text of a page carries, ``weights`` as bytes; None without an explorer."""
    script = bs4.BeautifulSoup(page, "html.parser").find("script", type=STATE)
    models = parse_json(script.string)["state"].values() if script else []
    for model in models:
        if "facts" in model["state"]:
            weights = [base64.b64decode(b["data"]) for b in model.get("buffers", []) if b["path"] == ["weights"]]
            return model["state"] | {"weights": b"".join(weights)}
    return None


def explorer_faults(page: str, facts: dict, weights: bytes) -> Iterator[str]:
    """What the explorer of a page lacks of this run's facts, the generator's weights and its own script."""
    state = explorer_state(page)
    if state is None:
        yield "no explorer"
        return
    if not state.get("_esm"):
        yield "the explorer has no script"
    for name, value in parse_json(json.dumps(facts)).items():
        if state["facts"].get(name) != value:
            yield f"the explorer's {name} is not this run's"
    if not weights or state["weights"] != weights:
        yield "the explorer's weights are not those of this run's generator"


# ---------------------------------------------------------------- the whole book


def faults(html: Path, profile: str, seeds: list[int], seed: int, runs: str, overrides: list[str]) -> Iterator[str]:
    """Every fault of the book in ``html``, which shows ``seed``, its claims all ``seeds`` of that profile and settings."""
    site, listed = Site(html), toc_pages(parse_yaml((ROOT / "book" / "_toc.yml").read_text()))
    missing = [name for name in listed if not (html / f"{name}.html").is_file()]
    yield from (f"{name}.html is not there" for name in missing)
    if missing:
        return
    asked = {"profile": profile, "seed": seed, "runs": runs, "overrides": overrides}
    for name in listed:
        soup = site.soup(f"{name}.html")
        found = list(value_faults(soup))
        source = ROOT / "notebooks" / f"{Path(name).name}.ipynb"
        if source.is_file():
            executed = nbformat.read(ROOT / "book" / f"{name}.ipynb", as_version=4)
            found += notebook_faults(nbformat.read(source, as_version=4), executed)
            found += shown_faults(soup, executed)
            ran = executed.metadata["eas"]
            found += [f"run with {key} {ran[key]!r}, not {asked[key]!r}" for key in asked if ran[key] != asked[key]]
        yield from (f"{name}: {fault}" for fault in found)
    yield from link_faults(site)
    released = (Path(runs) / MANIFEST).is_file()  # the book is built from a release, of which a seed may lack variants
    judged = claims.judge([jobs.collect(make_run(profile, s, runs, overrides), False, released) for s in seeds])
    yield from (f"executed/12_claims: {fault}" for fault in claims_faults(site.soup("executed/12_claims.html"), judged))
    run = make_run(profile, seed, runs, overrides)
    weights = explorer_data.weight_bytes(trained.generator(run)[0])
    yield from (
        f"index: {fault}"
        for fault in explorer_faults((html / "index.html").read_text(), explorer_data.facts(run), weights)
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Say what is wrong with a built book, one fault per line.")
    parser.add_argument("html", type=Path)
    parser.add_argument("--profile", default="demo")
    parser.add_argument("--seed", type=int, default=0, help="that the book shows")
    parser.add_argument("--seeds", default="0", help="of the claims, separated by commas")
    parser.add_argument("--runs", default="runs")
    parser.add_argument("--set", default="", help="settings that were overridden, separated by blanks")
    options = parser.parse_args()
    seeds = [int(seed) for seed in options.seeds.split(",")]
    try:
        found = list(faults(options.html, options.profile, seeds, options.seed, options.runs, options.set.split()))
    except EASError as error:
        found = [str(error)]
    print(*found, sep="\n", end="\n" if found else "", file=sys.stderr)
    if found:
        print(f"faults of the book: {len(found)}; its pages are in {options.html}", file=sys.stderr)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
