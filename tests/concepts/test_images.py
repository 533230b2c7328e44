import os
import struct
import warnings
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sacv.concepts import image_set, require_disjoint, without_repeats
from sacv.concepts.decoding import read_picture
from sacv.concepts.formats import read_image
from sacv.errors import ImageSetError, UnreadableImageError


def colours(width=4, height=3):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_exif_orientation_is_honoured(tmp_path):
    upright = Image.fromarray(colours(8, 5))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it rotated by 270 degrees
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(np.asarray(read_picture(tmp_path / "turned.png")), np.asarray(upright))


def test_grey_is_spread_over_three_channels(tmp_path):
    grey = colours()[..., 0]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(np.asarray(read_picture(tmp_path / "grey.png")), np.stack([grey] * 3, axis=-1))


def test_16_bit_grey_is_scaled_and_not_clipped(tmp_path):
    deep = np.array([[0, 256, 30000, 65535]], dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert np.asarray(read_picture(tmp_path / "deep.png"))[0, :, 0].tolist() == [0, 1, 117, 255]


def test_transparency_is_laid_on_white(tmp_path):
    clear = np.dstack([colours(), np.zeros((3, 4), np.uint8)])
    Image.fromarray(clear).save(tmp_path / "clear.png")
    assert np.asarray(read_picture(tmp_path / "clear.png")).min() == 255


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tiff", "webp", "gif", "ppm"])
def test_formats(tmp_path, suffix):
    Image.fromarray(colours(16, 16)).save(tmp_path / f"picture.{suffix}")
    assert read_picture(tmp_path / f"picture.{suffix}").size == (16, 16)


def test_float_pixels_are_refused(tmp_path):
    Image.fromarray(np.ones((4, 4), np.float32)).save(tmp_path / "float.tiff")
    with pytest.raises(UnreadableImageError, match=r"float\.tiff.*no known range"):
        read_picture(tmp_path / "float.tiff")


def truncated(path: Path) -> Path:
    Image.fromarray(colours(64, 64)).save(path, quality=95)
    path.write_bytes(path.read_bytes()[:-1500])
    return path


def bomb(path: Path) -> Path:
    """A PNG of a few bytes that announces 60000 x 60000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )
    return path


def test_what_cannot_be_read_is_named(tmp_path):
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(UnreadableImageError, match=r"notes\.txt is not an image"):
        read_picture(tmp_path / "notes.txt")
    with pytest.raises(UnreadableImageError, match=r"cut\.jpg is a damaged or truncated image"):
        read_picture(truncated(tmp_path / "cut.jpg"))
    with pytest.raises(UnreadableImageError, match=r"bomb\.png announces more than"):
        read_picture(bomb(tmp_path / "bomb.png"))
    with pytest.raises(UnreadableImageError, match="there is no file"):
        read_picture(tmp_path / "gone.png")


def test_folder_is_searched_to_its_depths_and_sorted(tmp_path):
    for name in ("b/2.png", "a/10.png", "a/1.png", "c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(colours()).save(tmp_path / name)
    found = [Path(item.name).relative_to(tmp_path).as_posix() for item in image_set("c", tmp_path)]
    assert found == ["a/1.png", "a/10.png", "b/2.png", "c.png"]


def test_all_bad_files_are_named_together_or_listed(tmp_path):
    Image.fromarray(colours()).save(tmp_path / "good.png")
    (tmp_path / "one.txt").write_text("no image")
    bomb(tmp_path / "two.png")
    with pytest.raises(UnreadableImageError, match=r"(?s)one\.txt.*two\.png.*--skip-unreadable"):
        image_set("c", tmp_path)
    truncated(tmp_path / "three.jpg")  # only decoding finds this one
    found = image_set("c", tmp_path, skip_unreadable=True)
    assert [Path(item.name).name for item in found] == ["good.png"]
    assert sorted(Path(entry.name).name for entry in found.skipped) == ["one.txt", "three.jpg", "two.png"]
    assert all(Path(entry.name).name in entry.reason for entry in found.skipped)


def test_empty_and_missing_folders(tmp_path):
    with pytest.raises(ImageSetError, match="is empty"):
        image_set("c", tmp_path)
    with pytest.raises(ImageSetError, match="no file or folder"):
        image_set("c", tmp_path / "gone")
    with pytest.raises(ImageSetError, match="no image"):
        image_set("c", [])


def test_arrays_images_and_tensors(tmp_path):
    array = np.stack([colours(), colours()[::-1]])
    assert len(image_set("c", array)) == 2
    assert len(image_set("c", array[0])) == 1
    assert len(image_set("c", array[0, ..., 0])) == 1
    assert image_set("c", array).items[0].load().size == (4, 3)
    assert len(image_set("c", [Image.fromarray(array[0]), array])) == 3
    tensor = torch.rand(2, 3, 5, 6)
    loaded = image_set("c", tensor).items[1].load()
    assert torch.equal(loaded, tensor[1])
    assert image_set("c", tensor[0]).items[0].load().shape == (3, 5, 6)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (np.zeros((4, 4, 3)), "must be uint8"),
        (np.zeros((2, 4, 4, 5), np.uint8), "must be uint8"),
        (torch.zeros(3, 4, 4, dtype=torch.uint8), "must be float"),
        (torch.zeros(4), "must be float"),
        (7, "cannot read images from int"),
    ],
)
def test_other_material_is_refused(source, words):
    with pytest.raises(ImageSetError, match=words):
        image_set("c", source)


def test_repeats_are_left_out_and_named(tmp_path):
    for name in ("a.png", "b.png"):
        Image.fromarray(colours()).save(tmp_path / name)
    found, repeats = without_repeats(image_set("c", tmp_path))
    assert len(found) == 1
    assert [(Path(left).name, Path(kept).name) for left, kept in repeats] == [("b.png", "a.png")]


def test_sets_that_share_an_image_are_refused_whatever_its_name(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    Image.fromarray(colours()).save(tmp_path / "one" / "a.png")
    Image.fromarray(colours()).save(tmp_path / "two" / "z.png")
    with pytest.raises(ImageSetError, match=r"share 1 images.*a\.png = .*z\.png"):
        require_disjoint(image_set("c", tmp_path / "one"), image_set("random", tmp_path / "two"))


@pytest.mark.parametrize("cut", range(10, 400, 13))
def test_what_pillow_warns_of_is_not_on_the_screen(tmp_path, cut):
    Image.fromarray(colours()).save(tmp_path / "a.tif")
    (tmp_path / "a.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:-cut])
    with warnings.catch_warnings(record=True) as caught, suppress(UnreadableImageError):
        warnings.simplefilter("always")
        read_image(tmp_path / "a.tif")
    assert not caught


def test_file_names_that_are_no_text_are_written_with_escapes(tmp_path):
    Image.fromarray(colours()).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("no image")
    for name in ("a", "b"):
        os.rename(tmp_path / f"{name}.png", os.path.join(os.fsencode(tmp_path), name.encode() + b"\xff.png"))
    found = image_set("c", tmp_path, skip_unreadable=True)
    assert [Path(found.items[0].name).name, Path(found.skipped[0].name).name] == ["a\\udcff.png", "b\\udcff.png"]
    assert found.items[0].load().size == (4, 3) and "b\\udcff.png" in found.skipped[0].reason
    found.skipped[0].reason.encode()
