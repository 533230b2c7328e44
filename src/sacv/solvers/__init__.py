"""Estimators of a concept's direction, one object a file."""

from sacv.solvers.base import MomentSolver, SampleSolver, Solution, Solver
from sacv.solvers.logistic import Logistic
from sacv.solvers.mean_difference import MeanDifference

__all__ = ["Logistic", "MeanDifference", "MomentSolver", "SampleSolver", "Solution", "Solver"]
