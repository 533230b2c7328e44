import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sacv.errors import OptionError
from sacv_bench.agreement import spearman
from sacv_bench.intervals import bootstrap, mean


def obvious(values, images, seed, resamples, statistic):
    """The same draws, put together image by image."""
    known = [index for index in range(len(images)) if not any(math.isnan(array[index]) for array in values)]
    names = sorted({int(images[index]) for index in known})
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(resamples):
        chosen = [names[place] for place in rng.integers(len(names), size=len(names))]
        indices = [index for name in chosen for index in known if images[index] == name]
        found.append(statistic(*(array[indices] for array in values)))
    return np.percentile(found, 2.5), np.percentile(found, 97.5)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=2, max_size=12), st.integers(0, 99))
def test_images_are_drawn_with_all_their_values(images, seed):
    images = np.array([*images, 8, 9])
    rng = np.random.default_rng(seed)
    one, other = rng.standard_normal((2, len(images)))
    one[rng.uniform(size=len(images)) < 0.2] = np.nan
    one[-2:] = 1.0
    np.testing.assert_allclose(bootstrap(one, images, seed, 20), obvious((one,), images, seed, 20, np.mean), atol=1e-12)

    def product(first, second):
        return float(np.mean(first * second))

    found = bootstrap((one, other), images, seed, 20, product)
    np.testing.assert_allclose(found, obvious((one, other), images, seed, 20, product), atol=1e-12)


def test_by_hand():
    # Two images of means 0 and 3, with one and two values: resamples have 0, 2 (of three values) or 3, half of them 2.
    values, images = np.array([3.0, 0.0, 3.0]), np.array([7, -1, 7])
    assert bootstrap(values, images, 0) == (0, 3)
    seen = set()

    def note(drawn):
        seen.add(mean(drawn))
        return mean(drawn)

    bootstrap(values, images, 0, 100, note)
    assert seen == {0, 2, 3}


def test_the_width_is_that_of_the_normal_distribution():
    values = np.random.default_rng(0).standard_normal(400)
    low, high = bootstrap(values, np.arange(400), 1, 4000)
    # The ends of 4000 resamples are known to about 3 % of the width; a 90 % interval would be 16 % narrower.
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.06)
    assert (high + low) / 2 == pytest.approx(values.mean(), abs=0.006)


def coverage_of_zero(images, apart, trials=200):
    """How often the interval holds the true mean of 0, of values that an image's own effect moves together."""
    held = 0
    for trial in range(trials):
        rng = np.random.default_rng(trial)
        values = rng.standard_normal(len(set(images.tolist())))[images] + 0.5 * rng.standard_normal(len(images))
        low, high = bootstrap(values, np.arange(len(images)) if apart else images, trial, 200)
        held += low <= 0 <= high
    return held / trials


def test_coverage_is_about_95_percent_and_images_matter():
    images = np.repeat(np.arange(80), 3)
    # The standard error of 200 trials is .015, and 80 images cost somewhat less than .01.
    assert 0.91 <= coverage_of_zero(images, apart=False) <= 0.98
    assert coverage_of_zero(images, apart=True) < 0.8


def test_spearman_of_pairs():
    rng = np.random.default_rng(0)
    truth = rng.standard_normal(60)
    found, images = truth + 0.5 * rng.standard_normal(60), np.arange(60) // 2
    low, high = bootstrap((found, truth), images, 0, 200, spearman)
    assert 0.6 < low < spearman(found, truth) < high < 1
    # Found numbers that belong to others' truth have an interval about 0: pairs stay together.
    low, high = bootstrap((rng.permutation(found), truth), images, 0, 200, spearman)
    assert low < 0 < high


def test_what_is_not_a_number_is_left_out():
    values = np.array([1.0, np.nan, 2.0, 5.0, np.nan])
    other = np.array([1.0, 3.0, np.nan, 5.0, 1.0])
    images = np.array([0, 0, 1, 2, 3])
    assert bootstrap(values, images, 3) == bootstrap(values[[0, 2, 3]], images[[0, 2, 3]], 3)

    def second(_, drawn):
        return mean(drawn)

    assert bootstrap((values, other), images, 3, statistic=second) == bootstrap(other[[0, 3]], images[[0, 3]], 3)

    def undefined_at_times(drawn):
        return mean(drawn) if np.ptp(drawn) else math.nan

    # Two images: of the three resamples only the mixed one has a number.
    assert bootstrap(np.array([0.0, 1.0]), np.array([0, 1]), 0, statistic=undefined_at_times) == (0.5, 0.5)


def test_too_little_has_no_interval():
    for found in (
        bootstrap(np.array([1.0, 2.0]), np.array([4, 4]), 0),
        bootstrap(np.array([1.0, np.nan]), np.array([4, 5]), 0),
        bootstrap(np.array([]), np.array([], int), 0),
        bootstrap(np.array([1.0, 2.0]), np.array([4, 5]), 0, statistic=lambda drawn: math.nan),
    ):
        assert len(found) == 2 and all(math.isnan(end) for end in found)


def test_the_seed_alone_decides():
    values, images = np.random.default_rng(0).standard_normal(30), np.arange(30) // 3
    before = np.random.get_state()[1].copy()
    found = bootstrap(values, images, 5)
    np.random.default_rng(1).standard_normal()
    assert bootstrap(values, images, 5) == found != bootstrap(values, images, 6)
    assert (np.random.get_state()[1] == before).all()
    # Neither the order of values nor the numbers of images count.
    order = np.random.default_rng(1).permutation(30)
    assert bootstrap(values[order], images[order] * 10 - 4, 5) == pytest.approx(found)


def test_what_does_not_fit_is_refused():
    values, images = np.array([1.0, 2.0]), np.array([0, 1])
    with pytest.raises(OptionError, match="resamples is 0"):
        bootstrap(values, images, 0, 0)
    with pytest.raises(OptionError, match=r"\[\(2,\), \(3,\)\] and \(2,\)"):
        bootstrap((values, np.zeros(3)), images, 0, statistic=spearman)
    with pytest.raises(OptionError, match="equally long"):
        bootstrap((), images, 0)
    with pytest.raises(OptionError, match="float64"):
        bootstrap(values, images.astype(float), 0)
    with pytest.raises(OptionError, match="1 values are infinite"):
        bootstrap(np.array([1.0, np.inf]), images, 0)
