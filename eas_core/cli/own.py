"""``eas init``: from somebody's pictures to a profile."""

from __future__ import annotations

import os
import re
import time
from argparse import Namespace
from pathlib import Path

from eas_core.base import files
from eas_core.base.errors import EASError

WRITTEN = "# Written by eas init"  # the first words of a profile that may be written over

BUSY = 0.7  # of a core: with less than this for us, other programs are at work too


def init(options: Namespace) -> None:
    """Check, split and list the pictures, choose settings for the time, and write profile, list and report."""
    out, name = _out(options.out)
    from data_prep.own.prepare import prepare
    from data_prep.own.report import Report

    report = Report()
    prepared = prepare(Path(options.folder), options.tasks, options.seed, report, not options.quiet)
    tasks = ", ".join(f"{task} {len(classes)}" for task, classes in prepared.groups.items())
    sizes = ", ".join(f"{split} {size:,}" for split, size in prepared.sizes().items())
    print(f"{sum(map(len, prepared.groups.values()))} classes in {len(prepared.groups)} tasks ({tasks})")
    print(f"{sum(prepared.sizes().values()):,} pictures: {sizes}", *report.lines(), sep="\n", flush=True)
    import yaml

    from eas_core.runs.propose import TIMES, propose
    from eas_core.runs.run import usable_device

    device, started, worked = usable_device(options.device), time.monotonic(), time.process_time()
    profile, seconds = propose(name, prepared, options.time, device)
    share = (time.process_time() - worked) / (time.monotonic() - started)
    expected = f"{seconds / 60:.1f} minutes"
    listed = out.with_suffix(".csv").absolute()
    data = profile.data.model_copy(update={"listing": str(listed)})
    settings = profile.model_copy(update={"data": data}).model_dump(mode="json", exclude_defaults=True)
    head = f"{WRITTEN} --time {options.time}; a run was expected to take {expected} there\n"
    text = head + str(yaml.safe_dump(settings, sort_keys=False, width=120, allow_unicode=True))
    whole = "\n".join([f"# {name}", "", f"{sizes}; {tasks}", "", *report.lines(names=None), ""])
    for path, content in (
        (listed, prepared.listing),
        (out.with_suffix(".report.md"), whole),
        (out, text),  # last: a profile has all that it needs
    ):
        files.write_atomic(path, content.encode())
        print(path)
    space, passes = profile.space, profile.supernet.stages[-1].epochs
    print(f"{space.resolution} x {space.resolution} pixels, widths {', '.join(map(str, space.widths))}, ", end="")
    print(f"teacher {profile.teacher.epochs:g} epochs, last stage of the supernet {passes:g}, ", end="")
    print(f"budgets {', '.join(f'{budget:g}' for budget in profile.specialize.budgets)} M multiply-adds")
    busy = f" (the machine is busy: we had {100 * share:.0f} % of one core)" if device == "cpu" and share < BUSY else ""
    late = ", longer than asked: there are many pictures for this machine" if seconds > TIMES[options.time] else ""
    print(f"expected: {expected}{busy}{late}; start it with eas run --profile {options.out}")


def _out(out: str) -> tuple[Path, str]:
    """The profile's path and name; what cannot be written, or is not ours, raises :class:`EASError`."""
    path = Path(out)
    if path.suffix not in (".yaml", ".yml"):
        raise EASError(f"--out: {out!r:.120} must end in .yaml")
    files.check_folder(path.parent, "--out")
    place = next(folder for folder in path.absolute().parents if folder.exists())
    if not os.access(place, os.W_OK):
        raise EASError(f"--out: {place} cannot be written to")
    if path.exists() and not path.read_bytes().startswith(WRITTEN.encode()):
        raise EASError(f"--out: {out!r:.120} is there, and eas init did not write it; give another name")
    return path, re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("._-")[:100] or "pictures"
