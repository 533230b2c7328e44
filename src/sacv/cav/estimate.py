"""Estimate the CAVs of all layers and concepts from the statistics of the sets, without a pass over images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import product

import torch

from sacv.cav.blas import blas
from sacv.cav.contrast import contrast, pool_key
from sacv.cav.draws import Draws, inner
from sacv.cav.hard_negatives import Problem
from sacv.cav.layer_fit import FittedCAV, LayerFit, learned_from, settled
from sacv.cav.other_concepts import with_other_concepts
from sacv.cav.scored_images import Scored
from sacv.cav.sets import BankSet
from sacv.cav.statistics import ImageMeans, SetStatistics
from sacv.cav.vector import CAV
from sacv.engine.prefetch import ahead
from sacv.solvers import MomentSolver, Solver

MOST_THREADS = 4
"""Maximum number of concepts that are fitted at the same time; each needs memory for some covariances."""


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
    """Fit a CAV for each layer and concept.

    The random set is the last of `sets`; `rests` are the random sets of single concepts. `statistics` and `pasted`
    (`sacv.cav.context`) are by layer and key of the set, and so is `seen_through`, of concepts with regions: the means
    of the random images under their masks. `scored` are, by concept, the images that image scores are computed for.
    Raises SolverError if a concept and the random set do not differ.
    """
    found: list[CAV] = []
    # Solvers that need samples may be a library's, which need not be safe to run in several threads.
    threads = min(torch.get_num_threads(), MOST_THREADS) if isinstance(inner(solver), MomentSolver) else 1
    with blas().limit(limits=1):  # see sacv.cav.extraction
        for layer in layers:
            work = LayerFit(layer, inner(solver), wanted, seed, {}, pasted or {}, scored or {})

            def fit(entry: BankSet, layer: str = layer, work: LayerFit = work) -> FittedCAV:
                return work.fit(
                    entry,
                    contrast(layer, entry, sets[-1], rests, statistics),
                    statistics[layer, entry.key],
                    statistics[layer, pool_key(entry, rests)],
                    seen_through.get((layer, entry.key)),
                )

            with closing(ahead(fit, sets[:-1], threads)) as concepts:
                fitted = list(concepts)
            found += [with_other_concepts(each, fitted, statistics) for each in fitted]
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
    """Return the moments that each detector is fitted on, by layer and concept; empty for solvers that need samples.

    For the parameters see `estimate`.
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
