"""The random set of a concept with regions: the weight of a pool of other images, and the AUROC of the regions."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

import sacv
from cav.planted import cells, noise, planted_model, unit
from reference import contrast as slow
from sacv.cav.contrast import LEAST_WEIGHT, contrast, kind_auroc
from sacv.cav.sets import BankImage, BankSet
from sacv.cav.statistics import ImageMeans, SetStatistics
from sacv.concepts import Region
from sacv.solvers import LDA, MeanDifference
from sacv.stats import LocationSample, Moments
from solvers.table import solve


def told(images, folds):
    """Statistics of images, each `(locations, channels)` and a weight for each location."""
    folds, channels = np.asarray(folds), images[0][0].shape[1]
    parts = [
        [image for image, its in zip(images, folds, strict=True) if its == fold] for fold in range(folds.max() + 1)
    ]
    return SetStatistics(
        tuple(Moments.union([Moments.of(*image) for image in part], channels) for part in parts),
        folds,
        ImageMeans.single(
            np.array([slow.image_mean(*image) for image in images]), np.array([sum(its) for _, its in images], float)
        ),
        LocationSample(
            np.concatenate([values for values, _ in images]),
            np.repeat(np.arange(len(images)), [len(values) for values, _ in images]),
            np.concatenate([its for _, its in images]),
        ),
    )


def photos(count, seed, mean=0.0, places=5, channels=3):
    """Images of that many locations, each with an offset and weights of its own."""
    rng = np.random.default_rng(seed)
    return [
        (
            rng.standard_normal((places, channels)) + rng.standard_normal(channels) + mean * np.arange(1, channels + 1),
            rng.uniform(0.1, 1, places),
        )
        for _ in range(count)
    ]


def whole(images):
    return [(values, np.ones(len(values))) for values, _ in images]


def folds_of(count, folds, seed=0):
    return np.random.default_rng(seed).permutation(np.arange(count) % folds)


def images_of(name, count):
    return tuple(BankImage(f"{name}[{index}]", f"{name}{index}", (0.0, 0.0, 0.0)) for index in range(count))


def told_from(marked, rest, pool, folds=4, pool_images=None):
    """The contrast of a concept `x` with these photos' marks, their rest and a pool, and folds of rest and pool."""
    sets = {"concept/x": marked, "rest/x": rest, "random": pool}
    its = {key: folds_of(len(images), folds, seed) for seed, (key, images) in enumerate(sets.items())}
    statistics = {("layer", key): told(images, its[key]) for key, images in sets.items()}
    entry = BankSet("x", images_of("photo", len(marked)), regions=True)
    own = BankSet("x", images_of("photo", len(rest)), rest=True)
    random = BankSet(None, pool_images or images_of("pool", len(pool)), rest=pool_images is not None)
    return contrast("layer", entry, random, [own], statistics), its


# A: how well the images of two sets are separated


@pytest.mark.parametrize("shift", [0.0, 0.3, 1.0, 9.0])
@pytest.mark.parametrize("folds", [(4, 4), (2, 5), (3, 1)])
def test_kind_auroc_is_that_of_loops(shift, folds):
    for seed in range(4):
        sides = [photos(7, seed), photos(9, 50 + seed, mean=shift, places=3)]
        its = [folds_of(7, folds[0], seed), folds_of(9, folds[1], seed + 1)]
        want = slow.kind_auroc(sides[0], its[0], sides[1], its[1])
        found = kind_auroc(*(told(images, where) for images, where in zip(sides, its, strict=True)))
        assert found == pytest.approx(want, abs=1e-12)
    if shift == 9.0 and folds != (3, 1):
        assert want == 1.0


def test_kind_auroc_of_sets_without_a_fold_in_common_is_chance():
    one, other = told(photos(4, 0), [0, 0, 0, 0]), told(photos(4, 1, mean=9), [1, 1, 1, 1])
    assert kind_auroc(one, other) == slow.kind_auroc(photos(4, 0), [0] * 4, photos(4, 1, 9), [1] * 4) == 0.5
    assert kind_auroc(one, one) == 0.5  # with the fold left out, nothing is left to learn from


def test_kind_auroc_of_sets_of_one_kind_is_near_chance():
    found = [
        kind_auroc(told(photos(20, seed), folds_of(20, 5)), told(photos(20, 99 + seed), folds_of(20, 5)))
        for seed in range(20)
    ]
    # The standard deviation of one is about 0.12.
    assert abs(np.mean(found) - 0.5) < 0.1 and np.min(found) < 0.5 < np.max(found)


# k: how much the pool weighs


