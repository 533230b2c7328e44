"""Statistics of a set of images at a layer, from which CAVs and their quality figures are computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sacv.stats import Float64, LocationSample, Moments


@dataclass(frozen=True, eq=False)
class ImageMeans:
    """The mean over the locations of each unit of a set: an image, a group or a bundle (`sacv.cav.membership`)."""

    means: Float64
    """Float64 `(units, channels)`."""
    weights: Float64
    """Float64 `(units,)`: number of locations, or the sum of their weights."""
    sizes: NDArray[np.int64]
    """Int `(units,)`: number of groups of each unit, where an image without a group counts as one."""

    @classmethod
    def single(cls, means: Float64, weights: Float64) -> ImageMeans:
        """Create the means of units of one image each."""
        return cls(means, weights, np.ones(len(means), dtype=np.int64))

    @classmethod
    def union(cls, parts: Sequence[ImageMeans]) -> ImageMeans:
        """Concatenate the units of several sets."""
        return cls(*(np.concatenate([getattr(part, what) for part in parts]) for what in ("means", "weights", "sizes")))

    @property
    def alone(self) -> NDArray[np.bool_]:
        """Mask of the units that are single images or groups, `(units,)`; of all units if there are none."""
        single = self.sizes == 1
        return single if single.any() else np.ones(len(single), dtype=bool)

    def of(self, chosen: NDArray[np.bool_]) -> Float64:
        """Return the mean over the locations of the chosen units, float64 `(channels,)`.

        `chosen` is `(units,)`, or `(k, units)` for `k` choices, with a result of shape `(k, channels)`.
        """
        share = np.where(chosen, self.weights, 0.0)
        mean: Float64 = (share / share.sum(axis=-1, keepdims=True)) @ self.means
        return mean


@dataclass(frozen=True, eq=False)
class SetStatistics:
    """Statistics of a set of images at a layer."""

    folds: tuple[Moments, ...]
    """Moments of the locations of each fold; a fold may be empty."""
    image_fold: NDArray[np.int64]
    """Int `(units,)`: the fold of each unit."""
    images: ImageMeans
    """The mean of each unit."""
    sample: LocationSample
    """A seeded sample of locations."""

    @classmethod
    def union(cls, parts: Sequence[SetStatistics]) -> SetStatistics:
        """Join several sets that share no image, fold by fold."""
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
        """Join units of the same group.

        `unit`, int `(units,)`, is the new index of each unit. Units with the same index must have the same fold.
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
        """Scale the weights so that their sum is `count`."""
        factor = count / self.total().count
        return SetStatistics(
            tuple(part.times(factor) for part in self.folds),
            self.image_fold,
            replace(self.images, weights=self.images.weights * factor),
            LocationSample(self.sample.vectors, self.sample.image, self.sample.weights * factor),
        )

    def total(self) -> Moments:
        """Return the moments of all locations."""
        return self._total

    @cached_property
    def _total(self) -> Moments:
        return Moments.union(self.folds, self.folds[0].channels)

    @property
    def count(self) -> int:
        """Number of groups. An image without a group counts as one."""
        return int(self.images.sizes.sum())

    def within_images(self) -> Moments:
        """Return the scatter of the locations about the mean of their unit; the mean is 0."""
        total = self.total()
        steps = self.images.means - total.mean
        between = (steps.T * self.images.weights) @ steps
        return Moments(total.count, np.zeros(total.channels), total.scatter - between)

    def without(self, fold: int) -> Moments:
        """Return the moments of all locations except those of a fold."""
        return self.total().minus(self.folds[fold]) if fold < len(self.folds) else self.total()
