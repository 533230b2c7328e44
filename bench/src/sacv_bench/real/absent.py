"""Absent: how often a mask is not empty, and how large it is, on images without and with a concept.

`MASKS` names the masks measured. Images without the concept are explained separately, because a significance mask
holds over all images explained.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sacv.cav import ConceptBank
from sacv.concepts.coverage import cell_means
from sacv.errors import OptionError
from sacv.maps import Explanation, explain
from sacv.maps.methods import Gradient
from sacv.targets import PREDICTED
from sacv_bench.localisation import OURS
from sacv_bench.real.material import TEXTURES, Photo
from sacv_bench.real.observed import Observation, at, names_of
from sacv_bench.real.patterns import animals
from sacv_bench.real.setup import Lab

EXPERIMENT = "absent"
TRAINED = 10

Mask = Callable[[Explanation, str, str], NDArray[np.bool_] | None]
"""From an explanation, a layer and a concept to a mask, bool `(images, *grid)`, or None."""


def significant(found: Explanation, layer: str, concept: str) -> NDArray[np.bool_]:
    """Return the significance mask."""
    return found.significant(layer, concept)[0]


def relevant(found: Explanation, layer: str, concept: str) -> NDArray[np.bool_]:
    """Return the locations whose relevance exceeds the threshold."""
    above: NDArray[np.bool_] = found.relevance(layer, concept) > 0
    return above


def present(found: Explanation, layer: str, concept: str) -> NDArray[np.bool_] | None:
    """Return the presence mask; None if too few images calibrate it."""
    try:
        return found.present(layer, concept)
    except OptionError:
        return None


MASKS: dict[str, Mask] = {"present": present, "significant": significant, "relevant": relevant}


@dataclass(frozen=True)
class Question:
    """A concept with its bank, and photos with and without it."""

    concept: str
    bank: ConceptBank
    n: int
    showing: Sequence[Photo]
    without: Sequence[Photo]


def absent(lab: Lab) -> list[Observation]:
    """Measure every concept."""
    return [one for number, question in enumerate(_questions(lab)) for one in _measured(lab, question, 1000 * number)]


def _questions(lab: Lab) -> list[Question]:
    material, few, nulls = lab.material, lab.effort.absent, lab.effort.nulls
    found = []
    for number, (concept, photos, without) in enumerate(
        (
            ("horse", material.horses, material.random),
            ("car", [photo for photo in material.street if photo.shows("car")], material.horses),
            ("lesion", material.lesions, material.random),
        )
    ):
        order = [photos[index] for index in lab.rng(50, number).permutation(len(photos))]
        if concept == "car":  # frames of a drive resemble each other
            drive = order[0].drive
            held_out = [photo for photo in order if photo.drive == drive]
            order = [photo for photo in order if photo.drive != drive][:TRAINED]
        else:
            trained = min(TRAINED, len(order) // 2)
            order, held_out = order[:trained], order[trained:]
        calibration, tested = _parted(lab, without, number)
        bank = lab.fit_annotated(concept, order, nulls=nulls, absent=calibration)
        found.append(Question(concept, bank, len(order), held_out[:few], tested[:few]))
    shown = material.kind("striped")[: lab.effort.textures]
    others = [photo for kind in TEXTURES if kind != "striped" for photo in material.kind(kind)]
    calibration, tested = _parted(lab, material.random, 3)
    bank = lab.fit_whole("striped", shown, _spread(others, 2 * lab.effort.textures), nulls=nulls, absent=calibration)
    striped = [photo for photo in animals(lab) if photo.shows("striped")]
    return [*found, Question("striped", bank, len(shown), striped, tested[:few])]


def _parted(lab: Lab, photos: Sequence[Photo], number: int) -> tuple[list[Photo], list[Photo]]:
    order = [photos[index] for index in lab.rng(51, number).permutation(len(photos))]
    count = len(order) * 5 // 8
    return order[:count], order[count:]


def _spread(photos: Sequence[Photo], count: int) -> list[Photo]:
    return [photos[index] for index in np.unique(np.linspace(0, len(photos) - 1, count).round().astype(int))]


def _explained(lab: Lab, question: Question, photos: Sequence[Photo]) -> Explanation:
    paths = [str(photo.path) for photo in photos]
    return explain(lab.model, paths, question.bank, PREDICTED, method=Gradient(), checks=False, allow_weak=True)


def _measured(lab: Lab, question: Question, first: int) -> list[Observation]:
    """Measure a concept; `first` is the number of its first image; concepts share no image."""
    concept = question.concept
    here, away = (_explained(lab, question, photos) for photos in (question.showing, question.without))
    named = lab.advised(question.bank, EXPERIMENT, concept, question.n)
    found: list[Observation] = []
    for layer in lab.layers:
        observations: list[Observation] = []
        for name, mask in MASKS.items():
            method = f"{OURS}, {name}"
            elsewhere, shown = mask(away, layer, concept), mask(here, layer, concept)
            if elsewhere is None or shown is None:
                continue
            for number, marks in enumerate(elsewhere):
                observations += _mask_rows(method, "absent", first + number, marks)
            for number, (photo, marks) in enumerate(zip(question.showing, shown, strict=True)):
                region = here.images[number].region
                shares = cell_means(photo.mask(concept).astype(np.float64), (marks.shape[0], marks.shape[1]), region)
                observations += _mask_rows(method, "present", first + number, marks)
                observations += _inside(method, first + number, marks, shares >= 0.5)
        found += at(
            observations,
            names_of(layer, named),
            network=lab.network.name,
            experiment=EXPERIMENT,
            concept=concept,
            n=question.n,
        )
    return found


def _mask_rows(method: str, where: str, image: int, marks: NDArray[np.bool_]) -> list[Observation]:
    return [
        {"method": method, "metric": f"{where}: images with a mask", "image": image, "value": float(marks.any())},
        {"method": method, "metric": f"{where}: locations masked", "image": image, "value": float(marks.mean())},
    ]


def _inside(method: str, image: int, marks: NDArray[np.bool_], inside: NDArray[np.bool_]) -> list[Observation]:
    return [
        {
            "method": method,
            "metric": f"present: locations masked {where} the concept",
            "image": image,
            "value": float(part.mean()),
        }
        for where, part in (("inside", marks[inside]), ("outside", marks[~inside]))
        if part.size
    ]
