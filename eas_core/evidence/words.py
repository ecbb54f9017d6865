"""How names, numbers and lists are written in sentences, tables and figures."""

from __future__ import annotations

from collections.abc import Sequence

from eas_core.evidence.compare import Estimate


def readable(name: str) -> str:
    """A name as text: blanks for underscores."""
    return name.replace("_", " ")


def listed(parts: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def counted(number: int, name: str) -> str:
    """``1 seed``, ``2 seeds``."""
    return f"{number} {name}{'' if number == 1 else 's'}"


def span(values: Sequence[float], form: str) -> str:
    """The least and the greatest value in the format ``form``, ``0.1 to 0.2``; one of them if they read the same."""
    low, high = f"{min(values):{form}}", f"{max(values):{form}}"
    return low if low == high else f"{low} to {high}"


def interval(value: Estimate) -> str:
    """``+1.00 (+0.50 to +1.50)``, in percent or points."""
    return f"{value.mean:+.2f} ({value.low:+.2f} to {value.high:+.2f})"


def points(value: Estimate) -> str:
    """A difference in points with its interval and, after a semicolon, the test images and seeds behind it."""
    bounds = f"({value.low:+.2f} to {value.high:+.2f})"
    return f"{value.mean:+.2f} points {bounds}; n = {value.n:,}, {counted(value.seeds, 'seed')}"
