"""Metrics of a map against a known mask, on the map's own grid.

`coverage` gives the share of each cell that the mask covers. A cell is inside if at least half of it is covered; `n` is
the number of cells, `k` of those inside. `PLACE_METRICS` holds the metrics that need nothing but a map and the shares,
each with the value that a random map has: one whose values fall on the cells in a random order.

=================  ====================================================  ======================================
metric             value                                                 of a random map
=================  ====================================================  ======================================
AUROC              P(inside > outside) + P(equal) / 2                    1 / 2
average precision  mean over inside cells of the share inside of all     (H + (k - 1) (n - H) / (n - 1)) / n,
                   cells at least as high                                H = 1 + 1 / 2 + ... + 1 / n
pointing           P(inside) of the highest cell                         k / n
energy inside      sum of max(m, 0) share / sum of max(m, 0)             mean of the shares
rank accuracy      P(inside) of the k highest cells                      k / n
=================  ====================================================  ======================================

All lie in [0, 1]; of a map that is 1 inside and 0 outside, on a mask that covers cells wholly or not at all, all are 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score

from sacv.concepts.coverage import cell_means
from sacv.errors import OptionError

Map = NDArray[np.floating]
Float64 = NDArray[np.float64]

LEVELS = np.arange(1000) / 1000
"""Quantiles of the values of maps among which `best_threshold_iou` chooses."""


def coverage(
    mask: NDArray[np.bool_], grid: tuple[int, int], region: tuple[float, float, float, float] | None = None
) -> Float64:
    """Return the share of each cell that a mask covers, `grid`.

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
        raise OptionError("the mask is empty or full where the map lies, so it cannot be located")
    return shares


def _inside(shares: Float64) -> NDArray[np.bool_]:
    inside = shares >= 0.5
    if inside.all() or not inside.any():
        raise OptionError("no cell, or every cell, is covered by half; the grid is too coarse for this mask")
    return inside


def _values(values: Map, shares: Float64) -> Float64:
    """Return a map in float64, `grid`, checked."""
    if values.shape != shares.shape:
        raise OptionError(f"the map has shape {values.shape} but the shares have {shares.shape}; they must be equal")
    if not np.isfinite(values).all():
        raise OptionError(f"{np.sum(~np.isfinite(values))} of {values.size} values of the map are not finite")
    return values.astype(np.float64)


def auroc(values: Map, shares: Float64) -> float:
    """Return the area under the ROC curve of cells inside against cells outside; a random map has 0.5.

    Parameters
    ----------
    values
        The map, `grid`; greater where the concept is.
    shares
        Float64 `grid` in [0, 1], from `coverage`.

    Raises
    ------
    OptionError
        If no cell, or every cell, is inside, the shapes differ, or a value is not finite.
    """
    return float(roc_auc_score(_inside(shares).ravel(), _values(values, shares).ravel()))


def average_precision(values: Map, shares: Float64) -> float:
    """Return the average precision of cells inside.

    The mean over inside cells of the share that is inside of all cells as high or higher (scikit-learn's). A constant
    map has the share of cells inside, k / n. That is also what is mostly quoted for a random map, but it holds for very
    many cells only: a random order has more, on 7 x 7 cells with 5 inside .167 and not .102
    (`random_average_precision`).

    Parameters and errors are those of `auroc`.
    """
    return float(average_precision_score(_inside(shares).ravel(), _values(values, shares).ravel()))


def pointing(values: Map, shares: Float64) -> float:
    """Return the probability that the highest cell is inside, with ties at random: 0 or 1 without ties.

    The pointing game (Zhang et al., arXiv 1608.00507) without its margin of pixels. A constant map and a random one
    have the share of cells inside.

    Parameters and errors are those of `auroc`.
    """
    inside, values = _inside(shares), _values(values, shares)
    return float(inside[values == values.max()].mean())


def energy_inside(values: Map, shares: Float64) -> float:
    """Return the share of a map's positive part that lies inside: sum of max(m, 0) share / sum of max(m, 0).

    One number with two names: energy-based pointing game (Wang et al., Score-CAM, arXiv 1910.01279) and relevance mass
    accuracy (Arras et al., CLEVR-XAI, arXiv 2003.07258). A cell counts by the share of it that is covered, so that no
    cell need be inside. It is 0 for a map without a positive part, and the mean of the shares for a random map.

    Parameters and errors are those of `auroc`, but that any shares are legal.
    """
    positive = np.maximum(_values(values, shares), 0)
    total = positive.sum()
    return float((positive * shares).sum() / total) if total > 0 else 0.0


