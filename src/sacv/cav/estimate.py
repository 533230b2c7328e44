"""From what the layers say of the sets of images to CAVs with their figures; no image is needed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from sacv.cav.context import mixed
from sacv.cav.contrast import Contrast, contrast, kind_auroc, pool_key
from sacv.cav.hard_negatives import Problem
from sacv.cav.image_scores import image_scores
from sacv.cav.image_statistics import LOOKS
from sacv.cav.quality import HeldOut, accuracy, area, auroc, best_threshold
from sacv.cav.random_runs import DrawnCAVs, dealt_cavs, null_cavs, random_runs
from sacv.cav.scored_images import Scored
from sacv.cav.sets import RANDOM, BankImage, BankSet, count_groups
from sacv.cav.statistics import ImageMeans, SetStatistics
from sacv.cav.strata import NO_VALUE, Association, association
from sacv.cav.vector import CAV, Quality
from sacv.errors import OptionError, SolverError
from sacv.solvers import Evidence, MomentSolver, SampleSolver, Solution, Solver, UnitLength

Float64 = NDArray[np.float64]

MINIMUM_POOL = 4
"""Random images below which no null is drawn."""


@dataclass(frozen=True)
class Draws:
    """How many CAVs are drawn.

    Parameters
    ----------
    runs
        Random runs, the whole pool being the first: at least 1.
    nulls
        CAVs of random against random; 0 for none, and then nothing can be called significant.
    """

    runs: int
    nulls: int


def draws(solver: Solver, runs: int | None, nulls: int | None) -> Draws:
    """Fill in the numbers of draws: 20 and 199; 5 and 19 for solvers that fit each draw anew.

    Raises
    ------
    OptionError
        If one is negative, or there is no run.
    """
    sampled = isinstance(inner(solver), SampleSolver)
    found = Draws(
        (5 if sampled else 20) if runs is None else runs, (19 if sampled else 199) if nulls is None else nulls
    )
    if found.runs < 1:
        raise OptionError(f"runs must be at least 1, not {runs}")
    if found.nulls < 0:
        raise OptionError(f"nulls must be at least 0, not {nulls}")
    return found


def inner(solver: Solver) -> MomentSolver | SampleSolver:
    """Give the solver itself, out of `UnitLength` if it is wrapped.

    Raises
    ------
    OptionError
        If it is no solver.
    """
    found = solver.solver if isinstance(solver, UnitLength) else solver
    if not isinstance(found, MomentSolver | SampleSolver):
        raise OptionError(f"solver must be an object such as sacv.solvers.MeanDifference(), not {solver!r}")
    return found


def estimate(
    layers: Sequence[str],
    sets: Sequence[BankSet],
    rests: Sequence[BankSet],
    statistics: Mapping[tuple[str, str], SetStatistics],
    seen_through: Mapping[tuple[str, str], ImageMeans],
    *,
    solver: Solver,
    wanted: Draws,
    seed: int,
    pasted: Mapping[tuple[str, str], SetStatistics] | None = None,
    scored: Mapping[str, Scored] | None = None,
) -> tuple[CAV, ...]:
    """Give a CAV for each layer and concept.

    Parameters
    ----------
    layers
        Their names.
    sets
        The concepts and, last, the random set.
    rests
        The random set of its own of each concept that has one.
    statistics
        By layer and key of the set.
    seen_through
        By layer and key of a concept of marked regions: the pool's means under its masks.
    solver
        How a direction is found.
    wanted
        How many runs and null CAVs.
    seed
        Of the draws.
    pasted
        By layer and key of the set: what is taken of textures in context (`sacv.cav.context`).
    scored
        By concept, the pictures whose image scores are wanted.

    Raises
    ------
    SolverError
        If a concept and the random set do not differ.
    """
    found: list[CAV] = []
    with threadpool_limits(1, user_api="blas"):  # see sacv.cav.extraction
        for layer in layers:
            work = _Layer(layer, inner(solver), wanted, seed, {}, pasted or {}, scored or {})
            fitted = [
                work.fit(
                    entry,
                    contrast(layer, entry, sets[-1], rests, statistics),
                    statistics[layer, entry.key],
                    statistics[layer, pool_key(entry, rests)],
                    seen_through.get((layer, entry.key)),
                )
                for entry in sets[:-1]
            ]
            found += [_entangled(one, fitted, statistics) for one in fitted]
    return tuple(found)


@dataclass(frozen=True, eq=False)
class _Fitted:
    """A CAV, what it is of and told from, and the held-out scores of both sides."""

    cav: CAV
    entry: BankSet
    against: Contrast
    held_out: tuple[HeldOut, HeldOut]


@dataclass(frozen=True, eq=False)
class _Layer:
    """The work on one layer; what its concepts share is kept."""

    layer: str
    solver: MomentSolver | SampleSolver
    wanted: Draws
    seed: int
    nulls: dict[tuple[int, int], DrawnCAVs]
    pasted: Mapping[tuple[str, str], SetStatistics]
    scored: Mapping[str, Scored]

    def fit(
        self,
        entry: BankSet,
        against: Contrast,
        concept: SetStatistics,
        pool: SetStatistics,
        seen_through: ImageMeans | None,
    ) -> _Fitted:
        name, random = str(entry.concept), against.statistics
        solver = (
            _settled(self.solver, entry, against, concept) if isinstance(self.solver, MomentSolver) else self.solver
        )
        try:
            learned = _learned((self.layer, entry.key), concept, random, self.pasted)
            without = _without_folds(solver, (concept, random), learned)
            held_out, by_image = _held_out(without, (concept, random))
            solution = _solve(solver, *learned, None)
            rng = self._rng(f"runs/{name}")
            runs = random_runs(solver, *learned, self.wanted.runs - 1, rng, against.parts)
            null = self._null(name, concept.count, pool, seen_through)
            dealt = None if seen_through is not None or not len(null) else self._dealt(name, concept, pool)
        except SolverError as error:
            raise SolverError(f"concept {name!r} at layer {self.layer!r}: {error}") from error
        rng = self._rng(f"quality/{name}")
        grouped = any(image.group is not None for image in (*entry.images, *against.images))
        judged = held_out[0], held_out[1].of_things(against.things)
        share, share_interval = accuracy(*judged, rng)
        under, under_interval = auroc(*judged, rng)
        its = self.scored.get(name)
        scores = None
        if its is not None:
            scores = image_scores(without, its.cells[self.layer], its.fold, its.shows, its.group, its.left_out)
        quality = Quality(
            accuracy=share,
            auroc=under,
            accuracy_interval=share_interval,
            auroc_interval=under_interval,
            image_accuracy=accuracy(*by_image, rng)[0],
            image_auroc=auroc(*by_image, rng)[0],
            images=entry.count,
            random_images=sum(image.count for image in against.images),
            locations=concept.total().count,
            random_locations=random.total().count,
            run_cosine=_mean_cosine(runs),
            looks_auroc=_looks(entry.images, against.images),
            absent=tuple(
                _named(image)
                for image, score in zip(_alone(entry.images, concept), by_image[0].scores, strict=True)
                if score < np.median(by_image[1].scores)
            ),
            place_auroc=_place(entry, against, *held_out) if against.same_pictures else None,
            groups=count_groups(entry.images) if grouped else None,
            random_groups=count_groups(against.images) if grouped else None,
            image_score_auroc=None if scores is None else scores.auroc,
            image_score_interval=None if scores is None else scores.auroc_interval(self._rng(f"image scores/{name}")),
            strata=_associations((entry.images, against.images), (concept, random), by_image, rng),
        )
        cav = CAV(
            self.layer,
            name,
            solution.vector,
            best_threshold(*held_out),
            float(solution.vector @ (concept.total().mean - random.total().mean)),
            quality,
            _percentiles(held_out[0]),
            runs,
            null,
            {**solution.statistics, **against.figures},
            solution.own_detector,
            dealt,
            image_scores=scores,
        )
        return _Fitted(cav, entry, against, held_out)

    def _null(self, name: str, size: int, random: SetStatistics, seen_through: ImageMeans | None) -> DrawnCAVs:
        """Draw the null, once for all concepts of as many images or groups and the same random set."""
        pool = random.count
        if pool < MINIMUM_POOL or self.wanted.nulls == 0:
            return DrawnCAVs.none(random.total().channels)
        size = min(size, pool // 2)
        if seen_through is not None:
            rng = self._rng(f"null/{name}")
            return null_cavs(self.solver, random, seen_through, size, self.wanted.nulls, rng)
        if (id(random), size) not in self.nulls:
            rng = self._rng(f"null/{size}")
            self.nulls[id(random), size] = null_cavs(self.solver, random, None, size, self.wanted.nulls, rng)
        return self.nulls[id(random), size]

    def _dealt(self, name: str, concept: SetStatistics, random: SetStatistics) -> DrawnCAVs:
        return dealt_cavs(self.solver, concept, random, self.wanted.nulls, self._rng(f"dealt/{name}"))

    def _rng(self, purpose: str) -> np.random.Generator:
        """Give a generator that depends on the seed and the purpose alone, not on what else is fitted."""
        digest = hashlib.sha256(f"{self.layer}/{purpose}".encode()).digest()
        return np.random.default_rng([self.seed, int.from_bytes(digest[:8], "little")])


def problems(
    layers: Sequence[str],
    sets: Sequence[BankSet],
    rests: Sequence[BankSet],
    statistics: Mapping[tuple[str, str], SetStatistics],
    *,
    solver: Solver,
    pasted: Mapping[tuple[str, str], SetStatistics],
) -> dict[tuple[str, str], Problem]:
    """Give what each CAV's detector is found from, by layer and concept; none for solvers that need samples.

    The arguments are those of `estimate`.
    """
    found: dict[tuple[str, str], Problem] = {}
    moments = inner(solver)
    if not isinstance(moments, MomentSolver):
        return found
    for layer, entry in product(layers, sets[:-1]):
        concept, against = statistics[layer, entry.key], contrast(layer, entry, sets[-1], rests, statistics)
        learned = _learned((layer, entry.key), concept, against.statistics, pasted)
        settled = _settled(moments, entry, against, concept)
        found[layer, str(entry.concept)] = Problem(settled, *(side.total() for side in learned))
    return found


def _settled(solver: MomentSolver, entry: BankSet, against: Contrast, concept: SetStatistics) -> MomentSolver:
    """Give the solver with what it leaves to the evidence decided."""
    evidence = Evidence(concept.count, against.same_pictures, kind_auroc(concept, against.statistics))
    return solver.settled(evidence)


def _learned(
    key: tuple[str, str],
    concept: SetStatistics,
    random: SetStatistics,
    pasted: Mapping[tuple[str, str], SetStatistics],
) -> tuple[SetStatistics, SetStatistics]:
    """Give what the direction is learned from: with the pasted locations, where they are taken."""
    if key not in pasted:
        return concept, random
    return mixed(concept, pasted[key]), mixed(random, pasted[key[0], RANDOM])


def _solve(
    solver: MomentSolver | SampleSolver, concept: SetStatistics, random: SetStatistics, held: int | None
) -> Solution:
    """Find the direction from all images, or from all but those of a fold."""
    sides = (concept, random)
    if isinstance(solver, MomentSolver):
        return solver.solve(*(side.total() if held is None else side.without(held) for side in sides))
    return solver.solve(*(side.sample.of_images(side.image_fold != held) for side in sides))


def _without_folds(
    solver: MomentSolver | SampleSolver,
    sides: tuple[SetStatistics, SetStatistics],
    learned: tuple[SetStatistics, SetStatistics],
) -> dict[int, Float64]:
    """Give the detector learned without each fold that has images."""
    return {
        fold: _solve(solver, *learned, fold).detector
        for fold in range(max(len(side.folds) for side in sides))
        if any((side.image_fold == fold).any() for side in sides)
    }


def _held_out(
    without: Mapping[int, Float64], sides: tuple[SetStatistics, SetStatistics]
) -> tuple[tuple[HeldOut, HeldOut], tuple[HeldOut, HeldOut]]:
    """Score locations and single images of the sides, each by the detector learned without its fold."""
    by_location = [np.empty(len(side.sample.vectors)) for side in sides]
    by_image = [np.empty(len(side.image_fold)) for side in sides]
    for fold, vector in without.items():
        for side, locations, images in zip(sides, by_location, by_image, strict=True):
            chosen = side.image_fold == fold
            marks = chosen[side.sample.image]
            locations[marks] = side.sample.vectors[marks] @ vector
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


def _alone(images: Sequence[BankImage], found: SetStatistics) -> list[BankImage]:
    """Give the images or groups that are judged by themselves."""
    return [image for image, alone in zip(images, found.images.alone, strict=True) if alone]


def _associations(
    images: tuple[Sequence[BankImage], Sequence[BankImage]],
    sides: tuple[SetStatistics, SetStatistics],
    by_image: tuple[HeldOut, HeldOut],
    rng: np.random.Generator,
) -> tuple[Association, ...]:
    """Give how the concept goes with each column that all its images and some of the others have a value in."""
    tables = [[dict(image.strata) for image in _alone(*side)] for side in zip(images, sides, strict=True)]
    columns = [column for column in (tables[0][0] if tables[0] else {}) if any(column in row for row in tables[1])]
    found = []
    for column in columns:
        known = [np.array([column in row for row in rows]) for rows in tables]
        values = [[row[column] or NO_VALUE for row in rows if column in row] for rows in tables]
        scores = [side.scores[marks] for side, marks in zip(by_image, known, strict=True)]
        found.append(association(column, (values[0], values[1]), (scores[0], scores[1]), rng))
    return tuple(found)


def _named(image: BankImage) -> str:
    """Name an image; where a unit holds several, its group."""
    return image.name if image.group is None or image.count == 1 else image.group


def _place(entry: BankSet, against: Contrast, concept: HeldOut, random: HeldOut) -> float | None:
    """Tell how well each photo's marked locations are told from its others, on held-out photos: the mean AUROC.

    Where photos are joined to groups, the locations are those of a group's photos.
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