@pytest.mark.parametrize("shift", [0.0, 0.2, 0.5, 9.0])
@pytest.mark.parametrize("count", [3, 8])
def test_the_contrast_is_that_of_loops(shift, count):
    marked, rest, pool = photos(count, 0, mean=0.5), photos(count, 1), whole(photos(11, 2, mean=shift))
    found, folds = told_from(marked, rest, pool)
    apart = slow.kind_auroc(rest, folds["rest/x"], pool, folds["random"])
    weight = slow.pool_weight(apart, count)
    want = slow.random_mean(rest, pool, weight)
    total = found.statistics.total()
    np.testing.assert_allclose(total.mean, want, rtol=0, atol=1e-12)
    amount = sum(its.sum() for _, its in rest)
    assert total.count == pytest.approx(amount * (1 + weight))
    assert (found.figures["pool_auroc"], found.figures["pool_weight"]) == pytest.approx((apart, weight), abs=1e-12)
    mean = slow.set_mean(marked, [1.0] * count)
    directions = [unit(mean - want), unit(mean - slow.set_mean(rest, [1.0] * count))]
    assert found.figures["pool_cosine"] == pytest.approx(directions[0] @ directions[1], abs=1e-12)
    assert found.same_images
    if shift == 9.0:
        assert weight == 0 and found.parts == (count,) and found.images == images_of("photo", count)
        assert found.figures == {"pool_auroc": 1.0, "pool_weight": 0.0, "pool_cosine": 1.0}
    elif weight:
        assert found.parts == (count, 11) and found.images == images_of("photo", count) + images_of("pool", 11)


def test_every_moment_is_weighted_alike():
    """The scatter, the images and the sample, of which whitening, runs and figures are made."""
    rest, pool = photos(6, 1), whole(photos(9, 2))
    found, folds = told_from(photos(6, 0), rest, pool)
    weight = found.figures["pool_weight"]
    assert weight > 0.2
    factor = weight * sum(its.sum() for _, its in rest) / (9 * 5)
    images = [*rest, *((values, its * factor) for values, its in pool)]
    want = Moments.of(np.concatenate([values for values, _ in images]), np.concatenate([its for _, its in images]))
    np.testing.assert_allclose(found.statistics.total().scatter, want.scatter, rtol=0, atol=1e-10)
    np.testing.assert_allclose(found.statistics.images.weights, [its.sum() for _, its in images])
    np.testing.assert_allclose(found.statistics.sample.weights, np.concatenate([its for _, its in images]))
    np.testing.assert_array_equal(found.statistics.image_fold, np.r_[folds["rest/x"], folds["random"]])
    for fold in range(4):
        keep = [image for image, its in zip(images, found.statistics.image_fold, strict=True) if its != fold]
        np.testing.assert_allclose(
            found.statistics.without(fold).mean, slow.set_mean(keep, [1.0] * len(keep)), rtol=0, atol=1e-12
        )


@limits(max_examples=60, deadline=None)
@given(st.integers(2, 12), st.integers(2, 12), st.floats(-3, 3), st.integers(0, 999))
def test_the_weight_lies_between_none_and_that_of_the_rest(count, others, shift, seed):
    rest, pool = photos(count, seed), whole(photos(others, 1000 + seed, mean=shift))
    found, _ = told_from(photos(count, 2000 + seed, mean=1), rest, pool)
    weight, apart = found.figures["pool_weight"], found.figures["pool_auroc"]
    assert 0 <= apart <= 1 and (weight == 0 or LEAST_WEIGHT <= weight <= count / (count + 2) < 1)
    assert weight == pytest.approx(slow.pool_weight(apart, count), abs=1e-12)
    assert -1 <= found.figures["pool_cosine"] <= 1 + 1e-12


def test_a_pool_of_the_photos_own_kind_weighs_more_than_one_of_another():
    weights = []
    for shift in (0.0, 0.4, 0.8, 6.0):
        drawn = [
            told_from(photos(16, seed, mean=1), photos(16, seed), whole(photos(20, 500 + seed, mean=shift)))
            for seed in range(8)
        ]
        weights.append(np.mean([found.figures["pool_weight"] for found, _ in drawn]))
    assert weights[0] > 0.6 > 0.45 > weights[2] and weights == sorted(weights, reverse=True) and weights[3] == 0


def test_the_more_photos_the_more_a_pool_of_their_kind_weighs():
    """Each image of the rest is in the pool too, by another name, so that A is 0.5 or less."""
    found = []
    for count in (2, 6, 30):
        rest = whole(photos(count, 0))
        one, _ = told_from(photos(count, 1, mean=1), rest, rest, folds=2)
        assert one.figures["pool_auroc"] <= 0.75
        found.append(one.figures["pool_weight"] / min(2 * (1 - one.figures["pool_auroc"]), 1))
    assert found == pytest.approx([2 / 4, 6 / 8, 30 / 32])


