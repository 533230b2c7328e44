"""Lesions: a veil from labels of whole pictures, and the lesion against the skin from marked ones.

The veil has no masks: a concept's pictures are those that have the label, random ones those that have not, and a kept
picture is told by the greatest value anywhere on its map. Directions of different folds are never compared.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sacv.errors import ImageSetError
from sacv_bench.real.activations import Seen
from sacv_bench.real.marked import Marked
from sacv_bench.real.material import Photo
from sacv_bench.real.methods import maps, told
from sacv_bench.real.observed import IMAGE, Observation, at, names_of
from sacv_bench.real.setup import Lab

EXPERIMENT, LESION, VEIL = "lesions", "lesion", "veil"
FOLDS = 4
LEAST = 2 * FOLDS
"""Pictures with the label, and without it, so that each fold has two of them."""


def lesions(lab: Lab) -> list[Observation]:
    """Measure both."""
    photos = _taken(lab)
    seen = lab.see(photos, sorted({lab.network.target(concept) for concept in (LESION, VEIL)}))
    found = _veil(lab, photos, seen)
    asked = Marked(lab, EXPERIMENT, LESION, photos, seen)
    for draw in range(lab.effort.draws):
        order = lab.rng(30, draw).permutation(asked.legal).tolist()
        for n in lab.effort.marked:
            if len(order) > n:
                found += asked.round(order[:n], order[n:][-lab.effort.tested :])
    return found


def _taken(lab: Lab) -> list[Photo]:
    """Take all pictures with a veil, and of the others as many as may be."""
    veiled = [photo for photo in lab.material.lesions if photo.name in lab.material.veiled]
    clear = [photo for photo in lab.material.lesions if photo.name not in lab.material.veiled]
    if min(len(veiled), len(clear)) < LEAST:
        raise ImageSetError(
            f"lesions.csv has {len(veiled)} pictures with a veil and {len(clear)} without one; at least {LEAST} of "
            "each are needed"
        )
    return [*veiled, *clear[: max(LEAST, lab.effort.labels - len(veiled))]]


def folds(labels: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """Give each picture a fold, int `(n,)`, so that each fold has its share of both labels."""
    found = np.zeros(len(labels), dtype=np.int64)
    for side in (True, False):
        places = rng.permutation(np.flatnonzero(labels == side))
        found[places] = np.arange(len(places)) % FOLDS
    return found


def _veil(lab: Lab, photos: list[Photo], seen: Seen) -> list[Observation]:
    labels = np.array([photo.name in lab.material.veiled for photo in photos])
    fold = folds(labels, lab.rng(31))
    rng = lab.rng(32)
    examples = {
        layer: [
            told(cells, np.full(tuple(cells.shape[:-1]), float(label)), rng)
            for cells, label in zip(seen.cells[layer], labels, strict=True)
        ]
        for layer in lab.layers
    }
    found: list[Observation] = []
    n = int(labels.sum()) * (FOLDS - 1) // FOLDS
    for number in range(FOLDS):
        kept, tested = np.flatnonzero(fold != number), np.flatnonzero(fold == number).tolist()
        bank = lab.fit_whole(
            VEIL, [photos[one] for one in kept if labels[one]], [photos[one] for one in kept if not labels[one]]
        )
        named = lab.advised(bank, EXPERIMENT, VEIL, n)
        for layer in lab.layers:
            guided = [examples[layer][one] for one in kept]
            given = maps(bank, layer, VEIL, guided, seen, tested, lab.network.target(VEIL))
            told_apart: list[Observation] = [
                {
                    "method": method,
                    "metric": IMAGE,
                    "image": image,
                    "value": float(values.max()),
                    "truth": float(labels[image]),
                    "stratum": float(number),
                }
                for method, maps_of in given.items()
                for image, values in zip(tested, maps_of, strict=True)
            ]
            found += at(
                told_apart,
                names_of(layer, named),
                network=lab.network.name,
                experiment=EXPERIMENT,
                concept=VEIL,
                n=n,
            )
    return found
