import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from reference.run_lengths import compressed, run_lengths
from sacv.concepts import Region, cell_means, image_set, mask_weights, region_set
from sacv.concepts import masks as masks_module
from sacv.concepts.decoding import read_picture
from sacv.concepts.run_lengths import decompressed
from sacv.errors import ImageSetError, UnreadableImageError

WIDTH, HEIGHT = 8, 6


def rectangle(left=2, top=1, right=6, bottom=4, size=(WIDTH, HEIGHT)):
    mask = np.zeros(size[::-1], bool)
    mask[top:bottom, left:right] = True
    return mask


def photo(path: Path, seed: int = 0, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(values).save(path)
    return path


def mask_file(path: Path, mask: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask.astype(np.uint8) * 255).save(path)
    return path


def annotated(name, region, **options):
    found = region_set(name, region, **options)
    return found.images, found.masks


def names(items):
    return [Path(item.name).name for item in items]


def loaded(name, region, **options):
    """The masks of a region, each loaded for its image."""
    images, masks = annotated(name, region, **options)
    assert len(images) == len(masks)
    return [mask.load(item.load().size) for item, mask in zip(images, masks, strict=True)]


@pytest.fixture
def photos(tmp_path):
    for index, name in enumerate(["a.jpg", "b.png", "deep/c.jpg"]):
        photo(tmp_path / "photos" / name, index)
    return tmp_path / "photos"


@pytest.fixture
def one(tmp_path):
    return photo(tmp_path / "one" / "cat.png")


def coco(path: Path, annotations, names=("cat.png",), size=(WIDTH, HEIGHT), **more) -> Path:
    sizes = {} if size is None else {"width": size[0], "height": size[1]}
    images = [{"id": index, "file_name": name, **sizes} for index, name in enumerate(names)]
    found = [{"id": 100 + index, "image_id": 0, **annotation} for index, annotation in enumerate(annotations)]
    path.write_text(json.dumps({"images": images, "annotations": found, **more}))
    return path


# Folders and files


def test_folder_is_matched_by_stem(tmp_path, photos):
    wanted = [rectangle(right=3), rectangle(right=4), rectangle(right=5)]
    for mask, name in zip(wanted, ["a.png", "elsewhere/b.bmp", "c.tiff"], strict=True):
        mask_file(tmp_path / "masks" / name, mask)
    images, masks = annotated("cats", Region(photos, tmp_path / "masks"))
    assert [Path(item.name).stem for item in images] == [Path(mask.name).stem for mask in masks] == ["a", "b", "c"]
    np.testing.assert_array_equal([mask.load((WIDTH, HEIGHT)) for mask in masks], wanted)
    np.testing.assert_array_equal(loaded("cats", Region(str(photos), str(tmp_path / "masks"))), wanted)
    assert masks[0].load((WIDTH, HEIGHT)).dtype == np.bool_


def test_single_file_for_a_single_image_needs_no_name_in_common(tmp_path, one):
    mask = mask_file(tmp_path / "anything.png", rectangle())
    np.testing.assert_array_equal(loaded("cat", Region(one, mask)), [rectangle()])
    np.testing.assert_array_equal(loaded("cat", Region(read_picture(one), mask)), [rectangle()])


def test_single_file_for_many_images_is_refused(tmp_path, photos):
    with pytest.raises(ImageSetError, match="3 images and 1 masks"):
        region_set("cats", Region(photos, mask_file(tmp_path / "m.png", rectangle())))


def palette(mask):
    picture = Image.fromarray(mask.astype(np.uint8)).convert("P")
    picture.putpalette([10, 10, 10, 250, 240, 250])
    return picture


def rgba(mask):
    """White inside and black outside; the alpha says the opposite and must not count."""
    grey = mask.astype(np.uint8) * 255
    return Image.fromarray(np.dstack([grey, grey, grey, 255 - grey]))


FORMS = {
    "bits": lambda mask: Image.fromarray(mask),
    "palette": palette,
    "rgba": rgba,
    "grey with alpha": lambda mask: rgba(mask).convert("LA"),
    "colour": lambda mask: Image.fromarray(mask[..., None] * np.array([250, 200, 100], np.uint8)),
    "16 bits": lambda mask: Image.fromarray(mask.astype(np.uint16) * 65535),
    "just above half": lambda mask: Image.fromarray(np.where(mask, 128, 127).astype(np.uint8)),
}


@pytest.mark.parametrize("form", FORMS)
def test_modes_of_mask_files(tmp_path, one, form):
    FORMS[form](rectangle()).save(tmp_path / "mask.png")
    np.testing.assert_array_equal(loaded("cat", Region(one, tmp_path / "mask.png")), [rectangle()])


@pytest.mark.parametrize("transparency", [b"\x20\x40", 1])
def test_transparent_colours_are_ignored(tmp_path, one, transparency):
    picture = palette(rectangle())
    picture.save(tmp_path / "mask.png", transparency=transparency)
    with Image.open(tmp_path / "mask.png") as saved:
        assert "transparency" in saved.info
    np.testing.assert_array_equal(loaded("cat", Region(one, tmp_path / "mask.png")), [rectangle()])


def turned(picture, path):
    """Save an image as a camera held upright does: lying, with a note that it is to be turned."""
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)
    return path


