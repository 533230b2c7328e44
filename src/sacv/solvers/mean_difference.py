r"""The pattern: the difference of the two means; and, beside it, a filter that detects the concept.

    v = (m_concept - m_random) / \|m_concept - m_random\|

It is what a linear model's pattern comes to for two classes, and stays closer to the true direction than
discriminative weights, which absorb distractors (Pahde et al., "Navigating neural space", arXiv 2202.03482). To
*detect* a pattern among distractors is another task, for which their weights, a filter, are made (Haufe et al., "On the
interpretation of weight vectors of linear models in multivariate neuroimaging", 2014)::

    w ~ M^-1 (m_concept - m_random)        M as in `sacv.solvers.lda`, with the shrinkage g; g = 1 gives v itself

Relevance is read along w, and contribution along v.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sacv.errors import OptionError
from sacv.solvers.base import Float64, MomentSolver, Solution, unit
from sacv.solvers.lda import whiten
from sacv.stats import Moments


@dataclass(frozen=True)
class MeanDifference(MomentSolver):
    """Difference of the means of the concept's and of the random locations.

    Parameters
    ----------
    detector_shrinkage
        Of the covariance by which the filter that reads relevance is whitened, from 0 to 1; 1 for none, where relevance
        is read along the difference itself.

    Raises
    ------
    OptionError
        If it is not a number from 0 to 1.
    """

    detector_shrinkage: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.detector_shrinkage <= 1:
            raise OptionError(f"detector_shrinkage must be a number from 0 to 1, not {self.detector_shrinkage!r}")

    def directions(self, differences: Float64, within: Callable[[], Moments]) -> Float64:
        """Give the differences themselves; see `MomentSolver.directions`."""
        return differences

    def solve(self, concept: Moments, random: Moments) -> Solution:
        """Find the direction, and the filter beside it; see `MomentSolver.solve`."""
        found, share = super().solve(concept, random), self.detector_shrinkage
        if share == 1:
            return found
        difference = concept.mean - random.mean
        whitened = whiten(difference[None], concept.within(random), 1 - share, share)[0]
        return replace(found, own_detector=unit(whitened, difference))
