"""How a concept goes with a column of the table."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats.contingency import association as scipy_association

from sacv.cav.quality import area
from sacv.cav.strata import association, cramers_v, match_weights

SIDES = st.lists(st.sampled_from("abc"), min_size=1, max_size=30)


def rng():
    return np.random.default_rng(0)


def test_the_statistic_is_the_usual_one_where_there_are_very_many_images():
    counts = np.array([[30_000, 10_000, 20_000], [5_000, 40_000, 20_000]], dtype=float)
    assert cramers_v(counts) == pytest.approx(scipy_association(counts.astype(int), method="cramer"), abs=1e-3)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=5))
def test_the_statistic_lies_from_0_to_1_and_does_not_depend_on_order(rows):
    counts = np.array(rows, dtype=float).T
    found = cramers_v(counts)
    assert 0 <= found <= 1
    assert cramers_v(counts[:, ::-1]) == pytest.approx(found)
    assert cramers_v(counts[::-1]) == pytest.approx(found)


def test_a_concept_that_is_the_column_is_associated_and_not_separable():
    scores = np.arange(20.0), np.arange(20.0)
    found = association("diagnosis", (["m"] * 20, ["n"] * 20), scores, rng())
    assert found.cramers_v == pytest.approx(1, abs=0.01)
    assert (found.overlap, found.separable, found.auroc) == (0, False, None)
    assert "cannot be distinguished from diagnosis" in str(found)
    assert "no image with the same diagnosis" in str(found)


def test_a_concept_that_is_independent_of_the_column():
    values = ["m", "n"] * 100
    draw = np.random.default_rng(1)
    found = association("site", (values, values), (draw.normal(2, 1, 200), draw.normal(0, 1, 200)), rng())
    assert found.cramers_v < 0.05
    assert found.separable
    assert found.auroc > 0.85
    assert found.auroc_interval[0] < found.auroc < found.auroc_interval[1]


def test_scores_that_follow_the_column_alone_show_nothing_within_strata():
    draw = np.random.default_rng(2)
    values = ["m"] * 40 + ["n"] * 10, ["m"] * 10 + ["n"] * 40
    scores = [np.array([value == "m" for value in side]) * 3.0 + draw.normal(size=50) for side in values]
    found = association("diagnosis", values, tuple(scores), rng())
    assert area(*scores) > 0.7
    assert found.auroc_interval[0] < 0.5 < found.auroc_interval[1]
    assert "do not show that it differs from the diagnosis" in str(found)


@given(SIDES, SIDES)
def test_within_strata_only_pairs_of_one_value_count(concept, others):
    draw = np.random.default_rng(len(concept) * 100 + len(others))
    scores = draw.normal(size=len(concept)), draw.normal(size=len(others))
    found = association("c", (concept, others), scores, rng())
    wins = [
        float(score > other)
        for score, value in zip(scores[0], concept, strict=True)
        for other, its in zip(scores[1], others, strict=True)
        if its == value
    ]
    assert found.auroc is None if not wins else found.auroc == pytest.approx(np.mean(wins))
    assert sum(one.images for one in found.strata) == len(concept)
    assert sum(one.others for one in found.strata) == len(others)


@given(SIDES, SIDES)
def test_matched_sides_have_the_same_share_of_every_stratum(concept, others):
    weights = match_weights(concept, others)
    for value in "abc":
        here, there = (
            side[[one == value for one in given]].sum() for side, given in zip(weights, (concept, others), strict=True)
        )
        assert here == pytest.approx(there)
        assert (here > 0) == (value in concept and value in others)
