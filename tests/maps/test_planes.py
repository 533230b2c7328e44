"""Volumes on the page: three planes through the place of greatest relevance."""

import re

import numpy as np
import pytest
import torch
from torch import nn

import sacv
from concepts.medical import write_nifti
from sacv.maps.planes import volume_planes

SHAPE = (4, 6, 8)


def maps(place):
    relevance = np.zeros((2, 3, 4), np.float32)
    relevance[place] = 1
    return relevance, -relevance, relevance > 0, None


@pytest.mark.parametrize("place", [(0, 0, 0), (1, 2, 3), (1, 0, 2)])
def test_planes_go_through_the_place_of_greatest_relevance(place):
    volume = np.random.default_rng(0).random((1, *SHAPE)).astype(np.float32)
    found = volume_planes(volume, maps(place), ras=False)
    z, y, x = (2 * part + 1 for part in place)
    low, high = volume.min(), volume.max()
    drawn = ((volume[0] - low) / (high - low) * 255).astype(np.uint8)
    for plane, wanted in zip(found, (drawn[z], drawn[:, y], drawn[:, :, x]), strict=True):
        np.testing.assert_array_equal(np.asarray(plane.picture)[..., 0], wanted)
        assert plane.relevance.max() == 1 and plane.contribution.min() == -1
        assert plane.relevance_marks.sum() == 1 and plane.contribution_marks is None
    assert [plane.caption for plane in found] == [f"depth {z + 1} of 4", f"row {y + 1} of 6", f"column {x + 1} of 8"]


def test_anatomical_planes_have_superior_and_anterior_at_the_top():
    volume = np.zeros((1, *SHAPE), np.float32)
    volume[0, 3, :, :] += 1  # the most superior slice
    volume[0, :, 5, :] += 2  # the most anterior
    volume[0, :, :, 7] += 4  # the rightmost
    axial, coronal, sagittal = volume_planes(volume, maps((0, 0, 0)), ras=True)
    assert [plane.caption.split(",")[0] for plane in (axial, coronal, sagittal)] == ["axial", "coronal", "sagittal"]
    level = {name: np.asarray(plane.picture)[..., 0].astype(int)
             for name, plane in (("axial", axial), ("coronal", coronal), ("sagittal", sagittal))}  # fmt: skip
    right, anterior, superior = (int(part / 7 * 255) for part in (4, 2, 1))
    assert (level["axial"][0, :-1] == anterior).all() and (level["axial"][1:, -1] == right).all()
    assert (level["coronal"][0, :-1] == superior).all() and (level["coronal"][1:, -1] == right).all()
    assert (level["sagittal"][0, :-1] == superior).all() and (level["sagittal"][1:, -1] == anterior).all()
    # The map is turned with its picture: the place (0, 0, 0) is inferior, posterior and left.
    assert axial.relevance[-1, 0] == coronal.relevance[-1, 0] == sagittal.relevance[-1, 0] == 1


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


def page(found, folder):
    found.save(folder)
    return (folder / "index.html").read_text()


def test_the_page_draws_three_planes_of_each_volume_and_says_which(tmp_path):
    rng = np.random.default_rng(0)
    for name, shift in (("bright", 3), ("other", 0)):
        (tmp_path / name).mkdir()
        for index in range(4):
            write_nifti(tmp_path / name / f"{index}.nii.gz", rng.normal(shift, 1, SHAPE).astype(np.float32))
    model = sacv.VisionModel(Volumes(), window=sacv.Window(-3, 6))
    bank = bank_of(model, tmp_path / "bright", tmp_path / "other")
    found = sacv.explain(model, tmp_path / "bright", bank, 0, allow_weak=True)
    text = page(found, tmp_path / "found")
    assert re.findall(r"<figcaption>(axial|coronal|sagittal), slice", text) == ["axial", "coronal", "sagittal"] * 4
    assert text.count('alt="relevance of bright') == text.count('alt="contribution of bright') == 12
    assert text.count("<table>") == 4 and text.count("background-image") == 12
    assert "anterior at the top" in text and "maps.safetensors holds the whole maps" in text
    assert "<dt>window</dt><dd>-3:6</dd>" in text and "of volumes." in text


def test_planes_of_other_volumes_have_no_anatomical_names(tmp_path):
    model = sacv.VisionModel(Volumes())
    generator = torch.Generator().manual_seed(0)
    concept, random = (torch.randn(4, 1, *SHAPE, generator=generator) + shift for shift in (3, 0))
    found = sacv.explain(model, concept[:2], bank_of(model, concept, random), 0, allow_weak=True)
    text = page(found, tmp_path / "found")
    assert re.findall(r"<figcaption>(depth|row|column) \d of \d", text) == ["depth", "row", "column"] * 2
    assert "axial" not in text and "<dt>window" not in text


def test_a_silent_contribution_and_missing_marks_are_not_drawn(tmp_path):
    net = nn.Sequential(nn.Conv3d(1, 3, 3, padding=1), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(3, 2))
    torch.manual_seed(0)
    concept, random = torch.randn(4, 1, *SHAPE) + 2, torch.randn(4, 1, *SHAPE)
    model = sacv.VisionModel(net)
    bank = sacv.fit(model, ["0"], {"bright": concept}, random, runs=2, nulls=0)
    found = sacv.explain(model, concept[:1], bank, 0, allow_weak=True, method=sacv.methods.Gradient())
    assert page(found, tmp_path / "found").count("not drawn: see the note above") == 3
