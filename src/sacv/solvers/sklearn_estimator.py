"""Use a linear classifier of scikit-learn as a solver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sklearn.base import BaseEstimator, clone

from sacv.errors import OptionError
from sacv.solvers.base import SampleSolver, Solution
from sacv.solvers.standardised import fit_linear
from sacv.stats import LocationSample


@dataclass(frozen=True)
class Sklearn(SampleSolver):
    """A scikit-learn estimator, cloned and fitted on standardised activations; its `coef_` is the direction.

    Parameters
    ----------
    estimator
        Such as `sklearn.linear_model.SGDClassifier(random_state=0)`. Set its `random_state` if it has one.

    Raises
    ------
    OptionError
        If `estimator` is not a scikit-learn estimator.
    """

    estimator: Any

    def __post_init__(self) -> None:
        if not isinstance(self.estimator, BaseEstimator):
            raise OptionError(f"Sklearn wraps an estimator of scikit-learn, not {self.estimator!r}")

    def solve(self, concept: LocationSample, random: LocationSample) -> Solution:
        """Compute the direction; see `SampleSolver.solve`."""
        return fit_linear(clone(self.estimator), concept, random, "give the estimator more iterations")

    def describe(self) -> dict[str, Any]:
        """Return the name and the `repr` of the estimator."""
        return {"name": "Sklearn", "parameters": {"estimator": repr(self.estimator)}}
