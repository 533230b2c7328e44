"""The made clinic: what stands in its table is what its images show."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sacv.cav.strata import cramers_v
from sacv.errors import OptionError, StorageError
from sacv_bench.clinic import DIAGNOSES, VEIL, Clinic, load, write_clinic

SMALL = Clinic(8, 2)


def test_equal_clinics_have_equal_photos():
    assert SMALL.photos() == Clinic(8, 2).photos() != Clinic(8, 2, seed=1).photos()
    photo = SMALL.photos()[0]
    np.testing.assert_array_equal(photo.paint()[0], photo.paint()[0])


@pytest.mark.parametrize("confounding", [0, 0.5, 0.9, 1])
def test_veil_and_diagnosis_go_together_as_asked(confounding):
    photos = Clinic(400, 1, confounding).photos()
    sick, veil, itch = (np.array([getattr(one, name) for one in photos]) for name in ("malignant", "veil", "itch"))
    counts = np.array([[(side & sick).sum(), (side & ~sick).sum()] for side in (veil, ~veil)], dtype=float)
    assert cramers_v(counts) == pytest.approx(confounding, abs=0.05)
    assert sick.sum() == veil.sum() == itch.sum() == 200


def test_the_table_says_what_each_patient_has(tmp_path):
    photos = Clinic(8, 3, vignette=True).photos()
    rows = pd.read_csv(write_clinic(tmp_path, photos), dtype=str)
    assert len(rows) == 24 and set(rows["diagnosis"]) == set(DIAGNOSES)
    for _, its in rows.groupby("patient"):
        assert len(its) == 3 and (its.drop(columns="name").nunique() == 1).all()
    assert ((rows["dots"] == "P") == (rows["diagnosis"] == "malignant")).all()
    assert ((rows["vignette"] == "P") == (rows["veil"] == "A")).all()
    for photo, name in zip(photos, rows["name"], strict=True):
        for folder, part in zip(("photos", "masks"), photo.paint(), strict=True):
            stored = np.asarray(Image.open(tmp_path / folder / f"{name}.png"))
            np.testing.assert_array_equal(stored, part if folder == "photos" else part * np.uint8(255))


def test_a_veil_changes_the_lesion_alone_and_no_diagnosis_shows_twice():
    for photo in SMALL.photos():
        (with_it, mask), (without, _) = (replace(photo, veil=veil).paint() for veil in (True, False))
        changed = (with_it != without).any(axis=2)
        assert changed.any() and not (changed & ~mask).any()
        worn = [element.texture for element in photo.spec.elements]
        assert (VEIL in worn) == photo.veil and ("dotted" in worn) == photo.malignant == ("ringed" not in worn)


def test_an_itch_is_in_no_picture():
    photo = SMALL.photos()[0]
    np.testing.assert_array_equal(replace(photo, itch=True).paint()[0], replace(photo, itch=False).paint()[0])


def test_a_vignette_leaves_lesions_as_they_were_but_for_tips_of_stars():
    for photo in SMALL.photos():
        (dark, mask), (clear, _) = (replace(photo, vignette=vignette).paint() for vignette in (True, False))
        assert (dark[0, 0] == 0).all() and (dark != clear).any(axis=2).mean() > 0.2
        assert (dark != clear)[mask].mean() < 0.02


def test_the_network_tells_the_diagnosis():
    photos = [replace(photo, veil=False) for photo in Clinic(20, 1).photos()]
    model = load()
    logits = model.logits(model.inputs([Image.fromarray(photo.paint()[0]) for photo in photos])).numpy()
    right = (logits[:, 0] > logits[:, 1]) == [photo.malignant for photo in photos]
    assert right.mean() > 0.9


@pytest.mark.parametrize(("options", "words"), [
    ({"patients": 3}, "4 patients or more, not 3"),
    ({"pictures": 0}, "1 image or more, not 0"),
    ({"confounding": 1.2}, "from 0 to 1, not 1.2"),
])  # fmt: skip
def test_what_cannot_be_is_named(options, words):
    with pytest.raises(OptionError, match=words):
        Clinic(**options)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"clinic cannot be written to .*file"):
        write_clinic(tmp_path / "file", SMALL.photos()[:1])
