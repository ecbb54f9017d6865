"""What options name: a run, the runs of several seeds, a release, a file or folder to write.

What is wrong with them is an :class:`~eas_core.base.errors.EASError`, before PyTorch is loaded.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eas_core.base import files
from eas_core.base.errors import EASError

PROFILE, SEED = "demo", 0  # unless the options name others

if TYPE_CHECKING:
    from eas_core.runs.releases_files import Content
    from eas_core.runs.run import Run


def plan(options: Namespace, **more: Any) -> Run:
    """The run that the options name; ``ready()`` then looks for its device, with PyTorch."""
    from eas_core.runs.run import plan

    return plan(
        options.profile,
        options.seed,
        options.runs,
        options.overrides,
        options.device,
        progress=not options.quiet,
        **more,
    )


def released(options: Namespace) -> Run:
    """The run of a release's weights, finished: its records and weights are put below the folder of runs."""
    from eas_core.runs import releases

    content = released_content(options)
    seeds = [content.manifest.weights]
    return releases.restore(content, options.runs, seeds, options.overrides, options.device, progress=not options.quiet)


def released_content(options: Namespace) -> Content:
    """The release that the options name, every file as published."""
    if options.profile != PROFILE or options.seed != SEED:
        raise EASError(
            f"--release: {options.release!r:.160} has its own profile and seed; leave out --profile and --seed"
        )
    from eas_core.runs import releases, releases_files

    releases.check_settings(options.overrides)
    return releases_files.read(options.release)


def of_seeds(options: Namespace) -> list[Run]:
    """The runs that ``--seeds`` names, whatever there is of them."""
    from dataclasses import replace

    seeds = options.seeds.split(",")
    if not all(seed.isdecimal() and len(seed) < 19 for seed in seeds):
        raise EASError(f"--seeds: {options.seeds!r} must be whole numbers separated by commas, such as 0,1,2")
    if len({int(seed) for seed in seeds}) < len(seeds):
        raise EASError(f"--seeds: {options.seeds!r}: they are not all different")
    check_folder(options)
    return [replace(plan(options), seed=int(seed)) for seed in seeds]


def finished_of_seeds(options: Namespace) -> list[Run]:
    """The runs that ``--seeds`` names; all their stages must be there."""
    from eas_core.runs import jobs

    runs = of_seeds(options)
    for run in runs:
        jobs.require(run)
    return runs


def check_folder(options: Namespace) -> None:
    """Refuse, before any work, a folder that ``--out`` names and that cannot be one."""
    if options.out:
        files.check_folder(options.out, "--out")


def check_file(out: str | None, suffix: str) -> Path | None:
    """The file that ``--out`` names, refused before any work if it cannot be one."""
    if out is None:
        return None
    path = Path(out)
    if path.suffix != suffix or path.is_dir():
        raise EASError(f"--out: {out!r:.120} must be a file named *{suffix}")
    files.check_folder(path.parent, "--out")
    return path
