import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sacv.errors import OptionError
from sacv.stats import Moments, MomentSums

seeds = st.integers(0, 2**32 - 1)


def numpy_moments(vectors):
    """Straight from the definition; the shift takes the large mean out before squares are formed."""
    shift = vectors[0]
    moved = vectors - shift
    mean = moved.mean(axis=0)
    centred = moved - mean
    return shift + mean, centred.T @ centred


def slow_weighted_moments(vectors, weights):
    """One vector at a time, as the module's docstring writes it."""
    count = sum(weights)
    mean = sum(weight * vector for weight, vector in zip(weights, vectors, strict=True)) / count
    scatter = sum(
        weight * np.outer(vector - mean, vector - mean) for weight, vector in zip(weights, vectors, strict=True)
    )
    return count, mean, scatter


def assert_same(one, other, rtol=1e-12, atol=1e-12):
    assert one.count == pytest.approx(other.count, rel=1e-14)
    np.testing.assert_allclose(one.mean, other.mean, rtol=rtol, atol=atol)
    np.testing.assert_allclose(one.scatter, other.scatter, rtol=rtol, atol=atol * max(1, np.abs(other.scatter).max()))


def relative_error(found, exact):
    return np.linalg.norm(found - exact) / np.linalg.norm(exact)


# A set of vectors


@settings(max_examples=40, deadline=None)
@given(seeds, st.sampled_from([1, 2, 5, 50]), st.sampled_from([(0.0, 1.0), (1e7, 1e-4), (-3.0, 1e-4)]))
def test_chunks_merged_in_any_order_equal_numpy(seed, chunks, place):
    rng = np.random.default_rng(seed)
    mean, spread = place
    vectors = mean + spread * rng.standard_normal((200, 3)) @ rng.standard_normal((3, 3))
    parts = [Moments.of(part) for part in np.array_split(vectors[rng.permutation(200)], chunks)]
    while len(parts) > 1:  # merge a random pair
        first, second = (parts.pop(rng.integers(len(parts))) for _ in range(2))
        parts.append(first.merge(second))
    want_mean, want_scatter = numpy_moments(vectors)
    assert parts[0].count == 200
    # A float64 at 1e7 is known to 1e-9, which is 1e-5 of a spread of 1e-4; rounding adds a few of those.
    np.testing.assert_allclose(parts[0].mean, want_mean, rtol=1e-15, atol=1e-9)
    scale = np.abs(want_scatter).max()
    np.testing.assert_allclose(parts[0].scatter, want_scatter, rtol=0, atol=1e-5 * scale)


def test_large_mean_and_small_variance():
    """A mean of 1e7 and a variance of 1e-8: squares formed before centring would be wrong by 1e6 times the scatter."""
    vectors = 1e7 + 1e-4 * np.random.default_rng(0).standard_normal((5000, 4))
    found = Moments.of(vectors)
    want_mean, want_scatter = numpy_moments(vectors)
    # What is stored of 1e7 + x is known to 1e-9; the sum of 5000 of those is exact here to better than one of them.
    np.testing.assert_allclose(found.mean, want_mean, rtol=0, atol=2e-9)
    assert relative_error(found.scatter, want_scatter) < 1e-8
    np.testing.assert_allclose(np.diag(found.covariance), 1e-8, rtol=0.1)


@pytest.mark.parametrize(("mean", "spread"), [(0.0, 1.0), (3.0, 1.0), (100.0, 1.0), (-5.0, 0.01)])
@pytest.mark.parametrize("weighted", [False, True])
def test_float32_products_stay_close_to_float64(mean, spread, weighted):
    rng = np.random.default_rng(0)
    vectors = (mean + spread * rng.standard_normal((5000, 64))).astype(np.float32)
    weights = rng.uniform(0.1, 1, 5000) if weighted else None
    found, exact = Moments.of(vectors, weights), Moments.of(vectors.astype(np.float64), weights)
    assert found.scatter.dtype == found.mean.dtype == np.float64
    assert relative_error(found.scatter, exact.scatter) <= 1e-6
    np.testing.assert_allclose(found.mean, exact.mean, rtol=0, atol=1e-7 * spread)


