"""Files that were damaged anywhere: what is read is right, or there is exactly one of sacv's errors."""

import copy
import gzip
import json
import shutil
import warnings
from functools import partial

import numpy as np
import pytest
import tifffile
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file

import sacv
from cav.test_bank import assert_same_bank, rich_fit
from concepts.medical import write_dicom, write_nifti
from sacv import ConceptBank
from sacv.concepts import Region, image_set, region_set
from sacv.concepts.formats import read_image
from sacv.errors import CorruptFileError, ImageError, MissingExtraError, ModelError, ModelSpecError, SacvError

EXAMPLES = partial(settings, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


NOISE = [b"\0", b"\xff", b"NaN", b"1e999", b"Infinity", b"-", b'"', b"[", b"\x80abc", b"9" * 9]


@st.composite
def damages(draw):
    """A change of bytes somewhere in a file."""
    kind = draw(st.sampled_from(["flip", "cut", "leave out", "insert", "overwrite"]))
    place, span = draw(st.floats(0, 1, exclude_max=True)), draw(st.integers(1, 40))
    noise = draw(st.sampled_from(NOISE))
    bit = draw(st.integers(0, 7))

    def change(content: bytes) -> bytes:
        at = int(place * len(content))
        match kind:
            case "flip":
                return content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]
            case "cut":
                return content[:at]
            case "leave out":
                return content[:at] + content[at + span :]
            case "insert":
                return content[:at] + noise + content[at:]
        return content[:at] + noise + content[at + len(noise) :]

    return change


# Banks


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    folder = tmp_path_factory.mktemp("damage")
    found = rich_fit()
    found.save(folder / "bank")
    shutil.copytree(folder / "bank", folder / "scratch")
    return folder


@pytest.mark.parametrize("name", ["bank.json", "cavs.safetensors", "moments.safetensors"])
@EXAMPLES(max_examples=80)
@given(change=damages())
def test_a_damaged_bank_is_told_or_still_the_same(bank, name, change):
    content = (bank / "bank" / name).read_bytes()
    (bank / "scratch" / name).write_bytes(change(content))
    try:
        found = ConceptBank.load(bank / "scratch")
    except CorruptFileError as error:
        assert "scratch" in str(error)
    else:
        assert_same_bank(found, ConceptBank.load(bank / "bank"))
    finally:
        (bank / "scratch" / name).write_bytes(content)


@pytest.mark.parametrize("name", ["cavs.safetensors", "moments.safetensors"])
def test_a_value_that_is_still_legal_is_told(bank, name):
    content = (bank / "bank" / name).read_bytes()
    place = len(content) - 8  # the lowest bit of the last number
    changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
    (bank / "scratch" / name).write_bytes(changed)
    with pytest.raises(CorruptFileError, match=rf"{name} belongs to a damaged bank: its checksum differs"):
        ConceptBank.load(bank / "scratch")
    (bank / "scratch" / name).write_bytes(content)


def test_a_label_that_is_still_legal_is_told(bank):
    labels = json.loads((bank / "bank" / "bank.json").read_text())
    labels["cavs"][0]["threshold"] += 0.1
    (bank / "scratch" / "bank.json").write_text(json.dumps(labels))
    with pytest.raises(CorruptFileError, match=r"bank\.json belongs to a damaged bank: its checksum differs"):
        ConceptBank.load(bank / "scratch")
    labels["cavs"][0]["threshold"] = json.loads((bank / "bank" / "bank.json").read_text())["cavs"][0]["threshold"]
    (bank / "scratch" / "bank.json").write_text(json.dumps(labels, sort_keys=True))  # another order, the same content
    ConceptBank.load(bank / "scratch")


# Pictures and volumes


def colours(shape=(9, 11, 3), dtype=np.uint8):
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape).astype(dtype)


