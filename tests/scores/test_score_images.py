"""Scores of pictures without maps."""

import numpy as np
import pytest
import torch

import sacv
from cav.planted import noise
from cav.test_fit_image_scores import MODEL, explained, fit, items_of, labelled, pictures
from sacv.errors import ActivationError, WeakConceptError

COLUMNS = ("image_score", "image_p", "image_p_low", "image_p_high", "in_fit", "present", "weak")


@pytest.fixture(scope="module")
def bank():
    items = items_of(pictures(60, shown=20))
    return fit({"x": labelled(items, range(20)), "y": labelled(items, range(0, 60, 2))})


@pytest.mark.parametrize("within", [None, np.eye(3, dtype=bool)], ids=["whole", "within"])
def test_they_are_those_of_the_explanation(bank, within):
    images = torch.cat([pictures(60, shown=20)[:2], pictures(9, 5, shown=3)])
    found = sacv.score_images(MODEL, images, bank, within=within, batch_size=4, allow_weak=True)
    wanted = explained(bank, images, within=within).scores()
    assert (found[["layer", "concept"]] == wanted[["layer", "concept"]]).all(axis=None)
    for column in COLUMNS:
        np.testing.assert_allclose(found[column].astype(float), wanted[column].astype(float), rtol=1e-6)
    assert found["in_fit"].sum() == 4 and found["image_p"].notna().sum() == 18


def test_no_gradient_is_taken_and_each_picture_is_run_once(bank, monkeypatch):
    runs = []
    network = sacv.VisionModel.activations

    def activations(self, inputs, layers):
        runs.append(len(inputs))
        return network(self, inputs, layers)

    monkeypatch.setattr(sacv.VisionModel, "activations", activations)
    monkeypatch.setattr(sacv.VisionModel, "trace", None)
    sacv.score_images(MODEL, noise(11, 3, 3, 4), bank, batch_size=4, allow_weak=True)
    assert runs == [4, 4, 3]


def test_finished_parts_are_taken_up(bank, tmp_path, monkeypatch):
    images = noise(11, 3, 3, 4)
    with sacv.ShardStore(tmp_path / "shards") as shards:
        first = sacv.score_images(MODEL, images, bank, batch_size=4, allow_weak=True, shards=shards)
        monkeypatch.setattr(sacv.VisionModel, "activations", None)
        again = sacv.score_images(MODEL, images, bank, batch_size=4, allow_weak=True, shards=shards)
    assert first.equals(again)


def test_on_another_grid_there_is_no_p_value(bank):
    found = sacv.score_images(MODEL, noise(3, 3, 5, 4), bank, allow_weak=True)
    assert found["image_p"].isna().all() and found["present"].isna().all() and found["image_score"].notna().all()


def test_bad_input(bank):
    with pytest.raises(WeakConceptError, match="'y' at 'layer'"):
        sacv.score_images(MODEL, noise(3, 3, 3, 4), bank)
    images = noise(3, 3, 3, 4)
    images[1] = torch.nan
    with pytest.raises(ActivationError, match=r"not finite for .*\[1\]"):
        sacv.score_images(MODEL, images, bank, allow_weak=True)
