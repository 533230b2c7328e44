"""What a solver is: an object that finds a concept's direction.

There are two kinds. A `MomentSolver` needs the `Moments` of the concept's locations and of the random ones alone, so
that cross-validation, random runs and a change of solver cost no pass over images. A `SampleSolver` needs vectors.

Either returns a `Solution` whose vector has L2 norm 1 and points to the concept::

    v . (mean of concept - mean of random) > 0
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sacv.errors import SolverError
from sacv.stats import Moments

Float64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Solution:
    """A direction.

    Parameters
    ----------
    vector
        Float64 `(channels,)`, L2 norm 1, pointing to the concept.
    statistics
        What the solver tells of its work, such as its number of iterations.
    """

    vector: Float64
    statistics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Solver:
    """Base of all solvers: frozen, so that a bank can say what made it."""

    def describe(self) -> dict[str, Any]:
        """Give the solver's name and parameters, as a bank records them."""
        return {"name": type(self).__name__, "parameters": asdict(self)}


class MomentSolver(Solver, ABC):
    """A solver that works from moments alone."""

    @abstractmethod
    def solve(self, concept: Moments, random: Moments) -> Solution:
        """Find the direction from the moments of the concept's and of the random locations.

        Raises
        ------
        SolverError
            If the two do not differ.
        """


class SampleSolver(Solver, ABC):
    """A solver that needs a sample of vectors.

    `sample` bounds the number of locations taken from each set.
    """

    sample: int

    @abstractmethod
    def solve(self, concept: NDArray[np.floating], random: NDArray[np.floating]) -> Solution:
        """Find the direction from vectors `(n, channels)` of the concept and `(m, channels)` of the random set.

        Raises
        ------
        SolverError
            If the two do not differ, or the search does not end.
        """


def unit(vector: NDArray[np.floating], difference: NDArray[np.floating]) -> Float64:
    """Scale a direction to L2 norm 1 and make it point to the concept.

    Parameters
    ----------
    vector
        Any length but zero, `(channels,)`.
    difference
        Mean of the concept minus mean of random, `(channels,)`.

    Raises
    ------
    SolverError
        If the vector is zero or not finite.
    """
    raw = vector.astype(np.float64)
    length = float(np.linalg.norm(raw))
    if not np.isfinite(length) or length == 0.0:
        raise SolverError(
            "the concept's activations do not differ from the random ones, so that there is no direction; "
            "check that the two sets show different things, or ask about another layer"
        )
    direction: Float64 = raw / length
    return -direction if direction @ difference < 0 else direction
