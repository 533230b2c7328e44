"""Volumes on the page: slices along three axes, and the maps that lie on them."""

import numpy as np
import torch
from torch import nn

import sacv
from concepts.medical import write_nifti
from sacv.maps.planes import NAMES, RAS_NAMES, SLICES, slices_of
from sacv.viewer import read_page
from viewer import shown

SHAPE = (4, 6, 8)


def test_slices_are_those_of_the_volume():
    volume = np.random.default_rng(0).random((1, *SHAPE)).astype(np.float32)
    low, high = volume.min(), volume.max()
    drawn = ((volume[0] - low) / (high - low) * 255).astype(np.uint8)
    found = slices_of(volume, NAMES, ras=False)
    assert [(one.name, one.axis, one.flipped, len(one.pictures)) for one in found] == [
        ("depth", 0, False, 4), ("row", 1, False, 6), ("column", 2, False, 8),
    ]  # fmt: skip
    for one in found:
        for at, picture in enumerate(one.pictures):
            np.testing.assert_array_equal(np.asarray(picture)[..., 0], drawn.take(at, one.axis))
    assert found[2].captions[3] == "column 4 of 8"


def test_of_many_slices_evenly_spaced_ones_are_drawn():
    depth, row, _ = slices_of(np.zeros((1, 3 * SLICES, 2, 2), np.float32), NAMES, ras=False)
    assert len(depth.pictures) == SLICES and len(row.pictures) == 2
    assert depth.captions[0] == f"depth 2 of {3 * SLICES}" and depth.captions[-1] == f"depth {3 * SLICES - 1} of 144"


def test_anatomical_planes_have_superior_and_anterior_at_the_top():
    volume = np.zeros((1, *SHAPE), np.float32)
    volume[0, 3, :, :] += 1  # the most superior slice
    volume[0, :, 5, :] += 2  # the most anterior
    volume[0, :, :, 7] += 4  # the rightmost
    found = slices_of(volume, RAS_NAMES, ras=True)
    assert [one.captions[0].split(",")[0] for one in found] == ["axial", "coronal", "sagittal"]
    level = {one.name: np.asarray(one.pictures[0])[..., 0].astype(int) for one in found}
    right, anterior, superior = (int(part / 7 * 255) for part in (4, 2, 1))
    assert (level["axial"][0, :-1] == anterior).all() and (level["axial"][1:, -1] == right).all()
    assert (level["coronal"][0, :-1] == superior).all() and (level["coronal"][1:, -1] == right).all()
    assert (level["sagittal"][0, :-1] == superior).all() and (level["sagittal"][1:, -1] == anterior).all()
    assert all(one.flipped for one in found), "so are the maps"


