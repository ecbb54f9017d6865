"""Every mode and form of picture becomes 8-bit RGB by one rule; plain JPEGs are as Pillow decodes them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from helpers import drawing, one_line, repacked
from PIL import Image

from data_prep import pictures

# mode: pairs of a pixel and its RGB, exact unless the mode is in ROUNDED
GREY = {77 * 257: (77,) * 3, 0x80FF: (0x80,) * 3, 0xFF: (0,) * 3, 0xFFFF: (255,) * 3}
PIXELS = {
    "1": {0: (0, 0, 0), 255: (255, 255, 255)},
    "L": {77: (77, 77, 77)},
    "LA": {(77, 0): (77, 77, 77), (77, 255): (77, 77, 77)},
    "La": {(50, 128): (99, 99, 99), (77, 255): (77, 77, 77)},
    "P": {3: (30, 31, 32)},
    "PA": {(3, 0): (30, 31, 32), (3, 255): (30, 31, 32)},
    "RGB": {(1, 2, 3): (1, 2, 3)},
    "RGBX": {(1, 2, 3, 0): (1, 2, 3)},
    "RGBA": {(200, 100, 50, 0): (200, 100, 50), (200, 100, 50, 128): (200, 100, 50)},
    "RGBa": {(100, 50, 25, 128): (199, 99, 49), (100, 50, 25, 255): (100, 50, 25)},
    "CMYK": {(0, 255, 255, 0): (255, 0, 0), (0, 0, 0, 155): (100, 100, 100)},
    "HSV": {(0, 255, 255): (255, 0, 0), (0, 0, 77): (77, 77, 77)},
    "YCbCr": {(76, 85, 255): (254, 0, 0), (77, 128, 128): (77, 77, 77)},
    "LAB": {(138, 209, 198): (255, 0, 0), (137, 128, 128): (128, 128, 128)},  # red is L* 54, a* 81, b* 70 under D50
    "I;16": GREY,
    "I;16L": GREY,
    "I;16B": GREY,
    "I;16N": GREY,
    "I": {**GREY, -5: (0, 0, 0), 70000: (255, 255, 255)},
    "F": {76.9: (76, 76, 76), -1.0: (0, 0, 0), 300.0: (255, 255, 255)},
}
ROUNDED = {"LAB": 5}


def test_no_mode_of_pillow_is_left_out():
    assert set(Image.MODES) <= set(PIXELS)


@pytest.mark.parametrize("mode, pixel", [(mode, pixel) for mode, pixels in PIXELS.items() for pixel in pixels])
@pytest.mark.filterwarnings("error")
def test_a_pixel_of_each_mode(mode, pixel):
    image = Image.new(mode, (2, 3), pixel)
    if mode in ("P", "PA"):
        image.putpalette(bytes(range(21, 120)))
    rgb = pictures.to_rgb(image)
    assert rgb.mode == "RGB" and rgb.size == (2, 3)
    np.testing.assert_allclose(np.asarray(rgb, int)[2, 1], PIXELS[mode][pixel], atol=ROUNDED.get(mode, 0))


@pytest.mark.parametrize("what", repacked((8, 8)))
@pytest.mark.filterwarnings("error")
def test_a_file_of_each_form(what):
    data, pixels = repacked((13, 7))[what]
    image = pictures.decode(data)
    assert image.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(image), pixels)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_is_as_pillow_decodes_it(mode):
    data = drawing("photograph", (64, 64), mode)
    np.testing.assert_array_equal(pictures.decode(data), Image.open(io.BytesIO(data)).convert("RGB"))


def test_the_orientation_in_exif_is_not_heeded():
    image, plain, turned = Image.open(io.BytesIO(drawing("photograph", (24, 18)))), io.BytesIO(), io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    image.save(plain, "JPEG")
    image.save(turned, "JPEG", exif=exif)
    assert Image.open(turned).getexif()[0x0112] == 6
    np.testing.assert_array_equal(pictures.decode(turned.getvalue()), pictures.decode(plain.getvalue()))


@pytest.mark.parametrize("data", [b"", b"no picture", bytes(1000), b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"], ids=repr)
def test_what_is_no_picture_is_one_line(data):
    with pytest.raises(ValueError) as error:
        pictures.decode(data)
    assert one_line(error.value) == "not an image"


@pytest.mark.parametrize("what", ["JPEG", *repacked((8, 8))])
@pytest.mark.filterwarnings("ignore:Truncated File Read")
def test_a_picture_cut_short_is_one_line(what):
    data = drawing("photograph", (64, 64)) if what == "JPEG" else repacked((64, 64))[what][0]
    with pytest.raises(ValueError) as error:
        pictures.decode(data[: len(data) // 2])
    one_line(error.value)


def test_too_little_memory_is_no_fault_of_the_picture(monkeypatch):
    def full(_):
        raise MemoryError

    monkeypatch.setattr(Image, "open", full)
    with pytest.raises(MemoryError):
        pictures.decode(drawing("photograph"))
