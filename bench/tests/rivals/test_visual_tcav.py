import numpy as np
import pytest
import torch
from torch import nn

from sacv.errors import OptionError
from sacv_bench.rivals.visual_tcav import (
    attribution,
    attribution_map,
    class_share,
    concept_map,
    emblems,
    integrated_gradients,
    pooled_difference,
)


def test_the_direction_is_the_difference_of_the_pooled_means():
    rng = np.random.default_rng(0)
    concept, random = rng.standard_normal((5, 3, 4, 6)) + 1e3, rng.standard_normal((7, 3, 4, 6))
    slow = sum(image.mean(axis=(0, 1)) for image in concept) / 5 - sum(image.mean(axis=(0, 1)) for image in random) / 7
    np.testing.assert_allclose(pooled_difference(concept, random), slow, rtol=1e-12)
    with pytest.raises(OptionError, match="alike"):
        pooled_difference(concept, random[:, :2])


def test_the_scale_and_the_map_by_hand():
    vector = np.array([2.0, 1.0])
    concept = np.array([[[[1, 1], [0, 1]]], [[[2, 0], [-1, 0]]], [[[0, 2], [0, 0]]]], dtype=float)
    random = np.array([[[[0, 1], [0, 1]]], [[[-1, 0], [-1, 1]]], [[[0.5, 2], [0, 0]]]], dtype=float)
    # Positive parts of the projections: concept (3, 1), (4, 0), (2, 0); random (1, 1), (0, 0), (3, 0).
    # Contraharmonic means: concept 10/4, 4, 2; random 1, 0, 3.
    low, high = emblems(concept, random, vector)
    assert (low, high) == (1.0, 2.5)
    np.testing.assert_allclose(concept_map(concept, vector, (low, high)), [[[1, 0]], [[1, 0]], [[2 / 3, 0]]])
    assert not concept_map(concept, vector, (high, low)).any()


def test_the_share_by_hand():
    logits = np.array([[3.0, 5.0, -1.0], [1.0, 0.0, 0.0], [-1.0, -2.0, -3.0]])
    np.testing.assert_allclose(class_share(logits, np.array([1.0, 1.0, 0.0]), 0), [0.5, 0, 0])
    np.testing.assert_allclose(class_share(logits, np.zeros((3, 3)), 1), [1, 0, 0])


def test_the_attribution_of_a_linear_network_is_the_analytic_one():
    cells = np.array([[[[1.0, 1.0], [0.5, 1.0]]]])  # one image, 1 x 2 locations, 2 channels
    weights = torch.tensor([1.0, 2.0], dtype=torch.float64)
    gradients = integrated_gradients(lambda a: (a @ weights).sum((1, 2)), torch.from_numpy(cells), 3)
    np.testing.assert_allclose(gradients, np.broadcast_to([1.0, 2.0], cells.shape), rtol=1e-12)
    # v = (2, 1) gives projections 3 and 2, on the scale from 1 to 3: a map of 1 and 1/2. Parts of the logit are (1, 2)
    # and (0.5, 2), 5.5 in all, and the CAV's weights are (1, 1/2): (1 + 1) * 1 and (0.5 + 1) * 1/2 of 5.5.
    settings = np.array([2.0, 1.0]), (1.0, 3.0), np.array([0.8])
    np.testing.assert_allclose(attribution_map(gradients, cells, *settings), [[[0.8 * 2 / 5.5, 0.8 * 0.75 / 5.5]]])
    np.testing.assert_allclose(attribution(gradients, cells, *settings), [0.8 * 2.75 / 5.5])


def slow_attribution(gradients, cells, vector, scale, share):
    """One image: the equations of the module, one number after the other."""
    rows, columns, channels = cells.shape
    places = [(i, j) for i in range(rows) for j in range(columns)]
    low, high = scale
    seen = {}
    for p in places:
        projection = max(sum(vector[c] * cells[p][c] for c in range(channels)), 0)
        seen[p] = (min(max(projection, low), high) - low) / (high - low)
    parts = {(p, c): max(gradients[p][c] * cells[p][c], 0) for p in places for c in range(channels)}
    whole = sum(parts.values())
    signs = [-1 if sum(cells[p][c] * seen[p] for p in places) < 0 else 1 for c in range(channels)]
    weights = [max(vector[c] * signs[c], 0) for c in range(channels)]
    return sum(
        weights[c] / max(weights) * parts[p, c] / whole * share * seen[p] for p in places for c in range(channels)
    )


def test_the_attribution_against_loops_also_where_activations_are_negative():
    rng = np.random.default_rng(1)
    cells, gradients = rng.standard_normal((2, 4, 3, 2, 5))
    vector, share = rng.standard_normal(5), rng.uniform(size=4)
    found = attribution(gradients, cells, vector, (0.2, 1.5), share)
    slow = [slow_attribution(gradients[i], cells[i], vector, (0.2, 1.5), share[i]) for i in range(4)]
    np.testing.assert_allclose(found, slow, rtol=1e-12)
    np.testing.assert_allclose(
        found, attribution_map(gradients, cells, vector, (0.2, 1.5), share).sum(axis=(1, 2)), rtol=1e-12
    )
    assert (found >= 0).all() and (found <= share).all()
    np.testing.assert_array_equal(attribution(0 * gradients, cells, vector, (0.2, 1.5), share), 0)
    with pytest.raises(OptionError, match="one shape"):
        attribution(gradients[:, :2], cells, vector, (0.2, 1.5), share)


def test_integrated_gradients_of_a_quadratic_are_exact():
    rng = np.random.default_rng(2)
    cells, square = torch.from_numpy(rng.standard_normal((3, 2, 2, 4))), torch.from_numpy(rng.standard_normal((4, 4)))
    square = square + square.T
    found = integrated_gradients(lambda a: ((a @ square) * a).sum((1, 2, 3)) / 2, cells, steps=1)
    np.testing.assert_allclose(found, (cells @ square / 2).numpy(), rtol=1e-12)
    assert not cells.requires_grad


def test_integrated_gradients_sum_to_the_rise_of_the_logit():
    torch.manual_seed(0)
    head = nn.Sequential(nn.Flatten(), nn.Linear(24, 16), nn.Tanh(), nn.Linear(16, 1)).double()
    cells = torch.randn(3, 2, 3, 4, dtype=torch.float64)
    with torch.no_grad():
        found = integrated_gradients(lambda a: head(a)[:, 0], cells)
        rise = (head(cells) - head(torch.zeros_like(cells)))[:, 0].numpy()
    # The trapezoidal rule with 50 parts errs by 1 / 50^2 of the curvature.
    np.testing.assert_allclose((found * cells.numpy()).sum(axis=(1, 2, 3)), rise, atol=2e-3)
    assert all(parameter.grad is None for parameter in head.parameters())


def test_a_logit_that_does_not_look_has_no_gradient():
    cells = torch.ones(2, 3, 3, 4)
    assert not integrated_gradients(lambda a: torch.ones(len(a)), cells, 2).any()
    free = nn.Parameter(torch.ones(2))
    assert not integrated_gradients(lambda a: free * 2, cells, 2).any()
    with pytest.raises(OptionError, match="steps is 0"):
        integrated_gradients(lambda a: a.sum((1, 2, 3)), cells, 0)