def _mean_cosine(runs: DrawnCAVs) -> float | None:
    count = len(runs)
    if count < 2:
        return None
    total = float(np.sum(runs.vectors.sum(axis=0) ** 2))
    return (total - count) / (count * (count - 1))


def _percentiles(held_out: HeldOut) -> Float64:
    order = np.argsort(held_out.scores)
    share = np.cumsum(held_out.weights[order])
    places = np.searchsorted(share / share[-1], np.linspace(0, 1, 101) - 1e-12)
    found: Float64 = held_out.scores[order][np.minimum(places, len(order) - 1)]
    return found


def _looks(concept: Sequence[BankImage], random: Sequence[BankImage]) -> dict[str, float]:
    sides = (np.array([image.looks for image in side]).T for side in (concept, random))
    found = {name: area(*columns) for name, *columns in zip(LOOKS, *sides, strict=True)}
    return {name: max(share, 1 - share) for name, share in found.items()}


def _entangled(one: _Fitted, fitted: Sequence[_Fitted], statistics: Mapping[tuple[str, str], SetStatistics]) -> CAV:
    """Add how the CAV stands to the other concepts of its layer."""
    others = [other for other in fitted if other is not one]
    quality = replace(
        one.cav.quality,
        cosine={other.cav.concept: float(one.cav.vector @ other.cav.vector) for other in others},
        conditional_auroc={other.cav.concept: _told_from(one, other, statistics) for other in others},
    )
    return replace(one.cav, quality=quality)


def _told_from(one: _Fitted, other: _Fitted, statistics: Mapping[tuple[str, str], SetStatistics]) -> float:
    """Give the AUROC of a concept against another.

    Concepts of tables share pictures: there it is against those that show the other and lack the one, held out where
    they are its random images. It is 0.5 where there are none.
    """
    concept, random = one.held_out
    found = statistics[one.cav.layer, other.entry.key].sample
    scores, weights = found.vectors @ one.cav.detector, found.weights
    if one.entry.missing is not None:
        theirs, own = ({image.digest for image in side.entry.images} for side in (other, one))
        images = one.against.images
        lacking = [number for number, image in enumerate(images) if image.count == 1 and image.digest in theirs]
        if lacking:
            held = random.part(np.isin(random.image, lacking))
            scores, weights = held.scores, held.weights
        else:
            apart = [number for number, image in enumerate(other.entry.images) if image.digest not in own]
            kept = np.isin(found.image, apart)
            scores, weights = scores[kept], weights[kept]
    return area(concept.scores, scores, concept.weights, weights) if len(scores) else 0.5
