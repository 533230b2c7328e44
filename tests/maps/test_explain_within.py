"""Explanations within masks: what is outside counts for nothing."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import make_pictures
from safetensors.numpy import load_file

import sacv
from sacv.cav.inside import counting
from sacv.concepts import image_set, mask_weights
from sacv.engine import Shard
from sacv.errors import ImageSetError
from sacv.maps.listing import measures
from sacv.maps.methods import Gradient
from sacv.maps.reducer import ExplainReducer
from sacv.maps.significance import NullMaxima
from sacv.viewer import read_page

LAYER = "features.2"
HALF = np.zeros((30, 40), bool)
HALF[4:29, 7:31] = True


@pytest.fixture
def shown(tmp_path):
    return make_pictures(tmp_path / "shown", 3, 9, (30, 40))


@pytest.fixture
def masks():
    other = HALF[:, ::-1].copy()
    return {"0": HALF, "1": other, "2": np.ones((30, 40), bool)}


@pytest.fixture
def found(small_model, small_bank, shown, masks):
    return sacv.explain(small_model, shown, small_bank, 2, within=masks, method=Gradient())


@pytest.fixture
def whole(small_model, small_bank, shown):
    return sacv.explain(small_model, shown, small_bank, 2, method=Gradient())


def counts_of(masks):
    return np.stack([counting(mask_weights(mask, (12, 10), None)) for mask in masks.values()])


def test_values_stay_and_what_is_outside_is_marked(found, whole, masks):
    maps, before = found.maps[LAYER], whole.maps[LAYER]
    counts = counts_of(masks)
    np.testing.assert_array_equal(maps.inside, counts)
    assert before.inside is None and whole.within is None
    for kind in ("relevance", "contribution"):
        np.testing.assert_array_equal(getattr(maps, kind), getattr(before, kind))
        view, full = getattr(found, kind)(LAYER, "bright"), getattr(whole, kind)(LAYER, "bright")
        assert np.isnan(view[~counts]).all()
        np.testing.assert_array_equal(view[counts], full[counts])
    for marks in (maps.relevance_significant, maps.contribution_significant):
        assert not marks[~counts[:, None]].any()


def test_scores_are_of_what_counts(found, whole, masks):
    counts = counts_of(masks)
    relevance, contribution = (getattr(whole, kind)(LAYER, "bright") for kind in ("relevance", "contribution"))
    for index, row in found.scores().iterrows():
        inside, gate = counts[index], relevance[index] > 0
        size = np.abs(contribution[index])
        assert row["inside"] == pytest.approx(inside.mean())
        assert row["relevant"] == pytest.approx(gate[inside].mean())
        assert row["relevance_max"] == relevance[index][inside].max()
        assert row["sacv_score"] == pytest.approx(contribution[index][gate & inside].sum(), abs=1e-6)
        assert row["contribution_sum"] == pytest.approx(contribution[index][inside].sum(), abs=1e-6)
        if not gate.any():
            assert np.isnan(row["relevant_outside"]) and np.isnan(row["contribution_outside"])
            continue
        assert row["relevant_outside"] == pytest.approx((gate & ~inside).sum() / gate.sum())
        assert row["contribution_outside"] == pytest.approx(size[gate & ~inside].sum() / size[gate].sum())
    gates = relevance > 0
    told = found.within.outside[LAYER]["bright"]
    assert told.relevant == pytest.approx((gates & ~counts).sum() / gates.sum())
    shares = counts.reshape(3, -1).mean(axis=1)
    counted = found.within.counted[LAYER]
    assert (counted.median, counted.least, counted.greatest) == pytest.approx((np.median(shares), shares.min(), 1))
    assert "inside" not in whole.scores().columns


def test_a_mask_of_everything_changes_nothing(small_model, small_bank, shown, whole):
    full = sacv.explain(small_model, shown, small_bank, 2, within=np.ones((30, 40), bool), method=Gradient())
    extra = ["inside", "relevant_outside", "contribution_outside"]
    assert full.scores().drop(columns=extra).equals(whole.scores())
    for kind in ("relevance_significant", "contribution_significant"):
        np.testing.assert_array_equal(getattr(full.maps[LAYER], kind), getattr(whole.maps[LAYER], kind))


def test_chance_is_what_is_reached_inside(small_model, small_bank):
    generator = torch.Generator().manual_seed(0)
    cells, gradients = torch.randn(2, 2, 4, 5, 8, generator=generator)
    inside = np.zeros((2, 4, 5), bool)
    inside[0, 1], inside[1, :, 2] = True, True
    cavs = [small_bank.cav(LAYER, "bright")]
    one, other = NullMaxima(small_bank, LAYER, cavs), NullMaxima(small_bank, LAYER, cavs)
    one.add(cells, gradients, inside)
    other.add(*(torch.cat([each[0, 1], each[1, :, 2]])[None] for each in (cells, gradients)))
    for key, values in other.highest.items():
        np.testing.assert_allclose(one.highest[key], values, rtol=1e-6)
    for key, values in other.strongest.items():
        np.testing.assert_allclose(one.strongest[key], values, rtol=1e-6)


def test_the_trust_lines_evidence_is_inside(found, whole):
    for kept, before, row in zip(
        found.checks[LAYER], whole.checks[LAYER], found.scores()["relevance_max"], strict=True
    ):
        cav = found.bank.cav(LAYER, "bright")
        place = np.searchsorted(cav.evidence, row + cav.threshold, side="right")
        assert kept[0].evidence == pytest.approx(place / len(cav.evidence) * 100)
        assert kept[0].ablation == before[0].ablation


def test_images_are_chosen_by_what_counts(found):
    greatest, score = measures(found.maps[LAYER])
    table = found.scores()
    np.testing.assert_allclose(greatest[:, 0], table["relevance_max"], rtol=1e-6)
    np.testing.assert_allclose(score[:, 0], table["sacv_score"], rtol=1e-5)


def test_the_saved_folder_and_its_page(found, whole, masks, tmp_path):
    found.save(tmp_path / "out")
    arrays = load_file(tmp_path / "out" / "maps.safetensors")
    np.testing.assert_array_equal(arrays[f"{LAYER}/inside"], counts_of(masks))
    assert np.isfinite(arrays[f"{LAYER}/relevance"]).all()
    labels = json.loads((tmp_path / "out" / "explanation.json").read_text())
    assert labels["within"]["counted"][LAYER]["greatest"] == 1
    assert labels["within"]["outside"][LAYER]["bright"]["relevant"] == found.within.outside[LAYER]["bright"].relevant
    page = read_page(tmp_path / "out" / "index.html")
    np.testing.assert_array_equal(page.arrays["maps/0/inside"], counts_of(masks))
    assert "lie outside and do not count" in dict(page.header["cards"][0][0]["figures"])["within masks"]
    np.testing.assert_allclose(page.values("scores/inside")[0, 0, 0], found.scores()["inside"], rtol=1e-6)
    whole.save(tmp_path / "whole")
    plain = read_page(tmp_path / "whole" / "index.html")
    assert not any("inside" in name for name in plain.arrays)
    again = sacv.Explanation.load(tmp_path / "out")
    assert again.within == found.within and again.to_json()["within"] == labels["within"]
    np.testing.assert_array_equal(again.relevance(LAYER, "bright"), found.relevance(LAYER, "bright"))


def test_an_explanation_without_masks_of_a_bank_with_them_says_so(small_model, guidance, shown):
    within = np.ones((20, 24), bool)
    bank = sacv.fit(small_model, [LAYER], {"bright": guidance[0]}, [guidance[1]], within=within)
    told = sacv.explain(small_model, shown, bank, 2, method=Gradient(), checks=False).notes
    assert [note.kind for note in told if "--within" in note.text] == ["without masks"]
    kept = sacv.explain(small_model, shown, bank, 2, method=Gradient(), checks=False, within=HALF)
    assert not [note for note in kept.notes if note.kind == "without masks"]


def test_presence_is_inside_alone(small_model, guidance, tmp_path, shown, masks):
    absent = make_pictures(tmp_path / "absent", 19, 21)
    bank = sacv.fit(small_model, [LAYER], {"bright": guidance[0]}, [guidance[1]], absent=absent)
    (cav,) = bank.cavs
    anything = replace(cav.presence, maxima=cav.presence.maxima - 99)
    bank = replace(bank, cavs=(replace(cav, presence=anything),))
    found = sacv.explain(small_model, shown, bank, 2, method=Gradient(), checks=False, within=masks)
    np.testing.assert_array_equal(found.present(LAYER, "bright"), counts_of(masks))
    assert (found.scores()["present"] == 1).all()


def test_a_shard_is_of_its_masks(small_model, small_bank, shown, masks):
    items = image_set("x", shown).items

    def key(within, number=0):
        given = None if within is None else sacv.Within(within).of(items)
        reducer = ExplainReducer(small_model, small_bank, 2, Gradient(), 1, False, items, given)
        return reducer.key(Shard(number, (range(number, number + 1),)))

    changed = {**masks, "0": ~HALF}
    assert len({key(None), key(masks), key(changed)}) == 3
    assert key(masks, 1) == key(changed, 1)


def test_a_picture_without_a_mask(small_model, small_bank, shown, masks):
    del masks["1"]
    with pytest.raises(ImageSetError, match=r"without a mask: \S*1\.png"):
        sacv.explain(small_model, shown, small_bank, 2, within=masks)


def test_some_images_in_memory_keep_what_counts(found, masks):
    some = found.subset([2, 0])
    np.testing.assert_array_equal(some.maps[LAYER].inside, counts_of(masks)[[2, 0]])
    assert some.within == found.within
