r"""How much of a concept is in a picture: its greatest evidence anywhere, with a p-value against pictures without it.

Of each picture i the greatest evidence is taken along the direction that was found without its fold, k(i)::

    s_i = max over p of w_k(i) . a_i(p)

These scores of pictures that show the concept and of others give the held-out ROC curve. A new picture is compared with
each of the others along that one's own direction, which neither of the two helped to find::

    p = (1 + sum over others i of [ s_i >= max over p of w_k(i) . a(p) ]) / (n + 1)

Where others come in groups, such as patients, a group's pictures share its weight of 1, and n counts groups. For a new
picture without the concept, exchangeable with the others, p is close to uniform: cross-conformal prediction (Vovk,
"Cross-conformal predictors", Annals of Mathematics and Artificial Intelligence 74, 2015). Whatever the distribution,
with K folds P(p <= a) is at most 2 a + 2 (1 - a) (K - 1) / (n + K), since twice a mean of p-values, one of each fold,
is a p-value (Vovk and Wang, "Combining p-values via averaging", Biometrika 107, 2020). It says nothing of pictures of
another kind, nor of those that the bank was fitted on.

A location has a p-value in the same way, from its own evidence along each direction; where it is at most .05, the
concept is present there. A picture with such a location has p <= .05 itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from sacv.cav.conformal import p_interval, p_values, reaching
from sacv.cav.presence import LEAST, LEVEL
from sacv.cav.projection import along
from sacv.cav.quality import area, resamples
from sacv.cav.vector import Interval

Float64 = NDArray[np.float64]


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
    left_out
        Number of further pictures of the table that do not fit into memory.
    """

    directions: Float64
    scores: NDArray[np.float32]
    fold: NDArray[np.int64]
    shows: NDArray[np.bool_]
    group: NDArray[np.int64]
    left_out: int = 0

    def __len__(self) -> int:
        return len(self.scores)

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

    @property
    def calibrated(self) -> bool:
        """Whether the others are enough for p-values."""
        return self.others >= LEAST

    def p_values(self, reached: NDArray[np.floating]) -> Float64 | None:
        """Give the p-value of new pictures, or of locations.

        Parameters
        ----------
        reached
            `(m, folds, ...)`: the greatest evidence of each along each of the directions.

        Returns
        -------
        Float64 `(m, ...)`, from 1 / (n + 1) to 1; none where there are fewer than `LEAST` others.
        """
        if not self.calibrated:
            return None
        beaten = np.zeros((len(reached), *reached.shape[2:]))
        for fold in np.unique(self.fold[~self.shows]).tolist():
            its = ~self.shows & (self.fold == fold)
            beaten += reaching(reached[:, fold], self.scores[its], self._shares[its])
        return p_values(beaten, self.others)

    def interval(self, p_value: float) -> Interval:
        """Give the 95 % interval of a p-value."""
        return p_interval(p_value, self.others)

    @property
    def told(self) -> str:
        """Say for people what the mask of presence is calibrated on."""
        count = int((~self.shows).sum())
        many = f"{count} pictures"
        if self.others != count:
            many += f" of {self.others} groups"
        many += " of the table without it"
        if self.left_out:
            many += f" ({self.left_out} of the table's pictures do not fit into memory)"
        such = "such a picture" if self.others == count else "such a picture, of a new group,"
        return f"cross-conformal on {many}; {such} is marked anywhere with a probability close to {LEVEL:.0%}"

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
            above = ((self.scores[side][None] >= cuts[:, None]) * self._shares[side]).sum(axis=1)
            sides.append(above / above[-1])
        return sides[0], sides[1]


def greatest(directions: Float64, cells: NDArray[np.floating]) -> NDArray[np.float32]:
    """Give the greatest evidence of locations `(locations, channels)` along each of `k` directions, float32 `(k,)`."""
    return along(torch.from_numpy(cells)[None], list(directions))[0].amax(dim=1).numpy()


def image_scores(
    directions: Mapping[int, Float64],
    pictures: Sequence[NDArray[np.floating]],
    fold: Sequence[int],
    shows: Sequence[bool],
    group: Sequence[str],
    left_out: int = 0,
) -> ImageScores:
    """Score pictures, each along the direction that was found without its fold.

    Parameters
    ----------
    directions
        By fold, float64 `(channels,)`.
    pictures
        Of each picture the locations that count, `(locations, channels)`.
    fold, shows, group
        Of each picture: its fold, whether it shows the concept, and what it belongs with.
    left_out
        Number of pictures that do not fit into memory.
    """
    found = [greatest(directions[at][None], cells)[0] for cells, at in zip(pictures, fold, strict=True)]
    places = {at: place for place, at in enumerate(directions)}
    return ImageScores(
        np.stack(list(directions.values())),
        np.array(found, dtype=np.float32),
        np.array([places[at] for at in fold], dtype=np.int64),
        np.array(shows, dtype=bool),
        np.unique(np.array(group), return_inverse=True)[1].astype(np.int64),
        left_out,
    )
