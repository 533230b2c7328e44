"""Layers: held-out quality of concept images, compared with the true quality of each layer.

The advice of `sacv layers --bank` was chosen on this table, on the development networks and the network of the lesions.
"""

from __future__ import annotations

import numpy as np

from sacv.cav import fit
from sacv.trust.advice import LayerAdvice, advise
from sacv_bench.agreement import sign_accuracy, spearman
from sacv_bench.contribution import CONTRIBUTORS, LEAST, changes, joined, pairs_of, scenes_of
from sacv_bench.localisation import OURS, RIVALS
from sacv_bench.metrics import auroc
from sacv_bench.networks import Trained
from sacv_bench.sizes import Effort
from sacv_bench.study import Study, bench_model
from sacv_bench.tables import Table, row, table_of

CANDIDATES = {
    "plain-development": tuple(f"blocks.{number}" for number in range(6)),
    "residual-development": ("stem", *(f"blocks.{number}" for number in range(4))),
    "residual-held-out": ("stem", *(f"blocks.{number}" for number in range(4))),
    "transformer-held-out": ("stem", *(f"blocks.{number}" for number in range(3))),
    "plain-lesions": tuple(f"blocks.{number}" for number in range(6)),
}
"""Layers of each network, from shallow to deep."""


def ranked(trained: Trained, effort: Effort, seed: int) -> tuple[LayerAdvice, ...]:
    """Rank the layers of a network of the bench from concept images alone, the best first."""
    model, world = bench_model(trained), trained.world
    concepts = {concept: world.concept_images(concept, effort.guidance, seed) for concept in world.concepts}
    bank = fit(
        model,
        CANDIDATES[trained.name],
        concepts,
        world.neutral(effort.others, seed),
        absent=(),
        runs=5,
        nulls=0,
        seed=seed,
    )
    return advise(model, bank)


def layers(study: Study, seed: int) -> Table:
    """Measure every candidate layer of a network."""
    rows: list[dict[str, object]] = []
    for rank, advice in enumerate(ranked(study.trained, study.effort, seed), start=1):
        condition = f"{rank}. {advice.layer}"
        rows.append(
            row(condition, OURS, "held-out AUROC of concept images", advice.auroc, study.effort.guidance, random=0.5)
        )
        if advice.run_cosine is not None:
            rows.append(row(condition, OURS, "cosine between runs", advice.run_cosine, study.effort.guidance))
        rows += _truth(Study(study.trained, advice.layer, study.effort), condition, seed)
    return table_of(
        "layers",
        "Which layer answers?",
        f"{study.trained.name}: its layers in the order of the advice, which uses concept images alone, with the AUROC "
        "of locations and the agreement of contributions (Spearman, sign accuracy) at each.",
        rows,
    )


def _truth(study: Study, condition: str, seed: int) -> list[dict[str, object]]:
    areas, parts = [], []
    for position, concept in enumerate(study.world.concepts):
        seen = scenes_of(study, concept, np.random.default_rng([seed, position, 11]))
        guided = study.guided(concept, seed)
        for shown, scene in zip(RIVALS[OURS](guided, seen), seen.scenes, strict=True):
            shares = study.shares(scene.showing(concept))
            if (shares >= 0.5).any() and (shares < 0.5).any():
                areas.append(auroc(shown, shares))
        parts.append(pairs_of(guided, seen, changes(study, seen), CONTRIBUTORS[OURS], 1000 * position))
    pairs, count = joined(parts), len(areas)
    return [
        row(condition, OURS, "AUROC of locations", float(np.mean(areas)), count, random=0.5),
        row(condition, OURS, "Spearman", spearman(pairs.found, pairs.truth), count, random=0.0),
        row(condition, OURS, "sign accuracy", sign_accuracy(pairs.found, pairs.truth, LEAST), count, random=0.5),
    ]
