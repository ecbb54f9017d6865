"""An exported network predicts what the specialised network predicts, as safetensors and as ONNX."""

from __future__ import annotations

import json
import sys

import pytest
import torch
from helpers import one_line

from eas_core.base.errors import CheckpointError, EASError
from eas_core.data.splits import normalise
from eas_core.runs import export, specialized


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
