r"""Image scores: the greatest evidence anywhere in an image, with a p-value against images without the concept.

The score of image i uses the detector that is fitted without its fold k(i)::

    s_i = max over p of w_k(i) . a_i(p)

The scores of images with and without the concept give the held-out ROC curve. A new image is compared with each of the
n images without the concept, along the detector of that image::

    p = (1 + sum over i without the concept of [ s_i >= max over p of w_k(i) . a(p) ]) / (n + 1)

If images have groups, such as patients, the images of a group share a weight of 1, and n counts groups. For a new image
without the concept that is exchangeable with the n images, p is approximately uniform: cross-conformal prediction
(Vovk, "Cross-conformal predictors", Annals of Mathematics and Artificial Intelligence 74, 2015). For any distribution
and K folds, P(p <= a) is at most 2 a + 2 (1 - a) (K - 1) / (n + K), since twice the mean of one p-value for each fold
is a p-value (Vovk and Wang, "Combining p-values via averaging", Biometrika 107, 2020). The guarantee does not hold for
images of another kind, or for images that the bank was fitted on.

A location has a p-value in the same way, from its own evidence along each detector. If it is at most 0.05, the location
is inside the presence mask, and then the image has p <= 0.05 too.
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
from sacv.cav.quality import area, interval, resamples
from sacv.cav.vector import Interval
from sacv.stats import Float64


@dataclass(frozen=True, eq=False)
class ImageScores:
    """Held-out image scores of the images that a CAV was fitted on, from which p-values are computed.

    Parameters
    ----------
    directions
        Float64 `(folds, channels)`: the detector fitted without each fold, L2 norm 1.
    scores
        Float32 `(n,)`: the greatest evidence of each image, in units of activation.
    fold
        Int `(n,)`: fold of each image.
    shows
        Bool `(n,)`: whether the image shows the concept.
    group
        Int `(n,)`: index of the group of each image.
    left_out
        Number of images of the table that were left out because of the memory limit.
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
        """Number of groups of the images without the concept. Without groups, each image counts as one."""
        return len(np.unique(self.group[~self.shows]))

    @cached_property
    def _shares(self) -> Float64:
        """Weight of each image within its group, separately for images with and without the concept."""
        keys = self.group * 2 + self.shows
        _, number, counts = np.unique(keys, return_inverse=True, return_counts=True)
        shares: Float64 = 1.0 / counts[number]
        return shares

    @property
    def calibrated(self) -> bool:
        """Whether there are enough images without the concept for p-values."""
        return self.others >= LEAST

    def p_values(self, reached: NDArray[np.floating]) -> Float64 | None:
        """Compute the p-values of new images or locations.

        Parameters
        ----------
        reached
            `(m, folds, ...)`: greatest evidence of each image, or evidence of each location, along each direction.

        Returns
        -------
        Float64 `(m, ...)`, from 1 / (n + 1) to 1; None if there are fewer than `LEAST` images without the concept.
        """
        if not self.calibrated:
            return None
        at_least = np.zeros((len(reached), *reached.shape[2:]))
        for fold in np.unique(self.fold[~self.shows]).tolist():
            others = ~self.shows & (self.fold == fold)
            at_least += reaching(reached[:, fold], self.scores[others], self._shares[others])
        return p_values(at_least, self.others)

    def interval(self, p_value: float) -> Interval:
        """Return the 95 % interval of a p-value."""
        return p_interval(p_value, self.others)

    @property
    def description(self) -> str:
        """One-line description of the calibration of the presence mask."""
        count = int((~self.shows).sum())
        many = f"{count} images"
        if self.others != count:
            many += f" of {self.others} groups"
        many += " of the table without it"
        if self.left_out:
            many += f" ({self.left_out} of the table's images do not fit into memory)"
        such = "such an image" if self.others == count else "such an image, of a new group,"
        return f"cross-conformal on {many}; {such} has any location in the mask with a probability close to {LEVEL:.0%}"

    @property
    def auroc(self) -> float:
        """Held-out AUROC. The images of a group share a weight of 1."""
        scores = self.scores.astype(np.float64)
        return area(scores[self.shows], scores[~self.shows], self._shares[self.shows], self._shares[~self.shows])

    def auroc_interval(self, rng: np.random.Generator) -> Interval:
        """Return the 95 % interval of `auroc`, by bootstrap over groups."""
        wins = (np.sign(self.scores[self.shows][:, None] - self.scores[~self.shows]) + 1) / 2
        weights = []
        for side in (self.shows, ~self.shows):
            _, number = np.unique(self.group[side], return_inverse=True)
            weights.append(resamples(int(number.max()) + 1, rng)[:, number] * self._shares[side])
        won = ((weights[0] @ wins) * weights[1]).sum(axis=1)
        return interval(won / (weights[0].sum(axis=1) * weights[1].sum(axis=1)))

    def roc(self) -> tuple[Float64, Float64]:
        """Return the held-out ROC curve: false-positive and true-positive rates, ascending."""
        cuts = np.concatenate([[np.inf], np.unique(self.scores)[::-1]])
        sides = []
        for side in (~self.shows, self.shows):
            above = ((self.scores[side][None] >= cuts[:, None]) * self._shares[side]).sum(axis=1)
            sides.append(above / above[-1])
        return sides[0], sides[1]


def greatest(directions: Float64, cells: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the greatest evidence over locations `(locations, channels)` along `k` directions, float32 `(k,)`."""
    return along(torch.from_numpy(cells)[None], list(directions))[0].amax(dim=1).numpy()


def image_scores(
    directions: Mapping[int, Float64],
    images: Sequence[NDArray[np.floating]],
    fold: Sequence[int],
    shows: Sequence[bool],
    group: Sequence[str],
    left_out: int = 0,
) -> ImageScores:
    """Compute held-out image scores: each image along the detector fitted without its fold.

    `directions` are by fold, float64 `(channels,)`; `images`, the activations at the locations inside the mask of each,
    `(locations, channels)`; then its fold, whether it shows the concept, and its group. `left_out` images did not fit
    into memory.
    """
    found = [greatest(directions[at][None], cells)[0] for cells, at in zip(images, fold, strict=True)]
    rows = {at: row for row, at in enumerate(directions)}
    return ImageScores(
        np.stack(list(directions.values())),
        np.array(found, dtype=np.float32),
        np.array([rows[at] for at in fold], dtype=np.int64),
        np.array(shows, dtype=bool),
        np.unique(np.array(group), return_inverse=True)[1].astype(np.int64),
        left_out,
    )
