"""Images, maps and reliability checks of an explanation, read from disk when they are used.

Each use maps the files into memory anew, so that memory is freed after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, overload

from sacv.concepts import ImageItem
from sacv.maps.images import ExplainedImage, explained_image
from sacv.maps.layer_maps import LayerMaps, MapsByLayer
from sacv.maps.reliability import Checks, from_table
from sacv.maps.stored_rows import StoredRows
from sacv.model import VisionModel
from sacv.targets import Target

Item = TypeVar("Item")

CHUNK = 64
"""Number of images read at a time."""


def chunks(count: int) -> list[slice]:
    """Return the numbers of images as slices of at most `CHUNK`."""
    return [slice(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]


@dataclass(frozen=True, eq=False)
class ByImage(Sequence[Item]):
    """An item for each image, read at each use."""

    length: int
    read: Callable[[range], list[Item]] = field(repr=False)

    def __len__(self) -> int:
        return self.length

    @overload
    def __getitem__(self, index: int) -> Item: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Item, ...]: ...

    def __getitem__(self, index: int | slice) -> Item | tuple[Item, ...]:
        if isinstance(index, slice):
            return tuple(self.read(range(self.length)[index]))
        number = range(self.length)[index]
        return self.read(range(number, number + 1))[0]

    def __iter__(self) -> Iterator[Item]:
        for rows in chunks(self.length):
            yield from self[rows]


def stored_images(
    rows: StoredRows, items: Sequence[ImageItem], model: VisionModel, target: Target
) -> ByImage[ExplainedImage]:
    """Return the images, in order."""

    def read(numbers: range) -> list[ExplainedImage]:
        table = rows.read("images")
        return [explained_image(items[at].name, table[at], model, target.at([at])) for at in numbers]

    return ByImage(len(items), read)


def stored_checks(rows: StoredRows, kind: str) -> ByImage[tuple[Checks, ...]]:
    """Return the reliability checks of a layer, by image and concept."""

    def read(numbers: range) -> list[tuple[Checks, ...]]:
        table = rows.read(kind)
        return [from_table(table[at]) for at in numbers]

    return ByImage(len(rows.read(kind)), read)


def stored_maps(rows: StoredRows, layers: Sequence[str], concepts: Sequence[str]) -> MapsByLayer:
    """Return the maps by layer."""
    names = {concept: str(number) for number, concept in enumerate(concepts)}

    def read(layer: str) -> LayerMaps:
        start = f"{layers.index(layer)}/"
        arrays = {name.removeprefix(start): rows.read(name) for name in rows if name.startswith(start)}
        return LayerMaps.from_arrays(arrays, names)

    return MapsByLayer(layers, read)
