"""The figures of a CAV, from images to numbers, against slow ways to get at them."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

import sacv
from cav.planted import cells, noise, planted_model, unit
from reference import contrast as slow
from reference import reading as reference
from sacv.cav.quality import HeldOut, accuracy, auroc, best_threshold
from sacv.concepts import Region
from sacv.solvers import DEFAULT, LDA, Logistic, MeanDifference, UnitLength
from solvers.table import solve

SOLVERS = [MeanDifference(), LDA(0.1), Logistic(C=0.1), UnitLength(MeanDifference()), DEFAULT]


def planted(count, seed, channel=None, channels=4, size=3, shift=1.5):
    images = noise(count, channels, size, seed)
    if channel is not None:
        images[:, channel] += shift
    return images


def fit(concepts, random, **options):
    """Fit with every location sampled, so that no sample stands between the images and the figures."""
    options = {"locations": 99, "solver": MeanDifference(), **options}
    return sacv.fit(planted_model(random.shape[1]), ["layer"], concepts, random, **options)


def values_of(images, solver):
    if not isinstance(solver, UnitLength):
        return cells(images)
    read = [reference.read(image.movedim(0, -1).numpy(), solver.smoothing) for image in images]
    return np.stack(read).reshape(len(images), -1, images.shape[1])


def flat(values, keep):
    return values[keep].reshape(-1, values.shape[-1])


def held_out(solver, bank, concept, random, name="c"):
    """Score every location by the direction made from the images of the other folds, `(images, locations)`."""
    plain = solver.solver if isinstance(solver, UnitLength) else solver
    sides = [values_of(images, solver) for images in (concept, random)]
    folds = [bank.statistics["layer", key].image_fold for key in (f"concept/{name}", "random")]
    if isinstance(plain, MeanDifference):  # its detector
        share = plain.detector_shrinkage
        plain = LDA(auto_shrinkage(sides, folds) if share == "auto" else share)
    scores = [np.full(side.shape[:2], np.nan) for side in sides]
    for fold in range(bank.folds):
        vector = solve(plain, *(flat(side, its != fold) for side, its in zip(sides, folds, strict=True)))
        for side, its, found in zip(sides, folds, scores, strict=True):
            found[its == fold] = side[its == fold] @ vector
    return scores, folds


def auto_shrinkage(sides, folds):
    """What "auto" chooses for whole images."""
    images = [[(values, np.ones(len(values))) for values in side] for side in sides]
    apart = slow.kind_auroc(images[0], folds[0].tolist(), images[1], folds[1].tolist())
    return slow.detector_shrinkage(len(sides[0]), False, apart)


def as_locations(scores, fold):
    images, places = scores.shape
    image = np.repeat(np.arange(images), places)
    return HeldOut(scores.ravel(), fold[image], image, np.ones(image.size))


def area(inside, outside, weights=None):
    labels = np.r_[np.ones(inside.size), np.zeros(outside.size)]
    return roc_auc_score(labels, np.r_[inside.ravel(), outside.ravel()], sample_weight=weights)


# Held out


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_figures_are_of_images_that_the_vector_was_not_fitted_on(solver):
    concept, random = planted(9, 0, channel=1, shift=3), planted(11, 1)
    bank = fit({"c": concept}, random, solver=solver, folds=4)
    cav = bank.cav("layer", "c")
    scores, folds = held_out(solver, bank, concept, random)
    # Rounding for closed forms; the search's end for Logistic.
    near = {"abs": 1e-6 if isinstance(solver, Logistic) else 1e-9}
    located = [as_locations(one, fold) for one, fold in zip(scores, folds, strict=True)]
    imaged = [HeldOut.of_images(one.mean(axis=1), fold) for one, fold in zip(scores, folds, strict=True)]
    quality, rng = cav.quality, np.random.default_rng(0)
    assert 0.6 < quality.auroc < 0.99  # so that not any other vector would do
    assert quality.auroc == pytest.approx(area(*scores), **near)
    assert quality.image_auroc == pytest.approx(area(*(one.mean(axis=1) for one in scores)), **near)
    assert quality.accuracy == pytest.approx(accuracy(*located, rng)[0], abs=1e-9)
    assert quality.image_accuracy == pytest.approx(accuracy(*imaged, rng)[0], abs=1e-9)
    assert cav.threshold == pytest.approx(best_threshold(*located), **near)
    assert quality.auroc_interval[0] < quality.auroc < quality.auroc_interval[1]
    assert quality.accuracy_interval[0] < quality.accuracy < quality.accuracy_interval[1]
    # The interval's own draws differ from these.
    np.testing.assert_allclose(quality.auroc_interval, auroc(*located, rng)[1], atol=0.03)
    percentiles = np.quantile(scores[0].ravel(), np.linspace(0, 1, 101), method="inverted_cdf")
    np.testing.assert_allclose(cav.evidence, percentiles, rtol=0, atol=near["abs"])
    assert (quality.images, quality.random_images) == (9, 11)
    assert (quality.locations, quality.random_locations) == (81, 99)


@pytest.mark.parametrize("folds", [2, 5, 50])
def test_the_vector_is_fitted_on_all_whatever_the_folds(folds):
    concept, random = planted(6, 0, channel=1), planted(7, 1)
    found = fit({"c": concept}, random, folds=folds).cav("layer", "c")
    want = unit(cells(concept).mean(axis=(0, 1)) - cells(random).mean(axis=(0, 1)))
    np.testing.assert_allclose(found.vector, want, rtol=0, atol=1e-12)


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_noise_with_image_offsets_validates_at_chance(solver):
    """A split by location would find 0.8 to 0.99 here, since every image has an offset of its own."""
    found, by_location = [], []
    for seed in range(6):
        images = noise(40, 16, 4, seed) + noise(40, 16, 1, 100 + seed)
        quality = fit({"c": images[:20]}, images[20:], solver=solver, seed=seed, nulls=0, runs=1)
        cav = quality.cav("layer", "c")
        found.append([cav.quality.accuracy, cav.quality.auroc, cav.quality.image_accuracy, cav.quality.image_auroc])
        by_location.append(area(*(values_of(part, solver) @ cav.vector for part in (images[:20], images[20:]))))
    # 40 independent images in all: the standard error of the mean of six is about 0.04.
    assert np.abs(np.mean(found, axis=0) - 0.5).max() < 0.13
    assert np.mean(by_location) > 0.7  # what images that the vector was fitted on would say


@pytest.mark.parametrize("smoothing", [None, 1.0])
@pytest.mark.parametrize(("count", "shift"), [(3, 0.5), (9, 0.5), (9, 2.0), (9, 90.0), (40, 0.3)])
def test_the_shrinkage_that_is_left_to_the_evidence(count, shift, smoothing):
    """It is the same as if it had been named, in every figure, and the CAV records it."""
    concept, random = planted(count, 0, channel=1, shift=shift), planted(11, 1)
    solver = MeanDifference("auto")
    named = MeanDifference
    if smoothing is not None:
        solver, named = UnitLength(solver, smoothing), lambda share: UnitLength(MeanDifference(share), smoothing)
    bank = fit({"c": concept}, random, solver=solver)
    cav = bank.cav("layer", "c")
    folds = [bank.statistics["layer", key].image_fold for key in ("concept/c", "random")]
    share = auto_shrinkage([values_of(images, solver) for images in (concept, random)], folds)
    assert cav.statistics == {"detector_shrinkage": pytest.approx(share, abs=1e-12)} and 0.8 <= share <= 0.9
    same = fit({"c": concept}, random, solver=named(cav.statistics["detector_shrinkage"])).cav("layer", "c")
    assert same.quality == cav.quality
    np.testing.assert_array_equal(same.detector, cav.detector)
    np.testing.assert_array_equal(same.null.vectors, cav.null.vectors)
    assert np.abs(cav.vector - cav.detector).max() > 1e-4


@pytest.mark.parametrize("count", [2, 5, 12])
@pytest.mark.parametrize("rest", [True, False])
def test_the_shrinkage_of_marked_photos(count, rest):
    images, masks = planted(count, 0), np.random.default_rng(0).random((count, 3, 3)) < 0.4
    masks[:, 0, 0] = True
    bank = fit(None, planted(11, 1), regions={"x": Region(images, list(masks))}, rest=rest, solver=DEFAULT)
    share = bank.cav("layer", "x").statistics["detector_shrinkage"]
    if rest:
        assert share == pytest.approx(slow.detector_shrinkage(count, True, 0.5))
    else:
        assert 0.8 <= share <= 0.9
    assert bank.solver == DEFAULT.describe()


def test_intervals_are_wide_where_nothing_is_known():
    few = fit({"c": planted(4, 0)}, planted(4, 1)).cav("layer", "c").quality
    low, high = few.auroc_interval
    assert high - low > 0.3


def test_a_sample_of_the_locations_does_for_figures():
    concept, random = planted(20, 0, channel=1, size=6), planted(20, 1, size=6)
    some, every = (fit({"c": concept}, random, locations=count).cav("layer", "c").quality for count in (8, 36))
    assert some.auroc != every.auroc
    assert some.auroc == pytest.approx(every.auroc, abs=0.05)
    assert (some.locations, some.image_auroc) == (every.locations, every.image_auroc)


# What the figures tell of


def test_threshold_parts_planted_sets():
    concept, random = planted(15, 0, channel=3, shift=40, channels=8), planted(15, 1, channels=8)
    cav = fit({"c": concept}, random).cav("layer", "c")
    assert cav.vector[3] > 0.99
    assert 5 < cav.threshold < 35
    assert cav.quality.accuracy == cav.quality.image_accuracy == 1
    assert cav.quality.auroc == pytest.approx(1, abs=1e-12)
    assert (np.diff(cav.evidence) >= 0).all() and cav.evidence.shape == (101,)


def test_images_that_do_not_show_the_concept_are_named():
    concept, random = planted(12, 0, channel=3, shift=9), planted(9, 1)
    concept[[2, 7], 3] -= 18
    assert fit({"c": concept}, random).cav("layer", "c").quality.absent == ("c[2]", "c[7]")
    concept[[2, 7], 3] += 18
    assert fit({"c": concept}, random).cav("layer", "c").quality.absent == ()


def test_absent_is_judged_by_the_vector_fitted_without_the_image():
    concept, random = planted(9, 0, channel=1, shift=0.7), planted(11, 1)
    bank = fit({"c": concept}, random)
    scores, _ = held_out(MeanDifference(), bank, concept, random)
    inside, outside = (one.mean(axis=1) for one in scores)
    want = tuple(f"c[{index}]" for index in np.flatnonzero(inside < np.median(outside)))
    assert 0 < len(want) < 9
    assert bank.cav("layer", "c").quality.absent == want


@pytest.mark.parametrize("weighted", [False, True])
def test_two_concepts_against_each_other(weighted):
    """cosine is of the vectors; conditional_auroc is of a's held-out locations against b's, along a's vector."""
    a, b, random = (
        planted(count, seed, channel, size=6) for count, seed, channel in ((8, 0, 1), (7, 2, 2), (11, 1, None))
    )
    masks = np.random.default_rng(0).random((7, 6, 6)) < 0.3
    given = {"regions": {"b": Region(b, list(masks))}} if weighted else {}
    concepts = {"a": a} | ({} if weighted else {"b": b})
    options = {"solver": MeanDifference(), "locations": 99, **given}
    bank = sacv.fit(planted_model(4, side=2), ["layer"], concepts, random, **options)
    a, b, random = (torch.nn.functional.avg_pool2d(images, 2) for images in (a, b, random))
    one, other = bank.cav("layer", "a"), bank.cav("layer", "b")
    assert one.quality.cosine == {"b": pytest.approx(one.vector @ other.vector, abs=1e-12)}
    assert other.quality.cosine == {"a": pytest.approx(one.vector @ other.vector, abs=1e-12)}
    scores, _ = held_out(MeanDifference(), bank, a, random, "a")
    weights = masks.reshape(7, 3, 2, 3, 2).mean(axis=(2, 4)) if weighted else np.ones((7, 3, 3))
    want = area(scores[0], cells(b) @ one.vector, np.r_[np.ones(72), weights.ravel()])
    assert one.quality.conditional_auroc == {"b": pytest.approx(want, abs=1e-9)}
    assert want > 0.6
    assert list(other.quality.conditional_auroc) == ["a"]


