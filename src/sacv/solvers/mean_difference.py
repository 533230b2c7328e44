r"""The pattern: the difference of the two means.

    v = (m_concept - m_random) / \|m_concept - m_random\|

It is what a linear model's pattern comes to for two classes, and stays closer to the true direction than
discriminative weights, which absorb distractors (Pahde et al., "Navigating neural space", arXiv 2202.03482).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sacv.solvers.base import Float64, MomentSolver
from sacv.stats import Moments


@dataclass(frozen=True)
class MeanDifference(MomentSolver):
    """Difference of the means of the concept's and of the random locations."""

    def directions(self, differences: Float64, within: Callable[[], Moments]) -> Float64:
        """Give the differences themselves; see `MomentSolver.directions`."""
        return differences
