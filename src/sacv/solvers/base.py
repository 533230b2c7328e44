"""Base classes of solvers. A solver estimates the direction of a concept.

There are two kinds. A `MomentSolver` needs only the `Moments` of the concept's and the random locations, so that
cross-validation, random runs and a change of solver need no pass over images. A `SampleSolver` needs sampled
activations. `UnitLength` wraps either, to work on activations divided by their L2 norm.

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

from sacv.deprecation import RenamedAttribute, old_keywords
from sacv.errors import OptionError, SolverError
from sacv.stats import LocationSample, Moments

Float64 = NDArray[np.float64]

NO_DIFFERENCE = (
    "the activations of the concept do not differ from the random ones, so that there is no direction; "
    "check that the two sets show different things, or use another layer"
)


@dataclass(frozen=True, eq=False)
class Solution:
    """The result of a solver.

    Parameters
    ----------
    vector
        Float64 `(channels,)`, L2 norm 1, pointing to the concept.
    statistics
        Figures about the computation, such as the number of iterations.
    own_detector
        The detector, with shape and norm as `vector`; None if it is `vector`.
    """

    vector: Float64
    statistics: Mapping[str, float] = field(default_factory=dict)
    own_detector: Float64 | None = None

    @property
    def detector(self) -> Float64:
        """The direction that relevance is measured along."""
        return self.vector if self.own_detector is None else self.own_detector


@dataclass(frozen=True)
class Solver:
    """Base class of all solvers: a frozen dataclass whose fields are recorded in the bank."""

    def describe(self) -> dict[str, Any]:
        """Return the name and the parameters of the solver, as a bank records them."""
        return {"name": type(self).__name__, "parameters": asdict(self)}


@old_keywords
@dataclass(frozen=True)
class Evidence:
    """Figures of a concept and its random set that moments do not contain.

    Parameters
    ----------
    images
        Number of concept images.
    same_images
        Whether both sets are parts of the same images.
    image_auroc
        AUROC over images of the difference of means on held-out folds.
    """

    images: int
    same_images: bool
    image_auroc: float

    same_pictures = RenamedAttribute("same_images")


class MomentSolver(Solver, ABC):
    """A solver that needs only moments."""

    def settled(self, evidence: Evidence) -> MomentSolver:
        """Return the solver with its automatic parameters set from the evidence; by default, the solver itself."""
        return self

    @abstractmethod
    def directions(self, differences: Float64, within: Callable[[], Moments]) -> Float64:
        """Compute a direction for each difference of means.

        Parameters
        ----------
        differences
            Float64 `(k, channels)`: mean of the concept minus mean of random.
        within
            Function that returns the scatter of the locations about the mean of their own set, for solvers that
            whiten. It is the same for all differences.

        Returns
        -------
        Float64 `(k, channels)`, of any norm, with the sign of the differences.
        """

    def solve(self, concept: Moments, random: Moments) -> Solution:
        """Compute the direction from the moments of the concept's and the random locations.

        Raises
        ------
        SolverError
            If the two do not differ.
        """
        difference = concept.mean - random.mean
        return Solution(unit(self.directions(difference[None], lambda: concept.within(random))[0], difference))


class SampleSolver(Solver, ABC):
    """A solver that needs sampled activations."""

    @abstractmethod
    def solve(self, concept: LocationSample, random: LocationSample) -> Solution:
        """Compute the direction from samples of the concept's and the random locations.

        Raises
        ------
        SolverError
            If the two do not differ, or the optimisation does not converge.
        """


@dataclass(frozen=True)
class UnitLength(Solver):
    r"""A solver on activations divided by their L2 norm, a(p) / \|a(p)\|, optionally averaged over neighbours.

    Strong and weak activations of one direction then have the same weight. Relevance is measured on the preprocessed
    activations too. The contribution is the derivative of the logit along v at the original activation.

    Parameters
    ----------
    solver
        A solver of either kind.
    smoothing
        Standard deviation of the weights of neighbouring locations, in locations; 0 for no averaging
        (`sacv.cav.preprocessing`).

    Raises
    ------
    OptionError
        If `solver` is not a solver, or `smoothing` is negative or not finite.
    """

    solver: MomentSolver | SampleSolver
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.solver, MomentSolver | SampleSolver):
            raise OptionError(f"UnitLength wraps a solver such as LDA(), not {self.solver!r}")
        if not 0 <= self.smoothing < float("inf"):
            raise OptionError(f"smoothing must be a number of locations, 0 or more, not {self.smoothing}")

    def describe(self) -> dict[str, Any]:
        """Return the name, the description of the wrapped solver and the smoothing."""
        return {"name": "UnitLength", "parameters": {"solver": self.solver.describe(), "smoothing": self.smoothing}}


def unit(vector: NDArray[np.floating], difference: NDArray[np.floating]) -> Float64:
    """Scale a direction to L2 norm 1 and make it point to the concept.

    Parameters
    ----------
    vector
        `(channels,)`, of any norm above 0.
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
