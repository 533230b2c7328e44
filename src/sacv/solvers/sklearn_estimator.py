"""Any linear classifier of scikit-learn as a solver."""

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
    """A copy of a scikit-learn estimator, fitted on standardised activations; its `coef_` is the direction.

    Parameters
    ----------
    estimator
        Such as `sklearn.linear_model.SGDClassifier(random_state=0)`. Give it a `random_state` if it draws.

    Raises
    ------
    OptionError
        If it is no scikit-learn estimator.
    """

    estimator: Any

    def __post_init__(self) -> None:
        if not isinstance(self.estimator, BaseEstimator):
            raise OptionError(f"Sklearn wraps an estimator of scikit-learn, not {self.estimator!r}")

    def solve(self, concept: LocationSample, random: LocationSample) -> Solution:
        """Find the direction; see `SampleSolver.solve`."""
        return fit_linear(clone(self.estimator), concept, random, "give the estimator more iterations")

    def describe(self) -> dict[str, Any]:
        """Give the name and the estimator as text."""
        return {"name": "Sklearn", "parameters": {"estimator": repr(self.estimator)}}
