r"""Confounding of a concept with a column of the table, such as the diagnosis.

If all images with one diagnosis show a concept and no others do, a direction fitted on them may represent either. Two
figures measure this. Cramer's V is the strength of the association, from 0 to 1, with a correction for the number of
images (Bergsma, "A bias-correction for Cramer's V", 2013)::

    phi2 = max(0, chi2 / n - (k - 1)(r - 1) / (n - 1))        V = sqrt(phi2 / min(k' - 1, r' - 1))
    k' = k - (k - 1)^2 / (n - 1), r' likewise

The held-out AUROC *within* a stratum compares images with and without the concept that have the same value of the
column. Over strata it is weighted by the number of pairs. Strata with images of one kind only have no pairs. The
*overlap* is the number of images of the smaller kind, summed over strata.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sacv.cav.quality import interval, resamples
from sacv.cav.vector import Interval
from sacv.stats import Float64

LEAST_OVERLAP = 5
"""Minimum overlap to distinguish a concept from a column."""


NO_VALUE = "no value"
"""Stratum of images without a value."""


@dataclass(frozen=True)
class Stratum:
    """The images that have one value of a column."""

    value: str
    images: int
    others: int
    """Number of independent images with the concept, and without it."""
    auroc: float | None = None
    """Held-out AUROC of the images with the concept against those without it; None without pairs."""
    interval: Interval | None = None
    """95 % interval of `auroc`, by bootstrap over images; None without pairs."""

    @property
    def overlap(self) -> int:
        """Number of images of the smaller kind."""
        return min(self.images, self.others)


@dataclass(frozen=True)
class Association:
    """Association of a concept with a column.

    Parameters
    ----------
    column
        Name of the column.
    cramers_v
        Cramer's V, from 0 to 1.
    interval
        95 % interval of Cramer's V, by bootstrap over images.
    strata
        The strata, one for each value.
    auroc, auroc_interval
        Held-out AUROC within strata, weighted by pairs, and its 95 % interval; None without pairs.
    """

    column: str
    cramers_v: float
    interval: Interval
    strata: tuple[Stratum, ...]
    auroc: float | None = None
    auroc_interval: Interval | None = None

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Association:
        """Create the association from the fields of the JSON file (`dataclasses.asdict`)."""
        strata = tuple(Stratum(**{**one, "interval": _pair(one["interval"])}) for one in fields["strata"])
        pairs = {name: _pair(fields[name]) for name in ("interval", "auroc_interval")}
        return cls(**{**fields, **pairs, "strata": strata})

    @property
    def overlap(self) -> int:
        """Number of images of the smaller kind, summed over the strata."""
        return sum(stratum.overlap for stratum in self.strata)

    @property
    def separable(self) -> bool:
        """Whether the overlap is large enough to distinguish the concept from the column."""
        return self.overlap >= LEAST_OVERLAP

    def __str__(self) -> str:
        """Describe the figures in words."""
        v = f"Cramer's V with {self.column} is {self.cramers_v:.2f} ({self.interval[0]:.2f}-{self.interval[1]:.2f})"
        if not self.separable:
            few = f"only {self.overlap} image{'s' * (self.overlap != 1)}" if self.overlap else "no image"
            return (
                f"{v}: it cannot be distinguished from {self.column} in these images, since {few} with the same "
                f"{self.column} differ{'s' * (self.overlap < 2)} in it; the CAV may represent the {self.column}"
            )
        if self.auroc is None or self.auroc_interval is None:
            return v
        low, high = self.auroc_interval
        found = f"{v}; within one {self.column} its held-out AUROC is {self.auroc:.2f} ({low:.2f}-{high:.2f})"
        if low <= 0.5:
            return f"{found}: these images do not show that it differs from the {self.column}"
        return found


def association(
    column: str,
    values: tuple[Sequence[str], Sequence[str]],
    scores: tuple[Float64, Float64],
    rng: np.random.Generator,
) -> Association:
    """Compute the association of a concept with a column.

    `values` of the column and held-out `scores` are those of the images of the concept, and of the other images, in the
    same order; `rng` draws the bootstrap.
    """
    levels = np.array(sorted({*values[0], *values[1]}))
    one_hot = [(np.array(side)[:, None] == levels).astype(np.float64) for side in values]
    wins = (np.sign(scores[0][:, None] - scores[1]) + 1) / 2
    found = _figures([np.ones((1, len(side))) for side in one_hot], one_hot, wins)
    drawn = _figures([resamples(len(side), rng) for side in one_hot], one_hot, wins)
    pooled = found.pooled[0]
    return Association(
        column,
        cramers_v(found.counts[0]),
        interval(np.array([cramers_v(counts) for counts in drawn.counts])),
        tuple(_stratum(str(level), found, drawn, at) for at, level in enumerate(levels)),
        *(() if np.isnan(pooled) else (float(pooled), interval(drawn.pooled))),
    )


@dataclass(frozen=True, eq=False)
class _Figures:
    """Figures of `k` resamples: counts `(k, 2, levels)`, AUROC within strata `(k, levels)` and pooled `(k,)`."""

    counts: Float64
    areas: Float64
    pooled: Float64


def _stratum(value: str, found: _Figures, drawn: _Figures, at: int) -> Stratum:
    here, there = (int(count) for count in found.counts[0, :, at])
    if not (here and there):
        return Stratum(value, here, there)
    return Stratum(value, here, there, float(found.areas[0, at]), interval(drawn.areas[:, at]))


def _figures(drawn: list[Float64], one_hot: list[Float64], wins: Float64) -> _Figures:
    """Compute the figures; `drawn` is how often each image occurs in each resample, `(k, images)`."""
    counts = np.stack([times @ side for times, side in zip(drawn, one_hot, strict=True)], axis=1)
    strata = zip(*(side.T for side in one_hot), strict=True)
    won = [((drawn[0] * here) @ wins * (drawn[1] * there)).sum(axis=1) for here, there in strata]
    pairs = counts.prod(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return _Figures(counts, np.stack(won, axis=1) / pairs, sum(won) / pairs.sum(axis=1))


def cramers_v(counts: Float64) -> float:
    """Compute the corrected Cramer's V of counts `(2, values)`; 0 if fewer than two rows or columns have counts."""
    counts = counts[:, counts.sum(axis=0) > 0]
    total, rows, columns = counts.sum(), counts.sum(axis=1), counts.sum(axis=0)
    if len(columns) < 2 or not rows.all() or total < 3:
        return 0.0
    expected = np.outer(rows, columns) / total
    chi2 = ((counts - expected) ** 2 / expected).sum()
    k, r = len(rows), len(columns)
    phi2 = max(0.0, chi2 / total - (k - 1) * (r - 1) / (total - 1))
    least = min(side - (side - 1) ** 2 / (total - 1) for side in (k, r)) - 1
    return float(min(np.sqrt(phi2 / max(least, 1e-12)), 1.0))


def match_weights(concept: Sequence[str], others: Sequence[str]) -> tuple[Float64, Float64]:
    """Return weights of the images with which both sets have the same share of every stratum.

    A stratum with c concept images and o other images has the weight c o / (c + o), as in the Cochran-Mantel-Haenszel
    test. A stratum with only one of the two has the weight 0.

    They are float64 `(images,)` for either set, with the same sum; all 0 if no stratum has both.
    """
    here, there = Counter(concept), Counter(others)
    shares = {value: here[value] * there[value] / (here[value] + there[value]) for value in here | there}
    return (
        np.array([shares[value] / here[value] for value in concept]),
        np.array([shares[value] / there[value] for value in others]),
    )


def _pair(ends: Sequence[float] | None) -> Interval | None:
    return None if ends is None else (float(ends[0]), float(ends[1]))
