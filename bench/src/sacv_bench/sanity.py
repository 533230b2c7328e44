"""T6: false positives without a concept, and the effect of entanglement.

Permuted labels: concept and random images have one distribution. Missing concept: concept images show a texture that no
scene has and that the network was not trained on. In both, any location of the relevance or the derivative mask, and a
p-value of the SACV score of at most 5 %, is a false positive; for the missing concept only the relevance mask counts,
because a direction that no scene shows may still change a logit. Randomised weights: maps of a shuffled network must
differ from those of the trained one. Entangled concept images: all elements of one shape, and no others, are red; the
maps of red are then measured on other shapes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sacv.cav import fit
from sacv.concepts import Region
from sacv.errors import OptionError
from sacv.maps import explain
from sacv.maps.methods import Gradient
from sacv.scores import score
from sacv.synthetic.scenes import SIZE, Element, Scene, render
from sacv.synthetic.textures import TEXTURES, texture
from sacv.trust.randomised import shuffled, similarity
from sacv_bench.contribution import scenes_of
from sacv_bench.localisation import OURS
from sacv_bench.metrics import auroc
from sacv_bench.study import Study
from sacv_bench.tables import Table, row, table_of

SHOWN = 8
"""Scenes explained in each trial."""

LEVEL = 0.05
RED = "red"
FALSE = "family-wise false positives"


def sanity(study: Study, seed: int) -> Table:
    """Measure T6."""
    return table_of(
        "T6",
        "What does it find without a concept?",
        f"{study.about}: share of trials with any false positive, at a level of {LEVEL:.0%}; similarity of maps with "
        "those of shuffled weights; and AUROC of a colour that occurs on one shape of the concept images.",
        [*_permuted(study, seed), *_missing(study, seed), *_randomised(study, seed), *_entangled(study, seed)],
    )


def _permuted(study: Study, seed: int) -> list[dict[str, object]]:
    marks: dict[str, list[bool]] = {"relevance mask": [], "derivative mask": [], "SACV score": []}
    for trial in range(study.effort.trials):
        rng = np.random.default_rng([seed, trial, 7])
        images = [_frame(study, str(rng.choice(study.world.textures)), rng) for _ in range(60)]
        scenes = [render(study.world.random_scene(rng)).image for _ in range(SHOWN)]
        question = int(rng.integers(len(study.questions)))
        bank = fit(
            study.model, [study.layer], {"nothing": images[:20]}, images[20:], runs=5, folds=2, locations=8, seed=trial
        )
        found = explain(study.model, scenes, bank, question, method=Gradient(), checks=False, allow_weak=True)
        relevant, moving = found.significant(study.layer, "nothing")
        table = score(study.model, scenes, bank, question, allow_weak=True).table
        marks["relevance mask"].append(bool(relevant.any()))
        marks["derivative mask"].append(bool(moving.any()))
        marks["SACV score"].append(bool(table["p"][table["score"] == "sacv"].to_numpy()[0] <= LEVEL))
    return [
        row(f"permuted labels, {name}", OURS, FALSE, float(np.mean(called)), len(called), random=LEVEL)
        for name, called in marks.items()
    ]


def _frame(study: Study, name: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    return texture(name, SIZE, rng, scale=study.world.scale, contrast=study.world.contrast)


def _missing(study: Study, seed: int) -> list[dict[str, object]]:
    strangers = [name for name in TEXTURES if name not in study.world.textures]
    called = []
    for trial in range(max(study.effort.trials // 2, 1)):
        rng = np.random.default_rng([seed, trial, 8])
        shown = [_frame(study, strangers[trial % len(strangers)], rng) for _ in range(20)]
        names = [study.world.textures[index % len(study.world.textures)] for index in range(60)]
        others = [_frame(study, name, rng) for name in names]
        scenes = [render(study.world.random_scene(rng)).image for _ in range(SHOWN)]
        bank = fit(study.model, [study.layer], {"stranger": shown}, others, runs=2, folds=2, locations=8, seed=trial)
        found = explain(study.model, scenes, bank, 0, method=Gradient(), checks=False, allow_weak=True)
        called.append(float(found.significant(study.layer, "stranger")[0].mean()))
    anything = float(np.mean(np.array(called) > 0))
    condition = "missing concept, relevance mask"
    return [
        row(condition, OURS, FALSE, anything, len(called), random=LEVEL),
        row(condition, OURS, "share of locations masked", float(np.mean(called)), len(called)),
    ]


def _randomised(study: Study, seed: int) -> list[dict[str, object]]:
    other = shuffled(study.model, seed)
    rows = []
    for position, concept in enumerate(study.world.concepts):
        seen = scenes_of(study, concept, np.random.default_rng([seed, position, 9]))
        bank = study.guided(concept, seed).bank()
        inputs = study.inputs(seen.images)
        alike = similarity(study.model, other, inputs, study.layer, bank.cavs, bank.preprocessing)[concept]
        rows.append(
            row(f"randomised weights, {concept}", OURS, "rank correlation of maps", alike, len(seen.scenes), random=0.0)
        )
    return rows


def _entangled(study: Study, seed: int) -> list[dict[str, object]]:
    tied, *free = study.world.shapes
    found: dict[str, list[float]] = {"entangled concept images": [], "independent concept images": []}
    for trial in range(max(study.effort.seeds // 2, 1)):
        rng = np.random.default_rng([seed, trial, 10])
        tested = [_pair(study, rng, free[0], tied) for _ in range(SHOWN)]
        for kind, shapes in zip(found, ((tied,), study.world.shapes), strict=True):
            guides = [_pair(study, rng, shapes[index % len(shapes)], free[index % len(free)]) for index in range(20)]
            bank = fit(
                study.model,
                [study.layer],
                random=[_neutral(study, rng) for _ in range(20)],
                regions={
                    RED: Region(
                        [scene.image for scene in guides],
                        [scene.masks[0] for scene in guides],
                    )
                },
                rest=True,
                runs=1,
                nulls=0,
                folds=2,
                seed=trial,
            )
            maps = explain(
                study.model,
                [scene.image for scene in tested],
                bank,
                0,
                method=Gradient(),
                checks=False,
                allow_weak=True,
            )
            for relevance, scene in zip(maps.relevance(study.layer, RED), tested, strict=True):
                found[kind].append(auroc(relevance, study.shares(scene.masks[0])))
    return [
        row(f"{kind}, on other shapes", OURS, "AUROC of red", float(np.mean(values)), len(values), random=0.5)
        for kind, values in found.items()
    ]


def _pair(study: Study, rng: np.random.Generator, shape: str, other: str) -> Scene:
    while True:
        red, blue = (
            replace(_filled(study, rng, colour), shape=name) for colour, name in ((RED, shape), ("blue", other))
        )
        try:
            return render(study.world.scene(rng, (red, blue)))
        except OptionError:  # they do not fit beside each other: draw others
            continue


def _neutral(study: Study, rng: np.random.Generator) -> NDArray[np.uint8]:
    return render(study.world.scene(rng, (_filled(study, rng, "green"),))).image


def _filled(study: Study, rng: np.random.Generator, colour: str) -> Element:
    area = (max(0.04, study.world.area[0]), min(0.12, study.world.area[1]))
    return study.world.element(rng, texture=str(rng.choice(study.world.fillings)), area=area, colour=colour)
