"""Choose the images of tables that get image scores, and collect their activations (`sacv.cav.image_scores`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import zip_longest
from math import prod

import numpy as np
from numpy.typing import NDArray

from sacv.cav.calibration import MOST_VALUES, content_keys
from sacv.cav.inside import counting
from sacv.cav.membership import Plan
from sacv.cav.within import Masked
from sacv.concepts import ImageItem

MOST_IMAGES = 2000
"""Maximum number of images with scores, over all concepts of a fit."""

Sides = tuple[Sequence[ImageItem], Sequence[ImageItem]]
"""The images with a concept, and its rest."""


def room(shapes: Sequence[tuple[int, ...]], others: int) -> int:
    """Return how many images fit into memory besides `others`, from the shapes of the activations of the layers."""
    values = max(sum(map(prod, shapes)), 1)
    return min(MOST_IMAGES, max(MOST_VALUES // values - others, 0))


def choose(tables: Sequence[Sides], most: int) -> frozenset[str]:
    """Choose at most `most` images and return their hashes.

    The choice takes, for each concept in turn, a group with the concept and a group without it, in the order of their
    hashes. Groups are never split.
    """
    items = {item.digest: item for sides in tables for side in sides for item in side}
    keys = dict(zip(items, content_keys(list(items.values())), strict=True))
    members: dict[str, set[str]] = {}
    for digest, key in keys.items():
        members.setdefault(key, set()).add(digest)
    queues = [sorted({keys[item.digest] for item in side}) for sides in tables for side in sides]
    chosen: set[str] = set()
    for rank in zip_longest(*queues):
        for group in rank:
            new = set() if group is None else members[group] - chosen
            if len(chosen) + len(new) <= most:
                chosen |= new
    return frozenset(chosen)


@dataclass(frozen=True, eq=False)
class Scored:
    """The images that image scores of a concept are computed for."""

    items: tuple[ImageItem, ...]
    """The images, ordered by hash."""
    shows: tuple[bool, ...]
    """Whether each image shows the concept."""
    fold: tuple[int, ...]
    left_out: int
    """Number of images of the table that were not chosen."""
    cells: Mapping[str, Sequence[NDArray[np.floating]]]
    """By layer, the activations at the locations that count in each image, `(locations, channels)`."""

    @property
    def group(self) -> list[str]:
        """Key of the group of each image, or its hash if it has no group."""
        return [item.digest if item.group is None else f"group/{item.group}" for item in self.items]


def scored(
    made: Plan,
    numbers: tuple[int, int],
    activations: Mapping[str, Mapping[str, NDArray[np.floating]]],
    masked: Masked | None,
) -> Scored | None:
    """Collect the chosen images of a concept and of its rest; None if one of the two has no chosen image.

    `numbers` are the indices of the two sets in the plan of the pass; `activations`, by layer and hash, those of each
    chosen image, `(locations, channels)`.
    """
    found: dict[str, tuple[ImageItem, bool, int]] = {}
    offered = 0
    held: Set[str] = next(iter(activations.values())).keys()
    for number, shows in zip(numbers, (True, False), strict=True):
        units, items = made.units[number], made.sets[number].items
        offered += len(items)
        for item, fold in zip(items, units.folds[units.of_image].tolist(), strict=True):
            if item.digest in held:
                found[item.digest] = (item, shows, fold)
    if len({shows for _, shows, _ in found.values()}) < 2:
        return None
    order = sorted(found)
    items, shows_each, folds = zip(*(found[digest] for digest in order), strict=True)
    cells = {}
    for layer, by_image in activations.items():
        counts = [slice(None) if masked is None else counting(masked.weights[digest][layer]) for digest in order]
        cells[layer] = [by_image[digest][mask] for digest, mask in zip(order, counts, strict=True)]
    return Scored(items, shows_each, folds, offered - len(order), cells)
