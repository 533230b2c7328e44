"""What counts of one picture: from the mask that it is taken within to the locations of a layer.

Where directions are learned, a location weighs the share of its cell that the mask covers. Where maps and scores are
read, a location counts if that share is at least one half; if none has so much, those with the greatest count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sacv.concepts import ImageItem, MaskItem, mask_weights
from sacv.concepts.item import Loaded
from sacv.concepts.masks import ROUNDING, Mask
from sacv.errors import ImageSetError, OptionError
from sacv.model import Box, VisionModel

Float64 = NDArray[np.float64]
Counts = NDArray[np.bool_]

LEAST_COVER = 0.5
"""Share of a cell from which a location counts."""


@dataclass(frozen=True, eq=False)
class Inside:
    """What counts of one picture.

    Parameters
    ----------
    pixels
        Bool `(height, width)`, true inside.
    region
        The part of the picture that the network sees, which a layer's grid divides.
    """

    pixels: Mask
    region: Box

    def cover(self, grid: tuple[int, ...], layer: str) -> Float64:
        """Give the share of each cell that is inside, float64 `grid`.

        Raises
        ------
        OptionError
            If the grid has not two axes.
        """
        if len(grid) != 2:
            raise OptionError(f"layer {layer!r} has a grid of {len(grid)} axes; masks to stay within need two")
        return mask_weights(self.pixels, (grid[0], grid[1]), self.region)

    def counts(self, grid: tuple[int, ...], layer: str) -> Counts:
        """Mark the locations that count, bool `grid`, one at least; errors are those of `cover`."""
        return counting(self.cover(grid, layer))


def counting(cover: Float64) -> Counts:
    """Mark what counts by the share of it that is inside."""
    found: Counts = cover >= min(LEAST_COVER, float(cover.max())) - ROUNDING
    return found


def inside_of(model: VisionModel, item: ImageItem, image: Loaded, mask: MaskItem) -> Inside:
    """Give what counts of a picture.

    Parameters
    ----------
    model
        Says which part the network sees.
    item, image
        The picture, and what it was loaded to.
    mask
        Its mask.

    Raises
    ------
    ImageSetError
        If the mask has another size, or nothing inside that the network sees.
    OptionError
        If the way from the picture to the network's input is not known.
    """
    size, region = model.seen(image)
    if region is None:
        raise OptionError(
            "masks to stay within need a transform that tells which part of a picture the network sees; "
            "give transform=sacv.ImageTransform(...), or images as float tensors that are already transformed"
        )
    found = Inside(mask.load(size), region)
    if not mask_weights(found.pixels, (1, 1), region).any():
        raise ImageSetError(
            f"what {mask.name} marks on {item.name} lies outside the part that the network sees; "
            "resize without a crop, or leave the photo out"
        )
    return found


def counts_of(insides: Sequence[Inside], grid: tuple[int, ...], layer: str) -> Counts:
    """Mark the locations that count of each picture, bool `(n, *grid)`."""
    return np.stack([one.counts(grid, layer) for one in insides])


@dataclass(frozen=True)
class Counted:
    """The share of the locations of an image that count, over images: median, least and greatest."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, shares: Float64) -> Counted:
        """Sum up the shares of all images."""
        return cls(float(np.median(shares)), float(shares.min()), float(shares.max()))

    def __str__(self) -> str:
        return f"{self.median:.0%} ({self.least:.0%} to {self.greatest:.0%})"
