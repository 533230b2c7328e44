r"""Whether a concept can be told apart from a column of the table, such as the diagnosis, in these images.

Where every image of one diagnosis shows a concept and no image of another does, a direction that was learned from them
may stand for either. Two figures say so. Cramer's V is how strongly the two go together, from 0 to 1, corrected for the
number of images (Bergsma, "A bias-correction for Cramer's V", 2013)::

    phi2 = max(0, chi2 / n - (k - 1)(r - 1) / (n - 1))        V = sqrt(phi2 / min(k' - 1, r' - 1))
    k' = k - (k - 1)^2 / (n - 1), r' likewise

The held-out AUROC *within* a stratum compares images of the concept with others that have the same value; over the
strata it is weighted by pairs of such images. Strata whose images all show the concept, or none of which does, say
nothing; the *overlap*, the images of the smaller side of each stratum, is what such an answer rests on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sacv.cav.quality import resamples
from sacv.cav.vector import Interval

Float64 = NDArray[np.float64]

LEAST_OVERLAP = 5
"""Overlap below which a concept cannot be told apart from a column."""


NO_VALUE = "no value"
"""Stratum of images whose cell is empty."""


@dataclass(frozen=True)
class Stratum:
    """The images that have one value of a column.

    Parameters
    ----------
    value
        Of the column.
    images, others
        Independent images that show the concept, and that do not.
    auroc
        Held-out AUROC of the ones against the others; none where there is no pair.
    interval
        95 %, by bootstrap over images; none where there is no pair.
    """

    value: str
    images: int
    others: int
    auroc: float | None = None
    interval: Interval | None = None

    @property
    def overlap(self) -> int:
        """Images of its smaller side."""
        return min(self.images, self.others)


@dataclass(frozen=True)
class Association:
    """How a concept goes with a column.

    Parameters
    ----------
    column
        Its name.
    cramers_v
        From 0 to 1.
    interval
        95 %, by bootstrap over images.
    strata
        By value.
    auroc, auroc_interval
        Within strata, weighted by pairs; none where no stratum has a pair.
    """

    column: str
    cramers_v: float
    interval: Interval
    strata: tuple[Stratum, ...]
    auroc: float | None = None
    auroc_interval: Interval | None = None

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Association:
        """Read the fields of a label file, as `dataclasses.asdict` gives them."""
        strata = tuple(Stratum(**{**one, "interval": _pair(one["interval"])}) for one in fields["strata"])
        pairs = {name: _pair(fields[name]) for name in ("interval", "auroc_interval")}
        return cls(**{**fields, **pairs, "strata": strata})

    @property
    def overlap(self) -> int:
        """Images of the smaller side, over the strata."""
        return sum(one.overlap for one in self.strata)

    @property
    def separable(self) -> bool:
        """Whether the images can tell the concept apart from the column at all."""
        return self.overlap >= LEAST_OVERLAP

    def __str__(self) -> str:
        """Say what the figures mean."""
        v = f"Cramer's V with {self.column} is {self.cramers_v:.2f} ({self.interval[0]:.2f}-{self.interval[1]:.2f})"
        if not self.separable:
            few = f"only {self.overlap} image{'s' * (self.overlap != 1)}" if self.overlap else "no image"
            return (
                f"{v}: it cannot be told apart from {self.column} in these images, for {few} of one {self.column} "
                f"differ{'s' * (self.overlap < 2)} in it; what is found may be the {self.column}"
            )
        if self.auroc is None or self.auroc_interval is None:
            return v
        low, high = self.auroc_interval
        found = f"{v}; within one {self.column} its held-out AUROC is {self.auroc:.2f} ({low:.2f}-{high:.2f})"
        if low <= 0.5:
            return f"{found}: these images do not show that it is more than the {self.column}"
        return found


def association(
    column: str,
    values: tuple[Sequence[str], Sequence[str]],
    scores: tuple[Float64, Float64],
    rng: np.random.Generator,
) -> Association:
    """Give how a concept goes with a column.

    Parameters
    ----------
    column
        Its name.
    values
        Of the images of the concept and of the others: their values in the column.
    scores
        Their held-out scores, in the same order.
    rng
        Of the bootstrap.
    """
    levels = np.array(sorted({*values[0], *values[1]}))
    marks = [(np.array(side)[:, None] == levels).astype(np.float64) for side in values]
    wins = (np.sign(scores[0][:, None] - scores[1]) + 1) / 2
    found = _figures([np.ones((1, len(mark))) for mark in marks], marks, wins)
    drawn = _figures([resamples(len(mark), rng) for mark in marks], marks, wins)
    pooled = found.pooled[0]
    return Association(
        column,
        cramers_v(found.counts[0]),
        _interval(np.array([cramers_v(counts) for counts in drawn.counts])),
        tuple(_stratum(str(level), found, drawn, at) for at, level in enumerate(levels)),
        *(() if np.isnan(pooled) else (float(pooled), _interval(drawn.pooled))),
    )


@dataclass(frozen=True, eq=False)
class _Figures:
    """Figures of resamples: counts `(k, 2, levels)`, AUROCs within strata `(k, levels)` and over them `(k,)`."""

    counts: Float64
    areas: Float64
    pooled: Float64


def _stratum(value: str, found: _Figures, drawn: _Figures, at: int) -> Stratum:
    here, there = (int(count) for count in found.counts[0, :, at])
    if not (here and there):
        return Stratum(value, here, there)
    return Stratum(value, here, there, float(found.areas[0, at]), _interval(drawn.areas[:, at]))


def _figures(drawn: list[Float64], marks: list[Float64], wins: Float64) -> _Figures:
    """Give the figures where each image of either side was drawn so often, `(k, images)`."""
    counts = np.stack([times @ mark for times, mark in zip(drawn, marks, strict=True)], axis=1)
    strata = zip(*(mark.T for mark in marks), strict=True)
    won = [((drawn[0] * here) @ wins * (drawn[1] * there)).sum(axis=1) for here, there in strata]
    pairs = counts.prod(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return _Figures(counts, np.stack(won, axis=1) / pairs, sum(won) / pairs.sum(axis=1))


def cramers_v(counts: Float64) -> float:
    """Give the corrected Cramer's V of counts `(2, values)`; 0 where fewer than two rows or columns count."""
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
    """Give each image a weight so that both sides have the same share of every stratum.

    A stratum with c images of the concept and o others weighs c o / (c + o), as in the test of Cochran, Mantel and
    Haenszel; a stratum that has one side only weighs nothing.

    Returns
    -------
    Float64 `(images,)` of either side. Both sum to the same; all are 0 where no stratum has both.
    """
    here, there = Counter(concept), Counter(others)
    shares = {value: here[value] * there[value] / (here[value] + there[value]) for value in here | there}
    return (
        np.array([shares[value] / here[value] for value in concept]),
        np.array([shares[value] / there[value] for value in others]),
    )


def _pair(ends: Sequence[float] | None) -> Interval | None:
    return None if ends is None else (float(ends[0]), float(ends[1]))


def _interval(drawn: Float64) -> Interval:
    drawn = drawn[~np.isnan(drawn)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)
