"""Images for the report: scenes with the maps of several rivals, good ones and bad ones."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sacv.synthetic.scenes import Scene
from sacv_bench.tables import TableFigure

Map = NDArray[np.floating]

SHOWN = 3
"""Examples of each end."""


@dataclass(frozen=True, eq=False)
class Example:
    """A scene with maps.

    Parameters
    ----------
    scene
        The scene.
    caption
        Text below the maps.
    maps
        By rival, `grid`.
    score
        How well ours does, greater for better.
    """

    scene: Scene
    caption: str
    maps: Mapping[str, Map]
    score: float


def best_and_worst(examples: Sequence[Example], what: str, *, signed: bool = False) -> tuple[TableFigure, ...]:
    """Draw the examples where ours does best, and those where it does worst.

    Maps of relevance run from their least to their greatest value, each for itself, since rivals have different units;
    those of a `signed` contribution are centred on zero.
    """
    order = sorted(examples, key=lambda example: -example.score)
    if len(order) < 2 * SHOWN:
        return (TableFigure(f"{what}: examples, the best first", _panel(order, signed)),) if order else ()
    return (
        TableFigure(f"{what}: where ours does best", _panel(order[:SHOWN], signed)),
        TableFigure(f"{what}: where ours does worst", _panel(order[-SHOWN:], signed)),
    )


def _panel(examples: Sequence[Example], signed: bool) -> bytes:
    names = list(examples[0].maps)
    figure = Figure(figsize=(1.75 * (len(names) + 1), 2.1 * len(examples)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(examples), len(names) + 1, squeeze=False)
    for line, example in zip(grid, examples, strict=True):
        line[0].imshow(example.scene.image)
        line[0].set_title(example.caption, fontsize=7)
        side = example.scene.image.shape[0]
        for axes, name in zip(line[1:], names, strict=True):
            values = example.maps[name]
            most = float(np.abs(values).max()) or 1.0
            low, high = (-most, most) if signed else (float(values.min()), float(values.max()))
            colours = "RdBu_r" if signed else "viridis"
            axes.imshow(values, cmap=colours, vmin=low, vmax=high, extent=(0, side, side, 0), interpolation="nearest")
            axes.contour(example.scene.masks[0], levels=[0.5], colors="black" if signed else "white", linewidths=0.8)
            axes.set_title(name, fontsize=7)
        for axes in line:
            axes.set_axis_off()
    written = io.BytesIO()
    figure.savefig(written, format="png")
    return written.getvalue()
