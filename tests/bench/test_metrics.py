import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score

from sacv.bench.baselines import activation_norm, edge_strength, grad_cam
from sacv.bench.metrics import auroc, average_precision, coverage, pointing, read_mask
from sacv.errors import OptionError


def test_coverage_by_hand():
    mask = np.zeros((3, 3), bool)
    mask[0, 0] = True
    # Cells of 1.5 pixels: the first holds the pixel wholly, 1 of 2.25.
    np.testing.assert_allclose(coverage(mask, (2, 2)), [[1 / 2.25, 0], [0, 0]])
    np.testing.assert_allclose(coverage(mask, (1, 2), (0.5, 0.0, 1.5, 1.0)), [[1, 0]])


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
def test_coverage_keeps_the_area(rows, columns, seed):
    mask = np.random.default_rng(seed).uniform(size=(11, 13)) > 0.5
    assert coverage(mask, (rows, columns)).mean() == pytest.approx(mask.mean())


def test_metrics_agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    values, shares = rng.standard_normal((6, 7)), (rng.uniform(size=(6, 7)) > 0.6).astype(float)
    assert auroc(values, shares) == roc_auc_score(shares.ravel() > 0, values.ravel())
    assert average_precision(values, shares) == average_precision_score(shares.ravel() > 0, values.ravel())


def test_by_hand():
    shares = np.array([[1.0, 0.6], [0.4, 0.0]])
    assert auroc(np.array([[3.0, 1.0], [2.0, 0.0]]), shares) == 0.75
    assert average_precision(np.array([[3.0, 1.0], [2.0, 0.0]]), shares) == pytest.approx((1 + 2 / 3) / 2)
    assert pointing(np.array([[3.0, 1.0], [2.0, 0.0]]), shares)
    assert not pointing(np.array([[0.0, 1.0], [2.0, 0.0]]), shares)


def test_masks_that_decide_nothing_are_refused():
    for mask in (np.zeros((4, 4), bool), np.ones((4, 4), bool)):
        with pytest.raises(OptionError, match="empty or full"):
            coverage(mask, (2, 2))
    with pytest.raises(OptionError, match="too coarse"):
        auroc(np.zeros((1, 2)), np.array([[0.3, 0.0]]))


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
