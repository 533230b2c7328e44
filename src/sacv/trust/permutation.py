"""Label permutation: a solver must not separate sets that differ only by chance.

Images of the concept and of the pool are split into two halves; a CAV is fitted on one and evaluated on the other
by its AUROC over images, and vice versa. The AUROC with the true labels must exceed those with permuted labels, which
must be around 0.5. Images of a group, such as a patient, count as one; a group of both sets is in one half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sacv.cav import ConceptBank
from sacv.cav.quality import area
from sacv.cav.sets import independent_units
from sacv.cav.statistics import ImageMeans, SetStatistics
from sacv.errors import SolverError
from sacv.solvers import MomentSolver, SampleSolver, UnitLength, rebuild, unit
from sacv.stats import LocationSample, common_folds

Labels = NDArray[np.bool_]


@dataclass(frozen=True)
class Permutation:
    """The outcome."""

    true: float
    """AUROC over held-out images with the true labels."""
    permuted: tuple[float, ...]
    """With labels permuted."""


def permute(bank: ConceptBank, layer: str, concept: str, count: int, rng: np.random.Generator) -> Permutation:
    """Evaluate a concept's solver with the true labels and with `count` permutations."""
    against = bank.against(layer, concept)
    sides = (bank.statistics[layer, f"concept/{concept}"], against.statistics)
    solver = rebuild(bank.solver)
    work = _Work(
        solver.solver if isinstance(solver, UnitLength) else solver,  # type: ignore[arg-type]
        sides,
        ImageMeans.union([side.images for side in sides]),
        LocationSample.union([side.sample for side in sides], [len(side.image_fold) for side in sides]),
    )
    images = [len(side.image_fold) for side in sides]
    labels = np.repeat([True, False], images)
    (entry,) = (entry for entry in bank.sets if entry.concept == concept)
    halves = _halves(np.split(independent_units([*entry.images, *against.images]), images[:1]), rng)
    return Permutation(
        work.judge(labels, halves), tuple(work.judge(rng.permutation(labels), halves) for _ in range(count))
    )


def _halves(sides: Sequence[NDArray[np.int64]], rng: np.random.Generator) -> Labels:
    """Halve the units of both sides, as evenly as possible; `sides` holds the group number of each unit."""
    if len(set(np.concatenate(sides).tolist())) == sum(map(len, sides)):
        return np.concatenate([rng.permutation(np.arange(len(side)) % 2) for side in sides]).astype(bool)
    named = [[str(thing) for thing in side.tolist()] for side in sides]
    half = common_folds(named, 2, rng)
    return np.array([half[thing] for side in named for thing in side], dtype=bool)


@dataclass(frozen=True, eq=False)
class _Work:
    solver: MomentSolver | SampleSolver
    sides: tuple[SetStatistics, SetStatistics]
    images: ImageMeans
    sample: LocationSample

    def judge(self, labels: Labels, halves: Labels) -> float:
        areas = []
        for held in (halves, ~halves):
            if not all((labels & part).any() and (~labels & part).any() for part in (held, ~held)):
                return 0.5
            vector = self._fit(labels, ~held)
            scores = self.images.means @ vector
            areas.append(area(scores[labels & held], scores[~labels & held]))
        return float(np.mean(areas))

    def _fit(self, labels: Labels, used: Labels) -> NDArray[np.float64]:
        difference = self.images.of(labels & used) - self.images.of(~labels & used)
        if isinstance(self.solver, MomentSolver):
            within = self.sides[0].total().within
            found = self.solver.directions(difference[None], lambda: within(self.sides[1].total()))[0]
            return unit(found, difference)
        try:
            return self.solver.solve(*(self.sample.of_images(part & used) for part in (labels, ~labels))).vector
        except SolverError:  # permuted labels may leave no difference
            return unit(difference, difference)
