"""Each format: what its values become, on files that the format's own library wrote."""

import io
import sys
from functools import partial

import nibabel
import numpy as np
import pydicom
import pytest
import tifffile
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from concepts.medical import lut, write_dicom, write_nifti
from reference.voi import FUNCTIONS
from sacv.concepts import image_set
from sacv.concepts.formats import FORMATS, check_image, format_of, read_image
from sacv.concepts.formats.voi import windowed
from sacv.errors import MissingExtraError, OptionError, UnreadableImageError
from sacv.model import Window

STORED = np.random.default_rng(0).integers(0, 4096, (5, 7)).astype(np.uint16)


def grey(path, window=None):
    picture = np.asarray(read_image(path, window))
    assert picture.shape[2] == 3 and (picture == picture[..., :1]).all()
    return picture[..., 0].astype(int)


# The windows of DICOM


@given(
    st.lists(st.floats(-5000, 5000), min_size=1, max_size=20),
    st.floats(-2000, 2000),
    st.floats(1, 4000),
    st.sampled_from(sorted(FUNCTIONS)),
)
def test_windows_are_those_of_the_standard(values, centre, width, function):
    # A value at the very edge of a window of width near 0 may round to either side.
    width = 1.0 if width < 1.001 else width
    found = windowed(np.array(values), centre, width, function)
    wanted = [FUNCTIONS[function](value, centre, width) for value in values]
    np.testing.assert_allclose(found, wanted, atol=1e-6)


@given(st.floats(-500, 500), st.floats(2, 4000), st.sampled_from(sorted(FUNCTIONS)))
def test_windows_agree_with_pydicom(centre, width, function):
    dataset = pydicom.Dataset()
    dataset.PhotometricInterpretation, dataset.BitsStored, dataset.PixelRepresentation = "MONOCHROME2", 16, 0
    dataset.add_new("WindowCenter", "FD", centre)
    dataset.add_new("WindowWidth", "FD", width)
    dataset.VOILUTFunction = function
    values = np.linspace(-3000, 3000, 101)
    with np.errstate(over="ignore"):
        theirs = pydicom.pixels.apply_windowing(values, dataset) / 65535
    np.testing.assert_allclose(windowed(values, centre, width, function), theirs, atol=1e-9)


@pytest.mark.parametrize(
    ("width", "function"), [(0.5, "LINEAR"), (0, "LINEAR_EXACT"), (-1, "SIGMOID"), (np.nan, "LINEAR"), (9, "CUBIC")]
)
def test_a_window_that_the_standard_does_not_know(width, function):
    with pytest.raises(ValueError, match=r"its (window|VOI LUT Function)"):
        windowed(np.zeros(1), 0, width, function)


# DICOM


@pytest.mark.parametrize("function", [None, *FUNCTIONS])
def test_values_are_rescaled_and_then_windowed(tmp_path, function):
    told = {} if function is None else {"VOILUTFunction": function}
    path = write_dicom(tmp_path / "a.dcm", STORED, RescaleSlope=2, RescaleIntercept=-1024, WindowCenter=[40, 9],
                       WindowWidth=[4000, 9], **told)  # fmt: skip
    by_hand = [[FUNCTIONS[function or "LINEAR"](2.0 * x - 1024, 40, 4000) * 255 for x in row] for row in STORED]
    np.testing.assert_array_equal(grey(path), np.rint(by_hand))


def test_the_users_window_goes_before_that_of_the_file(tmp_path):
    path = write_dicom(tmp_path / "a.dcm", STORED, RescaleSlope=1, RescaleIntercept=-1024, WindowCenter=40,
                       WindowWidth=80)  # fmt: skip
    wanted = np.rint(np.clip((STORED.astype(float) - 1024 + 160) / 400, 0, 1) * 255)
    np.testing.assert_array_equal(grey(path, Window(-160, 240)), wanted)