def write_all(folder):
    for suffix in ("png", "jpg", "gif", "bmp", "webp", "ppm", "tif"):
        Image.fromarray(colours()).save(folder / f"a.{suffix}")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(colours()).save(folder / "turned.jpg", exif=exif)
    Image.fromarray(colours((9, 11), np.uint16)).save(folder / "deep.png")
    tifffile.imwrite(folder / "deep.tif", colours(dtype=np.uint16), photometric="rgb")
    tifffile.imwrite(folder / "packed.tif", colours(dtype=np.uint16), photometric="rgb", compression="zlib")
    tifffile.imwrite(folder / "many.tif", colours((5, 9, 11)), imagej=True, metadata={"axes": "CYX"})
    write_dicom(folder / "a.dcm", colours((9, 11), np.uint16), WindowCenter=900, WindowWidth=4000, RescaleSlope=1,
                RescaleIntercept=-1024)  # fmt: skip
    write_nifti(folder / "a.nii", colours((4, 5, 6), np.int16))
    write_nifti(folder / "a.nii.gz", colours((4, 5, 6), np.int16))
    return sorted(path.name for path in folder.iterdir())


NAMES = ["a.bmp", "a.dcm", "a.gif", "a.jpg", "a.nii", "a.nii.gz", "a.png", "a.ppm", "a.tif", "a.webp", "deep.png",
         "deep.tif", "many.tif", "packed.tif", "turned.jpg"]  # fmt: skip


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    assert write_all(folder) == NAMES
    return folder


def require_image(loaded):
    if isinstance(loaded, Image.Image):
        assert loaded.mode == "RGB" and min(loaded.size) > 0
    else:
        assert loaded.dtype == torch.float32 and loaded.min() >= 0 and loaded.max() <= 1


def read_or_told(folder, name, content):
    path = folder / f"damaged-{name}"
    path.write_bytes(content)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            require_image(read_image(path))
            whole = True
        except ImageError as error:
            assert str(path) in str(error)
            whole = False
        found = image_set("c", [folder / name, path], skip_unreadable=True)
    assert len(found) + len(found.skipped) == 2 and len(found) == 1 + whole
    for item in found:
        require_image(item.load())
    assert not told


@pytest.mark.parametrize("name", NAMES)
@EXAMPLES(max_examples=30)
@given(change=damages())
def test_a_damaged_picture_is_read_or_told(pictures, name, change, capfd):
    read_or_told(pictures, name, change((pictures / name).read_bytes()))
    assert capfd.readouterr().err == ""


@EXAMPLES(max_examples=30)
@given(change=damages())
def test_a_volume_damaged_within_its_compression_is_read_or_told(pictures, change, capfd):
    content = gzip.decompress((pictures / "a.nii.gz").read_bytes())
    read_or_told(pictures, "a.nii.gz", gzip.compress(change(content)))
    assert capfd.readouterr().err == ""


@EXAMPLES(max_examples=80)
@given(
    content=st.binary(max_size=400),
    name=st.sampled_from(["x.dcm", "x.nii", "x.nii.gz", "x.tif", "x.png"]),
    head=st.sampled_from([b"", b"II*\0\x08\0\0\0", bytes(128) + b"DICM", b"\x5c\x01\0\0", b"\x89PNG\r\n\x1a\n"]),
)
def test_noise_is_no_picture(pictures, content, name, head, capfd):
    path = pictures / name
    path.write_bytes(head + content)
    with pytest.raises(ImageError, match=name), warnings.catch_warnings():
        warnings.simplefilter("error")
        read_image(path)
    path.unlink()
    assert capfd.readouterr().err == ""


# Masks


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("marked")
    for name in ("photos", "masks"):
        (folder / name).mkdir()
    inside = np.zeros((9, 11), np.uint8)
    inside[2:6, 3:8] = 255
    for name in ("one", "two"):
        Image.fromarray(colours()).save(folder / "photos" / f"{name}.png")
        Image.fromarray(inside).save(folder / "masks" / f"{name}.png")
    Image.fromarray(255 - colours()).save(folder / "photos" / "two.png")
    return folder


COCO = {
    "images": [
        {"id": 1, "file_name": "one.png", "width": 11, "height": 9},
        {"id": 2, "file_name": "two.png", "width": 11, "height": 9},
    ],
    "categories": [{"id": 7, "name": "spot"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 7, "segmentation": [[1, 1, 8.5, 1, 8, 7]]},
        {"id": 2, "image_id": 1, "category_id": 7, "bbox": [1, 2, 3, 4]},
        {"id": 3, "image_id": 2, "category_id": 7, "segmentation": {"size": [9, 11], "counts": [10, 9, 80]}},
        {"id": 4, "image_id": 2, "category_id": 7, "segmentation": {"size": [9, 11], "counts": ":9`2"}},
    ],
}


