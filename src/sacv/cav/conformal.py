"""Conformal p-values: the share of images without the concept whose score is at least that of a new image.

With n images, or n groups whose images share a weight of 1, of scores m_i, a new image of score m has ::

    p(m) = (1 + sum over i of share_i [ m_i >= m ]) / (n + 1)

The interval of p is that of Clopper and Pearson (Biometrika 26, 1934), with the n images as a sample.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from sacv.stats import Float64


def reaching(reached: NDArray[np.floating], others: NDArray[np.float32], shares: Float64) -> Float64:
    """Return the sum of the shares of the other images with at least the same score, float64 of the shape of `reached`.

    `reached` are scores of new images or locations, of any shape, compared in float32; `others` and `shares`, `(n,)`,
    the score of each other image and its share of its group.
    """
    order = np.argsort(others, kind="stable")
    above = np.append(np.cumsum(shares[order][::-1])[::-1], 0.0)
    found: Float64 = above[np.searchsorted(others[order], np.asarray(reached, dtype=np.float32), side="left")]
    return found


def p_values(at_least: Float64, groups: int) -> Float64:
    """Compute p-values, float64, from the result of `reaching` and the number of groups."""
    return np.minimum((1 + at_least) / (groups + 1), 1.0)


def p_interval(p_value: float, groups: int) -> tuple[float, float]:
    """Return the 95 % interval of a p-value that is computed from a number of groups."""
    reached = p_value * (groups + 1) - 1
    low = 0.0 if reached < 1e-9 else float(beta.ppf(0.025, reached, groups - reached + 1))
    high = 1.0 if reached > groups - 1e-9 else float(beta.ppf(0.975, reached + 1, groups - reached))
    return low, high