def test_concepts_that_are_the_same_cannot_be_separated():
    concept = planted(20, 0, channel=1, shift=6)
    bank = fit({"a": concept[:10], "b": concept[10:]}, planted(11, 1))
    quality = bank.cav("layer", "a").quality
    assert quality.cosine["b"] > 0.8
    assert 0.3 < quality.conditional_auroc["b"] < 0.7
    alone = fit({"a": concept[:10]}, planted(11, 1)).cav("layer", "a").quality
    assert alone.cosine == {} and alone.conditional_auroc == {}


def test_image_statistics_show_sets_that_differ_in_brightness():
    concept, random = planted(8, 0), planted(9, 1)
    same = fit({"c": concept}, random).cav("layer", "c").quality.statistics_auroc
    assert list(same) == ["brightness", "saturation", "edge energy"]
    assert all(0.5 <= value <= 1 for value in same.values()) and same["brightness"] < 0.95
    for shift in (30, -30):
        assert fit({"c": concept + shift}, random).cav("layer", "c").quality.statistics_auroc["brightness"] == 1.0
    steep = fit({"c": torch.cat([concept[..., :1] * 90, concept[..., 1:]], dim=-1)}, random).cav("layer", "c")
    assert steep.quality.statistics_auroc["edge energy"] > 0.95


