"""Images one after another are those of a set, in its order."""

import os

import numpy as np
import pytest
import torch
from conftest import make_pictures
from PIL import Image

from sacv.concepts import Skipped, count_images, image_set, stream_images
from sacv.errors import ImageSetError


def test_folders_in_the_order_of_a_set(tmp_path):
    for name in ("b", "a", "a/c", "a-b", "B", "a/b"):
        make_pictures(tmp_path / "all" / name, 2, len(name))
    make_pictures(tmp_path / "all", 1, 9)
    for source in (tmp_path / "all", [tmp_path / "all" / "b", tmp_path / "all" / "0.png", str(tmp_path / "all" / "a")]):
        want = image_set("x", source)
        found = list(stream_images("x", source))
        assert [(item.name, item.digest) for item in found] == [(item.name, item.digest) for item in want]
        assert count_images(source) == len(want)


@pytest.mark.parametrize(
    "source",
    [
        torch.zeros(3, 3, 4, 4),
        [torch.zeros(3, 4, 4), torch.ones(2, 3, 4, 4)],
        np.zeros((2, 4, 4, 3), np.uint8),
        [np.zeros((4, 4), np.uint8), Image.new("RGB", (3, 3))],
        Image.new("L", (3, 3)),
        image_set("y", torch.zeros(2, 3, 4, 4)),
    ],
    ids=lambda source: type(source).__name__,
)
def test_what_is_in_memory(source):
    want = image_set("x", source)
    assert [(item.name, item.digest) for item in stream_images("x", source)] == [(one.name, one.digest) for one in want]
    assert count_images(source) == len(want)


def test_what_cannot_be_read_comes_where_it_stands(tmp_path):
    folder = make_pictures(tmp_path / "some", 2, 0)
    (folder / "0a.txt").write_text("no image")
    found = list(stream_images("x", folder))
    assert [type(item) for item in found] == [type(found[0]), Skipped, type(found[0])]
    assert "0a.txt is not an image" in found[1].reason and count_images(folder) == 3
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageSetError, match="is empty"):
        list(stream_images("x", tmp_path / "empty"))
    with pytest.raises(ImageSetError, match="no file or folder"):
        list(stream_images("x", tmp_path / "none"))
    with pytest.raises(ImageSetError, match="cannot read images from int"):
        list(stream_images("x", [3]))


def test_no_file_is_read_before_it_is_needed(tmp_path):
    folder = make_pictures(tmp_path / "some", 3, 0)
    stream = stream_images("x", folder)
    next(stream)
    (folder / "2.png").write_text("changed")
    assert not isinstance(next(stream), Skipped) and isinstance(next(stream), Skipped)


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path, monkeypatch):
    make_pictures(tmp_path / "some" / "inner", 1, 0)

    def scandir(folder, whole=os.scandir):
        if str(folder).endswith("inner"):
            raise PermissionError(13, "Permission denied")
        return whole(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(ImageSetError, match="inner cannot be read: Permission denied"):
        list(stream_images("x", tmp_path / "some"))
