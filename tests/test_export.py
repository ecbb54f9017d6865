"""An exported network predicts what the specialised network predicts, as safetensors and as ONNX."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from helpers import drawing, one_line
from PIL import Image

from eas_core import cli
from eas_core.base.errors import CheckpointError, DataError, EASError
from eas_core.data.splits import normalise
from eas_core.runs import export, int8, onnx_file, predict, specialized


@pytest.fixture(scope="module")
def chosen(smoke_run):
    return specialized.specialize_one(smoke_run, 2, 3.0)


@pytest.fixture(scope="module")
def written(chosen, smoke_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("network")
    return folder, export.write(chosen, smoke_run, folder, onnx=True)


def images_and_logits(chosen, run) -> tuple[torch.Tensor, torch.Tensor]:
    """Images as floats 0..1, and the specialised network's logits of the task's own classes."""
    (valid,) = run.splits("valid")
    images = valid.images[::37]
    with torch.no_grad():
        return images / 255, chosen.network(normalise(images))[:, list(run.tasks.classes[chosen.task])]


def test_what_is_read_back_predicts_the_same(chosen, smoke_run, written):
    images, logits = images_and_logits(chosen, smoke_run)
    with torch.no_grad():
        torch.testing.assert_close(export.load(written[0])(images), logits, atol=1e-4, rtol=1e-4)


def test_onnx_predicts_the_same_for_any_batch_size(chosen, smoke_run, written):
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    session = onnxruntime.InferenceSession(str(written[1][-1]))
    images, logits = images_and_logits(chosen, smoke_run)
    for part in (slice(0, 1), slice(0, 9)):
        (found,) = session.run(None, {"images": images[part].numpy()})
        torch.testing.assert_close(torch.from_numpy(found), logits[part], atol=1e-4, rtol=1e-4)


def test_onnx_without_its_packages_is_one_line(chosen, smoke_run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(EASError, match="pip install onnx onnxscript") as error:
        export.write(chosen, smoke_run, tmp_path, onnx=True)
    assert one_line(error.value) and not (tmp_path / "network.onnx").exists()


def test_the_description_says_what_it_is(chosen, smoke_run, written):
    description = json.loads((written[0] / "network.json").read_text())
    assert description["task"] == smoke_run.tasks.names[2]
    assert description["madds_millions"] == chosen.madds <= 3.0
    assert len(description["class_names"]) == len(description["classes"]) == 6


def test_a_damaged_description_is_one_line(tmp_path):
    (tmp_path / "network.json").write_text('{"space": 3}')
    with pytest.raises(CheckpointError) as error:
        export.load(tmp_path)
    assert one_line(error.value)


# ---------------------------------------------------------------- the file knows itself


def test_the_file_says_what_is_needed_to_use_it(chosen, smoke_run, written):
    about = predict.load(written[1][-1]).about
    assert about.class_names == [smoke_run.tasks.class_names[c] for c in smoke_run.tasks.classes[chosen.task]]
    assert (about.task, about.madds_millions) == (smoke_run.tasks.names[2], chosen.madds)
    assert about.size == about.short_side == chosen.network.space.resolution
    valid = about.accuracy["valid"]
    assert (
        valid["accuracy"] == chosen.valid_accuracy and valid["interval"][0] < valid["accuracy"] < valid["interval"][1]
    )
    assert len(about.made_by["supernet_sha256"]) == 64 and "MIT" in about.licence


def test_an_accuracy_that_the_run_has_tested_is_in_the_file(smoke_run):
    budget = smoke_run.profile.specialize.budgets[0]
    of_record = specialized.specialize_one(smoke_run, 0, budget)
    found = onnx_file.measured(of_record, smoke_run)
    assert sorted(found) == ["test", "valid"] and 0 <= found["test"]["accuracy"] <= 1 < found["test"]["n"]


def test_a_file_whose_logits_differ_is_not_written(chosen, smoke_run, written, tmp_path, monkeypatch):
    network = export.task_network(chosen, smoke_run)
    monkeypatch.setattr(onnx_file, "to_onnx", lambda *_: written[1][-1].read_bytes())
    onnx_file.write(network, onnx_file.about(chosen, smoke_run), tmp_path / "same.onnx")
    network.mean += 0.01
    with pytest.raises(EASError, match="differ") as error:
        onnx_file.write(network, onnx_file.about(chosen, smoke_run), tmp_path / "other.onnx")
    assert one_line(error.value) and [path.name for path in tmp_path.iterdir()] == ["same.onnx"]


# ---------------------------------------------------------------- predict


@pytest.fixture(scope="module")
def pictures(smoke_run, chosen, tmp_path_factory):
    """A folder with the task's validation images as files, below a name with blanks, beside a note and a hidden file."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "of é a").mkdir()
    (valid,) = smoke_run.splits("valid")
    images = valid.images[valid.of_task(smoke_run.tasks, chosen.task)].permute(0, 2, 3, 1).numpy()
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / "of é a" / f"{number:03}.png")
    (folder / "note.txt").write_text("no picture")
    (folder / ".DS_Store").write_text("litter")
    return folder


