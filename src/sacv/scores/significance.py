"""Tests against the null of random CAVs, corrections for many tests, and intervals over images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import false_discovery_control

from sacv.stats import Float64

RESAMPLES = 1000
"""Bootstrap resamples of an interval."""

BLOCK = 4_000_000
"""Numbers held at a time while resampling."""


def p_value(value: float, null: Float64, centre: float) -> float:
    """Return the two-sided p-value of a score against those of null CAVs, (1 + b) / (1 + n).

    b of n null scores lie as far from `centre`, the score of no effect, as `value` does or farther. NaN without a
    null distribution. (Phipson and Smyth, "Permutation p-values should never be zero", 2010.)
    """
    if not len(null):
        return float("nan")
    # A null score that equals the value up to rounding counts as far.
    far = np.abs(null - centre) >= abs(value - centre) * (1 - 1e-9) - 1e-300
    return float((1 + far.sum()) / (1 + len(null)))


def effect_size(value: float, null: Float64, centre: float) -> float:
    """Return the distance from `centre` in units of the null's spread about it; not a number without a null."""
    if not len(null):
        return float("nan")
    spread = float(np.sqrt(np.mean((null - centre) ** 2)))
    return (value - centre) / spread if spread > 0 else float("nan")


def reach(null: Float64, centre: float) -> float:
    """Return the distance from `centre` that 95 % of null scores do not exceed; not a number without a null."""
    return float(np.quantile(np.abs(null - centre), 0.95)) if len(null) else float("nan")


def holm(values: Float64) -> Float64:
    """Adjust p-values to control the family-wise error rate (Holm, 1979); nan stays nan."""
    adjusted = np.full(len(values), np.nan)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known], kind="stable")]
    steps = values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(order) else steps
    return adjusted


def benjamini_hochberg(values: Float64) -> Float64:
    """Adjust p-values to control the false discovery rate (Benjamini and Hochberg, 1995)."""
    adjusted = np.full(len(values), np.nan)
    known = ~np.isnan(values)
    if known.any():
        adjusted[known] = false_discovery_control(values[known], method="bh")
    return adjusted


def interval(values: Float64, statistic: Callable[[Float64], Float64], rng: np.random.Generator) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a statistic over images.

    `values`, float64 `(images, columns)`, are summed over images. `statistic` maps sums `(k, columns)` to statistics
    `(k,)`, and must not depend on the number of images otherwise.
    """
    images = len(values)
    block = max(BLOCK // images, 1)
    drawn = [
        statistic(rng.multinomial(images, np.full(images, 1 / images), size=min(block, RESAMPLES - start)) @ values)
        for start in range(0, RESAMPLES, block)
    ]
    low, high = np.quantile(np.concatenate(drawn), [0.025, 0.975])
    return float(low), float(high)
