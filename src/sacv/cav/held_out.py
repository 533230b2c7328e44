"""Quality figures of a CAV on held-out images: each image is scored by the detector fitted without its fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sacv.cav.contrast import Contrast
from sacv.cav.image_statistics import STATISTICS
from sacv.cav.quality import HeldOut, area
from sacv.cav.random_runs import DrawnCAVs
from sacv.cav.sets import BankImage, BankSet
from sacv.cav.statistics import SetStatistics
from sacv.cav.strata import NO_VALUE, Association, association
from sacv.solvers import MomentSolver, SampleSolver, Solution
from sacv.stats import Float64


def solve(
    solver: MomentSolver | SampleSolver, concept: SetStatistics, random: SetStatistics, held: int | None
) -> Solution:
    """Fit the direction on all images, or on all but those of the fold `held`."""
    sides = (concept, random)
    if isinstance(solver, MomentSolver):
        return solver.solve(*(side.total() if held is None else side.without(held) for side in sides))
    return solver.solve(*(side.sample.of_images(side.image_fold != held) for side in sides))


def detectors_without_folds(
    solver: MomentSolver | SampleSolver,
    sides: tuple[SetStatistics, SetStatistics],
    learned: tuple[SetStatistics, SetStatistics],
) -> dict[int, Float64]:
    """Return, for each fold that has images, the detector fitted without it."""
    return {
        fold: solve(solver, *learned, fold).detector
        for fold in range(max(len(side.folds) for side in sides))
        if any((side.image_fold == fold).any() for side in sides)
    }


def held_out_scores(
    without: Mapping[int, Float64], sides: tuple[SetStatistics, SetStatistics]
) -> tuple[tuple[HeldOut, HeldOut], tuple[HeldOut, HeldOut]]:
    """Score the locations and the images of both sets, each by the detector fitted without its fold."""
    by_location = [np.empty(len(side.sample.vectors)) for side in sides]
    by_image = [np.empty(len(side.image_fold)) for side in sides]
    for fold, vector in without.items():
        for side, locations, images in zip(sides, by_location, by_image, strict=True):
            chosen = side.image_fold == fold
            mask = chosen[side.sample.image]
            locations[mask] = side.sample.vectors[mask] @ vector
            images[chosen] = side.images.means[chosen] @ vector
    located = [
        HeldOut(scores, side.image_fold[side.sample.image], side.sample.image, side.sample.weights)
        for scores, side in zip(by_location, sides, strict=True)
    ]
    imaged = [
        HeldOut.of_images(scores[side.images.alone], side.image_fold[side.images.alone])
        for scores, side in zip(by_image, sides, strict=True)
    ]
    return (located[0], located[1]), (imaged[0], imaged[1])


def alone(images: Sequence[BankImage], found: SetStatistics) -> list[BankImage]:
    """Return the units that are single images or groups."""
    return [image for image, alone in zip(images, found.images.alone, strict=True) if alone]


def associations(
    images: tuple[Sequence[BankImage], Sequence[BankImage]],
    sides: tuple[SetStatistics, SetStatistics],
    by_image: tuple[HeldOut, HeldOut],
    rng: np.random.Generator,
) -> tuple[Association, ...]:
    """Return the association of the concept with each column that all its images and some other images have."""
    tables = [[dict(image.strata) for image in alone(*side)] for side in zip(images, sides, strict=True)]
    columns = [column for column in (tables[0][0] if tables[0] else {}) if any(column in row for row in tables[1])]
    found = []
    for column in columns:
        known = [np.array([column in row for row in rows]) for rows in tables]
        values = [[row[column] or NO_VALUE for row in rows if column in row] for rows in tables]
        scores = [side.scores[mask] for side, mask in zip(by_image, known, strict=True)]
        found.append(association(column, (values[0], values[1]), (scores[0], scores[1]), rng))
    return tuple(found)


def name_of(image: BankImage) -> str:
    """Return the name of an image, or of the group if the unit holds several images."""
    return image.name if image.group is None or image.count == 1 else image.group


def region_auroc(entry: BankSet, against: Contrast, concept: HeldOut, random: HeldOut) -> float | None:
    """Return the AUROC of the locations in the regions against the rest of the same image or group, held out.

    It is the mean over images or groups; None if no image has both.
    """
    rest = against.images[: against.parts[0]]
    where = {image.group or image.digest: number for number, image in enumerate(rest)}
    found = []
    for number, image in enumerate(entry.images):
        inside, outside = (
            concept.part(concept.image == number),
            random.part(random.image == where.get(image.group or image.digest, -1)),
        )
        if inside.weights.any() and outside.weights.any():
            found.append(area(inside.scores, outside.scores, inside.weights, outside.weights))
    return float(np.mean(found)) if found else None


def mean_cosine(runs: DrawnCAVs) -> float | None:
    """Return the mean cosine between all pairs of CAVs; None for fewer than two."""
    count = len(runs)
    if count < 2:
        return None
    total = float(np.sum(runs.vectors.sum(axis=0) ** 2))
    return (total - count) / (count * (count - 1))


def percentiles(held_out: HeldOut) -> Float64:
    """Return the weighted percentiles 0 to 100 of the held-out scores."""
    order = np.argsort(held_out.scores)
    share = np.cumsum(held_out.weights[order])
    ranks = np.searchsorted(share / share[-1], np.linspace(0, 1, 101) - 1e-12)
    found: Float64 = held_out.scores[order][np.minimum(ranks, len(order) - 1)]
    return found


def statistics_auroc(concept: Sequence[BankImage], random: Sequence[BankImage]) -> dict[str, float]:
    """Return the AUROC, at least 0.5, of each image statistic between the two sets."""
    sides = (np.array([image.statistics for image in side]).T for side in (concept, random))
    found = {name: area(*columns) for name, *columns in zip(STATISTICS, *sides, strict=True)}
    return {name: max(share, 1 - share) for name, share in found.items()}
