"""How many pictures without a concept reach as far as a new one, as a p-value.

With n pictures, or groups of pictures whose members share a weight of 1, that reach m_i, and a new one that reaches m::

    p(m) = (1 + sum over i of share_i [ m_i >= m ]) / (n + 1)

Its interval is that of Clopper and Pearson (Biometrika 26, 1934) for the n being a sample.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

Float64 = NDArray[np.float64]


def reaching(reached: NDArray[np.floating], others: NDArray[np.float32], shares: Float64) -> Float64:
    """Give the sum of the shares of the others that reach as far, float64 of the shape of `reached`.

    Parameters
    ----------
    reached
        How far new pictures or locations reach, of any shape; compared in float32.
    others, shares
        `(n,)`: how far each of the others reaches, and its share of its group.
    """
    order = np.argsort(others, kind="stable")
    above = np.append(np.cumsum(shares[order][::-1])[::-1], 0.0)
    found: Float64 = above[np.searchsorted(others[order], np.asarray(reached, dtype=np.float32), side="left")]
    return found


def p_values(beaten: Float64, groups: int) -> Float64:
    """Give p-values, float64, from what `reaching` gives against so many groups."""
    return np.minimum((1 + beaten) / (groups + 1), 1.0)


def p_interval(p_value: float, groups: int) -> tuple[float, float]:
    """Give the 95 % interval of a p-value against so many groups."""
    reached = p_value * (groups + 1) - 1
    low = 0.0 if reached < 1e-9 else float(beta.ppf(0.025, reached, groups - reached + 1))
    high = 1.0 if reached > groups - 1e-9 else float(beta.ppf(0.975, reached + 1, groups - reached))
    return low, high
