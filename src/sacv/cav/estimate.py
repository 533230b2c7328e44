"""From what the layers say of the sets of images to CAVs with their figures; no image is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from sacv.cav.contrast import contrast, pool_key
from sacv.cav.draws import Draws, inner
from sacv.cav.hard_negatives import Problem
from sacv.cav.layer_fit import LayerFit, learned_from, settled
from sacv.cav.other_concepts import with_other_concepts
from sacv.cav.scored_images import Scored
from sacv.cav.sets import BankSet
from sacv.cav.statistics import ImageMeans, SetStatistics
from sacv.cav.vector import CAV
from sacv.solvers import MomentSolver, Solver

Float64 = NDArray[np.float64]


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
            work = LayerFit(layer, inner(solver), wanted, seed, {}, pasted or {}, scored or {})
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
            found += [with_other_concepts(one, fitted, statistics) for one in fitted]
    return tuple(found)


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
        sides = learned_from((layer, entry.key), concept, against.statistics, pasted)
        chosen = settled(moments, entry, against, concept)
        found[layer, str(entry.concept)] = Problem(chosen, *(side.total() for side in sides))
    return found
