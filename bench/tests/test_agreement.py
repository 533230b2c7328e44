import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sacv.errors import OptionError
from sacv_bench.agreement import background_mass, sign_accuracy, spearman

numbers = st.lists(st.integers(-5, 5), min_size=2, max_size=20)


def row(*values):
    return np.array(values, np.float64)


def test_spearman_by_hand():
    # Ranks 1 2 3 4 against 2 1 4 3: 1 - 6 (1 + 1 + 1 + 1) / (4 x 15).
    assert spearman(row(0.1, 0.2, 30, 400), row(5, -1, 9, 8)) == pytest.approx(1 - 24 / 60)
    # Equal numbers share their ranks, 1.5 1.5 3 against 1 2 3: covariance 1.5, variances 1.5 and 2.
    assert spearman(row(4, 4, 6), row(1, 2, 3)) == pytest.approx(1.5 / (1.5 * 2) ** 0.5)


@settings(max_examples=60, deadline=None)
@given(numbers, st.integers(0, 99))
def test_spearman_sees_the_order_only(found, seed):
    found, truth = np.array(found, np.float64), np.random.default_rng(seed).permutation(len(found)).astype(float)
    correlation = spearman(found, truth)
    if np.ptp(found) == 0:
        assert math.isnan(correlation)
        return
    assert spearman(np.exp(found), truth) == pytest.approx(correlation)
    assert spearman(truth, found) == pytest.approx(correlation)
    assert spearman(-found, truth) == pytest.approx(-correlation)
    assert spearman(3 * found + 1, found) == pytest.approx(1)


def test_spearman_of_a_constant_is_not_a_number():
    assert math.isnan(spearman(row(1, 1, 1), row(1, 2, 3)))
    assert math.isnan(spearman(row(1, 2, 3), row(0, 0, 0)))
    assert math.isnan(spearman(row(1), row(2)))
    assert math.isnan(spearman(row(), row()))


def test_sign_accuracy_by_hand():
    found, truth = row(2, -1, 0, 3, -4), row(0.5, 0.5, -0.5, -0.4, -9)
    # Four changes are of .5 or more: right, wrong, 0 and so wrong, right.
    assert sign_accuracy(found, truth, 0.5) == 0.5
    assert sign_accuracy(found, truth, 0.4) == 0.4
    assert sign_accuracy(found, truth, 1.0) == 1.0
    assert math.isnan(sign_accuracy(found, truth, 10.0))
    # A product of such numbers is 0.
    assert sign_accuracy(row(1e-200, -1e-200), row(1e-200, 1e-200), 1e-300) == 0.5


@settings(max_examples=60, deadline=None)
@given(numbers, st.integers(0, 99))
def test_right_and_wrong_and_zero_are_all(found, seed):
    found, truth = np.array(found, np.float64), np.random.default_rng(seed).standard_normal(len(found))
    right, wrong = sign_accuracy(found, truth, 1e-9), sign_accuracy(-found, truth, 1e-9)
    assert right + wrong + np.mean(found == 0) == pytest.approx(1)


@pytest.mark.parametrize("least", [0.0, -1.0, math.nan])
def test_a_change_without_size_has_no_sign(least):
    with pytest.raises(OptionError, match=f"least is {least}"):
        sign_accuracy(row(1, 2), row(1, 2), least)


def test_background_mass_by_hand():
    near = np.array([[True, False], [True, False]])
    # 1 and 2 lie near, 4 and 1 away: signs do not cancel.
    assert background_mass(np.array([[1.0, -4.0], [-2.0, 1.0]]), near) == 5 / 8
    assert background_mass(np.array([[1.0, 0.0], [-2.0, 0.0]]), near) == 0
    assert background_mass(np.array([[0.0, 1.0], [0.0, 0.0]], np.float32), near) == 1
    assert background_mass(np.zeros((2, 2)), near) == 0


def test_background_mass_adds_in_double_precision():
    contribution = np.array([2.0**24] + [1.0] * 8, np.float32)
    assert background_mass(contribution, contribution > 1) == 8 / (2**24 + 8)


def test_what_does_not_fit_is_refused():
    for measure in (spearman, lambda found, truth: sign_accuracy(found, truth, 1.0)):
        with pytest.raises(OptionError, match=r"not \(2,\) and \(3,\)"):
            measure(row(1, 2), row(1, 2, 3))
        with pytest.raises(OptionError, match="equally long rows"):
            measure(np.zeros((2, 2)), np.zeros((2, 2)))
        with pytest.raises(OptionError, match="1 of 2 numbers are not finite"):
            measure(row(1, np.nan), row(1, 2))
        with pytest.raises(OptionError, match="2 of 2 numbers are not finite"):
            measure(row(1, 2), row(np.inf, -np.inf))
    with pytest.raises(OptionError, match=r"bool of shape \(2,\), not bool of \(3,\)"):
        background_mass(row(1, 2), np.ones(3, bool))
    with pytest.raises(OptionError, match="not int64"):
        background_mass(row(1, 2), np.array([0, 1], np.int64))
    with pytest.raises(OptionError, match="1 of 2 numbers"):
        background_mass(row(1, np.nan), np.array([True, False]))