def test_exif_orientation_of_image_and_mask(tmp_path):
    upright = Image.fromarray(np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8))
    lying = turned(upright, tmp_path / "cat.png")
    with Image.open(lying) as stored:
        assert stored.size == (HEIGHT, WIDTH)
    assert read_picture(lying).size == (WIDTH, HEIGHT)
    mask = mask_file(tmp_path / "upright.png", rectangle())
    also = turned(read_picture(mask), tmp_path / "lying.png")
    np.testing.assert_array_equal(loaded("cat", Region(lying, mask)), [rectangle()])
    np.testing.assert_array_equal(loaded("cat", Region(lying, also)), [rectangle()])
    drawn_lying = mask_file(tmp_path / "wrong.png", np.rot90(rectangle()))
    with pytest.raises(ImageSetError, match=r"wrong\.png is for 6 x 8 pixels.* 8 x 6;.*EXIF"):
        loaded("cat", Region(lying, drawn_lying))


def test_mask_of_another_size(tmp_path, one):
    mask = mask_file(tmp_path / "small.png", rectangle(size=(7, 6)))
    with pytest.raises(ImageSetError, match=r"small\.png is for 7 x 6 pixels \(width x height\).* 8 x 6; a mask needs"):
        loaded("cat", Region(one, mask))


def test_empty_mask_states_how_bright_it_is_and_a_full_one_is_allowed(tmp_path, one):
    Image.fromarray(rectangle().astype(np.uint8)).save(tmp_path / "ones.png")
    with pytest.raises(ImageSetError, match=r"ones\.png has no pixel inside.*the greatest is 1\. Multiply"):
        loaded("cat", Region(one, tmp_path / "ones.png"))
    full = np.ones((HEIGHT, WIDTH), bool)
    assert loaded("cat", Region(one, mask_file(tmp_path / "full.png", full)))[0].all()


def test_only_masks_of_images_are_decoded(tmp_path, photos, monkeypatch):
    for name in ("a", "b", "c", "d"):
        mask_file(tmp_path / "masks" / f"{name}.png", rectangle())
    decoded, read = [], masks_module._decoded
    monkeypatch.setattr(masks_module, "_decoded", lambda path, what: decoded.append(path.stem) or read(path, what))
    region_set("cats", Region(photos, tmp_path / "masks"))
    assert decoded == ["a", "b", "c"]


def test_images_without_masks_and_masks_without_images_are_named(tmp_path, photos):
    for index in range(7):
        mask_file(tmp_path / "masks" / f"stray{index}.png", rectangle())
    mask_file(tmp_path / "masks" / "b.png", rectangle())
    with pytest.raises(ImageSetError) as caught:
        region_set("cats", Region(photos, tmp_path / "masks"))
    message = str(caught.value)
    assert "images without a mask: " in message and "a.jpg" in message and "c.jpg" in message
    assert "stray4.png and 2 more" in message and "stray5" not in message and "rename, add or remove" in message


def test_masks_without_an_image_are_ignored_and_counted(tmp_path, one):
    mask_file(tmp_path / "masks" / "cat.png", rectangle())
    assert region_set("cat", Region(one, tmp_path / "masks")).unmatched == 0
    for name in ("dog.png", "dog.bmp"):
        mask_file(tmp_path / "masks" / name, rectangle())
    found = region_set("cat", Region(one, tmp_path / "masks"))
    assert names(found.masks) == ["cat.png"] and found.unmatched == 2 and found.negatives == ()


# Negatives


def black(path, form):
    FORMS[form](np.zeros((HEIGHT, WIDTH), bool)).save(path)


@pytest.mark.parametrize("form", ["bits", "rgba", "grey with alpha", "colour", "16 bits"])
def test_a_black_mask_is_a_negative(tmp_path, photos, form):
    for name in ("a", "c"):
        mask_file(tmp_path / "masks" / f"{name}.png", rectangle())
    black(tmp_path / "masks" / "b.png", form)
    for options in ({}, {"skip_unreadable": True}):
        found = region_set("cats", Region(photos, tmp_path / "masks"), **options)
        assert names(found.images) == ["a.jpg", "c.jpg"] and names(found.masks) == ["a.png", "c.png"]
        assert names(found.negatives) == ["b.png"] and found.unmatched == 0


def labels(path, dtype, mode=None):
    """A mask of labels 0 and 1, as segmentation tools write; it looks black."""
    picture = Image.fromarray(rectangle().astype(dtype))
    if mode == "P":
        picture = picture.convert("L").convert("P")
        picture.putpalette([0, 0, 0] * 256)
    elif mode == "RGB":
        picture = Image.fromarray(rectangle()[..., None].astype(dtype) * np.array([0, 0, 1], dtype))
    picture.save(path)


@pytest.mark.parametrize(("dtype", "mode"), [(np.uint8, None), (np.uint16, None), (np.uint8, "P"), (np.uint8, "RGB")])
def test_a_mask_of_labels_is_no_negative(tmp_path, photos, dtype, mode):
    """It is dim, not empty: whoever wrote it marked something."""
    for name in ("a", "c"):
        mask_file(tmp_path / "masks" / f"{name}.png", rectangle())
    labels(tmp_path / "masks" / "b.png", dtype, mode)
    with pytest.raises(ImageSetError, match=r"b\.png has no pixel inside.*Multiply"):
        loaded("cats", Region(photos, tmp_path / "masks"))


def test_false_arrays_are_negatives(photos):
    none = np.zeros((HEIGHT, WIDTH), bool)
    found = region_set("cats", Region(photos, [none, rectangle(), none]))
    assert names(found.images) == ["b.png"] and names(found.negatives) == ["a.jpg", "c.jpg"]
    with pytest.raises(
        ImageSetError, match=r"cats: the masks are empty for all 3 images; annotate the concept on some"
    ):
        region_set("cats", Region(photos, [none] * 3))