def test_float32_means_that_differ_by_channel():
    """As after a ReLU: channels of very different mean and spread, some dead."""
    rng = np.random.default_rng(1)
    vectors = np.maximum(rng.standard_normal((4000, 48)) * rng.uniform(0, 20, 48) + rng.uniform(-30, 30, 48), 0)
    vectors[:, :3] = 0
    found, exact = Moments.of(vectors.astype(np.float32)), Moments.of(vectors.astype(np.float32).astype(np.float64))
    assert relative_error(found.scatter, exact.scatter) <= 1e-6
    assert not found.scatter[:3].any() and not found.mean[:3].any()


def test_covariance_is_that_of_numpy():
    vectors = np.random.default_rng(0).standard_normal((50, 4))
    np.testing.assert_allclose(Moments.of(vectors).covariance, np.cov(vectors.T, bias=True))
    assert not Moments.empty(4).covariance.any()


# Weights


def test_weights_of_one_are_no_weights():
    vectors = np.random.default_rng(0).standard_normal((30, 4)) + 5
    for kind in (np.float64, np.float32):
        one, other = Moments.of(vectors.astype(kind)), Moments.of(vectors.astype(kind), np.ones(30))
        assert one.count == other.count == 30
        np.testing.assert_array_equal(one.mean, other.mean)
        np.testing.assert_array_equal(one.scatter, other.scatter)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_integer_weights_repeat_vectors(seed):
    rng = np.random.default_rng(seed)
    vectors, weights = rng.standard_normal((30, 4)) + 5, rng.integers(0, 4, 30)
    weights[0] = 1
    weighted, repeated = Moments.of(vectors, weights.astype(float)), Moments.of(np.repeat(vectors, weights, axis=0))
    assert weighted.count == repeated.count
    np.testing.assert_allclose(weighted.mean, repeated.mean, rtol=1e-13)
    np.testing.assert_allclose(weighted.scatter, repeated.scatter, rtol=1e-10, atol=1e-10)


def test_the_same_weight_for_all_changes_the_count_alone():
    vectors = np.random.default_rng(0).standard_normal((30, 4)) + 5
    one, half = Moments.of(vectors), Moments.of(vectors, np.full(30, 0.5))
    assert half.count == 15
    np.testing.assert_allclose(half.mean, one.mean, rtol=1e-14)
    np.testing.assert_allclose(half.covariance, one.covariance, rtol=1e-12)


def test_weights_of_zero_leave_vectors_out():
    rng = np.random.default_rng(0)
    vectors, weights = rng.standard_normal((30, 4)) + 5, rng.uniform(0, 1, 30)
    weights[::3] = 0
    assert_same(Moments.of(vectors, weights), Moments.of(vectors[weights > 0], weights[weights > 0]))
    assert Moments.of(vectors, np.zeros(30)).count == 0


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_weights_agree_with_the_definition(seed):
    rng = np.random.default_rng(seed)
    vectors, weights = rng.standard_normal((9, 3)) - 7, rng.uniform(0, 2, 9)
    assert_same(Moments.of(vectors, weights), Moments(*slow_weighted_moments(vectors, weights)), rtol=1e-10)


# Sets of sets


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_weighted_parts_merge(seed):
    rng = np.random.default_rng(seed)
    vectors, weights = rng.standard_normal((20, 3)) + 2, rng.uniform(0, 1, 20)
    merged = Moments.of(vectors[:7], weights[:7]).merge(Moments.of(vectors[7:], weights[7:]))
    assert_same(merged, Moments.of(vectors, weights), rtol=1e-10)


def test_merge_leaves_both_as_they_were():
    rng = np.random.default_rng(0)
    one, other = Moments.of(rng.standard_normal((9, 3))), Moments.of(rng.standard_normal((5, 3)))
    before = [(part.count, part.mean.copy(), part.scatter.copy()) for part in (one, other)]
    one.merge(other)
    one.within(other)
    one.merge(other).minus(other)
    Moments.union([one, other], 3)
    for part, (count, mean, scatter) in zip((one, other), before, strict=True):
        assert part.count == count
        np.testing.assert_array_equal(part.mean, mean)
        np.testing.assert_array_equal(part.scatter, scatter)


