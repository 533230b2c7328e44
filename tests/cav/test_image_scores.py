"""How much of a concept is in an image."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest
from sklearn.metrics import roc_auc_score, roc_curve

from sacv.cav.image_scores import ImageScores, greatest, image_scores

FOLDS, CHANNELS = 3, 4


def made(rng, others=60, shows=20, group=None):
    """Scores whose directions play no part."""
    count = others + shows
    return ImageScores(
        np.eye(FOLDS, CHANNELS),
        rng.normal(size=count).astype(np.float32),
        np.arange(count) % FOLDS,
        np.arange(count) < shows,
        np.arange(count) if group is None else group,
    )


def slow_p_value(scores, reached):
    """By the definition, an image at a time."""
    total = 1.0
    others = [number for number in range(len(scores.scores)) if not scores.shows[number]]
    for number in others:
        size = sum(scores.group[other] == scores.group[number] for other in others)
        total += float(scores.scores[number] >= np.float32(reached[scores.fold[number]])) / size
    return min(total / (len({scores.group[number] for number in others}) + 1), 1.0)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4))
def test_p_values_are_as_defined(seed, size):
    rng = np.random.default_rng(seed)
    scores = made(rng, others=80, group=np.arange(100) // size)
    reached = rng.normal(size=(5, FOLDS))
    expected = [slow_p_value(scores, row) for row in reached]
    assert scores.p_values(reached) == pytest.approx(expected)


def test_p_values_of_images_without_the_concept_are_uniform():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(500):
        scores = made(rng)
        found.append(scores.p_values(rng.normal(size=(1, 1)).repeat(FOLDS, axis=1))[0])
    assert kstest(found, "uniform").pvalue > 0.05


def test_by_group_p_values_of_new_groups_are_uniform_and_by_image_they_are_not():
    rng = np.random.default_rng(0)
    count, size = 40, 10
    p = {"group": [], "picture": []}
    for _ in range(400):
        of_group = np.repeat(rng.normal(size=count), size)
        scores = (of_group + 0.1 * rng.normal(size=count * size)).astype(np.float32)
        new = np.full((1, FOLDS), rng.normal() + 0.1 * rng.normal())
        for kind, group in (("group", np.arange(count * size) // size), ("picture", np.arange(count * size))):
            zeros = np.zeros(count * size, dtype=np.int64)
            its = ImageScores(np.eye(FOLDS, CHANNELS), scores, zeros, zeros.astype(bool), group)
            p[kind].append(its.p_values(new)[0])
    assert np.mean(np.array(p["group"]) <= 0.05) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 400)
    assert np.mean(np.array(p["picture"]) <= 0.025) > 1.2 * np.mean(np.array(p["group"]) <= 0.025)


def test_too_few_others_give_no_p_value():
    assert made(np.random.default_rng(0), others=18).p_values(np.zeros((1, FOLDS))) is None
    assert made(np.random.default_rng(0), others=19).p_values(np.full((1, FOLDS), 9.0)) == pytest.approx([0.05])


@settings(deadline=None)
@given(st.integers(0, 1000))
def test_the_roc_curve_and_its_area_are_scikit_learns(seed):
    scores = made(np.random.default_rng(seed), others=15, shows=7)
    assert scores.auroc == pytest.approx(roc_auc_score(scores.shows, scores.scores))
    false, true = scores.roc()
    expected = roc_curve(scores.shows, scores.scores, drop_intermediate=False)
    assert false == pytest.approx(expected[0])
    assert true == pytest.approx(expected[1])


def test_the_interval_of_the_area_holds_it_and_widens_by_group():
    rng = np.random.default_rng(3)
    single = made(rng, others=100, shows=100)
    low, high = single.auroc_interval(rng)
    assert low < single.auroc < high
    twins = ImageScores(
        single.directions, np.sort(single.scores), single.fold, single.shows[rng.permutation(200)], np.arange(200) // 20
    )
    low_twins, high_twins = twins.auroc_interval(rng)
    assert high_twins - low_twins > 1.5 * (high - low)


def test_the_interval_of_a_p_value():
    scores = made(np.random.default_rng(0), others=99)
    assert scores.interval(0.01) == pytest.approx((0.0, 0.0366), abs=1e-3)
    low, high = scores.interval(0.5)
    assert low < 0.5 < high
    assert scores.interval(1.0)[1] == 1.0


def test_each_image_is_scored_along_the_direction_of_its_fold():
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.normal(size=(CHANNELS, FOLDS)))[0].T
    pictures = [rng.normal(size=(locations, CHANNELS)).astype(np.float32) for locations in (5, 2, 7)]
    found = image_scores(dict(enumerate(directions)), pictures, [2, 0, 1], [True, False, False], ["a", "b", "b"])
    expected = [
        max(float(cell @ directions[fold]) for cell in cells) for cells, fold in zip(pictures, (2, 0, 1), strict=True)
    ]
    assert found.scores == pytest.approx(expected, rel=1e-5)
    assert found.group.tolist() == [0, 1, 1]
    assert greatest(directions, pictures[0]).shape == (FOLDS,)
