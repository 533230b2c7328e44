"""Pasted worlds: things cut out of photos and pasted into others, with exact truths of place and of contribution.

Horses are found with ten other horses marked, zebras and striped discs from striped textures; a thing pasted is never
one that was trained on. The truth of contribution is the logit of the picture less that of the picture without the
thing. What a map says is its sum within the paste, each cell by the share that is covered. Contribution is not asked of
a network without a class for the thing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from sacv.cav import ConceptBank
from sacv.maps import explain
from sacv.maps.methods import Gradient
from sacv_bench.place import OURS, PAPER
from sacv_bench.real.activations import Float64, Map, Seen, see
from sacv_bench.real.marked import Marked
from sacv_bench.real.material import TEXTURES, Photo
from sacv_bench.real.methods import EDGES, GRAD_CAM, MEAN_DIFFERENCE, NORM, Told, directions, maps
from sacv_bench.real.observed import PLACE, SIGN, SPEARMAN, Observation, at, names_of, place
from sacv_bench.real.pasting import CutOut, Pasted, cut_out, disc, paste
from sacv_bench.real.setup import Lab

EXPERIMENT = "pasted"
HORSE, ZEBRA, STRIPED = "horse", "zebra", "striped"
AREAS = (0.02, 0.05, 0.1, 0.2, 0.4)
TRAINED = 10
"""Horses marked."""

WHOLE, GRADIENT, AREA = f"{OURS}, whole picture", f"{OURS}, gradient", "area of the paste"


@dataclass(frozen=True, eq=False)
class Guidance:
    """What a concept was fitted on: its bank, what the same images tell at each layer, and how many showed it."""

    bank: ConceptBank
    concept: str
    told: Mapping[str, Sequence[Told]]
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


def _from_textures(lab: Lab, shown: Sequence[Photo], others: Sequence[Photo]) -> Guidance:
    inside, outside = lab.told_whole(shown, shown=True), lab.told_whole(others, shown=False)
    told = {layer: inside[layer] + outside[layer] for layer in lab.layers}
    return Guidance(lab.fit_whole(STRIPED, shown, others), STRIPED, told, len(shown))


def _from_horses(lab: Lab, photos: Sequence[Photo]) -> Guidance:
    asked = Marked(lab, EXPERIMENT, HORSE, photos, lab.see(photos))
    told = {
        layer: lab.told_marked(asked.seen, layer, asked.legal, [asked.shares[layer, one] for one in asked.legal])
        for layer in lab.layers
    }
    return Guidance(lab.fit_marked(HORSE, photos), HORSE, told, len(photos))


def _cuts(photos: Sequence[Photo], concept: str) -> list[Callable[[], CutOut]]:
    return [partial(_cut, photo, concept) for photo in photos]


def _cut(photo: Photo, concept: str) -> CutOut:
    return cut_out(photo.picture(), photo.mask(concept))


def _disc(texture: Photo) -> CutOut:
    return disc(texture.picture())


def scenes(lab: Lab, things: Sequence[Callable[[], CutOut]], seed: int) -> list[tuple[float, Pasted]]:
    """Paste things, in turn, into random photos; by area, as many as the effort says, each into another photo."""
    rng = lab.rng(41, seed)
    backgrounds = rng.permutation(len(lab.material.random)).tolist()
    found = []
    for turn in range(lab.effort.pasted):
        for position, area in enumerate(AREAS):
            number = turn * len(AREAS) + position
            background = lab.material.random[backgrounds[number % len(backgrounds)]].picture()
            found.append((area, paste(background, things[number % len(things)](), area, rng)))
    return found


def _measured(lab: Lab, label: str, guidance: Guidance, things: Sequence[Callable[[], CutOut]]) -> list[Observation]:
    place_of = (HORSE, ZEBRA, STRIPED).index(label)
    made = scenes(lab, things, place_of)
    target = lab.network.target(label)
    seen = see(lab.model, lab.layers, [one.picture for _, one in made], [target])
    named = lab.advised(guidance.bank, EXPERIMENT, label, guidance.n)
    numbers = list(range(len(made)))
    fields = {"network": lab.network.name, "experiment": EXPERIMENT, "n": guidance.n}
    found: list[Observation] = []
    shares = {layer: [seen.shares(layer, number, made[number][1].mask) for number in numbers] for layer in lab.layers}
    for layer in lab.layers:
        given = maps(guidance.bank, layer, guidance.concept, guidance.told[layer], seen, numbers, target)
        names = names_of(layer, named)
        images = [1000 * place_of + number for number in numbers]  # concepts share no picture
        found += at(place(given, shares[layer], images), names, concept=label, **fields)
        for area in AREAS:
            part = [number for number in numbers if made[number][0] == area]
            chosen = {method: values[part] for method, values in given.items()}
            within = [shares[layer][number] for number in part]
            judged = place(chosen, within, [images[number] for number in part], f"{PLACE}, {area:.0%} of the picture")
            found += at(judged, names, concept=label, **fields)
    if target in (lab.model.class_names or ()):
        explained = numbers[: lab.effort.explained * len(AREAS)]
        for layer, observations in _contributions(lab, guidance, made, seen, shares, explained, target).items():
            found += at(observations, names_of(layer, named), concept=label, **fields)
    return found


def _contributions(
    lab: Lab,
    guidance: Guidance,
    made: Sequence[tuple[float, Pasted]],
    seen: Seen,
    shares: Mapping[str, Sequence[Float64]],
    explained: Sequence[int],
    target: str,
) -> dict[str, list[Observation]]:
    """Measure what each method gives to the paste against the true change of the logit."""
    pictures = [made[number][1].picture for number in explained]
    index = lab.model.class_index(target, seen.logits.shape[1])
    bare = lab.model.inputs([made[number][1].without for number in explained])
    truth = seen.logits[: len(explained), index].astype(np.float64) - lab.model.logits(bare)[:, index].double().numpy()
    ours, gradient = (
        explain(lab.model, pictures, guidance.bank, target, method=method, checks=False, allow_weak=True)
        for method in (None, Gradient())
    )
    trace = lab.model.trace(lab.model.inputs(pictures), lab.layers, [lambda logits: logits[:, index]])
    found = {}
    for layer in lab.layers:
        within = np.stack(shares[layer][: len(explained)])
        slopes = trace.gradients[0][layer].double().numpy()
        fitted = directions(guidance.told[layer])
        whole: Map = ours.contribution(layer, guidance.concept)
        given: dict[str, Map] = {
            OURS: whole,
            GRADIENT: gradient.contribution(layer, guidance.concept),
            MEAN_DIFFERENCE: slopes @ fitted[MEAN_DIFFERENCE],
            GRAD_CAM: seen.cams[target, layer][: len(explained)],
            EDGES: seen.edges[layer][: len(explained)],
            NORM: seen.norms(layer)[: len(explained)],
            AREA: np.ones_like(within),
        }
        if PAPER in fitted:
            given[PAPER] = slopes @ fitted[PAPER]
        sums = {method: (values * within).sum(axis=(1, 2)) for method, values in given.items()}
        sums[WHOLE] = whole.sum(axis=(1, 2), dtype=np.float64)
        found[layer] = [
            {"method": method, "metric": metric, "image": number, "value": float(value), "truth": float(change)}
            for method, values in sums.items()
            for metric in (SPEARMAN, SIGN)
            for number, value, change in zip(explained, values, truth, strict=True)
        ]
    return found
