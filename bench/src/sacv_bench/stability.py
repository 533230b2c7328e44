"""T5: whether another draw of concept images and of random images gives the same direction and the same maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import spearmanr

from sacv.solvers import LDA, Logistic, MeanDifference, Solver
from sacv_bench.contribution import scenes_of
from sacv_bench.localisation import OURS, PAPER
from sacv_bench.rivals.notebook import notebook_direction
from sacv_bench.rivals.tcav import flattened_cav, local_map, pooled_cav
from sacv_bench.study import Guided, Seen, Study
from sacv_bench.tables import Table, averages

Values = NDArray[np.floating]
Found = tuple[Values, Mapping[str, Values]]
"""A direction, and maps `(n, *grid)` by name."""

MOST_DRAWS = 5
"""Draws compared with each other."""


def _sacv(solver: Solver | None) -> Callable[[Guided, Seen, int], Found]:
    def find(guided: Guided, seen: Seen, question: int) -> Found:
        found = guided.explained(seen, question, solver)
        layer, concept = guided.study.layer, guided.concept
        maps = {"relevance": found.relevance(layer, concept), "contribution": found.contribution(layer, concept)}
        return guided.bank(solver).cavs[0].vector, maps

    return find


def _tcav(cav: Callable[[Values, Values, int], Values]) -> Callable[[Guided, Seen, int], Found]:
    def find(guided: Guided, seen: Seen, question: int) -> Found:
        vector = cav(guided.cells, guided.other_cells, guided.seed)
        maps = {
            "relevance": local_map(vector, seen.cells),
            "contribution": local_map(vector, seen.gradients[:, question]),
        }
        return vector, maps

    return find


FINDERS: dict[str, Callable[[Guided, Seen, int], Found]] = {
    OURS: _sacv(None),
    "SACV, MeanDifference": _sacv(MeanDifference()),
    "SACV, LDA(0.1)": _sacv(LDA(0.1)),
    PAPER: _sacv(Logistic()),
    "TCAV, flattened": _tcav(flattened_cav),
    "TCAV, pooled": _tcav(pooled_cav),
    "notebook as published": _tcav(notebook_direction),
}


def stability(study: Study, seed: int) -> Table:
    """Measure T5."""
    records: list[dict[str, object]] = []
    draws = min(max(study.effort.seeds, 2), MOST_DRAWS)
    for position, concept in enumerate(study.world.concepts):
        seen = scenes_of(study, concept, np.random.default_rng([seed, position, 6]))
        question = study.own_question(concept)
        for rival, find in FINDERS.items():
            found = [find(study.guided(concept, seed + number), seen, question) for number in range(draws)]
            for pair, (one, other) in enumerate(combinations(found, 2)):
                image = position * 1000 + pair
                values = {"cosine between runs": _cosine(one[0], other[0])}
                for name in one[1]:
                    values[f"{name}, rank correlation"] = _rank(one[1][name], other[1][name])
                records += [
                    {
                        "condition": "two draws",
                        "rival": rival,
                        "metric": metric,
                        "image": image,
                        "value": value,
                        "random": 0.0,
                    }
                    for metric, value in values.items()
                ]
    return Table(
        "T5",
        "Does another draw of concept images give the same maps?",
        f"{study.about}: {draws} draws of concept images and random images, compared in pairs on the same scenes; "
        "the rank correlation is over the locations of a map, averaged over scenes.",
        averages(pd.DataFrame(records), seed),
    )


def _cosine(one: Values, other: Values) -> float:
    return float(one.ravel() @ other.ravel() / np.linalg.norm(one) / np.linalg.norm(other))


def _rank(one: Values, other: Values) -> float:
    found = [
        float(spearmanr(first.ravel(), second.ravel()).statistic)
        for first, second in zip(one, other, strict=True)
        if np.ptp(first) > 0 and np.ptp(second) > 0
    ]
    return float(np.mean(found)) if found else np.nan
