"""The locations of a layer inside the mask of an image (`within`).

For fitting, the weight of a location is the share of its cell inside the mask. For maps and scores, a location counts
if this share is at least 1/2, or the largest share in the image if none reaches 1/2.
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
from sacv.stats import Float64

Counts = NDArray[np.bool_]

LEAST_COVER = 0.5
"""Minimum share of a cell inside the mask for a location to count."""


@dataclass(frozen=True, eq=False)
class Inside:
    """The mask of one image."""

    pixels: Mask
    """Bool `(height, width)`, true inside."""
    region: Box
    """The part of the image that is the input of the network; the grid of a layer divides it into cells."""

    def cover(self, grid: tuple[int, ...], layer: str) -> Float64:
        """Return the share of each cell inside the mask, float64 of shape `grid`."""
        if len(grid) != 2:
            raise OptionError(f"layer {layer!r} has a grid of {len(grid)} axes; within masks need two")
        return mask_weights(self.pixels, (grid[0], grid[1]), self.region)

    def counts(self, grid: tuple[int, ...], layer: str) -> Counts:
        """Return the locations that count, bool of shape `grid`, at least one. Raises the errors of `cover`."""
        return counting(self.cover(grid, layer))


def counting(cover: Float64) -> Counts:
    """Return which locations count, from the share of each cell inside the mask."""
    found: Counts = cover >= min(LEAST_COVER, float(cover.max())) - ROUNDING
    return found


def inside_of(model: VisionModel, item: ImageItem, image: Loaded, mask: MaskItem) -> Inside:
    """Load the mask of an image.

    `image` is the loaded content of the item. Raises ImageSetError if the mask has another size than the image, or no
    pixel in the input of the network, and the errors of `size_and_region`.
    """
    size, region = size_and_region(model, image, "within masks")
    found = Inside(mask.load(size), region)
    if not mask_weights(found.pixels, (1, 1), region).any():
        raise outside_input(item, mask)
    return found


def size_and_region(model: VisionModel, image: Loaded, what: str) -> tuple[tuple[int, int], Box]:
    """Return the size of an image, and the part that is the input of the network; `what` needs them."""
    size, region = model.seen(image)
    if region is None:
        raise OptionError(
            f"{what} need a transform that states which part of an image is the input of the network; "
            "give transform=sacv.ImageTransform(...), or images as float tensors that are already transformed"
        )
    return size, region


def outside_input(item: ImageItem, mask: MaskItem) -> ImageSetError:
    """Return the error for a mask without a pixel in the input of the network."""
    return ImageSetError(
        f"{item.name}: {mask.name} lies outside the part of the image that is the input of the network; "
        "resize without a crop, or leave the image out"
    )


def counts_of(insides: Sequence[Inside], grid: tuple[int, ...], layer: str) -> Counts:
    """Return the locations that count in each image, bool `(n, *grid)`."""
    return np.stack([inside.counts(grid, layer) for inside in insides])


@dataclass(frozen=True)
class Counted:
    """Share of the locations that count in an image: median, minimum and maximum over images."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, shares: Float64) -> Counted:
        """Summarise the shares of all images."""
        return cls(float(np.median(shares)), float(shares.min()), float(shares.max()))

    def __str__(self) -> str:
        return f"{self.median:.0%} ({self.least:.0%} to {self.greatest:.0%})"
