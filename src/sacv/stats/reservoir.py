"""Bounded, seeded samples of locations, with the image and the weight of each.

Every image contributes the same number of locations. The choice depends only on the seed and the content of the image,
not on the batch size, the order of the images or other images. So the union of the samples of two sites is the sample
of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class LocationSample:
    """Vectors of sampled locations."""

    vectors: NDArray[np.floating]
    """Float `(n, channels)`."""
    image: NDArray[np.int64]
    """Int `(n,)`: index within the set of the image of each vector."""
    weights: NDArray[np.float64]
    """Float64 `(n,)`: share of each location's cell that belongs to the set; 1 for whole images."""

    @classmethod
    def of(cls, vectors: NDArray[np.floating]) -> LocationSample:
        """Return a sample of vectors `(n, channels)` with weight 1, each from a different image."""
        return cls(vectors, np.arange(len(vectors)), np.ones(len(vectors)))

    @classmethod
    def union(cls, parts: Sequence[LocationSample], images: Sequence[int]) -> LocationSample:
        """Concatenate samples; `images` is the number of images of each set."""
        starts = np.cumsum([0, *images[:-1]])
        return cls(
            np.concatenate([part.vectors for part in parts]),
            np.concatenate([part.image + start for part, start in zip(parts, starts, strict=True)]),
            np.concatenate([part.weights for part in parts]),
        )

    def of_images(self, chosen: NDArray[np.bool_] | Sequence[bool]) -> LocationSample:
        """Return the sample of the images selected by the mask `chosen` `(images,)`."""
        mask = np.asarray(chosen)[self.image]
        return LocationSample(self.vectors[mask], self.image[mask], self.weights[mask])

    def mean(self) -> NDArray[np.float64]:
        """Return the weighted mean, float64 `(channels,)`."""
        average: NDArray[np.float64] = np.average(self.vectors.astype(np.float64), axis=0, weights=self.weights)
        return average


@dataclass(frozen=True, eq=False)
class BoundedSample:
    """A sample of at most a given number of locations, which can be merged with others.

    A merge selects the locations with the smallest keys, so that the order of merging does not matter.
    """

    vectors: NDArray[np.floating]
    """Float `(n, channels)`."""
    weights: NDArray[np.float64]
    """Float64 `(n,)`; see `LocationSample`."""
    keys: NDArray[np.float64]
    """Float64 `(n,)`: uniform in [0, 1), from the seed and the content of the image."""

    @classmethod
    def of_image(
        cls, vectors: NDArray[np.floating], weights: NDArray[np.float64], seed: int, digest: str
    ) -> BoundedSample:
        """Return the sample of one image; `digest` is its SHA-256, in hexadecimal."""
        keys = np.random.default_rng([seed, int(digest[:16], 16), 1]).random(len(vectors))
        return cls(vectors, weights, keys)

    def join(self, other: BoundedSample, most: int) -> BoundedSample:
        """Return the `most` locations with the smallest keys of both samples."""
        keys = np.concatenate([self.keys, other.keys])
        smallest = np.argsort(keys)[:most]
        return BoundedSample(
            np.concatenate([self.vectors, other.vectors])[smallest],
            np.concatenate([self.weights, other.weights])[smallest],
            keys[smallest],
        )

    def located(self, unit: int) -> LocationSample:
        """Return the sample as a `LocationSample` of one unit of a set."""
        return LocationSample(self.vectors, np.full(len(self.keys), unit, dtype=np.int64), self.weights)


def choose_locations(legal: NDArray[np.int64], count: int, seed: int, digest: str) -> NDArray[np.int64]:
    """Choose `count` locations of an image without replacement, in ascending order; all if there are fewer.

    `legal`, int `(n,)`, are the indices to choose from; `digest` is the SHA-256 of the image, in hexadecimal.
    """
    if count >= len(legal):
        return legal
    rng = np.random.default_rng([seed, int(digest[:16], 16)])
    return np.sort(rng.choice(legal, size=count, replace=False))
