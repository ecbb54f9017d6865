"""Decodes a photograph to 8-bit RGB: one rule for all data sources, whatever a file is called.

Files are what Pillow opens: JPEG, PNG, WebP, TIFF, ...; of several frames the first is taken. Drawings that Pillow hands on
to other programs (EPS, WMF) are no images here. Colours are as in torchvision's ImageFolder: neither transparency nor a
colour profile is heeded, and EXIF's orientation only if asked for, as for somebody's own pictures.

| Pillow's mode | becomes |
| --- | --- |
| RGB | as it is |
| 1, L | R = G = B; 1 is 0 or 255 |
| P | the palette's colours |
| LA, PA, RGBA, RGBX | the same without the last band: a transparent pixel has the colour that is stored for it |
| La, RGBa | the same after division by alpha |
| CMYK, HSV, YCbCr, LAB | converted by Pillow, LAB by way of LittleCMS to sRGB |
| I;16, I;16L, I;16B, I;16N, I | grey, the upper byte of 16 bits, as Pillow has it for 16-bit colour; I beyond 16 bits is clipped |
| F | grey, 0 to 255; what is beyond is clipped, fractions are dropped |

The upper byte undoes the usual way of making 16 bits of 8, a multiplication by 257.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image, ImageOps

ORIENTATION = 0x0112  # the EXIF tag; 1 is upright
LARGEST = Image.MAX_IMAGE_PIXELS or 2**26  # pixels of one image: more is refused before it is unpacked
DRAWINGS = ("EPS", "WMF", "EMF")

VERSION = 2  # of the rule: other pixels for the same file; 1 clipped 16-bit grey


class TooLarge(ValueError):
    """An image that unpacks to more than :data:`LARGEST` pixels."""


def opened(data: bytes) -> Image.Image:
    """The image in a file's bytes, not decoded yet; ValueError if it is none, TooLarge if it has too many pixels."""
    try:
        image = Image.open(io.BytesIO(data))
    except Image.UnidentifiedImageError:
        raise ValueError("not an image") from None
    except Image.DecompressionBombError as error:
        raise TooLarge(f"{error}".split(",")[0]) from None
    if image.width * image.height > LARGEST:
        raise TooLarge(f"{image.width} x {image.height} pixels, at most {LARGEST:,}")
    if image.format in DRAWINGS:
        raise ValueError("not an image")
    return image


def decode(data: bytes, upright: bool = False) -> Image.Image:
    """The photograph in a file's bytes, mode RGB; ValueError, in one line, if they are damaged, cut short or no image.

    ``upright``: turned and mirrored as EXIF's orientation says.
    """
    try:
        image = opened(data)
        return to_rgb(ImageOps.exif_transpose(image) if upright else image)
    except (MemoryError, TooLarge):  # the first is no fault of the photograph's
        raise
    except Exception as error:  # decoders raise many kinds for damaged bytes
        raise ValueError(f"{' '.join(str(error).split()) or type(error).__name__:.100}") from None


def square(image: Image.Image, resolution: int) -> Image.Image:
    """The largest square in the centre of an image, resized to ``resolution`` pixels (bicubic, antialiased)."""
    return ImageOps.fit(image, (resolution, resolution), Image.Resampling.BICUBIC)


@contextmanager
def quiet() -> Iterator[None]:
    """Without what Pillow says of odd files on standard error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def to_rgb(image: Image.Image) -> Image.Image:
    """An image of any mode in mode RGB, by the table above."""
    if image.mode == "I" or image.mode.startswith("I;16"):  # Pillow would clip to 255
        image = Image.fromarray((np.clip(np.asarray(image), 0, 2**16 - 1) >> 8).astype(np.uint8))
    elif image.mode == "La":  # not converted to RGB directly
        image = image.convert("LA")
    elif image.mode == "P" and "transparency" in image.info:  # Pillow would warn
        image = image.convert("RGBA")
    return image.convert("RGB")
