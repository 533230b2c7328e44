"""A bounded, seeded sample of locations that keeps the image and the weight of each.

Every image gives the same number of locations, so that no image outweighs another. Which ones depends on the seed and
on the image's content alone, so that the sample depends neither on the batch size, nor on the order of the images,
nor on what other images there are, and the samples of two sites join to the sample of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class LocationSample:
    """Vectors of sampled locations.

    Parameters
    ----------
    vectors
        Float `(n, channels)`.
    image
        Int `(n,)`: which image of the set each vector comes from.
    weights
        Float64 `(n,)`: how much of each location shows what the set shows; 1 where the whole image does.
    """

    vectors: NDArray[np.floating]
    image: NDArray[np.int64]
    weights: NDArray[np.float64]

    @classmethod
    def of(cls, vectors: NDArray[np.floating]) -> LocationSample:
        """Give a sample of vectors `(n, channels)` of weight 1, each from an image of its own."""
        return cls(vectors, np.arange(len(vectors)), np.ones(len(vectors)))

    @classmethod
    def union(cls, parts: Sequence[LocationSample], images: Sequence[int]) -> LocationSample:
        """Join samples of sets with these numbers of images, whose images then stand one set after the other."""
        starts = np.cumsum([0, *images[:-1]])
        return cls(
            np.concatenate([part.vectors for part in parts]),
            np.concatenate([part.image + start for part, start in zip(parts, starts, strict=True)]),
            np.concatenate([part.weights for part in parts]),
        )

    def of_images(self, chosen: NDArray[np.bool_] | Sequence[bool]) -> LocationSample:
        """Give the part that comes from the images marked true in `chosen` `(images,)`."""
        keep = np.asarray(chosen)[self.image]
        return LocationSample(self.vectors[keep], self.image[keep], self.weights[keep])

    def mean(self) -> NDArray[np.float64]:
        """Give the weighted mean, float64 `(channels,)`."""
        average: NDArray[np.float64] = np.average(self.vectors.astype(np.float64), axis=0, weights=self.weights)
        return average


@dataclass(frozen=True, eq=False)
class BoundedSample:
    """A sample of locations that joins with others to one of the same size.

    Of several images the locations of the least keys stay, whatever the order in which they come.

    Parameters
    ----------
    vectors
        Float `(n, channels)`.
    weights
        Float64 `(n,)`; see `LocationSample`.
    keys
        Float64 `(n,)`: uniform in [0, 1), by the seed and the image's content.
    """

    vectors: NDArray[np.floating]
    weights: NDArray[np.float64]
    keys: NDArray[np.float64]

    @classmethod
    def of_image(
        cls, vectors: NDArray[np.floating], weights: NDArray[np.float64], seed: int, digest: str
    ) -> BoundedSample:
        """Give the sample of one image; `digest` is its SHA-256, in hexadecimal."""
        keys = np.random.default_rng([seed, int(digest[:16], 16), 1]).random(len(vectors))
        return cls(vectors, weights, keys)

    def join(self, other: BoundedSample, most: int) -> BoundedSample:
        """Give the `most` locations of least keys of both."""
        keys = np.concatenate([self.keys, other.keys])
        stay = np.argsort(keys)[:most]
        return BoundedSample(
            np.concatenate([self.vectors, other.vectors])[stay],
            np.concatenate([self.weights, other.weights])[stay],
            keys[stay],
        )

    def located(self, unit: int) -> LocationSample:
        """Give the sample as that of a unit of a set."""
        return LocationSample(self.vectors, np.full(len(self.keys), unit, dtype=np.int64), self.weights)


def choose_locations(legal: NDArray[np.int64], count: int, seed: int, digest: str) -> NDArray[np.int64]:
    """Choose `count` of an image's legal locations without replacement, sorted; all if there are no more.

    Parameters
    ----------
    legal
        Int `(n,)`: numbers of the locations to choose from.
    count
        How many.
    seed
        Of the choice.
    digest
        SHA-256 of the image, in hexadecimal.
    """
    if count >= len(legal):
        return legal
    rng = np.random.default_rng([seed, int(digest[:16], 16)])
    return np.sort(rng.choice(legal, size=count, replace=False))
