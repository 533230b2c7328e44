import hashlib

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sacv.stats import LocationSample, choose_locations


def digest(name):
    return hashlib.sha256(name.encode()).hexdigest()


# Which locations


@settings(max_examples=40, deadline=None)
@given(st.sets(st.integers(0, 500), min_size=1), st.integers(1, 300), st.integers(0, 99), st.text())
def test_locations_are_chosen_without_replacement(places, count, seed, name):
    legal = np.array(sorted(places))
    chosen = choose_locations(legal, count, seed, digest(name))
    assert len(chosen) == min(count, len(legal))
    assert set(chosen.tolist()) <= places
    assert np.array_equal(chosen, np.unique(chosen))  # sorted, and none twice


def test_all_locations_are_taken_when_there_are_no_more():
    legal = np.array([2, 5, 11])
    for count in (3, 4):
        np.testing.assert_array_equal(choose_locations(legal, count, 0, digest("a")), legal)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 99), st.text())
def test_the_choice_depends_on_digest_and_seed_only(seed, name):
    """A second image, sampled before, or another state of numpy's generator changes nothing."""
    legal = np.arange(100)
    first = choose_locations(legal, 10, seed, digest(name))
    choose_locations(legal, 7, seed + 1, digest(name + "x"))
    np.random.seed(seed)
    np.testing.assert_array_equal(choose_locations(legal, 10, seed, digest(name)), first)


def test_other_digests_and_other_seeds_choose_otherwise():
    legal = np.arange(100)
    found = {
        tuple(choose_locations(legal, 10, seed, digest(name)).tolist()) for seed in range(5) for name in ("a", "b", "c")
    }
    assert len(found) == 15


def test_every_location_is_as_likely():
    legal = np.arange(10)
    counts = np.bincount(np.concatenate([choose_locations(legal, 3, 0, digest(str(name))) for name in range(2000)]))
    # 600 expected; the standard deviation is 20.
    assert counts.min() > 500 and counts.max() < 700


# The sample


def sample(image, weights=None):
    image = np.array(image)
    vectors = np.stack([image, 10 * image + np.arange(len(image))], axis=1).astype(np.float32)
    return LocationSample(vectors, image, np.ones(len(image)) if weights is None else np.array(weights))


def test_of_gives_each_vector_an_image_and_weight_one():
    vectors = np.arange(6.0).reshape(3, 2)
    found = LocationSample.of(vectors)
    np.testing.assert_array_equal(found.vectors, vectors)
    assert found.image.tolist() == [0, 1, 2] and found.weights.tolist() == [1, 1, 1]


def test_images_of_a_union_stand_one_set_after_the_other():
    """The first set has three images, of which the last has no location."""
    parts = [sample([0, 0, 1], [0.5, 1, 1]), sample([1, 0]), sample([0], [0.25])]
    found = LocationSample.union(parts, [3, 2, 1])
    assert found.image.tolist() == [0, 0, 1, 4, 3, 5]
    assert found.weights.tolist() == [0.5, 1, 1, 1, 1, 0.25]
    np.testing.assert_array_equal(found.vectors, np.concatenate([part.vectors for part in parts]))
    alone = LocationSample.union(parts[:1], [3])
    np.testing.assert_array_equal(alone.image, parts[0].image)


def test_of_images_keeps_vectors_images_and_weights_together():
    whole = sample([0, 1, 1, 2, 2, 2], [1, 0.5, 0.5, 0.1, 0.2, 0.3])
    for chosen in ([True, False, True], np.array([True, False, True])):
        kept = whole.of_images(chosen)
        assert kept.image.tolist() == [0, 2, 2, 2]
        assert kept.weights.tolist() == [1, 0.1, 0.2, 0.3]
        np.testing.assert_array_equal(kept.vectors, whole.vectors[[0, 3, 4, 5]])
    assert len(whole.of_images([False] * 3).vectors) == 0


def test_mean_is_weighted_and_float64():
    rng = np.random.default_rng(0)
    vectors, weights = (1000 + rng.standard_normal((50, 3))).astype(np.float32), rng.uniform(0, 1, 50)
    found = LocationSample(vectors, np.arange(50), weights).mean()
    want = sum(weight * vector.astype(np.float64) for weight, vector in zip(weights, vectors, strict=True))
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, want / weights.sum(), rtol=1e-13)
    np.testing.assert_allclose(LocationSample.of(vectors).mean(), vectors.astype(np.float64).mean(0), rtol=1e-13)