def test_no_image_is_annotated(tmp_path, one):
    black(tmp_path / "none.png", "bits")
    with pytest.raises(
        ImageSetError, match=r"the masks of .*none\.png are empty for all 1 images; annotate the concept"
    ):
        region_set("cat", Region(one, tmp_path / "none.png"))
    file = coco(tmp_path / "masks.json", [], categories=[{"id": 7, "name": "cat"}])
    with pytest.raises(ImageSetError, match=r"masks\.json:cat are empty for all 1 images; .*the category"):
        region_set("cat", Region(one, f"{file}:cat"))


def test_images_without_a_mask_are_negatives_where_the_option_is_set(tmp_path, photos):
    mask_file(tmp_path / "masks" / "b.png", rectangle())
    with pytest.raises(ImageSetError, match=r"images without a mask: [^;]*a\.jpg, [^;]*c\.jpg\. .*unmasked_negative"):
        region_set("cats", Region(photos, tmp_path / "masks"))
    found = region_set("cats", Region(photos, tmp_path / "masks", unmasked_negative=True))
    assert names(found.images) == ["b.png"] and names(found.negatives) == ["a.jpg", "c.jpg"]
    mask_file(tmp_path / "masks" / "a_mask.png", rectangle())  # a name that may be meant for one of them
    with pytest.raises(ImageSetError, match=r"without a mask: .*match no image: \S+a_mask\.png\. .*remove those masks"):
        region_set("cats", Region(photos, tmp_path / "masks", unmasked_negative=True))


def test_unmasked_negative_is_for_masks_with_names(tmp_path, one):
    for masks in ([rectangle()], mask_file(tmp_path / "m.png", rectangle())):
        with pytest.raises(ImageSetError, match="unmasked_negative needs masks that are matched by file name"):
            region_set("cat", Region(one, masks, unmasked_negative=True))


def test_one_image_cannot_show_the_concept_and_nothing_of_it(tmp_path, one):
    (tmp_path / "one" / "dog.png").write_bytes(one.read_bytes())
    none = np.zeros((HEIGHT, WIDTH), bool)
    with pytest.raises(ImageSetError, match="the same image has two different masks"):
        region_set("cat", Region(tmp_path / "one", [rectangle(), none]))


def test_images_whose_mask_cannot_be_read_are_no_negatives(tmp_path, photos):
    mask_file(tmp_path / "masks" / "a.png", rectangle())
    (tmp_path / "masks" / "b.png").write_text("no image")
    found = region_set("cats", Region(photos, tmp_path / "masks", unmasked_negative=True), skip_unreadable=True)
    assert names(found.images) == ["a.jpg"] and names(found.negatives) == ["c.jpg"]
    assert names(found.images.skipped) == ["b.png", "b.png"]


def test_two_masks_or_two_images_of_one_name(tmp_path, one):
    mask_file(tmp_path / "masks" / "cat.png", rectangle())
    photo(tmp_path / "two" / "deep" / "cat.jpg", 1)
    with pytest.raises(ImageSetError, match=r"the images .*cat\.png and .*cat\.jpg have the same name 'cat'"):
        region_set("cat", Region([one, tmp_path / "two"], tmp_path / "masks"))
    assert len(loaded("cat", Region([one, one], tmp_path / "masks"))) == 2
    mask_file(tmp_path / "masks" / "cat.bmp", rectangle())
    with pytest.raises(ImageSetError, match=r"the masks .*cat\.bmp and .*cat\.png have the same name 'cat'"):
        region_set("cat", Region(one, tmp_path / "masks"))


@pytest.mark.parametrize("masks", ["photos", "photos/deep", "."])
def test_masks_among_the_images_are_refused(tmp_path, photos, masks):
    with pytest.raises(ImageSetError, match=r"both image and mask; put the masks in a separate folder"):
        region_set("cats", Region(photos, tmp_path / masks))


def test_an_image_is_not_its_own_mask(one):
    with pytest.raises(ImageSetError, match=r"cat\.png would be both image and mask"):
        region_set("cat", Region(one, one))


def test_missing_and_empty_folders(tmp_path, one):
    with pytest.raises(ImageSetError, match=r"no file or folder .*gone of masks"):
        region_set("cat", Region(one, tmp_path / "gone"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageSetError, match=r"the folder of masks .*empty is empty"):
        region_set("cat", Region(one, tmp_path / "empty"))


def test_unreadable_masks_are_named_together_or_left_out_with_their_images(tmp_path, photos):
    for name in ("a.png", "b.png"):
        mask_file(tmp_path / "masks" / name, np.random.default_rng(0).uniform(size=(HEIGHT, WIDTH)) > 0.5)
    (tmp_path / "masks" / "c.png").write_text("no image")
    (tmp_path / "masks" / "notes.txt").write_text("no image")
    with pytest.raises(UnreadableImageError, match=r"(?s)c\.png.*notes\.txt.*--skip-unreadable"):
        region_set("cats", Region(photos, tmp_path / "masks"))
    cut = tmp_path / "masks" / "b.png"
    cut.write_bytes(cut.read_bytes()[:-25])  # only decoding finds this one
    with pytest.raises(UnreadableImageError, match=r"the mask .*b\.png is a damaged or truncated image"):
        loaded("cats", Region(photos / "b.png", cut))
    images, masks = annotated("cats", Region(photos, tmp_path / "masks"), skip_unreadable=True)
    assert [Path(item.name).name for item in images] == ["a.jpg"] and len(masks) == 1
    skipped = [Path(entry.name).name for entry in images.skipped]
    assert sorted(skipped) == ["b.png", "b.png", "c.jpg", "c.png", "notes.txt"]


def test_no_image_with_a_readable_mask(tmp_path, one):
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "cat.png").write_text("no image")
    with pytest.raises(ImageSetError, match="none of the 1 images has a readable mask"):
        region_set("cat", Region(one, tmp_path / "masks"), skip_unreadable=True)
    with pytest.raises(UnreadableImageError, match=r"cat\.png is not an image"):
        region_set("cat", Region(one, tmp_path / "masks" / "cat.png"))


