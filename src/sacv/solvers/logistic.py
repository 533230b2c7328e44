r"""Logistic regression on single locations, as the SACV paper trains it (arXiv 2205.11511).

On standardised activations z = (a - m) / s, with y = 1 for the concept, y = -1 for random and weights w_i that give
both sets the same total weight, scikit-learn minimises ::

    \|u\|^2 / 2 + C sum_i w_i log(1 + exp(-y_i (u . z_i + b)))

and the direction in activation space is v = (u / s) / \|u / s\|.
"""

from __future__ import annotations

from dataclasses import dataclass

from sklearn.linear_model import LogisticRegression

from sacv.errors import OptionError
from sacv.solvers.base import SampleSolver, Solution
from sacv.solvers.standardised import fit_linear
from sacv.stats import LocationSample


@dataclass(frozen=True)
class Logistic(SampleSolver):
    """L2-regularised logistic regression on sampled locations.

    Parameters
    ----------
    C
        Inverse strength of the regularisation, on standardised activations.
    iterations
        Maximum number of Newton steps.

    Raises
    ------
    OptionError
        If a parameter is not positive.
    """

    C: float = 1.0
    iterations: int = 100

    def __post_init__(self) -> None:
        if not (0 < self.C < float("inf") and self.iterations >= 1):
            raise OptionError(f"{self}: C and iterations must be finite and above 0")

    def solve(self, concept: LocationSample, random: LocationSample) -> Solution:
        """Compute the direction; see `SampleSolver.solve`."""
        model = LogisticRegression(C=self.C, solver="newton-cholesky", max_iter=self.iterations, tol=1e-6)
        way_out = f"raise iterations (now {self.iterations}), or lower C (now {self.C:g})"
        return fit_linear(model, concept, random, way_out)
