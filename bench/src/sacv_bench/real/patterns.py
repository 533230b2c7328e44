"""Patterns: stripes and dots found on animals, from textures and from other annotated animals.

From textures, striped or dotted ones are contrasted with all other kinds. From annotated animals, a concept needs two
photos: each of three striped animals (two zebras and a tiger) is located with the two others, against their rest, or
their rest and random photos. There is one dalmatian, so dots are learned from textures alone.
"""

from __future__ import annotations

from dataclasses import replace

from sacv_bench.real.annotated import AnnotatedConcept
from sacv_bench.real.material import TEXTURES, Photo
from sacv_bench.real.methods import maps
from sacv_bench.real.observed import Observation, at, location_rows, names_of
from sacv_bench.real.setup import Lab

EXPERIMENT = "patterns"
STRIPED, DOTTED = "striped", "dotted"


def animals(lab: Lab) -> tuple[Photo, ...]:
    """Return the zebras, whose mask counts as stripes, the tiger and the dalmatian."""
    zebras = tuple(replace(photo, masks=((STRIPED, photo.masks[0][1]),)) for photo in lab.material.zebras)
    return (*zebras, *lab.material.patterned)


def patterns(lab: Lab) -> list[Observation]:
    """Measure textures and annotated animals."""
    photos = animals(lab)
    seen = lab.see(photos, sorted({lab.network.target(concept) for concept in (STRIPED, DOTTED)}))
    found: list[Observation] = []
    for concept in (STRIPED, DOTTED):
        found += _textures(lab, AnnotatedConcept(lab, EXPERIMENT, concept, photos, seen))
    annotated = AnnotatedConcept(lab, EXPERIMENT, STRIPED, photos, seen)
    random = lab.material.random[: lab.effort.pool]
    samples = lab.whole_samples(random, shown=False)
    for left_out in annotated.legal:
        trained = [number for number in annotated.legal if number != left_out]
        found += annotated.round(trained, [left_out], label="striped, annotated; rest")
        found += annotated.round(
            trained, [left_out], random=random, samples=samples, label="striped, annotated; rest and random photos"
        )
    return found


def _textures(lab: Lab, annotated: AnnotatedConcept) -> list[Observation]:
    shown = lab.material.kind(annotated.concept)[: lab.effort.textures]
    others = [photo for kind in TEXTURES if kind != annotated.concept for photo in lab.material.kind(kind)]
    others = others[:: max(1, len(others) // (2 * lab.effort.textures))]
    bank = lab.fit_whole(annotated.concept, shown, others)
    label = f"{annotated.concept}, textures"
    named = lab.advised(bank, EXPERIMENT, label, len(shown))
    inside, outside = lab.whole_samples(shown, shown=True), lab.whole_samples(others, shown=False)
    found: list[Observation] = []
    for layer in lab.layers:
        target = lab.network.target(annotated.concept)
        examples = inside[layer] + outside[layer]
        given = maps(bank, layer, annotated.concept, examples, annotated.seen, annotated.legal, target)
        found += at(
            location_rows(given, [annotated.shares[layer, number] for number in annotated.legal], annotated.legal),
            names_of(layer, named),
            network=lab.network.name,
            experiment=EXPERIMENT,
            concept=label,
            n=len(shown),
        )
    return found
