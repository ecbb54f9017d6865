"""Sphinx extension for the API reference: docstrings as they are written.

- A name of the library needs no module in front of it, in a docstring as in the code: it is found wherever it is defined,
  and two of the same name are a warning.
- What is said once is enough: the fields of a dataclass stand in its signature, those of a profile's section
  below it, each with its default.
"""

from __future__ import annotations

import dataclasses
import importlib

from pydantic import BaseModel
from sphinx import addnodes


def find_anywhere(app, env, node, contnode):
    """The library's member that a reference without its module names; ``None``, hence a warning, if there is none."""
    if node.get("refdomain") != "py" or node.get("refspecific"):
        return None
    node["refspecific"] = True
    domain = env.get_domain("py")
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", node["reftarget"], node, contnode)


def drop_fields_from_signature(app, what, name, obj, options, signature, return_annotation):
    if what == "class" and issubclass(obj, BaseModel):
        return "", None


def skip_fields_of_dataclasses(app, what, name, obj, skip, options):
    module, owner = (app.env.temp_data.get(f"autodoc:{part}") for part in ("module", "class"))
    documented = getattr(importlib.import_module(module), owner, None) if module and owner else None
    if dataclasses.is_dataclass(documented) and name in {field.name for field in dataclasses.fields(documented)}:
        return True


def add_default(app, domain, objtype, content):
    signature = content.parent.next_node(addnodes.desc_signature)
    owner, _, name = signature.get("fullname", "").rpartition(".")
    if objtype == "attribute" and owner:
        model = getattr(importlib.import_module(signature["module"]), owner, None)
        field = getattr(model, "model_fields", {}).get(name)
        if field and not field.is_required():
            signature += addnodes.desc_annotation("", f" = {field.default!r}")


def setup(app) -> dict:
    app.connect("missing-reference", find_anywhere)
    app.connect("autodoc-process-signature", drop_fields_from_signature)
    app.connect("object-description-transform", add_default)
    app.connect("autodoc-skip-member", skip_fields_of_dataclasses)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
