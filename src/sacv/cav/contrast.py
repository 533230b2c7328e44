r"""What a concept is told from: its random set, and how much of it comes from other pictures.

A concept that is marked on photos is told from the rest of these photos, so that nothing but the concept parts the two.
A pool of other pictures beside them differs from the photos in kind too (camera, scene, resolution), and a direction
learned against it finds the kind. So the pool does not count by its number of locations: all of it together weighs ::

    k = 2 (1 - A) n / (n + 2)        of what the rest weighs, from 0 to 1

with A the AUROC, on held-out images, with which the difference of the means tells the n photos' rest from the pool.
A is .5 where the two are of one kind and 1 where every picture can be told; n / (n + 2) says how far few photos can
vouch for an A that is low. docs/bench.md has the figures that chose it.

A concept from a table is told from the pictures of the other rows alone, and what is drawn of random images for it is
drawn from these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sacv.cav.quality import area
from sacv.cav.sets import RANDOM, BankImage, BankSet, things
from sacv.cav.statistics import SetStatistics

Float64 = NDArray[np.float64]

LEAST_WEIGHT = 0.01
"""Weight of the pool below which it is left out."""


@dataclass(frozen=True, eq=False)
class Contrast:
    """What a concept is told from at a layer.

    Parameters
    ----------
    statistics
        Of all images, weighted.
    images
        The images, one for each unit, in the order of the statistics.
    parts
        Number of units of the rest, and of the pool.
    same_pictures
        Whether the rest of the concept's own photos is in it.
    figures
        `pool_auroc` (A), `pool_weight` (k) and `pool_cosine` (between the differences of means with and without the
        pool), where there is a rest and a pool.
    """

    statistics: SetStatistics
    images: tuple[BankImage, ...]
    parts: tuple[int, ...]
    same_pictures: bool = False
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def things(self) -> NDArray[np.int64]:
        """What is independent, int `(units,)`: a group that stands in the rest and in the pool has one number."""
        return things(self.images)


def pool_key(entry: BankSet, rests: Sequence[BankSet]) -> str:
    """Give the key of the set that the null and the deals of a concept are drawn from.

    It is the random set, but for a concept of whole pictures that has one of its own.
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
    """Give what a concept is told from.

    Parameters
    ----------
    layer
        The layer.
    entry, random
        The concept's set and the random set.
    rests
        The random set of its own of each concept that has one.
    statistics
        By layer and key of the set.
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
    """Tell how well the difference of means tells the images of two sets apart, as an AUROC on held-out folds.

    Directions are of all units, and scores of those that are single images.
    The mean over the folds that hold images of both; .5 where there is none. It is below .5 only by chance.
    """
    sides = (one, other)
    found = []
    for fold in np.intersect1d(one.image_fold, other.image_fold):
        kept = [np.flatnonzero(side.image_fold != fold) for side in sides]
        if not all(len(part) for part in kept):
            continue
        first, second = (side.images.means[part].mean(axis=0) for side, part in zip(sides, kept, strict=True))
        held = [side.images.means[(side.image_fold == fold) & side.images.alone] for side in sides]
        if not all(len(part) for part in held):
            continue
        scores = [part @ (first - second) for part in held]
        found.append(area(scores[0], scores[1]))
    return float(np.mean(found)) if found else 0.5


def _cosine(one: Float64, other: Float64) -> float:
    return float(one @ other) / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-300)
