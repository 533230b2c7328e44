from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score

from reference import place_metrics
from sacv.errors import OptionError
from sacv_bench.baselines import activation_norm, edge_strength, grad_cam
from sacv_bench.metrics import (
    PLACE_METRICS,
    auroc,
    average_precision,
    best_threshold_iou,
    coverage,
    energy_inside,
    iou,
    pointing,
    random_average_precision,
    rank_accuracy,
    read_mask,
    share_inside,
)


def test_coverage_by_hand():
    mask = np.zeros((3, 3), bool)
    mask[0, 0] = True
    # Cells of 1.5 pixels: the first holds the pixel wholly, 1 of 2.25.
    np.testing.assert_allclose(coverage(mask, (2, 2)), [[1 / 2.25, 0], [0, 0]])
    np.testing.assert_allclose(coverage(mask, (1, 2), (0.5, 0.0, 1.5, 1.0)), [[1, 0]])


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
def test_coverage_keeps_the_area(rows, columns, seed):
    mask = np.random.default_rng(seed).uniform(size=(11, 13)) > 0.5
    assert coverage(mask, (rows, columns)).mean() == pytest.approx(mask.mean())


def test_metrics_agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    values, shares = rng.standard_normal((6, 7)), (rng.uniform(size=(6, 7)) > 0.6).astype(float)
    assert auroc(values, shares) == roc_auc_score(shares.ravel() > 0, values.ravel())
    assert average_precision(values, shares) == average_precision_score(shares.ravel() > 0, values.ravel())


SHARES = np.array([[1.0, 0.6], [0.4, 0.0]])
"""Inside are the two cells of the first row."""


@st.composite
def measured(draw, most=6):
    """A map of few whole values, so that many tie, and shares with at least one cell inside and one outside."""
    n = draw(st.integers(2, most))
    values = draw(st.lists(st.integers(-2, 2), min_size=n, max_size=n))
    shares = draw(st.lists(st.sampled_from([0.0, 0.3, 0.5, 0.8, 1.0]), min_size=n - 2, max_size=n - 2))
    shares = draw(st.permutations([*shares, 1.0, 0.2]))
    return np.array([values], np.float32), np.array([shares])


def test_by_hand():
    values = np.array([[3.0, 1.0], [2.0, 0.0]])
    assert auroc(values, SHARES) == 0.75
    assert average_precision(values, SHARES) == pytest.approx((1 + 2 / 3) / 2)
    # Of the sum 6, the first cell gives 3 whole, the second 1 x .6 and the third 2 x .4.
    assert energy_inside(values, SHARES) == pytest.approx((3 + 0.6 + 0.8) / 6)
    # The two highest are 3 (inside) and 2 (outside).
    assert rank_accuracy(values, SHARES) == 0.5
    assert pointing(values, SHARES) == 1
    assert pointing(np.array([[0.0, 1.0], [2.0, 0.0]]), SHARES) == 0


def test_ties_are_shared():
    # One of three highest cells is outside.
    assert pointing(np.array([[2.0, 2.0], [2.0, 0.0]]), SHARES) == pytest.approx(2 / 3)
    assert pointing(np.full((2, 2), 7.0), SHARES) == 0.5
    # The highest is inside; one more location for three cells, of which one is inside: (1 + 1/3) / 2.
    assert rank_accuracy(np.array([[5.0, 1.0], [1.0, 1.0]]), SHARES) == pytest.approx(2 / 3)
    assert rank_accuracy(np.zeros((2, 2)), SHARES) == 0.5


def test_only_what_is_positive_is_energy():
    assert energy_inside(np.array([[1.0, -5.0], [-2.0, 3.0]]), SHARES) == 0.25
    assert energy_inside(np.array([[-1.0, 0.0], [-2.0, -3.0]]), SHARES) == 0.0
    # The sum, odd and above 2^24, is no number of single precision.
    values = np.array([[2.0**24] + [1.0] * 9], np.float32)
    assert energy_inside(values, np.array([[0.0] + [1.0] * 9])) == 9 / (2**24 + 9)


