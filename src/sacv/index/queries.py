r"""Query locations, with which all locations are compared by the cosine of their activations.

cos(p) = a(p) . a(q) / (\|a(p)\| \|a(q)\|)        a after the bank's preprocessing, q the query location
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from sacv.cav import ConceptBank
from sacv.cav.preprocessing import unit_length
from sacv.cav.projection import along
from sacv.concepts import Source, image_set
from sacv.errors import ImageSetError, OptionError
from sacv.index.finite import require_finite
from sacv.model import VisionModel


@dataclass(frozen=True, eq=False)
class Like:
    """A location of an image; the search finds similar locations.

    Parameters
    ----------
    image
        One image: a file, an image, a uint8 array or a float tensor.
    at
        x and y in the image's own pixels, from its upper left corner; by default the middle of the part that the
        network sees.
    """

    image: Source
    at: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class Query:
    """A query location with its activation."""

    name: str
    """Name for display."""
    layer: str
    """Layer whose activations are compared."""
    location: tuple[int, ...]
    """Index on the layer's grid."""
    direction: NDArray[np.float64]
    """Activation, float64 `(channels,)`, of norm 1."""

    def cosine(self, read: torch.Tensor) -> NDArray[np.float32]:
        """Return the cosine `(n, *grid)` with activations `(n, *grid, channels)`; 0 for zero activations."""
        found: NDArray[np.float32] = along(unit_length(read.double()), [self.direction])[:, 0].cpu().numpy()
        return found


def make_query(model: VisionModel, bank: ConceptBank, like: Like, layer: str) -> Query:
    """Compute the activation of a query location."""
    items = image_set("the query image", like.image).items
    if len(items) > 1:
        raise ImageSetError(f"{len(items)} images are given as one query; give one image in each Like")
    image = items[0].load()
    cells = model.activations(model.inputs([image]), [layer])[layer].cells
    require_finite(cells, layer, [items[0].name])
    grid = tuple(cells.shape[1:-1])
    size, region = model.seen(image)
    location = tuple(side // 2 for side in grid)
    if like.at is not None:
        location = location[:-2] + _location(like.at, grid, size, region, items[0].name)
    vector = bank.preprocessing(cells)[(0, *location)].double().cpu().numpy()
    length = np.linalg.norm(vector)
    if length == 0:
        raise OptionError(
            f"the activation of layer {layer!r} is zero at that location of {items[0].name}, so no location is "
            "similar to it; give another location or another layer"
        )
    name = items[0].name if like.at is None else f"{items[0].name}:{like.at[0]:g},{like.at[1]:g}"
    return Query(name, layer, location, vector / length)


def _location(
    at: tuple[float, float],
    grid: Sequence[int],
    size: tuple[int, int],
    region: tuple[float, float, float, float] | None,
    name: str,
) -> tuple[int, ...]:
    """Return the row and column of the cell that contains a point; for a signal the column."""
    if region is None:
        raise OptionError(
            f"the transform has no region(size), so the part of {name} that the network sees is unknown, and "
            f"{at[0]:g},{at[1]:g} has no cell; omit the location for the middle, or give a transform with region(size)"
        )
    left, top, right, bottom = region
    seen = (max(left, 0), max(top, 0), min(right, size[0]), min(bottom, size[1]))
    if not (seen[0] <= at[0] < seen[2] and seen[1] <= at[1] < seen[3]):
        raise OptionError(
            f"the point {at[0]:g},{at[1]:g} is outside the part of {name} that the network sees; x must be from "
            f"{seen[0]:g} to below {seen[2]:g}, y from {seen[1]:g} to below {seen[3]:g}"
        )
    column = min(int((at[0] - left) / (right - left) * grid[-1]), grid[-1] - 1)
    if len(grid) == 1:
        return (column,)
    return min(int((at[1] - top) / (bottom - top) * grid[-2]), grid[-2] - 1), column
