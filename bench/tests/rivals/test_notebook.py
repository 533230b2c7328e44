"""The exhibit follows the notebook's mistakes one by one; `reference.notebook` writes the same procedure apart."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from reference import notebook as reference
from sacv.errors import OptionError, SolverError
from sacv_bench.rivals.notebook import HELD_BACK, notebook_direction
from sacv_bench.rivals.tcav import pooled_cav


def planted(seed, grid, images=60, channels=64, strength=1.5):
    """Activations with means and spreads of their own in each channel; v is added to the concept's."""
    rng = np.random.default_rng(seed)
    vector = rng.standard_normal(channels)
    vector /= np.linalg.norm(vector)
    noise = rng.standard_normal((2, images, *grid, channels)) * rng.uniform(0.3, 1.2, channels)
    noise += rng.standard_normal(channels)
    return vector, noise[0] + strength * vector, noise[1]


def test_on_planted_data_it_finds_nothing_that_the_others_find():
    cosines = []
    for seed in range(8):
        vector, concept, random = planted(seed, (7, 7))
        found = notebook_direction(concept, random, seed)
        assert np.linalg.norm(found) == pytest.approx(1)
        assert pooled_cav(concept, random, seed) @ vector > 0.9
        cosines.append(found @ vector)
    # A direction drawn at random has a standard deviation of 1 / sqrt(64).
    assert np.sqrt(np.mean(np.square(cosines))) < 0.2 and np.max(np.abs(cosines)) < 0.4


def test_it_is_the_reference_procedure_with_the_sign_of_the_overlay():
    _, concept, random = planted(3, (3, 5), channels=6)
    rows = [reference.scrambled(np.moveaxis(side, -1, 1)) for side in (concept, random)]
    labels = np.r_[np.zeros(len(rows[0])), np.ones(len(rows[1]))]
    train, _, labels, _ = train_test_split(np.concatenate(rows), labels, test_size=HELD_BACK, random_state=7)
    to_random = LogisticRegression(max_iter=1000, tol=1e-8).fit(train, labels).coef_[0]
    np.testing.assert_allclose(
        notebook_direction(concept, random, 7), -to_random / np.linalg.norm(to_random), atol=1e-4
    )


def test_only_the_layout_is_at_fault():
    """One location has nothing to scramble: there the overlay's sign is right and the direction is found."""
    vector, concept, random = planted(4, (1, 1), images=400, channels=6)
    assert notebook_direction(concept, random, 0) @ vector > 0.7
    # On a grid, activations laid out as the notebook believes them to be give the same.
    grid = [side.reshape(16, 5, 5, 6) for side in (concept, random)]
    unscrambled = [np.moveaxis(side.reshape(16, 6, 5, 5), 1, -1) for side in grid]
    np.testing.assert_allclose(
        notebook_direction(*unscrambled, 0), notebook_direction(concept, random, 0), rtol=0, atol=1e-12
    )


def test_sets_that_do_not_fit_are_refused():
    with pytest.raises(OptionError, match="alike"):
        notebook_direction(np.zeros((2, 3, 3, 4)), np.zeros((2, 3, 4, 4)), 0)
    with pytest.raises(SolverError, match="no direction"):
        notebook_direction(np.zeros((4, 3, 3, 4)), np.zeros((4, 3, 3, 4)), 0)
