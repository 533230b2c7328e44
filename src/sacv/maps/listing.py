"""Choose which of many images are listed: a bounded number, with the extremes of each layer and concept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from sacv.maps.layer_maps import LayerMaps
from sacv.maps.views import chunks
from sacv.stats import Float64

SHOWN = 24
"""Maximum number of images listed."""

RULE = (
    "of each layer and concept in turn the image with the greatest relevance anywhere; then that with the greatest SACV"
    " score, with the least, and with the least of all greatest relevances; then the next of each"
)
"""The rule of the choice, in words."""


def choose(maps: Mapping[str, LayerMaps], concepts: int, images: int, most: int | None = None) -> tuple[int, ...]:
    """Return the numbers of the images listed, in order: all, or `most` (`SHOWN`) of them by `RULE`.

    Ties go to the first image.
    """
    most = SHOWN if most is None else most
    if images <= most:
        return tuple(range(images))
    orders = [orders for layer in maps for orders in _orders(maps, layer, concepts, images, most)]
    chosen: dict[int, None] = {}
    for number in chain.from_iterable(_in_turn(orders, most)):
        chosen[number] = None
        if len(chosen) == most:
            break
    return tuple(sorted(chosen))


def _in_turn(orders: list[list[NDArray[np.int64]]], most: int) -> Iterator[list[int]]:
    for rank in range(most):
        for measure in zip(*orders, strict=True):
            yield [int(order[rank]) for order in measure]


def _orders(
    maps: Mapping[str, LayerMaps], layer: str, concepts: int, images: int, most: int
) -> list[list[NDArray[np.int64]]]:
    """Return the first images of each concept by each measure, in the order of the rule."""
    best = [[_First(most) for _ in range(4)] for _ in range(concepts)]
    for rows in chunks(images):
        some = maps[layer].subset(rows)
        greatest, score = measures(some)
        for number, firsts in enumerate(best):
            given = (greatest[:, number], score[:, number], -score[:, number], -greatest[:, number])
            for first, values in zip(firsts, given, strict=True):
                first.add(rows.start, values)
    return [[first.numbers for first in firsts] for firsts in best]


def measures(maps: LayerMaps) -> tuple[Float64, Float64]:
    """Return the greatest relevance and the SACV score of each image and concept, float64 `(images, concepts)`.

    Both are over the locations that count.
    """
    shown, given = (each.reshape(*each.shape[:2], -1) for each in (maps.relevance, maps.contribution))
    if maps.inside is not None:
        shown = np.where(maps.inside.reshape(len(shown), 1, -1), shown, -np.inf)
    gated = np.where(shown > 0, given, 0).astype(np.float64)
    return shown.max(axis=-1).astype(np.float64), gated.sum(axis=-1)


class _First:
    """The images with the greatest values so far; ties go to the first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.numbers = np.empty(0, dtype=np.int64)
        self._values = np.empty(0)

    def add(self, start: int, values: Float64) -> None:
        """Add the values of images from number `start` on."""
        numbers = np.concatenate([self.numbers, np.arange(start, start + len(values))])
        both = np.concatenate([self._values, values])
        order = np.argsort(-both, kind="stable")[: self._most]
        self.numbers, self._values = numbers[order], both[order]
