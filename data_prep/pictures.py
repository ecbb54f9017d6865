"""Decodes a photograph to 8-bit RGB: one rule for all data sources, whatever a file is called.

Files are what Pillow opens: JPEG, PNG, WebP, TIFF, ...; of several frames the first is taken. Colours are as in
torchvision's ImageFolder: neither EXIF's orientation, nor transparency, nor a colour profile is heeded.

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

import numpy as np
from PIL import Image

VERSION = 2  # of the rule: other pixels for the same file; 1 clipped 16-bit grey


def decode(data: bytes) -> Image.Image:
    """The photograph in a file's bytes, mode RGB; ValueError, in one line, if they are damaged, cut short or no image."""
    try:
        return to_rgb(Image.open(io.BytesIO(data)))
    except MemoryError:  # no fault of the photograph's
        raise
    except Image.UnidentifiedImageError:
        raise ValueError("not an image") from None
    except Exception as error:  # decoders raise many kinds for damaged bytes
        raise ValueError(f"{' '.join(str(error).split()) or type(error).__name__:.100}") from None


def to_rgb(image: Image.Image) -> Image.Image:
    """An image of any mode in mode RGB, by the table above."""
    if image.mode == "I" or image.mode.startswith("I;16"):  # Pillow would clip to 255
        image = Image.fromarray((np.clip(np.asarray(image), 0, 2**16 - 1) >> 8).astype(np.uint8))
    elif image.mode == "La":  # not converted to RGB directly
        image = image.convert("LA")
    elif image.mode == "P" and "transparency" in image.info:  # Pillow would warn
        image = image.convert("RGBA")
    return image.convert("RGB")
