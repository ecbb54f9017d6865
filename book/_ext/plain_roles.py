"""Sphinx extension: roles that screen readers understand, where Sphinx and docutils write others.

- Long signatures are a list of definitions without terms: no list to readers, only a way to break lines.
- The bibliography is a list whose entries have a role that ARIA has given up.
"""

from __future__ import annotations

ROLES = {"<dl>\n<dd>": '<dl role="presentation">\n<dd>', 'role="doc-biblioentry"': 'role="listitem"'}


def mend_roles(app, pagename, templatename, context, doctree) -> None:
    for written, meant in ROLES.items() if "body" in context else ():
        context["body"] = context["body"].replace(written, meant)


def setup(app) -> dict:
    app.connect("html-page-context", mend_roles)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
