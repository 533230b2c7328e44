"""Scores and audits within masks."""

import numpy as np
import pytest
import torch
from conftest import make_pictures

import sacv
from sacv.concepts import image_set
from sacv.engine import cut
from sacv.scores.accumulation import ScoreReducer
from sacv.scores.kinds import image_terms
from sacv.targets import Class
from sacv.trust.randomised import similarity

LAYER = "features.2"
HALF = np.zeros((20, 24), bool)
HALF[:, :12] = True


@pytest.fixture
def shown(tmp_path):
    return make_pictures(tmp_path / "shown", 4, 9)


def test_sums_are_over_what_counts():
    generator = torch.Generator().manual_seed(0)
    cells, gradients = torch.randn(2, 3, 4, 5, 6, generator=generator, dtype=torch.float64)
    inside = np.random.default_rng(0).random((3, 4, 5)) < 0.5
    vectors = np.linalg.qr(np.random.default_rng(1).standard_normal((6, 6)))[0]
    found = image_terms(cells, gradients, vectors, np.zeros(6), inside=inside).columns()
    for row, counts in enumerate(inside):
        alone = image_terms(cells[row][counts][None], gradients[row][counts][None], vectors, np.zeros(6)).columns()
        np.testing.assert_allclose(found[row], alone[0], rtol=1e-9, atol=1e-12)


def test_a_mask_of_everything_changes_nothing_and_half_does(small_model, small_bank, shown):
    whole = sacv.score(small_model, shown, small_bank, 2)
    full = sacv.score(small_model, shown, small_bank, 2, within=np.ones((20, 24), bool))
    half = sacv.score(small_model, shown, small_bank, 2, within=HALF)
    assert full.table.equals(whole.table) and full.images.equals(whole.images)
    assert not half.table["value"].equals(whole.table["value"])
    assert half.within[LAYER].median == half.within[LAYER].greatest == 0.5 and whole.within == {}
    assert half.to_json()["within"][LAYER]["least"] == 0.5 and "within" not in whole.to_json()
    explained = sacv.explain(small_model, shown, small_bank, 2, within=HALF, method=sacv.methods.Gradient())
    np.testing.assert_allclose(half.images["sacv_score"], explained.scores()["sacv_score"], rtol=1e-4, atol=1e-6)


def test_a_score_without_masks_of_a_bank_with_them_says_so(small_model, guidance, shown):
    bank = sacv.fit(small_model, [LAYER], {"bright": guidance[0]}, [guidance[1]], within=HALF)
    assert any("--within" in note for note in sacv.score(small_model, shown, bank, 2, allow_weak=True).notes)
    kept = sacv.score(small_model, shown, bank, 2, allow_weak=True, within=HALF)
    assert not any("--within" in note for note in kept.notes)


def test_a_shard_is_of_its_masks_and_packs(small_model, small_bank, shown):
    items = image_set("x", shown).items

    def reducer(within):
        masks = None if within is None else sacv.Within(within).of(items)
        return ScoreReducer(small_model, small_bank, {"cat": Class(2)}, items, masks)

    keys = {reducer(within).key(cut(4, 2)[0]) for within in (None, HALF, ~HALF)}
    assert len(keys) == 3
    one = reducer(HALF)
    part = one.add(one.empty(), one.load(range(2)))
    again = one.unpack(one.pack(part), cut(4, 2)[0])
    for key, sums in part.items():
        np.testing.assert_array_equal(again[key].counted, sums.counted)
        np.testing.assert_array_equal(again[key].terms, sums.terms)


def test_maps_of_shuffled_weights_are_held_against_what_counts(small_model, small_bank, shown):
    inputs = small_model.inputs([item.load() for item in image_set("x", shown)])
    other = inputs.clone()
    other[..., 6:] = -other[..., 6:]
    counts = np.zeros((4, 12, 10), bool)
    counts[..., :4] = True  # a convolution of 3 reaches one column further
    given = small_model, small_model, inputs, LAYER, small_bank.cavs, small_bank.preprocessing
    assert similarity(*given, counts)["bright"] == pytest.approx(1)


def test_an_audit_says_what_masks_did(small_model, guidance, shown):
    bank = sacv.fit(small_model, [LAYER], {"bright": guidance[0]}, [guidance[1]], within=HALF)
    within = sacv.audit(small_model, bank, shown, within=HALF).table
    told = within[within["check"] == "within masks"].iloc[0]
    assert bool(told["passed"]) and "50% by the median" in told["reason"]
    assert "inside the masks, and" in within[within["check"] == "outside the masks"].iloc[0]["reason"]
    plain = sacv.audit(small_model, bank, shown).table
    told = plain[plain["check"] == "within masks"].iloc[0]
    assert told["passed"] is None and "--within" in told["reason"]
