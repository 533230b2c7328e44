r"""How much of a concept is in a picture: its greatest evidence anywhere, with a p-value against pictures without it.

Of each picture i the greatest evidence is taken along the direction that was found without its fold, k(i)::

    s_i = max over p of w_k(i) . a_i(p)

These scores of pictures that show the concept and of others give the held-out ROC curve. A new picture is compared with
each of the others along that one's own direction, which neither of the two helped to find::

    p = (1 + sum over others i of [ s_i >= max over p of w_k(i) . a(p) ]) / (n + 1)

Where others come in groups, such as patients, a group's pictures share its weight of 1, and n counts groups. For a new
picture without the concept, exchangeable with the others, p is close to uniform: cross-conformal prediction (Vovk,
"Cross-conformal predictors", Annals of Mathematics and Artificial Intelligence 74, 2015; P(p <= a) is at most 2 a
whatever the distribution). It says nothing of pictures of another kind, nor of those that the bank was fitted on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from sacv.cav.quality import area, resamples
from sacv.cav.vector import Interval

Float64 = NDArray[np.float64]

LEAST_OTHERS = 19
"""Pictures or groups without the concept below which there are no p-values: the least n with 1 / (n + 1) <= .05."""


@dataclass(frozen=True, eq=False)
class ImageScores:
    """Held-out scores of the pictures that a CAV was found from, and what a new one is compared with.

    Parameters
    ----------
    directions
        Float64 `(folds, channels)`: w without each fold, of L2 norm 1.
    scores
        Float32 `(n,)`: the greatest evidence of each picture, in units of activation.
    fold
        Int `(n,)`: the fold of each.
    shows
        Bool `(n,)`: whether it shows the concept.
    group
        Int `(n,)`: pictures of one number belong together.
    """

    directions: Float64
    scores: NDArray[np.float32]
    fold: NDArray[np.int64]
    shows: NDArray[np.bool_]
    group: NDArray[np.int64]

    @property
    def others(self) -> int:
        """Number of groups of the pictures without the concept, each picture being one where there are no groups."""
        return len(np.unique(self.group[~self.shows]))

    @cached_property
    def _shares(self) -> Float64:
        """Weight of each picture within its side."""
        keys = self.group * 2 + self.shows
        _, number, counts = np.unique(keys, return_inverse=True, return_counts=True)
        shares: Float64 = 1.0 / counts[number]
        return shares

    def p_values(self, reached: NDArray[np.floating]) -> Float64 | None:
        """Give the p-value of new pictures.

        Parameters
        ----------
        reached
            `(m, folds)`: the greatest evidence of each along each of the directions.

        Returns
        -------
        Float64 `(m,)`, from 1 / (n + 1) to 1; none where there are fewer than `LEAST_OTHERS` others.
        """
        if self.others < LEAST_OTHERS:
            return None
        mine = self.scores[~self.shows]
        beaten = mine >= np.asarray(reached, dtype=np.float32)[:, self.fold[~self.shows]]
        found: Float64 = (1 + beaten @ self._shares[~self.shows]) / (self.others + 1)
        return np.minimum(found, 1.0)

    def interval(self, p_value: float) -> Interval:
        """Give the 95 % interval of a p-value for the others being a sample, by Clopper and Pearson (1934)."""
        reached = p_value * (self.others + 1) - 1
        low = 0.0 if reached < 1e-9 else float(beta.ppf(0.025, reached, self.others - reached + 1))
        high = 1.0 if reached > self.others - 1e-9 else float(beta.ppf(0.975, reached + 1, self.others - reached))
        return low, high

    @property
    def auroc(self) -> float:
        """Held-out area under the ROC curve, a group's pictures sharing its weight."""
        scores = self.scores.astype(np.float64)
        return area(scores[self.shows], scores[~self.shows], self._shares[self.shows], self._shares[~self.shows])

    def auroc_interval(self, rng: np.random.Generator) -> Interval:
        """Give its 95 % interval, by bootstrap over groups."""
        wins = (np.sign(self.scores[self.shows][:, None] - self.scores[~self.shows]) + 1) / 2
        weights = []
        for side in (self.shows, ~self.shows):
            _, number = np.unique(self.group[side], return_inverse=True)
            weights.append(resamples(int(number.max()) + 1, rng)[:, number] * self._shares[side])
        won = ((weights[0] @ wins) * weights[1]).sum(axis=1)
        drawn = won / (weights[0].sum(axis=1) * weights[1].sum(axis=1))
        low, high = np.quantile(drawn, [0.025, 0.975])
        return float(low), float(high)

    def roc(self) -> tuple[Float64, Float64]:
        """Give the held-out ROC curve: shares of pictures without and with the concept above each score, ascending."""
        cuts = np.concatenate([[np.inf], np.unique(self.scores)[::-1]])
        sides = []
        for side in (~self.shows, self.shows):
            weights = self._shares[side] / self._shares[side].sum()
            sides.append(((self.scores[side][None] >= cuts[:, None]) * weights).sum(axis=1))
        return sides[0], sides[1]


def greatest(directions: Float64, cells: NDArray[np.floating]) -> Float64:
    """Give the greatest evidence of locations `(locations, channels)` along each of `k` directions, `(k,)`."""
    found: Float64 = (cells.astype(np.float64) @ directions.T).max(axis=0)
    return found


def image_scores(
    directions: Float64,
    pictures: Sequence[NDArray[np.floating]],
    fold: Sequence[int],
    shows: Sequence[bool],
    group: Sequence[str],
) -> ImageScores:
    """Score pictures, each along the direction that was found without its fold.

    Parameters
    ----------
    directions
        Float64 `(folds, channels)`.
    pictures
        Of each picture the locations that count, `(locations, channels)`.
    fold, shows, group
        Of each picture: its fold, whether it shows the concept, and what it belongs with.
    """
    found = [greatest(directions[at][None], cells)[0] for cells, at in zip(pictures, fold, strict=True)]
    return ImageScores(
        directions,
        np.array(found, dtype=np.float32),
        np.array(fold, dtype=np.int64),
        np.array(shows, dtype=bool),
        np.unique(np.array(group), return_inverse=True)[1].astype(np.int64),
    )
