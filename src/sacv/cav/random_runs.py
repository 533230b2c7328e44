"""Random runs and the null: many CAVs from the images' means, without another pass.

A *random run* is the concept against a random half of the pool of random images. A *null* CAV is some images of the
pool against others, as many as the concept has or half the pool if that is less: what a CAV looks like where there is
no concept. Images are drawn, never locations; of very large sets, units of images (`sacv.cav.membership`), so that a
drawn set holds as many images as it should.

A *dealt* CAV is of all images of the concept and the pool together, their labels dealt at random, so many to either
side as there are: if the concept's images are but images of the pool, the CAV itself and those dealt are drawn alike.

The mean of each draw is its own, exactly; solvers that whiten share the scatter within all images, which a draw of the
same images estimates too. Solvers that need samples are fitted anew on the sampled locations of each draw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from sacv.cav.statistics import ImageMeans, SetStatistics
from sacv.errors import SolverError
from sacv.solvers import MomentSolver, SampleSolver, unit
from sacv.stats import LocationSample, Moments

Float64 = NDArray[np.float64]
Choices = NDArray[np.bool_]
"""Which units are chosen, `(draws, units)`."""


@dataclass(frozen=True, eq=False)
class DrawnCAVs:
    """CAVs of drawn sets.

    Parameters
    ----------
    vectors
        Float64 `(draws, channels)`, each of L2 norm 1.
    thresholds
        Float64 `(draws,)`: half-way between the two sets' means, along the vector.
    separations
        Float64 `(draws,)`: the distance of the two sets' means along the vector, in units of activation.
    spreads
        Float64 `(draws,)`: the standard deviation along the vector of the locations that stand for random, the scatter
        within images taken of all (`spread_along`); none where it is not asked for.
    """

    vectors: Float64
    thresholds: Float64
    separations: Float64
    spreads: Float64 | None = None

    @classmethod
    def none(cls, channels: int) -> DrawnCAVs:
        """Give no CAVs."""
        return cls(np.empty((0, channels)), np.empty(0), np.empty(0))

    def __len__(self) -> int:
        return len(self.vectors)


def random_runs(
    solver: MomentSolver | SampleSolver,
    concept: SetStatistics,
    random: SetStatistics,
    count: int,
    rng: np.random.Generator,
    parts: Sequence[int] | None = None,
) -> DrawnCAVs:
    """Give the CAVs of the concept against `count` random halves of the pool.

    Where the pool is made of several parts, of so many units one after the other, each part is halved.
    """
    sizes = random.images.sizes
    ends = np.cumsum([len(sizes)] if parts is None else list(parts))[:-1]
    halves = [_draws(part, max(int(part.sum()) // 2, 1), count, rng) for part in np.split(sizes, ends)]
    choices = np.concatenate(halves, axis=1)
    if isinstance(solver, MomentSolver):
        return _from_means(
            solver,
            concept.total().mean[None],
            random.images.of(choices),
            lambda: concept.total().within(random.total()),
        )
    vectors = [solver.solve(concept.sample, random.sample.of_images(chosen)).vector for chosen in choices]
    return _drawn(vectors, concept.total().mean[None], random.images.of(choices))


def null_cavs(
    solver: MomentSolver | SampleSolver,
    random: SetStatistics,
    seen_through: ImageMeans | None,
    size: int,
    count: int,
    rng: np.random.Generator,
) -> DrawnCAVs:
    """Give CAVs of `size` images of the pool against others of it.

    Parameters
    ----------
    solver
        As for the concept.
    random
        The pool, of at least 4 images.
    seen_through
        For a concept made of marked regions: the means of the pool's images under the concept's masks, since a mean
        over a few locations varies more than one over all. An image of weight 0 was not seen so, and only stands on
        the other side.
    size
        Images of the concept.
    count
        Number of CAVs.
    rng
        Of the draws.
    """
    sizes = random.images.sizes
    legal = sizes > 0 if seen_through is None else seen_through.weights > 0
    half = random.count // 2
    size = min(size, half, int(sizes[legal].sum()))
    if size < 2:
        return DrawnCAVs.none(random.images.means.shape[1])
    inside = _draws(sizes, size, count, rng, legal)
    outside = np.array([_first(sizes, np.flatnonzero(~one), half, rng) for one in inside]).reshape(inside.shape)
    spread = partial(spread_along, within=random.within_images(), images=random.images, chosen=outside)
    concept_means = (random.images if seen_through is None else seen_through).of(inside)
    random_means = random.images.of(outside)
    if isinstance(solver, MomentSolver):
        drawn = _from_means(solver, concept_means, random_means, random.total)
        return replace(drawn, spreads=spread(drawn.vectors))
    vectors = [
        solver.solve(*(random.sample.of_images(side) for side in pair)).vector
        for pair in zip(inside, outside, strict=True)
    ]
    drawn = _drawn(vectors, concept_means, random_means)
    return replace(drawn, spreads=spread(drawn.vectors))


def dealt_cavs(
    solver: MomentSolver | SampleSolver,
    concept: SetStatistics,
    random: SetStatistics,
    count: int,
    rng: np.random.Generator,
) -> DrawnCAVs:
    """Give CAVs of the concept's and the pool's images with their labels dealt at random.

    A deal whose two sets do not differ has a vector of zeros, which is evidence of nothing.
    """
    sides = (concept, random)
    images = ImageMeans.union([side.images for side in sides])
    inside = _draws(images.sizes, concept.count, count, rng)
    outside = ~inside
    means = images.of(inside), images.of(outside)
    if isinstance(solver, MomentSolver):
        channels = images.means.shape[1]
        raw = solver.directions(means[0] - means[1], lambda: Moments.union([side.total() for side in sides], channels))
        vectors = [_unit_or_zero(*pair) for pair in zip(raw, means[0] - means[1], strict=True)]
    else:
        sample = LocationSample.union([side.sample for side in sides], [len(side.image_fold) for side in sides])
        vectors = [_solved(solver, sample, chosen, images.means.shape[1]) for chosen in inside]
    drawn = _drawn(vectors, *means)
    within = concept.within_images().within(random.within_images())
    return replace(drawn, spreads=spread_along(drawn.vectors, within, images, outside))


def spread_along(vectors: Float64, within: Moments, images: ImageMeans, chosen: Choices) -> Float64:
    """Give the standard deviation of locations along vectors: within images, and of the images' means.

    Parameters
    ----------
    vectors
        Float64 `(k, channels)`.
    within
        The scatter within images, `SetStatistics.within_images`, the same for all vectors.
    images
        Where the images are taken from.
    chosen
        Bool `(k, units)`: the units of each vector.
    """
    inner = np.einsum("kc,kc->k", vectors @ within.covariance, vectors)
    along = vectors @ images.means.T
    weights = np.where(chosen, images.weights, 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    between = (weights * (along - (weights * along).sum(axis=1, keepdims=True)) ** 2).sum(axis=1)
    found: Float64 = np.sqrt(np.maximum(inner + between, np.finfo(np.float64).tiny))
    return found


def _unit_or_zero(raw: Float64, difference: Float64) -> Float64:
    return unit(raw, difference) if difference.any() and raw.any() else np.zeros_like(difference)


def _solved(solver: SampleSolver, sample: LocationSample, marks: NDArray[np.bool_], channels: int) -> Float64:
    try:
        return solver.solve(sample.of_images(marks), sample.of_images(~marks)).vector
    except SolverError:
        return np.zeros(channels)


def _draws(
    sizes: NDArray[np.int64], images: int, count: int, rng: np.random.Generator, legal: NDArray[np.bool_] | None = None
) -> Choices:
    """Draw units of so many images without replacement, `(count, units)`, of all or of those that are legal.

    Where single images are enough to draw from, groups are left alone, so that it is exactly as many.
    """
    among = np.ones(len(sizes), dtype=bool) if legal is None else legal
    alone = among & (sizes == 1)
    if images <= alone.sum() // 2:
        among = alone
    places = np.flatnonzero(among)
    return np.array([_first(sizes, places, images, rng) for _ in range(count)]).reshape(count, len(sizes))


def _first(sizes: NDArray[np.int64], places: NDArray[np.intp], images: int, rng: np.random.Generator) -> Choices:
    """Choose units of some, in a drawn order, until they hold so many images, `(units,)`."""
    order = rng.permutation(places)
    held = np.cumsum(sizes[order])
    chosen = np.zeros(len(sizes), dtype=bool)
    chosen[order[: int(np.searchsorted(held, images)) + 1]] = True
    return chosen


def _from_means(solver: MomentSolver, concept: Float64, random: Float64, within: Callable[[], Moments]) -> DrawnCAVs:
    differences = concept - random
    directions = solver.directions(differences, within)
    vectors = [unit(raw, difference) for raw, difference in zip(directions, differences, strict=True)]
    return _drawn(vectors, concept, random)


def _drawn(vectors: list[Float64], concept: Float64, random: Float64) -> DrawnCAVs:
    stacked = np.array(vectors).reshape(len(vectors), random.shape[1])
    middle, step = (
        (np.broadcast_to(part, stacked.shape) * stacked).sum(axis=1)
        for part in ((concept + random) / 2, concept - random)
    )
    return DrawnCAVs(stacked, middle, step)