def test_mask_of_an_image_that_was_left_out_is_not_stray(tmp_path, photos):
    (photos / "b.png").write_text("no image")
    for name in ("a.png", "b.png", "c.png"):
        mask_file(tmp_path / "masks" / name, rectangle())
    images, masks = annotated("cats", Region(photos, tmp_path / "masks"), skip_unreadable=True)
    assert [Path(mask.name).stem for mask in masks] == ["a", "c"] == [Path(item.name).stem for item in images]
    with pytest.raises(ImageSetError, match=r"1 images were skipped .*b\.png"):
        region_set("cats", Region(photos, [rectangle()] * 2), skip_unreadable=True)


def test_masks_of_unknown_range_are_refused(tmp_path, one):
    Image.fromarray(rectangle().astype(np.float32)).save(tmp_path / "mask.tiff")
    with pytest.raises(UnreadableImageError, match=r"mask\.tiff.*no known range"):
        loaded("cat", Region(one, tmp_path / "mask.tiff"))


# Arrays


def test_arrays_go_with_images_in_order(photos):
    wanted = [rectangle(right=3), rectangle(right=4), rectangle(right=5)]
    np.testing.assert_array_equal(loaded("cats", Region(photos, wanted)), wanted)
    np.testing.assert_array_equal(loaded("cats", Region(image_set("cats", photos), tuple(wanted))), wanted)
    np.testing.assert_array_equal(loaded("cats", Region(photos, np.array(wanted))), wanted)


def test_arrays_are_kept_as_they_were(one):
    given = rectangle()
    _, (item,) = annotated("cat", Region(one, given))
    given[:] = False
    found = item.load((WIDTH, HEIGHT))
    np.testing.assert_array_equal(found, rectangle())
    with pytest.raises(ValueError, match="read-only"):
        found[0, 0] = True


def test_a_list_holds_mask_files_and_arrays_in_the_order_of_the_images(tmp_path, photos):
    wanted = [rectangle(right=3), rectangle(right=4), rectangle(right=5)]
    files = [mask_file(tmp_path / "masks" / f"{name}.png", mask) for name, mask in zip("zyx", wanted, strict=True)]
    for masks in (files, [str(file) for file in files], [files[0], wanted[1], str(files[2])]):
        np.testing.assert_array_equal(loaded("cats", Region(photos, masks)), wanted)
    images = sorted(photos.rglob("*.*"), reverse=True)
    np.testing.assert_array_equal(loaded("cats", Region(images, files)), wanted)


def test_a_black_mask_file_of_a_list_is_a_negative(tmp_path, photos):
    files = [mask_file(tmp_path / "masks" / f"{index}.png", rectangle(right=2 + index)) for index in range(3)]
    found = region_set("cats", Region(photos, files))
    assert (names(found.images), names(found.negatives)) == (["b.png", "c.jpg"], ["a.jpg"])


def test_unreadable_masks_of_a_list_are_named_or_left_out_with_their_images(tmp_path, photos):
    files = [mask_file(tmp_path / "masks" / f"{index}.png", rectangle()) for index in range(3)]
    files[1].write_text("no picture")
    with pytest.raises(UnreadableImageError, match=r"masks that cannot be read: .*1\.png.*skip_unreadable=True"):
        region_set("cats", Region(photos, files))
    found = region_set("cats", Region(photos, [files[0], files[1], rectangle()]), skip_unreadable=True)
    assert names(found.images) == ["a.jpg", "c.jpg"] and len(found.masks) == 2
    assert names(found.images.skipped) == ["b.png", "1.png"]
    with pytest.raises(UnreadableImageError, match=r"there is no file .*gone\.png"):
        region_set("cats", Region(photos, [files[0], "gone.png", files[2]]))


def test_what_is_no_mask_of_one_image_is_refused_in_a_list(tmp_path, photos, one):
    mask = mask_file(tmp_path / "masks" / "a.png", rectangle())
    for wrong in (tmp_path / "masks", coco(tmp_path / "coco.json", [])):
        with pytest.raises(ImageSetError, match="is a folder or a COCO file; give it without a list"):
            region_set("cat", Region(one, [wrong]))
    with pytest.raises(ImageSetError, match="3 images and 1 masks"):
        region_set("cats", Region(photos, [mask]))
    with pytest.raises(ImageSetError, match="both image and mask"):
        region_set("cat", Region(one, [one]))


def test_tensors_take_arrays():
    images, (mask,) = annotated("cat", Region(torch.zeros(1, 3, HEIGHT, WIDTH), [rectangle()]))
    assert len(images) == 1
    np.testing.assert_array_equal(mask.load((WIDTH, HEIGHT)), rectangle())


