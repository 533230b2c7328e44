r"""The difference of the two means (the *pattern*), with an optional whitened detector (the *filter*).

    v = (m_concept - m_random) / \|m_concept - m_random\|

For two classes this is the pattern of a linear model. It is closer to the true direction than discriminative weights,
which absorb distractors (Pahde et al., "Navigating neural space", arXiv 2202.03482). Discriminative weights are a
filter: they *detect* a pattern among distractors (Haufe et al., "On the interpretation of weight vectors of linear
models in multivariate neuroimaging", 2014)::

    w ~ M^-1 (m_concept - m_random)        M as in `sacv.solvers.lda`, with the shrinkage g; g = 1 gives v itself

Relevance is measured along w, and contribution along v.

With `"auto"`, the shrinkage depends on the number n of concept images and on A, `Evidence.image_auroc`::

    1 - g = min(n / (n + 8), 1/2)                                 if both sets are parts of the same images
    1 - g = min(n / (n + 8), 1/5) min(10 (1 - A), 1)              otherwise; at least 1/10

Locations of an image are correlated, so that the sample size is the number of images. n / (n + 1), with another
constant, is the weight of the class covariance in Bateni et al., "Improved few-shot visual classification" (arXiv
1912.03432). If A = 1, the sets differ in kind (camera, scene), and a whitened filter would detect the kind.
docs/bench.md has the experiments behind the constants.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sacv.errors import OptionError
from sacv.solvers.base import Evidence, Float64, MomentSolver, Solution, unit
from sacv.solvers.lda import whiten
from sacv.stats import Moments

AUTO = "auto"
LEAST_OWN, MOST_OWN, MOST_OWN_SAME_IMAGES = 0.1, 0.2, 0.5
"""Smallest and largest weight of the covariance, and the largest if both sets are parts of the same images."""
HALF = 8
"""Number of images at which the covariance has the weight 1/2 before limits."""


@dataclass(frozen=True)
class MeanDifference(MomentSolver):
    """Difference of the means of the concept's and the random locations.

    Parameters
    ----------
    detector_shrinkage
        Shrinkage of the covariance that whitens the detector, from 0 to 1. With 1 the detector is the difference of
        means. With "auto" it depends on the evidence (0.9 without evidence).

    Raises
    ------
    OptionError
        If `detector_shrinkage` is not legal.
    """

    detector_shrinkage: float | str = 1.0

    def __post_init__(self) -> None:
        share = self.detector_shrinkage
        if share != AUTO and (isinstance(share, str) or not 0 <= share <= 1):
            raise OptionError(f"detector_shrinkage must be a number from 0 to 1, or {AUTO!r}, not {share!r}")

    def settled(self, evidence: Evidence) -> MeanDifference:
        """Return the solver with its automatic shrinkage set; see `MomentSolver.settled`."""
        if self.detector_shrinkage != AUTO:
            return self
        own = evidence.images / (evidence.images + HALF)
        if evidence.same_images:
            own = min(own, MOST_OWN_SAME_IMAGES)
        else:
            own = max(min(own, MOST_OWN) * min(10 * (1 - evidence.image_auroc), 1), LEAST_OWN)
        return replace(self, detector_shrinkage=1 - own)

    def directions(self, differences: Float64, within: Callable[[], Moments]) -> Float64:
        """Return the differences unchanged; see `MomentSolver.directions`."""
        return differences

    def solve(self, concept: Moments, random: Moments) -> Solution:
        """Compute the direction and the detector; see `MomentSolver.solve`."""
        found = super().solve(concept, random)
        share = 1 - LEAST_OWN if isinstance(self.detector_shrinkage, str) else self.detector_shrinkage
        if share == 1:
            return found
        difference = concept.mean - random.mean
        whitened = whiten(difference[None], concept.within(random), 1 - share, share)[0]
        return replace(found, own_detector=unit(whitened, difference), statistics={"detector_shrinkage": float(share)})
