"""Patterns: stripes and dots found on animals, from textures and from other animals on which they are marked.

From textures, striped or dotted ones are told from all other kinds. From marked animals: a concept needs two photos,
and three of striped animals are there (two of zebras and a tiger), so that each is found with the two others marked,
against the rest of them, or that and random photos. There is one dalmatian, so that dots are found from textures alone.
"""

from __future__ import annotations

from dataclasses import replace

from sacv_bench.real.marked import Marked
from sacv_bench.real.material import TEXTURES, Photo
from sacv_bench.real.methods import maps
from sacv_bench.real.observed import Observation, at, names_of, place
from sacv_bench.real.setup import Lab

EXPERIMENT = "patterns"
STRIPED, DOTTED = "striped", "dotted"


def animals(lab: Lab) -> tuple[Photo, ...]:
    """Give the zebras, whose mask counts as stripes, the tiger and the dalmatian."""
    zebras = tuple(replace(photo, masks=((STRIPED, photo.masks[0][1]),)) for photo in lab.material.zebras)
    return (*zebras, *lab.material.patterned)


def patterns(lab: Lab) -> list[Observation]:
    """Measure textures and marked animals."""
    photos = animals(lab)
    seen = lab.see(photos, sorted({lab.network.target(concept) for concept in (STRIPED, DOTTED)}))
    found: list[Observation] = []
    for concept in (STRIPED, DOTTED):
        found += _textures(lab, Marked(lab, EXPERIMENT, concept, photos, seen))
    asked = Marked(lab, EXPERIMENT, STRIPED, photos, seen)
    random = lab.material.random[: lab.effort.pool]
    told = lab.told_whole(random, shown=False)
    for left_out in asked.legal:
        trained = [number for number in asked.legal if number != left_out]
        found += asked.round(trained, [left_out], label="striped, marked; rest")
        found += asked.round(
            trained, [left_out], random=random, told=told, label="striped, marked; rest and random photos"
        )
    return found


def _textures(lab: Lab, asked: Marked) -> list[Observation]:
    shown = lab.material.kind(asked.concept)[: lab.effort.textures]
    others = [photo for kind in TEXTURES if kind != asked.concept for photo in lab.material.kind(kind)]
    others = others[:: max(1, len(others) // (2 * lab.effort.textures))]
    bank = lab.fit_whole(asked.concept, shown, others)
    label = f"{asked.concept}, textures"
    named = lab.advised(bank, EXPERIMENT, label, len(shown))
    inside, outside = lab.told_whole(shown, shown=True), lab.told_whole(others, shown=False)
    found: list[Observation] = []
    for layer in lab.layers:
        target = lab.network.target(asked.concept)
        examples = inside[layer] + outside[layer]
        given = maps(bank, layer, asked.concept, examples, asked.seen, asked.legal, target)
        found += at(
            place(given, [asked.shares[layer, number] for number in asked.legal], asked.legal),
            names_of(layer, named),
            network=lab.network.name,
            experiment=EXPERIMENT,
            concept=label,
            n=len(shown),
        )
    return found
