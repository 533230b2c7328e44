import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from sacv.cav.quality import HeldOut, accuracy, area, auroc, best_threshold

seeds = st.integers(0, 2**32 - 1)


def side(scores, fold=None, image=None, weights=None):
    scores = np.array(scores, dtype=float)
    count = len(scores)
    return HeldOut(
        scores,
        np.zeros(count, dtype=np.int64) if fold is None else np.array(fold),
        np.arange(count) if image is None else np.array(image),
        np.ones(count) if weights is None else np.array(weights, dtype=float),
    )


def drawn(seed, images, places, shift, ties=False, weighted=True):
    """Scores of images that each have an offset of their own, in three folds by image."""
    rng = np.random.default_rng(seed)
    image = np.repeat(np.arange(images), places)
    scores = shift + rng.standard_normal(images)[image] + rng.standard_normal(images * places)
    weights = rng.uniform(0.1, 1, len(image)) if weighted else np.ones(len(image))
    return side(np.round(scores) if ties else scores, image % 3, image, weights)


def generator():
    return np.random.default_rng(0)


def balanced(concept, random, threshold):
    shares = [np.average(one.scores > threshold, weights=one.weights) for one in (concept, random)]
    return (shares[0] + 1 - shares[1]) / 2


def slow_auroc(concept, random):
    """Over every pair of locations; a tie is half a win."""
    won = total = 0.0
    for score, weight in zip(concept.scores, concept.weights, strict=True):
        for other, its in zip(random.scores, random.weights, strict=True):
            won += weight * its * ((score > other) + (score == other) / 2)
            total += weight * its
    return won / total


def pairs_auroc(concept, random):
    """The same, of all pairs at once."""
    wins = (np.sign(concept.scores[:, None] - random.scores) + 1) / 2
    return np.average(wins, weights=np.outer(concept.weights, random.weights))


def sklearn_auroc(concept, random):
    labels = np.r_[np.ones(len(concept.scores)), np.zeros(len(random.scores))]
    weights = np.r_[concept.weights, random.weights]
    return roc_auc_score(labels, np.r_[concept.scores, random.scores], sample_weight=weights)


# The threshold


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(-5, 5), st.integers(1, 3)), min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(-5, 5), st.integers(1, 3)), min_size=1, max_size=12),
)
def test_threshold_is_as_good_as_any(concept, random):
    concept, random = (side([s for s, _ in one], weights=[w for _, w in one]) for one in (concept, random))
    found = balanced(concept, random, best_threshold(concept, random))
    assert found == pytest.approx(max(balanced(concept, random, cut) for cut in np.arange(-6, 6.5, 0.5)))


def test_threshold_lies_in_the_middle_of_the_gap():
    assert best_threshold(side([4, 5]), side([0, 2])) == 3.0


def test_of_thresholds_as_good_as_each_other_the_middle_one_is_taken():
    assert best_threshold(side([1, 3, 5]), side([0, 2, 4])) == 2.5


def test_weights_move_the_threshold():
    concept, random = [1.0, 3.0], [0.0, 2.0]
    assert best_threshold(side(concept, weights=[9, 1]), side(random, weights=[9, 1])) == 0.5
    assert best_threshold(side(concept, weights=[1, 9]), side(random, weights=[1, 9])) == 2.5


# Accuracy


def test_accuracy_is_judged_at_the_threshold_of_the_other_folds():
    # Fold 0 alone would choose a threshold between 10 and 11; the other fold's threshold, 0.5, separates nothing there.
    concept, random = side([11, 1], [0, 1]), side([10, 0], [0, 1])
    value, _ = accuracy(concept, random, generator())
    assert value == 0.5  # fold 0: both above 0.5; fold 1: both below 10.5


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_accuracy_is_the_mean_of_the_shares_classified_correctly(seed):
    concept, random = drawn(seed, 6, 3, 1.0), drawn(seed + 1, 9, 2, 0.0)
    right = []
    for one, above in ((concept, True), (random, False)):
        share = 0.0
        for fold in range(3):
            rest = [each.part(each.fold != fold) for each in (concept, random)]
            told = (one.scores > best_threshold(*rest)) == above
            share += np.sum(one.weights * told * (one.fold == fold))
        right.append(share / one.weights.sum())
    assert accuracy(concept, random, generator())[0] == pytest.approx(np.mean(right))


def test_a_fold_that_only_one_set_has_is_judged_too():
    """The concept has two images and so two folds, random has three."""
    concept, random = side([5, 6], [0, 1]), side([0, 1, 2], [0, 1, 2])
    value, interval = accuracy(concept, random, generator())
    assert value == 1.0 and interval == (1.0, 1.0)