def masks_or_told(folder, masks):
    try:
        found = region_set("c", Region(folder / "photos", masks))
        loaded = [mask.load((11, 9)) for mask in found.masks]
    except ImageError:
        return
    assert loaded and all(mask.shape == (9, 11) and mask.dtype == np.bool_ and mask.any() for mask in loaded)


@EXAMPLES(max_examples=100)
@given(change=damages())
def test_a_damaged_mask_file_is_read_or_told(marked, change):
    whole = (marked / "masks" / "one.png").read_bytes()
    (marked / "masks" / "two.png").write_bytes(change(whole))
    masks_or_told(marked, marked / "masks")
    masks_or_told(marked, sorted((marked / "masks").iterdir()))


@EXAMPLES(max_examples=100)
@given(change=damages())
def test_a_damaged_coco_file_is_read_or_told(marked, change):
    (marked / "masks.json").write_bytes(change(json.dumps(COCO).encode()))
    masks_or_told(marked, marked / "masks.json")
    masks_or_told(marked, f"{marked / 'masks.json'}:spot")


def places(value, path=()):
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inside:
        yield from places(one, (*path, name))


NAN, INF = float("nan"), float("inf")
ODD = [None, True, -1, 0, 1.5, 10**30, 1e300, NAN, INF, "", "9", "\ud800", "~" * 90, [], {}, [[]], [{}], [None],
       [[1, 2]], [["a"] * 6], {"size": 3}, {"counts": []}, [NAN] * 6, [1e8] * 6, [-1e8, 1e8] * 3]  # fmt: skip


@EXAMPLES(max_examples=200)
@given(data=st.data())
def test_a_coco_file_of_other_values_is_read_or_told(marked, data):
    content = copy.deepcopy(COCO)
    for _ in range(data.draw(st.integers(1, 3))):
        *above, last = data.draw(st.sampled_from([path for path in places(content) if path]))
        place = content
        for name in above:
            place = place[name]
        place[last] = copy.deepcopy(data.draw(st.sampled_from(ODD)))
    (marked / "odd.json").write_text(json.dumps(content))
    masks_or_told(marked, marked / "odd.json")
    masks_or_told(marked, f"{marked / 'odd.json'}:spot")


# Networks

PARTS = [
    "a",
    ".py",
    ":",
    "@",
    "/",
    "..",
    "torchvision",
    "timm",
    "hf",
    "random",
    "\0",
    " ",
    "~",
    "%",
    "demo",
    "net",
    "-",
]


@EXAMPLES(max_examples=100)
@given(spec=st.one_of(st.text(max_size=12), st.lists(st.sampled_from(PARTS), max_size=6).map("".join)))
def test_names_of_networks_are_loaded_or_told(spec, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        assert isinstance(sacv.load_model(spec), sacv.VisionModel)
    except (ModelError, MissingExtraError) as error:
        assert str(error)


CODE = """
from torch import nn
def net():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
def small():
    return nn.Linear(3, 2)
"""


@pytest.mark.parametrize("kind", ["safetensors", "pt"])
@EXAMPLES(max_examples=40)
@given(change=damages())
def test_damaged_weights_are_loaded_or_told(tmp_path_factory, kind, change):
    folder = tmp_path_factory.mktemp("weights")
    (folder / "mine.py").write_text(CODE)
    state = torch.nn.Linear(3, 2).state_dict()
    file = folder / f"weights.{kind}"
    save_file(state, file) if kind == "safetensors" else torch.save(state, file)
    file.write_bytes(change(file.read_bytes()))
    try:
        model = sacv.load_model(f"{folder / 'mine.py'}:small", weights=file)
    except ModelSpecError as error:
        assert "weights" in str(error)
    except SacvError as error:
        raise AssertionError(f"another kind of error: {error!r}") from error
    else:
        assert model.net.weight.shape == (2, 3)
