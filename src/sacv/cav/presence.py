"""Present: the concept is in this picture, here; by split conformal calibration on pictures that lack it.

Of each of n pictures without the concept, of which no direction was made, the greatest evidence anywhere is taken; of
these n maxima the one of rank k is the threshold::

    m_i = max over p of u . a_i(p)        k = ceil((n + 1) (1 - alpha))        present(p): u . a(p) > m_(k)

with u the detector w, or what further pictures without the concept make of it (`sacv.cav.hard_negatives`). A new
picture without the concept, exchangeable with the n, is marked anywhere at all with a probability of at most alpha, for
each layer and concept, whatever the distribution: its own maximum is as likely to have any rank among the n + 1 as any
other (Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World", 2005). The probability is over the n
pictures and the new one together. It says nothing of pictures of another kind. Below n = 19 there is no such rank.

Where pictures come in groups, such as patients, those of one group are not exchangeable with the others, and groups
are. Each of G groups then weighs 1, which its n_g pictures share, and a picture that reaches m has ::

    p(m) = (1 + sum over groups g of (share of the n_g pictures with m_gi >= m)) / (G + 1)        present: p <= alpha

A new picture without the concept, of a new group exchangeable with the G, is marked with a probability of at most
alpha (Lee, Barber and Willett, "Distribution-free inference with hierarchical data", arXiv 2306.06342, 2023). With
groups of one picture each this is the rule above.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

import numpy as np
from numpy.typing import NDArray

from sacv.cav.conformal import p_interval, p_values, reaching

LEVEL = 0.05
"""alpha: the share of pictures without the concept that may be marked."""

LEAST = 19
"""Pictures or groups below which there is no mask: the least n with n + 1 >= 1 / alpha."""

LEAST_NEGATIVES = 5
"""Pictures or groups below which none gives hard negatives."""

GIVEN = "given"
HELD_OUT = "held out"
NONE = "none"
CHANGED = "changed"
KINDS = (GIVEN, HELD_OUT, NONE, CHANGED)

POOL = 80
"""Random images or groups from which on some are held out where no other pictures are given."""


def negatives_of(count: int) -> int:
    """Give how many of so many pictures or groups give hard negatives: half, while `LEAST` are left to calibrate."""
    found = min(count // 2, count - LEAST)
    return found if found >= LEAST_NEGATIVES else 0


@dataclass(frozen=True, eq=False)
class Presence:
    """What pictures without a concept reach.

    Parameters
    ----------
    maxima
        Float32 `(n,)`, ascending: the greatest `u . a(p)` of each picture, in units of activation.
    kind
        Where the pictures come from: `GIVEN` as showing none of the concepts, or `HELD_OUT` of the random set; or why
        there are none: `NONE` were to be had, or the CAV has `CHANGED` since.
    offered
        Number of pictures that those used were taken from.
    negatives
        Number of further pictures, which gave hard negatives.
    direction
        u, float64 `(channels,)`, L2 norm 1, where it is not the detector.
    shares
        Float64 `(n,)`: of each picture, 1 / number of pictures of its group; none where each is a group by itself.
    """

    maxima: NDArray[np.float32]
    kind: str
    offered: int
    negatives: int = 0
    direction: NDArray[np.float64] | None = None
    shares: NDArray[np.float64] | None = None

    @classmethod
    def without(cls, kind: str) -> Presence:
        """Give one without pictures."""
        return cls(np.empty(0, dtype=np.float32), kind, 0)

    def __len__(self) -> int:
        return len(self.maxima)

    @property
    def groups(self) -> int:
        """Number of groups, a picture without one counting as one."""
        return len(self) if self.shares is None else round(float(self.shares.sum()))

    @property
    def threshold(self) -> float | None:
        """What a location must exceed to be present; none where there are fewer than `LEAST` pictures or groups."""
        if self.shares is not None:
            return self._threshold_of_groups(self.shares)
        above = floor((len(self) + 1) * LEVEL + 1e-9)  # n + 1 - k, of products such as 60 * 0.05 that round
        return float(self.maxima[len(self) - above]) if above else None

    def _threshold_of_groups(self, shares: NDArray[np.float64]) -> float | None:
        """Give the least of the maxima above which a picture has p <= alpha."""
        most = (self.groups + 1) * LEVEL - 1 + 1e-9  # what may lie above it
        above = np.append(np.cumsum(shares[::-1])[::-1], 0.0)[np.searchsorted(self.maxima, self.maxima, side="right")]
        legal = np.flatnonzero(above <= most)
        return float(self.maxima[legal[0]]) if len(legal) else None

    def p_values(self, reached: NDArray[np.floating]) -> NDArray[np.float64] | None:
        """Give the p-values of new pictures that reach so far along u, float64 of that shape; none without a mask."""
        if self.threshold is None:
            return None
        shares = np.ones(len(self)) if self.shares is None else self.shares
        return p_values(reaching(reached, self.maxima, shares), self.groups)

    def interval(self, p_value: float) -> tuple[float, float]:
        """Give the 95 % interval of a p-value."""
        return p_interval(p_value, self.groups)

    @property
    def told(self) -> str:
        """Say for people what the mask is calibrated on, or why there is none and how to get one."""
        if self.kind == NONE:
            return (
                f"no mask: no picture without the concept was kept for it; give {LEAST} or more that show none of the "
                f"concepts (--absent DIR), or {POOL} random images, of which some are then held out"
            )
        if self.kind == CHANGED:
            return (
                "no mask: merging or fitting anew has changed the CAV, and what it was calibrated on is not kept; fit "
                "from the images with --absent DIR"
            )
        source = "given as showing none of the concepts" if self.kind == GIVEN else "of the random set, held out"
        many = f"{len(self)} picture{'s' * (len(self) != 1)}"
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
        such = "such a picture" if self.shares is None else "such a picture, of a new group,"
        return f"calibrated on {many}; {such} is marked anywhere with a probability of at most {LEVEL:.0%}"
