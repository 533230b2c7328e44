"""T3: whether the contribution of an element is the change of the logit that its texture makes.

The truth of an element and a question is computed: the scene is rendered again with the element plain, everything else
unchanged, and the network is run again::

    truth = z(scene) - z(scene with the element plain)

The value of a map for the element is its sum over the cells whose effective receptive field reaches the element. Rivals
without a map give every location the same value.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sacv.errors import MissingExtraError
from sacv.maps.methods import Gradient, GradientTimesConcept, Method
from sacv.optional import require
from sacv.scores import score
from sacv.solvers import LDA, Logistic, MeanDifference, Solver, UnitLength
from sacv.synthetic.scenes import SceneSpec, render
from sacv.synthetic.textures import COLOURS
from sacv_bench.agreement import background_mass, sign_accuracy, spearman
from sacv_bench.baselines import grad_cam, gradient_times_input, random_map
from sacv_bench.examples import Example, best_and_worst
from sacv_bench.intervals import bootstrap
from sacv_bench.localisation import OURS, PAPER, input_gradients
from sacv_bench.rivals.captum_tcav import captum_scores
from sacv_bench.rivals.tcav import local_map
from sacv_bench.rivals.visual_tcav import attribution_map, emblems, integrated_gradients, pooled_difference
from sacv_bench.study import Guided, Seen, Study, staged
from sacv_bench.tables import Table, row, table_of

Map = NDArray[np.floating]
Contributor = Callable[[Guided, Seen, int], Map]
"""From concept images, scenes and a question to maps `(n, *grid)`, or `(n,)` where there is no map."""

PLAIN = "plain"
LEAST = 1.0
"""Changes of the logit below this have no sign worth asking for."""

DRAWN = (OURS, "SACV, defaults, gradient", f"{PAPER}, gradient gated", "Visual-TCAV", "Grad-CAM of the class")
"""Rivals whose maps the report shows."""

CAPTUM_SEEDS = 1
"""Draws of concept images for captum, which takes a minute for each."""


def _ours(solver: Solver | None, method: Method | None) -> Contributor:
    def maps(guided: Guided, seen: Seen, question: int) -> Map:
        found = guided.explained(seen, question, solver, method)
        return found.contribution(guided.study.layer, guided.concept)

    return maps


def _gated(solver: Solver | None, method: Method | None) -> Contributor:
    """Set the contribution to 0 outside the relevant locations, as the SACV score does."""

    def maps(guided: Guided, seen: Seen, question: int) -> Map:
        found = guided.explained(seen, question, solver, method)
        layer, concept = guided.study.layer, guided.concept
        return found.contribution(layer, concept) * (found.relevance(layer, concept) > 0)

    return maps


def _pooled(guided: Guided, seen: Seen, question: int) -> Map:
    return _whole(local_map(guided.pooled, seen.gradients[:, question]))


def _flattened(guided: Guided, seen: Seen, question: int) -> Map:
    return _whole(local_map(guided.flattened, seen.gradients[:, question]))


def _whole(maps: Map) -> Map:
    found: Map = maps.sum(axis=tuple(range(1, maps.ndim)))
    return found


def _visual(guided: Guided, seen: Seen, question: int) -> Map:
    """Return Visual-TCAV's attribution, weighed by the rise of the logit so that scenes can be compared."""
    study = guided.study
    vector = pooled_difference(guided.cells, guided.other_cells)
    scale = emblems(guided.cells, guided.other_cells, vector)
    cells = torch.from_numpy(seen.cells)
    select = partial(torch.select, dim=1, index=question)

    def forward(points: torch.Tensor) -> torch.Tensor:
        return study.model.resume(seen.inputs, study.layer, points, select)

    mean = integrated_gradients(forward, cells, steps=study.effort.steps)
    empty = forward(torch.zeros_like(cells)).detach().double().numpy()
    rise = np.maximum(seen.logits[:, question] - empty, 0)
    return attribution_map(mean, seen.cells, vector, scale, rise)


def _grad_cam(guided: Guided, seen: Seen, question: int) -> Map:
    return grad_cam(seen.cells, seen.gradients[:, question])


def _gradient_times_input(guided: Guided, seen: Seen, question: int) -> Map:
    gradients = input_gradients(guided.study, seen, question)
    return gradient_times_input(gradients, seen.inputs.numpy(), guided.study.grid)


def _random(guided: Guided, seen: Seen, question: int) -> Map:
    seeds = guided.seed * 10_000 + question * 1_000 + np.arange(len(seen.scenes))
    return np.stack([random_map(guided.study.grid, int(seed)) - 0.5 for seed in seeds])


