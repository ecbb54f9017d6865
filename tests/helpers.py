"""What several test modules share: small search spaces, random architectures, networks whose every number matters."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib

import numpy as np
import torch
from hypothesis import strategies as st
from PIL import Image

from eas_core.base.random import rng
from eas_core.data.splits import Split
from eas_core.data.tasks import TaskSet
from eas_core.network.supernet import Supernet, initialise
from eas_core.space.search_space import BLOCKS, DEPTHS, EXPANSIONS, KERNELS, UNITS, Architecture, SearchSpace

# Small, but with every kind of block: with and without stride, residual, squeeze-excite and h-swish; odd maps too.
SMALL = SearchSpace(
    num_classes=6,
    resolution=13,
    stem_width=8,
    stem_stride=1,
    first_width=8,
    widths=(8, 8, 16, 16, 24),
    strides=(2, 1, 2, 1, 1),
    hswish=(False, True, False, True, True),
    squeeze_excite=(False, True, False, True, True),
    final_width=16,
    head_width=16,
)
TASKS = TaskSet.from_groups({"letters": ("a", "b", "c"), "digits": ("1", "2"), "signs": ("+",)})


def architectures() -> st.SearchStrategy[Architecture]:
    """Every architecture of the space can come out; shrinks towards the smallest one."""
    return st.builds(
        Architecture,
        depth=st.tuples(*[st.sampled_from(DEPTHS)] * UNITS),
        expand=st.tuples(*[st.sampled_from(EXPANSIONS)] * BLOCKS),
        kernel=st.tuples(*[st.sampled_from(KERNELS)] * BLOCKS),
    )


def random_supernet(space: SearchSpace = SMALL, seed: int = 0) -> Supernet:
    """A supernet whose every weight and running statistic is random, so that none can be left out unnoticed.

    The numbers are float32, the network computes in float64: views that are equal agree to about 12 digits.
    """
    network, draw = Supernet(space), rng(seed, "test")
    initialise(network, draw)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=draw))
            for tensor in (module.bias.data, module.running_mean):
                tensor.copy_(0.3 * torch.randn(tensor.shape, generator=draw))
        elif getattr(module, "bias", None) is not None:
            module.bias.data.copy_(0.5 * torch.randn(module.bias.shape, generator=draw))
    return network.double()


def random_images(space: SearchSpace = SMALL, count: int = 4, seed: int = 0) -> torch.Tensor:
    shape = (count, 3, space.resolution, space.resolution)
    return torch.randn(shape, generator=rng(seed, "images"), dtype=torch.float64)


def random_split(name: str = "train", per_class: int = 8, space: SearchSpace = SMALL) -> Split:
    labels = torch.arange(space.num_classes).repeat_interleave(per_class)
    shape = (len(labels), 3, space.resolution, space.resolution)
    images = torch.randint(256, shape, generator=rng(0, "split", name), dtype=torch.uint8)
    return Split(name, images, labels, name)


def replaced(settings: list[str], *more: str) -> list[str]:
    """Overrides of a profile, ``more`` in the place of those that set the same, or a part of it."""
    names = [override.split("=")[0] for override in more]
    kept = [entry for entry in settings if not any(f"{entry.split('=')[0]}.".startswith(f"{name}.") for name in names)]
    return [*kept, *more]


def drawing(name: str, size=(24, 18), mode="RGB", form="JPEG") -> bytes:
    """A JPEG that its name determines."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    coarse = np.random.default_rng(seed).integers(0, 255, (3, 4, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).convert(mode).save(buffer, form)
    return buffer.getvalue()


def png(colour: int, samples: np.ndarray) -> bytes:
    """A PNG of 16 bits a sample, (height, width, bands), which Pillow cannot write: colour 0 grey, 2 RGB, 4 LA, 6 RGBA."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, _ = samples.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)  # 0: no filter
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def repacked(size: tuple[int, int]) -> dict[str, tuple[bytes, np.ndarray]]:
    """Lossless files as re-packed copies of photographs hold them: {what: (bytes, the pixels meant, uint8 (H, W, 3))}."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    red, green = y * 255 // max(height - 1, 1), x * 255 // max(width - 1, 1)
    rgb = np.stack([red, green, (red + green) // 2], 2).astype(np.uint8)
    alpha, grey = np.where(x > y, 0, 255).astype(np.uint8)[..., None], rgb[..., :1]
    greys, line = grey.repeat(3, 2), np.arange(256)
    table = np.stack([line, 255 - line, line // 2], 1).astype(np.uint8)
    palette = Image.fromarray(grey[..., 0])
    palette.putpalette(table.tobytes())

    def file(pixels: np.ndarray | Image.Image, form: str = "PNG", **options) -> bytes:
        image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels.squeeze())
        image.save(buffer := io.BytesIO(), form, **options)
        return buffer.getvalue()

    both, wide = np.concatenate, lambda pixels: pixels.astype(np.uint16) * 257
    return {
        "RGB": (file(rgb), rgb),
        "RGBA": (file(both([rgb, alpha], 2)), rgb),
        "WebP with alpha": (file(both([rgb, alpha], 2), "WEBP", lossless=True, exact=True), rgb),
        "palette": (file(palette), table[grey[..., 0]]),
        "palette, one colour transparent": (file(palette, transparency=3), table[grey[..., 0]]),
        "palette, an alpha a colour": (file(palette, transparency=bytes(range(256))), table[grey[..., 0]]),
        "palette, GIF": (file(palette, "GIF"), table[grey[..., 0]]),
        "grey": (file(grey), greys),
        "grey and alpha": (file(Image.fromarray(both([grey, alpha], 2), "LA")), greys),
        "black and white": (file(Image.fromarray(alpha[..., 0]).convert("1")), alpha.repeat(3, 2)),
        "16 bits, grey": (png(0, wide(grey)), greys),
        "16 bits, grey and alpha": (png(4, wide(both([grey, alpha], 2))), greys),
        "16 bits, RGB": (png(2, wide(rgb)), rgb),
        "16 bits, RGBA": (png(6, wide(both([rgb, alpha], 2))), rgb),
        "16 bits, TIFF": (file(wide(grey), "TIFF"), greys),
        "16 bits, PGM": (b"P5 %d %d 65535\n" % size + wide(grey).astype(">u2").tobytes(), greys),
        "numbers": (file(grey.astype(np.float32), "TIFF"), greys),
        "CMYK": (file(Image.fromarray(both([255 - rgb, 0 * grey], 2), "CMYK"), "TIFF"), rgb),
    }


def bits(state: dict[str, torch.Tensor]) -> dict[str, bytes]:
    """A state dict as bytes, to be compared bit by bit."""
    return {name: tensor.contiguous().numpy().tobytes() for name, tensor in state.items()}


def one_line(error: BaseException) -> str:
    """The message of an error, which must be a single line that says something."""
    message = str(error)
    assert message.strip() and "\n" not in message, f"not one line: {message!r}"
    return message
