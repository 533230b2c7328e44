"""What one layer says of one set of images: everything that CAVs and their figures are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sacv.stats import LocationSample, Moments

Float64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ImageMeans:
    """The mean over the locations of each image of a set; of each group; of each bundle where there are very many.

    Each is a unit (`sacv.cav.membership`).

    Parameters
    ----------
    means
        Float64 `(units, channels)`.
    weights
        Float64 `(units,)`: number of locations, or the sum of their weights.
    sizes
        Int `(units,)`: number of independent things: of groups, or of images where these have no group.
    """

    means: Float64
    weights: Float64
    sizes: NDArray[np.int64]

    @classmethod
    def single(cls, means: Float64, weights: Float64) -> ImageMeans:
        """Give the means of units that are one image each."""
        return cls(means, weights, np.ones(len(means), dtype=np.int64))

    @classmethod
    def union(cls, parts: Sequence[ImageMeans]) -> ImageMeans:
        """Join the images of several sets."""
        return cls(*(np.concatenate([getattr(part, what) for part in parts]) for what in ("means", "weights", "sizes")))

    @property
    def alone(self) -> NDArray[np.bool_]:
        """Which units are single images or groups, `(units,)`; all, where none is: figures are then of bundles."""
        single = self.sizes == 1
        return single if single.any() else np.ones(len(single), dtype=bool)

    def of(self, chosen: NDArray[np.bool_]) -> Float64:
        """Give the mean over the locations of some units, float64 `(channels,)`.

        `chosen` is `(units,)`, or `(k, units)` for `k` choices at once, which give `(k, channels)`.
        """
        share = np.where(chosen, self.weights, 0.0)
        mean: Float64 = (share / share.sum(axis=-1, keepdims=True)) @ self.means
        return mean


@dataclass(frozen=True, eq=False)
class SetStatistics:
    """What one layer says of one set of images.

    Parameters
    ----------
    folds
        The moments of the locations of each fold; a fold may be empty.
    image_fold
        Int `(units,)`: the fold of each unit.
    images
        The mean of each unit: an image, a group, or a bundle of them where there are very many.
    sample
        A seeded sample of locations.
    """

    folds: tuple[Moments, ...]
    image_fold: NDArray[np.int64]
    images: ImageMeans
    sample: LocationSample

    @classmethod
    def union(cls, parts: Sequence[SetStatistics]) -> SetStatistics:
        """Join several sets that share no image; fold joins fold."""
        channels = parts[0].folds[0].channels
        count = max(len(part.folds) for part in parts)
        return cls(
            tuple(
                Moments.union([part.folds[fold] for part in parts if fold < len(part.folds)], channels)
                for fold in range(count)
            ),
            np.concatenate([part.image_fold for part in parts]),
            ImageMeans.union([part.images for part in parts]),
            LocationSample.union([part.sample for part in parts], [len(part.image_fold) for part in parts]),
        )

    def joined(self, unit: NDArray[np.int64]) -> SetStatistics:
        """Give the same set with units joined, each of one group alone.

        Parameters
        ----------
        unit
            Int `(units,)`: the new number of each unit; those of one number have the same fold.
        """
        _, first = np.unique(unit, return_index=True)
        weights = np.bincount(unit, self.images.weights).astype(np.float64)
        sums = np.zeros((len(weights), self.images.means.shape[1]))
        np.add.at(sums, unit, self.images.means * self.images.weights[:, None])
        return SetStatistics(
            self.folds,
            self.image_fold[first],
            ImageMeans(sums / weights[:, None], weights, self.images.sizes[first]),
            replace(self.sample, image=unit[self.sample.image]),
        )

    def weighing(self, count: float) -> SetStatistics:
        """Give the same set, scaled so that all its locations together weigh `count`."""
        factor = count / self.total().count
        return SetStatistics(
            tuple(part.times(factor) for part in self.folds),
            self.image_fold,
            replace(self.images, weights=self.images.weights * factor),
            LocationSample(self.sample.vectors, self.sample.image, self.sample.weights * factor),
        )

    def total(self) -> Moments:
        """Give the moments of all locations."""
        return self._total

    @cached_property
    def _total(self) -> Moments:
        return Moments.union(self.folds, self.folds[0].channels)

    @property
    def count(self) -> int:
        """Number of independent things: of groups, or of images where these have no group."""
        return int(self.images.sizes.sum())

    def within_images(self) -> Moments:
        """Give the scatter of the locations about the mean of their own unit; the mean is 0."""
        total = self.total()
        steps = self.images.means - total.mean
        between = (steps.T * self.images.weights) @ steps
        return Moments(total.count, np.zeros(total.channels), total.scatter - between)

    def without(self, fold: int) -> Moments:
        """Give the moments of all locations but those of a fold."""
        return self.total().minus(self.folds[fold]) if fold < len(self.folds) else self.total()
