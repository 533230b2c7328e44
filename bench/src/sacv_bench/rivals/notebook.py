"""The direction of the notebook that the SACV authors published, with its errors.

Each image's activation `(channels, locations)` is *reshaped* to `(locations, channels)` instead of transposed, so a
row mixes channels and locations; a logistic regression on these rows labels the concept 0 and random 1, so its weights
point to random; and locations, not images, are held out for validation. The overlay then shows minus the
projection of activations on the weights, which is what the vector here gives.

Nothing is to be learnt from its numbers; see `tests/reference/notebook.py` for the same procedure written apart.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from sacv_bench.rivals.shared import at_length_one, require_alike

Values = NDArray[np.floating]

HELD_BACK = 1 / 3
"""Share of the locations that does not train; the direction hardly depends on it."""


def notebook_direction(concept: Values, random: Values, seed: int) -> NDArray[np.float64]:
    """Return the notebook's direction as its overlay uses it.

    Parameters
    ----------
    concept, random
        Activations `(n, *grid, channels)` in the right layout; the mistake is made inside.
    seed
        Chooses the locations held back.

    Returns
    -------
    Float64 `(channels,)`, L2 norm 1: v . a(p) is what its overlay shows, meant to be high where the concept is.

    Raises
    ------
    OptionError
        If the sets have other shapes, or one is empty.
    SolverError
        If the regression finds no direction.
    """
    require_alike(concept, random)
    sides = [_scrambled(concept), _scrambled(random)]
    labels = np.repeat([0, 1], [len(side) for side in sides])
    rows, _, labels, _ = train_test_split(np.concatenate(sides), labels, test_size=HELD_BACK, random_state=seed)
    # The notebook's search with lbfgs seeks the same minimum and takes longer.
    to_random = LogisticRegression(solver="newton-cholesky").fit(rows, labels).coef_[0]
    return -at_length_one(to_random)


def _scrambled(cells: Values) -> Values:
    """From `(n, *grid, channels)` to rows of `channels` numbers, as the notebook makes them."""
    channels_first = np.moveaxis(cells, -1, 1)
    return channels_first.reshape(-1, cells.shape[-1])
