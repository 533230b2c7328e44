import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sacv.errors import OptionError
from sacv.stats import Moments


def numpy_moments(vectors):
    """Straight from the definition; the shift takes the large mean out before squares are formed."""
    shift = vectors[0]
    moved = vectors - shift
    mean = moved.mean(axis=0)
    centred = moved - mean
    return shift + mean, centred.T @ centred


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 2, 5, 50]),
    st.sampled_from([(0.0, 1.0), (1e7, 1e-4), (-3.0, 1e-4)]),
)
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


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_integer_weights_repeat_vectors(seed):
    rng = np.random.default_rng(seed)
    vectors, weights = rng.standard_normal((30, 4)) + 5, rng.integers(0, 4, 30)
    weights[0] = 1
    weighted, repeated = Moments.of(vectors, weights.astype(float)), Moments.of(np.repeat(vectors, weights, axis=0))
    assert weighted.count == repeated.count
    np.testing.assert_allclose(weighted.mean, repeated.mean, rtol=1e-13)
    np.testing.assert_allclose(weighted.scatter, repeated.scatter, rtol=1e-10, atol=1e-10)


def test_float32_products_stay_close_to_float64():
    vectors = (np.random.default_rng(0).standard_normal((5000, 64)) + 100).astype(np.float32)
    exact = Moments.of(vectors.astype(np.float64)).scatter
    relative = np.linalg.norm(Moments.of(vectors).scatter - exact) / np.linalg.norm(exact)
    assert relative < 1e-6


def test_covariance_is_that_of_numpy():
    vectors = np.random.default_rng(0).standard_normal((50, 4))
    np.testing.assert_allclose(Moments.of(vectors).covariance, np.cov(vectors.T, bias=True))


def test_empty_is_neutral():
    some = Moments.of(np.random.default_rng(0).standard_normal((5, 3)))
    assert Moments.empty(3).merge(some) is some
    assert some.merge(Moments.empty(3)) is some
    assert Moments.union([], 3).count == 0
    assert Moments.of(np.empty((0, 3))).count == 0


def test_what_does_not_fit_is_refused():
    with pytest.raises(OptionError, match="3 and of 2 channels"):
        Moments.empty(3).merge(Moments.empty(2))
    with pytest.raises(OptionError, match="at least 0"):
        Moments.of(np.ones((2, 2)), np.array([1.0, -1.0]))
    with pytest.raises(OptionError, match="shape"):
        Moments.of(np.ones(3))
