import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import scores as reference
from sacv.scores import significance
from sacv.scores.kinds import CENTRES, COLUMNS, evaluate
from sacv.scores.significance import benjamini_hochberg, effect_size, holm, interval, p_value

P_VALUES = st.lists(st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=30)


@pytest.mark.parametrize(("value", "null", "centre", "want"), [
    (0.9, [0.5, 0.6, 0.4, 0.55], 0.5, 1 / 5),
    (0.65, [0.5, 0.9, 0.1, 0.6], 0.5, 3 / 5),  # 0.1 is as far below as 0.9 above
    (0.1, [0.5, 0.9, 0.1, 0.6], 0.5, 3 / 5),
    (0.5, [0.5, 0.9], 0.5, 1.0),
    (-2.0, [1.0, -3.0, 2.0], 0.0, 3 / 4),
    (3.0, [], 0.0, math.nan),
])  # fmt: skip
def test_p_value_by_hand(value, null, centre, want):
    assert p_value(value, np.array(null), centre) == pytest.approx(want, nan_ok=True)


def test_a_null_score_that_equals_the_value_up_to_rounding_counts():
    assert 0.7 - 0.5 < 0.2  # so that 0.3 lies farther from 0.5 than 0.7 does, by rounding alone
    assert p_value(0.3, np.array([0.7]), 0.5) == p_value(0.7, np.array([0.3]), 0.5) == 1.0
    assert p_value(0.3, np.array([0.699]), 0.5) == 0.5
    assert p_value(0.0, np.zeros(9), 0.0) == 1.0


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=40), st.floats(-5, 5), st.sampled_from([0.0, 0.5]))
def test_p_values_are_two_sided_never_zero_and_fall_with_distance(null, value, centre):
    found = p_value(value, np.array(null), centre)
    assert 1 / (1 + len(null)) <= found <= 1
    assert found == pytest.approx(p_value(2 * centre - value, 2 * centre - np.array(null), centre))
    assert p_value(centre + 2 * (value - centre), np.array(null), centre) <= found


def test_p_values_of_exchangeable_scores_are_uniform():
    """One of 20 alike, by turns: each p-value 1/20, 2/20, ... comes once."""
    values = np.random.default_rng(0).standard_normal(20)
    found = [p_value(values[index], np.delete(values, index), 0.0) for index in range(20)]
    np.testing.assert_allclose(sorted(found), np.arange(1, 21) / 20)


def test_effect_size_by_hand():
    # The null lies 0.3 and -0.1 from 0.5: root mean square sqrt(0.05).
    assert effect_size(0.9, np.array([0.8, 0.4]), 0.5) == pytest.approx(0.4 / math.sqrt(0.05))
    assert effect_size(0.1, np.array([0.8, 0.4]), 0.5) == pytest.approx(-0.4 / math.sqrt(0.05))
    assert math.isnan(effect_size(0.9, np.array([]), 0.5))
    assert math.isnan(effect_size(0.9, np.array([0.5, 0.5]), 0.5))


def test_corrections_by_hand():
    values = np.array([0.01, 0.04, 0.03, 0.005])
    np.testing.assert_allclose(holm(values), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(benjamini_hochberg(values), [0.02, 0.04, 0.04, 0.02])
    np.testing.assert_allclose(holm(np.array([0.9, 0.8])), [1, 1])
    np.testing.assert_allclose(benjamini_hochberg(np.array([0.9, 0.8])), [0.9, 0.9])


def test_what_is_no_number_is_left_out_of_the_count():
    values = np.array([np.nan, 0.01, np.nan, 0.04])
    np.testing.assert_allclose(holm(values), [np.nan, 0.02, np.nan, 0.04])
    np.testing.assert_allclose(benjamini_hochberg(values), [np.nan, 0.02, np.nan, 0.04])
    for correct in (holm, benjamini_hochberg):
        assert np.isnan(correct(np.full(3, np.nan))).all()
        assert len(correct(np.empty(0))) == 0


@given(P_VALUES)
def test_corrections_agree_with_the_reference(values):
    np.testing.assert_allclose(holm(np.array(values)), reference.holm(values), rtol=1e-12)
    np.testing.assert_allclose(benjamini_hochberg(np.array(values)), reference.benjamini_hochberg(values), rtol=1e-12)


@given(P_VALUES)
def test_laws_of_the_corrections(values):
    raw = np.array(values)
    order = np.argsort(raw)
    corrected, rate = holm(raw), benjamini_hochberg(raw)
    assert (corrected >= raw).all() and (corrected <= np.minimum(len(raw) * raw, 1) + 1e-15).all()
    assert (rate >= raw * (1 - 1e-12)).all() and (rate <= corrected * (1 + 1e-12)).all()
    for adjusted in (corrected, rate):
        assert (np.diff(adjusted[order]) >= -1e-15).all() and adjusted.max() <= 1


@given(P_VALUES, st.randoms(use_true_random=False))
def test_corrections_do_not_depend_on_the_order(values, random):
    order = list(range(len(values)))
    random.shuffle(order)
    raw = np.array(values)
    for correct in (holm, benjamini_hochberg):
        np.testing.assert_allclose(correct(raw[order]), correct(raw)[order], rtol=1e-12)


def mean(sums):
    return sums[:, 0] / sums[:, 1]


def columns(values):
    return np.stack([values, np.ones_like(values)], axis=1)


def test_the_interval_is_that_of_the_mean():
    """For 400 values it is the estimate with 1.96 standard errors on each side, to 10 % (1000 resamples)."""
    values = np.random.default_rng(1).standard_normal(400) + 3
    low, high = interval(columns(values), mean, np.random.default_rng(0))
    error = values.std() / 20
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.2 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.2 * error)


@pytest.mark.parametrize("images", [1, 2, 9, 60])
def test_intervals_of_the_scores_hold_the_estimate(images):
    terms = np.abs(np.random.default_rng(images).standard_normal((images, len(COLUMNS))))
    terms[:, COLUMNS.index("images")] = 1
    terms[:, COLUMNS.index("absolute_sum")] += terms[:, COLUMNS.index("positive_sum")]
    for kind in CENTRES:
        low, high = interval(terms, partial(evaluate, kind), np.random.default_rng(0))
        value = float(evaluate(kind, terms.sum(axis=0)))
        assert low - 1e-12 <= value <= high + 1e-12
        assert (high > low) == (images > 1)


def test_the_interval_of_images_that_are_alike_has_no_width():
    low, high = interval(columns(np.full(30, 0.7)), mean, np.random.default_rng(0))
    assert low == pytest.approx(0.7, abs=1e-12) and high == pytest.approx(0.7, abs=1e-12)


def test_blocks_do_not_change_the_interval(monkeypatch):
    values = columns(np.random.default_rng(1).standard_normal(50))
    want = interval(values, mean, np.random.default_rng(0))
    monkeypatch.setattr(significance, "BLOCK", 50 * 7)
    assert interval(values, mean, np.random.default_rng(0)) == pytest.approx(want, abs=1e-12)
    monkeypatch.setattr(significance, "BLOCK", 1)
    assert interval(values, mean, np.random.default_rng(0)) == pytest.approx(want, abs=1e-12)