def rank_accuracy(values: Map, shares: Float64) -> float:
    """Return the share inside of the k highest cells, k the number of cells inside; a random map has k / n.

    Relevance rank accuracy (Arras et al., CLEVR-XAI, arXiv 2003.07258). Where cells as high as the k-th are more than
    there is room for, they share it evenly: the mean over all ways to break the tie.

    Parameters and errors are those of `auroc`.
    """
    inside, values = _inside(shares), _values(values, shares)
    k = int(inside.sum())
    least = np.partition(values, -k, axis=None)[-k]
    above = values > least
    room = k - above.sum()
    return float((inside[above].sum() + room * inside[values == least].mean()) / k)


def share_inside(shares: Float64) -> float:
    """Return the share of cells inside, k / n: what `pointing` and `rank_accuracy` are for a random map, exactly.

    Raises
    ------
    OptionError
        If no cell, or every cell, is inside.
    """
    return float(_inside(shares).mean())


def random_average_precision(shares: Float64) -> float:
    """Return what `average_precision` is for a random map without ties, on average and exactly.

    The cell at rank i is inside with chance k / n, and then each of the i - 1 before it with (k - 1) / (n - 1), so that
    it adds (1 + (i - 1) (k - 1) / (n - 1)) / (n i). The sum over i is in the head of this module; it goes to k / n as
    n grows. (Also in Manzhos et al., arXiv 2511.02571.)

    Raises
    ------
    OptionError
        If no cell, or every cell, is inside.
    """
    n, k = shares.size, int(_inside(shares).sum())
    harmonic = float(np.sum(1 / np.arange(1, n + 1)))
    return (harmonic + (k - 1) * (n - harmonic) / (n - 1)) / n


def _half(shares: Float64) -> float:
    return 0.5


def _mean_share(shares: Float64) -> float:
    return float(shares.mean())


@dataclass(frozen=True)
class PlaceMetric:
    """A metric of localisation with the value of a random map.

    Parameters
    ----------
    name
        Name in the tables.
    value
        From a map and the shares, both `grid`, to a number in [0, 1], 1 the best.
    random
        From the shares to what a random map has on average, exactly; for the energy, one with a positive part.
    """

    name: str
    value: Callable[[Map, Float64], float]
    random: Callable[[Float64], float]


PLACE_METRICS = (
    PlaceMetric("AUROC", auroc, _half),
    PlaceMetric("average precision", average_precision, random_average_precision),
    PlaceMetric("pointing", pointing, share_inside),
    PlaceMetric("energy inside", energy_inside, _mean_share),
    PlaceMetric("rank accuracy", rank_accuracy, share_inside),
)
"""Metrics that need nothing but a map and the shares; `iou` needs a threshold, which other images give."""


def iou(values: Map, shares: Float64, threshold: float) -> float:
    """Return intersection over union of the cells above a threshold and the cells inside.

    Parameters
    ----------
    values
        The map, `grid`.
    shares
        Float64 `grid` in [0, 1], from `coverage`.
    threshold
        In the units of the map, from `best_threshold_iou` of other images; a cell must exceed it.

    Raises
    ------
    OptionError
        If no cell, or every cell, is inside, the shapes differ, or a value is not finite.
    """
    above, inside = _values(values, shares) > threshold, _inside(shares)
    return float((above & inside).sum() / (above | inside).sum())


def best_threshold_iou(maps: Sequence[Map], shares: Sequence[Float64]) -> float:
    """Return the threshold with the greatest mean `iou` over maps.

    It is chosen among 1000 quantiles (0, .001, ..., .999) of all values together, and so never below all of them; of
    thresholds that are equally good it is the lowest. Give it maps of images other than those measured with it.

    Parameters
    ----------
    maps
        One map for each held-out image; their grids may differ.
    shares
        For each map, float64 of its grid in [0, 1], from `coverage`.

    Raises
    ------
    OptionError
        If there are no maps, not as many shares as maps, or a pair is as `iou` refuses it.
    """
    if not maps or len(maps) != len(shares):
        raise OptionError(f"a threshold needs maps, each with its shares; {len(maps)} maps came with {len(shares)}")
    held = [_values(values, cells) for values, cells in zip(maps, shares, strict=True)]
    thresholds = np.quantile(np.concatenate([values.ravel() for values in held]), LEVELS)
    total = np.zeros(len(LEVELS))
    for values, cells in zip(held, shares, strict=True):
        inside = _inside(cells)
        hits = _above(values[inside], thresholds)
        total += hits / (inside.sum() + _above(values[~inside], thresholds))
    return float(thresholds[total.argmax()])


def _above(values: Float64, thresholds: Float64) -> NDArray[np.int64]:
    """Count the values that exceed each threshold."""
    return len(values) - np.searchsorted(np.sort(values), thresholds, side="right")


def read_mask(path: str) -> NDArray[np.bool_]:
    """Read a mask, bool `(height, width)`: inside where a pixel is brighter than half."""
    with Image.open(path) as image:
        return np.asarray(image.convert("L")) > 127
