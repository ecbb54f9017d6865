"""Made once, then found: the record in a stage's folder, or what makes it.

A stage's folder holds weights or tables (safetensors) and a record, written last: where the record is, the stage is
complete. Who makes a stage holds its folder meanwhile, and a second process that wants to is refused; reading what is
complete needs no lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch

from eas_core.base import checkpoints, files, records
from eas_core.base.memory import PeakMemory
from eas_core.base.progress import Item, track
from eas_core.evidence.checks import check_result
from eas_core.runs.run import Run, folder, made_of
from eas_core.settings.stages import STAGES, versions

Made = tuple[dict, float]  # a stage's result, and how many seconds it took


def once(
    run: Run,
    stage: str,
    make: Callable[[Path], Made],
    base: Run | None = None,
    device: str | torch.device | None = None,
) -> dict:
    """The record of a stage: the one in its folder if the stage is complete, else of what ``make(folder)`` returns.

    ``base`` is that of :func:`eas_core.runs.run.folder`; ``device`` goes into the provenance, by default the run's.
    """
    place = folder(run, stage, base)
    path = place / "record.json"
    if not path.exists():
        with files.only_writer(place):
            if not path.exists():  # else another process completed it just now
                result, seconds = make(place)
                return write(run, stage, result, seconds, base, device)
    return finished(path, stage)


def write(
    run: Run,
    stage: str,
    result: dict,
    seconds: float,
    base: Run | None = None,
    device: str | torch.device | None = None,
) -> dict:
    """Write and return the record that completes a stage; its checkpoints are removed."""
    place = folder(run, stage, base)
    launch = run.devices.described() if stage in STAGES and STAGES[stage].together else {}
    more = {"stages": versions(stage), **launch}
    path, settings = place / "record.json", made_of(run, stage, base)
    record = records.write_record(path, stage, settings, result, seconds, device or run.device, more)
    checkpoints.remove_checkpoints(place / "checkpoint.pt")
    return record


def finished(path: Path, stage: str) -> dict:
    """The record of a complete stage; one that is missing or damaged raises :class:`DataError`."""
    record = records.read_record(path, stage)
    check_result(record, stage, f"record: {path}")
    return record


def trained(run: Run, stage: str, module: torch.nn.Module, train: Callable[[], tuple[list[dict], float]]) -> dict:
    """The record of a stage whose weights ``module`` gets: found, or made by ``train()`` (curve, seconds) and saved.

    The processes of a launch train together; the first one writes.
    """
    place, devices = run.folder(stage), run.devices
    path = place / "record.json"

    def result() -> Made:
        with PeakMemory(run.device) as memory:
            curve, seconds = train()
        if devices.first:
            metadata = {"stage": stage, "profile": run.profile.name}
            records.save_tensors(place / "weights.safetensors", module.state_dict(), metadata)
        return {"curve": curve, "peak_memory_bytes": memory.bytes}, seconds

    if devices.count == 1:
        record = once(run, stage, lambda _: result())
    else:
        if not devices.as_first(path.exists()):
            made = result()  # all of them; the first one locks the folder and writes
            if devices.first:
                write(run, stage, *made)
            devices.wait()
        record = finished(path, stage)
    records.load_into(module, place / "weights.safetensors")
    return record


def bar(run: Run, items: Sequence[Item], name: str) -> Iterator[Item]:
    """``items`` with a progress bar, unless the run is quiet."""
    return track(items, name, enabled=run.progress)