@settings(max_examples=60, deadline=None)
@given(measured())
def test_metrics_are_their_definitions(given_):
    values, shares = given_
    flat, inside = values.ravel().tolist(), (shares >= 0.5).ravel().tolist()
    for metric in (auroc, average_precision, pointing, rank_accuracy):
        expected = getattr(place_metrics, metric.__name__)(flat, inside)
        assert metric(values, shares) == pytest.approx(expected, abs=1e-12), metric.__name__
    assert energy_inside(values, shares) == pytest.approx(place_metrics.energy_inside(flat, shares.ravel().tolist()))
    for threshold in (-3, 0.0, 1.5):
        assert iou(values, shares, threshold) == pytest.approx(place_metrics.iou(flat, inside, threshold))


@settings(max_examples=60, deadline=None)
@given(measured(), st.sampled_from([np.exp, np.cbrt, lambda x: 3 * x - 7, lambda x: x**3 + x]))
def test_ranks_are_all_that_counts(given_, monotone):
    values, shares = given_
    for metric in (auroc, average_precision, pointing, rank_accuracy):
        assert metric(monotone(values), shares) == pytest.approx(metric(values, shares), abs=1e-12), metric.__name__
    assert energy_inside(4 * values, shares) == pytest.approx(energy_inside(values, shares))


@settings(max_examples=60, deadline=None)
@given(measured())
def test_a_perfect_map_has_one_and_its_opposite_the_least(given_):
    shares = (given_[1] >= 0.5).astype(float)
    for metric in PLACE_METRICS:
        assert metric.value(shares, shares) == pytest.approx(1), metric.name
    assert iou(shares, shares, 0.5) == 1 and iou(-shares, shares, -0.5) == 0
    for metric in (auroc, pointing, energy_inside):
        assert metric(-shares, shares) == 0


@pytest.mark.parametrize("inside", [1, 2, 4])
@pytest.mark.parametrize("metric", PLACE_METRICS, ids=lambda metric: metric.name)
def test_random_maps_have_the_random_value_on_average(metric, inside):
    # Every order of five cells, so that nothing is left to chance.
    shares = np.array([[0.9, 0.8, 0.7, 0.6][:inside] + [0.3, 0.2, 0.1, 0.0][: 5 - inside]])
    found = [metric.value(np.array([order]), shares) for order in permutations([-1.0, 0.5, 1.0, 2.0, 4.0])]
    assert np.mean(found) == pytest.approx(metric.random(shares), abs=1e-12)


def test_the_random_average_precision_is_above_the_share():
    shares = np.zeros((7, 7))
    shares[3, 1:6] = 1
    rng = np.random.default_rng(0)
    found = [average_precision(rng.standard_normal((7, 7)), shares) for _ in range(600)]
    error = np.std(found) / 600**0.5
    assert abs(np.mean(found) - random_average_precision(shares)) < 3 * error < 0.015
    # What the docstring says; on very many cells the share is right.
    assert random_average_precision(shares) == pytest.approx(0.167, abs=5e-4)
    assert share_inside(shares) == pytest.approx(0.102, abs=5e-4)
    many = np.kron(shares, np.ones((100, 100)))
    assert random_average_precision(many) == pytest.approx(share_inside(many), abs=1e-4)


def test_metrics_of_place_have_names_of_their_own():
    assert [metric.name for metric in PLACE_METRICS] == [
        "AUROC", "average precision", "pointing", "energy inside", "rank accuracy",
    ]  # fmt: skip


def test_iou_by_hand():
    values = np.array([[3.0, 1.0], [2.0, 0.0]])
    assert iou(values, SHARES, 2.5) == 1 / 2
    assert iou(values, SHARES, 1.0) == 1 / 3  # 3 and 2 exceed it: one cell of three
    assert iou(values, SHARES, 0.5) == 2 / 3
    assert iou(values, SHARES, -1.0) == 1 / 2
    assert iou(values, SHARES, 3.0) == 0