CONTRIBUTORS: dict[str, Contributor] = {
    OURS: _ours(None, None),
    "SACV, defaults, gated": _gated(None, None),
    "SACV, defaults, read along v": _ours(UnitLength(MeanDifference(), smoothing=1.0), None),
    "SACV, defaults, along the detector": _ours(UnitLength(LDA(0.8), smoothing=1.0), None),
    "SACV, MeanDifference": _ours(MeanDifference(), None),
    "SACV, defaults, relevance x gradient": _ours(None, GradientTimesConcept()),
    "SACV, defaults, gradient gated": _gated(None, Gradient()),
    "SACV, defaults, gradient": _ours(None, Gradient()),
    f"{PAPER}, gradient gated": _gated(Logistic(), Gradient()),
    "TCAV, flattened": _flattened,
    "TCAV, pooled": _pooled,
    "Visual-TCAV": _visual,
    "Grad-CAM of the class": _grad_cam,
    "gradient x input of the class": _gradient_times_input,
    "random": _random,
}


@dataclass(frozen=True, eq=False)
class Pairs:
    """Elements and questions, with the truth and the values of a rival.

    Parameters
    ----------
    truth, found
        Changes of the logit, and sums of the maps, `(pairs,)`.
    background
        Share of the map's mass away from the element; NaN where there is no map.
    role
        Of the concept to the question: "used", "opposing" or "unused".
    image
        Number of the scene.
    """

    truth: NDArray[np.float64]
    found: NDArray[np.float64]
    background: NDArray[np.float64]
    role: NDArray[np.str_]
    image: NDArray[np.int64]

    def __getitem__(self, chosen: NDArray[np.bool_]) -> Pairs:
        """Return the pairs chosen, bool `(pairs,)`."""
        return Pairs(
            self.truth[chosen], self.found[chosen], self.background[chosen], self.role[chosen], self.image[chosen]
        )


def changes(study: Study, seen: Seen, element: int = 0) -> NDArray[np.float64]:
    """Return the change of every logit that the texture of an element makes, float64 `(n, questions)`."""
    without = [render(scene.spec.with_texture(element, PLAIN)).image for scene in seen.scenes]
    return seen.logits.astype(np.float64) - study.logits(without)


def scenes_of(study: Study, concept: str, rng: np.random.Generator) -> Seen:
    """Render scenes whose first element wears a concept, in each bin of areas from 2 % on."""
    areas = [area for area in study.areas if area[0] >= 0.02] * study.effort.scenes
    return study.see([staged(study.world, rng, concept, area=area) for area in areas])


def pairs_of(guided: Guided, seen: Seen, truth: NDArray[np.float64], rival: Contributor, first: int) -> Pairs:
    """Measure a rival on every scene and question."""
    near = [guided.study.near(scene.masks[0]) for scene in seen.scenes]
    parts = []
    for number, question in enumerate(guided.study.questions):
        maps = np.asarray(rival(guided, seen, number), dtype=np.float64)
        sums, away = maps, np.full(len(maps), np.nan)
        if maps.ndim > 1:
            sums = np.array([one[cells].sum() for one, cells in zip(maps, near, strict=True)])
            away = np.array([background_mass(one, cells) for one, cells in zip(maps, near, strict=True)])
        role = np.full(len(maps), question.role(guided.concept))
        parts.append(Pairs(truth[:, number], sums, away, role, first + np.arange(len(maps))))
    return joined(parts)


def joined(parts: Sequence[Pairs]) -> Pairs:
    """Join pairs."""
    return Pairs(
        np.concatenate([part.truth for part in parts]),
        np.concatenate([part.found for part in parts]),
        np.concatenate([part.background for part in parts]),
        np.concatenate([part.role for part in parts]),
        np.concatenate([part.image for part in parts]),
    )


def _rows(rival: str, pairs: Pairs, seed: int) -> list[dict[str, object]]:
    found = []
    conditions = {"all elements": np.ones(len(pairs.role), dtype=bool)}
    conditions |= {f"{role} by the question": pairs.role == role for role in ("used", "opposing", "unused")}
    for condition, chosen in conditions.items():
        one = pairs[chosen]
        images = len(np.unique(one.image))
        interval = bootstrap((one.found, one.truth), one.image, seed, statistic=spearman)
        found.append(row(condition, rival, "Spearman", spearman(one.found, one.truth), images, interval, 0.0))
        signed = partial(sign_accuracy, least=LEAST)
        interval = bootstrap((one.found, one.truth), one.image, seed, statistic=signed)
        found.append(row(condition, rival, "sign accuracy", signed(one.found, one.truth), images, interval, 0.5))
        if np.isfinite(one.background).any():
            mass = float(np.nanmean(one.background))
            found.append(row(condition, rival, "mass away from the element", mass, images))
    return found


