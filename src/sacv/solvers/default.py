"""The solver that `fit` takes where none is named; `sacv bench` is what chose it (docs/bench.md)."""

from sacv.solvers.base import UnitLength
from sacv.solvers.mean_difference import MeanDifference

DEFAULT = UnitLength(MeanDifference(detector_shrinkage="auto"), smoothing=1.0)
"""Difference of means of activations at unit length, each averaged with its neighbours; a filter that is
whitened as far as the images allow detects it."""