def test_monochrome1_is_inverted_also_under_the_users_window(tmp_path):
    for window in (None, Window(100, 900)):
        plain = grey(write_dicom(tmp_path / "a.dcm", STORED, WindowCenter=2000, WindowWidth=4000), window)
        other = write_dicom(tmp_path / "b.dcm", STORED, WindowCenter=2000, WindowWidth=4000,
                            PhotometricInterpretation="MONOCHROME1")  # fmt: skip
        assert np.abs(grey(other, window) - (255 - plain)).max() <= 1 and plain.std() > 20


def test_a_table_of_values_is_applied(tmp_path):
    stored = np.arange(8, dtype=np.uint8).reshape(2, 4)
    entries = [0, 10, 40, 90, 160, 250, 255, 255]
    path = write_dicom(tmp_path / "a.dcm", stored, VOILUTSequence=[lut(0, entries, 8)])
    np.testing.assert_array_equal(grey(path).ravel(), entries)


def test_a_modality_table_is_applied_and_gives_the_range(tmp_path):
    stored = np.arange(4, dtype=np.uint8).reshape(2, 2)
    path = write_dicom(tmp_path / "a.dcm", stored, ModalityLUTSequence=[lut(0, [0, 1000, 2000, 65535], 16)])
    np.testing.assert_array_equal(grey(path).ravel(), [0, 4, 8, 255])


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16])
def test_without_a_window_the_stored_range_is_taken(tmp_path, dtype):
    info = np.iinfo(dtype)
    stored = np.array([[info.min, 0, info.max]], dtype)
    path = write_dicom(tmp_path / "a.dcm", stored, RescaleSlope=-3, RescaleIntercept=7)
    wanted = 255 - np.rint((stored.astype(float) - info.min) / (info.max - info.min) * 255)
    np.testing.assert_array_equal(grey(path), wanted)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colours_are_taken_as_they_are(tmp_path, dtype):
    colours = np.random.default_rng(0).integers(0, 256, (4, 5, 3)).astype(dtype)
    shift = 8 * (colours.itemsize - 1)
    found = read_image(write_dicom(tmp_path / "a.dcm", colours << shift), Window(0, 1))
    np.testing.assert_array_equal(np.asarray(found), colours)


def test_several_frames_are_refused_with_the_way_out(tmp_path):
    path = write_dicom(tmp_path / "a.dcm", np.stack([STORED] * 3), NumberOfFrames=3)
    for act in (check_image, read_image):
        with pytest.raises(UnreadableImageError, match=r"a\.dcm holds 3 frames.*each frame to its own file"):
            act(path)


def test_one_frame_is_an_image(tmp_path):
    assert read_image(write_dicom(tmp_path / "a.dcm", STORED[None], NumberOfFrames=1)).size == (7, 5)


def test_a_dicom_file_is_known_by_its_content(tmp_path):
    write_dicom(tmp_path / "IM0001", STORED)
    (item,) = image_set("c", tmp_path, window=Window(0, 4095))
    np.testing.assert_array_equal(np.asarray(item.load())[..., 0], np.rint(STORED / 4095 * 255))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"Rows": 60000, "Columns": 60000}, "announces more than"),
        ({"Rows": 0}, "announces 7 x 0"),
        ({"Rows": None}, "without an image"),
        ({"PixelData": b"\0\0"}, "damaged or unsupported DICOM"),
        ({"WindowCenter": 3, "WindowWidth": 0}, "its window has centre 3 and width 0"),
        ({"BitsAllocated": 17}, "damaged or unsupported DICOM"),
        ({"PhotometricInterpretation": "SOUND"}, "damaged or unsupported DICOM"),
    ],
    ids=str,
)
def test_dicom_files_that_cannot_be_read(tmp_path, fields, words):
    path = write_dicom(tmp_path / "a.dcm", STORED, **fields)
    with pytest.raises(UnreadableImageError, match=rf"a\.dcm.*{words}"):
        read_image(path)


def test_a_file_deflated_as_a_whole_is_refused_before_it_is_inflated(tmp_path):
    path = write_dicom(tmp_path / "a.dcm", STORED)
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    dataset.save_as(path)
    with pytest.raises(UnreadableImageError, match="deflated as a whole"):
        check_image(path)


# TIFF


def write_tiff(path, values, **options):
    tifffile.imwrite(path, values, **options)
    return path


