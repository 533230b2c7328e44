"""Solvers: estimators of the direction of a concept."""

from typing import TYPE_CHECKING, Any

from sacv.registry import SOLVERS, class_named
from sacv.solvers.base import Evidence, MomentSolver, SampleSolver, Solution, Solver, UnitLength, unit
from sacv.solvers.default import DEFAULT
from sacv.solvers.lda import LDA
from sacv.solvers.linear_svm import LinearSVM
from sacv.solvers.logistic import Logistic
from sacv.solvers.mean_difference import AUTO, MeanDifference
from sacv.solvers.rebuild import rebuild, rebuilds
from sacv.solvers.ridge import Ridge
from sacv.solvers.sklearn_estimator import Sklearn

__all__ = [
    "AUTO",
    "DEFAULT",
    "LDA",
    "Evidence",
    "LinearSVM",
    "Logistic",
    "MeanDifference",
    "MomentSolver",
    "Ridge",
    "SampleSolver",
    "Sklearn",
    "Solution",
    "Solver",
    "UnitLength",
    "rebuild",
    "rebuilds",
    "unit",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import a registered solver that is not imported above (`sacv.registry`)."""
        return class_named(SOLVERS, name, __name__)
