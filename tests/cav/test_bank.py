import errno
import json
from pathlib import Path

import numpy as np
import pytest

import sacv
from conftest import SmallNet
from sacv.errors import CorruptFileError, LayerError, MismatchError, OptionError, StorageError


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def test_what_is_saved_comes_back(small_bank, tmp_path):
    small_bank.save(tmp_path / "bank")
    again = sacv.ConceptBank.load(tmp_path / "bank")
    assert sorted(contents(tmp_path / "bank")) == ["bank.json", "cavs.safetensors", "moments.safetensors"]
    mine, theirs = small_bank.cav("features.2", "bright"), again.cav("features.2", "bright")
    np.testing.assert_array_equal(mine.vector, theirs.vector)
    assert (mine.threshold, mine.quality) == (theirs.threshold, theirs.quality)
    assert again.model == small_bank.model and again.sets == small_bank.sets and again.layers == small_bank.layers
    for key, parts in small_bank.moments.items():
        for one, other in zip(parts, again.moments[key], strict=True):
            assert one.count == other.count
            np.testing.assert_array_equal(one.mean, other.mean)
            np.testing.assert_allclose(one.scatter, other.scatter, rtol=1e-6, atol=1e-9)
    again.save(tmp_path / "twice")
    assert contents(tmp_path / "twice") == contents(tmp_path / "bank")


def test_unknown_layer_and_concept(small_bank):
    with pytest.raises(LayerError, match=r"no layer 'x'; it has features\.2"):
        small_bank.cav("x", "bright")
    with pytest.raises(OptionError, match="no concept 'dark'; it has bright"):
        small_bank.cav("features.2", "dark")


def test_a_bank_of_another_model_is_refused(small_bank, small_model):
    other = sacv.VisionModel(SmallNet(seed=1), small_model.transform)
    with pytest.raises(MismatchError, match="same kind of network with other weights"):
        small_bank.require(other)
    with pytest.raises(MismatchError, match="transform"):
        small_bank.require(sacv.VisionModel(small_model.net, sacv.ImageTransform()))
    small_bank.require(sacv.VisionModel(SmallNet(), small_model.transform))


@pytest.mark.parametrize("name", ["bank.json", "cavs.safetensors", "moments.safetensors"])
@pytest.mark.parametrize("damage", ["cut", "empty", "gone", "noise"])
def test_a_corrupt_bank_is_told(small_bank, tmp_path, name, damage):
    small_bank.save(tmp_path / "bank")
    file = tmp_path / "bank" / name
    raw = file.read_bytes()
    file.write_bytes({"cut": raw[: len(raw) // 2], "empty": b"", "gone": raw, "noise": b"\xff\x00" * 99}[damage])
    if damage == "gone":
        file.unlink()
    with pytest.raises(CorruptFileError, match="bank"):
        sacv.ConceptBank.load(tmp_path / "bank")


def test_labels_that_do_not_fit_the_arrays_are_told(small_bank, tmp_path):
    small_bank.save(tmp_path / "bank")
    file = tmp_path / "bank" / "bank.json"
    labels = json.loads(file.read_text())
    for change in ({"format_version": 99}, {"kind": "explanation"}, {"layers": {}}, {"cavs": [{"layer": "x"}]}):
        file.write_text(json.dumps(labels | change))
        with pytest.raises(CorruptFileError):
            sacv.ConceptBank.load(tmp_path / "bank")


def test_the_old_bank_survives_a_full_disk(small_bank, tmp_path, monkeypatch):
    small_bank.save(tmp_path / "bank")
    before = contents(tmp_path / "bank")

    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match=r"No space left on device.*unchanged"):
        small_bank.save(tmp_path / "bank")
    assert contents(tmp_path / "bank") == before
    assert [entry.name for entry in tmp_path.iterdir() if "bank" in entry.name] == ["bank"]


def test_the_old_bank_survives_when_the_new_one_cannot_be_renamed(small_bank, tmp_path, monkeypatch):
    small_bank.save(tmp_path / "bank")
    before = contents(tmp_path / "bank")
    rename, moves = Path.rename, []

    def fail_second(path: Path, target: Path) -> Path:
        moves.append(path)
        if len(moves) == 2:
            raise OSError(errno.EIO, "Input/output error")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail_second)
    with pytest.raises(StorageError, match="Input/output error"):
        small_bank.save(tmp_path / "bank")
    assert contents(tmp_path / "bank") == before


def test_a_folder_of_something_else_is_never_overwritten(small_bank, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "dear.jpg").write_text("mine")
    with pytest.raises(StorageError, match="will not be overwritten"):
        small_bank.save(tmp_path / "photos")
    assert (tmp_path / "photos" / "dear.jpg").read_text() == "mine"
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StorageError, match="is a file"):
        small_bank.save(tmp_path / "file")


def test_saving_twice_replaces(small_bank, tmp_path):
    small_bank.save(tmp_path / "bank")
    before = contents(tmp_path / "bank")
    small_bank.save(tmp_path / "bank")
    assert contents(tmp_path / "bank") == before


def test_loading_what_is_no_bank(tmp_path):
    with pytest.raises(CorruptFileError, match="is not a sacv concept bank"):
        sacv.ConceptBank.load(tmp_path)
