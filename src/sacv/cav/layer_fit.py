"""Fit the CAVs of one layer from the statistics of its sets, with their random runs, null CAVs and quality figures."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from sacv.cav.context import mixed
from sacv.cav.contrast import Contrast, kind_auroc
from sacv.cav.draws import Draws
from sacv.cav.held_out import (
    alone,
    associations,
    detectors_without_folds,
    held_out_scores,
    mean_cosine,
    name_of,
    percentiles,
    region_auroc,
    solve,
    statistics_auroc,
)
from sacv.cav.image_scores import ImageScores, image_scores
from sacv.cav.quality import HeldOut, accuracy, auroc, best_threshold
from sacv.cav.random_runs import DrawnCAVs, null_cavs, permuted_cavs, random_runs
from sacv.cav.scored_images import Scored
from sacv.cav.sets import RANDOM, BankSet, count_groups
from sacv.cav.statistics import ImageMeans, SetStatistics
from sacv.cav.vector import CAV, Quality
from sacv.errors import SolverError
from sacv.solvers import Evidence, MomentSolver, SampleSolver
from sacv.stats import Float64

MINIMUM_POOL = 4
"""Minimum number of random images for null CAVs."""


@dataclass(frozen=True, eq=False)
class FittedCAV:
    """A CAV, with the set of its concept, its random set and the held-out scores of both."""

    cav: CAV
    entry: BankSet
    against: Contrast
    held_out: tuple[HeldOut, HeldOut]


@dataclass(frozen=True, eq=False)
class LayerFit:
    """Fit the concepts of one layer, in any thread. Null CAVs that several concepts share are computed once."""

    layer: str
    solver: MomentSolver | SampleSolver
    wanted: Draws
    seed: int
    nulls: dict[tuple[int, int], DrawnCAVs]
    pasted: Mapping[tuple[str, str], SetStatistics]
    scored: Mapping[str, Scored]
    lock: Lock = field(default_factory=Lock, repr=False)

    def fit(
        self,
        entry: BankSet,
        against: Contrast,
        concept: SetStatistics,
        pool: SetStatistics,
        seen_through: ImageMeans | None,
    ) -> FittedCAV:
        """Fit the CAV of a concept against its random set, with its quality figures."""
        name, random = str(entry.concept), against.statistics
        solver = settled(self.solver, entry, against, concept) if isinstance(self.solver, MomentSolver) else self.solver
        try:
            learned = learned_from((self.layer, entry.key), concept, random, self.pasted)
            without = detectors_without_folds(solver, (concept, random), learned)
            held_out, by_image = held_out_scores(without, (concept, random))
            solution = solve(solver, *learned, None)
            rng = self._rng(f"runs/{name}")
            runs = random_runs(solver, *learned, self.wanted.runs - 1, rng, against.parts)
            null = self._null(name, concept.count, pool, seen_through)
            permuted = None if seen_through is not None or not len(null) else self._permuted(name, concept, pool)
        except SolverError as error:
            raise SolverError(f"concept {name!r} at layer {self.layer!r}: {error}") from error
        scores = self._image_scores(name, without)
        cav = CAV(
            self.layer,
            name,
            solution.vector,
            best_threshold(*held_out),
            float(solution.vector @ (concept.total().mean - random.total().mean)),
            self._quality(name, entry, against, (concept, random), held_out, by_image, runs, scores),
            percentiles(held_out[0]),
            runs,
            null,
            {**solution.statistics, **against.figures},
            solution.own_detector,
            permuted,
            image_scores=scores,
        )
        return FittedCAV(cav, entry, against, held_out)

    def _image_scores(self, name: str, without: Mapping[int, Float64]) -> ImageScores | None:
        scored = self.scored.get(name)
        if scored is None:
            return None
        return image_scores(without, scored.cells[self.layer], scored.fold, scored.shows, scored.group, scored.left_out)

    def _quality(
        self,
        name: str,
        entry: BankSet,
        against: Contrast,
        sides: tuple[SetStatistics, SetStatistics],
        held_out: tuple[HeldOut, HeldOut],
        by_image: tuple[HeldOut, HeldOut],
        runs: DrawnCAVs,
        scores: ImageScores | None,
    ) -> Quality:
        concept, random = sides
        rng = self._rng(f"quality/{name}")
        grouped = any(image.group is not None for image in (*entry.images, *against.images))
        judged = held_out[0], held_out[1].by_unit(against.unit_ids)
        share, share_interval = accuracy(*judged, rng)
        under, under_interval = auroc(*judged, rng)
        return Quality(
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
            run_cosine=mean_cosine(runs),
            statistics_auroc=statistics_auroc(entry.images, against.images),
            absent=tuple(
                name_of(image)
                for image, score in zip(alone(entry.images, concept), by_image[0].scores, strict=True)
                if score < np.median(by_image[1].scores)
            ),
            location_auroc=region_auroc(entry, against, *held_out) if against.same_images else None,
            groups=count_groups(entry.images) if grouped else None,
            random_groups=count_groups(against.images) if grouped else None,
            image_score_auroc=None if scores is None else scores.auroc,
            image_score_interval=None if scores is None else scores.auroc_interval(self._rng(f"image scores/{name}")),
            strata=associations((entry.images, against.images), (concept, random), by_image, rng),
        )

    def _null(self, name: str, size: int, random: SetStatistics, seen_through: ImageMeans | None) -> DrawnCAVs:
        """Draw null CAVs, once for all concepts with the same random set and the same number of images or groups."""
        pool = random.count
        if pool < MINIMUM_POOL or self.wanted.nulls == 0:
            return DrawnCAVs.none(random.total().channels)
        size = min(size, pool // 2)
        if seen_through is not None:
            rng = self._rng(f"null/{name}")
            return null_cavs(self.solver, random, seen_through, size, self.wanted.nulls, rng)
        with self.lock:
            if (id(random), size) not in self.nulls:
                rng = self._rng(f"null/{size}")
                self.nulls[id(random), size] = null_cavs(self.solver, random, None, size, self.wanted.nulls, rng)
        return self.nulls[id(random), size]

    def _permuted(self, name: str, concept: SetStatistics, random: SetStatistics) -> DrawnCAVs:
        return permuted_cavs(self.solver, concept, random, self.wanted.nulls, self._rng(f"dealt/{name}"))

    def _rng(self, purpose: str) -> np.random.Generator:
        """Return a generator that depends only on the seed, the layer and the purpose."""
        digest = hashlib.sha256(f"{self.layer}/{purpose}".encode()).digest()
        return np.random.default_rng([self.seed, int.from_bytes(digest[:8], "little")])


def settled(solver: MomentSolver, entry: BankSet, against: Contrast, concept: SetStatistics) -> MomentSolver:
    """Return the solver with its automatic parameters set."""
    evidence = Evidence(concept.count, against.same_images, kind_auroc(concept, against.statistics))
    return solver.settled(evidence)


def learned_from(
    key: tuple[str, str],
    concept: SetStatistics,
    random: SetStatistics,
    pasted: Mapping[tuple[str, str], SetStatistics],
) -> tuple[SetStatistics, SetStatistics]:
    """Return the sets that the direction is fitted on: with the pasted locations, if they are taken."""
    if key not in pasted:
        return concept, random
    return mixed(concept, pasted[key]), mixed(random, pasted[key[0], RANDOM])
