"""What a bank becomes without an image."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import SmallNet

import sacv
from reference import contrast as slow
from sacv.cav import Preprocessing
from sacv.errors import ImageSetError, MismatchError, OptionError
from sacv.solvers import DEFAULT, LDA, MeanDifference, UnitLength

LAYER = "features.2"


@pytest.fixture
def model():
    return sacv.VisionModel(SmallNet().double())


def pictures(count, seed, level=0.0):
    return torch.randn(count, 3, 8, 7, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + level


def fit(model, concepts, random, **options):
    return sacv.fit(model, [LAYER], concepts, [random], **({"runs": 4, "nulls": 19} | options))


def same_cavs(one, other, tolerance=1e-9):
    assert [(cav.layer, cav.concept) for cav in one.cavs] == [(cav.layer, cav.concept) for cav in other.cavs]
    for mine, theirs in zip(one.cavs, other.cavs, strict=True):
        np.testing.assert_allclose(mine.vector, theirs.vector, rtol=0, atol=tolerance)
        for name in ("vectors", "thresholds", "separations"):
            for kind in ("runs", "null"):
                left, right = (getattr(getattr(cav, kind), name) for cav in (mine, theirs))
                np.testing.assert_allclose(left, right, rtol=0, atol=tolerance)


@pytest.mark.parametrize("solver", [MeanDifference(), LDA(0.1), UnitLength(LDA(0.3)), DEFAULT], ids=repr)
def test_two_hospitals_get_the_bank_of_all_images(model, solver):
    """Each fits on its own images; the moments alone are exchanged."""
    lesions, others = (pictures(6, 1, 1.0), pictures(7, 2, 1.2)), (pictures(8, 3), pictures(9, 4))
    sites = [fit(model, {"lesion": own}, rest, solver=solver) for own, rest in zip(lesions, others, strict=True)]
    together = sacv.merge(sites)
    pooled = fit(model, {"lesion": torch.cat(lesions)}, torch.cat(others), solver=solver)
    same_cavs(together, pooled)
    for key in ("concept/lesion", "random"):
        mine, whole = (bank.statistics[LAYER, key] for bank in (together, pooled))
        assert mine.total().count == whole.total().count
        np.testing.assert_allclose(mine.total().mean, whole.total().mean, rtol=0, atol=1e-12)
        np.testing.assert_allclose(mine.total().scatter, whole.total().scatter, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(mine.images.means, whole.images.means, rtol=0, atol=1e-12)
        np.testing.assert_array_equal(mine.sample.image, whole.sample.image)
        # Averages over neighbours are products of matrices, which round by what else is in the batch.
        np.testing.assert_allclose(mine.sample.vectors, whole.sample.vectors, rtol=0, atol=1e-15)
    quality = together.cav(LAYER, "lesion").quality
    assert (quality.images, quality.random_images) == (13, 17)
    assert quality.auroc == pytest.approx(pooled.cav(LAYER, "lesion").quality.auroc, abs=0.1)


def test_a_concept_is_added(model):
    random = pictures(8, 3)
    one, two = fit(model, {"a": pictures(6, 1, 1.0)}, random), fit(model, {"b": pictures(6, 2, -1.0)}, random)
    both = fit(model, {"a": pictures(6, 1, 1.0), "b": pictures(6, 2, -1.0)}, random)
    added = sacv.merge([one, two])
    same_cavs(added, both, 1e-12)
    one, other = (bank.cav(LAYER, "a").quality for bank in (added, both))
    assert one.auroc == pytest.approx(other.auroc, abs=1e-12) and one.auroc_interval == pytest.approx(
        other.auroc_interval
    )
    assert one.cosine == pytest.approx(other.cosine) and one.conditional_auroc == pytest.approx(other.conditional_auroc)


def test_merging_survives_the_disk(model, tmp_path):
    one, two = (fit(model, {"a": pictures(6, seed, 1.0)}, pictures(8, seed + 10)) for seed in (1, 2))
    for name, bank in (("one", one), ("two", two)):
        bank.save(tmp_path / name)
    loaded = [sacv.ConceptBank.load(tmp_path / name) for name in ("one", "two")]
    same_cavs(sacv.merge(loaded), sacv.merge([one, two]), 0)


@pytest.mark.parametrize(
    ("first", "solver"),
    [
        (MeanDifference(), LDA(0.2)),
        (MeanDifference(), sacv.solvers.Logistic()),
        (DEFAULT, UnitLength(LDA(0.2), smoothing=1.0)),
        (UnitLength(LDA(0.2)), UnitLength(sacv.solvers.Logistic())),
    ],
    ids=repr,
)
def test_another_solver_gives_what_fitting_with_it_gives(model, first, solver):
    concepts, random = {"a": pictures(6, 1, 1.0)}, pictures(8, 3)
    changed = sacv.refit(fit(model, concepts, random, solver=first), solver=solver)
    fitted = fit(model, concepts, random, solver=solver)
    same_cavs(changed, fitted, 1e-12)
    assert changed.solver == fitted.solver and changed.cavs[0].quality == fitted.cavs[0].quality


def test_another_random_set(model):
    a, b, c = (pictures(6, seed, level) for seed, level in ((1, 1.0), (2, -1.0), (3, 0.4)))
    random = pictures(8, 4)
    bank = fit(model, {"a": a, "b": b, "c": c}, random)
    other = fit(model, {"a": a}, pictures(9, 5))
    from_other = sacv.refit(sacv.refit(bank, random=["b"]), random=other)
    np.testing.assert_allclose(
        from_other.cav(LAYER, "a").vector, fit(model, {"a": a}, pictures(9, 5)).cav(LAYER, "a").vector, atol=1e-12
    )
    concepts = sacv.refit(bank, random=["b", "c"])
    assert concepts.concepts == ["a"]
    wanted = fit(model, {"a": a}, torch.cat([b, c]))
    np.testing.assert_allclose(concepts.cav(LAYER, "a").vector, wanted.cav(LAYER, "a").vector, atol=1e-9)


def test_more_draws(model):
    bank = fit(model, {"a": pictures(6, 1, 1.0)}, pictures(8, 3))
    more = sacv.refit(bank, runs=9, nulls=33)
    assert (len(more.cavs[0].runs), len(more.cavs[0].null), more.runs, more.nulls) == (8, 33, 9, 33)
    np.testing.assert_array_equal(more.cavs[0].vector, bank.cavs[0].vector)


def test_marked_regions_keep_a_null_made_of_the_pool_seen_through_their_masks(model):
    masks = np.zeros((5, 8, 7), dtype=bool)
    masks[:, 2:5, 1:4] = True
    photos = pictures(5, 1, 1.0)
    random = pictures(8, 3)
    region = {"spot": sacv.Region(photos, masks)}
    marked = sacv.fit(model, [LAYER], random=[random], regions=region, runs=4, nulls=19)
    other = fit(model, {"b": pictures(6, 2, -1.0)}, random)
    added = sacv.merge([marked, other])
    same_cavs(replace(added, cavs=tuple(cav for cav in added.cavs if cav.concept == "spot")), marked, 1e-12)
    # In a pool that was not seen through the masks, there is nothing to compare a region with.
    elsewhere = sacv.refit(marked, random=fit(model, {"b": pictures(6, 2, -1.0)}, pictures(9, 7)))
    assert len(elsewhere.cavs[0].null) == 0
    # Half of the pool was: those images are concept images, all are random images.
    wider = sacv.merge([marked, fit(model, {"b": pictures(6, 2, -1.0)}, pictures(9, 7))])
    assert len(wider.cav(LAYER, "spot").null) == 19


def test_counts_of_regions_follow_the_random_set(model):
    masks = np.zeros((5, 8, 7), dtype=bool)
    masks[:3, 2:5, 1:4] = True
    one, two = (
        sacv.fit(
            model,
            [LAYER],
            random=[pictures(8, seed + 1)],
            regions={"spot": sacv.Region(pictures(5, seed, 1.0), masks)},
            runs=2,
            nulls=0,
        )
        for seed in (1, 5)
    )
    assert (one.sets[0].negatives, one.sets[0].unused) == (2, 0)
    merged = sacv.merge([one, two])
    assert (merged.sets[0].negatives, merged.sets[0].unused) == (4, 0)
    # With another random set, the concept is still contrasted with the rest of its photos, and so from these.
    elsewhere = sacv.refit(one, random=fit(model, {"b": pictures(6, 2, -1.0)}, pictures(9, 7)))
    assert (elsewhere.sets[0].negatives, elsewhere.sets[0].unused) == (2, 0)
    assert len(elsewhere.rests[0].images) == 5


# Concepts contrasted with the rest of their photos


def marks(count, seed):
    """Masks of some pixels of the images."""
    found = np.random.default_rng(seed).random((count, 8, 7)) < 0.3
    found[:, 4, 3], found[:, 0, 0] = True, False
    return found


def spots(photos, masks, name="spot"):
    return {name: sacv.Region(photos, list(masks))}


def marked(model, regions, random=(), **options):
    return sacv.fit(model, [LAYER], None, random, regions=regions, **({"runs": 4, "nulls": 19} | options))


def same_statistics(one, other, keys):
    for key in keys:
        mine, theirs = (bank.statistics[LAYER, key] for bank in (one, other))
        assert mine.total().count == pytest.approx(theirs.total().count)
        np.testing.assert_allclose(mine.total().mean, theirs.total().mean, rtol=0, atol=1e-12)
        np.testing.assert_allclose(mine.total().scatter, theirs.total().scatter, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(mine.images.means, theirs.images.means, rtol=0, atol=1e-12)
        np.testing.assert_allclose(mine.images.weights, theirs.images.weights)


@pytest.mark.parametrize("random", [False, True])
@pytest.mark.parametrize("solver", [MeanDifference(), LDA(0.1), DEFAULT], ids=repr)
def test_two_hospitals_that_mark_photos_get_the_bank_of_all_photos(model, solver, random):
    """Every random image can be separated from the photos, whatever the folds: they weigh nothing."""
    photos, masks = (pictures(6, 1, 1.0), pictures(7, 2, 1.2)), (marks(6, 1), marks(7, 2))
    pools = (pictures(8, 3, -9.0), pictures(9, 4, -9.0)) if random else ((), ())
    sites = [marked(model, spots(*own), pool, solver=solver) for *own, pool in zip(photos, masks, pools, strict=True)]
    together = sacv.merge(sites)
    pool = torch.cat(pools) if random else ()
    pooled = marked(model, spots(torch.cat(photos), np.concatenate(masks)), pool, solver=solver)
    keys = ("concept/spot", "rest/spot", "random")
    assert {key for _, key in together.statistics} == set(keys)
    same_statistics(together, pooled, keys)
    assert [len(entry.images) for entry in together.rests] == [13]
    assert [image.digest for image in together.rests[0].images] == [image.digest for image in pooled.rests[0].images]
    one, other = (bank.cav(LAYER, "spot") for bank in (together, pooled))
    np.testing.assert_allclose(one.vector, other.vector, rtol=0, atol=1e-9)
    np.testing.assert_allclose(one.detector, other.detector, rtol=0, atol=1e-9)
    np.testing.assert_allclose(one.runs.vectors, other.runs.vectors, rtol=0, atol=1e-9)
    assert one.separation == pytest.approx(other.separation)
    assert one.statistics == pytest.approx(other.statistics) and ("pool_weight" in one.statistics) == random
    assert (one.quality.images, one.quality.random_images) == (13, 13)
    assert one.quality.location_auroc == pytest.approx(other.quality.location_auroc, abs=0.15)


def test_a_merged_pool_weighs_as_its_kind_says(model):
    """The sets of two sites determine the weight of their random images, once all of them are there."""
    photos, pools = (pictures(6, 1), pictures(7, 2)), (pictures(8, 3, 0.02), pictures(9, 4, 0.02))
    sites = [
        marked(model, spots(own, marks(len(own), seed)), pool, solver=MeanDifference())
        for seed, (own, pool) in enumerate(zip(photos, pools, strict=True))
    ]
    together = sacv.merge(sites)
    rest, pool = (together.statistics[LAYER, key] for key in ("rest/spot", "random"))
    # Single images enter by their means alone.
    one, other = ([(mean[None], [1.0]) for mean in side.images.means] for side in (rest, pool))
    apart = slow.kind_auroc(one, rest.image_fold.tolist(), other, pool.image_fold.tolist())
    weight = slow.pool_weight(apart, 13)
    cav = together.cav(LAYER, "spot")
    assert cav.statistics["pool_weight"] == pytest.approx(weight) and 0.1 < weight < 1
    mean = (rest.total().mean + weight * pool.total().mean) / (1 + weight)
    difference = together.statistics[LAYER, "concept/spot"].total().mean - mean
    np.testing.assert_allclose(cav.vector, difference / np.linalg.norm(difference), rtol=0, atol=1e-9)
    assert cav.quality.random_images == 13 + 17


def test_another_concept_marked_on_the_same_photos_is_added(model):
    photos, random = pictures(9, 1, 0.1), pictures(8, 3)
    a, b = spots(photos, marks(9, 1), "a"), spots(photos, marks(9, 2), "b")
    added = sacv.merge([marked(model, a, random), marked(model, b, random)])
    both = marked(model, a | b, random)
    assert added.rests == both.rests and [entry.key for entry in added.rests] == ["rest/a", "rest/b"]
    for one, other in zip(added.cavs, both.cavs, strict=True):
        np.testing.assert_allclose(one.vector, other.vector, rtol=0, atol=1e-12)
        np.testing.assert_allclose(one.runs.vectors, other.runs.vectors, rtol=0, atol=1e-12)
        assert one.quality.location_auroc == pytest.approx(other.quality.location_auroc, abs=1e-12)
        assert one.statistics == pytest.approx(other.statistics)


def test_merging_marked_concepts_survives_the_disk(model, tmp_path):
    banks = [
        marked(model, spots(pictures(6, seed), marks(6, seed)), pictures(8, seed + 10, 0.02) if random else ())
        for seed, random in ((1, True), (2, True), (3, False), (4, False))
    ]
    for number, bank in enumerate(banks):
        bank.save(tmp_path / str(number))
    loaded = [sacv.ConceptBank.load(tmp_path / str(number)) for number in range(4)]
    for pair in ((0, 1), (2, 3)):
        one, other = (sacv.merge([found[number] for number in pair]) for found in (loaded, banks))
        same_cavs(one, other, 0)
        assert one.rests == other.rests != ()
        assert [cav.quality for cav in one.cavs] == [cav.quality for cav in other.cavs]


def test_a_concept_contrasted_with_its_rest_in_one_bank_alone_is_refused(model):
    banks = [
        marked(model, spots(pictures(6, seed), marks(6, seed)), pictures(8, seed + 10), rest=seed == 1)
        for seed in (1, 2)
    ]
    for pair in (banks, banks[::-1]):
        with pytest.raises(MismatchError, match="'spot' has its own random set in one bank but not in an"):
            sacv.merge(pair)
    # A bank that lacks the concept does not concern it.
    assert sacv.merge([banks[0], fit(model, {"c": pictures(6, 9)}, pictures(8, 11))]).rests == banks[0].rests


@pytest.mark.parametrize("level", [0.02, -9.0])
def test_another_solver_for_concepts_contrasted_with_their_rest(model, level):
    region, random = spots(pictures(9, 1), marks(9, 1)), pictures(8, 3, level)
    solver = UnitLength(LDA(0.2), smoothing=1.0)
    changed = sacv.refit(marked(model, region, random), solver=solver)
    fitted = marked(model, region, random, solver=solver)
    same_cavs(changed, fitted, 1e-12)
    assert changed.cavs[0].quality == fitted.cavs[0].quality and changed.rests == fitted.rests
    assert changed.cavs[0].statistics == fitted.cavs[0].statistics


def test_another_random_set_for_concepts_contrasted_with_their_rest(model):
    """It is another pool beside the rest, which stays; without random images at first, or of another kind."""
    region, wanted = spots(pictures(9, 1), marks(9, 1)), pictures(8, 3, 0.02)
    fitted = marked(model, region, wanted)
    assert 0.1 < fitted.cavs[0].statistics["pool_weight"] < 1
    other = fit(model, {"c": pictures(6, 9)}, wanted)
    for before in (marked(model, region), marked(model, region, pictures(10, 5, -9.0))):
        changed = sacv.refit(before, random=other)
        np.testing.assert_allclose(changed.cavs[0].vector, fitted.cavs[0].vector, rtol=0, atol=1e-12)
        np.testing.assert_allclose(changed.cavs[0].runs.vectors, fitted.cavs[0].runs.vectors, rtol=0, atol=1e-12)
        mine, theirs = (replace(bank.cavs[0].quality, run_cosine=None) for bank in (changed, fitted))
        assert mine == theirs and changed.rests == fitted.rests


def test_a_concept_with_regions_that_becomes_random_leaves_no_rest(model):
    a, b = spots(pictures(9, 1), marks(9, 1), "a"), spots(pictures(8, 2), marks(8, 2), "b")
    changed = sacv.refit(marked(model, a | b, pictures(8, 3)), random=["b"])
    assert changed.concepts == ["a"] and [entry.key for entry in changed.rests] == ["rest/a"]
    assert {key for _, key in changed.statistics} == {"concept/a", "rest/a", "random"}


def test_a_photo_that_is_rest_in_both_banks_counts_once_or_is_refused(model):
    """Both annotate another concept on the same images, whose rest is contrasted with `a` too."""
    shared = spots(pictures(5, 9), marks(5, 9), "b")
    banks = [
        marked(model, spots(pictures(6, seed), marks(6, seed), "a") | shared, pictures(8, seed + 10)) for seed in (1, 2)
    ]
    try:
        together = sacv.merge(banks)
    except ImageSetError:
        return
    for entry in together.rests:
        digests = [image.digest for image in entry.images]
        assert len(digests) == len(set(digests)) == len(together.statistics[LAYER, entry.key].image_fold)


def test_what_does_not_fit_is_refused(model):
    a, random = pictures(6, 1, 1.0), pictures(8, 3)
    bank = fit(model, {"a": a}, random)
    with pytest.raises(OptionError, match="at least two banks, not 1"):
        sacv.merge([bank])
    with pytest.raises(MismatchError, match="different models"):
        sacv.merge([bank, fit(sacv.VisionModel(SmallNet(1).double()), {"a": a}, random)])
    seen = sacv.VisionModel(SmallNet().double(), window=sacv.Window(0, 9))
    with pytest.raises(MismatchError, match=r"different models: window None and \{'low': 0"):
        sacv.merge([bank, fit(seen, {"a": a}, random)])
    with pytest.raises(MismatchError, match="different layers"):
        sacv.merge([bank, sacv.fit(model, ["features.0"], {"a": a}, [random])])
    with pytest.raises(MismatchError, match="32 and 8 locations"):
        sacv.merge([bank, fit(model, {"b": a}, random, locations=8)])
    with pytest.raises(ImageSetError, match=r"the random sets share 3 images .* but not all"):
        sacv.merge([bank, fit(model, {"b": pictures(6, 2, 1.0)}, torch.cat([random[:3], pictures(4, 9)]))])
    with pytest.raises(ImageSetError, match="and the random set share 6 images"):
        sacv.merge([bank, fit(model, {"b": pictures(6, 2, 1.0)}, torch.cat([a, pictures(4, 9)]))])
    with pytest.raises(OptionError, match="name concepts of the bank; it has a"):
        sacv.refit(bank, random=["z"])
    with pytest.raises(OptionError, match="no concept is left"):
        sacv.refit(bank, random=["a"])


READINGS = {
    MeanDifference(): "without preprocessing",
    UnitLength(MeanDifference()): "divided by their norm",
    DEFAULT: "divided by their norm, averaged over neighbours (sd 1 locations)",
    UnitLength(MeanDifference(), 0.5): "divided by their norm, averaged over neighbours (sd 0.5 locations)",
}


@pytest.mark.parametrize("one", READINGS, ids=repr)
@pytest.mark.parametrize("other", READINGS, ids=repr)
def test_banks_that_are_read_otherwise_are_refused(model, one, other):
    random = pictures(8, 3)
    bank = fit(model, {"a": pictures(6, 1, 1.0)}, random, solver=one)
    assert bank.preprocessing == Preprocessing.of(one)
    beside = fit(model, {"b": pictures(6, 2, -1.0)}, random, solver=other)
    if one == other:
        assert sacv.merge([bank, beside]).concepts == ["a", "b"]
        assert sacv.refit(bank, solver=other).preprocessing == Preprocessing.of(other)
        return
    with pytest.raises(MismatchError) as caught:
        sacv.merge([bank, beside])
    assert str(caught.value) == (
        f"one bank holds activations {READINGS[one]} and the other {READINGS[other]}; fit both with the same solver"
    )
    for again in (lambda: sacv.refit(bank, solver=other), lambda: sacv.merge([bank, bank], solver=other)):
        with pytest.raises(OptionError) as caught:
            again()
        assert str(caught.value) == (
            f"the bank holds activations {READINGS[one]}, but {other!r} needs them {READINGS[other]}; "
            "fit the bank again from the images"
        )
