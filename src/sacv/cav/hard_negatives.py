r"""Hard negatives: the direction along which presence is read.

A detector that was told from the rest of its own photos has seen little of what other pictures show. So some of the
pictures without the concept are learned from, and the others calibrate. With C and R the locations of the concept and
of its random set, and w the detector, the tenth of each learned picture's locations that reaches farthest along w are
hard negatives H, which weigh as much as R. The solver that gave w finds w' from them, and presence is read along both::

    w' : C against R and H          u ~ w / sd + w' / sd'          sd the standard deviation of C along each

w knows the thing from what surrounds it, w' from what else there is; along w' alone, the surroundings of the concept
would do. docs/bench.md has the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from sacv.cav.projection import along
from sacv.solvers import MomentSolver, unit
from sacv.stats import Moments

Float64 = NDArray[np.float64]

HARDEST = 0.1
"""Share of a picture's locations that are hard negatives."""


@dataclass(frozen=True, eq=False)
class Problem:
    """What a detector is found from.

    Parameters
    ----------
    solver
        The solver, with what it leaves to the evidence decided.
    concept, random
        The locations of both sides.
    """

    solver: MomentSolver
    concept: Moments
    random: Moments


def sharpened(detector: Float64, problem: Problem, pictures: Sequence[NDArray[np.floating]]) -> Float64 | None:
    """Give u, float64 `(channels,)`, L2 norm 1; none where the concept does not vary along a direction.

    Parameters
    ----------
    detector
        w, float64 `(channels,)`.
    problem
        What w was found from.
    pictures
        Of each picture that is learned from, the activations `(locations, channels)`, as the CAV reads them.

    Raises
    ------
    SolverError
        If the solver finds no direction.
    """
    with threadpool_limits(1, user_api="blas"):  # see sacv.cav.extraction
        hard = Moments.of(np.concatenate([hardest(detector, cells) for cells in pictures]))
        negatives = problem.random.merge(hard.times(problem.random.count / hard.count))
        other = problem.solver.solve(problem.concept, negatives).detector
    covariance = problem.concept.covariance
    variances = [float(one @ covariance @ one) for one in (detector, other)]
    if min(variances) <= 0:
        return None
    both = detector / np.sqrt(variances[0]) + other / np.sqrt(variances[1])
    return unit(both, problem.concept.mean - problem.random.mean)


def hardest(detector: Float64, cells: NDArray[np.floating]) -> NDArray[np.floating]:
    """Give the tenth of a picture's locations `(locations, channels)` that reaches farthest, one at least."""
    reached = along(torch.from_numpy(cells)[None], [detector]).numpy().ravel()
    order = np.argsort(-reached, kind="stable")
    return cells[np.sort(order[: max(1, round(HARDEST * len(cells)))])]