@settings(max_examples=30, deadline=None)
@given(seeds, st.sampled_from([(0.0, 1.0), (1e6, 1.0)]))
def test_union_is_that_of_all_in_any_order(seed, place):
    rng = np.random.default_rng(seed)
    vectors = place[0] + place[1] * rng.standard_normal((60, 3))
    cuts = np.sort(rng.integers(0, 60, 6))  # some parts are empty
    parts = [Moments.of(part) for part in np.split(vectors, cuts)]
    union = Moments.union(parts, 3)
    want_mean, want_scatter = numpy_moments(vectors)
    assert union.count == 60
    np.testing.assert_allclose(union.mean, want_mean, rtol=1e-14, atol=1e-14)
    # A float64 at 1e6 is known to 1e-10 of the spread.
    np.testing.assert_allclose(union.scatter, want_scatter, rtol=0, atol=1e-7)
    other = Moments.union([parts[index] for index in rng.permutation(len(parts))], 3)
    np.testing.assert_allclose(other.mean, union.mean, rtol=1e-15, atol=1e-15)
    np.testing.assert_allclose(other.scatter, union.scatter, rtol=0, atol=1e-7)


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_minus_undoes_merge(seed):
    rng = np.random.default_rng(seed)
    kept = Moments.of(rng.standard_normal((30, 3)) + 4, rng.uniform(0, 1, 30))
    gone = Moments.of(3 * rng.standard_normal((11, 3)) - 1, rng.uniform(0, 1, 11))
    assert_same(kept.merge(gone).minus(gone), kept, rtol=1e-9, atol=1e-11)


def test_minus_nothing_and_minus_all():
    some = Moments.of(np.random.default_rng(0).standard_normal((5, 3)))
    assert some.minus(Moments.empty(3)) is some
    nothing = some.minus(some)
    assert nothing.count == 0 and not nothing.mean.any() and not nothing.scatter.any()


def test_within_is_the_scatter_about_each_mean():
    rng = np.random.default_rng(0)
    one, other = rng.standard_normal((20, 3)) + 50, rng.standard_normal((9, 3)) - 50
    found = Moments.of(one).within(Moments.of(other))
    centred = np.concatenate([one - one.mean(0), other - other.mean(0)])
    assert found.count == 29 and not found.mean.any()
    np.testing.assert_allclose(found.scatter, centred.T @ centred, rtol=1e-10, atol=1e-10)


def test_empty_is_neutral():
    some = Moments.of(np.random.default_rng(0).standard_normal((5, 3)))
    assert Moments.empty(3).merge(some) is some
    assert some.merge(Moments.empty(3)) is some
    assert Moments.union([Moments.empty(3), some, Moments.empty(3)], 3) is some
    assert Moments.union([], 3).count == 0
    assert Moments.union([], 3).channels == 3
    assert Moments.of(np.empty((0, 3))).count == 0


def test_what_does_not_fit_is_refused():
    with pytest.raises(OptionError, match="3 and of 2 channels"):
        Moments.empty(3).merge(Moments.empty(2))
    with pytest.raises(OptionError, match="shape"):
        Moments.of(np.ones(3))


@pytest.mark.parametrize("weights", [[1.0, -1.0], [1.0, np.nan], [1.0, np.inf], [1.0], [[1.0], [1.0]]])
def test_weights_that_are_none_are_refused(weights):
    with pytest.raises(OptionError, match="2 finite numbers of at least 0"):
        Moments.of(np.ones((2, 2)), np.array(weights))


@pytest.mark.parametrize("value", [0.1, 7.1, 1e5])
def test_float32_mean_of_a_constant_channel_is_the_constant(value):
    found = [Moments.of(np.full((count, 1), value, np.float32)) for count in (80, 89, 1000, 2000)]
    assert {float(part.mean[0]) for part in found} == {float(np.float32(value))}
    assert all(part.scatter[0, 0] == 0 for part in found)


def test_taking_sums_is_joining_their_moments_to_the_bit():
    sides = []
    for taken in (True, False):
        rng = np.random.default_rng(0)
        one, other = MomentSums(300), MomentSums(300)
        for sums in (one, other, other):
            centred = rng.standard_normal((40, 300)).astype(np.float32)
            sums.add(centred, rng.standard_normal(300), centred.mean(axis=0, dtype=np.float64), 40.0)
        one.take(other) if taken else one.join(other.moments())
        one.take(MomentSums(300))
        sides.append(one.moments())
    assert sides[0].count == sides[1].count == 120
    np.testing.assert_array_equal(sides[0].mean, sides[1].mean)
    np.testing.assert_array_equal(sides[0].scatter, sides[1].scatter)
