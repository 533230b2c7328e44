"""Means of pixel values over the cells of a grid.

The mean over a cell is the sum over pixels of value * (area shared by cell and pixel) / (area of the cell). Sides of
cells need not fall between pixels. For a mask of 0 and 1, it is the share of the cell that lies inside.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def cell_means(
    values: NDArray[np.float64],
    grid: tuple[int, int],
    region: tuple[float, float, float, float] | None = None,
) -> NDArray[np.float64]:
    """Average pixels `(height, width)` over the cells of a grid, exactly, also if the sizes are not divisible."""
    left, top, right, bottom = region or (0, 0, values.shape[1], values.shape[0])
    down = _overlap(values.shape[0], grid[0], top, bottom)
    across = _overlap(values.shape[1], grid[1], left, right)
    return down @ values @ across.T


def _overlap(pixels: int, cells: int, low: float, high: float) -> NDArray[np.float64]:
    """Return the share of each cell's length that each pixel covers, `(cells, pixels)`."""
    edges = np.linspace(low, high, cells + 1)
    starts = np.arange(pixels)
    shared = np.minimum(edges[1:, None], starts + 1) - np.maximum(edges[:-1, None], starts)
    share: NDArray[np.float64] = np.clip(shared, 0, None) / np.diff(edges)[:, None]
    return share
