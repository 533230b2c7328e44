"""Finished parts on disk: what is read is what was written, or nothing."""

import numpy as np
import pytest
from conftest import nearly_full_disk
from hypothesis import given
from hypothesis import strategies as st

from sacv.engine import ShardStore
from sacv.errors import StorageError

KEY, OTHER = "a" * 64, "b" * 64
ARRAYS = {"x/0": np.arange(6.0).reshape(2, 3), "empty": np.empty((0, 2), dtype=np.float32), "flag": np.array([True])}


def assert_same(found):
    assert found is not None and found.keys() == ARRAYS.keys()
    for name, want in ARRAYS.items():
        np.testing.assert_array_equal(found[name], want)
        assert found[name].dtype == want.dtype and found[name].shape == want.shape


def test_what_is_written_is_read(tmp_path):
    store = ShardStore(tmp_path / "shards")
    assert store.read(KEY) is None
    store.write(KEY, ARRAYS)
    assert_same(store.read(KEY))
    assert_same(ShardStore(tmp_path / "shards").read(KEY))
    assert store.read(OTHER) is None


@given(st.data())
def test_a_damaged_part_is_none_or_as_it_was(tmp_path_factory, data):
    store = ShardStore(tmp_path_factory.mktemp("shards"))
    store.write(KEY, ARRAYS)
    file = store.folder / f"{KEY}.part"
    content = bytearray(file.read_bytes())
    if data.draw(st.booleans(), "cut"):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= data.draw(st.integers(1, 255))
    file.write_bytes(content)
    found = store.read(KEY)
    if found is not None:  # spaces of the header may change without harm
        assert_same(found)


def test_a_part_under_another_name_is_none(tmp_path):
    store = ShardStore(tmp_path)
    store.write(KEY, ARRAYS)
    (tmp_path / f"{KEY}.part").rename(tmp_path / f"{OTHER}.part")
    assert store.read(OTHER) is None


def test_a_folder_that_cannot_be_written_is_one_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="command resumes from them"):
        ShardStore(tmp_path / "file").write(KEY, ARRAYS)


def test_a_full_disk_leaves_no_part(tmp_path):
    store = ShardStore(tmp_path / "shards")
    with nearly_full_disk(), pytest.raises(StorageError, match="File too large"):
        store.write(KEY, ARRAYS | {"large": np.zeros(1000)})
    assert list(store.folder.iterdir()) == []


def test_clearing_removes_parts_alone(tmp_path):
    store = ShardStore(tmp_path / "shards")
    store.clear()  # nothing there
    store.write(KEY, ARRAYS)
    (store.folder / f".{OTHER}-half").write_bytes(b"of an interrupted write")
    store.clear()
    assert not store.folder.exists()
    store.write(KEY, ARRAYS)
    (store.folder / "mine.txt").write_text("")
    store.clear()
    assert [file.name for file in store.folder.iterdir()] == ["mine.txt"]


def test_as_a_context_it_is_cleared_unless_there_was_an_error(tmp_path):
    with pytest.raises(KeyboardInterrupt), ShardStore(tmp_path / "shards") as store:
        store.write(KEY, ARRAYS)
        raise KeyboardInterrupt
    assert_same(store.read(KEY))
    with store:
        pass
    assert not store.folder.exists()
