"""Convert masks of images to weights of the locations of a layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sacv.cav.inside import inside_of, outside_input, size_and_region
from sacv.concepts import ImageItem, MaskItem, mask_weights
from sacv.errors import ImageSetError, OptionError
from sacv.model import VisionModel

Grids: TypeAlias = Mapping[str, tuple[int, ...]]
"""The grid of each layer."""

Weights: TypeAlias = dict[str, NDArray[np.float64]]
"""By layer, float64 `(locations,)`: the share of each cell in the regions."""


def covered(
    model: VisionModel, grids: Grids, item: ImageItem, mask: MaskItem, within: MaskItem | None = None
) -> Weights:
    """Return the share of each cell that a mask covers, inside `within` if that is given.

    Raises ImageSetError if the mask has no pixel in the input of the network, or none inside `within`, and the errors
    of `size_and_region`.
    """
    found = _weights(model, grids, item, [mask], inside=True, within=within)
    if all(part.any() for part in found.values()):
        return found
    if within is not None:
        covered(model, grids, item, mask)  # raises if the mask alone is the cause
        raise ImageSetError(
            f"{item.name}: {mask.name} lies outside {within.name}, so that no location counts; "
            "correct one of the two masks, or leave the image out"
        )
    raise outside_input(item, mask)


def uncovered(
    model: VisionModel, grids: Grids, item: ImageItem, masks: Sequence[MaskItem], within: MaskItem | None = None
) -> Weights | None:
    """Return the share of each cell outside all masks, inside `within`; None if it is 0 everywhere at a layer."""
    found = _weights(model, grids, item, masks, inside=False, within=within)
    return found if all(part.any() for part in found.values()) else None


def inside_weights(model: VisionModel, grids: Grids, item: ImageItem, within: MaskItem) -> Weights:
    """Return the share of each cell inside the mask `within`. Raises the errors of `inside_of` and `Inside.cover`."""
    found = inside_of(model, item, item.load(), within)
    return {layer: found.cover(grid, layer).ravel() for layer, grid in grids.items()}


def _weights(
    model: VisionModel,
    grids: Grids,
    item: ImageItem,
    masks: Sequence[MaskItem],
    inside: bool,
    within: MaskItem | None = None,
) -> Weights:
    size, region = size_and_region(model, item.load(), "regions")
    pixels = np.logical_or.reduce([mask.load(size) for mask in masks])
    pixels = pixels if inside else ~pixels
    if within is not None:
        pixels = pixels & within.load(size)
    found: Weights = {}
    for layer, grid in grids.items():
        if len(grid) != 2:
            raise OptionError(f"layer {layer!r} has a grid of {len(grid)} axes; regions need two")
        found[layer] = mask_weights(pixels, (grid[0], grid[1]), region).ravel()
    return found
