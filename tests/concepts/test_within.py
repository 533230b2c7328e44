"""Which mask belongs to which image, where only what is inside counts."""

import json

import numpy as np
import pytest
from conftest import make_pictures
from PIL import Image

import sacv
from sacv.concepts import image_set
from sacv.errors import ImageSetError, UnreadableImageError

SIZE = (24, 20)  # width, height


def mask_file(path, left=4, right=12, size=SIZE):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.zeros(size[::-1], dtype=np.uint8)
    values[:, left:right] = 255
    Image.fromarray(values).save(path)
    return values > 127


@pytest.fixture
def pictures(tmp_path):
    return image_set("x", make_pictures(tmp_path / "photos", 3, 0)).items


def test_a_folder_of_masks_matches_by_file_name(tmp_path, pictures):
    wanted = [mask_file(tmp_path / "masks" / "deep" / f"{number}.tif", number, 9) for number in range(3)]
    mask_file(tmp_path / "masks" / "of_another.png")
    for item, mask, want in zip(pictures, sacv.Within(tmp_path / "masks").of(pictures), wanted, strict=True):
        np.testing.assert_array_equal(mask.load(SIZE), want)
        assert sacv.Within(str(tmp_path / "masks")).mask(item).digest == mask.digest


def test_of_several_masks_that_in_the_folder_of_the_images_name_is_taken(tmp_path):
    items = [image_set(name, make_pictures(tmp_path / name, 1, seed)).items[0] for seed, name in enumerate("ab")]
    wanted = {name: mask_file(tmp_path / "masks" / name / "0.png", left) for name, left in (("a", 0), ("b", 3))}
    for mask, name in zip(sacv.Within(tmp_path / "masks").of(items), "ab", strict=True):
        np.testing.assert_array_equal(mask.load(SIZE), wanted[name])


def test_one_mask_for_all_images(tmp_path, pictures):
    want = mask_file(tmp_path / "vignette.png")
    for given in (tmp_path / "vignette.png", want):
        masks = sacv.Within(given).of(pictures)
        assert len({mask.digest for mask in masks}) == 1
        np.testing.assert_array_equal(masks[2].load(SIZE), want)


def test_a_mapping_by_name_file_name_or_stem(tmp_path, pictures):
    wanted = [mask_file(tmp_path / f"m{number}.png", number) for number in range(3)]
    masks = sacv.Within({pictures[0].name: wanted[0], "1.png": tmp_path / "m1.png", "2": wanted[2]}).of(pictures)
    for mask, want in zip(masks, wanted, strict=True):
        np.testing.assert_array_equal(mask.load(SIZE), want)


def coco(path, categories=("lesion",), images=3):
    content = {
        "images": [{"id": number, "file_name": f"{number}.png"} for number in range(images)],
        "categories": [{"id": number, "name": name} for number, name in enumerate(categories)],
        "annotations": [{"image_id": number, "category_id": 0, "bbox": [2, 3, 5, 4]} for number in range(images)],
    }
    path.write_text(json.dumps(content))
    return path


def test_a_coco_file(tmp_path, pictures):
    want = np.zeros(SIZE[::-1], bool)
    want[3:7, 2:7] = True
    path = coco(tmp_path / "all.json", ("lesion", "hair"))
    for given in (path, f"{path}:lesion"):
        np.testing.assert_array_equal(sacv.Within(given).of(pictures)[1].load(SIZE), want)
    with pytest.raises(ImageSetError, match=r"without a pixel inside.*0\.png, .*1\.png, .*2\.png"):
        sacv.Within(f"{path}:hair").of(pictures)
    with pytest.raises(ImageSetError, match="no category 'ruler'"):
        sacv.Within(f"{path}:ruler").of(pictures)
    with pytest.raises(ImageSetError, match=r"without a mask: \S*2.png\. Give each an entry in 'images'"):
        sacv.Within(coco(tmp_path / "few.json", images=2)).of(pictures)


def test_ten_images_without_a_mask_are_named(tmp_path):
    items = image_set("x", make_pictures(tmp_path / "photos", 13, 0)).items
    mask_file(tmp_path / "masks" / "0.png")
    with pytest.raises(ImageSetError) as raised:
        sacv.Within(tmp_path / "masks").of(items)
    assert str(raised.value).count(".png,") == 9 and "and 2 more" in str(raised.value) and "\n" not in str(raised.value)


def test_what_is_wrong_is_named(tmp_path, pictures):
    name = pictures[0].name
    full, bare = np.ones((20, 24), bool), np.zeros((20, 24), bool)
    for match, first in {
        r"the mask of .*0\.png is uint8 of shape \(20, 24\)": full.astype(np.uint8),
        r"the mask of .*0\.png is bool of shape \(3,\)": np.ones(3, bool),
        r"without a pixel inside: the mask of .*0\.png of .*0\.png; mask the part of the image": bare,
    }.items():
        with pytest.raises(ImageSetError, match=match):
            sacv.Within({name: first, "1.png": full, "2.png": full}).of(pictures)
    with pytest.raises(ImageSetError, match="no file or folder"):
        sacv.Within(tmp_path / "nowhere").of(pictures)
    with pytest.raises(ImageSetError, match="cannot read masks from list"):
        sacv.Within([np.ones((20, 24), bool)]).of(pictures)
    (tmp_path / "void").mkdir()
    with pytest.raises(ImageSetError, match=r"void is empty"):
        sacv.Within(tmp_path / "void").of(pictures)
    with pytest.raises(ImageSetError, match="would be both image and mask"):
        sacv.Within(tmp_path / "photos").of(pictures)
    (tmp_path / "bad").mkdir()
    for number in range(3):
        (tmp_path / "bad" / f"{number}.png").write_bytes(b"no picture")
    with pytest.raises(UnreadableImageError, match=r"bad/0\.png"):
        sacv.Within(tmp_path / "bad").of(pictures)


def test_two_masks_of_one_image_or_one_mask_of_two_images(tmp_path, pictures):
    for number in range(3):
        mask_file(tmp_path / "masks" / f"{number}.png", number)
    mask_file(tmp_path / "masks" / "1.tif")
    with pytest.raises(ImageSetError, match=r"1\.png and \S*1\.tif may both be the mask of \S*photos/1\.png"):
        sacv.Within(tmp_path / "masks").of(pictures)
    (tmp_path / "masks" / "1.tif").unlink()
    other = image_set("y", make_pictures(tmp_path / "more", 1, 5)).items
    with pytest.raises(ImageSetError, match=r"photos/0\.png and .*more/0\.png have the same file name"):
        sacv.Within(tmp_path / "masks").of([*pictures, *other])
    same = image_set("y", make_pictures(tmp_path / "again", 1, 0)).items  # the same content
    assert len(sacv.Within(tmp_path / "masks").of([*pictures, *same])) == 4


def test_a_mask_of_another_size(tmp_path, pictures):
    mask_file(tmp_path / "m.png", size=(20, 24))
    with pytest.raises(ImageSetError, match=r"is for 20 x 24 pixels .*turned upright"):
        sacv.Within(tmp_path / "m.png").mask(pictures[0]).load(SIZE)
