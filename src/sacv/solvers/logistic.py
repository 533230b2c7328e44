r"""Logistic regression on single locations, as the SACV paper trains it (arXiv 2205.11511).

On standardised activations z = (a - m) / s, with y = 1 for the concept and -1 for random and w_i making the classes
weigh the same, scikit-learn minimises ::

    \|u\|^2 / 2 + C sum_i w_i log(1 + exp(-y_i (u . z_i + b)))

and the direction in activation space is v = (u / s) / \|u / s\|. A channel that is constant gets weight 0.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from sacv.errors import OptionError, SolverError
from sacv.solvers.base import SampleSolver, Solution, unit


@dataclass(frozen=True)
class Logistic(SampleSolver):
    """L2-regularised, class-balanced logistic regression on a bounded, seeded sample of locations.

    Parameters
    ----------
    sample
        At most about so many locations of each set.
    C
        Inverse strength of the regularisation, on standardised activations.
    iterations
        At most so many Newton steps.

    Raises
    ------
    OptionError
        If one is not positive.
    """

    sample: int = 10_000
    C: float = 1.0
    iterations: int = 100

    def __post_init__(self) -> None:
        if min(self.sample, self.C, self.iterations) <= 0:
            raise OptionError(f"{self}: sample, C and iterations must be above 0")

    def solve(self, concept: NDArray[np.floating], random: NDArray[np.floating]) -> Solution:
        """Find the direction; see `SampleSolver.solve`."""
        values = np.concatenate([concept, random]).astype(np.float64)
        labels = np.concatenate([np.ones(len(concept)), np.zeros(len(random))])
        spread = values.std(axis=0)
        # What is left of a constant channel is rounding.
        moving = spread > 1e-12 * np.abs(values).max(axis=0, initial=0)
        scale = np.where(moving, spread, 1.0)
        standard = np.where(moving, (values - values.mean(axis=0)) / scale, 0.0)
        model = LogisticRegression(
            C=self.C, class_weight="balanced", solver="newton-cholesky", max_iter=self.iterations, tol=1e-6
        )
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            try:
                model.fit(standard, labels)
            except ConvergenceWarning as error:
                raise SolverError(
                    f"logistic regression has not converged in {self.iterations} steps; "
                    "raise iterations, or lower C (now " + f"{self.C:g})"
                ) from error
        weights = np.where(moving, model.coef_[0] / scale, 0.0)
        difference = concept.mean(axis=0, dtype=np.float64) - random.mean(axis=0, dtype=np.float64)
        return Solution(unit(weights, difference), {"iterations": float(model.n_iter_[0])})
