"""What is said about somebody's pictures: one line a kind of finding, with how many there are and which."""

from __future__ import annotations

#: Every kind of finding, what it is and what was done. The order is that of the report.
KINDS = {
    "damaged": "pictures that are damaged, cut short or empty: left out",
    "bomb": "pictures that unpack to more than is allowed: left out",
    "unreadable": "files or folders that cannot be read: left out",
    "other": "files that are no pictures: left out",
    "litter": "hidden files, and those of Windows and macOS: left out",
    "link": "links that lead nowhere, or to a folder that was read already: left out",
    "name": "names that are not UTF-8: left out",
    "no class": "pictures that lie in no class's folder: left out",
    "beside": "files in folders beside ready-made train/val/test: left out",
    "empty": "class folders without a picture that can be used: left out; add pictures or remove the folder",
    "untrained": "classes without a training picture: left out; add pictures",
    "few": "classes with fewer pictures than splits: one goes to train, two to train and test",
    "untested": "classes without a test picture: nothing is known of their accuracy",
    "clash": "names that differ by case or by Unicode form only: kept apart here, one file on other systems",
    "parent": "classes whose folder also holds folders of other classes: each is a class",
    "turned": "pictures turned as their EXIF orientation says",
    "frames": "pictures of several frames: the first is taken",
    "twice": "pictures that a CSV names twice: taken once",
    "near": "pictures that are near duplicates of others: kept in one split",
    "both sides": "pictures with a near duplicate in another split, as these came ready-made: left as they are",
    "two classes": "pictures with a near duplicate in another class: check their labels",
    "single": "tasks of a single class: nothing to tell apart, always right; --tasks gives others",
}
SHOWN = 3  # names in the short form


class Report:
    """Findings by kind, each with the names that it is about."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}

    def add(self, kind: str, name: str, why: str = "") -> None:
        """Note ``name`` (a path, a class or a task) as one of ``kind``, a key of :data:`KINDS`."""
        if kind not in KINDS:
            raise KeyError(kind)
        self.found.setdefault(kind, []).append(f"{_plain(name)} ({_plain(why)})" if why else _plain(name))

    def count(self, kind: str) -> int:
        """How many of a kind."""
        return len(self.found.get(kind, ()))

    def lines(self, names: int | None = SHOWN) -> list[str]:
        """A line for each kind that was found, with the first ``names`` names (None: all, a line each)."""
        lines = []
        for kind, text in KINDS.items():
            found = self.found.get(kind, [])
            if found and names is None:
                lines += [f"- {len(found)} {text}", *(f"  - {name}" for name in found)]
            elif found:
                lines.append(f"{len(found)} {text}: {', '.join(found[:names])}{', ...' if found[names:] else ''}")
        return lines


def _plain(text: str) -> str:
    """Text in one line that UTF-8 can hold."""
    return " ".join(text.encode(errors="backslashreplace").decode().replace("\0", "\\0").split())
