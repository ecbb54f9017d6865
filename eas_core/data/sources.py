"""What is known of a data source before its images are read: its tasks and classes, and which packed photographs."""

from __future__ import annotations

from pathlib import Path

from data_prep import SPLITS
from data_prep.catalogue import SOURCES
from data_prep.imagenet.index import describe
from data_prep.own import listing
from eas_core.base import records
from eas_core.base.errors import DataError
from eas_core.data.tasks import TaskSet
from eas_core.settings import schema
from eas_core.settings.stages import versions


def task_set(settings: schema.Data) -> TaskSet:
    """The tasks of a data source, with readable class names."""
    return TaskSet.from_groups(SOURCES[settings.source].readable_tasks(settings.groups or {}))


def class_ids(settings: schema.Data) -> dict[str, tuple[str, ...]]:
    """Tasks and their classes as the source names them: WordNet ids for photographs, plain names for drawn images."""
    return dict(SOURCES[settings.source].tasks or settings.groups or {})


def listed_labels(settings: schema.Data, split: str) -> list[int]:
    """The class numbers of a split of ``own-pictures``, sorted as its images are; its list that is not there raises
    :class:`DataError`."""
    numbers = {label: number for number, (_, label) in enumerate(listing.pairs(class_ids(settings)))}
    rows = listing.read(settings.listing or "", settings.digest)
    return [numbers[named.label] for named, _ in rows if named.split == split]


def cache(settings: schema.Data, resolution: int, folder: Path) -> dict[str, Path]:
    """The file in ``folder`` that each prepared split has; photographs of imagenet-10 and imagenet-12 have none.

    The folder in it is named by the settings and by the version of the stage ``data``.
    """
    relevant = settings.model_dump(include={"source", "seed", "train_per_class", "valid_per_class", "test_per_class"})
    if settings.digest is not None:
        relevant["digest"] = settings.digest
    own = Path(folder) / f"{settings.source}-{resolution}-{records.key({**relevant, 'versions': versions('data')})}"
    return {name: own / f"{name}.safetensors" for name in SPLITS}


def pack_digest(settings: schema.Data) -> str | None:
    """Ten digits that identify the packed photographs of imagenet-10 or imagenet-12; None for another source.

    They are read from the pack at ``data.path`` or, without a path, are ``data.digest``. A pack that is missing, or is
    not what the settings say, raises :class:`DataError` with the command that makes it.
    """
    if not SOURCES[settings.source].packed or (settings.path is None and settings.digest):
        return settings.digest
    path = pack_path(settings)
    try:
        about = describe(path)
    except DataError as error:
        raise DataError(f"data.path: {error}; {how_to_pack(settings)}") from None
    found = records.key(about["digest"])
    wnids = [wnid for group in SOURCES[settings.source].tasks.values() for wnid in group]
    for what, there, wanted in (
        ("photographs of", about["source"], settings.source),
        ("a hold-out of data.seed", about["seed"], settings.seed),
        ("classes of", records.key(about["classes"]), records.key(wnids)),
        ("photographs with data.digest", found, settings.digest or found),
    ):
        if there != wanted:
            raise DataError(f"data.path: {path} holds {what} {there}, not {wanted}; {how_to_pack(settings)}")
    return found


def pack_path(settings: schema.Data) -> str:
    """The folder that ``eas prepare`` filled; one that is not given raises :class:`DataError` with the command."""
    if settings.path is None:
        raise DataError(f"data.path: not set; {how_to_pack(settings)}")
    return settings.path


def check(settings: schema.Data, resolution: int, folder: Path) -> None:
    """Refuse, before any image is read, a data source that is not there; ``folder`` is where splits are kept."""
    source = SOURCES[settings.source]
    if source.packed:
        pack_path(settings)
        pack_digest(settings)
    elif source.check and settings.path is not None:
        if not all(path.exists() for path in cache(settings, resolution, folder).values()):
            source.check(settings.path)


def how_to_pack(settings: schema.Data) -> str:
    """The command that packs the photographs of a source."""
    seed = f" --set data.seed={settings.seed}" if settings.seed else ""
    command = f"eas prepare --profile {settings.source}{seed} --source YOUR_IMAGENET --out FOLDER"
    return f"make it with {command}, then give --set data.path=FOLDER"
