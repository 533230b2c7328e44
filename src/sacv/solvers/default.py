"""The default solver of `fit`, chosen with `sacv bench` (docs/bench.md)."""

from sacv.solvers.base import UnitLength
from sacv.solvers.mean_difference import MeanDifference

DEFAULT = UnitLength(MeanDifference(detector_shrinkage="auto"), smoothing=1.0)
"""Difference of means of activations of unit length, each averaged over its neighbours. The detector is whitened; the
shrinkage depends on the number of images."""
