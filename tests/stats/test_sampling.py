import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sacv.stats import LocationSample, assign_folds, choose_locations, quota


@given(st.integers(2, 200), st.integers(2, 10), st.integers(0, 1000))
def test_folds_are_even_and_all_used(images, folds, seed):
    assigned = assign_folds(images, folds, np.random.default_rng(seed))
    counts = np.bincount(assigned)
    assert len(counts) == min(images, folds)
    assert counts.max() - counts.min() <= 1


@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 99), st.integers(0, 99))
def test_locations_are_chosen_without_replacement(locations, count, seed, image):
    chosen = choose_locations(locations, count, seed, image)
    assert len(chosen) == min(count, locations)
    assert len(set(chosen.tolist())) == len(chosen)
    assert chosen.min() >= 0 and chosen.max() < locations
    assert np.array_equal(chosen, choose_locations(locations, count, seed, image))


def test_images_draw_different_locations():
    assert not np.array_equal(choose_locations(100, 10, 0, 1), choose_locations(100, 10, 0, 2))


def test_quota_keeps_the_bound_and_every_image():
    assert quota(1000, 10, 49) == 49
    assert quota(100, 10, 49) == 10
    assert quota(5, 10, 49) == 1


def test_sample_keeps_the_image_of_each_vector():
    parts = {1: np.full((2, 3), 1.0), 0: np.full((1, 3), 0.0), 2: np.full((3, 3), 2.0)}
    sample = LocationSample.gather(parts)
    assert np.array_equal(sample.vectors[:, 0], sample.image)
    kept = sample.of_images([True, False, True])
    assert kept.image.tolist() == [0, 2, 2, 2]
