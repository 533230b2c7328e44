"""Streets: classes learned from annotated frames of some drives, located on the frames of the drive left out.

Frames of a drive resemble each other, so a drive is used either for training or for testing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sacv_bench.real.annotated import AnnotatedConcept
from sacv_bench.real.material import CLASSES, Photo
from sacv_bench.real.observed import Observation
from sacv_bench.real.setup import Lab

EXPERIMENT = "streets"


@dataclass(frozen=True)
class DriveSplit:
    """Numbers of the annotated frames of a class: those of one drive, and of all others."""

    drive: str
    others: tuple[int, ...]
    tested: tuple[int, ...]


def drive_splits(photos: Sequence[Photo], concept: str) -> Iterator[DriveSplit]:
    """Leave each drive out in turn."""
    annotated = [number for number, photo in enumerate(photos) if photo.shows(concept)]
    for drive in sorted({photo.drive for photo in photos}):
        others = tuple(number for number in annotated if photos[number].drive != drive)
        yield DriveSplit(drive, others, tuple(number for number in annotated if photos[number].drive == drive))


def streets(lab: Lab) -> list[Observation]:
    """Measure every class, drive left out and number of annotated frames that is available."""
    photos = lab.material.street
    targets = sorted({lab.network.target(concept) for concept in CLASSES})
    seen = lab.see(photos, targets)
    found: list[Observation] = []
    for position, concept in enumerate(CLASSES):
        concept_photos = AnnotatedConcept(lab, EXPERIMENT, concept, photos, seen)
        for turn, split in enumerate(drive_splits(photos, concept)):
            order = lab.rng(10, position, turn).permutation(split.others).tolist()
            tested = split.tested[: lab.effort.tested]
            for n in lab.effort.marked:
                if len(order) >= n and tested:
                    found += concept_photos.round(order[:n], tested)
    return found
