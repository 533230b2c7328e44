"""Estimators of a concept's direction, one object a file."""

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