@pytest.mark.parametrize("batch", [5, 1000])
def test_pictures_are_predicted_as_by_torch_and_as_well_as_measured(batch, chosen, smoke_run, written, pictures):
    paths, others = predict.find([pictures])
    model = predict.load(written[1][-1])
    found = list(predict.predict(model, paths, batch))
    (valid,) = smoke_run.splits("valid")
    index = valid.of_task(smoke_run.tasks, chosen.task)
    with torch.no_grad():
        logits = export.load(written[0])(valid.images[index] / 255)
    names = model.about.class_names
    assert [next(iter(one.probabilities)) for one in found] == [names[c] for c in logits.argmax(1)]
    expected = [dict(zip(names, row, strict=True)) for row in logits.softmax(1).tolist()]
    for one, row in zip(found, expected, strict=True):
        assert one.probabilities == pytest.approx(row, abs=1e-4) and one.path in paths
    assert others == 1  # note.txt


def test_predict_prints_a_table_or_json(written, pictures, capsys):
    assert cli.main(["predict", str(written[1][-1]), str(pictures), "--quiet"]) == 0
    table = capsys.readouterr().out.splitlines()
    assert cli.main(["predict", str(written[1][-1]), str(pictures), "--quiet", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    for line, row in zip(table, rows, strict=True):
        assert row["file"] in line and line.endswith(f"{row['probability']:.3f}") and f"  {row['class']} " in line


def test_a_damaged_picture_is_named_and_the_rest_go_on(written, tmp_path, capsys):
    (tmp_path / "a.jpg").write_bytes(drawing("a")[:-300])
    (tmp_path / "b.jpg").write_bytes(drawing("b"))
    (tmp_path / "c.png").touch()
    assert cli.main(["predict", str(written[1][-1]), str(tmp_path), "--quiet", "--json"]) == 2
    said = capsys.readouterr()
    bad, good, empty = json.loads(said.out)
    assert bad["error"] and good["class"] and empty["error"] == "not an image"
    assert (
        said.err.startswith("eas: 2 of 3 ")
        and said.err.count("\n") == 1
        and "a.jpg" in said.err
        and "c.png" in said.err
    )


def test_any_size_and_exif_orientation_are_read_as_a_viewer_shows_them(written, tmp_path):
    about = predict.load(written[1][-1]).about
    half = np.zeros((64, 96, 3), np.uint8)
    half[:, :48] = 255  # the left half is white
    exif = Image.Exif()
    exif[274] = 6  # to be turned a quarter clockwise: the upper half is white then
    Image.fromarray(half).save(tmp_path / "turned.png", exif=exif)
    view = predict.read_picture(tmp_path / "turned.png", about)
    assert view.shape == (about.size, about.size, 3) and (view[:12] == 255).all() and (view[-12:] == 0).all()
    Image.fromarray(half[:, :, 0]).resize((7, 900)).save(tmp_path / "narrow.png")
    assert predict.read_picture(tmp_path / "narrow.png", about).shape == view.shape


@pytest.mark.parametrize("largest", [24 * 18, 24 * 18 - 1])
def test_a_picture_of_too_many_pixels_is_refused_before_it_is_unpacked(largest, written, tmp_path, monkeypatch):
    monkeypatch.setattr(predict.pictures, "LARGEST", largest)
    (tmp_path / "a.jpg").write_bytes(drawing("a", size=(24, 18)))
    about = predict.load(written[1][-1]).about
    if largest == 24 * 18:
        assert predict.read_picture(tmp_path / "a.jpg", about).any()
        return
    with pytest.raises(DataError, match="24 x 18 pixels"):
        predict.read_picture(tmp_path / "a.jpg", about)


def test_a_picture_that_unpacks_to_gigabytes_is_refused(written, tmp_path):
    import zlib

    from helpers import png

    bomb = png(0, np.zeros((1, 1, 1)))
    head = b"IHDR" + (60000).to_bytes(4, "big") * 2 + bomb[24:29]
    (tmp_path / "bomb.png").write_bytes(bomb[:12] + head + zlib.crc32(head).to_bytes(4, "big") + bomb[33:])
    with pytest.raises(DataError, match="pixels"):
        predict.read_picture(tmp_path / "bomb.png", predict.load(written[1][-1]).about)


@pytest.fixture
def unknown(written, tmp_path):
    """ONNX files that cannot be used, by what is wrong."""
    onnx = pytest.importorskip("onnx")
    found = {"text": tmp_path / "text.onnx", "nothing": tmp_path / "nothing.onnx", "folder": tmp_path}
    found["text"].write_text("no ONNX")
    texts = predict.load(written[1][-1]).about.texts()
    damaged = {
        "plain": {},
        "newer": {**texts, "eas.format": '"2"'},
        "no classes": {name: text for name, text in texts.items() if name != "eas.class_names"},
        "size": {**texts, "eas.size": "0"},
        "classes": {**texts, "eas.class_names": '{"a": 1}'},
        "no JSON": {**texts, "eas.size": "{"},
    }
    for name, props in damaged.items():
        model = onnx.load(written[1][-1])
        del model.metadata_props[:]
        onnx.helper.set_model_props(model, props)
        found[name] = tmp_path / f"{name}.onnx"
        onnx.save(model, found[name])
    return found


def test_files_that_cannot_be_used_are_one_line(unknown, pictures, capsys):
    said = {}
    for name, path in unknown.items():
        assert cli.main(["predict", str(path), str(pictures)]) == 2
        streams = capsys.readouterr()
        assert streams.out == "" and streams.err.startswith("eas: ") and streams.err.count("\n") == 1, streams.err
        said[name] = streams.err
    assert "does not say its classes" in said["plain"] and "format '2'" in said["newer"]
    assert "no ONNX file" in said["text"] and "No such file" in said["nothing"]


def test_places_without_pictures_are_one_line(written, tmp_path, capsys):
    (tmp_path / "note.txt").write_text("no picture")
    for place in (tmp_path, tmp_path / "nothing", tmp_path / "note.txt", "nul\0"):
        assert cli.main(["predict", str(written[1][-1]), str(place)]) == 2
        streams = capsys.readouterr()
        assert streams.out == "" and streams.err.count("\n") == 1, streams.err
    with pytest.raises(SystemExit) as stop:
        cli.main(["predict", str(written[1][-1]), str(tmp_path), "--batch", "0"])
    assert stop.value.code == 2 and "--batch: 0" in capsys.readouterr().err


def test_predict_loads_no_torch(written, pictures):
    code = f"from eas_core import cli; import sys; cli.main(['predict', {str(written[1][-1])!r}, {str(pictures)!r}, '--quiet'])"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; print('torch' in sys.modules)"], capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "False" and done.stderr == ""


def test_without_onnxruntime_predict_is_one_line(written, pictures, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert cli.main(["predict", str(written[1][-1]), str(pictures)]) == 2
    assert "pip install onnxruntime" in capsys.readouterr().err


@pytest.mark.parametrize("out", ["network.txt", "folder.onnx", "file/network.onnx"])
def test_a_file_that_cannot_be_written_is_refused_before_any_work(out, tmp_path, capsys):
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "file").touch()
    words = ("--task", "polygons", "--budget", "2.3", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / out))
    assert cli.main(["specialize", *words]) == 2
    streams = capsys.readouterr()
    assert streams.err.startswith("eas: --out: ") and streams.err.count("\n") == 1
    assert not (tmp_path / "runs").exists()


# ---------------------------------------------------------------- 8 bits


def test_a_file_in_8_bits_says_its_own_accuracy_and_predicts_nearly_the_same(
    chosen, smoke_run, written, pictures, tmp_path, capsys
):
    exact = predict.load(written[1][-1])
    found = int8.write(written[1][-1], exact.about, smoke_run, tmp_path / "small.onnx")
    small = predict.load(tmp_path / "small.onnx")
    assert found["int8"]["bytes"] < found["float32"]["bytes"] and min(one["milliseconds"] for one in found.values()) > 0
    assert found["float32"]["accuracy"] == pytest.approx(chosen.valid_accuracy)
    assert small.about.accuracy["valid"] == {name: found["int8"][name] for name in ("accuracy", "interval", "n")}
    paths, _ = predict.find([pictures])
    images = np.stack([predict.read_picture(path, exact.about) for path in paths])
    logits = exact.logits(images)
    assert 0 < np.abs(small.logits(images) - logits).max() < 0.2 * np.abs(logits).max()
    assert capsys.readouterr().err == ""


def test_8_bits_without_a_file_or_the_packages_is_one_line(written, tmp_path, monkeypatch, capsys):
    assert cli.main(["specialize", "--task", "polygons", "--budget", "2.3", "--int8", "--runs", str(tmp_path)]) == 2
    assert "--out is needed" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "onnxruntime.quantization", None)
    with pytest.raises(EASError, match="pip install onnx onnxruntime") as error:
        int8.quantised(written[1][-1], np.zeros((1, 3, 32, 32), np.float32))
    assert one_line(error.value)
