"""The table of solvers that drives every test, and sets for them to part."""

from dataclasses import dataclass, replace

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import RidgeClassifier

from sacv.solvers import LDA, LinearSVM, Logistic, MeanDifference, MomentSolver, Ridge, SampleSolver, Sklearn
from sacv.stats import LocationSample, Moments


@dataclass(frozen=True)
class Row:
    """A solver and what is known of it.

    Parameters
    ----------
    solver
        The solver.
    tolerance
        How exactly two of its answers agree, per channel of a vector of norm 1: rounding for closed forms, the
        search's end for others.
    counts
        Whether it looks at the number of locations: then the same locations, each given twice, turn the vector.
        `Logistic`, `LinearSVM` and scikit-learn's `RidgeClassifier` weigh a penalty against a *sum* over locations,
        and the weights that are given them always sum to the number of locations; "oas" shrinks less with more.
    scales
        Whether it gives the same direction, divided by the scales, when each channel is scaled by its own number.
    """

    solver: MomentSolver | SampleSolver
    tolerance: float = 1e-9
    counts: bool = False
    scales: bool = False

    def for_more(self, times: float) -> MomentSolver | SampleSolver:
        """Return the solver that does for `times` as many locations what this one does."""
        match self.solver:
            case Logistic() | LinearSVM():
                return replace(self.solver, C=self.solver.C / times)
            case Sklearn(estimator=RidgeClassifier()):
                estimator = clone(self.solver.estimator)
                return Sklearn(estimator.set_params(alpha=estimator.alpha * times))
            case _:
                return self.solver


TABLE = [
    Row(MeanDifference()),
    Row(LDA(0.0), scales=True),
    Row(LDA(0.1)),
    Row(LDA(1.0)),
    Row(LDA("oas"), counts=True),
    Row(Ridge(0.01)),
    Row(Ridge(1.0)),
    Row(Logistic(), 1e-6, counts=True, scales=True),
    Row(Logistic(C=0.01), 1e-6, counts=True, scales=True),
    Row(LinearSVM(), 1e-6, counts=True, scales=True),
    Row(Sklearn(RidgeClassifier(alpha=1.0, solver="lsqr", tol=1e-12)), counts=True, scales=True),
]


def name(row):
    return repr(row.solver)


def solution(solver, concept, random, weights=(None, None)):
    """Solve from vectors `(n, channels)`, with weights of the locations of either set if given."""
    sides = list(zip((concept, random), weights, strict=True))
    if isinstance(solver, MomentSolver):
        return solver.solve(*(Moments.of(vectors, weight) for vectors, weight in sides))
    return solver.solve(
        *(
            LocationSample(vectors, np.arange(len(vectors)), np.ones(len(vectors)) if weight is None else weight)
            for vectors, weight in sides
        )
    )


def solve(solver, concept, random, weights=(None, None)):
    return solution(solver, concept, random, weights).vector


def sets(seed=0, channels=6, count=80, shift=1.0):
    """Two overlapping sets of different sizes, channels that hang together and vary differently, a mean of 3."""
    rng = np.random.default_rng(seed)
    direction = rng.standard_normal(channels)
    mix = np.eye(channels) + 0.3 * rng.standard_normal((channels, channels))
    spread = rng.uniform(0.5, 2, channels)
    concept, random = (rng.standard_normal((number, channels)) @ mix * spread + 3 for number in (count + 9, count))
    return concept + shift * direction, random
