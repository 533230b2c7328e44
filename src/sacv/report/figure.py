"""A figure for a paper: a grid of maps over images, with one colour bar, drawn from plain data by matplotlib.

A map is enlarged bilinearly with half-pixel centres: the middle of a cell has its own value. Values near 0 are
transparent. Unsigned maps are drawn above 0 only; the colours of signed maps are centred on 0.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from sacv.report import overlay

GREY = 0.85
"""The share of its colour that an image loses, so that the colours of the map stand out."""

OPACITY = 0.75
FADED = 0.2
"""Share of the opacity that is left where locations do not count."""

LETTERS = 10
"""Characters of the name of the scale per inch of height."""

PIXELS = 400
"""Longest side of an enlarged map, in pixels."""

AMBER = "#ffbf00"

Map = NDArray[np.floating]
Marks = NDArray[np.bool_]
Colours = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Panel:
    """A map over an image."""

    image: Image.Image
    """RGB."""
    region: tuple[float, float, float, float]
    """The part of the image that the map covers: left, top, right, bottom, as shares of its width and height."""
    values: Map | None
    """`(h, w)`; None if there is nothing to draw."""
    marks: Marks | None = None
    """Mask, bool `(h, w)`, whose border is drawn in black; or None."""
    inside: Marks | None = None
    """Bool `(h, w)`: the cells that count, with an amber border; the others are faded."""
    words: str = ""
    """A line below the image."""


@dataclass(frozen=True)
class Scale:
    """A map from values to colours: from 0 to `most`, or from `-most` to `most` if they are signed."""

    most: float
    signed: bool
    unit: str

    @property
    def norm(self) -> Normalize:
        """The norm for matplotlib."""
        return Normalize(-self.most if self.signed else 0, self.most)

    @property
    def colours(self) -> Colormap:
        """The colour map for matplotlib."""
        return overlay.COLOURS["blue-orange" if self.signed else "cividis"]

    def paint(self, values: Map) -> Colours:
        """Return colours `(h, w, 4)` in [0, 1] of values `(h, w)`."""
        painted: Colours = np.asarray(self.colours(self.norm(values)))
        size = np.abs(values) if self.signed else values
        painted[..., 3] = OPACITY * np.sqrt(np.clip(size / self.most, 0, 1))
        return painted


class ShownFigure(Figure):
    """A figure that a notebook shows, without pyplot."""

    def _repr_png_(self) -> bytes:
        return png(self)


def png(figure: Figure, dpi: float = 100) -> bytes:
    """Return a figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def draw(
    panels: Sequence[Sequence[Panel]], rows: Sequence[str], columns: Sequence[str], scale: Scale, width: float
) -> Figure:
    """Draw a grid of panels with a colour bar.

    `rows` and `columns` are their names; `width` is that of a panel, in inches.
    """
    shape = max(panel.image.height / panel.image.width for row in panels for panel in row)
    lines = sum(any(panel.words for panel in row) for row in panels)
    size = (width * len(columns) + 1.3, (width * min(shape, 2) + 0.1) * len(rows) + 0.2 * lines + 0.3)
    figure = ShownFigure(figsize=size, layout="constrained")
    grid = figure.subplots(len(rows), len(columns), squeeze=False)
    for row, name in enumerate(rows):
        for column, axes in enumerate(grid[row]):
            _panel(axes, panels[row][column], scale)
        grid[row, 0].set_ylabel(name, parse_math=False)
    for axes, name in zip(grid[0], columns, strict=True):
        axes.set_title(name, fontsize="medium", parse_math=False)
    bar = figure.colorbar(ScalarMappable(scale.norm, scale.colours), ax=grid, shrink=0.9, aspect=30)
    bar.set_label(fill(scale.unit, max(int(LETTERS * size[1]), LETTERS)), parse_math=False)
    return figure


def _panel(axes: Axes, panel: Panel, scale: Scale) -> None:
    colours = np.asarray(panel.image.convert("RGB")) / 255
    grey = colours @ [0.2126, 0.7152, 0.0722]
    height, width = grey.shape
    axes.imshow(grey[..., None] * GREY + colours * (1 - GREY), extent=(0, width, height, 0))
    axes.set_xticks([])
    axes.set_yticks([])
    if panel.words:
        axes.set_xlabel(panel.words, fontsize="small", parse_math=False)
    if panel.values is None:
        return
    left, top, right, bottom = np.multiply(panel.region, (width, height, width, height))
    painted = scale.paint(enlarge(panel.values))
    if panel.inside is not None:
        painted[~overlay.enlarge_mask(panel.inside, painted.shape[:2]), 3] *= FADED
        _outline(axes, panel.inside, (left, top, right, bottom), AMBER)
    axes.imshow(painted, extent=(left, right, bottom, top), interpolation="nearest", zorder=2)
    if panel.marks is not None:
        _outline(axes, panel.marks, (left, top, right, bottom), "black")
    axes.set(xlim=(0, width), ylim=(height, 0))


def enlarge(values: Map) -> Map:
    """Enlarge a map `(h, w)` by a whole number, so that its longest side has about `PIXELS`."""
    factor = max(round(PIXELS / max(values.shape)), 1)
    return overlay.enlarge(values, values.shape[0] * factor, values.shape[1] * factor)


def _outline(axes: Axes, marks: Marks, box: tuple[float, float, float, float], colour: str) -> None:
    """Draw the border of a mask, with a second line that makes it visible on any image."""
    left, top, right, bottom = box
    corner = np.array([left, top])
    cell = np.array([(right - left) / marks.shape[1], (bottom - top) / marks.shape[0]])
    lines = [corner + cell * np.array(edge) for edge in edges(marks)]
    for each, width in (("white" if colour == "black" else "black", 2.2), (colour, 1.1)):
        axes.add_collection(LineCollection(lines, colors=each, linewidths=width, capstyle="projecting", zorder=3))


def edges(marks: Marks) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Return each edge between a cell inside a mask and one outside, as two corners `(column, row)`."""
    padded = np.pad(marks, 1)
    for row, column in zip(*np.nonzero(padded[1:, 1:-1] != padded[:-1, 1:-1]), strict=True):
        yield (int(column), int(row)), (int(column) + 1, int(row))
    for row, column in zip(*np.nonzero(padded[1:-1, 1:] != padded[1:-1, :-1]), strict=True):
        yield (int(column), int(row)), (int(column), int(row) + 1)