@pytest.mark.parametrize("times", [2, 5])
def test_images_of_the_pool_count_alike_whatever_their_number_of_locations(times):
    marked, rest, pool = photos(7, 0, mean=0.5), photos(7, 1), whole(photos(9, 2))
    more = [(np.repeat(values, times, axis=0), np.ones(times * len(values))) for values, _ in pool]
    (one, _), (other, _) = told_from(marked, rest, pool), told_from(marked, rest, more)
    assert one.figures["pool_weight"] > 0.2 and one.figures == pytest.approx(other.figures)
    for mine, theirs in zip(one.statistics.folds, other.statistics.folds, strict=True):
        assert mine.count == pytest.approx(theirs.count)
        np.testing.assert_allclose(mine.mean, theirs.mean, rtol=0, atol=1e-12)
        np.testing.assert_allclose(mine.scatter, theirs.scatter, rtol=0, atol=1e-10)
    np.testing.assert_allclose(one.statistics.images.weights, other.statistics.images.weights)


def test_scaling_the_activations_scales_the_contrast_and_nothing_else():
    sides = photos(7, 0, mean=0.5), photos(7, 1), whole(photos(9, 2))
    scaled = [[(100 * values, its) for values, its in side] for side in sides]
    (one, _), (other, _) = told_from(*sides), told_from(*scaled)
    assert one.figures == pytest.approx(other.figures) and one.figures["pool_weight"] > 0.2
    np.testing.assert_allclose(100 * one.statistics.total().mean, other.statistics.total().mean, rtol=0, atol=1e-9)


def test_a_pool_that_holds_the_same_photos_adds_nothing():
    """As where no random images are given, and the random set is the rest itself."""
    rest, pool = photos(6, 1), photos(6, 2)
    found, _ = told_from(photos(6, 0), rest, pool, pool_images=images_of("photo", 6))
    assert found.figures == {} and found.parts == (6,) and found.same_images
    np.testing.assert_allclose(found.statistics.total().mean, slow.set_mean(rest, [1.0] * 6), rtol=0, atol=1e-12)


def test_a_concept_without_a_rest_is_contrasted_with_the_random_set():
    pool = told(whole(photos(9, 2)), folds_of(9, 4))
    sets = BankSet("x", images_of("photo", 5)), BankSet(None, images_of("pool", 9))
    other = BankSet("y", images_of("photo", 5), rest=True)
    found = contrast("layer", *sets, [other], {("layer", "random"): pool})
    assert found.statistics is pool and found.images == images_of("pool", 9) and found.parts == (9,)
    assert not found.same_images and found.figures == {}


# In a bank


def fit(regions, random=(), concepts=None, channels=4, **options):
    options = {"locations": 99, "solver": MeanDifference(), "runs": 4, "nulls": 9, **options}
    return sacv.fit(planted_model(channels), ["layer"], concepts, random, regions=regions, **options)


def marked_photos(count, seed, size=4, step=0.0):
    """Photos with an offset of their own, and masks of some pixels, where channel 1 is higher by a step."""
    images = noise(count, 4, size, seed, mean=1)
    masks = np.random.default_rng(seed).random((count, size, size)) < 0.4
    masks[:, 0, 0], masks[:, -1, -1] = True, False
    images[:, 1] += step * torch.from_numpy(masks)
    return images, masks


def test_what_a_concept_is_contrasted_with_is_available():
    images, masks = marked_photos(8, 0)
    other, its = marked_photos(6, 5)
    random, plain = noise(9, 4, 4, 1, mean=1), noise(5, 4, 4, 2)
    bank = fit({"x": Region(images, list(masks)), "y": Region(other, list(its))}, random, {"c": plain})
    assert bank.random("layer", "c") is bank.statistics["layer", "random"]
    for name in "xy":
        cav, random_set = bank.cav("layer", name), bank.random("layer", name)
        difference = bank.statistics["layer", f"concept/{name}"].total().mean - random_set.total().mean
        np.testing.assert_allclose(cav.vector, unit(difference), rtol=0, atol=1e-12)
        assert cav.quality.random_locations == pytest.approx(random_set.total().count)
        assert cav.quality.random_images == len(random_set.image_fold)
    # The area outside the regions of the other photos is rest as well.
    assert [len(entry.images) for entry in bank.rests] == [14, 14]
    with pytest.raises(sacv.errors.OptionError, match="no concept 'z'; it has c, x, y"):
        bank.random("layer", "z")


def test_a_pool_of_another_kind_does_not_turn_the_direction():
    """The pool is darker in channel 3, and the concept is higher in channel 1."""
    images, masks = marked_photos(20, 0, step=6.0)
    dark = noise(30, 4, 4, 1, mean=1)
    dark[:, 3] -= 30
    alone, beside, plain = (
        fit({"x": Region(images, list(masks))}, random, rest=rest).cav("layer", "x")
        for random, rest in (((), True), (dark, True), (dark, False))
    )
    assert alone.vector[1] > 0.95 and beside.vector @ alone.vector > 0.999 > 0.5 > plain.vector @ alone.vector
    assert beside.statistics["pool_auroc"] == 1 and alone.statistics == plain.statistics == {}


