"""Observations, one for each image, and their summary: rows with 95 % intervals over images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from sacv_bench.agreement import sign_accuracy
from sacv_bench.intervals import bootstrap, mean
from sacv_bench.real.activations import Float64, Map

KEYS = ("network", "layer", "experiment", "concept", "n", "method", "metric")
ROWS = (*KEYS, "value", "low", "high", "images")
ADVISED = "advised"
"""Name of the layer that the advice ranks first, which may differ between draws."""

LOCATIONS, IMAGE, SPEARMAN, SIGN = "AUROC of locations", "AUROC of images", "Spearman", "sign accuracy"
LEAST = 0.5
"""Changes of the logit below this are too small for a sign."""

TOGETHER = ("streets",)
ALL = "all"

RESAMPLES = 1000
FEW = 200
"""Resamples of statistics that are slow."""

Observation = dict[str, object]


def location_rows(
    maps: Mapping[str, Map], shares: Sequence[Float64], images: Sequence[int], metric: str = LOCATIONS
) -> list[Observation]:
    """Measure maps of images against the shares of their cells; an image with cells on one side only is left out.

    Parameters
    ----------
    maps
        By method, `(n, *grid)`.
    shares
        Of each image, `grid`.
    images
        Numbers that distinguish images.
    metric
        Its name in the rows.
    """
    judged = [number for number, share in enumerate(shares) if (share >= 0.5).any() and (share < 0.5).any()]
    values = {
        number: areas(np.stack([one[number] for one in maps.values()]), shares[number] >= 0.5) for number in judged
    }
    return [
        {"method": method, "metric": metric, "image": images[number], "value": float(values[number][row])}
        for row, method in enumerate(maps)
        for number in judged
    ]


def areas(values: Map, inside: NDArray[np.bool_]) -> Float64:
    """Return `sacv_bench.metrics.auroc` of many maps `(maps, *grid)` of one image at once, float64 `(maps,)`.

    From the ranks R of the k cells inside, of n: (sum R - k (k + 1) / 2) / (k (n - k)).
    """
    within = inside.ravel()
    ranks = rankdata(values.reshape(len(values), -1), axis=1)
    k, n = int(within.sum()), within.size
    found: Float64 = (ranks[:, within].sum(axis=1) - k * (k + 1) / 2) / (k * (n - k))
    return found


def at(observations: Sequence[Observation], layers: Sequence[str], **fields: object) -> list[Observation]:
    """Return observations with further fields, once for each name of the layer."""
    return [{**fields, **one, "layer": layer} for layer in layers for one in observations]


def names_of(layer: str, advised: str) -> list[str]:
    """Return the names of a layer in rows: its own and, if it is the advised one, "advised"."""
    return [layer, ADVISED] if layer == advised else [layer]


def pairs_auroc(scores: Float64, labels: Float64, strata: Float64) -> float:
    """Return P(score of a positive > score of a negative), ties half, over pairs of one stratum; NaN without a pair.

    Scores of different strata, such as folds with directions of their own, are never compared.
    """
    right = total = 0.0
    for stratum in np.unique(strata):
        here = strata == stratum
        apart = scores[here & (labels > 0)][:, None] - scores[here & (labels <= 0)][None]
        right += float((apart > 0).sum() + (apart == 0).sum() / 2)
        total += apart.size
    return right / total if total else float("nan")


def rank_correlation(found: Float64, truth: Float64) -> float:
    """Return `sacv_bench.agreement.spearman`, faster for few values.

    A value's rank is the number of values below it and half of those equal to it, up to a constant.
    """
    both = np.stack([found, truth])
    apart = both[:, :, None] - both[:, None]
    ranks = (apart > 0).sum(axis=2) + (apart == 0).sum(axis=2) / 2
    ranks -= ranks.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(ranks, axis=1)
    return float(ranks[0] @ ranks[1] / lengths.prod()) if lengths.all() else float("nan")


STATISTICS: dict[str, tuple[Callable[..., float], tuple[str, ...], int]] = {
    SPEARMAN: (rank_correlation, ("value", "truth"), FEW),
    SIGN: (partial(sign_accuracy, least=LEAST), ("value", "truth"), FEW),
    IMAGE: (pairs_auroc, ("value", "truth", "stratum"), FEW),
}
"""Metrics other than means: statistic, columns and resamples."""


def summarise(observations: Sequence[Observation], seed: int) -> pd.DataFrame:
    """Return a row for each layer, experiment, concept, number of annotated images, method and metric.

    For experiments of `TOGETHER` there is also one for all concepts, called "all", for means only.

    Parameters
    ----------
    observations
        With `KEYS`, `image`, `value`, and the metric's other columns.
    seed
        Of the bootstrap.

    Returns
    -------
    Columns `ROWS`: the value with its 95 % interval over images, low to high, and the number of images.
    """
    frame = pd.DataFrame(list(observations))
    if frame.empty:
        return pd.DataFrame(columns=ROWS)
    means = frame["experiment"].isin(TOGETHER) & ~frame["metric"].isin(list(STATISTICS))
    together = frame[means].assign(concept=ALL)
    rows = []
    for key, part in pd.concat([frame, together]).groupby(list(KEYS), sort=False):
        statistic, columns, resamples = STATISTICS.get(str(key[-1]), (mean, ("value",), RESAMPLES))
        values = tuple(part[column].to_numpy(dtype=np.float64) for column in columns)
        images: NDArray[np.int64] = part["image"].to_numpy(dtype=np.int64)
        low, high = bootstrap(values if len(values) > 1 else values[0], images, seed, resamples, statistic)
        rows.append((*key, float(statistic(*values)), low, high, len(np.unique(images))))
    return pd.DataFrame(rows, columns=ROWS)