def contribution(study: Study, seed: int) -> Table:
    """Measure T3."""
    parts: dict[str, list[Pairs]] = {}
    examples: list[Example] = []
    for number in range(study.effort.seeds):
        for position, concept in enumerate(study.world.concepts):
            seen = scenes_of(study, concept, np.random.default_rng([seed, number, position, 3]))
            guided = study.guided(concept, seed + number)
            truth = changes(study, seen)
            first = (number * len(study.world.concepts) + position) * len(seen.scenes)
            for rival, maps in _rivals(number).items():
                parts.setdefault(rival, []).append(pairs_of(guided, seen, truth, maps, first))
            if number == 0:
                examples += _examples(guided, seen, truth)
    rows = [one for rival, found in parts.items() for one in _rows(rival, joined(found), seed)]
    return table_of(
        "T3",
        "Is the contribution the change that the concept makes?",
        f"{study.about}: an element's contribution to each question's logit, against the change of the logit when the "
        f"element's texture becomes plain. Signs are compared if that change is at least {LEAST:g} logit. captum "
        "runs on fewer draws of concept images.",
        [*rows, *_called(study, seed)],
        best_and_worst(examples, "Contribution to the concept's own question", signed=True),
    )


def _examples(guided: Guided, seen: Seen, truth: NDArray[np.float64]) -> list[Example]:
    """Return examples of the concept's own question, scored by the error of the sum."""
    question = guided.study.own_question(guided.concept)
    maps = {name: np.asarray(CONTRIBUTORS[name](guided, seen, question)) for name in DRAWN if name in CONTRIBUTORS}
    found = []
    for number, scene in enumerate(seen.scenes if OURS in maps else ()):
        total = float(maps[OURS][number][guided.study.near(scene.masks[0])].sum())
        caption = f"{guided.concept}: true {truth[number, question]:+.1f}, ours {total:+.1f}"
        shown = {name: values[number] for name, values in maps.items()}
        found.append(Example(scene, caption, shown, -abs(total - float(truth[number, question]))))
    return found


def _rivals(number: int) -> dict[str, Contributor]:
    return CONTRIBUTORS | ({"TCAV, captum": _captum} if number < CAPTUM_SEEDS and _has_captum() else {})


def _has_captum() -> bool:
    try:
        require("captum.concept", extra="captum", package="sacv-bench")
    except MissingExtraError:
        return False
    return True


def _captum(guided: Guided, seen: Seen, question: int) -> Map:
    study = guided.study
    with tempfile.TemporaryDirectory() as folder:
        return captum_scores(
            study.model.net,
            study.layer,
            study.inputs(guided.shown),
            study.inputs(guided.others),
            seen.inputs,
            question,
            Path(folder) / "captum",
            seed=guided.seed,
        ).sensitivity


def _called(study: Study, seed: int) -> list[dict[str, object]]:
    """Ask the significance of the SACV score of concepts that no question uses, and of those that one uses.

    The unused ones are colours: their truth, too, is computed, by painting the element in another colour.
    """
    calls: dict[str, list[float]] = {"unused concepts": [], "used concepts": []}
    sizes: dict[str, list[float]] = {"unused concepts": [], "used concepts": []}
    colours = tuple(COLOURS)
    for number in range(study.effort.seeds):
        for position, concept in enumerate((*study.world.concepts, colours[number % len(colours)])):
            rng = np.random.default_rng([seed, number, position, 4])
            used = concept in study.world.concepts
            seen = scenes_of(study, concept, rng) if used else study.see(_coloured(study, concept, rng))
            truth = changes(study, seen) if used else _recoloured(study, seen, rng)
            bank = study.guided(concept, seed + number).bank(runs=20, nulls=199)
            wanted = [index for index, question in enumerate(study.questions) if question.role(concept) != "unused"]
            for question in wanted if used else range(len(study.questions)):
                table = score(study.model, seen.images, bank, question, allow_weak=True).table
                kind = "used concepts" if used else "unused concepts"
                calls[kind].append(float(table["p"][table["score"] == "sacv"].to_numpy()[0] <= 0.05))
                sizes[kind].append(float(np.abs(truth[:, question]).mean()))
    rows = []
    for kind in calls:
        called = f"{kind.split()[0]} called contributing"
        rows.append(row(kind, OURS, called, float(np.mean(calls[kind])), len(calls[kind])))
        rows.append(row(kind, OURS, "mean true change", float(np.mean(sizes[kind])), len(sizes[kind])))
    return rows


def _coloured(study: Study, colour: str, rng: np.random.Generator) -> list[SceneSpec]:
    specs = []
    for area in [area for area in study.areas if area[0] >= 0.02] * study.effort.scenes:
        name = study.world.concepts[int(rng.integers(len(study.world.concepts)))]
        specs.append(study.world.scene(rng, (study.world.element(rng, texture=name, area=area, colour=colour),)))
    return specs


def _recoloured(study: Study, seen: Seen, rng: np.random.Generator) -> NDArray[np.float64]:
    without = []
    for scene in seen.scenes:
        element = scene.spec.elements[0]
        others = [name for name in COLOURS if name != element.colour]
        changed = replace(element, colour=others[int(rng.integers(len(others)))])
        without.append(render(scene.spec.with_element(0, changed)).image)
    return seen.logits.astype(np.float64) - study.logits(without)