@pytest.mark.parametrize(
    ("masks", "words"),
    [
        ([rectangle()] * 2, "1 images and 2 masks"),
        ([], "1 images and 0 masks"),
        ([rectangle().astype(np.uint8)], r"cat\.masks\[0\] is uint8 of shape \(6, 8\); give a bool array"),
        ([rectangle()[0]], r"is bool of shape \(8,\)"),
        (np.array(True), r"is bool of shape \(\)"),
        ([7], r"cat\.masks\[0\] is int; give a bool array"),
        (7, "cannot read masks from int"),
    ],
)
def test_arrays_of_other_kinds_are_refused(one, masks, words):
    with pytest.raises(ImageSetError, match=words):
        region_set("cat", Region(one, masks))


def test_arrays_of_another_size_are_refused_when_loaded(one):
    _, (mask,) = annotated("cat", Region(one, rectangle()))
    with pytest.raises(ImageSetError, match=r"cat\.masks\[0\] is for 8 x 6 pixels.* 80 x 60"):
        mask.load((80, 60))


# COCO files

CORNERS = [2, 1, 6, 1, 6, 4, 2, 4]
RUNS = {"size": [HEIGHT, WIDTH], "counts": [13, 3, 3, 3, 3, 3, 3, 3, 14]}
FORMS_OF_A_RECTANGLE = {
    "box": {"bbox": [2, 1, 4, 3]},
    "polygon": {"segmentation": [CORNERS]},
    "polygon the other way round": {"segmentation": [[2, 4, 6, 4, 6, 1, 2, 1]]},
    "polygon and box": {"segmentation": [CORNERS], "bbox": [0, 0, 8, 6]},
    "run lengths": {"segmentation": RUNS, "bbox": [0, 0, 8, 6]},
    "box with empty segmentation": {"segmentation": [], "bbox": [2, 1, 4, 3]},
    "two polygons": {"segmentation": [[2, 1, 4, 1, 4, 4, 2, 4], [4, 1, 6, 1, 6, 4, 4, 4]]},
    "pixel centres": {"bbox": [1.6, 0.6, 4.8, 3.8]},
    "pixel centres, just": {"segmentation": [[2.5, 1.5, 5.6, 1.5, 5.6, 3.6, 2.5, 3.6]]},
}


@pytest.mark.parametrize("form", FORMS_OF_A_RECTANGLE)
def test_every_form_of_a_rectangle_gives_the_same_mask(tmp_path, one, form):
    file = coco(tmp_path / "masks.json", [FORMS_OF_A_RECTANGLE[form]])
    np.testing.assert_array_equal(loaded("cat", Region(one, file)), [rectangle()])


def test_annotations_are_united_and_images_matched_by_name_without_folders(tmp_path, photos):
    file = coco(
        tmp_path / "masks.json",
        [
            {"bbox": [0, 0, 2, 2], "image_id": 2},
            {"segmentation": RUNS, "image_id": 1},
            {"bbox": [1, 0, 3, 2], "image_id": 2},
            {"bbox": [6, 4, 2, 2], "image_id": 0},
        ],
        names=["export/a.jpg", "C:\\export\\b.png", "c.jpg"],
    )
    wanted = [rectangle(6, 4, 8, 6), rectangle(), rectangle(0, 0, 4, 2)]
    np.testing.assert_array_equal(loaded("cats", Region(photos, file)), wanted)


def test_what_reaches_over_the_border_is_cut(tmp_path, one):
    file = coco(tmp_path / "masks.json", [{"bbox": [-3, -2, 6, 5]}, {"segmentation": [[7, 5, 90, 5, 90, 60, 7, 60]]}])
    np.testing.assert_array_equal(loaded("cat", Region(one, file)), [rectangle(0, 0, 3, 3) | rectangle(7, 5, 8, 6)])


def reference_polygon(corners, size):
    """Even-odd at pixel centres, one pixel and one edge at a time: edges crossed on the way to the left."""
    mask = np.zeros(size[::-1], bool)
    for row in range(size[1]):
        for column in range(size[0]):
            x, y = column + 0.5, row + 0.5
            for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
                if (y0 <= y) != (y1 <= y) and x0 + (y - y0) * ((x1 - x0) / (y1 - y0)) <= x:
                    mask[row, column] ^= True
    return mask


coordinates = st.one_of(st.integers(-3, 12), st.floats(-3, 12, width=16))


@settings(deadline=None)
@given(st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=9))
def test_polygons_agree_with_the_definition(tmp_path_factory, corners):
    folder = tmp_path_factory.mktemp("polygon")
    segmentation = [[value for corner in corners for value in corner]]
    # The second annotation keeps the mask from being empty.
    file = coco(folder / "masks.json", [{"segmentation": segmentation}, {"bbox": [0, 0, 1, 1]}])
    found = loaded("cat", Region(photo(folder / "photos" / "cat.png"), file))[0]
    np.testing.assert_array_equal(found, reference_polygon(corners, (WIDTH, HEIGHT)) | rectangle(0, 0, 1, 1))


def categories(tmp_path, names=("cat.png",), first="cat"):
    return coco(
        tmp_path / "masks.json",
        [{"bbox": [2, 1, 4, 3], "category_id": 7}, {"bbox": [0, 0, 8, 6], "category_id": 8}],
        names,
        categories=[{"id": 7, "name": first}, {"id": 8, "name": "the whole: sofa"}],
    )