COLOURS = np.random.default_rng(1).integers(0, 65536, (6, 5, 3)).astype(np.uint16)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_deep_colours_are_scaled_as_pillow_scales_deep_grey(tmp_path, planar):
    values = COLOURS if planar == "contig" else np.moveaxis(COLOURS, -1, 0)
    path = write_tiff(tmp_path / "a.tif", values, photometric="rgb", planarconfig=planar)
    np.testing.assert_array_equal(np.asarray(read_image(path)), COLOURS >> 8)


def test_the_users_window_is_for_deep_values_alone(tmp_path):
    window = Window(1000, 20000)
    wanted = np.rint(np.clip((COLOURS - 1000.0) / 19000, 0, 1) * 255)
    found = read_image(write_tiff(tmp_path / "a.tif", COLOURS, photometric="rgb"), window)
    np.testing.assert_array_equal(np.asarray(found), wanted)
    for suffix in ("tif", "png"):  # read by Pillow
        Image.fromarray(COLOURS[..., 0]).save(tmp_path / f"b.{suffix}")
        np.testing.assert_array_equal(grey(tmp_path / f"b.{suffix}", window), wanted[..., 0])
        Image.fromarray((COLOURS >> 8).astype(np.uint8)).save(tmp_path / f"c.{suffix}")
        np.testing.assert_array_equal(np.asarray(read_image(tmp_path / f"c.{suffix}", window)), COLOURS >> 8)


def test_float_grey_needs_a_window(tmp_path):
    values = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
    Image.fromarray(values).save(tmp_path / "a.tif")
    with pytest.raises(UnreadableImageError, match=r"a\.tif.*no known range.*--window"):
        read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(grey(tmp_path / "a.tif", Window(-1, 1)), np.rint((values.astype(float) + 1) * 127.5))
    values[0, 0] = np.nan
    Image.fromarray(values).save(tmp_path / "a.tif")
    with pytest.raises(UnreadableImageError, match=r"a\.tif.*not finite"):
        read_image(tmp_path / "a.tif", Window(-1, 1))


@pytest.mark.parametrize("form", ["samples", "planes", "imagej", "ome"])
def test_other_numbers_of_channels_give_a_tensor(tmp_path, form):
    values = np.random.default_rng(2).integers(0, 65536, (5, 6, 4)).astype(np.uint16)
    write = {
        "samples": partial(
            write_tiff, values=np.moveaxis(values, 0, -1), photometric="minisblack", planarconfig="contig"
        ),
        "planes": partial(write_tiff, values=values, photometric="minisblack", planarconfig="separate"),
        "imagej": partial(write_tiff, values=values, imagej=True, metadata={"axes": "CYX"}),
        "ome": partial(write_tiff, values=values, ome=True, metadata={"axes": "CYX"}, photometric="minisblack"),
    }  # fmt: skip
    path = write[form](tmp_path / "a.tif")
    found = read_image(path)
    assert found.dtype == torch.float32 and found.shape == (5, 6, 4)
    np.testing.assert_allclose(found.numpy(), values / 65535, atol=1e-7)
    windowed_ = read_image(path, Window(1000, 2000)).numpy()
    np.testing.assert_allclose(windowed_, np.clip((values - 1000.0) / 1000, 0, 1), atol=1e-6)


def test_transparency_of_deep_colours_is_laid_on_white(tmp_path):
    clear = np.dstack([COLOURS, np.zeros((6, 5), np.uint16)])
    path = write_tiff(tmp_path / "a.tif", clear, photometric="rgb", extrasamples=["unassalpha"])
    assert np.asarray(read_image(path)).min() == 255


@pytest.mark.parametrize("turn", range(1, 9))
def test_orientation_is_honoured_as_pillow_does(tmp_path, turn):
    path = write_tiff(tmp_path / "a.tif", COLOURS, photometric="rgb", extratags=[(274, "H", 1, turn, True)])
    other = Image.fromarray((COLOURS >> 8).astype(np.uint8))
    other.getexif()[274] = turn
    np.testing.assert_array_equal(np.asarray(read_image(path)), np.asarray(ImageOps.exif_transpose(other)))


