r"""Hard negatives: the direction of the presence mask.

A detector that is fitted against the rest of the annotated images has seen few other images. So part of the absent
images give hard negatives, and the others calibrate the presence mask. C and R are the locations of the concept and of
its random set, and w is the detector. In each image of the first part, the 10 % of the locations with the greatest
evidence along w are hard negatives H, with the same total weight as R. The solver fits w' on them, and the presence
mask uses both directions::

    w' : C against R and H          u ~ w / sd + w' / sd'          sd the standard deviation of C along each

w separates the concept from its surroundings, w' separates it from other images. w' alone would also detect the
surroundings. docs/bench.md has the experiments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from sacv.cav.blas import blas
from sacv.cav.projection import along
from sacv.solvers import MomentSolver, unit
from sacv.stats import Float64, Moments

HARDEST = 0.1
"""Share of the locations of an image that are hard negatives."""


@dataclass(frozen=True, eq=False)
class Problem:
    """The solver and the moments that a detector is fitted with."""

    solver: MomentSolver
    """The solver, with its automatic parameters set."""
    concept: Moments
    random: Moments
    """Moments of the locations of both sets."""


def sharpened(detector: Float64, problem: Problem, images: Sequence[NDArray[np.floating]]) -> Float64 | None:
    """Compute u, float64 `(channels,)`, L2 norm 1; None if the concept has no variance along w or w'.

    `problem` is what the detector w was fitted with; `images` are the preprocessed activations `(locations, channels)`
    of each image that gives hard negatives. Raises SolverError if the solver cannot compute w'.
    """
    with blas().limit(limits=1):  # see sacv.cav.extraction
        hard = Moments.of(np.concatenate([hardest(detector, cells) for cells in images]))
        negatives = problem.random.merge(hard.times(problem.random.count / hard.count))
        other = problem.solver.solve(problem.concept, negatives).detector
    covariance = problem.concept.covariance
    variances = [float(one @ covariance @ one) for one in (detector, other)]
    if min(variances) <= 0:
        return None
    both = detector / np.sqrt(variances[0]) + other / np.sqrt(variances[1])
    return unit(both, problem.concept.mean - problem.random.mean)


def hardest(detector: Float64, cells: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the 10 % of an image's locations `(locations, channels)` with the greatest evidence, at least one."""
    reached = along(torch.from_numpy(cells)[None], [detector]).numpy().ravel()
    order = np.argsort(-reached, kind="stable")
    return cells[np.sort(order[: max(1, round(HARDEST * len(cells)))])]