# Few images


def test_two_images_each():
    quality = fit({"c": planted(2, 0, channel=1)}, planted(2, 1)).cav("layer", "c").quality
    assert 0 <= quality.auroc <= 1 and (quality.images, quality.random_images) == (2, 2)


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_sets_of_different_numbers_of_folds(solver):
    """The concept has an image for each of three folds, the pool has five."""
    bank = fit({"c": planted(3, 0, channel=1, shift=9)}, planted(12, 1), solver=solver)
    assert len(bank.statistics["layer", "concept/c"].folds) == 3
    assert len(bank.statistics["layer", "random"].folds) == 5
    assert bank.cav("layer", "c").quality.image_auroc > 0.9


@pytest.mark.parametrize("solver", [MeanDifference(), Logistic()], ids=repr)
def test_images_of_another_concept_that_share_a_fold(solver):
    images, random = planted(10, 0, channel=1, shift=9) + 5, planted(10, 1) + 5
    fold = fit({"a": images}, random).statistics["layer", "concept/a"].image_fold
    same = np.flatnonzero(fold == fold[0])
    assert len(same) == 2
    bank = fit({"a": images, "b": images[same]}, random, solver=solver)
    assert bank.cav("layer", "b").quality.auroc > 0.9


def test_a_bank_is_the_same_in_any_number_of_threads(monkeypatch):
    concepts = {f"c{number}": planted(8, number, channel=number % 4) for number in range(6)}
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)

    def fitted(threads):
        monkeypatch.setattr("sacv.cav.estimate.MOST_THREADS", threads)
        return fit(concepts, planted(20, 99), nulls=19, solver=DEFAULT).cavs

    one, several = fitted(1), fitted(4)
    assert [cav.concept for cav in several] == list(concepts)
    for alone, beside in zip(one, several, strict=True):
        for what in ("vector", "detector", "evidence"):
            np.testing.assert_array_equal(getattr(alone, what), getattr(beside, what))
        for what in ("runs", "null", "permuted"):
            np.testing.assert_array_equal(getattr(alone, what).vectors, getattr(beside, what).vectors)
        assert alone.quality == beside.quality
