"""Presence mask: the locations that show the concept, by split conformal calibration on images without it.

The calibration uses n images without the concept that no direction was fitted on. The threshold is the one of rank k
among their n maxima::

    m_i = max over p of u . a_i(p)        k = ceil((n + 1) (1 - alpha))        present(p): u . a(p) > m_(k)

where u is the detector w, or a direction that is fitted with hard negatives too (`sacv.cav.hard_negatives`). For a new
image without the concept that is exchangeable with the n images, the probability of any location in the mask is at most
alpha, for each layer and concept and any distribution, since each rank of its maximum among the n + 1 is equally likely
(Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World", 2005). The probability is over the n images and
the new one. The guarantee does not hold for images of another kind. For n < 19 there is no such rank.

If images have groups, such as patients, groups are exchangeable but images are not. Each of G groups then has a weight
of 1, which its n_g images share, and an image with the maximum m has ::

    p(m) = (1 + sum over groups g of (share of the n_g images with m_gi >= m)) / (G + 1)        present: p <= alpha

For a new image without the concept, of a new group that is exchangeable with the G groups, the probability is at most
alpha (Lee, Barber and Willett, "Distribution-free inference with hierarchical data", arXiv 2306.06342, 2023). With
groups of one image each this is the rule above.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

import numpy as np
from numpy.typing import NDArray

from sacv.cav.conformal import p_interval, p_values, reaching

LEVEL = 0.05
"""alpha: false-alarm rate over images without the concept."""

LEAST = 19
"""Minimum number of images or groups for a mask: the smallest n with n + 1 >= 1 / alpha."""

LEAST_NEGATIVES = 5
"""Minimum number of images or groups for hard negatives."""

GIVEN = "given"
HELD_OUT = "held out"
NONE = "none"
CHANGED = "changed"
KINDS = (GIVEN, HELD_OUT, NONE, CHANGED)

POOL = 80
"""Minimum number of random images or groups from which some are held out, if no absent images are given."""


def negatives_of(count: int) -> int:
    """Return how many of `count` images or groups give hard negatives: up to half, with `LEAST` left to calibrate."""
    found = min(count // 2, count - LEAST)
    return found if found >= LEAST_NEGATIVES else 0


@dataclass(frozen=True, eq=False)
class Presence:
    """Calibration of the presence mask.

    Parameters
    ----------
    maxima
        Float32 `(n,)`, ascending: the greatest `u . a(p)` of each image without the concept, in units of activation.
    kind
        Source of the images: `GIVEN` by the user, or `HELD_OUT` from the random set. Without images, the reason:
        `NONE` were available, or the CAV has `CHANGED` since.
    offered
        Number of images before the memory limit was applied.
    negatives
        Number of images that gave hard negatives.
    direction
        u, float64 `(channels,)`, L2 norm 1; None if it is the detector.
    shares
        Float64 `(n,)`: 1 / number of images in the group of each image; None without groups.
    """

    maxima: NDArray[np.float32]
    kind: str
    offered: int
    negatives: int = 0
    direction: NDArray[np.float64] | None = None
    shares: NDArray[np.float64] | None = None

    @classmethod
    def without(cls, kind: str) -> Presence:
        """Return a calibration without images."""
        return cls(np.empty(0, dtype=np.float32), kind, 0)

    def __len__(self) -> int:
        return len(self.maxima)

    @property
    def groups(self) -> int:
        """Number of groups. An image without a group counts as one."""
        return len(self) if self.shares is None else round(float(self.shares.sum()))

    @property
    def threshold(self) -> float | None:
        """Threshold of `u . a(p)`; None with fewer than `LEAST` images or groups."""
        if self.shares is not None:
            return self._threshold_of_groups(self.shares)
        above = floor((len(self) + 1) * LEVEL + 1e-9)  # n + 1 - k, for products such as 60 * 0.05 that round
        return float(self.maxima[len(self) - above]) if above else None

    def _threshold_of_groups(self, shares: NDArray[np.float64]) -> float | None:
        """Return the smallest of the maxima above which an image has p <= alpha."""
        most = (self.groups + 1) * LEVEL - 1 + 1e-9  # maximum weight above the threshold
        above = np.append(np.cumsum(shares[::-1])[::-1], 0.0)[np.searchsorted(self.maxima, self.maxima, side="right")]
        legal = np.flatnonzero(above <= most)
        return float(self.maxima[legal[0]]) if len(legal) else None

    def p_values(self, reached: NDArray[np.floating]) -> NDArray[np.float64] | None:
        """Compute p-values from the maxima of new images along u, float64 of the same shape; None without a mask."""
        if self.threshold is None:
            return None
        shares = np.ones(len(self)) if self.shares is None else self.shares
        return p_values(reaching(reached, self.maxima, shares), self.groups)

    def interval(self, p_value: float) -> tuple[float, float]:
        """Return the 95 % interval of a p-value."""
        return p_interval(p_value, self.groups)

    @property
    def description(self) -> str:
        """One-line description of the calibration, or the reason why there is no mask and how to get one."""
        if self.kind == NONE:
            return (
                f"no mask: no image was available to calibrate it; give {LEAST} or more images that show none of the "
                f"concepts (--absent DIR), or {POOL} random images, of which some are then held out"
            )
        if self.kind == CHANGED:
            return (
                "no mask: merging or refitting has changed the CAV, and the bank does not store the activations that "
                "would calibrate it again; fit from the images with --absent DIR"
            )
        source = "given as showing none of the concepts" if self.kind == GIVEN else "of the random set, held out"
        many = f"{len(self)} image{'s' * (len(self) != 1)}"
        if self.shares is not None:
            many += f" of {self.groups} group{'s' * (self.groups != 1)}"
        many += f" {source}"
        if self.negatives:
            many += f", with {self.negatives} more as hard negatives"
        if self.offered != len(self) + self.negatives:
            many += f" (of {self.offered}: more do not fit into memory)"
        if self.threshold is None:
            what = "" if self.shares is None else " groups"
            return f"no mask: {many}, and {LEAST}{what} or more are needed; give more with --absent DIR"
        such = "such an image" if self.shares is None else "such an image, of a new group,"
        return f"calibrated on {many}; {such} has any location in the mask with a probability of at most {LEVEL:.0%}"
