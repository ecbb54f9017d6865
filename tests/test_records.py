"""Files are whole or absent, keys identify settings, and damaged files are one clear line."""

import errno
import json
import os
import resource

import pytest
import torch
from helpers import SMALL, bits, one_line

from eas_core.base import checkpoints, files, records
from eas_core.base.errors import CheckpointError, DataError, EASError
from eas_core.network.supernet import Supernet
from eas_core.settings.stages import STAGES, versions


def full_disk(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_key_depends_on_the_settings_and_not_on_their_order():
    assert records.key({"a": 1, "b": [2, 3]}) == records.key({"b": [2, 3], "a": 1})
    assert records.key({"a": 1}) != records.key({"a": 2})
    assert len(records.key({})) == 10


def test_writing_makes_folders_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "a" / "b" / "file"
    files.write_atomic(path, b"one")
    files.write_atomic(path, b"two")
    assert path.read_bytes() == b"two" and os.listdir(path.parent) == ["file"]


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch, broken):
    path = tmp_path / "file"
    files.write_atomic(path, b"old")
    monkeypatch.setattr(os, broken, full_disk)
    with pytest.raises(EASError) as error:
        files.write_atomic(path, b"new")
    assert "the disk is full" in one_line(error.value) and str(path) in str(error.value)
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["file"]


def test_a_write_that_the_system_refuses_halfway_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    files.write_atomic(path, b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))  # a real short write, as on a full disk
    try:
        with pytest.raises(EASError) as error:
            checkpoints.save_checkpoint(path, {"weights": torch.zeros(10000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "unchanged" in one_line(error.value)
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["file"]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(EASError) as error:
        files.write_atomic(tmp_path / "file" / "record.json", b"x")
    one_line(error.value)
    assert (tmp_path / "file").read_text() == "not a folder"


def test_tensors_and_their_metadata_come_back_bit_by_bit(tmp_path):
    tensors = {"a": torch.randn(3, 4).t(), "b": torch.arange(5, dtype=torch.uint8)}
    records.save_tensors(tmp_path / "t.safetensors", tensors, {"digest": "d"})
    loaded, metadata = records.load_tensors(tmp_path / "t.safetensors")
    assert bits(loaded) == bits(tensors) and metadata == {"digest": "d"}
    assert loaded["a"].shape == (4, 3)


@pytest.mark.parametrize("content", [b"", b"x", b"\xff" * 100, b"{}", None], ids=["empty", "x", "noise", "json", "cut"])
def test_damaged_weights_are_one_line(tmp_path, content):
    path = tmp_path / "t.safetensors"
    records.save_tensors(path, {"a": torch.randn(100)})
    path.write_bytes(path.read_bytes()[:-7] if content is None else content)
    with pytest.raises(CheckpointError) as error:
        records.load_tensors(path)
    assert str(path) in one_line(error.value)


def test_missing_weights_are_one_line(tmp_path):
    with pytest.raises(CheckpointError, match="does not exist"):
        records.load_tensors(tmp_path / "no.safetensors")


@pytest.mark.parametrize(
    "change", [{"widths": (8, 8, 16, 16, 32)}, {"num_classes": 7}, {"squeeze_excite": (True,) * 5}]
)
def test_weights_of_another_space_are_refused_and_change_nothing(tmp_path, change):
    from dataclasses import replace

    records.save_tensors(tmp_path / "w.safetensors", Supernet(SMALL).state_dict())
    other = Supernet(replace(SMALL, **change))
    before = bits(other.state_dict())
    with pytest.raises(CheckpointError) as error:
        records.load_into(other, tmp_path / "w.safetensors")
    assert "another search space" in one_line(error.value)
    assert bits(other.state_dict()) == before


def test_weights_of_the_same_space_load(tmp_path):
    one, two = Supernet(SMALL), Supernet(SMALL)
    records.save_tensors(tmp_path / "w.safetensors", one.state_dict(), {"stage": "supernet"})
    assert records.load_into(two, tmp_path / "w.safetensors") == {"stage": "supernet"}
    assert bits(one.state_dict()) == bits(two.state_dict())


def test_a_checkpoint_comes_back(tmp_path):
    state = {"step": 3, "curve": [{"loss": 0.5}], "weights": torch.randn(4), "key": "k"}
    checkpoints.save_checkpoint(tmp_path / "c.pt", state)
    loaded = checkpoints.load_checkpoint(tmp_path / "c.pt")
    assert torch.equal(loaded.pop("weights"), state.pop("weights")) and loaded == state


@pytest.mark.parametrize("keep", [0, 1, 10, 0.3, 0.9, -1])
def test_a_checkpoint_cut_short_anywhere_is_one_line(tmp_path, keep):
    path = tmp_path / "c.pt"
    checkpoints.save_checkpoint(path, {"step": 3, "weights": torch.randn(1000)})
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep) if isinstance(keep, float) else keep])
    with pytest.raises(CheckpointError) as error:
        checkpoints.load_checkpoint(path)
    assert "remove it to start over" in one_line(error.value)


def test_a_checkpoint_runs_no_code(tmp_path):
    import pickle

    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "trapped"),)

    (tmp_path / "c.pt").write_bytes(pickle.dumps(Trap(), protocol=2))
    with pytest.raises(CheckpointError):
        checkpoints.load_checkpoint(tmp_path / "c.pt")
    assert not (tmp_path / "trapped").exists()


def test_a_record_carries_its_settings_result_and_provenance(tmp_path):
    record = records.write_record(
        tmp_path / "record.json", "teacher", {"seed": 1}, {"curve": []}, 1.23456, more={"stages": versions("teacher")}
    )
    assert records.read_record(tmp_path / "record.json", "teacher") == record
    assert record["settings"] == {"seed": 1} and record["seconds"] == 1.235
    assert set(record["provenance"]) == {"time", "code", "device", "threads", "python", "versions", "stages"}
    assert record["provenance"]["stages"] == {name: STAGES[name].version for name in ("data", "teacher")}
    assert record["provenance"]["versions"]["torch"] == torch.__version__.split("+")[0]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"kind": "teacher"}', "\udcff"])
def test_a_damaged_record_is_one_line(tmp_path, text):
    path = tmp_path / "record.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(DataError) as error:
        records.read_record(path)
    assert str(path) in one_line(error.value)


def test_a_record_of_another_kind_is_refused(tmp_path):
    records.write_record(tmp_path / "record.json", "teacher", {}, {}, 0)
    with pytest.raises(DataError, match="kind 'teacher', 'results' needed"):
        records.read_record(tmp_path / "record.json", "results")
    with pytest.raises(DataError, match="does not exist"):
        records.read_record(tmp_path / "no.json")


def test_records_are_plain_json(tmp_path):
    records.write_record(tmp_path / "record.json", "x", {"q": 0.6}, {"n": [1, 2]}, 0)
    assert json.loads((tmp_path / "record.json").read_text())["result"] == {"n": [1, 2]}


def test_what_a_killed_writer_left_half_written_is_removed(tmp_path):
    left, other = tmp_path / ".record.json.0123abcd.part", tmp_path / "kept.part"
    left.write_text("{"), other.write_text("{")
    with files.only_writer(tmp_path):
        assert not left.exists() and other.exists()