def test_the_threshold_is_the_best_of_other_images():
    # Sums of IoU: 2.0 below 1, 2.5 from 1 to below 3 (.5 + 1 + .5 + .5), 3 from 3 to below 5 (1 + 0 + 1 + 1), then 2.
    shares = np.array([[1.0, 0.0]])
    maps = [np.array([pair]) for pair in ([5.0, 3.0], [3.0, 1.0], [7.0, 3.0], [7.0, 3.0])]
    assert 3 <= best_threshold_iou(maps, [shares] * 4) < 5
    # Without the last map it is 2 and 2: the lower counts.
    assert best_threshold_iou(maps[:3], [shares] * 3) == 1
    assert best_threshold_iou([np.array([[9.0, 4.0, 0.0]])], [np.array([[1.0, 0.0, 0.0]])]) == pytest.approx(
        4, abs=0.02
    )
    # One cell of 400 is inside: the quantiles are fine enough for it.
    values = np.arange(400.0)
    assert 398 <= best_threshold_iou([values], [(values == 399).astype(float)]) < 399


@settings(max_examples=60, deadline=None)
@given(st.lists(measured(most=12), min_size=1, max_size=4))
def test_no_threshold_is_better(given_):
    maps, shares = zip(*given_, strict=True)

    def mean_iou(threshold):
        return np.mean([iou(values, cells, threshold) for values, cells in zip(maps, shares, strict=True)])

    # Some quantile lies from each value to below the next, and there the cells above stay the same.
    best, found = best_threshold_iou(maps, shares), {float(value) for values in maps for value in values.ravel()}
    assert mean_iou(best) == pytest.approx(max(mean_iou(threshold) for threshold in found), abs=1e-12)


def test_masks_that_decide_nothing_are_refused():
    for mask in (np.zeros((4, 4), bool), np.ones((4, 4), bool)):
        with pytest.raises(OptionError, match="empty or full"):
            coverage(mask, (2, 2))
    shares = np.array([[0.3, 0.0]])
    for metric in (auroc, average_precision, pointing, rank_accuracy):
        with pytest.raises(OptionError, match="too coarse"):
            metric(np.zeros((1, 2)), shares)
    with pytest.raises(OptionError, match="too coarse"):
        iou(np.zeros((1, 2)), shares, 0.0)
    with pytest.raises(OptionError, match="too coarse"):
        best_threshold_iou([np.zeros((1, 2))], [shares])
    assert energy_inside(np.ones((1, 2)), shares) == pytest.approx(0.15)


@pytest.mark.parametrize("metric", PLACE_METRICS, ids=lambda metric: metric.name)
def test_maps_that_cannot_be_measured_are_refused(metric):
    with pytest.raises(OptionError, match=r"shape \(4,\) but the shares have \(2, 2\)"):
        metric.value(np.zeros(4), SHARES)
    with pytest.raises(OptionError, match="2 of 4 values of the map are not finite"):
        metric.value(np.array([[np.nan, 0.0], [np.inf, 0.0]]), SHARES)


def test_a_threshold_needs_maps():
    with pytest.raises(OptionError, match="0 maps"):
        best_threshold_iou([], [])
    with pytest.raises(OptionError, match="1 maps came with 2"):
        best_threshold_iou([np.zeros((2, 2))], [SHARES, SHARES])


def test_masks_are_read(tmp_path):
    Image.fromarray(np.array([[0, 255], [127, 128]], np.uint8)).save(tmp_path / "m.png")
    assert read_mask(tmp_path / "m.png").tolist() == [[False, True], [False, True]]


def test_edge_strength_is_where_the_edge_is():
    picture = np.zeros((40, 40), np.uint8)
    picture[:, 25:] = 255
    found = edge_strength(Image.fromarray(picture), (4, 4))
    assert (found.argmax(axis=1) == 2).all() and found[:, 0].max() == 0


def test_grad_cam_by_hand():
    activations = np.array([[[[1.0, 2.0], [3.0, -1.0]]]])  # (1, 1, 2, 2)
    gradients = np.array([[[[1.0, 0.0], [3.0, -2.0]]]])
    # Weights are the means (2, -1): 2*1 - 1*2 = 0 and 2*3 + 1 = 7.
    np.testing.assert_allclose(grad_cam(activations, gradients), [[[0, 7]]])
    np.testing.assert_allclose(activation_norm(activations), [[[5**0.5, 10**0.5]]])
