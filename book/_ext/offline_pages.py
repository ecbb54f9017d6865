"""Sphinx extension: pages that need no other origin and throw no error.

- MathJax comes from the package sphinx-mathjax-offline and is copied into the built book, not fetched by the reader.
- sphinx-thebe's scripts are dropped: the book has no live-code button, and their constant is declared twice on a page.
"""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

from sphinx.errors import ExtensionError

MATHJAX = ("tex-svg.js", "input/tex/extensions")  # glyphs are paths in the script: no font files to load


def copy_mathjax(app) -> None:
    if app.builder.format != "html":
        return
    spec = importlib.util.find_spec("sphinx-mathjax-offline")
    if spec is None:
        raise ExtensionError(
            "the package sphinx-mathjax-offline is not installed: pip install -c constraints.txt -e .[book]"
        )
    source = Path(spec.origin).parent / "static" / "mathjax"
    target = Path(app.outdir) / "_static" / "mathjax"
    for name in MATHJAX:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name, dirs_exist_ok=True)
        else:
            shutil.copyfile(source / name, target / name)


def drop_thebe(app, pagename, templatename, context, doctree) -> None:
    def is_thebe(script) -> bool:
        body = getattr(script, "attributes", {}).get("body") or ""
        return "THEBE_JS_URL" in body or "sphinx-thebe.js" in str(getattr(script, "filename", script))

    context["script_files"] = [script for script in context.get("script_files", []) if not is_thebe(script)]


def setup(app) -> dict:
    app.connect("config-inited", lambda app, config: setattr(config, "mathjax_path", "mathjax/tex-svg.js"))
    app.connect("builder-inited", copy_mathjax)
    app.connect("html-page-context", drop_thebe, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
