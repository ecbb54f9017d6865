"""tiny-imagenet-10 reads the official layout from a zip and a folder, and says in one line what is wrong with it."""

import hashlib
import io
import os
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from helpers import repacked
from PIL import Image

from data_prep import tiny_imagenet
from data_prep.tiny_imagenet import CLASS_NAMES, ROOT, TASKS, download, load
from eas_core.base.errors import DataError

REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "tiny-imagenet-200.zip"
TRAIN, TEST = (0, 2, 10), 2  # numbers of the training images and count of the test images of a class
GRAY = f"{ROOT}/train/n02085620/images/n02085620_10.JPEG"


def jpeg(rng: np.random.Generator, shape: tuple[int, ...] = (64, 64, 3)) -> bytes:
    """A JPEG of noise, whose mean colour is also drawn."""
    pixels = rng.integers(0, 60, shape) + rng.integers(0, 190, shape[2:])
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def members() -> dict[str, bytes]:
    """A miniature of the archive: the 60 classes and one more, in no helpful order."""
    rng = np.random.default_rng(0)
    wnids = [*reversed(CLASS_NAMES), "n01443537"]
    files = {f"{wnid}_{number}.JPEG": wnid for wnid in wnids for number in TRAIN}
    out = {f"{ROOT}/train/{wnid}/images/{name}": jpeg(rng) for name, wnid in files.items()}
    for wnid in wnids:
        boxes = "".join(f"{name}\t0\t0\t63\t63\n" for name, owner in files.items() if owner == wnid)
        out[f"{ROOT}/train/{wnid}/{wnid}_boxes.txt"] = boxes.encode()
    test = [(f"val_{number}.JPEG", wnid) for number, wnid in enumerate(wnids * TEST)]
    out |= {f"{ROOT}/val/images/{name}": jpeg(rng) for name, _ in test}
    out[f"{ROOT}/val/val_annotations.txt"] = "".join(f"{n}\t{w}\t0\t32\t44\t62\n" for n, w in test).encode()
    out[f"{ROOT}/wnids.txt"] = "\n".join(wnids).encode()
    out[f"{ROOT}/words.txt"] = "\n".join(f"{w}\t{name}" for w, name in CLASS_NAMES.items()).encode()
    out[GRAY] = jpeg(rng, (64, 64))
    return out


def write_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def write_folder(path: Path, members: dict[str, bytes]) -> Path:
    for name, data in members.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def line(call, *arguments, **keywords) -> str:
    """The message of the DataError that the call raises; it must be one line."""
    with pytest.raises(DataError) as caught:
        call(*arguments, **keywords)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_ten_disjoint_tasks_of_six_classes_in_ascending_order():
    assert list(TASKS) == [
        "Dog",
        "Carnivore",
        "Insect",
        "Arthropod",
        "Ungulate",
        "Wheeled vehicle",
        "Clothing",
        "Produce",
        "Food",
        "Structure",
    ]
    wnids = [wnid for task in TASKS.values() for wnid in task]
    assert len(set(wnids)) == 60 and wnids == list(CLASS_NAMES)
    assert all(len(task) == 6 and list(task) == sorted(task) for task in TASKS.values())


def test_labels_and_order(tmp_path, members):
    photos = load(write_zip(tmp_path / "mini.zip", members), 64, progress=False)
    assert photos.train_images.shape == (60 * len(TRAIN), 3, 64, 64) and photos.train_images.dtype == np.uint8
    assert photos.test_images.shape == (60 * TEST, 3, 64, 64) and photos.test_images.dtype == np.uint8
    wnids = [wnid for task in TASKS.values() for wnid in task]  # label = 6 * task + position
    assert photos.train_names == [f"{ROOT}/train/{w}/images/{w}_{n}.JPEG" for w in wnids for n in TRAIN]
    assert photos.train_labels.dtype == np.int64
    assert photos.train_labels.tolist() == np.repeat(np.arange(60), len(TRAIN)).tolist()
    owner = dict(row.split("\t")[:2] for row in members[f"{ROOT}/val/val_annotations.txt"].decode().splitlines())
    assert [owner[Path(name).name] for name in photos.test_names] == np.repeat(wnids, TEST).tolist()
    assert photos.test_labels.tolist() == np.repeat(np.arange(60), TEST).tolist()


