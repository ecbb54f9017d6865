"""Sphinx extension: every figure of a notebook has an alternative text, for readers who cannot see it.

It is what the function that drew the figure says of itself, as in the gallery; for other figures, their section's title.
"""

from __future__ import annotations

import runpy
from pathlib import Path

from docutils import nodes

CAPTION = runpy.run_path(str(Path(__file__).resolve().parent.parent / "gallery.py"))["caption"]


def describe_figures(app, doctree) -> None:
    for cell in doctree.findall(lambda node: isinstance(node, nodes.container) and "cell" in node["classes"]):
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


def setup(app) -> dict:
    app.connect("doctree-read", describe_figures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
