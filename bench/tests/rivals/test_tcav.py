import numpy as np
import pytest
import torch
from sklearn.svm import LinearSVC
from torch import nn

from sacv.errors import OptionError, SolverError
from sacv_bench.rivals.tcav import flattened_cav, local_map, pooled_cav, sensitivity


def planted(seed, images=60, grid=(3, 4), channels=6, where=None, strength=2.0):
    """Noise, and the same noise's like with v added where the mask says (everywhere by default)."""
    rng = np.random.default_rng(seed)
    vector = rng.standard_normal(channels)
    vector /= np.linalg.norm(vector)
    random, concept = rng.standard_normal((2, images, *grid, channels))
    mask = np.ones(grid) if where is None else where
    return vector, concept + strength * mask[..., None] * vector, random


def test_both_cavs_find_a_planted_direction():
    vector, concept, random = planted(0)
    assert pooled_cav(concept, random, 0) @ vector > 0.9
    tiled = np.broadcast_to(vector, (3, 4, 6)) / 12**0.5
    flattened = flattened_cav(concept, random, 0)
    assert flattened.shape == (3, 4, 6)
    assert np.sum(flattened * tiled) > 0.8


def test_the_lengths_are_one_and_the_seed_decides():
    _, concept, random = planted(1, strength=0.3)
    for find in (flattened_cav, pooled_cav):
        cav = find(concept, random, 0)
        assert cav.dtype == np.float64 and np.linalg.norm(cav) == pytest.approx(1)
        np.testing.assert_array_equal(cav, find(concept, random, 0))
        assert not np.array_equal(cav, find(concept, random, 1))
        turned = find(random, concept, 0)
        assert np.sum(turned * cav) < 0  # it points to the concept


def test_it_is_the_support_vector_machine_of_the_packages():
    """Its objective is alpha / 2 |w|^2 + mean hinge; LinearSVC finds the minimum of the same by another way."""
    rng = np.random.default_rng(5)
    noise = rng.standard_normal((800, 1, 1, 3)) @ np.array([[3.0, 0.0, 0.0], [2.9, 0.3, 0.0], [0.0, 0.0, 1.0]])
    concept, random = noise[:400] + 0.5, noise[400:]
    exact = LinearSVC(loss="hinge", C=1 / (0.01 * 800), intercept_scaling=30, max_iter=100_000, random_state=0)
    weights = exact.fit(np.concatenate([concept, random]).reshape(-1, 3), np.arange(800) < 400).coef_[0]
    best = weights / np.linalg.norm(weights)
    difference = concept.mean(axis=(0, 1, 2)) - random.mean(axis=(0, 1, 2))
    assert best @ difference / np.linalg.norm(difference) < 0.9  # so that another alpha would show
    for seed in range(3):
        assert pooled_cav(concept, random, seed) @ best > 0.998


def test_the_flattened_cav_learns_places_and_the_pooled_one_cannot():
    left = np.array([[1.0, 1.0, 0.0, 0.0]] * 3)
    vector, concept, _ = planted(2, where=left)
    _, mirrored, _ = planted(2, where=1 - left)  # the same noise and direction, at the other locations
    flattened = flattened_cav(concept, mirrored, 0)
    along = flattened @ vector
    assert (along[:, :2] > 0).all() and (along[:, 2:] < 0).all()
    scores = local_map(flattened, np.concatenate([concept, mirrored])).sum(axis=(1, 2))
    assert scores[:60].min() > scores[60:].max()
    with pytest.raises(SolverError, match="no direction"):
        pooled_cav(np.zeros((3, 2, 2, 4)), np.zeros((3, 2, 2, 4)), 0)
    pooled = pooled_cav(concept, mirrored, 0)
    means = np.concatenate([concept, mirrored]).mean(axis=(1, 2)) @ pooled
    assert means[:60].min() < means[60:].max()


def test_the_map_and_the_sensitivity_against_loops():
    rng = np.random.default_rng(3)
    cells, flattened = rng.standard_normal((2, 3, 4, 5)), rng.standard_normal((3, 4, 5))
    for cav in (flattened, flattened[1, 2]):
        found = local_map(cav, cells)
        everywhere = np.broadcast_to(cav, flattened.shape)
        for image in range(2):
            for row in range(3):
                for column in range(4):
                    expected = sum(everywhere[row, column, c] * cells[image, row, column, c] for c in range(5))
                    assert found[image, row, column] == pytest.approx(expected, abs=1e-12)
        np.testing.assert_allclose(sensitivity(cav, cells), found.sum(axis=(1, 2)), rtol=1e-12)


def test_the_sum_over_locations_is_the_derivative_along_the_tiled_direction():
    """With c(p) = v . dz/da(p): move every location along v and look how the logit changes."""
    torch.manual_seed(0)
    head = nn.Sequential(nn.Conv2d(5, 4, 3), nn.Softplus(), nn.Flatten(), nn.Linear(16, 1)).double()
    cells = torch.randn(2, 4, 4, 5, dtype=torch.float64).requires_grad_()

    def logits(values):
        return head(values.permute(0, 3, 1, 2))[:, 0]

    (gradients,) = torch.autograd.grad(logits(cells).sum(), cells)
    vector = np.random.default_rng(0).standard_normal(5)
    step = 1e-5 * torch.from_numpy(vector)
    moved = ((logits(cells + step) - logits(cells - step)) / 2e-5).detach().numpy()
    found = sensitivity(vector, gradients.numpy())
    np.testing.assert_allclose(found, moved, rtol=1e-7)
    np.testing.assert_allclose(found, sensitivity(np.tile(vector, (4, 4, 1)), gradients.numpy()), rtol=1e-12)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(OptionError, match="alike"):
        flattened_cav(np.zeros((2, 3, 3, 4)), np.zeros((2, 3, 4, 4)), 0)
    with pytest.raises(OptionError, match="at least 1"):
        pooled_cav(np.zeros((2, 3, 3, 4)), np.zeros((0, 3, 3, 4)), 0)
    with pytest.raises(OptionError, match="does not fit"):
        local_map(np.zeros(3), np.zeros((2, 3, 3, 4)))
    with pytest.raises(OptionError, match="does not fit"):
        sensitivity(np.zeros((3, 4)), np.zeros((2, 3, 3, 4)))