def test_pixels_are_those_of_the_named_member(tmp_path, members):
    photos = load(write_zip(tmp_path / "mini.zip", members), 64, progress=False)
    pairs = zip(photos.train_names + photos.test_names, [*photos.train_images, *photos.test_images], strict=True)
    for name, image in pairs:
        expected = np.asarray(Image.open(io.BytesIO(members[name])).convert("RGB")).transpose(2, 0, 1)
        np.testing.assert_array_equal(image, expected, name)
    gray = photos.train_images[photos.train_names.index(GRAY)]
    assert (gray[0] == gray[1]).all() and (gray[1] == gray[2]).all() and gray.std() > 0


def test_zip_and_folder_give_the_same(tmp_path, members):
    archive, folder = write_zip(tmp_path / "mini.zip", members), write_folder(tmp_path / "unpacked", members)
    before = sorted(folder.rglob("*"))
    want = load(archive, 32, progress=False)
    for path in (folder, folder / ROOT, str(folder)):
        got = load(path, 32, progress=False)
        for field in ("train_images", "train_labels", "test_images", "test_labels"):
            np.testing.assert_array_equal(getattr(got, field), getattr(want, field))
        assert got.train_names == want.train_names and got.test_names == want.test_names
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("resolution", [8, 24, 63])
def test_smaller_resolution_keeps_what_the_eye_sees(tmp_path, members, resolution):
    rows, columns = np.mgrid[0:64, 0:64]
    ramp, grid = np.stack([rows * 2, columns * 2, 0 * rows + 200], 2), np.repeat((rows + columns) % 2 * 255, 3)
    names = [f"{ROOT}/train/n02085620/images/n02085620_{n}.JPEG" for n in TRAIN[:2]]
    new = {}
    for name, pixels in zip(names, (ramp, grid.reshape(64, 64, 3)), strict=True):
        Image.fromarray(pixels.astype(np.uint8)).save(buffer := io.BytesIO(), "JPEG", quality=95)
        new[name] = buffer.getvalue()
    photos = load(write_zip(tmp_path / "mini.zip", members | new), resolution, progress=False)
    assert photos.train_images.shape == (60 * len(TRAIN), 3, resolution, resolution)
    assert photos.test_images.shape == (60 * TEST, 3, resolution, resolution)
    centres = ((np.arange(resolution) + 0.5) * 64 / resolution - 0.5) * 2
    red, green, blue = photos.train_images[0].astype(float)
    inner = slice(1, -1)  # at the border the bicubic kernel is cut
    assert np.abs(red - centres[:, None])[inner, inner].max() < 6  # rows stay rows
    assert np.abs(green - centres[None])[inner, inner].max() < 6
    assert np.abs(blue - 200).max() < 6
    if resolution <= 24:
        assert np.abs(photos.train_images[1].astype(float) - 127.5).max() < 12  # a checkerboard becomes gray, no moire


@pytest.mark.parametrize("resolution", [7, 65, 0, 32.0, "32", True, None])
def test_resolution_out_of_range(tmp_path, resolution):
    assert line(load, tmp_path, resolution).startswith(f"resolution: {resolution!r} ")


@pytest.mark.parametrize("kind", [write_zip, write_folder])
def test_every_damaged_jpeg_is_counted_and_the_first_three_named(tmp_path, members, kind):
    bad = [f"{ROOT}/train/{w}/images/{w}_{n}.JPEG" for w in TASKS["Dog"] for n in TRAIN][:4]
    bad.append(f"{ROOT}/val/images/val_3.JPEG")
    damage = [members[bad[0]][:-300], b"", b"no JPEG", members[bad[3]][:-2], members[bad[4]][:500]]
    message = line(load, kind(tmp_path / "bad", members | dict(zip(bad, damage, strict=True))), 64, progress=False)
    assert f"5 images do not decode: {bad[0]}, {bad[1]}, {bad[2]}, ..." in message


