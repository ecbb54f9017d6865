"""The page with all figures, from the executed notebooks: ``python book/gallery.py EXECUTED... > book/executed/gallery.md``.

Each figure outside a solution, but for those that show this run once more beside a release (tag ``beside``), becomes a small
image in ``gallery/`` beside the notebooks and a card that leads to its section. A card has the figure's caption, or what the
function that drew it says of itself: the first line of its docstring.
"""

from __future__ import annotations

import ast
import base64
import importlib
import io
import pkgutil
import re
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import nbformat
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
from mdit_py_plugins.dollarmath import dollarmath_plugin
from myst_parser.mdit_to_docutils.base import compute_unique_slug
from PIL import Image

from eas_core import show

WIDTH = 900  # pixels: twice what a card shows
MODULES = {module.name for module in pkgutil.iter_modules(show.__path__)}


class Figure(NamedTuple):
    png: bytes
    section: str  # its heading, in Markdown
    slug: str  # by which links find that heading
    caption: str  # what it shows, in Markdown: the page's caption, or what its function says; empty if there is neither
    alt: str  # what the picture looks like; empty if the page does not say


def caption(source: str) -> str:
    """The first line of the docstring of the figure function that a cell names last, as Markdown."""
    names = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)]
    functions = [
        getattr(importlib.import_module(f"eas_core.show.{name.value.id}"), name.attr)
        for name in names
        if isinstance(name.value, ast.Name) and name.value.id in MODULES
    ]
    drawn = [one for one in functions if "Figure" in str(getattr(one, "__annotations__", {}).get("return"))]
    if not drawn:
        return ""
    line = drawn[-1].__doc__.strip().splitlines()[0]
    return re.sub(r"(?::\w+:)?`+([^`]*)`+", r"`\1`", line)


def figures(notebook: nbformat.NotebookNode) -> tuple[str, list[Figure]]:
    """The title of a chapter, and its figures in order, those of solutions left out."""
    parser = MarkdownIt().use(dollarmath_plugin)
    title, section, slugs, found, in_solution = "", "", [], [], False
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for node in SyntaxTreeNode(parser.parse(cell.source)).children:
                if node.type == "heading" and node.tag in ("h1", "h2", "h3"):  # myst_heading_anchors of _config.yml
                    slugs.append(compute_unique_slug(node, slugs))
                    section = node.children[0].content
                    title = title or section
            if "{solution-start}" in cell.source or "{solution-end}" in cell.source:
                in_solution = cell.source.rindex("{solution-") == cell.source.rfind("{solution-start}")
        elif cell.cell_type == "code" and not in_solution and "beside" not in cell.metadata.get("tags", []):
            for output in cell.outputs:
                image = output.get("data", {}).get("image/png")
                if image:
                    said = cell.metadata.get("mystnb", {})
                    text = said.get("figure", {}).get("caption") or caption(cell.source)
                    alt = said.get("image", {}).get("alt", "")
                    found.append(Figure(base64.b64decode(image), section, slugs[-1], text, alt))
    return title, found


def page(paths: list[Path]) -> str:
    """Markdown: a chapter a heading, a card a figure. Writes the images."""
    folder = paths[0].parent / "gallery"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    lines = [
        "# Gallery",
        "",
        "Every figure of the book, as drawn when it was built. A card leads to the section that explains it.",
        "",
    ]
    for path in sorted(paths):
        title, found = figures(nbformat.read(path, as_version=4))
        if not found:
            continue
        lines += [f"## {title}", "", "::::{grid} 1 2 2 2", ":gutter: 3", ":class-container: gallery", ""]
        for number, figure in enumerate(found, start=1):
            name = f"{path.stem}-{number}.png"
            image = Image.open(io.BytesIO(figure.png))
            image.thumbnail((WIDTH, 10 * WIDTH), Image.Resampling.LANCZOS)
            image.save(folder / name, optimize=True)
            lines += [
                ":::{grid-item-card}",
                f":img-top: gallery/{name}",
                f":img-alt: {figure.alt or f'Figure {number} of the chapter “{title}”, section “{figure.section}”'}",
                "",
                f"[{figure.section}]({path.name}#{figure.slug})",
                *(["", figure.caption] if figure.caption else []),
                ":::",
                "",
            ]
        lines += ["::::", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(page([Path(name) for name in sys.argv[1:]]))