@pytest.mark.parametrize("solver", [MeanDifference(), LDA(0.1)], ids=repr)
@pytest.mark.parametrize("pool", [0, 9])
def test_the_place_of_the_marks_on_held_out_photos(solver, pool):
    images, masks = marked_photos(9, 0, step=1.0)
    masks[3], masks[3, 0, 0] = False, True
    random = noise(pool, 4, 4, 1, mean=1) if pool else ()
    bank = fit({"x": Region(images, list(masks))}, random, solver=solver, folds=3)
    fold = bank.statistics["layer", "concept/x"].image_fold
    sides = [bank.statistics["layer", "concept/x"], bank.random("layer", "x")]
    scores = np.zeros((9, 16))
    for held in range(3):
        given = []
        for side in sides:
            keep = (side.image_fold != held)[side.sample.image]
            given.append((side.sample.vectors[keep], side.sample.weights[keep]))
        vector = solve(solver, given[0][0], given[1][0], (given[0][1], given[1][1]))
        scores[fold == held] = cells(images)[fold == held] @ vector
    weights = masks.reshape(9, 16).astype(float)
    want = slow.place_auroc(list(zip(scores, weights, strict=True)), list(zip(scores, 1 - weights, strict=True)))
    quality = bank.cav("layer", "x").quality
    assert 0.55 < want < 0.98 and quality.location_auroc == pytest.approx(want, abs=1e-9)
    assert abs(want - quality.auroc) > 1e-3


def test_the_region_auroc_of_partly_covered_locations_is_weighted():
    images, masks = marked_photos(6, 0, size=6, step=2.0)
    model = planted_model(4, 2)
    bank = sacv.fit(model, ["layer"], regions={"x": Region(images, list(masks))}, solver=MeanDifference(), folds=6)
    fold = bank.statistics["layer", "concept/x"].image_fold
    values = cells(torch.nn.functional.avg_pool2d(images, 2))
    weights = masks.reshape(6, 3, 2, 3, 2).mean(axis=(2, 4)).reshape(6, 9)
    assert ((weights > 0) & (weights < 1)).any()
    scores = np.zeros((6, 9))
    for held in range(6):
        keep = fold != held
        sides = [[*zip(values[keep], its[keep], strict=True)] for its in (weights, 1 - weights)]
        inside, outside = (slow.set_mean(side, [1.0] * 5) for side in sides)
        scores[fold == held] = values[fold == held] @ (inside - outside)
    want = slow.place_auroc(list(zip(scores, weights, strict=True)), list(zip(scores, 1 - weights, strict=True)))
    assert bank.cav("layer", "x").quality.location_auroc == pytest.approx(want, abs=1e-9) != 0.5


def test_the_brightness_of_a_photo_does_not_count_for_the_region_auroc():
    """Each photo is judged by itself: offsets between photos spoil the AUROC over all, and not the region AUROC."""
    images, masks = marked_photos(12, 0, step=4.0)
    images[:, 1] += 30 * torch.randn(12, 1, 1, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    # Marks of the same size, so that the offsets are no part of the difference.
    masks[:] = np.random.default_rng(1).permutation(np.arange(16) % 2).reshape(4, 4).astype(bool)
    images[:, 1] += 20 * torch.from_numpy(masks)
    quality = fit({"x": Region(images, list(masks))}).cav("layer", "x").quality
    assert quality.location_auroc > 0.95 and quality.auroc < 0.8


def test_only_concepts_contrasted_with_the_rest_of_their_images_have_a_region_auroc():
    images, masks = marked_photos(6, 0)
    x, random = {"x": Region(images, list(masks))}, noise(9, 4, 4, 1)
    assert fit(x, random, rest=False).cav("layer", "x").quality.location_auroc is None
    both = fit(x, random, {"c": noise(5, 4, 4, 2)})
    assert (
        both.cav("layer", "c").quality.location_auroc is None
        and 0 <= both.cav("layer", "x").quality.location_auroc <= 1
    )


def test_an_entry_of_a_bank_names_which_set_it_is():
    entry = BankSet("x", images_of("photo", 3), rest=True)
    assert (entry.key, replace(entry, rest=False).key) == ("rest/x", "concept/x")
    assert BankSet.from_json(entry.to_json()) == entry
    fields = entry.to_json()
    del fields["rest"]  # as banks of before
    assert BankSet.from_json(fields) == replace(entry, rest=False)
