"""The formulas, on values worked by hand and against the reference."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import scores as reference
from sacv.scores.kinds import BLOCK, CENTRES, COLUMNS, evaluate, image_terms


def one_image(cells, gradients, vector, threshold):
    """The terms of one image with places `(n, channels)`, for one vector."""
    both = (torch.tensor([values], dtype=torch.float64) for values in (cells, gradients))
    terms = image_terms(*both, np.array([vector], dtype=np.float64), np.array([threshold]))
    return dict(zip(COLUMNS, terms.columns()[0, 0], strict=True)), terms


def test_terms_by_hand():
    cells, gradients = [[1.0, 5.0], [3.0, 0.0], [4.0, 9.0]], [[7.0, 0.0], [-2.0, 1.0], [5.0, 3.0]]
    found, terms = one_image(cells, gradients, (1.0, 0.0), 2.0)
    phi = 0.5 * (1 + math.erf(math.sqrt(2) * 10 / math.sqrt(116) / math.sqrt(2)))
    assert found == pytest.approx({
        "positive_count": 1, "positive_sum": 10, "absolute_sum": 10, "smooth_sum": phi, "sacv_positive": 5,
        "sacv_negative": -2, "relevant": 2, "images": 1,
    })  # fmt: skip
    assert terms.derivative[0, 0] == 10


def test_a_place_on_the_threshold_is_not_relevant():
    found, _ = one_image([[2.0, 0.0], [2.5, 0.0]], [[1.0, 0.0], [10.0, 0.0]], (1.0, 0.0), 2.0)
    assert (found["relevant"], found["sacv_positive"]) == (1, 10)


def test_a_negative_derivative():
    found, _ = one_image([[0.0, 0.0]], [[-3.0, 4.0]], (1.0, 0.0), 1.0)
    assert (found["positive_count"], found["positive_sum"], found["absolute_sum"]) == (0, 0, 3)
    assert found["smooth_sum"] == pytest.approx(0.5 * (1 + math.erf(-0.6)))
    assert (found["relevant"], found["sacv_positive"], found["sacv_negative"]) == (0, 0, 0)


def test_an_image_whose_gradient_is_zero_counts_as_half():
    found, _ = one_image([[5.0, 0.0]], [[0.0, 0.0]], (1.0, 0.0), 1.0)
    assert (found["positive_count"], found["smooth_sum"], found["absolute_sum"]) == (0.5, 0.5, 0)


def test_scores_by_hand():
    sums = dict.fromkeys(COLUMNS, 0.0) | {
        "positive_count": 3, "positive_sum": 6, "absolute_sum": 8, "smooth_sum": 2.5, "sacv_positive": 5,
        "sacv_negative": -11, "relevant": 12, "images": 4,
    }  # fmt: skip
    found = {kind: float(evaluate(kind, np.array(list(sums.values())))) for kind in CENTRES}
    assert found == {"tcav": 0.75, "magnitude": 0.75, "smooth": 0.625, "sacv": -1.5, "sacv_density": -0.5}


def test_without_any_gradient_every_score_is_that_of_no_effect():
    cells, gradients = torch.randn(5, 3, 3, 4), torch.zeros(5, 3, 3, 4)
    terms = image_terms(cells, gradients, np.eye(4), np.zeros(4))
    for kind, centre in CENTRES.items():
        np.testing.assert_array_equal(evaluate(kind, terms.columns().sum(axis=0)), np.full(4, centre))


def test_where_nothing_is_relevant_the_density_is_that_of_no_effect():
    terms = image_terms(torch.zeros(5, 3, 3, 4), torch.randn(5, 3, 3, 4), np.eye(4), np.ones(4))
    for kind in ("sacv", "sacv_density"):
        np.testing.assert_array_equal(evaluate(kind, terms.columns().sum(axis=0)), np.zeros(4))


@settings(deadline=None)  # the first call imports much
@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 7), st.integers(0, 99))
def test_agrees_with_the_reference(images, places, channels, seed):
    rng = np.random.default_rng(seed)
    cells, gradients = rng.standard_normal((2, images, places, 2, channels))
    vectors, thresholds = rng.standard_normal((3, channels)), rng.standard_normal(3) / 2
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    terms = image_terms(torch.from_numpy(cells), torch.from_numpy(gradients), vectors, thresholds)
    for number in range(3):
        pairs = zip(cells, gradients, strict=True)
        wanted = [reference.image_terms(*pair, vectors[number], thresholds[number]) for pair in pairs]
        found = [terms.derivative, terms.smooth, terms.positive + terms.negative, terms.relevant]
        np.testing.assert_allclose(np.stack([kind[:, number] for kind in found], axis=1), wanted, atol=1e-12)
        whole = reference.scores(wanted)
        for kind in CENTRES:
            value = evaluate(kind, terms.columns()[:, number].sum(axis=0))
            assert float(value) == pytest.approx(whole[kind], abs=1e-12)
    assert (terms.positive >= 0).all() and (terms.negative <= 0).all()


def test_turning_the_vector_round_turns_the_scores_round():
    cells, gradients = torch.randn(9, 4, 4, 5, dtype=torch.float64), torch.randn(9, 4, 4, 5, dtype=torch.float64)
    vector = np.ones((1, 5)) / np.sqrt(5)
    low = np.array([-100.0])  # every place is relevant, so that the gate does not change
    sides = [image_terms(cells, gradients, sign * vector, low).columns().sum(axis=0) for sign in (1, -1)]
    for kind, centre in CENTRES.items():
        one, other = (float(evaluate(kind, side)[0]) for side in sides)
        assert one - centre == pytest.approx(centre - other, abs=1e-12) and one != centre


def test_more_vectors_than_fit_a_block():
    rng = np.random.default_rng(0)
    count = 2 * BLOCK + 3
    cells, gradients = (torch.from_numpy(rng.standard_normal((2, 2, 3, 4))) for _ in range(2))
    vectors, thresholds = rng.standard_normal((count, 4)), rng.standard_normal(count)
    together = image_terms(cells, gradients, vectors, thresholds).columns()
    for number in (0, BLOCK - 1, BLOCK, count - 1):
        alone = image_terms(cells, gradients, vectors[[number]], thresholds[[number]]).columns()
        np.testing.assert_allclose(together[:, [number]], alone, atol=1e-12)
    assert image_terms(cells, gradients, np.empty((0, 4)), np.empty(0)).columns().shape == (2, 0, len(COLUMNS))


def test_half_precision_is_read_in_single():
    rng = np.random.default_rng(0)
    cells, gradients = (torch.from_numpy(rng.standard_normal((3, 5, 5, 32))).bfloat16() for _ in range(2))
    vectors = rng.standard_normal((4, 32))
    half = image_terms(cells, gradients, vectors, np.zeros(4)).columns()
    single = image_terms(cells.float(), gradients.float(), vectors, np.zeros(4)).columns()
    np.testing.assert_array_equal(half, single)
