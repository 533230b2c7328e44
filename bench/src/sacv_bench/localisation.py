"""T2: whether the map finds the concept, by size of the object and by background.

Scenes have an element that wears the concept, on each background and in each bin of areas; what else wears the concept
counts as it too. A map is measured against the mask on the layer's grid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image

from sacv.solvers import LDA, Logistic, MeanDifference, Ridge, Solver, UnitLength
from sacv.synthetic.scenes import Scene, SceneSpec
from sacv_bench.baselines import activation_norm, edge_strength, grad_cam, gradient_times_input, random_map
from sacv_bench.examples import Example, best_and_worst
from sacv_bench.metrics import PLACE_METRICS, auroc, best_threshold_iou, iou
from sacv_bench.rivals.net2vec import net2vec
from sacv_bench.rivals.notebook import notebook_direction
from sacv_bench.rivals.tcav import local_map
from sacv_bench.rivals.visual_tcav import concept_map, emblems, pooled_difference
from sacv_bench.study import AREAS, Guided, Seen, Study, bin_name, staged
from sacv_bench.tables import Table, averages

Map = NDArray[np.floating]
Rival = Callable[[Guided, Seen], Map]
"""From concept images and scenes to maps `(n, *grid)`, greater where the concept is."""

OURS = "SACV, defaults"
"""The package as a user gets it."""

PAPER = "SACV as in the paper, Logistic"

SOLVERS: dict[str, Solver | None] = {
    OURS: None,
    "SACV, MeanDifference": MeanDifference(),
    "SACV, Ridge": Ridge(),
    "SACV, LDA(0.1)": LDA(0.1),
    "SACV, defaults, read along v": UnitLength(MeanDifference(), smoothing=1.0),
    "SACV, defaults, not averaged": UnitLength(MeanDifference(0.8)),
    PAPER: Logistic(),
}


def relevance_with(solver: Solver | None) -> Rival:
    """Return the relevance maps of this package, with a solver."""

    def maps(guided: Guided, seen: Seen) -> Map:
        bank = guided.bank(solver)
        cav, cells = bank.cavs[0], torch.from_numpy(seen.cells)
        found: Map = bank.preprocessing(cells).double().numpy() @ cav.detector - cav.threshold
        return found

    return maps


def _flattened(guided: Guided, seen: Seen) -> Map:
    return local_map(guided.flattened, seen.cells)


def _pooled(guided: Guided, seen: Seen) -> Map:
    return local_map(guided.pooled, seen.cells)


def _visual(guided: Guided, seen: Seen) -> Map:
    vector = pooled_difference(guided.cells, guided.other_cells)
    return concept_map(seen.cells, vector, emblems(guided.cells, guided.other_cells, vector))


def _notebook(guided: Guided, seen: Seen) -> Map:
    found: Map = seen.cells.astype(np.float64) @ notebook_direction(guided.cells, guided.other_cells, guided.seed)
    return found


def _net2vec(guided: Guided, seen: Seen) -> Map:
    """Learn from masks of other scenes of the same kind: an upper bound for rivals without masks."""
    study = guided.study
    rng = np.random.default_rng([guided.seed, 77])
    masked = study.see([staged(study.world, rng, guided.concept, area=(0.05, 0.4)) for _ in range(20)])
    shares = np.stack([study.shares(scene.showing(guided.concept)) for scene in masked.scenes])
    found: Map = seen.cells.astype(np.float64) @ net2vec(masked.cells, shares)
    return found


def _grad_cam(guided: Guided, seen: Seen) -> Map:
    return grad_cam(seen.cells, seen.gradients[:, guided.study.own_question(guided.concept)])


def _gradient_times_input(guided: Guided, seen: Seen) -> Map:
    study = guided.study
    gradients = input_gradients(study, seen, study.own_question(guided.concept))
    return gradient_times_input(gradients, seen.inputs.numpy(), study.grid)


def input_gradients(study: Study, seen: Seen, question: int) -> NDArray[np.float32]:
    """Return the gradient of a question's logit with respect to the inputs, `(n, 3, size, size)`."""
    inputs = seen.inputs.clone().requires_grad_()
    (found,) = torch.autograd.grad(study.model.net(inputs)[:, question].sum(), inputs)
    given: NDArray[np.float32] = found.numpy()
    return given


def _edges(guided: Guided, seen: Seen) -> Map:
    return np.stack([edge_strength(Image.fromarray(image), guided.study.grid) for image in seen.images])