# AUROC


def test_auroc_of_four():
    assert auroc(side([1, 3]), side([0, 2]), generator())[0] == 0.75


@settings(max_examples=30, deadline=None)
@given(seeds, st.booleans())
def test_auroc_is_that_of_all_pairs_of_locations(seed, ties):
    concept, random = drawn(seed, 5, 3, 0.5, ties), drawn(seed + 1, 4, 3, 0.0, ties)
    value = auroc(concept, random, generator())[0]
    assert value == pytest.approx(slow_auroc(concept, random), abs=1e-12)
    assert value == pytest.approx(pairs_auroc(concept, random), abs=1e-12)
    assert value == pytest.approx(sklearn_auroc(concept, random), abs=1e-12)
    alone = area(concept.scores, random.scores, concept.weights, random.weights)
    assert alone == pytest.approx(sklearn_auroc(concept, random), abs=1e-12)
    plain = side(concept.scores), side(random.scores)
    assert area(concept.scores, random.scores) == pytest.approx(sklearn_auroc(*plain), abs=1e-12)


def test_auroc_of_images_with_different_numbers_of_locations():
    rng = np.random.default_rng(0)
    image = np.array([0, 0, 0, 1, 2, 2])
    concept, random = side(rng.standard_normal(6), image=image), side(rng.standard_normal(6), image=image[::-1])
    assert auroc(concept, random, generator())[0] == pytest.approx(slow_auroc(concept, random), abs=1e-12)


def test_auroc_turns_with_the_sets():
    concept, random = drawn(0, 5, 3, 0.5), drawn(1, 4, 3, 0.0)
    assert auroc(concept, random, generator())[0] == pytest.approx(1 - auroc(random, concept, generator())[0])


# Intervals


@pytest.mark.parametrize("figure", [accuracy, auroc])
@pytest.mark.parametrize("shift", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("seed", range(3))
def test_intervals_contain_the_value(figure, shift, seed):
    value, (low, high) = figure(drawn(seed, 12, 3, shift), drawn(seed + 9, 15, 3, 0.0), generator())
    assert 0 <= low < value < high < 1 + 1e-12


def test_intervals_are_over_images():
    """Each location repeated a hundred times is no more evidence; four times the images are."""
    concept, random = drawn(0, 12, 1, 1.0, weighted=False), drawn(1, 12, 1, 0.0, weighted=False)

    def repeated(one, places):
        keep = np.repeat(np.arange(12), places)
        return side(one.scores[keep], one.fold[keep], one.image[keep])

    def more_images(one, times):
        keep = np.tile(np.arange(12), times)
        return side(one.scores[keep], one.fold[keep], np.arange(12 * times))

    for figure in (accuracy, auroc):
        value, (low, high) = figure(concept, random, generator())
        for copies in (repeated(concept, 100), repeated(random, 100)):
            assert len(copies.scores) == 1200
        again, (again_low, again_high) = figure(repeated(concept, 100), repeated(random, 100), generator())
        np.testing.assert_allclose([again, again_low, again_high], [value, low, high], atol=1e-12)
        _, (four_low, four_high) = figure(more_images(concept, 4), more_images(random, 4), generator())
        assert four_high - four_low == pytest.approx((high - low) / 2, rel=0.25)


def test_the_interval_of_auroc_is_that_of_a_slow_bootstrap():
    """With images of which some weigh fifty times as much as others."""
    concept, random = drawn(0, 10, 2, 1.0), drawn(1, 8, 2, 0.0)
    for one in (concept, random):
        one.weights[one.image < 2] *= 50
    rng, areas = np.random.default_rng(7), []
    for _ in range(600):
        picked = []
        for one in (concept, random):
            images = rng.integers(0, one.image.max() + 1, one.image.max() + 1)
            keep = np.concatenate([np.flatnonzero(one.image == image) for image in images])
            picked.append(one.part(keep))
        areas.append(pairs_auroc(*picked))
    _, interval = auroc(concept, random, generator())
    # Quantiles of 600 and of 1000 resamples.
    np.testing.assert_allclose(interval, np.quantile(areas, [0.025, 0.975]), atol=0.05)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_the_same_generator_gives_the_same_interval(seed):
    concept, random = drawn(seed, 5, 2, 0.5), drawn(seed + 1, 6, 2, 0.0)
    for figure in (accuracy, auroc):
        one, two = (figure(concept, random, np.random.default_rng(3)) for _ in range(2))
        assert one == two
