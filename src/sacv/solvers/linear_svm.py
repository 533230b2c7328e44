r"""A linear support vector machine on single locations.

On standardised activations z, with y = 1 for the concept and -1 for random, scikit-learn's `LinearSVC` minimises ::

    \|(u, b)\|^2 / 2 + C sum_i w_i max(0, 1 - y_i (u . z_i + b))^2

and the direction in activation space is v = (u / s) / \|u / s\|.
"""

from __future__ import annotations

from dataclasses import dataclass

from sklearn.svm import LinearSVC

from sacv.errors import OptionError
from sacv.solvers.base import SampleSolver, Solution
from sacv.solvers.standardised import fit_linear
from sacv.stats import LocationSample


@dataclass(frozen=True)
class LinearSVM(SampleSolver):
    """Linear support vector machine with the squared hinge loss.

    Parameters
    ----------
    C
        Inverse strength of the regularisation, on standardised activations.
    iterations
        Maximum number of iterations.

    Raises
    ------
    OptionError
        If a parameter is not positive.
    """

    C: float = 0.01
    iterations: int = 10_000

    def __post_init__(self) -> None:
        if not (0 < self.C < float("inf") and self.iterations >= 1):
            raise OptionError(f"{self}: C and iterations must be finite and above 0")

    def solve(self, concept: LocationSample, random: LocationSample) -> Solution:
        """Compute the direction; see `SampleSolver.solve`."""
        model = LinearSVC(C=self.C, dual=False, max_iter=self.iterations, tol=1e-6)
        way_out = f"raise iterations (now {self.iterations}), or lower C (now {self.C:g})"
        return fit_linear(model, concept, random, way_out)
