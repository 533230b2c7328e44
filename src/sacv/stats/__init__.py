"""Mergeable statistics of activations, grouped by image."""

from sacv.stats.folds import assign_folds, common_folds
from sacv.stats.moments import Float64, Moments, MomentSums
from sacv.stats.reservoir import BoundedSample, LocationSample, choose_locations

__all__ = [
    "BoundedSample",
    "Float64",
    "LocationSample",
    "MomentSums",
    "Moments",
    "assign_folds",
    "choose_locations",
    "common_folds",
]
