"""The images with the greatest values, each with its best locations: a list of bounded length, in a fixed order.

Images are sorted by the value of their best location, descending; ties by content hash, location and name. An image
with two names is listed once. So the list is the same for any order and parts of the images, and ::

    join(join(A, B), C) = join(A, join(B, C)) = join(A, B, C)

The k greatest of all locations, at most p of each image, are the first k locations of the k best images with p
locations each: a location of any other image has the best locations of k images before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from sacv.concepts import ImageItem
from sacv.model import Box


@dataclass(frozen=True)
class ScoredLocation:
    """A location of a layer's grid, with its values."""

    value: float
    """The relevance, or a cosine; locations are sorted by it."""
    location: tuple[int, ...]
    """Row and column, or as many numbers as the grid has axes."""
    evidence: float | None = None
    """`w . a(p)`; None for a cosine."""
    present: bool | None = None
    """Whether the concept is present; None if unknown."""


@dataclass(frozen=True, eq=False)
class Match:
    """An image with its best locations."""

    item: ImageItem
    number: int
    """Number of images before it in the search."""
    locations: tuple[ScoredLocation, ...]
    """One or more, the best first."""
    grid: tuple[int, ...]
    """Locations of the layer along each axis."""
    input_shape: tuple[int, ...]
    """Shape of the network's input, `(channels, *size)`."""
    size: tuple[int, int]
    """Width and height of the image in its own pixels."""
    region: Box | None
    """The part of it that the network sees; None if unknown."""

    @property
    def order(self) -> tuple[float, str, tuple[int, ...], str]:
        """Sort key of images."""
        best = self.locations[0]
        return -best.value, self.item.digest, best.location, self.item.name


@dataclass(frozen=True, eq=False)
class Top:
    """The best images, at most `limit`, the best first."""

    limit: int
    matches: tuple[Match, ...] = ()

    def admits(self, value: float) -> bool:
        """Return whether an image whose best location has this value may enter the list."""
        return len(self.matches) < self.limit or value >= self.matches[-1].locations[0].value

    def join(self, matches: Iterable[Match]) -> Top:
        """Return the list of these images and of others."""
        first: dict[str, Match] = {}
        for match in sorted([*self.matches, *matches], key=lambda match: match.order):
            first.setdefault(match.item.digest, match)
        return Top(self.limit, tuple(islice(first.values(), self.limit)))


def best_locations(values: NDArray[np.float32], count: int) -> list[tuple[int, ...]]:
    """Return the locations of the greatest values `(*grid)`, at most `count`, no two of them neighbours.

    Neighbours are the locations at most one step away along every axis. Of equal values the first location is taken.
    """
    left = values.astype(np.float64)
    found: list[tuple[int, ...]] = []
    while len(found) < count:
        best = tuple(int(part) for part in np.unravel_index(left.argmax(), left.shape))
        if left[best] == -np.inf:
            break
        found.append(best)
        left[tuple(slice(max(part - 1, 0), part + 2) for part in best)] = -np.inf
    return found
