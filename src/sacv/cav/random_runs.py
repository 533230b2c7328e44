"""Random runs, null CAVs and permuted CAVs, from the means of the images, without another pass.

A *random run* is a CAV of the concept against a random half of the random images (the *pool*). A *null CAV* is a CAV of
some images of the pool against others, as many as the concept has, or half the pool if that is less. Images are drawn,
never locations; in large sets, units of images (`sacv.cav.membership`).

A *permuted CAV* is fitted on the images of the concept and the pool with their labels permuted. If the concept images
are distributed like the pool, the CAV and its permuted CAVs have the same distribution.

The mean of each draw is exact. Solvers that whiten use the same scatter for all draws. Solvers that need samples are
fitted on the sampled locations of each draw.
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
from sacv.stats import Float64, LocationSample, Moments

Choices = NDArray[np.bool_]
"""Masks of the chosen units, `(draws, units)`."""


@dataclass(frozen=True, eq=False)
class DrawnCAVs:
    """CAVs of randomly drawn sets.

    Parameters
    ----------
    vectors
        Float64 `(draws, channels)`, each of L2 norm 1.
    thresholds
        Float64 `(draws,)`: midpoint of the two means along the vector, in units of activation.
    separations
        Float64 `(draws,)`: distance of the two means along the vector, in units of activation.
    spreads
        Float64 `(draws,)`: standard deviation along the vector of the locations of the second set (`spread_along`);
        None for random runs.
    """

    vectors: Float64
    thresholds: Float64
    separations: Float64
    spreads: Float64 | None = None

    @classmethod
    def none(cls, channels: int) -> DrawnCAVs:
        """Return an empty set of CAVs."""
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
    """Fit the CAVs of the concept against `count` random halves of the pool.

    `parts` are the numbers of units of consecutive parts of the pool, each of which is halved.
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
    """Fit CAVs of `size` images of the pool against other images of the pool.

    Parameters
    ----------
    solver
        The solver of the concept.
    random
        The pool, of at least 4 images.
    seen_through
        For a concept with regions: the means of the pool's images under the concept's masks, since a mean over few
        locations has more variance. An image of weight 0 has no such mean, and is used in the second set only.
    size
        Number of concept images.
    count
        Number of CAVs.
    rng
        Random generator.
    """
    sizes = random.images.sizes
    legal = sizes > 0 if seen_through is None else seen_through.weights > 0
    half = random.count // 2
    size = min(size, half, int(sizes[legal].sum()))
    if size < 2:
        return DrawnCAVs.none(random.images.means.shape[1])
    inside = _draws(sizes, size, count, rng, legal)
    outside = np.array([_first(sizes, np.flatnonzero(~mask), half, rng) for mask in inside]).reshape(inside.shape)
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


def permuted_cavs(
    solver: MomentSolver | SampleSolver,
    concept: SetStatistics,
    random: SetStatistics,
    count: int,
    rng: np.random.Generator,
) -> DrawnCAVs:
    """Fit CAVs of the concept's and the pool's images with their labels permuted.

    If the two sets of a permutation do not differ, its vector is zero.
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
    """Return the standard deviation of locations along vectors, from the variance within and between images.

    Parameters
    ----------
    vectors
        Float64 `(k, channels)`.
    within
        The scatter within images (`SetStatistics.within_images`), the same for all vectors.
    images
        The means of the images.
    chosen
        Bool `(k, units)`: the units for each vector.
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


def _solved(solver: SampleSolver, sample: LocationSample, chosen: NDArray[np.bool_], channels: int) -> Float64:
    try:
        return solver.solve(sample.of_images(chosen), sample.of_images(~chosen)).vector
    except SolverError:
        return np.zeros(channels)


def _draws(
    sizes: NDArray[np.int64], images: int, count: int, rng: np.random.Generator, legal: NDArray[np.bool_] | None = None
) -> Choices:
    """Draw units with `images` images without replacement, `(count, units)`, from all units or the legal ones.

    If there are enough units of one image, only these are used, so that the number is exact.
    """
    among = np.ones(len(sizes), dtype=bool) if legal is None else legal
    alone = among & (sizes == 1)
    if images <= alone.sum() // 2:
        among = alone
    units = np.flatnonzero(among)
    return np.array([_first(sizes, units, images, rng) for _ in range(count)]).reshape(count, len(sizes))


def _first(sizes: NDArray[np.int64], units: NDArray[np.intp], images: int, rng: np.random.Generator) -> Choices:
    """Choose units in random order until they hold at least `images` images, `(units,)`."""
    order = rng.permutation(units)
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
