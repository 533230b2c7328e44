"""Maps as images: colours on a common scale, over the part of the image that the grid covers.

A map is enlarged for drawing only, bilinearly with half-pixel centres: the middle of a cell has its own value.
Relevance runs from the least to the greatest value of a layer; contribution is symmetric around zero, whose colour is
neutral.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Colormap, LinearSegmentedColormap
from numpy.typing import NDArray
from PIL import Image

LONGEST = 420
"""Longest side of a drawn image in pixels."""

OPACITY = 0.72

FADED = 0.25
"""Share of the opacity that is left where locations do not count."""

AMBER = (255, 191, 0, 255)

COLOURS: dict[str, Colormap] = {
    "cividis": colormaps["cividis"],
    "blue-orange": LinearSegmentedColormap.from_list(
        "blue-orange",
        ["#084081", "#266fb2", "#6ba8d6", "#b2d3e9", "#f2f2f0", "#fdd0a2", "#f99748", "#d95f0e", "#8c2d04"],
    ),
}
"""Colour maps of the viewer by name; colour-blind people can distinguish their colours."""

Values = NDArray[np.floating]
Rgba = NDArray[np.uint8]


@dataclass(frozen=True)
class Scale:
    """From values to colours."""

    low: float
    high: float
    """Ends of the scale; values outside are drawn as the ends."""
    colours: str
    """One of `COLOURS`."""
    centred: bool = False
    """Whether zero is in the middle; values near zero are then more transparent."""

    def strength(self, values: Values) -> Values:
        """Return the opacity of values in [0, 1]: 1, or increasing with their size on a centred scale."""
        if not self.centred:
            return np.ones_like(values)
        return 0.4 + 0.6 * np.sqrt(np.clip(np.abs(np.nan_to_num(values)) / self.high, 0, 1))

    def paint(self, values: Values) -> Rgba:
        """Return opaque colours, uint8 `(*shape, 4)`; values that are not finite are transparent."""
        span = self.high - self.low
        share = (np.asarray(values, dtype=np.float64) - self.low) / span if span > 0 else np.full(values.shape, 0.5)
        finite = np.isfinite(share)
        painted = COLOURS[self.colours](np.clip(np.where(finite, share, 0), 0, 1))
        painted[..., 3] = finite
        colours: Rgba = (painted * 255).round().astype(np.uint8)
        return colours


def sequential(maps: Sequence[Values]) -> Scale:
    """Return one scale for all maps, from their least to their greatest value."""
    values = np.concatenate([np.ravel(values) for values in maps])
    values = values[np.isfinite(values)]
    return Scale(float(values.min()), float(values.max()), "cividis") if len(values) else Scale(0, 1, "cividis")


def diverging(maps: Sequence[Values]) -> Scale:
    """Return one scale for all maps, symmetric around zero."""
    values = np.concatenate([np.ravel(values) for values in maps])
    largest = float(np.abs(values[np.isfinite(values)]).max(initial=0)) or 1.0
    return Scale(-largest, largest, "blue-orange", centred=True)


def enlarge(values: Values, height: int, width: int) -> Values:
    """Enlarge a map `(h, w)` to `(height, width)` bilinearly, with half-pixel centres and held edges."""
    for axis, size in ((0, height), (1, width)):
        cells = values.shape[axis]
        at = np.clip((np.arange(size) + 0.5) * cells / size - 0.5, 0, cells - 1)
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, cells - 1)
        share = np.expand_dims(at - low, 1 - axis)
        values = np.take(values, low, axis) * (1 - share) + np.take(values, high, axis) * share
    return values


def drawn_size(image: Image.Image) -> tuple[int, int]:
    """Return width and height at which an image is drawn."""
    factor = LONGEST / max(image.size)
    return max(round(image.width * factor), 1), max(round(image.height * factor), 1)


def lay_over(
    values: Values,
    scale: Scale,
    size: tuple[int, int],
    region: tuple[float, float, float, float],
    outline_at: float | None = None,
    marks: NDArray[np.bool_] | None = None,
    inside: NDArray[np.bool_] | None = None,
) -> Image.Image:
    """Draw a map as a layer over an image.

    `values` are `(h, w)`; `size` is the width and height of the layer; `region`, the left, top, right and bottom of the
    map in its pixels, around which the layer dims the image. The border of the locations above `outline_at` is drawn in
    white, that of the mask `marks`, bool `(h, w)`, in black, and that of the cells that count, `inside`, in amber;
    other cells are faded.
    """
    width, height = size
    left, top, right, bottom = (round(value) for value in region)
    layer = np.zeros((height, width, 4), dtype=np.uint8)
    layer[..., 3] = 140
    large = enlarge(values, max(bottom - top, 1), max(right - left, 1))
    painted = scale.paint(large)
    painted[..., 3] = (painted[..., 3] * OPACITY * scale.strength(large)).astype(np.uint8)
    counts = np.ones(large.shape, dtype=bool) if inside is None else enlarge_mask(inside, large.shape)
    painted[~counts, 3] = (painted[~counts, 3] * FADED).astype(np.uint8)
    if inside is not None:
        painted[_around(counts)] = AMBER
    if outline_at is not None:
        painted[_border((large > outline_at) & counts)] = (255, 255, 255, 255)
    if marks is not None:
        painted[_border(enlarge_mask(marks, large.shape))] = (0, 0, 0, 255)
    layer[top:bottom, left:right] = painted[: max(height - top, 0), : max(width - left, 0)]
    return Image.fromarray(layer)


def enlarge_mask(marks: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Enlarge a mask cell by cell."""
    rows, columns = (np.arange(size) * cells // size for size, cells in zip(shape, marks.shape, strict=True))
    return marks[np.ix_(rows, columns)]


def _border(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels inside that touch one outside."""
    padded = np.pad(inside, 1)  # a mask ends at the edge of the map
    whole = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return inside & ~whole


def _around(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels outside that touch one inside."""
    padded = np.pad(inside, 1)
    near = padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    return near & ~inside
