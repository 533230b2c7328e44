"""What a solver is: an object that finds a concept's direction.

There are two kinds. A `MomentSolver` needs the `Moments` of the concept's locations and of the random ones alone, so
that cross-validation, random runs and a change of solver cost no pass over images. A `SampleSolver` needs vectors.
`UnitLength` wraps either, to work on activations divided by their L2 norm.

Each returns a `Solution` whose vector has L2 norm 1 and points to the concept::

    v . (mean of concept - mean of random) > 0
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sacv.errors import OptionError, SolverError
from sacv.stats import LocationSample, Moments

Float64 = NDArray[np.float64]

NO_DIFFERENCE = (
    "the concept's activations do not differ from the random ones, so that there is no direction; "
    "check that the two sets show different things, or ask about another layer"
)


@dataclass(frozen=True, eq=False)
class Solution:
    """A direction.

    Parameters
    ----------
    vector
        Float64 `(channels,)`, L2 norm 1, pointing to the concept.
    statistics
        What the solver tells of its work, such as its number of iterations.
    own_detector
        As `vector`: the direction along which relevance is read, where it is another one.
    """

    vector: Float64
    statistics: Mapping[str, float] = field(default_factory=dict)
    own_detector: Float64 | None = None

    @property
    def detector(self) -> Float64:
        """The direction along which relevance is read."""
        return self.vector if self.own_detector is None else self.own_detector


@dataclass(frozen=True)
class Solver:
    """Base of all solvers: frozen, so that a bank can say what made it."""

    def describe(self) -> dict[str, Any]:
        """Give the solver's name and parameters, as a bank records them."""
        return {"name": type(self).__name__, "parameters": asdict(self)}


@dataclass(frozen=True)
class Evidence:
    """What is known of two sets beside their moments.

    Parameters
    ----------
    images
        Number of the concept's images.
    same_pictures
        Whether both sets are parts of the same photos.
    image_auroc
        How well the difference of means tells the images of the one from those of the other, on held-out folds.
    """

    images: int
    same_pictures: bool
    image_auroc: float


class MomentSolver(Solver, ABC):
    """A solver that works from moments alone."""

    def settled(self, evidence: Evidence) -> MomentSolver:
        """Give the solver with what it leaves to the evidence decided; itself where that is nothing."""
        return self

    @abstractmethod
    def directions(self, differences: Float64, within: Callable[[], Moments]) -> Float64:
        """Give a direction for each difference of means.

        Parameters
        ----------
        differences
            Float64 `(k, channels)`: mean of the concept minus mean of random.
        within
            Gives the scatter of the locations about the mean of their own set, which all differences share; it is
            called by solvers that whiten.

        Returns
        -------
        Float64 `(k, channels)`, of any length but with the sign of the differences.
        """

    def solve(self, concept: Moments, random: Moments) -> Solution:
        """Find the direction from the moments of the concept's and of the random locations.

        Raises
        ------
        SolverError
            If the two do not differ.
        """
        difference = concept.mean - random.mean
        return Solution(unit(self.directions(difference[None], lambda: concept.within(random))[0], difference))


class SampleSolver(Solver, ABC):
    """A solver that needs a sample of vectors."""

    @abstractmethod
    def solve(self, concept: LocationSample, random: LocationSample) -> Solution:
        """Find the direction from samples of the concept's and of the random locations.

        Raises
        ------
        SolverError
            If the two do not differ, or the search does not end.
        """


@dataclass(frozen=True)
class UnitLength(Solver):
    r"""A solver on activations divided by their L2 norm, a(p) / \|a(p)\|, and perhaps averaged over neighbours.

    A strong activation then weighs no more than a weak one of the same direction. Relevance is read on such
    activations too; the contribution is still the derivative of the logit along v at the activation as it is.

    Parameters
    ----------
    solver
        A solver of either kind.
    smoothing
        Standard deviation of the weights of neighbouring locations, in locations; 0 for none. Relevance is then the
        average over a neighbourhood, so that single locations decide less (`sacv.cav.preprocessing`).

    Raises
    ------
    OptionError
        If it is no solver, or `smoothing` is negative or not finite.
    """

    solver: MomentSolver | SampleSolver
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.solver, MomentSolver | SampleSolver):
            raise OptionError(f"UnitLength wraps a solver such as LDA(), not {self.solver!r}")
        if not 0 <= self.smoothing < float("inf"):
            raise OptionError(f"smoothing must be a number of locations, 0 or more, not {self.smoothing}")

    def describe(self) -> dict[str, Any]:
        """Give the name and the wrapped solver's description."""
        return {"name": "UnitLength", "parameters": {"solver": self.solver.describe(), "smoothing": self.smoothing}}


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
        raise SolverError(NO_DIFFERENCE)
    direction: Float64 = raw / length
    return -direction if direction @ difference < 0 else direction
