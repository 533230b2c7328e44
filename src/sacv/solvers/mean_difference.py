r"""The pattern: the difference of the two means; and, beside it, a filter that detects the concept.

    v = (m_concept - m_random) / \|m_concept - m_random\|

It is what a linear model's pattern comes to for two classes, and stays closer to the true direction than
discriminative weights, which absorb distractors (Pahde et al., "Navigating neural space", arXiv 2202.03482). To
*detect* a pattern among distractors is another task, for which their weights, a filter, are made (Haufe et al., "On the
interpretation of weight vectors of linear models in multivariate neuroimaging", 2014)::

    w ~ M^-1 (m_concept - m_random)        M as in `sacv.solvers.lda`, with the shrinkage g; g = 1 gives v itself

Relevance is read along w, and contribution along v.

How far to whiten depends on where the covariance comes from. With `"auto"`, n images of the concept and A as in
`Evidence.image_auroc`::

    1 - g = min(n / (n + 8), 1/2)                                 where both sets are parts of the same photos
    1 - g = min(n / (n + 8), 1/5) min(10 (1 - A), 1)              otherwise; at least 1/10

Locations of a picture are alike, so that images are the sample size: n / (n + 1), with another constant, is the share
of the own covariance in Bateni et al., "Improved few-shot visual classification" (arXiv 1912.03432). Sets whose every
image can be told (A = 1) differ in kind, and a whitened filter finds the kind. docs/bench.md has the figures that
chose the constants.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sacv.errors import OptionError
from sacv.solvers.base import Evidence, Float64, MomentSolver, Solution, unit
from sacv.solvers.lda import whiten
from sacv.stats import Moments

AUTO = "auto"
LEAST_OWN, MOST_OWN, MOST_MARKED = 0.1, 0.2, 0.5
"""Least and greatest weight of the own covariance, and the greatest where both sets are parts of the same photos."""
HALF = 8
"""Images of which the own covariance would have a weight of one half."""


@dataclass(frozen=True)
class MeanDifference(MomentSolver):
    """Difference of the means of the concept's and of the random locations.

    Parameters
    ----------
    detector_shrinkage
        Of the covariance by which the filter that reads relevance is whitened, from 0 to 1; 1 for none, where relevance
        is read along the difference itself; or "auto", which leaves it to the evidence (0.9 where there is none).

    Raises
    ------
    OptionError
        If it is neither.
    """

    detector_shrinkage: float | str = 1.0

    def __post_init__(self) -> None:
        share = self.detector_shrinkage
        if share != AUTO and (isinstance(share, str) or not 0 <= share <= 1):
            raise OptionError(f"detector_shrinkage must be a number from 0 to 1, or {AUTO!r}, not {share!r}")

    def settled(self, evidence: Evidence) -> MeanDifference:
        """Give the solver with the shrinkage that the evidence allows; see `MomentSolver.settled`."""
        if self.detector_shrinkage != AUTO:
            return self
        own = evidence.images / (evidence.images + HALF)
        if evidence.same_pictures:
            own = min(own, MOST_MARKED)
        else:
            own = max(min(own, MOST_OWN) * min(10 * (1 - evidence.image_auroc), 1), LEAST_OWN)
        return replace(self, detector_shrinkage=1 - own)

    def directions(self, differences: Float64, within: Callable[[], Moments]) -> Float64:
        """Give the differences themselves; see `MomentSolver.directions`."""
        return differences

    def solve(self, concept: Moments, random: Moments) -> Solution:
        """Find the direction, and the filter beside it; see `MomentSolver.solve`."""
        found = super().solve(concept, random)
        share = 1 - LEAST_OWN if isinstance(self.detector_shrinkage, str) else self.detector_shrinkage
        if share == 1:
            return found
        difference = concept.mean - random.mean
        whitened = whiten(difference[None], concept.within(random), 1 - share, share)[0]
        return replace(found, own_detector=unit(whitened, difference), statistics={"detector_shrinkage": float(share)})
