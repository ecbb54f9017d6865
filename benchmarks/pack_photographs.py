"""The photographs of tiny-imagenet-10 as one small file: ``python -m benchmarks.pack_photographs ARCHIVE OUT.tar.xz``.

A small JPEG is to a good part tables that all of them share, so one stream of LZMA over all files takes a quarter less
than a zip, which packs each by itself. Unpacked it is a folder that ``data.path`` takes.
"""

from __future__ import annotations

import io
import sys
import tarfile
from pathlib import Path

from data_prep import tiny_imagenet
from data_prep.tiny_imagenet import CLASS_NAMES, ROOT
from eas_core.base.errors import DataError

LISTS = ("wnids.txt", "words.txt", "val/val_annotations.txt")


def pack(archive: Path, out: Path) -> int:
    """Write what tiny-imagenet-10 reads of the official zip or folder; returns how many files.

    Only the 60 classes. Raises :class:`DataError` if the archive is not Tiny ImageNet or lacks one of them.
    """
    with tiny_imagenet.opened(archive) as (members, read, photographs):
        boxes = {f"train/{wnid}/{wnid}_boxes.txt" for wnid in CLASS_NAMES}
        names = sorted((members & {*LISTS, *boxes}) | photographs)
        with tarfile.open(out, "w:xz", preset=6) as packed:
            for name in names:
                data = read(name)
                info = tarfile.TarInfo(f"{ROOT}/{name}")
                info.size = len(data)
                packed.addfile(info, io.BytesIO(data))
    return len(names)


if __name__ == "__main__":
    try:
        count = pack(Path(sys.argv[1]), Path(sys.argv[2]))
    except DataError as error:
        sys.exit(f"pack_photographs: {error}")
    print(f"{sys.argv[2]}: {count:,} files, {Path(sys.argv[2]).stat().st_size / 2**20:.1f} MiB")
