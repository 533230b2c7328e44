"""Which pictures calibrate the mask of presence, and what they reach; see `sacv.cav.presence`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray

from sacv.cav.along import along
from sacv.cav.hard import Problem, sharpened
from sacv.cav.inside import Counts
from sacv.cav.presence import GIVEN, HELD_OUT, NONE, POOL, Presence, negatives_of
from sacv.cav.vector import CAV
from sacv.concepts import ImageItem, ImageSet, Source, image_set, shared_images, without_repeats
from sacv.errors import ImageSetError
from sacv.model import Window

MOST_VALUES = 2**27
"""Values of activation kept until the CAVs are known, over all layers and pictures: 512 MiB in float32."""

MOST_HELD_OUT = 100
"""Random images held out at most."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """Pictures that are used for nothing but the mask of presence.

    Parameters
    ----------
    kind
        Where they come from; see `Presence`.
    images
        The pictures.
    repeats
        Names of each one left out because it was given twice, and of that one.
    offered
        How many there were before some were left out for memory.
    """

    kind: str
    images: ImageSet
    repeats: tuple[tuple[str, str], ...] = ()
    offered: int = 0

    def within(self, values: int) -> Calibration:
        """Keep as many as memory allows where each gives so many values of activation; which, their content decides."""
        kept = _some(self.images.items, max(MOST_VALUES // max(values, 1), 1))
        return replace(self, images=replace(self.images, items=kept), offered=len(self.images))


def none() -> Calibration:
    """Give no pictures."""
    return Calibration(NONE, ImageSet("absent", ()))


def given(
    source: Source, others: Sequence[ImageSet], *, skip_unreadable: bool, window: Window | None = None
) -> Calibration:
    """Take pictures that the user says show none of the concepts.

    Raises
    ------
    ImageSetError
        If one stands in another set too.
    """
    if isinstance(source, Sequence) and not isinstance(source, str) and len(source) == 0:
        return none()
    images, repeats = without_repeats(image_set("absent", source, skip_unreadable=skip_unreadable, window=window))
    for other in others:
        if shared := shared_images(images, other):
            raise ImageSetError(
                f"the absent pictures and {other.name!r} share {shared}; what calibrates the mask of presence must "
                "stand in no other set: take them out of one of the two"
            )
    return Calibration(GIVEN, images, repeats)


def held_out(random: ImageSet) -> tuple[Calibration, ImageSet]:
    """Part the random images into those held out, if they are enough, and the rest; their content decides which."""
    if len(random) < POOL:
        return none(), random
    chosen = _some(random.items, min(MOST_HELD_OUT, len(random) // 4))
    apart = {item.digest for item in chosen}
    rest = tuple(item for item in random if item.digest not in apart)
    return Calibration(HELD_OUT, ImageSet("random", chosen)), replace(random, items=rest)


def _some(items: Sequence[ImageItem], count: int) -> tuple[ImageItem, ...]:
    """Give so many of the items, in their order: those whose hashes are least."""
    least = {item.digest for item in sorted(items, key=lambda item: item.digest)[:count]}
    return tuple(item for item in items if item.digest in least)


def calibrated(
    cavs: Sequence[CAV],
    calibration: Calibration,
    activations: Mapping[str, Sequence[NDArray[np.floating]]],
    grids: Mapping[str, tuple[int, ...]],
    problems: Mapping[tuple[str, str], Problem],
    inside: Mapping[str, Sequence[Counts]] | None = None,
) -> tuple[CAV, ...]:
    """Give the CAVs with what the pictures reach.

    Where there are enough, some give hard negatives and the others calibrate; which, their content decides.

    Parameters
    ----------
    cavs
        The CAVs.
    calibration
        The pictures.
    activations
        By layer, for each picture `(locations, channels)`, as the CAVs read them.
    grids
        Of each layer.
    problems
        By layer and concept, what the detector was found from, where hard negatives can be added to it.
    inside
        By layer, bool `(locations,)` of each picture: the locations that count; all by default.

    Raises
    ------
    ImageSetError
        If a picture gives another number of locations than the grid has.
    SolverError
        If the solver finds no direction with the hard negatives.
    """
    items = calibration.images.items
    least = {item.digest for item in _some(items, len(items) - negatives_of(len(items)))}
    calibrates = [item.digest in least for item in items]
    found = []
    for cav in cavs:
        pictures = activations.get(cav.layer, ())
        for item, cells in zip(calibration.images, pictures, strict=True):
            if len(cells) != prod(grids[cav.layer]):
                raise ImageSetError(
                    f"{item.name} gives {len(cells)} locations at layer {cav.layer!r}, and the concepts' images "
                    f"{prod(grids[cav.layer])}; what calibrates the mask of presence must be of the same size"
                )
        if inside is not None and pictures:
            pictures = [cells[counts] for cells, counts in zip(pictures, inside[cav.layer], strict=True)]
        problem = problems.get((cav.layer, cav.concept))
        hard = [cells for cells, calibrating in zip(pictures, calibrates, strict=True) if not calibrating]
        direction = sharpened(cav.detector, problem, hard) if problem is not None and hard else None
        if direction is None:
            presence = Presence(_maxima(cav.detector, pictures), calibration.kind, calibration.offered)
        else:
            rest = [cells for cells, calibrating in zip(pictures, calibrates, strict=True) if calibrating]
            maxima = _maxima(direction, rest)
            presence = Presence(maxima, calibration.kind, calibration.offered, len(hard), direction)
        found.append(replace(cav, presence=presence))
    return tuple(found)


def _maxima(direction: NDArray[np.float64], pictures: Sequence[NDArray[np.floating]]) -> NDArray[np.float32]:
    """Give the greatest evidence of each picture, ascending."""
    found = [float(along(torch.from_numpy(cells)[None], [direction]).max()) for cells in pictures]
    return np.sort(np.array(found, dtype=np.float32))
