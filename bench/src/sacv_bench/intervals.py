"""Intervals of a figure over images, however many values each image gave.

Values of one image resemble each other, so that a resample draws images with replacement, each with all its values (the
cluster bootstrap: Davison and Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8). The interval runs
from the 2.5th to the 97.5th percentile of the statistic over resamples. With few images it is somewhat too narrow:
about 93 % instead of 95 % with 20 and 90 % with 10.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sacv.errors import OptionError

Values = NDArray[np.floating]


def mean(values: Values) -> float:
    """Return the mean of values `(n,)`."""
    return float(values.mean())


def bootstrap(
    values: Values | tuple[Values, ...],
    images: NDArray[np.integer],
    seed: int,
    resamples: int = 1000,
    statistic: Callable[..., float] = mean,
) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a statistic, the image being the unit that is drawn.

    Parameters
    ----------
    values
        `(n,)`, or a tuple of such, equally long, for a statistic of several. NaN is a missing value and is
        left out of all of them.
    images
        Int `(n,)`: a number of the image of each value. An image whose values are all left out is not drawn.
    seed
        Of the resamples.
    resamples
        How many; at least 1.
    statistic
        Takes as many arrays as there are `values`, each float64 `(m,)` with m near n, and gives a number. Resamples
        where it is NaN, as Spearman's correlation is of a constant, are left out.

    Returns
    -------
    Low and high end; both NaN with fewer than two images, or where no resample has a number.

    Raises
    ------
    OptionError
        If the lengths differ, `images` is not int, a value is infinite, or `resamples` is below 1.
    """
    if resamples < 1:
        raise OptionError(f"resamples is {resamples}; it must be at least 1")
    table = _table(values if isinstance(values, tuple) else (values,), images)
    known = ~np.isnan(table).any(axis=0)
    owners = images[known]
    order = np.argsort(owners, kind="stable")
    table = table[:, known][:, order]
    _, starts, sizes = np.unique(owners[order], return_index=True, return_counts=True)
    if len(sizes) < 2:
        return float("nan"), float("nan")
    drawn = np.random.default_rng(seed).integers(len(sizes), size=(resamples, len(sizes)))
    if statistic is mean:  # from the sums of each image, for all resamples at once
        found = np.add.reduceat(table[0], starts)[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    else:
        found = np.array([statistic(*table[:, _indices(starts, sizes, one)]) for one in drawn], dtype=np.float64)
    found = found[~np.isnan(found)]
    if not len(found):
        return float("nan"), float("nan")
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def _table(values: tuple[Values, ...], images: NDArray[np.integer]) -> NDArray[np.float64]:
    """Stack arrays that fit each other, `(arrays, n)`."""
    shapes = [array.shape for array in values]
    if not values or images.ndim != 1 or any(shape != images.shape for shape in shapes):
        raise OptionError(f"values and images must be equally long rows, not {shapes} and {images.shape}")
    if not np.issubdtype(images.dtype, np.integer):
        raise OptionError(f"images must be whole numbers that distinguish images, not {images.dtype}")
    table = np.stack(values).astype(np.float64)
    if np.isinf(table).any():
        raise OptionError(f"{np.isinf(table).sum()} values are infinite; give NaN where there is no value")
    return table


def _indices(starts: NDArray[np.intp], sizes: NDArray[np.intp], drawn: NDArray[np.integer]) -> NDArray[np.intp]:
    lengths = sizes[drawn]
    ends = np.cumsum(lengths)
    found: NDArray[np.intp] = np.arange(ends[-1]) + np.repeat(starts[drawn] - ends + lengths, lengths)
    return found
