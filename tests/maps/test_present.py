"""The mask of presence of an explanation, from the pictures that calibrate it to the page."""

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import sacv
from cav.planted import noise, planted_model
from reference import presence as reference
from sacv.cav.presence import negatives_of
from sacv.concepts import image_set
from sacv.errors import OptionError
from sacv.maps.methods import Gradient
from sacv.solvers import MeanDifference
from sacv.synthetic.scenes import SIZE, random_spec, render
from sacv.synthetic.textures import FIRST_TEXTURES, texture
from sacv.viewer import read_page
from viewer import shown

LAYER = "layer"
MODEL = planted_model(3)


def bank_of(absent, concepts=None, **options):
    concepts = concepts or {"c": noise(8, 3, 4, 0, mean=2)}
    wanted = {"solver": MeanDifference(), "runs": 1, "nulls": 0} | options
    return sacv.fit(MODEL, [LAYER], concepts, noise(9, 3, 4, 1), absent=absent, **wanted)


def explain(bank, shown, **options):
    wanted = {"method": Gradient(), "checks": False, "allow_weak": True} | options
    return sacv.explain(MODEL, shown, bank, 0, **wanted)


@pytest.mark.parametrize("count", [18, 19, 23])
@pytest.mark.parametrize("solver", [MeanDifference(), MeanDifference(0.3)], ids=repr)
def test_the_mask_agrees_with_the_reference(count, solver):
    absent, shown = noise(count, 3, 4, 5), torch.cat([noise(6, 3, 4, 6, mean=0.5), noise(6, 3, 4, 7, mean=2)])
    bank = bank_of(absent, solver=solver)
    detector = bank.cavs[0].detector
    pictures, others = (images.movedim(1, -1).numpy() for images in (shown, absent))
    want = np.array([reference.present(detector, picture, others) for picture in pictures])
    if count == 18:
        assert not want.any()
        with pytest.raises(OptionError, match=r"'c' at layer 'layer': no mask: 18 images .* 19 or more"):
            explain(bank, shown).present(LAYER, "c")
        return
    found = explain(bank, shown, batch_size=5).present(LAYER, "c")
    assert found.dtype == bool and found.shape == (12, 4, 4)
    np.testing.assert_array_equal(found, want)
    assert want.any() and not want.all()


def test_what_only_reaches_the_threshold_is_not_present():
    """Of the very pictures that calibrate, those above the rank are marked and no other."""
    for count, above in ((19, 0), (23, 0), (30, 0), (78, 1), (120, 2)):
        absent = noise(count, 3, 4, 5)
        digests = [item.digest for item in image_set("a", absent)]
        calibrate = np.isin(digests, sorted(digests)[: count - negatives_of(count)])
        marked = explain(bank_of(absent), absent).present(LAYER, "c").any(axis=(1, 2))
        assert marked[calibrate].sum() == above


def test_ties_are_not_present():
    """All of 39 pictures, of which 20 calibrate, reach the same, at one corner; so does the one explained."""

    def level(seed, corner=0.5):
        pictures = noise(39, 3, 4, seed).clamp(max=0.4)
        pictures[:, :, 0, 0] = corner
        return pictures

    bank = bank_of(level(5))
    assert (bank.cavs[0].presence_direction > 0).all() and np.ptp(bank.cavs[0].presence.maxima) == 0
    assert not explain(bank, level(6)).present(LAYER, "c").any()
    assert (explain(bank, level(6, 0.501)).present(LAYER, "c").sum(axis=(1, 2)) == 1).all()