@pytest.mark.parametrize("axes", ["ZYX", "TYX"])
def test_a_stack_of_deep_colours_is_refused(tmp_path, axes):
    path = write_tiff(tmp_path / "a.tif", np.stack([COLOURS] * 4), photometric="rgb", metadata={"axes": f"{axes}S"})
    with pytest.raises(UnreadableImageError, match=r"a\.tif is a stack of images .*to its own file"):
        read_image(path)


def test_float_channels_need_a_window(tmp_path):
    values = np.random.default_rng(0).random((5, 4, 3), np.float32)
    path = write_tiff(tmp_path / "a.tif", values, photometric="minisblack", planarconfig="separate")
    with pytest.raises(UnreadableImageError, match=r"a\.tif.*float32.*no known range.*--window"):
        read_image(path)
    np.testing.assert_allclose(read_image(path, Window(0, 1)).numpy(), values, atol=1e-6)


def test_a_large_tiff_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    path = write_tiff(tmp_path / "a.tif", COLOURS, photometric="rgb")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 29)
    for act in (check_image, read_image):
        with pytest.raises(UnreadableImageError, match=r"a\.tif announces more than 29 pixels"):
            act(path)


# NIfTI


def volume(shape=(4, 5, 6)):
    """Voxels `(x, y, z)` that run to the right, to anterior and to superior."""
    return np.random.default_rng(3).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("axes", ["RAS", "LPS", "SAR", "PIL"])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_whatever_the_axes_the_network_sees_the_same(tmp_path, axes, name):
    canonical = nibabel.Nifti1Image(volume(), np.diag([2.0, 3, 4, 1]))
    turn = nibabel.orientations.ornt_transform(
        nibabel.orientations.axcodes2ornt("RAS"), nibabel.orientations.axcodes2ornt(axes)
    )
    turned = canonical.as_reoriented(turn)
    assert "".join(nibabel.aff2axcodes(turned.affine)) == axes
    nibabel.save(turned, tmp_path / name)
    found = read_image(tmp_path / name, Window(-2, 2))
    assert found.dtype == torch.float32 and found.shape == (1, 6, 5, 4)
    for x, y, z in ((0, 0, 0), (3, 1, 5), (2, 4, 0)):
        assert found[0, z, y, x] == pytest.approx(np.clip((volume()[x, y, z] + 2) / 4, 0, 1), abs=1e-6)


def test_without_a_window_percentiles_are_black_and_white(tmp_path):
    values = volume((10, 10, 10))
    low, high = np.sort(values.ravel())[[5, -6]]  # within the percentiles 0.5 and 99.5 of a thousand
    found = read_image(write_nifti(tmp_path / "a.nii", values)).numpy()
    assert found.min() == 0 and found.max() == 1 and (found == 0).sum() == 5 and (found == 1).sum() == 5
    inner = (values > low) & (values < high)
    order = np.argsort(values[inner])
    assert (np.diff(found[0].T[inner][order]) >= 0).all()


def test_sparse_and_constant_volumes(tmp_path):
    sparse = np.zeros((10, 10, 10), np.int16)
    sparse[3, 4, 5] = 7
    assert read_image(write_nifti(tmp_path / "a.nii", sparse))[0, 5, 4, 3] == 1
    assert not read_image(write_nifti(tmp_path / "b.nii", np.full((3, 3, 3), 9.0))).any()


def test_stored_values_are_scaled(tmp_path):
    image = nibabel.Nifti1Image(np.arange(27, dtype=np.int16).reshape(3, 3, 3), np.eye(4))
    image.header.set_slope_inter(0.5, -3)
    image.to_filename(tmp_path / "a.nii")
    wanted = np.clip(nibabel.load(tmp_path / "a.nii").get_fdata().T / 10, 0, 1)
    np.testing.assert_allclose(read_image(tmp_path / "a.nii", Window(0, 10))[0], wanted, atol=1e-6)


@pytest.mark.parametrize(("shape", "seen"), [((4, 5), (1, 5, 4)), ((4, 5, 6, 1), (6, 5, 4))])
def test_axes_of_one_are_added_and_taken_away(tmp_path, shape, seen):
    assert read_image(write_nifti(tmp_path / "a.nii", volume(shape))).shape == (1, *seen)