@pytest.mark.parametrize("kind", [write_zip, write_folder])
def test_re_packed_pictures_of_any_mode_are_read_though_their_names_say_jpeg(tmp_path, members, kind):
    pictures = repacked((64, 64))
    places = [f"{ROOT}/train/{w}/images/{w}_{n}.JPEG" for w in CLASS_NAMES for n in TRAIN][: len(pictures) - 1]
    places.append(f"{ROOT}/val/images/val_3.JPEG")
    new = dict(zip(places, pictures.values(), strict=True))
    path = kind(tmp_path / "repacked", members | {name: data for name, (data, _) in new.items()})
    photos = load(path, 64, progress=False)
    images = dict(zip(photos.train_names + photos.test_names, [*photos.train_images, *photos.test_images], strict=True))
    for name, (_, pixels) in new.items():
        np.testing.assert_array_equal(images[name].transpose(1, 2, 0), pixels, name)


@pytest.mark.parametrize("what", repacked((8, 8)))
def test_a_re_packed_picture_that_is_cut_short_is_named(tmp_path, members, what):
    name = f"{ROOT}/val/images/val_3.JPEG"
    data = repacked((64, 64))[what][0]
    folder = write_folder(tmp_path / "cut", members | {name: data[: len(data) // 2]})
    assert line(load, folder, 64, progress=False).endswith(f": 1 images do not decode: {name}")


def test_bit_error_in_the_zip_is_named(tmp_path, members):
    archive = write_zip(tmp_path / "mini.zip", members)
    name = f"{ROOT}/val/images/val_3.JPEG"
    data = bytearray(archive.read_bytes())
    data[data.index(members[name]) + 700] ^= 255
    archive.write_bytes(data)
    assert line(load, archive, 64, progress=False).endswith(f": 1 images do not decode: {name}")


def test_image_of_another_size_is_named(tmp_path, members):
    name = f"{ROOT}/val/images/val_3.JPEG"
    archive = write_zip(tmp_path / "mini.zip", members | {name: jpeg(np.random.default_rng(1), (64, 48, 3))})
    assert line(load, archive, 32, progress=False).endswith(f": 1 images are not 64x64: {name}")


def test_path_missing(tmp_path):
    assert "no such file or folder" in line(load, tmp_path / "absent.zip", 64)


def test_not_a_zip(tmp_path, members):
    (tmp_path / "text.zip").write_text("<html>moved</html>")
    assert "not a zip archive" in line(load, tmp_path / "text.zip", 64)
    archive = write_zip(tmp_path / "mini.zip", members)
    os.truncate(archive, archive.stat().st_size // 2)
    assert "not a zip archive, or one that was cut short" in line(load, archive, 64)


@pytest.mark.parametrize("kind", [write_zip, write_folder])
def test_something_else_says_what_is_missing(tmp_path, members, kind):
    other = kind(tmp_path / "other", {"cats/cat.0.jpg": b"", "readme.txt": b""})
    message = line(load, other, 64)
    assert "not Tiny-ImageNet" in message
    assert all(f"no {ROOT}/{name}" in message for name in ("wnids.txt", "val/val_annotations.txt", "train/"))
    no_list = kind(tmp_path / "nearly", {name: data for name, data in members.items() if "annotations" not in name})
    assert line(load, no_list, 64).endswith(f"not Tiny-ImageNet, there is no {ROOT}/val/val_annotations.txt")


@pytest.mark.parametrize("kind", [write_zip, write_folder])
def test_missing_class_is_named(tmp_path, members, kind):
    fewer = {name: data for name, data in members.items() if "/n02106662/" not in name}
    message = line(load, kind(tmp_path / "fewer", fewer), 64)
    assert message.endswith(": 1 of the 60 classes are missing: n02106662 (German shepherd)")


def test_missing_images_are_named(tmp_path, members):
    gone = [f"{ROOT}/train/n02085620/images/n02085620_2.JPEG", f"{ROOT}/val/images/val_3.JPEG"]
    fewer = {name: data for name, data in members.items() if name not in gone}
    assert line(load, write_zip(tmp_path / "a.zip", fewer), 64).endswith(f"2 images are missing: {', '.join(gone)}")


def test_damaged_annotations_are_named(tmp_path, members):
    name = f"{ROOT}/val/val_annotations.txt"
    for text in (b"val_0.JPEG\n", b"\xff\xfe\x00"):
        assert name in line(load, write_zip(tmp_path / "a.zip", members | {name: text}), 64)


def test_download_is_verified_then_reused(tmp_path, members):
    source = write_zip(tmp_path / "source.zip", members)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    path = download(tmp_path / "data", source.as_uri(), digest, progress=False)
    assert path == tmp_path / "data" / "tiny-imagenet-200.zip" and path.read_bytes() == source.read_bytes()
    assert list((tmp_path / "data").iterdir()) == [path]
    source.unlink()
    assert download(tmp_path / "data", source.as_uri(), digest.upper(), progress=False) == path


def test_download_of_something_else_leaves_nothing_behind(tmp_path, members):
    source = write_zip(tmp_path / "source.zip", members)
    message = line(download, tmp_path / "data", source.as_uri(), progress=False)
    assert "SHA-256 mismatch" in message and tiny_imagenet.SHA256 in message and source.as_uri() in message
    assert list((tmp_path / "data").iterdir()) == []


def test_download_never_replaces_another_file_of_that_name(tmp_path):
    (tmp_path / "tiny-imagenet-200.zip").write_text("mine")
    assert "SHA-256 mismatch" in line(download, tmp_path, (tmp_path / "x").as_uri(), progress=False)
    assert (tmp_path / "tiny-imagenet-200.zip").read_text() == "mine"


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/a.zip", "file:///absent/a.zip", "no-url"])
def test_download_without_a_source_is_one_line(tmp_path, url):
    assert line(download, tmp_path / "data", url, progress=False).startswith(f"{url}: cannot be downloaded to ")
    assert not (tmp_path / "data").exists()


def test_download_cut_short_says_so_and_leaves_nothing_behind(tmp_path):
    class Cut(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"x" * 10)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Cut) as server:
        Thread(target=server.handle_request, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/a.zip"
        assert "after 10 of 1,000 bytes" in line(download, tmp_path / "data", url, progress=False)
    assert list((tmp_path / "data").iterdir()) == []


def test_download_into_a_file_is_one_line(tmp_path):
    (tmp_path / "file").write_text("mine")
    assert "cannot be downloaded" in line(download, tmp_path / "file", (tmp_path / "file").as_uri(), progress=False)
    assert (tmp_path / "file").read_text() == "mine"


def test_interrupted_download_leaves_nothing_behind(tmp_path, monkeypatch):
    (tmp_path / "source.zip").write_bytes(b"x" * 100)

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(tiny_imagenet, "_verify", interrupt)
    with pytest.raises(KeyboardInterrupt):
        download(tmp_path / "data", (tmp_path / "source.zip").as_uri(), progress=False)
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.parametrize("sha256", [None, "", "abc", "g" * 64])
def test_download_refuses_to_go_unverified(tmp_path, sha256):
    assert "sha256sum" in line(download, tmp_path, sha256=sha256)


@pytest.mark.skipif(not REAL.is_file(), reason=f"needs the photographs: ../shared/data/{REAL.name} beside the project")
def test_the_photographs():
    photos = load(REAL, 16, progress=False)  # about five seconds on one core
    assert photos.train_images.shape == (30_000, 3, 16, 16) and photos.test_images.shape == (3_000, 3, 16, 16)
    assert np.bincount(photos.train_labels).tolist() == [500] * 60
    assert np.bincount(photos.test_labels).tolist() == [50] * 60
    assert photos.train_names[:11][-1].endswith("n02085620_10.JPEG")
    with zipfile.ZipFile(REAL) as archive:
        words = dict(row.split("\t") for row in archive.read(f"{ROOT}/words.txt").decode().splitlines())
        assert set(CLASS_NAMES) <= set(archive.read(f"{ROOT}/wnids.txt").decode().split())
    assert CLASS_NAMES == {wnid: words[wnid].split(",")[0] for wnid in CLASS_NAMES}
