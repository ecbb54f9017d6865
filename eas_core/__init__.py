"""Search spaces, supernet, architecture generator and evaluation of Elastic Architecture Search (EAS).

The names that a user needs can be imported from here; ``__init__.pyi`` lists them, for type checkers too. Each is loaded
when it is first asked for, so that ``import eas_core`` takes no time and no PyTorch. Everything else is in the rooms.
"""

import ast
from importlib import import_module
from pathlib import Path

__version__ = "0.1.0"

_FOUND = {  # public name: the module it is in, and what it is called there
    alias.asname or alias.name: (entry.module, alias.name)
    for entry in ast.parse(Path(__file__).with_suffix(".pyi").read_text()).body
    if isinstance(entry, ast.ImportFrom)
    for alias in entry.names
}
__all__ = list(_FOUND)


def __getattr__(name: str):
    if name not in _FOUND:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _FOUND[name]
    value = globals()[name] = getattr(import_module(module), attribute)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