def test_one_image_annotated_in_two_ways_is_refused(tmp_path, one):
    copy = tmp_path / "one" / "dog.png"
    copy.write_bytes(one.read_bytes())
    same, other = rectangle(), rectangle(bottom=5)
    assert len(loaded("cat", Region(tmp_path / "one", [same, same]))) == 2
    words = r"cat: the same image has two different masks, {} as .*cat\.png and {} as .*dog\.png; merge the masks"
    with pytest.raises(ImageSetError, match=words.format(r"cat\.masks\[0\]", r"cat\.masks\[1\]")):
        region_set("cat", Region(tmp_path / "one", [same, other]))
    for name, mask in (("cat.png", same), ("dog.png", other)):
        mask_file(tmp_path / "masks" / name, mask)
    with pytest.raises(ImageSetError, match=words.format(r".*masks/cat\.png", r".*masks/dog\.png")):
        region_set("cat", Region(tmp_path / "one", tmp_path / "masks"))
    boxes = [{"bbox": [2, 1, 4, 3]}, {"bbox": [2, 1, 4, 4], "image_id": 1}]
    file = coco(tmp_path / "masks.json", boxes, names=["cat.png", "dog.png"])
    with pytest.raises(ImageSetError, match=words.format(r".*json: cat\.png", r".*json: dog\.png")):
        region_set("cat", Region(tmp_path / "one", file))
    picture = read_picture(one)
    with pytest.raises(ImageSetError, match="the same image has two different masks"):
        region_set("cat", Region([picture, picture], [same, other]))


def test_category(tmp_path, one):
    file = categories(tmp_path)
    np.testing.assert_array_equal(loaded("cat", Region(one, f"{file}:cat")), [rectangle()])
    assert loaded("cat", Region(one, f"{file}:the whole: sofa"))[0].all()
    assert loaded("cat", Region(one, Path(f"{file}:the whole: sofa")))[0].all()
    assert loaded("cat", Region(one, file))[0].all()
    with pytest.raises(ImageSetError, match=r"has no category 'dog'; its categories are: 'cat', 'the whole: sofa'"):
        region_set("cat", Region(one, f"{file}:dog"))
    with pytest.raises(ImageSetError, match="has no category ''"):
        region_set("cat", Region(one, f"{file}:"))
    with pytest.raises(ImageSetError, match="no list 'categories'"):
        region_set("cat", Region(one, f"{coco(tmp_path / 'bare.json', [{'bbox': [2, 1, 4, 3]}])}:cat"))


def test_names_of_files_are_taken_as_they_are(tmp_path, one):
    (tmp_path / "export.json:1").mkdir()
    file = coco(tmp_path / "export.json:1" / "masks.json", [{"bbox": [2, 1, 4, 3]}])
    file.write_text(file.read_text(), encoding="utf-8-sig")  # as some editors on Windows write
    np.testing.assert_array_equal(loaded("cat", Region(one, file)), [rectangle()])
    mask_file(tmp_path / "export.json:1" / "cat.png", rectangle())
    file.unlink()
    np.testing.assert_array_equal(loaded("cat", Region(one, tmp_path / "export.json:1")), [rectangle()])


def test_images_listed_without_an_annotation_are_negatives(tmp_path, photos):
    annotations = [{"bbox": [0, 0, 1, 1]}, {"bbox": [0, 0, 1, 1], "image_id": 1, "category_id": 7}]
    file = coco(
        tmp_path / "masks.json", annotations, names=["a.jpg", "b.png", "c.jpg"], categories=[{"id": 7, "name": "cat"}]
    )
    found = region_set("cats", Region(photos, file))
    assert names(found.images) == ["a.jpg", "b.png"] and names(found.negatives) == ["c.jpg"]
    found = region_set("cats", Region(photos, f"{file}:cat"))
    assert names(found.images) == ["b.png"] and names(found.negatives) == ["a.jpg", "c.jpg"]
    assert len(found.masks) == 1 and found.unmatched == 0


def test_images_that_the_file_does_not_list_are_one_error(tmp_path, photos):
    file = coco(tmp_path / "masks.json", [{"bbox": [0, 0, 1, 1]}], names=["a.jpg", "elsewhere.jpg"])
    with pytest.raises(ImageSetError) as caught:
        region_set("cats", Region(photos, file))
    message = str(caught.value)
    assert "images without a mask: " in message and "b.png" in message and "c.jpg" in message
    assert "Add the entry or remove the image" in message and "--unmasked-negative" in message
    assert "elsewhere" not in message
    found = region_set("cats", Region(photos, file, unmasked_negative=True))
    assert names(found.negatives) == ["b.png", "c.jpg"] and found.unmatched == 1


def test_entries_without_an_image_are_ignored_and_counted(tmp_path, one):
    file = coco(
        tmp_path / "masks.json",
        [{"bbox": [2, 1, 4, 3]}, {"bbox": ["damaged"], "image_id": 1}],
        names=["cat.png", "dog.png", "empty.png", "x/same.png", "y/same.png"],
    )
    found = region_set("cat", Region(one, file))
    assert found.unmatched == 4 and found.negatives == ()
    np.testing.assert_array_equal(loaded("cat", Region(one, file)), [rectangle()])


def test_an_image_that_was_left_out_is_not_counted_as_missing(tmp_path, photos):
    (photos / "b.png").write_text("no image")
    file = coco(tmp_path / "masks.json", [{"bbox": [2, 1, 4, 3]}], names=["a.jpg", "b.png", "c.jpg"])
    found = region_set("cats", Region(photos, file), skip_unreadable=True)
    assert names(found.negatives) == ["c.jpg"] and found.unmatched == 0


# Compressed run lengths, as pycocotools' encoder wrote them, and what they stand for

