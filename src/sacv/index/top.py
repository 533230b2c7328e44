"""The images that show something most, each with its best locations: a list of bounded length, in one order.

Of two images the one stands first whose best place has the greater value; of equal values the one with the lesser
content hash, then the lesser location, then the lesser name. An image that comes under two names stands once. So the
list of any images is the same in whatever order and parts they come, and ::

    join(join(A, B), C) = join(A, join(B, C)) = join(A, B, C)

The k greatest of all locations, of which an image may give at most p, are the first k locations of the k best images
with p locations each: each of them that stood in another image would have k images' best locations before it.
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
class Place:
    """A location of a layer's grid, and what was found there.

    Parameters
    ----------
    value
        What locations are ordered by: the relevance, or a cosine.
    location
        Row and column, or as many numbers as the grid has axes.
    evidence
        `w . a(p)`; none of a cosine.
    present
        Whether the concept is present; none where that is not known.
    """

    value: float
    location: tuple[int, ...]
    evidence: float | None = None
    present: bool | None = None


@dataclass(frozen=True, eq=False)
class Match:
    """An image with its best locations.

    Parameters
    ----------
    item
        The image.
    number
        Images before it, of all that are searched.
    places
        One or more, the best first.
    grid
        Locations of the layer along each axis.
    input_shape
        Of the network's input, `(channels, *size)`.
    size
        Width and height of the image in its own pixels.
    region
        The part of it that the network sees; none where that is not known.
    """

    item: ImageItem
    number: int
    places: tuple[Place, ...]
    grid: tuple[int, ...]
    input_shape: tuple[int, ...]
    size: tuple[int, int]
    region: Box | None

    @property
    def order(self) -> tuple[float, str, tuple[int, ...], str]:
        """What images are sorted by."""
        best = self.places[0]
        return -best.value, self.item.digest, best.location, self.item.name


@dataclass(frozen=True, eq=False)
class Top:
    """The best images, at most `limit`, the best first."""

    limit: int
    matches: tuple[Match, ...] = ()

    def admits(self, value: float) -> bool:
        """Return whether an image whose best place has this value may come into the list."""
        return len(self.matches) < self.limit or value >= self.matches[-1].places[0].value

    def join(self, matches: Iterable[Match]) -> Top:
        """Return the list of these images and of others."""
        first: dict[str, Match] = {}
        for match in sorted([*self.matches, *matches], key=lambda match: match.order):
            first.setdefault(match.item.digest, match)
        return Top(self.limit, tuple(islice(first.values(), self.limit)))


def best_locations(values: NDArray[np.float32], count: int) -> list[tuple[int, ...]]:
    """Return the locations of the greatest values `(*grid)`, at most `count`, passing over neighbours of those taken.

    Neighbours are the locations at most one step away along every axis. Of equal values the first location is taken.
    """
    left = values.astype(np.float64)
    found: list[tuple[int, ...]] = []
    while len(found) < count:
        place = tuple(int(part) for part in np.unravel_index(left.argmax(), left.shape))
        if left[place] == -np.inf:
            break
        found.append(place)
        left[tuple(slice(max(part - 1, 0), part + 2) for part in place)] = -np.inf
    return found
