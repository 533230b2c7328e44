"""A bounded, seeded sample of locations that keeps the image of each.

Every image of a set gets the same quota, so that no image outweighs another, and its own random generator, so that
the sample depends neither on the batch size nor on the order of the images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    """

    vectors: NDArray[np.floating]
    image: NDArray[np.int64]

    @classmethod
    def gather(cls, parts: Mapping[int, NDArray[np.floating]]) -> LocationSample:
        """Join the vectors of images `{image: (n_i, channels)}`, in the order of the images."""
        order = sorted(parts)
        return cls(
            np.concatenate([parts[index] for index in order]),
            np.concatenate([np.full(len(parts[index]), index, dtype=np.int64) for index in order]),
        )

    def of_images(self, chosen: NDArray[np.bool_] | Sequence[bool]) -> LocationSample:
        """Give the part that comes from the images marked true in `chosen` `(images,)`."""
        keep = np.asarray(chosen)[self.image]
        return LocationSample(self.vectors[keep], self.image[keep])


def quota(limit: int, images: int, locations: int) -> int:
    """Give how many of an image's locations are sampled so that `images` of them stay near `limit`."""
    return max(1, min(locations, limit // images))


def choose_locations(locations: int, count: int, seed: int, image: int) -> NDArray[np.int64]:
    """Choose `count` of an image's locations without replacement, sorted; all of them if it has no more."""
    if count >= locations:
        return np.arange(locations)
    rng = np.random.default_rng([seed, image])
    return np.sort(rng.choice(locations, size=count, replace=False))
