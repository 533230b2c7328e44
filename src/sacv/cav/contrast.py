r"""The contrast of a concept: the random set that it is fitted against, and the weight of the random images in it.

A concept with regions is contrasted with the rest of the annotated images, so that the two sets differ only in the
concept. Random images (the *pool*) may differ from the annotated images in kind (camera, scene, resolution) too, and a
direction fitted against them would find the kind. So the total weight of the pool, relative to that of the rest, is ::

    k = 2 (1 - A) n / (n + 2)        from 0 to 1

where A is the held-out AUROC over images of the difference of the means between the rest and the pool, and n the number
of annotated images. A is 0.5 if the two sets are of one kind, and 1 if they are separated perfectly. n / (n + 2)
accounts for the uncertainty of A with few images. docs/bench.md has the experiments.

A concept from a table is contrasted with the images of the other rows alone, and its null CAVs are drawn from these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sacv.cav.quality import area
from sacv.cav.sets import RANDOM, BankImage, BankSet, independent_units
from sacv.cav.statistics import SetStatistics
from sacv.stats import Float64

LEAST_WEIGHT = 0.01
"""Minimum weight of the pool; below it the pool is left out."""


@dataclass(frozen=True, eq=False)
class Contrast:
    """The random set of a concept at a layer."""

    statistics: SetStatistics
    """Weighted statistics of all images."""
    images: tuple[BankImage, ...]
    """The images, one for each unit, in the order of the statistics."""
    parts: tuple[int, ...]
    """Number of units of the rest and of the pool."""
    same_images: bool = False
    """Whether it contains the rest of the concept images."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """`pool_auroc` (A), `pool_weight` (k) and `pool_cosine` (between the differences of means with and without the
    pool), if there is a rest and a pool."""

    @property
    def unit_ids(self) -> NDArray[np.int64]:
        """Index of the independent unit of each image, int `(units,)`. A group in the rest and in the pool is one."""
        return independent_units(self.images)


def pool_key(entry: BankSet, rests: Sequence[BankSet]) -> str:
    """Return the key of the set that the null and the permuted CAVs of a concept are drawn from.

    It is the random set, or the rest of a concept from a table.
    """
    own = [rest.key for rest in rests if rest.concept == entry.concept and not entry.regions]
    return own[0] if own else RANDOM


def contrast(
    layer: str,
    entry: BankSet,
    random: BankSet,
    rests: Sequence[BankSet],
    statistics: Mapping[tuple[str, str], SetStatistics],
) -> Contrast:
    """Return the contrast of a concept at a layer.

    `rests` are the random sets of single concepts; `statistics` are by layer and key of the set.
    """
    pool = statistics[layer, RANDOM]
    own = [rest for rest in rests if rest.concept == entry.concept]
    if not own:
        return Contrast(pool, random.images, (len(random.images),))
    (rest,) = own
    found = statistics[layer, rest.key]
    same = not rest.hashes.isdisjoint(entry.hashes)
    if random.rest or not entry.regions:
        return Contrast(found, rest.images, (len(rest.images),), same)
    apart = kind_auroc(found, pool)
    weight = float(np.clip(2 * (1 - apart), 0, 1)) * found.count / (found.count + 2)
    if weight < LEAST_WEIGHT:
        weight = 0.0
    figures = {"pool_auroc": apart, "pool_weight": weight, "pool_cosine": 1.0}
    if weight == 0.0:
        return Contrast(found, rest.images, (len(rest.images),), same, figures)
    both = SetStatistics.union([found, pool.weighing(weight * found.total().count)])
    concept = statistics[layer, entry.key].total().mean
    figures["pool_cosine"] = _cosine(concept - both.total().mean, concept - found.total().mean)
    return Contrast(both, rest.images + random.images, (len(rest.images), len(random.images)), same, figures)


def kind_auroc(one: SetStatistics, other: SetStatistics) -> float:
    """Return the held-out AUROC over images with which the difference of means separates two sets.

    Directions are fitted on all units; scores are of single images. The result is the mean over the folds with images
    of both sets, or 0.5 if there is no such fold. It is below 0.5 only by chance.
    """
    sides = (one, other)
    found = []
    for fold in np.intersect1d(one.image_fold, other.image_fold):
        fitted = [np.flatnonzero(side.image_fold != fold) for side in sides]
        if not all(len(part) for part in fitted):
            continue
        first, second = (side.images.means[part].mean(axis=0) for side, part in zip(sides, fitted, strict=True))
        held = [side.images.means[(side.image_fold == fold) & side.images.alone] for side in sides]
        if not all(len(part) for part in held):
            continue
        scores = [part @ (first - second) for part in held]
        found.append(area(scores[0], scores[1]))
    return float(np.mean(found)) if found else 0.5


def _cosine(one: Float64, other: Float64) -> float:
    return float(one @ other) / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-300)
