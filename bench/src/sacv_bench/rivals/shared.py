"""What several rivals ask of their sets and their directions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sacv.errors import OptionError, SolverError

Values = NDArray[np.floating]


def require_alike(concept: Values, random: Values) -> None:
    """Raise an OptionError unless both sets are `(n, *grid, channels)`, alike but in n, and not empty."""
    if concept.ndim < 2 or concept.shape[1:] != random.shape[1:] or not (len(concept) and len(random)):
        raise OptionError(
            "concept and random activations are (n, *grid, channels), alike but in n, which is at least 1; "
            f"they are {concept.shape} and {random.shape}"
        )


def at_length_one(weights: Values) -> NDArray[np.float64]:
    """Return weights of any shape at L2 norm 1, with their sign; raise a SolverError if they are 0 or not finite."""
    exact: NDArray[np.float64] = weights.astype(np.float64)
    length = float(np.linalg.norm(exact))
    if not 0 < length < float("inf"):
        raise SolverError("no direction was found: the concept's activations do not differ from the random ones")
    return exact / length