def _random(guided: Guided, seen: Seen) -> Map:
    return np.stack(
        [random_map(guided.study.grid, guided.seed * 10_000 + number) for number in range(len(seen.scenes))]
    )


RIVALS: dict[str, Rival] = {
    **{name: relevance_with(solver) for name, solver in SOLVERS.items()},
    "TCAV, flattened": _flattened,
    "TCAV, pooled": _pooled,
    "Visual-TCAV": _visual,
    "Net2Vec, trained on masks": _net2vec,
    "Grad-CAM of the class": _grad_cam,
    "gradient x input of the class": _gradient_times_input,
    "edge strength": _edges,
    "activation norm": lambda guided, seen: activation_norm(seen.cells),
    "notebook as published": _notebook,
    "random": _random,
}

UNSUPERVISED = ("Grad-CAM of the class", "gradient x input of the class", "edge strength", "activation norm", "random")
"""Rivals that use no concept images."""

ALL = "all areas from 2 %"

DRAWN = (OURS, PAPER, "TCAV, pooled", "Visual-TCAV", "Grad-CAM of the class")
"""Rivals whose maps the report shows."""


def localisation(study: Study, seed: int) -> Table:
    """Measure T2."""
    records: list[dict[str, object]] = []
    examples: list[Example] = []
    for number in range(study.effort.seeds):
        for position, concept in enumerate(study.world.concepts):
            specs, cells = _specs(study, concept, np.random.default_rng([seed, number, position]))
            seen = study.see(specs)
            guided = study.guided(concept, seed + number)
            found = {rival: maps(guided, seen) for rival, maps in RIVALS.items()}
            for rival, maps in found.items():
                image = (number * len(study.world.concepts) + position) * len(specs)
                records += _measured(study, concept, seen.scenes, maps, cells, rival, image)
            if number == 0:
                examples += _examples(study, concept, seen.scenes, found)
    return Table(
        "T2",
        "Does the map find the concept?",
        f"{study.about}: relevance maps against the exact mask, by area of the object and by background. IoU is at the "
        "threshold that is best for other images. Scenes without a cell that the mask covers by half are left out.",
        averages(pd.DataFrame(records), seed),
        best_and_worst(examples, "Relevance"),
    )


def _examples(study: Study, concept: str, scenes: Sequence[Scene], maps: Mapping[str, Map]) -> list[Example]:
    found = []
    for number, scene in enumerate(scenes):
        shares = study.shares(scene.showing(concept))
        if (shares >= 0.5).any() and (shares < 0.5).any() and OURS in maps:
            score = auroc(maps[OURS][number], shares)
            caption = f"{concept}, AUROC {score:.2f}"
            shown = {name: maps[name][number] for name in DRAWN if name in maps}
            found.append(Example(scene, caption, shown, score))
    return found


def _specs(study: Study, concept: str, rng: np.random.Generator) -> tuple[list[SceneSpec], list[tuple[str, str]]]:
    specs, cells = [], []
    for area in study.areas:
        for background in study.world.backgrounds:
            for _ in range(study.effort.scenes):
                specs.append(staged(study.world, rng, concept, area=area, background=background))
                cells.append((bin_name(area), background))
    return specs, cells


def _measured(
    study: Study,
    concept: str,
    scenes: Sequence[Scene],
    maps: Map,
    cells: Sequence[tuple[str, str]],
    rival: str,
    first: int,
) -> list[dict[str, object]]:
    shares = [study.shares(scene.showing(concept)) for scene in scenes]
    found: list[dict[str, object]] = []
    judged = [number for number, share in enumerate(shares) if (share >= 0.5).any() and (share < 0.5).any()]
    halves = [[number for number in judged if number % 2 == side] for side in (0, 1)]
    thresholds = [best_threshold_iou([maps[n] for n in half], [shares[n] for n in half]) for half in halves]
    for number in judged:
        area, background = cells[number]
        values = [
            (metric.name, metric.value(maps[number], shares[number]), metric.random(shares[number]))
            for metric in PLACE_METRICS
        ]
        values.append(("IoU", iou(maps[number], shares[number], thresholds[1 - number % 2]), np.nan))
        conditions = [area, f"on {background}"] + [ALL] * (area != bin_name(AREAS[0]))
        found += [
            {
                "condition": condition,
                "rival": rival,
                "metric": name,
                "image": first + number,
                "value": value,
                "random": random,
            }
            for condition in conditions
            for name, value, random in values
        ]
    return found
