import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sacv.cav.quality import HeldOut, accuracy, auroc, best_threshold


def balanced(concept, random, threshold):
    return (np.mean(concept > threshold) + np.mean(random <= threshold)) / 2


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=12), st.lists(st.integers(-5, 5), min_size=1, max_size=12))
def test_threshold_is_as_good_as_any(concept, random):
    concept, random = np.array(concept, float), np.array(random, float)
    found = balanced(concept, random, best_threshold(concept, random))
    assert found == pytest.approx(max(balanced(concept, random, cut) for cut in np.arange(-6, 6.5, 0.5)))


def test_threshold_lies_in_the_middle_of_the_gap():
    assert best_threshold(np.array([4.0, 5.0]), np.array([0.0, 2.0])) == 3.0


def test_accuracy_is_judged_at_the_threshold_of_the_other_folds():
    # Fold 0 alone would choose a threshold between 10 and 11; the other fold's threshold, 0.5, tells nothing there.
    concept = HeldOut(np.array([11.0, 1.0]), np.array([0, 1]))
    random = HeldOut(np.array([10.0, 0.0]), np.array([0, 1]))
    assert accuracy(concept, random) == 0.5  # fold 0: both above 0.5; fold 1: both below 10.5


def test_auroc():
    concept = HeldOut(np.array([1.0, 3.0]), np.array([0, 1]))
    random = HeldOut(np.array([0.0, 2.0]), np.array([0, 1]))
    assert auroc(concept, random) == 0.75
