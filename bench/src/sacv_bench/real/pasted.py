"""Pasted worlds: things cut out of photos and pasted into others, with exact truths of location and of contribution.

Horses are learned from ten other annotated horses, zebras and striped discs from striped textures; no pasted thing is
in the training images. The true contribution is the logit of the image minus the logit of the image without the thing.
A map is scored by its sum within the paste, weighted by the covered share of each cell. Contribution is not measured
for a network without a class for the thing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from sacv.cav import ConceptBank
from sacv.maps import explain
from sacv.maps.methods import Gradient
from sacv_bench.localisation import OURS, PAPER
from sacv_bench.real.activations import Float64, Map, Seen, see
from sacv_bench.real.annotated import AnnotatedConcept
from sacv_bench.real.material import TEXTURES, Photo
from sacv_bench.real.methods import EDGES, GRAD_CAM, MEAN_DIFFERENCE, NORM, ImageSample, directions, maps
from sacv_bench.real.observed import LOCATIONS, SIGN, SPEARMAN, Observation, at, location_rows, names_of
from sacv_bench.real.pasting import CutOut, Pasted, cut_out, disc, paste
from sacv_bench.real.setup import Lab

EXPERIMENT = "pasted"
HORSE, ZEBRA, STRIPED = "horse", "zebra", "striped"
AREAS = (0.02, 0.05, 0.1, 0.2, 0.4)
TRAINED = 10
"""Annotated horses."""

WHOLE, GRADIENT, AREA = f"{OURS}, whole image", f"{OURS}, gradient", "area of the paste"


@dataclass(frozen=True, eq=False)
class Learned:
    """A fitted concept: its bank, samples of the same images by layer, and the number of concept images."""

    bank: ConceptBank
    concept: str
    samples: Mapping[str, Sequence[ImageSample]]
    n: int


def pasted(lab: Lab) -> list[Observation]:
    """Measure every concept."""
    stripes, others = _textures(lab)
    half = len(stripes) // 2
    textured = _from_textures(lab, stripes[:half], others)
    horses = lab.material.horses
    trained = min(TRAINED, len(horses) // 2)
    order = [horses[number] for number in lab.rng(40).permutation(len(horses))]
    found = _measured(lab, HORSE, _from_horses(lab, order[:trained]), _cuts(order[trained:], HORSE))
    found += _measured(lab, ZEBRA, textured, _cuts(lab.material.zebras, ZEBRA))
    return found + _measured(lab, STRIPED, textured, [partial(_disc, one) for one in stripes[half:]])


def _textures(lab: Lab) -> tuple[tuple[Photo, ...], list[Photo]]:
    stripes = lab.material.kind(STRIPED)[: 2 * (lab.effort.textures // 2)]
    others = [photo for kind in TEXTURES if kind != STRIPED for photo in lab.material.kind(kind)]
    return stripes, others[:: max(1, len(others) // lab.effort.textures)]


def _from_textures(lab: Lab, shown: Sequence[Photo], others: Sequence[Photo]) -> Learned:
    inside, outside = lab.whole_samples(shown, shown=True), lab.whole_samples(others, shown=False)
    samples = {layer: inside[layer] + outside[layer] for layer in lab.layers}
    return Learned(lab.fit_whole(STRIPED, shown, others), STRIPED, samples, len(shown))


def _from_horses(lab: Lab, photos: Sequence[Photo]) -> Learned:
    annotated = AnnotatedConcept(lab, EXPERIMENT, HORSE, photos, lab.see(photos))
    samples = {
        layer: lab.annotated_samples(
            annotated.seen, layer, annotated.legal, [annotated.shares[layer, one] for one in annotated.legal]
        )
        for layer in lab.layers
    }
    return Learned(lab.fit_annotated(HORSE, photos), HORSE, samples, len(photos))


def _cuts(photos: Sequence[Photo], concept: str) -> list[Callable[[], CutOut]]:
    return [partial(_cut, photo, concept) for photo in photos]


def _cut(photo: Photo, concept: str) -> CutOut:
    return cut_out(photo.image(), photo.mask(concept))


def _disc(texture: Photo) -> CutOut:
    return disc(texture.image())


def scenes(lab: Lab, things: Sequence[Callable[[], CutOut]], seed: int) -> list[tuple[float, Pasted]]:
    """Paste things, in turn, into different random photos, `effort.pasted` for each area."""
    rng = lab.rng(41, seed)
    backgrounds = rng.permutation(len(lab.material.random)).tolist()
    found = []
    for turn in range(lab.effort.pasted):
        for position, area in enumerate(AREAS):
            number = turn * len(AREAS) + position
            background = lab.material.random[backgrounds[number % len(backgrounds)]].image()
            found.append((area, paste(background, things[number % len(things)](), area, rng)))
    return found


def _measured(lab: Lab, label: str, learned: Learned, things: Sequence[Callable[[], CutOut]]) -> list[Observation]:
    rank = (HORSE, ZEBRA, STRIPED).index(label)
    made = scenes(lab, things, rank)
    target = lab.network.target(label)
    seen = see(lab.model, lab.layers, [one.image for _, one in made], [target])
    named = lab.advised(learned.bank, EXPERIMENT, label, learned.n)
    numbers = list(range(len(made)))
    fields = {"network": lab.network.name, "experiment": EXPERIMENT, "n": learned.n}
    found: list[Observation] = []
    shares = {layer: [seen.shares(layer, number, made[number][1].mask) for number in numbers] for layer in lab.layers}
    for layer in lab.layers:
        given = maps(learned.bank, layer, learned.concept, learned.samples[layer], seen, numbers, target)
        names = names_of(layer, named)
        images = [1000 * rank + number for number in numbers]  # concepts share no image
        found += at(location_rows(given, shares[layer], images), names, concept=label, **fields)
        for area in AREAS:
            part = [number for number in numbers if made[number][0] == area]
            chosen = {method: values[part] for method, values in given.items()}
            within = [shares[layer][number] for number in part]
            judged = location_rows(
                chosen, within, [images[number] for number in part], f"{LOCATIONS}, {area:.0%} of the image"
            )
            found += at(judged, names, concept=label, **fields)
    if target in (lab.model.class_names or ()):
        explained = numbers[: lab.effort.explained * len(AREAS)]
        for layer, observations in _contributions(lab, learned, made, seen, shares, explained, target).items():
            found += at(observations, names_of(layer, named), concept=label, **fields)
    return found


def _contributions(
    lab: Lab,
    learned: Learned,
    made: Sequence[tuple[float, Pasted]],
    seen: Seen,
    shares: Mapping[str, Sequence[Float64]],
    explained: Sequence[int],
    target: str,
) -> dict[str, list[Observation]]:
    shown = [made[number][1].image for number in explained]
    index = lab.model.class_index(target, seen.logits.shape[1])
    bare = lab.model.inputs([made[number][1].without for number in explained])
    truth = seen.logits[: len(explained), index].astype(np.float64) - lab.model.logits(bare)[:, index].double().numpy()
    ours, gradient = (
        explain(lab.model, shown, learned.bank, target, method=method, checks=False, allow_weak=True)
        for method in (None, Gradient())
    )
    trace = lab.model.trace(lab.model.inputs(shown), lab.layers, [lambda logits: logits[:, index]])
    found = {}
    for layer in lab.layers:
        within = np.stack(shares[layer][: len(explained)])
        slopes = trace.gradients[0][layer].double().numpy()
        rivals = directions(learned.samples[layer])
        whole: Map = ours.contribution(layer, learned.concept)
        given: dict[str, Map] = {
            OURS: whole,
            GRADIENT: gradient.contribution(layer, learned.concept),
            MEAN_DIFFERENCE: slopes @ rivals[MEAN_DIFFERENCE],
            GRAD_CAM: seen.cams[target, layer][: len(explained)],
            EDGES: seen.edges[layer][: len(explained)],
            NORM: seen.norms(layer)[: len(explained)],
            AREA: np.ones_like(within),
        }
        if PAPER in rivals:
            given[PAPER] = slopes @ rivals[PAPER]
        sums = {method: (values * within).sum(axis=(1, 2)) for method, values in given.items()}
        sums[WHOLE] = whole.sum(axis=(1, 2), dtype=np.float64)
        found[layer] = [
            {"method": method, "metric": metric, "image": number, "value": float(value), "truth": float(change)}
            for method, values in sums.items()
            for metric in (SPEARMAN, SIGN)
            for number, value, change in zip(explained, values, truth, strict=True)
        ]
    return found
