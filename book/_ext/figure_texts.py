"""Sphinx extension: figures and tables of notebooks as readers meet them, numbered, captioned, and described.

- A cell's metadata ``mystnb: figure`` holds the caption and the name of what it shows (MyST-NB); around a table it becomes
  a numbered table, not a figure.
- The output of a cell with the tag ``finding``, made from the records, stands below the caption of the figure or table before it.
- Every figure has an alternative text, for readers who cannot see it: the cell's own (``mystnb: image: alt``), or what the function
  that drew it says of itself, as in the gallery, or else its section's title.
- Tables of pandas have one row of headings where they can, and no heading is empty.
"""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path

import bs4
from docutils import nodes
from sphinx.transforms import SphinxTransform

CAPTION = runpy.run_path(str(Path(__file__).resolve().parent.parent / "gallery.py"))["caption"]


class output_table(nodes.General, nodes.Element):
    """A table that a cell shows, with its caption: numbered as a table."""


class NumberTables(SphinxTransform):
    """Before Sphinx registers what has a number (``SphinxDomains``, 850). What is wide scrolls in a box that the theme knows."""

    default_priority = 600

    def apply(self, **options) -> None:
        for figure in list(self.document.findall(nodes.figure)):
            wide = [child for child in figure.children if not isinstance(child, nodes.caption | nodes.legend)]
            box = nodes.container("", classes=["pst-scrollable-table-container"])
            figure.insert(figure.index(wide[0]), box)
            for child in wide:
                figure.remove(child)
                box += child
            if next(figure.findall(nodes.raw), None) is not None and next(figure.findall(nodes.image), None) is None:
                table = output_table("", *figure.children, **figure.attributes)
                table.source, table.line = figure.source, figure.line
                figure.replace_self(table)
                self.document.ids.update(dict.fromkeys(table["ids"], table))


class PlaceFindings(SphinxTransform):
    """A finding moves from its cell below the caption before it."""

    default_priority = 610

    def apply(self, **options) -> None:
        kinds = nodes.figure | output_table | nodes.container
        shown = None  # the figure or table before
        for node in list(self.document.findall(lambda node: isinstance(node, kinds))):
            if isinstance(node, nodes.figure | output_table):
                shown = node
            elif shown is not None and "cell_output" in node["classes"] and "tag_finding" in node.parent["classes"]:
                shown += nodes.legend("", *node.children)
                node.parent.remove(node)


def cells(doctree) -> Iterator[nodes.container]:
    return doctree.findall(lambda node: isinstance(node, nodes.container) and "cell" in node["classes"])


def describe_figures(app, doctree) -> None:
    for cell in cells(doctree):
        images = [image for image in cell.findall(nodes.image) if not image.get("alt")]
        if not images:
            continue
        source = next((block.astext() for block in cell.findall(nodes.literal_block)), "")
        section = cell.parent
        while section is not None and not isinstance(section, nodes.section):
            section = section.parent
        title = f"Figure of the section “{section[0].astext()}”" if section is not None else "Figure"
        for image in images:
            image["alt"] = CAPTION(source).replace("`", "") or title


def head_tables(app, doctree) -> None:
    for cell in cells(doctree):
        for raw in cell.findall(nodes.raw):
            if "<thead" in raw.astext():
                raw.children = [nodes.Text(headed(raw.astext()))]


def headed(html: str) -> str:
    """A table of pandas whose names of the index stand in the same row as the names of the columns."""
    soup = bs4.BeautifulSoup(html, "html.parser")
    for head in soup.select("table > thead"):
        rows = [row.find_all("th") for row in head.find_all("tr")]
        if len(rows) > 1 and len(rows[-1]) == len(rows[-2]):
            both = list(zip(rows[-2], rows[-1], strict=True))
            if not any(upper.get_text(strip=True) and lower.get_text(strip=True) for upper, lower in both):
                for upper, lower in both:
                    upper.string = upper.get_text(strip=True) or lower.get_text(strip=True)
                rows[-1][0].parent.decompose()
        for heading in head.find_all("th"):
            if not heading.get_text(strip=True):
                heading.name = "td"
    return str(soup)


def setup(app) -> dict:
    def open_table(writer, node) -> None:
        writer.body.append(writer.starttag(node, "div", CLASS="output-table", role="group"))

    def close_table(writer, node) -> None:
        writer.body.append("</div>\n")

    app.add_enumerable_node(output_table, "table", html=(open_table, close_table))
    app.add_transform(NumberTables)
    app.add_transform(PlaceFindings)
    app.connect("doctree-read", describe_figures)
    app.connect("doctree-read", head_tables)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