DISC = (np.arange(80)[None] - 40) ** 2 + (np.arange(60)[:, None] - 25) ** 2 < 15**2
BANDS = np.zeros((400, 300), bool)
BANDS[:, 10:200], BANDS[7, 250] = True, True
PYCOCOTOOLS = {
    "rectangle": ("=3300000;", rectangle()),
    "disc": (r"\a1;_14M2M4M2O0O2N2O0O2O00000000000000000001N101N2N101N3L3N3LZ^1", DISC),
    "bands": ("Pm3PWZ2Wac0QieMA", BANDS),
    "all": ("0`1", np.ones((HEIGHT, WIDTH), bool)),
    "checks": ("111000000", np.indices((3, 3)).sum(0) % 2 == 1),
}


@pytest.mark.parametrize("form", PYCOCOTOOLS)
def test_compressed_run_lengths(tmp_path, form):
    text, mask = PYCOCOTOOLS[form]
    size = mask.shape[::-1]
    annotation = {"segmentation": {"size": list(mask.shape), "counts": text}}
    file = coco(tmp_path / "masks.json", [annotation], size=size)
    found = loaded("cat", Region(photo(tmp_path / "photos" / "cat.png", size=size), file))
    np.testing.assert_array_equal(found, [mask])
    assert compressed(run_lengths(mask)) == text


@given(st.lists(st.integers(0, 10**8), max_size=12))
def test_compressed_counts_are_what_was_written(counts):
    assert decompressed(compressed(counts), "cat") == counts


def test_run_lengths_without_a_pixel_are_a_negative(tmp_path, photos):
    none = {"segmentation": {"size": [HEIGHT, WIDTH], "counts": "`1"}, "image_id": 1}
    file = coco(tmp_path / "masks.json", [{"bbox": [2, 1, 4, 3]}, none], names=["a.jpg", "b.png", "c.jpg"])
    assert names(region_set("cats", Region(photos, file)).negatives) == ["b.png", "c.jpg"]


def test_coco_sizes(tmp_path, one):
    box = {"bbox": [2, 1, 4, 3]}
    assert loaded("cat", Region(one, coco(tmp_path / "whole.json", [box], size=(8.0, 6.0))))
    assert loaded("cat", Region(one, coco(tmp_path / "none.json", [box], size=None)))
    with pytest.raises(ImageSetError, match=r"larger\.json: cat\.png is for 80 x 60 pixels.* 8 x 6"):
        loaded("cat", Region(one, coco(tmp_path / "larger.json", [box], size=(80, 60))))
    file = coco(tmp_path / "far.json", [{"bbox": [2, 1, 40, 3]}], size=None)
    with pytest.raises(ImageSetError, match=r"far\.json: cat\.png reaches to 42 x 4 pixels.* 8 x 6"):
        loaded("cat", Region(one, file))
    runs = {"segmentation": {"size": [4, 3], "counts": [2, 10]}}
    with pytest.raises(ImageSetError, match=r"cat\.png is for 3 x 4 pixels.* 8 x 6"):
        loaded("cat", Region(one, coco(tmp_path / "runs.json", [runs], size=None)))


def test_coco_mask_without_a_pixel(tmp_path, one):
    file = coco(tmp_path / "masks.json", [{"bbox": [2.6, 1, 0.8, 3]}, {"bbox": [20, 1, 4, 3]}])
    with pytest.raises(ImageSetError, match=r"the mask \S+: cat\.png has no pixel inside; annotate the concept"):
        loaded("cat", Region(one, file))


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        ({"segmentation": {"size": [6, 8], "counts": "PPY1"}}, r"these sum to -?\d+, and size is \[6, 8\]"),
        ({"segmentation": {"size": [6, 8], "counts": ""}}, r"these sum to 0, and size is"),
        ({"segmentation": {"size": [6, 8], "counts": "=3300000"}}, "these sum to 34"),
        (
            {"segmentation": {"size": [6, 8], "counts": "=3300000P"}},
            "100: counts '=3300000P' are not valid",
        ),
        ({"segmentation": {"size": [6, 8], "counts": "b'`1'"}}, "counts \"b'`1'\" are not valid compressed"),
        ({"segmentation": {"size": [6, 8], "counts": "o" * 9000 + "0"}}, "are not valid compressed .* as polygons"),
        ({"segmentation": {"size": [6, 8], "counts": "é0"}}, "are not valid compressed"),
        ({"segmentation": {"size": [6, 8], "counts": [13, 3]}}, r"these sum to 16, and size is \[6, 8\]"),
        ({"segmentation": {"size": [6, 8], "counts": [-1, 49]}}, "of 0 or more"),
        ({"segmentation": {"size": [6, 8], "counts": [0.5, 47.5]}}, "whole numbers"),
        ({"segmentation": {"size": [48], "counts": [48]}}, "run lengths must be"),
        ({"segmentation": {}}, "counts of run lengths: None is not a list of finite numbers"),
        ({"segmentation": "polygon"}, "neither a list of polygons nor run lengths"),
        ({"segmentation": CORNERS}, "2 is not a list of finite numbers"),
        ({"segmentation": [[1, 2, 3, 4]]}, "three or more corners, not 4 numbers"),
        ({"segmentation": [[*CORNERS, 3]]}, "not 9 numbers"),
        ({"segmentation": [[1, 2, 3, 4, 5, float("nan")]]}, "not a list of finite numbers"),
        ({"bbox": [1, 2, 3]}, r"bbox \[1, 2, 3\] is not \[left, top, width, height\]"),
        ({"bbox": [1, 2, -3, 4]}, "sizes of 0 or more"),
        ({"bbox": ["1", 2, 3, 4]}, "finite numbers"),
        ({}, "has neither 'segmentation' nor 'bbox'"),
        ({"bbox": [0, 0, 1, 1], "image_id": 5}, "image_id 5, which no entry of 'images' has"),
        ({"bbox": [0, 0, 1, 1], "image_id": None}, "an entry of 'annotations' has no valid 'image_id'"),
    ],
)
def test_annotations_that_cannot_be_drawn(tmp_path, one, annotation, words):
    with pytest.raises(ImageSetError, match=words):
        region_set("cat", Region(one, coco(tmp_path / "masks.json", [annotation])))


