import numpy as np
import pytest
from scipy.optimize import minimize

from sacv.errors import OptionError, SolverError
from sacv_bench.rivals.net2vec import net2vec


def planted(seed, images=40, grid=6, channels=5, strength=2.5):
    """Noise with a mean of its own in each channel; v is added in proportion to how much a mask covers a cell."""
    rng = np.random.default_rng(seed)
    vector = rng.standard_normal(channels)
    vector /= np.linalg.norm(vector)
    shares = np.zeros((images, grid, grid))
    for share in shares:
        row, column = rng.integers(0, grid - 2, 2)
        share[row : row + 2, column : column + 2] = 1
        share[row + 2, column] = 0.4
    cells = rng.standard_normal((images, grid, grid, channels)) + rng.standard_normal(channels) * 3
    return vector, cells + strength * shares[..., None] * vector, shares


def test_a_planted_direction_is_found_from_masks():
    for seed in range(3):
        vector, cells, shares = planted(seed)
        found = net2vec(cells, shares)
        assert found.dtype == np.float64 and np.linalg.norm(found) == pytest.approx(1)
        assert found @ vector > 0.97
        assert net2vec(cells, 1 - shares) @ found == pytest.approx(-1, abs=1e-4)


def test_it_minimises_the_balanced_loss():
    _, cells, shares = planted(3)
    rows, flat = cells.reshape(-1, 5), shares.ravel()
    mean = flat.mean()

    def loss(parameters):
        scores = rows @ parameters[:5] + parameters[5]
        inside, outside = np.logaddexp(0, -scores), np.logaddexp(0, scores)
        return np.mean((1 - mean) * flat * inside + mean * (1 - flat) * outside) / mean

    best = minimize(loss, np.zeros(6), tol=1e-9).x[:5]
    # The slight regularisation turns the direction by no more than this.
    assert net2vec(cells, shares) @ best / np.linalg.norm(best) > 0.9999


def test_it_tells_concept_from_distractor_where_means_cannot():
    """A distractor that comes with the concept: only weights against it undo it, and masks teach them."""
    rng = np.random.default_rng(4)
    shares = np.zeros((50, 4, 4))
    shares[:, :2] = 1
    cells = rng.standard_normal((50, 4, 4, 2)) @ np.array([[1.0, 1.0], [0.0, 0.2]])  # both channels shake together
    cells[..., 0] += shares
    assert np.sum(net2vec(cells, shares) * [1, -1]) / 2**0.5 > 0.95


def test_what_cannot_be_learnt_from_is_refused():
    _, cells, shares = planted(0, images=3)
    with pytest.raises(OptionError, match="share for each location"):
        net2vec(cells, shares[:, 1:])
    for wrong in (shares * 2, shares - 0.5, 0 * shares, 0 * shares + 1, shares * np.nan, shares[:0]):
        with pytest.raises(OptionError, match=r"neither 0 nor 1|share for each"):
            net2vec(cells, wrong)
    with pytest.raises(SolverError, match="do not differ"):
        net2vec(0 * cells, shares)
