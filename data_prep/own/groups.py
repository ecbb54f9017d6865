"""Tasks of somebody's classes: by the first level of folders, by a YAML file, by a CSV's column, or all as one."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from data_prep.own.files import Named
from data_prep.own.report import Report
from eas_core.base.errors import DataError
from eas_core.base.parsing import parse_yaml

FIRST, ONE = "first", "one"
OTHER = "other"


def group(named: list[Named], how: str, report: Report) -> dict[str, tuple[str, ...]]:
    """``{task: its classes}``, both in the order of their names.

    ``how`` is "first", "one" or a YAML file ``{task: [class, ...]}``, in which a class is given by its whole name, the last
    part of it if no other class has that, or a folder that stands for all classes in it. A CSV's column comes before
    "first". A class in two tasks or in none, and fewer than two classes, raise :class:`DataError`.
    """
    labels = sorted({one.label for one in named})
    if len(labels) < 2:
        found = f"one class only ({labels[0]!r:.80})" if labels else "no picture that can be used"
        raise DataError(f"pictures: {found}; at least two classes with pictures are needed, a folder each")
    if how == ONE:
        return {"all": tuple(labels)}
    if how != FIRST:
        return _listed(labels, Path(how))
    tasks: dict[str, list[str]] = defaultdict(list)
    if named[0].task is not None:
        of = {}
        for one in named:
            if of.setdefault(one.label, one.task) != one.task:
                raise DataError(f"pictures: class {one.label!r:.80} is in two tasks, {of[one.label]} and {one.task}")
        for label in labels:
            tasks[str(of[label])].append(label)
    else:
        if not any("/" in label for label in labels):
            return {"all": tuple(labels)}
        for label in labels:
            tasks[label.split("/")[0]].append(label)
        alone = [task for task, classes in tasks.items() if len(classes) == 1]
        if len(alone) > 1:  # nothing to tell apart in each: they are told apart from each other
            name = OTHER if OTHER not in tasks else f"{OTHER} classes"
            tasks[name] = sorted(label for task in alone for label in tasks.pop(task))
    for task, classes in tasks.items():
        if len(classes) == 1:
            report.add("single", task)
    return {task: tuple(classes) for task, classes in sorted(tasks.items())}


def read(path: Path) -> dict[str, list[str]]:
    """Tasks and classes of a YAML file as they stand there; one that is not of that form raises :class:`DataError`."""
    try:
        listed = parse_yaml(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"--tasks: {path} is not first, one or a YAML file that can be read ({error})") from None
    if not isinstance(listed, dict) or not all(isinstance(names, list) and names for names in listed.values()):
        raise DataError(f"--tasks: {path} must hold tasks with a list of classes each, task: [class, ...]")
    return listed


def _listed(labels: list[str], path: Path) -> dict[str, tuple[str, ...]]:
    tasks: dict[str, tuple[str, ...]] = {}
    of: dict[str, str] = {}
    for task, names in read(path).items():
        classes: dict[str, None] = {}
        for name in map(str, names):
            found = [x for x in labels if x == name or x.startswith(f"{name}/")]
            found = found or [x for x in labels if x.split("/")[-1] == name]
            if not found or (len(found) > 1 and not found[0].startswith(name)):
                what = "no class that has pictures" if not found else f"the end of {len(found)} classes"
                raise DataError(f"--tasks: {path}: {name!r:.80} of task {task!r:.60} is {what}")
            classes |= dict.fromkeys(found)
        for label in classes:
            if label in of:
                raise DataError(f"--tasks: {path}: class {label!r:.80} is in two tasks, {of[label]} and {task}")
            of[label] = str(task)
        tasks[str(task)] = tuple(classes)
    if left := [label for label in labels if label not in of]:
        raise DataError(f"--tasks: {path}: {len(left)} classes are in no task ({', '.join(left[:3]):.160})")
    return tasks


def readable(groups: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """A short name of each class: as many parts of it, from its end, as no other class has."""
    labels = [label for group in groups.values() for label in group]
    names: dict[str, str] = {}
    for label in labels:
        parts = label.split("/")
        ends = ("/".join(parts[-i:]) for i in range(1, len(parts) + 1))
        names[label] = next((end for end in ends if sum(x == end or x.endswith(f"/{end}") for x in labels) == 1), label)
    return names