class Volumes(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv3d(1, 4, 3, padding=1)
        self.pool = nn.MaxPool3d(2)
        self.last = nn.Conv3d(4, 2, 3, padding=1)

    def forward(self, x):
        return torch.relu(self.last(self.pool(torch.relu(self.first(x))))).square().mean((2, 3, 4))


def bank_of(model, concept, random):
    return sacv.fit(model, ["pool"], {"bright": concept}, random, runs=2, nulls=19)


def test_the_page_draws_three_planes_of_each_volume_and_says_which(tmp_path, open_page):
    rng = np.random.default_rng(0)
    for name, shift in (("bright", 3), ("other", 0)):
        (tmp_path / name).mkdir()
        for index in range(4):
            write_nifti(tmp_path / name / f"{index}.nii.gz", rng.normal(shift, 1, SHAPE).astype(np.float32))
    model = sacv.VisionModel(Volumes(), window=sacv.Window(-3, 6))
    bank = bank_of(model, tmp_path / "bright", tmp_path / "other")
    found = sacv.explain(model, tmp_path / "bright", bank, 0, allow_weak=True)
    found.save(tmp_path / "found")
    header = shown.header(tmp_path / "found")
    assert [[plane["name"] for plane in image["planes"]] for image in header["images"]] == [list(RAS_NAMES)] * 4
    assert "anterior at the top" in header["layers"][0]["notes"][0][-1]
    assert "maps.safetensors holds the whole maps" in header["layers"][0]["notes"][0][-1]
    assert shown.facts(tmp_path / "found")["window"] == "-3:6"
    again = sacv.Explanation.load(tmp_path / "found").viewer_data()
    assert again.header == header
    slices = sum(len(plane["captions"]) for plane in header["images"][0]["planes"])
    assert len(list((tmp_path / "found" / "pictures").iterdir())) == 4 * slices
    relevance = found.relevance("pool", "bright")
    page = open_page(tmp_path / "found" / "index.html")
    for axis, (name, cells) in enumerate(zip(RAS_NAMES, relevance.shape[1:], strict=True)):
        page.locator("select[aria-label=plane]").select_option(name)
        captions = header["images"][0]["planes"][axis]["captions"]
        best = int(np.unravel_index(relevance[0].argmax(), relevance[0].shape)[axis])
        at = int(page.locator("input[aria-label=slice]").input_value())
        assert at == int((best + 0.5) * len(captions) / cells), "at first the most relevant slice"
        assert page.locator(".slices").inner_text().strip().endswith(captions[at])
        want = relevance[0].take(int((at + 0.5) * cells / len(captions)), axis)[::-1]
        drawn = page.locator("sacv-viewer").evaluate(
            "({explanation, view}) => { const {values, rows, columns} = explanation.flat('relevance', view);"
            " return [rows, columns, [...values]]; }"
        )
        np.testing.assert_allclose(np.reshape(drawn[2], drawn[:2]), want, atol=2e-3 * np.abs(relevance).max())
    # A place leads to its volume and to the slice that it lies on.
    strongest = np.unravel_index(relevance.argmax(), relevance.shape)
    patch = page.locator(".patches .strip").first.locator("button").first
    assert patch.get_attribute("title").startswith(f"{relevance.max():.3g} in {strongest[0]}.nii.gz, {name}")
    patch.click()
    chosen = page.locator("sacv-viewer").evaluate("element => element.selection")
    slice_of = int(page.locator("input[aria-label=slice]").input_value())
    rest = [int(at) for along, at in enumerate(strongest[1:]) if along != axis]
    rows = relevance.shape[1:][0 if axis else 1]
    assert chosen["image"] == strongest[0] and chosen["location"] == [rows - 1 - rest[0], rest[1]]
    assert slice_of == int((strongest[1 + axis] + 0.5) * len(captions) / cells)


def test_planes_of_other_volumes_have_no_anatomical_names(tmp_path):
    model = sacv.VisionModel(Volumes())
    generator = torch.Generator().manual_seed(0)
    concept, random = (torch.randn(4, 1, *SHAPE, generator=generator) + shift for shift in (3, 0))
    found = sacv.explain(model, concept[:2], bank_of(model, concept, random), 0, allow_weak=True)
    found.save(tmp_path / "found")
    header = shown.header(tmp_path / "found")
    assert [[plane["name"] for plane in image["planes"]] for image in header["images"]] == [list(NAMES)] * 2
    assert "axial" not in str(header) and "window" not in shown.facts(tmp_path / "found")


def test_a_silent_contribution_and_missing_marks_are_not_drawn(tmp_path):
    net = nn.Sequential(nn.Conv3d(1, 3, 3, padding=1), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(3, 2))
    torch.manual_seed(0)
    concept, random = torch.randn(4, 1, *SHAPE) + 2, torch.randn(4, 1, *SHAPE)
    model = sacv.VisionModel(net)
    bank = sacv.fit(model, ["0"], {"bright": concept}, random, runs=2, nulls=0)
    found = sacv.explain(model, concept[:1], bank, 0, allow_weak=True, method=sacv.methods.Gradient())
    found.save(tmp_path / "found")
    data = read_page(tmp_path / "found" / "index.html")
    assert data.header["layers"][0]["silent"] == [True] and not any("marks" in name for name in data.arrays)
