"""An explanation that was saved is read back as it was."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import make_pictures, make_small_model

import sacv
from sacv.errors import CorruptFileError, OptionError, UnreadableImageError
from sacv.viewer import read_page


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    place, model = tmp_path_factory.mktemp("loaded"), make_small_model()
    photos = make_pictures(place / "bright", 6, 1, low=180)
    (photos / "notes.txt").write_text("no image")
    bank = sacv.fit(
        model, ["features.0", "features.2"], {"bright": make_pictures(place / "own", 6, 1, low=180)},
        [make_pictures(place / "other", 7, 2)], nulls=19, absent=make_pictures(place / "absent", 20, 5),
    )  # fmt: skip
    return sacv.explain(model, photos, bank, "predicted", allow_weak=True, skip_unreadable=True)


@pytest.fixture(scope="module")
def saved(found, tmp_path_factory):
    place = tmp_path_factory.mktemp("saved") / "found"
    found.save(place)
    return place


@pytest.fixture
def folder(saved, tmp_path):
    """A copy that a test may damage."""
    return shutil.copytree(saved, tmp_path / "found")


def test_what_is_read_is_what_was_saved(found, folder):
    again = sacv.Explanation.load(folder)
    assert again.layers == found.layers and again.concepts == found.concepts and again.notes == found.notes
    assert list(again.images) == list(found.images) and again.settings == found.settings
    assert again.image_set.skipped == found.image_set.skipped
    for layer in found.layers:
        np.testing.assert_array_equal(again.relevance(layer, "bright"), found.relevance(layer, "bright"))
        np.testing.assert_array_equal(again.contribution(layer, "bright"), found.contribution(layer, "bright"))
        np.testing.assert_array_equal(again.significant(layer, "bright"), found.significant(layer, "bright"))
        np.testing.assert_array_equal(again.present(layer, "bright"), found.present(layer, "bright"))
        assert again.presence_calibration(layer, "bright") == found.presence_calibration(layer, "bright")
        assert list(again.checks[layer]) == list(found.checks[layer])
    pd.testing.assert_frame_equal(again.scores(), found.scores())
    assert json.loads(json.dumps(again.to_json())) == json.loads(json.dumps(found.to_json()))


def test_it_is_saved_again_as_it_is(folder, tmp_path):
    again = sacv.Explanation.load(folder)
    for place in (tmp_path / "copy", folder):
        again.save(place)
    for file in folder.rglob("*"):
        copy = tmp_path / "copy" / file.relative_to(folder)
        assert file.is_dir() or copy.read_bytes() == file.read_bytes()


def test_some_of_its_images_have_a_page_of_their_own(found, folder, tmp_path):
    sacv.Explanation.load(folder).subset([4, 1]).save(tmp_path / "few")
    header = read_page(tmp_path / "few" / "index.html").header
    assert [image["path"] for image in header["images"]] == [found.images[4].path, found.images[1].path]


def test_an_explanation_says_what_it_is(found, folder):
    want = "Explanation(6 images, target 'predicted'; concepts bright; layers features.0, features.2)"
    assert repr(found) == repr(sacv.Explanation.load(folder)) == want


def test_its_pictures_are_not_read_again(folder):
    with pytest.raises(UnreadableImageError, match=r"is not read again for a saved explanation"):
        sacv.Explanation.load(folder).image_set.items[0].load()


def test_without_model_there_is_no_page(folder):
    from dataclasses import replace

    with pytest.raises(OptionError, match="has no report"):
        replace(sacv.Explanation.load(folder), display_images=None).viewer_data()


@pytest.mark.parametrize(
    "file", ["explanation.json", "images.parquet", "scores.parquet", "maps.safetensors", "pictures/000002.jpg"]
)
def test_what_is_missing_or_damaged_is_one_error(folder, file):
    whole = (folder / file).read_bytes()
    for content in (None, whole[: len(whole) // 2], b""):
        if content is None:
            (folder / file).unlink()
        elif file.endswith(".jpg"):
            continue  # a browser says so
        else:
            (folder / file).write_bytes(content)
        with pytest.raises(CorruptFileError):
            sacv.Explanation.load(folder)


@pytest.mark.parametrize("name", ["layers", "cavs", "drawn", "settings", "skipped", "notes", "concepts"])
def test_labels_of_another_make_are_one_error(folder, name):
    labels = json.loads((folder / "explanation.json").read_text())
    for wrong in (None, 7, [3]):
        (folder / "explanation.json").write_text(json.dumps(labels | {name: wrong}))
        with pytest.raises(CorruptFileError):
            sacv.Explanation.load(folder)
    shutil.rmtree(folder)
    with pytest.raises(CorruptFileError, match="is not a sacv explanation"):
        sacv.Explanation.load(folder)
