"""Which pictures of tables are scored as a whole, and their activations; see `sacv.cav.image_scores`."""

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

MOST_PICTURES = 2000
"""Pictures scored at most, over all concepts of a fit."""

Sides = tuple[Sequence[ImageItem], Sequence[ImageItem]]
"""The pictures with a concept, and its random set of its own."""


def room(shapes: Sequence[tuple[int, ...]], others: int) -> int:
    """Give how many pictures have room in memory beside so many others, by the shapes of the layers' activations."""
    values = max(sum(map(prod, shapes)), 1)
    return min(MOST_PICTURES, max(MOST_VALUES // values - others, 0))


def choose(tables: Sequence[Sides], most: int) -> frozenset[str]:
    """Choose the pictures, at most so many, and give their hashes.

    Of each concept in turn a group that shows it and one that does not, by their content; groups as a whole.
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
    """The pictures that a concept's image scores are of.

    Parameters
    ----------
    items
        The pictures, by their hashes.
    shows
        Whether each shows the concept.
    fold
        The fold of each.
    left_out
        Number of further pictures of the table.
    cells
        By layer, of each picture the locations that count, `(locations, channels)`.
    """

    items: tuple[ImageItem, ...]
    shows: tuple[bool, ...]
    fold: tuple[int, ...]
    left_out: int
    cells: Mapping[str, Sequence[NDArray[np.floating]]]

    @property
    def group(self) -> list[str]:
        """What each picture belongs with: a group, or its own hash."""
        return [item.digest if item.group is None else f"group/{item.group}" for item in self.items]


def scored(
    made: Plan,
    numbers: tuple[int, int],
    activations: Mapping[str, Mapping[str, NDArray[np.floating]]],
    masked: Masked | None,
) -> Scored | None:
    """Give the pictures of a concept and of its random set of its own; none where one of the two has none chosen.

    Parameters
    ----------
    made
        The plan of the pass.
    numbers
        Of the two sets among those planned.
    activations
        By layer and hash, `(locations, channels)` of each picture that was chosen.
    masked
        The masks of the fit, if it is within masks.
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
    for layer, by_picture in activations.items():
        counts = [slice(None) if masked is None else counting(masked.weights[digest][layer]) for digest in order]
        cells[layer] = [by_picture[digest][its] for digest, its in zip(order, counts, strict=True)]
    return Scored(items, shows_each, folds, offered - len(order), cells)
