"""How well a map finds a place whose mask is known, on the map's own grid.

`coverage` says which share of each cell the mask covers. A cell is inside where at least half of it is covered.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score

from sacv.concepts.coverage import cell_means
from sacv.errors import OptionError

Map = NDArray[np.floating]


def coverage(
    mask: NDArray[np.bool_], grid: tuple[int, int], region: tuple[float, float, float, float] | None = None
) -> NDArray[np.float64]:
    """Give the share of each cell that a mask covers, `grid`.

    Parameters
    ----------
    mask
        Bool `(height, width)`.
    grid
        Rows and columns of the map.
    region
        The part of the mask that the grid divides: left, top, right, bottom in its pixels; all of it by default.

    Raises
    ------
    OptionError
        If the mask is empty or full over the region, so that no metric is defined.
    """
    shares = cell_means(mask.astype(np.float64), grid, region)
    if shares.max() == 0 or shares.min() >= 1 - 1e-9:
        raise OptionError("the mask is empty or full where the map lies, so that no place can be found")
    return shares


def _inside(shares: NDArray[np.float64]) -> NDArray[np.bool_]:
    inside = shares >= 0.5
    if inside.all() or not inside.any():
        raise OptionError("no cell, or every cell, is covered by half; the grid is too coarse for this mask")
    return inside


def auroc(values: Map, shares: NDArray[np.float64]) -> float:
    """Give the area under the ROC curve of cells inside against cells outside; a random map has 0.5.

    Raises
    ------
    OptionError
        If no cell, or every cell, is inside.
    """
    return float(roc_auc_score(_inside(shares).ravel(), np.ravel(values)))


def average_precision(values: Map, shares: NDArray[np.float64]) -> float:
    """Give the average precision of cells inside; a random map has the share of cells inside.

    Raises
    ------
    OptionError
        If no cell, or every cell, is inside.
    """
    return float(average_precision_score(_inside(shares).ravel(), np.ravel(values)))


def pointing(values: Map, shares: NDArray[np.float64]) -> bool:
    """Tell whether the greatest value lies inside; for a random map the chance is the share of cells inside.

    Raises
    ------
    OptionError
        If no cell, or every cell, is inside.
    """
    return bool(_inside(shares).ravel()[np.argmax(values)])


def read_mask(path: str) -> NDArray[np.bool_]:
    """Read a mask, bool `(height, width)`: inside where a pixel is brighter than half."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L")) > 127
