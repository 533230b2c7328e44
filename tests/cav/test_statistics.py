import numpy as np
import pytest

from sacv.cav.statistics import ImageMeans, SetStatistics
from sacv.stats import LocationSample, Moments


def statistics(seed, folds, per_fold=2, places=3, channels=4):
    """A set of `folds * per_fold` images, fold after fold, and its vectors `(images, places, channels)`."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((folds * per_fold, places, channels)) + 2
    parts = np.split(values, folds)
    return values, SetStatistics(
        tuple(Moments.of(part.reshape(-1, channels)) for part in parts),
        np.repeat(np.arange(folds), per_fold),
        ImageMeans.single(values.mean(axis=1), np.full(len(values), float(places))),
        LocationSample(values[:, 0], np.arange(len(values)), np.ones(len(values))),
    )


def assert_moments(found, vectors):
    want = Moments.of(vectors)
    assert found.count == want.count
    np.testing.assert_allclose(found.mean, want.mean, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.scatter, want.scatter, rtol=0, atol=1e-11)


def test_total_and_without():
    values, found = statistics(0, folds=3)
    assert_moments(found.total(), values.reshape(-1, 4))
    for fold in range(3):
        assert_moments(found.without(fold), values[found.image_fold != fold].reshape(-1, 4))
    # The other set may have more folds.
    assert found.without(3) is found.total()


def test_union_joins_fold_to_fold():
    (one_values, one), (two_values, two) = statistics(0, folds=2), statistics(1, folds=3)
    for order in ((one, two), (two, one)):
        found = SetStatistics.union(order)
        assert len(found.folds) == 3 and len(found.image_fold) == 10
        for fold in range(3):
            want = np.concatenate([one_values[one.image_fold == fold], two_values[two.image_fold == fold]])
            assert_moments(found.folds[fold], want.reshape(-1, 4))
    found = SetStatistics.union([one, two])
    every = np.concatenate([one_values, two_values])
    assert_moments(found.total(), every.reshape(-1, 4))
    np.testing.assert_array_equal(found.images.means, every.mean(axis=1))
    np.testing.assert_array_equal(found.image_fold, np.r_[one.image_fold, two.image_fold])
    np.testing.assert_array_equal(found.sample.vectors, every[found.sample.image, 0])


@pytest.mark.parametrize("count", [0.5, 18.0, 400.0])
def test_a_set_may_weigh_as_much_as_is_wanted(count):
    """Every location alike, so that it is the same set but for the count."""
    values, given = statistics(0, folds=3)
    found = given.weighing(count)
    factor = count / values[..., 0].size
    for one, other in ((found.total(), given.total()), (found.without(1), given.without(1))):
        assert one.count == pytest.approx(factor * other.count)
        np.testing.assert_allclose(one.mean, other.mean, rtol=0, atol=1e-12)
        np.testing.assert_allclose(one.scatter, factor * other.scatter, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(one.covariance, other.covariance, rtol=1e-9)
    np.testing.assert_allclose(found.images.weights, factor * given.images.weights)
    np.testing.assert_allclose(found.sample.weights, factor * given.sample.weights)
    np.testing.assert_array_equal(found.images.means, given.images.means)
    np.testing.assert_array_equal(found.sample.vectors, given.sample.vectors)
    np.testing.assert_array_equal(found.image_fold, given.image_fold)
    assert given.total().count == values[..., 0].size  # which stays as it was


def test_mean_of_some_images_is_weighted_by_their_locations():
    rng = np.random.default_rng(0)
    images = ImageMeans.single(rng.standard_normal((5, 3)), np.array([1.0, 2.0, 0.5, 4.0, 1.0]))
    choices = np.array([[0, 1], [4, 2], [3, 0]])
    marks = np.array([np.isin(np.arange(5), chosen) for chosen in choices])
    found = images.of(marks)
    for row, mark, chosen in zip(found, marks, choices, strict=True):
        want = sum(images.weights[index] * images.means[index] for index in chosen) / images.weights[chosen].sum()
        np.testing.assert_allclose(row, want, rtol=0, atol=1e-14)
        np.testing.assert_allclose(images.of(mark), want, rtol=0, atol=1e-14)