def test_images_of_coco_files_have_different_names(tmp_path, one):
    box = {"bbox": [0, 0, 1, 1]}
    for names in (["x/cat.png", "y/cat.png"], ["cat.png", "cat.png"]):
        file = coco(tmp_path / "masks.json", [box, {**box, "image_id": 1}], names=names)
        with pytest.raises(ImageSetError, match=r"the masks .* have the same name 'cat\.png'"):
            region_set("cat", Region(one, file))
    images = [{"id": 1, "file_name": "cat.png"}, {"id": 1, "file_name": "dog.png"}]
    file.write_text(json.dumps({"images": images, "annotations": []}))
    with pytest.raises(ImageSetError, match="two entries of 'images' have the same id"):
        region_set("cat", Region(one, file))


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("{", UnreadableImageError, r"masks\.json is not readable JSON"),
        ("[" * 100_000, UnreadableImageError, "is not readable JSON"),
        ("[]", ImageSetError, "has no list 'images'; a .json file of masks needs the COCO format"),
        ('{"images": []}', ImageSetError, "has no list 'annotations'"),
        ('{"images": [{"id": 1}], "annotations": []}', ImageSetError, "no valid 'file_name'"),
        ('{"images": [3], "annotations": []}', ImageSetError, "no valid 'id' and 'file_name': 3"),
    ],
)
def test_files_that_are_not_coco(tmp_path, one, text, kind, words):
    (tmp_path / "masks.json").write_text(text)
    with pytest.raises(kind, match=words):
        region_set("cat", Region(one, tmp_path / "masks.json"))
    with pytest.raises(UnreadableImageError, match="is not readable JSON"):
        (tmp_path / "masks.json").write_bytes(b"\xff\xfe\xfa")
        region_set("cat", Region(one, tmp_path / "masks.json"))


# All of them


def test_digests_follow_what_determines_the_mask(tmp_path, one):
    def digest(masks):
        return annotated("cat", Region(one, masks))[1][0].digest

    box, other = {"bbox": [2, 1, 4, 3]}, {"bbox": [2, 1, 4, 4]}
    assert digest(coco(tmp_path / "a.json", [box])) == digest(coco(tmp_path / "b.json", [box], info="another day"))
    assert digest(coco(tmp_path / "a.json", [box])) != digest(coco(tmp_path / "b.json", [other]))
    assert digest(mask_file(tmp_path / "a.png", rectangle())) == digest(mask_file(tmp_path / "b.png", rectangle()))
    assert digest(rectangle()) == digest([rectangle().copy(order="F")])
    assert digest(rectangle()) != digest(rectangle(bottom=5))
    assert len(digest(rectangle())) == 64


def test_masks_can_be_sent_to_another_process(tmp_path, one):
    file = mask_file(tmp_path / "mask.png", rectangle())
    for masks in (file, rectangle(), coco(tmp_path / "masks.json", [{"bbox": [2, 1, 4, 3]}])):
        _, items = annotated("cat", Region(one, masks))
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(items))[0].load((WIDTH, HEIGHT)), rectangle())


def test_weights_by_hand():
    mask = rectangle(0, 0, 3, 2, size=(4, 4))  # three columns and two rows of four
    np.testing.assert_allclose(mask_weights(mask, (2, 2), None), [[1, 0.5], [0, 0]])
    # Cells of 4/3 pixels: rows hold 1, 1/2 and 0 of their height; columns 1, 1 and 1/4 of their width.
    np.testing.assert_allclose(mask_weights(mask, (3, 3), None), np.outer([1, 0.5, 0], [1, 1, 0.25]), atol=1e-12)
    # The middle square, as a crop at the centre leaves it: pixels 1 and 2 of both sides.
    np.testing.assert_allclose(mask_weights(mask, (2, 2), (1.0, 1.0, 3.0, 3.0)), [[1, 1], [0, 0]])
    # Columns from 0.5 to 2 and from 2 to 3.5: the second holds one pixel of its one and a half.
    np.testing.assert_allclose(mask_weights(mask, (1, 2), (0.5, 0.0, 3.5, 4.0)), [[1 / 2, 1 / 2 * 1 / 1.5]])
    assert mask_weights(mask, (2, 2), None).dtype == np.float64
    np.testing.assert_array_equal(mask_weights(mask, (3, 2), None), cell_means(mask.astype(float), (3, 2)))


def test_weights_that_are_only_rounding_are_zero():
    mask = rectangle(0, 0, 2, 1, size=(5, 1))  # ends where the third of seven cells does: 0.2 + 3 * 0.6 = 2
    region = (0.2, 0.0, 4.4, 1.0)
    assert 0 < cell_means(mask.astype(float), (1, 7), region)[0, 3] < 1e-9
    found = mask_weights(mask, (1, 7), region)
    np.testing.assert_array_equal(found[0, 3:], 0)
    np.testing.assert_allclose(found[0, :3], 1)
    thin = rectangle(0, 0, 1, 1, size=(10_000, 1))
    np.testing.assert_allclose(mask_weights(thin, (1, 1), None), 1e-4)
