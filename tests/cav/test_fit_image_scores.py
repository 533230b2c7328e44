"""Image scores of concepts from tables, from the fit to the bank."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest
from sklearn.metrics import roc_auc_score

import sacv
from cav.planted import Planted, noise, planted_model
from reference import image_scores as reference
from sacv.cav.quality_thresholds import weaknesses
from sacv.cav.scored_images import choose, room
from sacv.concepts import ImageItem, Labelled, image_set
from sacv.errors import CorruptFileError, WeakConceptError
from sacv.maps.methods import Gradient
from sacv.solvers import LDA, MeanDifference

LAYER = "layer"
MODEL = planted_model(3)


def pictures(count, seed=0, shown=0, side=3):
    """Noise, in the first of which one location is strong."""
    found = noise(count, 3, side, seed)
    found[:shown, :, 1, 1] += 4
    return found


def items_of(images, groups=None):
    found = image_set("table", images).items
    return found if groups is None else tuple(map(ImageItem.of_group, found, groups))


def labelled(items, shown):
    empty = image_set("table", noise(1, 3, 3, 99))
    sides = ([item for n, item in enumerate(items) if (n in shown) == wanted] for wanted in (True, False))
    return Labelled(*(replace(empty, items=tuple(side)) for side in sides))


def fit(concepts, random=(), model=MODEL, **options):
    options = {"runs": 1, "nulls": 0, "solver": MeanDifference(), "locations": 99, **options}
    return sacv.fit(model, [LAYER], concepts, random, **options)


def folds_of(bank, concept):
    """The fold of each image, by its hash."""
    found = {}
    for entry in (*bank.sets[:-1], *(bank.rests or bank.sets[-1:])):
        if entry.concept in (concept, None):
            folds = bank.statistics[LAYER, entry.key].image_fold
            found |= {image.digest: int(fold) for image, fold in zip(entry.images, folds, strict=True)}
    return found


def explained(bank, images, **options):
    wanted = {"method": Gradient(), "checks": False, "allow_weak": True} | options
    return sacv.explain(MODEL, images, bank, 0, **wanted)


def test_scores_are_those_of_a_fit_without_the_fold():
    images = pictures(40, shown=12)
    items = items_of(images)
    bank = fit({"x": labelled(items, range(12)), "y": labelled(items, range(8, 20))})
    cells = images.flatten(2).transpose(1, 2).numpy()
    order = np.argsort([item.digest for item in items])
    for concept, shown in (("x", range(12)), ("y", range(8, 20))):
        scores = bank.cav(LAYER, concept).image_scores
        shows = [number in shown for number in range(40)]
        fold_of = folds_of(bank, concept)
        folds = [fold_of[item.digest] for item in items]
        directions = reference.without_fold(cells, shows, folds)
        want = [reference.score(directions[fold], picture) for fold, picture in zip(folds, cells, strict=True)]
        np.testing.assert_allclose(scores.scores, np.array(want)[order], rtol=1e-5)
        np.testing.assert_allclose(scores.directions, list(directions.values()), rtol=0, atol=1e-9)
        np.testing.assert_array_equal(scores.shows, np.array(shows)[order])
        quality = bank.cav(LAYER, concept).quality
        assert quality.image_score_auroc == pytest.approx(roc_auc_score(shows, want))
        assert quality.image_score_interval[0] <= quality.image_score_auroc <= quality.image_score_interval[1]
        new = pictures(6, 5, shown=2)
        table = explained(bank, new).scores()
        rows = table[table["concept"] == concept]
        for picture, row in zip(new.flatten(2).transpose(1, 2).numpy(), rows.itertuples(), strict=True):
            got = reference.p_value(picture, directions, want, shows, folds, list(range(40)))
            assert row.image_p == pytest.approx(got) and row.image_p_low <= got <= row.image_p_high
            detector = bank.cav(LAYER, concept).detector
            assert row.image_score == pytest.approx(reference.score(detector, picture), rel=1e-5)
    assert bank.cav(LAYER, "x").quality.image_score_auroc > 0.9


def test_where_a_concept_is_present_the_others_reach_as_far_nowhere():
    images = pictures(60, shown=15)
    items = items_of(images)
    bank = fit({"x": labelled(items, range(15))})
    scores, new = bank.cavs[0].image_scores, pictures(20, 5, shown=10)
    found = explained(bank, new)
    marks = found.present(LAYER, "x")
    others = np.flatnonzero(~scores.shows)
    for number, picture in enumerate(new.movedim(1, -1).numpy()):
        for place in np.ndindex(3, 3):
            along = scores.directions @ picture[place]
            above = sum(scores.scores[other] >= along[scores.fold[other]] for other in others)
            assert marks[number][place] == ((1 + above) / (len(others) + 1) <= 0.05)
    p_values = found.scores()["image_p"].to_numpy()
    assert marks[:10, 1, 1].mean() > 0.5 and (p_values[marks.any(axis=(1, 2))] <= 0.05).all()
    assert "cross-conformal on 45 images of the table without it" in found.presence_calibration(LAYER, "x")
    searched = sacv.search(MODEL, new, bank, allow_weak=True).images["layer/x/present"]
    assert searched.to_pylist() == marks.any(axis=(1, 2)).tolist()


def test_one_pass_runs_each_image_once():
    seen = []

    class Counting(Planted):
        def forward(self, x):
            seen.append(len(x))
            return super().forward(x)

    images = pictures(30, shown=8)
    items, calls = items_of(images), []
    tables = {"x": labelled(items, range(8)), "y": labelled(items, range(4, 12))}
    for concepts, random in ((tables, ()), ({"x": images[:8]}, images[8:])):
        seen.clear()
        fit(concepts, random, model=sacv.VisionModel(Counting(3).double()))
        calls.append(sum(seen))
    assert calls[0] == calls[1]  # with what is run to learn the grid


@pytest.mark.slow
def test_p_values_of_500_images_without_the_concept_are_uniform():
    bank = fit({"x": labelled(items_of(pictures(1500, shown=300)), range(300))})
    p_values = explained(bank, pictures(500, 77), batch_size=100).scores()["image_p"]
    critical = 1.36 * np.sqrt(1 / 500 + 1 / 1200)  # of two samples, at 5 %
    assert kstest(p_values, "uniform").statistic < critical


@pytest.mark.slow
def test_p_values_of_images_of_new_groups_are_uniform():
    def grouped(groups, size, seed):
        generator = torch.Generator().manual_seed(seed)
        shift = torch.randn(groups, 3, 1, 1, generator=generator, dtype=torch.float64)
        return noise(groups * size, 3, 3, seed + 1) / 3 + 2 * shift.repeat_interleave(size, 0)

    images = grouped(500, 3, 0)
    images[:300, :, 1, 1] += 4
    items = items_of(images, [f"p{number // 3}" for number in range(1500)])
    bank = fit({"x": labelled(items, range(300))})
    scores = bank.cavs[0].image_scores
    assert (len(scores), scores.others) == (1500, 400)
    assert "1200 images of 400 groups of the table without it; such an image, of a new group," in scores.description
    p_values = explained(bank, grouped(500, 1, 50), batch_size=100).scores()["image_p"]
    assert kstest(p_values, "uniform").statistic < 1.36 * np.sqrt(1 / 500 + 1 / 400)


def test_an_image_of_the_fit_has_no_p_value():
    images = pictures(40, shown=12)
    bank = fit({"x": labelled(items_of(images), range(12))})
    rows = explained(bank, torch.cat([images[:2], images[-1:], pictures(2, 9)])).scores()
    assert rows["in_fit"].tolist() == [True] * 3 + [False] * 2
    assert rows["image_p"].isna().tolist() == [True] * 3 + [False] * 2
    assert rows["image_score"].notna().all()


def test_a_concept_that_the_layer_does_not_hold_is_refused():
    items = items_of(pictures(60, shown=20))
    bank = fit({"held": labelled(items, range(20)), "not held": labelled(items, range(0, 60, 2))}, nulls=19)
    told = {cav.concept: " ".join(weaknesses(cav)) for cav in bank.cavs}
    assert "the AUROC of its image score on held-out images" in told["not held"]
    assert "image score" not in told["held"]
    with pytest.raises(WeakConceptError, match=r"'not held' at 'layer': .*its image score"):
        explained(bank, pictures(2, 9), allow_weak=False)
    found = explained(bank, pictures(2, 9))
    assert any("image score" in note.text for note in found.notes if note.kind == "weak CAV")


def test_masks_leave_out_places_that_do_not_count():
    images = pictures(40, shown=12, side=4)
    mask = np.zeros((4, 4), dtype=bool)
    mask[:3, :3] = True
    other = images.clone()
    other[:, :, 3] += 100 * torch.randn(40, 3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = [fit({"x": labelled(items_of(one), range(12))}, within=mask).cavs[0] for one in (images, other)]
    order = [np.argsort([item.digest for item in items_of(one)]) for one in (images, other)]
    scores = [cav.image_scores.scores[np.argsort(its)] for cav, its in zip(found, order, strict=True)]
    cells = images.movedim(1, -1).numpy()[:, mask]
    for number in range(2):
        its = found[number].image_scores
        folds = its.fold[np.argsort(order[number])]
        want = [reference.score(its.directions[fold], picture) for fold, picture in zip(folds, cells, strict=True)]
        np.testing.assert_allclose(scores[number], want, rtol=1e-5)


def test_concepts_of_folders_have_none():
    images = pictures(40, shown=12)
    bank = fit({"x": images[:12]}, images[12:])
    assert bank.cavs[0].image_scores is None and bank.cavs[0].quality.image_score_auroc is None
    assert "image_score_auroc" not in bank.cavs[0].quality.to_json()
    rows = explained(bank, pictures(2, 9)).scores()
    assert "image_p" not in rows and rows["image_score"].notna().all() and not rows["in_fit"].any()
    with_random = fit({"x": labelled(items_of(images), range(12))}, noise(20, 3, 3, 8))
    assert with_random.cavs[0].image_scores is None


def test_images_given_for_presence_give_the_p_values():
    images, absent = pictures(60, shown=12), pictures(23, 8)
    bank = fit({"x": labelled(items_of(images), range(12))}, absent=absent)
    cav = bank.cavs[0]
    assert cav.calibration is cav.presence and cav.image_scores is not None
    new = pictures(5, 9, shown=2)
    reached = (new.movedim(1, -1).numpy() @ cav.detector).max(axis=(1, 2)).astype(np.float32)
    want = [(1 + np.sum(cav.presence.maxima >= one)) / 24 for one in reached]
    rows = explained(bank, torch.cat([new, absent[:1]])).scores()
    np.testing.assert_allclose(rows["image_p"][:5], want)
    assert rows["in_fit"].tolist() == [False] * 5 + [True]


# What becomes of them


def test_an_explanation_that_is_read_again_has_them(tmp_path):
    images = pictures(40, shown=12)
    bank = fit({"x": labelled(items_of(images), range(12))})
    found = explained(bank, torch.cat([images[:2], pictures(3, 9)]))
    found.save(tmp_path / "out")
    again = sacv.Explanation.load(tmp_path / "out").scores()
    assert again.equals(found.scores())


def test_they_are_saved(tmp_path):
    bank = fit({"x": labelled(items_of(pictures(40, shown=12)), range(12))})
    bank.save(tmp_path / "bank")
    found = sacv.ConceptBank.load(tmp_path / "bank")
    one, other = (each.cavs[0].image_scores for each in (bank, found))
    for what in ("directions", "scores", "fold", "shows", "group"):
        np.testing.assert_array_equal(getattr(one, what), getattr(other, what))
    assert found.fingerprint == bank.fingerprint and found.cavs[0].quality == bank.cavs[0].quality
    assert one.roc()[1][-1] == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda cav: cav["image_scores"].update(pictures=39), "image_scores/scores is float32 of shape"),
        (lambda cav: cav.pop("image_scores"), "image_score_auroc"),
        (lambda cav: cav["quality"].pop("image_score_auroc"), "image_score_auroc"),
        (lambda cav: cav["quality"].update(image_score_interval=[0.9, 0.1]), "image_score_interval"),
    ],
)
def test_labels_that_do_not_fit_are_named(tmp_path, change, told):
    fit({"x": labelled(items_of(pictures(40, shown=12)), range(12))}).save(tmp_path / "bank")
    labels = json.loads((tmp_path / "bank" / "bank.json").read_text())
    change(labels["cavs"][0])
    (tmp_path / "bank" / "bank.json").write_text(json.dumps(labels))
    with pytest.raises(CorruptFileError, match=told):
        sacv.ConceptBank.load(tmp_path / "bank")


def test_a_cav_that_stays_keeps_them_and_another_does_not():
    items = items_of(pictures(40, shown=12))
    bank = fit({"x": labelled(items, range(12))})
    other = fit({"y": labelled(items_of(pictures(30, 4, shown=9)), range(9))})
    both = sacv.merge([bank, other])
    for name, before in (("x", bank), ("y", other)):
        cav = both.cav(LAYER, name)
        assert cav.image_scores is before.cavs[0].image_scores
        assert cav.quality.image_score_auroc == before.cavs[0].quality.image_score_auroc
        assert cav.presence.kind == "none"
    more = sacv.merge([bank, fit({"x": labelled(items_of(pictures(30, 4, shown=9)), range(9))})])
    for changed in (more, sacv.refit(bank, solver=LDA(0.3))):
        (cav,) = changed.cavs
        assert cav.image_scores is None and cav.quality.image_score_auroc is None
        assert cav.presence.kind == "changed" and "fit from the images" in cav.calibration.description
    assert sacv.refit(bank, runs=3).cavs[0].image_scores is bank.cavs[0].image_scores


# Which images

IMAGES = noise(60, 1, 1, 0)


@settings(deadline=None)
@given(st.integers(2, 60), st.integers(0, 70), st.integers(1, 5), st.integers(0, 5))
def test_groups_are_chosen_as_a_whole_and_no_more_than_have_room(count, most, size, seed):
    groups = None if size == 1 else [f"p{number // size}" for number in range(count)]
    items = items_of(IMAGES[:count], groups)
    shown = np.random.default_rng(seed).random(count) < 0.3
    sides = [[item for item, its in zip(items, shown, strict=True) if its == wanted] for wanted in (True, False)]
    chosen = choose([(sides[0], sides[1])], most)
    assert len(chosen) <= most
    for number in range(0, count, size):
        assert len({item.digest in chosen for item in items[number : number + size]}) == 1
    if most >= count:
        assert len(chosen) == count


def test_of_many_images_those_with_the_concept_are_not_crowded_out():
    items = items_of(noise(300, 1, 1, 0))
    chosen = choose([(items[:10], items[10:]), (items[200:], items[:200])], 60)
    assert len(chosen) == 60
    assert sum(item.digest in chosen for item in items[:10]) == 10
    assert sum(item.digest in chosen for item in items[200:]) >= 15
    assert chosen == choose([(items[10::-1][1:], items[:9:-1]), (items[200:], items[:200])], 60)


def test_the_room_is_shared_with_what_calibrates_presence():
    assert room([(16, 16, 384)] * 3, 0) == 455 and room([(16, 16, 384)] * 3, 100) == 355
    assert room([(1, 1, 8)], 0) == 2000 and room([(16, 16, 384)] * 3, 455) == 0


def test_without_room_there_are_none(monkeypatch):
    monkeypatch.setattr("sacv.cav.scored_images.MOST_IMAGES", 25)
    bank = fit({"x": labelled(items_of(pictures(40, shown=12)), range(12))})
    scores = bank.cavs[0].image_scores
    assert (len(scores), scores.left_out, scores.calibrated) == (25, 15, False)
    assert bank.cavs[0].calibration is bank.cavs[0].presence
    monkeypatch.setattr("sacv.cav.scored_images.MOST_IMAGES", 0)
    assert fit({"x": labelled(items_of(pictures(40, shown=12)), range(12))}).cavs[0].image_scores is None
