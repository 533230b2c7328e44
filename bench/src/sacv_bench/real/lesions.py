"""Lesions: a veil from labels of whole images, and the lesion against the skin from annotated ones.

The veil has no masks: images with the label are the concept images, images without it the random images, and a held-out
image is scored by the greatest value of its map. CAVs of different folds are never compared.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sacv.errors import ImageSetError
from sacv_bench.real.activations import Seen
from sacv_bench.real.annotated import AnnotatedConcept
from sacv_bench.real.material import Photo
from sacv_bench.real.methods import maps, sample_image
from sacv_bench.real.observed import IMAGE, Observation, at, names_of
from sacv_bench.real.setup import Lab

EXPERIMENT, LESION, VEIL = "lesions", "lesion", "veil"
FOLDS = 4
LEAST = 2 * FOLDS
"""Images with the label, and without it, so that each fold has two of them."""


def lesions(lab: Lab) -> list[Observation]:
    """Measure both."""
    photos = _taken(lab)
    seen = lab.see(photos, sorted({lab.network.target(concept) for concept in (LESION, VEIL)}))
    found = _veil(lab, photos, seen)
    annotated = AnnotatedConcept(lab, EXPERIMENT, LESION, photos, seen)
    for draw in range(lab.effort.draws):
        order = lab.rng(30, draw).permutation(annotated.legal).tolist()
        for n in lab.effort.marked:
            if len(order) > n:
                found += annotated.round(order[:n], order[n:][-lab.effort.tested :])
    return found


def _taken(lab: Lab) -> list[Photo]:
    """Choose all images with a veil, and as many others as allowed."""
    veiled = [photo for photo in lab.material.lesions if photo.name in lab.material.veiled]
    clear = [photo for photo in lab.material.lesions if photo.name not in lab.material.veiled]
    if min(len(veiled), len(clear)) < LEAST:
        raise ImageSetError(
            f"lesions.csv has {len(veiled)} images with a veil and {len(clear)} without one; at least {LEAST} of "
            "each are needed"
        )
    return [*veiled, *clear[: max(LEAST, lab.effort.labels - len(veiled))]]


def folds(labels: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the fold of each image, int `(n,)`, stratified by label."""
    found = np.zeros(len(labels), dtype=np.int64)
    for side in (True, False):
        numbers = rng.permutation(np.flatnonzero(labels == side))
        found[numbers] = np.arange(len(numbers)) % FOLDS
    return found


def _veil(lab: Lab, photos: list[Photo], seen: Seen) -> list[Observation]:
    labels = np.array([photo.name in lab.material.veiled for photo in photos])
    fold = folds(labels, lab.rng(31))
    rng = lab.rng(32)
    examples = {
        layer: [
            sample_image(cells, np.full(tuple(cells.shape[:-1]), float(label)), rng)
            for cells, label in zip(seen.cells[layer], labels, strict=True)
        ]
        for layer in lab.layers
    }
    found: list[Observation] = []
    n = int(labels.sum()) * (FOLDS - 1) // FOLDS
    for number in range(FOLDS):
        trained, tested = np.flatnonzero(fold != number), np.flatnonzero(fold == number).tolist()
        bank = lab.fit_whole(
            VEIL, [photos[one] for one in trained if labels[one]], [photos[one] for one in trained if not labels[one]]
        )
        named = lab.advised(bank, EXPERIMENT, VEIL, n)
        for layer in lab.layers:
            guided = [examples[layer][one] for one in trained]
            given = maps(bank, layer, VEIL, guided, seen, tested, lab.network.target(VEIL))
            observations: list[Observation] = [
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
                observations,
                names_of(layer, named),
                network=lab.network.name,
                experiment=EXPERIMENT,
                concept=VEIL,
                n=n,
            )
    return found
