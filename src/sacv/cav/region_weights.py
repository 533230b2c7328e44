"""From masks on photos to the weights of a layer's locations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sacv.cav.inside import inside_of
from sacv.concepts import ImageItem, MaskItem, mask_weights
from sacv.errors import ImageSetError, OptionError
from sacv.model import VisionModel

Grids: TypeAlias = Mapping[str, tuple[int, ...]]
"""The grid of each layer."""

Weights: TypeAlias = dict[str, NDArray[np.float64]]
"""By layer, float64 `(locations,)`: how much of each location is marked."""


def covered(
    model: VisionModel, grids: Grids, item: ImageItem, mask: MaskItem, within: MaskItem | None = None
) -> Weights:
    """Give how much of each location a mask covers, inside `within` where that is given.

    Raises
    ------
    ImageSetError
        If nothing that the network sees is marked, or nothing inside.
    OptionError
        If the way from the picture to the grid is not known.
    """
    found = _weights(model, grids, item, [mask], inside=True, within=within)
    if all(part.any() for part in found.values()):
        return found
    if within is not None:
        covered(model, grids, item, mask)  # tells whether the mask itself is to blame
        raise ImageSetError(
            f"what {mask.name} marks on {item.name} lies outside {within.name}, so that nothing of the concept counts "
            "there; correct one of the two masks, or leave the photo out"
        )
    raise ImageSetError(
        f"what {mask.name} marks on {item.name} lies outside the part that the network sees; "
        "resize without a crop, or leave the photo out"
    )


def uncovered(
    model: VisionModel, grids: Grids, item: ImageItem, masks: Sequence[MaskItem], within: MaskItem | None = None
) -> Weights | None:
    """Give how much of each location no mask covers, inside `within`; None where that is nothing at some layer."""
    found = _weights(model, grids, item, masks, inside=False, within=within)
    return found if all(part.any() for part in found.values()) else None


def inside_weights(model: VisionModel, grids: Grids, item: ImageItem, within: MaskItem) -> Weights:
    """Give how much of each location of a whole picture is inside; errors are those of `inside_of` and `cover`."""
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
    size, region = model.seen(item.load())
    if region is None:
        raise OptionError(
            "marked regions need a transform that tells which part of a picture the network sees; "
            "give transform=sacv.ImageTransform(...), or images as float tensors that are already transformed"
        )
    pixels = np.logical_or.reduce([mask.load(size) for mask in masks])
    pixels = pixels if inside else ~pixels
    if within is not None:
        pixels = pixels & within.load(size)
    found: Weights = {}
    for layer, grid in grids.items():
        if len(grid) != 2:
            raise OptionError(f"layer {layer!r} has a grid of {len(grid)} axes; marked regions need two")
        found[layer] = mask_weights(pixels, (grid[0], grid[1]), region).ravel()
    return found