def test_end_to_end_on_the_network_that_ships():
    """Scenes without stripes calibrate; stripes are found, and other scenes are left alone."""
    rng = np.random.default_rng(0)
    others = [name for name in FIRST_TEXTURES if name != "striped"]

    def scenes(inside, count):
        specs = [
            random_spec(rng, object_textures=inside, background_textures=others, area=(0.15, 0.4)) for _ in range(count)
        ]
        return [render(spec).image for spec in specs]

    concepts = {"striped": [texture("striped", SIZE, rng) for _ in range(12)]}
    pool = [texture(name, SIZE, rng) for name in 2 * others]
    model, absent = sacv.load_model("demo"), scenes(others, 19)
    bank = sacv.fit(model, ["blocks.2"], concepts, pool, absent=absent, runs=1, nulls=0, folds=2)
    shown = [*scenes(["striped"], 6), *scenes(others, 10)]
    found = sacv.explain(model, shown, bank, "striped", method=Gradient(), checks=False)
    marked = found.present("blocks.2", "striped").any(axis=(1, 2))
    assert marked[:6].mean() > 0.6 and marked[6:].mean() <= 0.2


# What becomes of it


def test_the_mask_is_saved_told_and_drawn(tmp_path):
    bank = bank_of(noise(20, 3, 4, 5), nulls=19)
    found = explain(bank, noise(3, 3, 4, 7, mean=2))
    marks = found.present(LAYER, "c")
    found.save(tmp_path / "out")
    saved = load_file(tmp_path / "out" / "maps.safetensors")
    np.testing.assert_array_equal(saved["layer/present/c"], marks)
    np.testing.assert_array_equal(found.scores()["present"], marks.mean(axis=(1, 2)))
    labels = json.loads((tmp_path / "out" / "explanation.json").read_text())
    (told,) = [cav["presence"] for cav in labels["cavs"]]
    assert (told["kind"], told["pictures"], told["threshold"]) == ("given", 20, bank.cavs[0].presence.threshold)
    assert told["told"] == bank.cavs[0].presence.description
    assert [row["present"] for row in labels["scores"]] == marks.mean(axis=(1, 2)).tolist()
    ((card,),) = shown.header(tmp_path / "out")["cards"]
    assert card["line"] == "present"
    assert "calibrated on 20 images given as showing none" in dict(card["figures"])["mask of presence"]
    np.testing.assert_array_equal(read_page(tmp_path / "out" / "index.html").arrays["maps/0/present"][:, 0], marks)


def test_without_it_the_page_draws_what_beats_chance(tmp_path):
    found = explain(bank_of((), nulls=19), noise(3, 3, 4, 7, mean=2))
    found.save(tmp_path / "out")
    ((card,),) = shown.header(tmp_path / "out")["cards"]
    assert card["line"] == "significant"
    assert "no mask: no image was available" in dict(card["figures"])["mask of presence"]
    assert "layer/present/c" not in load_file(tmp_path / "out" / "maps.safetensors")
    assert "present" not in found.scores()


def test_one_concept_may_have_a_mask_and_another_none(tmp_path):
    one = bank_of(noise(20, 3, 4, 5))
    found = explain(sacv.merge([one, bank_of((), {"d": noise(8, 3, 4, 9, mean=-2)})]), noise(3, 3, 4, 7, mean=2))
    assert found.present(LAYER, "c").any()
    with pytest.raises(OptionError, match="'d' at layer 'layer': no mask: no image"):
        found.present(LAYER, "d")
    assert found.scores()["present"].notna().tolist() == [True] * 3 + [False] * 3
    found.save(tmp_path / "out")
    rows = json.loads((tmp_path / "out" / "explanation.json").read_text())["scores"]
    assert [row["present"] is None for row in rows] == [False] * 3 + [True] * 3


def test_on_another_grid_it_is_left_out():
    found = explain(bank_of(noise(20, 3, 4, 5)), noise(3, 3, 6, 7, mean=2))
    (note,) = [note for note in found.notes if note.kind == "another grid"]
    assert "grid of (4, 4)" in note.text and "(6, 6)" in note.text
    with pytest.raises(OptionError, match=r"no mask: the grid is \(6, 6\), not \(4, 4\)"):
        found.present(LAYER, "c")