@pytest.mark.parametrize(
    ("voxels", "words"),
    [
        (volume((3, 3, 3, 2)), "several volumes"),
        (np.full((3, 3, 3), np.nan), "not finite"),
        (np.zeros((3, 3, 3), np.complex64), "type complex64"),
        (np.zeros((3, 3, 3), [("R", "u1"), ("G", "u1"), ("B", "u1")]), "of type"),
    ],
)
def test_volumes_that_are_none(tmp_path, voxels, words):
    with pytest.raises(UnreadableImageError, match=rf"a\.nii.*{words}"):
        read_image(write_nifti(tmp_path / "a.nii", voxels))


def test_a_large_volume_is_refused_before_it_is_read(tmp_path):
    header = nibabel.Nifti1Header()
    header.set_data_shape((2000, 2000, 2000))
    header.set_data_dtype(np.int16)
    buffer = io.BytesIO()
    header["magic"], header["vox_offset"] = b"n+1", 352
    header.write_to(buffer)
    (tmp_path / "a.nii").write_bytes(buffer.getvalue() + bytes(100))
    for act in (check_image, read_image):
        with pytest.raises(UnreadableImageError, match="8000000000 values"):
            act(tmp_path / "a.nii")


def test_volumes_say_how_they_lie(tmp_path):
    write_nifti(tmp_path / "a.nii.gz", volume())
    Image.fromarray(np.zeros((3, 3), np.uint8)).save(tmp_path / "b.png")
    assert [item.ras for item in image_set("c", tmp_path)] == [True, False]


# All


def one_of_each(folder):
    return {
        "pydicom": write_dicom(folder / "a.dcm", STORED),
        "tifffile": write_tiff(folder / "a.tif", COLOURS, photometric="rgb"),
        "nibabel": write_nifti(folder / "a.nii.gz", volume()),
    }


@pytest.mark.parametrize("package", ["pydicom", "tifffile", "nibabel"])
def test_without_the_extra_one_error_names_the_file_and_the_way_out(tmp_path, package, monkeypatch):
    path = one_of_each(tmp_path)[package]
    monkeypatch.setitem(sys.modules, package, None)
    for skip in (False, True):
        with pytest.raises(MissingExtraError) as raised:
            image_set("c", path, skip_unreadable=skip)
        assert str(path) in str(raised.value) and "pip install 'sacv[medical]'" in str(raised.value)


def test_images_need_no_extra(tmp_path, monkeypatch):
    for package in ("pydicom", "tifffile", "nibabel"):
        monkeypatch.setitem(sys.modules, package, None)
    for suffix in ("png", "jpg", "tif"):
        Image.fromarray((COLOURS >> 8).astype(np.uint8)).save(tmp_path / f"a.{suffix}")
    Image.fromarray(COLOURS[..., 0]).save(tmp_path / "deep.tif")
    assert len(image_set("c", tmp_path, skip_unreadable=True).items) == 4


def test_every_format_claims_its_own(tmp_path):
    found = [format_of(path) for path in one_of_each(tmp_path).values()]
    assert {one.name for one in found} == {one.name for one in FORMATS}


@pytest.mark.parametrize("package", ["pydicom", "tifffile", "nibabel"])
def test_cut_files_are_named_or_left_out(tmp_path, package, capfd):
    path = one_of_each(tmp_path)[package]
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - 30])
    Image.fromarray(np.zeros((3, 3), np.uint8)).save(tmp_path / "b.png")
    with pytest.raises(UnreadableImageError, match=r"a\.(dcm|tif|nii\.gz) is a damaged .*--skip-unreadable"):
        read_image(path)
    found = image_set("c", [path, tmp_path / "b.png"], skip_unreadable=True)
    assert len(found) == 1 and found.skipped[0].name == str(path)
    assert capfd.readouterr().err == ""


def test_a_window_is_two_finite_numbers_in_order():
    for low, high in ((1, 1), (2, 1), (np.nan, 1), (0, np.inf)):
        with pytest.raises(OptionError, match="the lower first"):
            Window(low, high)
