"""T4: the paper's headline, whether the background interferes with the score when the object is small.

A scene has one object that wears a concept which its question uses. Behind it stands one of the world's own
backgrounds (neutral), the concept itself, or what the question must not see (opposing). The truth is the sign of the
change of the logit that the object's texture makes, computed as in T3; a score of the whole image agrees with it or
not, and the share of scenes where it does should not fall as the object shrinks.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sacv.maps.methods import Gradient, Method
from sacv.solvers import Logistic, MeanDifference, Solver
from sacv_bench.contribution import LEAST, changes
from sacv_bench.localisation import OURS, PAPER
from sacv_bench.rivals.tcav import sensitivity
from sacv_bench.study import Guided, Seen, Study, bin_name
from sacv_bench.tables import Table, averages

Scorer = Callable[[Guided, Seen, int], NDArray[np.floating]]
"""From concept images, scenes and a question to a score of each image, `(n,)`."""

BEHIND = ("neutral", "concept", "opposing")


def _sacv(solver: Solver | None, method: Method | None, column: str) -> Scorer:
    def scores(guided: Guided, seen: Seen, question: int) -> NDArray[np.floating]:
        table = guided.explained(seen, question, solver, method).scores()
        return table[column].to_numpy(dtype=np.float64)

    return scores


SCORERS: dict[str, Scorer] = {
    OURS: _sacv(None, None, "sacv_score"),
    "SACV, defaults, all locations": _sacv(None, None, "contribution_sum"),
    "SACV, defaults, gradient gated": _sacv(None, Gradient(), "sacv_score"),
    "SACV, MeanDifference, gradient gated": _sacv(MeanDifference(), Gradient(), "sacv_score"),
    "SACV, MeanDifference, gradient, all locations": _sacv(MeanDifference(), Gradient(), "contribution_sum"),
    f"{PAPER}, gradient gated": _sacv(Logistic(), Gradient(), "sacv_score"),
    f"{PAPER}, gradient, all locations": _sacv(Logistic(), Gradient(), "contribution_sum"),
    "TCAV, flattened": lambda guided, seen, question: sensitivity(guided.flattened, seen.gradients[:, question]),
    "TCAV, pooled": lambda guided, seen, question: sensitivity(guided.pooled, seen.gradients[:, question]),
}


def interference(study: Study, seed: int) -> Table:
    """Measure T4."""
    records: list[dict[str, object]] = []
    first = 0
    for number in range(study.effort.seeds):
        for index, question in enumerate(study.questions):
            guided = study.guided(question.needs, seed + number)
            rng = np.random.default_rng([seed, number, index, 5])
            behind = {"neutral": None, "concept": question.needs, "opposing": question.without}
            cells = [
                (kind, area)
                for kind in BEHIND
                if kind == "neutral" or behind[kind] is not None
                for area in study.areas
                for _ in range(study.effort.scenes)
            ]
            specs = [
                study.world.scene(
                    rng, (study.world.element(rng, texture=question.needs, area=area),), background=behind[kind]
                )
                for kind, area in cells
            ]
            seen = study.see(specs)
            truth = changes(study, seen)[:, index]
            large = np.abs(truth) >= LEAST
            for rival, scorer in SCORERS.items():
                agree = np.sign(scorer(guided, seen, index)) == np.sign(truth)
                for scene in np.flatnonzero(large):
                    kind, area = cells[scene]
                    for condition in (bin_name(area), f"{bin_name(area)}, {kind} behind"):
                        records.append(
                            {
                                "condition": condition,
                                "rival": rival,
                                "metric": "sign agreement",
                                "image": first + int(scene),
                                "value": float(agree[scene]),
                                "random": 0.5,
                            }
                        )
            first += len(specs)
    return Table(
        "T4",
        "Does the background interfere when the object is small?",
        f"{study.about}: share of scenes where the sign of an image's score is that of the change of the logit that "
        f"the object's texture makes (at least {LEAST:g} logit), by area of the object and by background.",
        averages(pd.DataFrame(records), seed),
    )
