"""Images, maps and reliability checks of an explanation, read from disk when they are used.

Each use maps the files into memory anew, so that memory is freed after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import overload

from sacv.concepts import ImageItem
from sacv.files import Array
from sacv.maps.images import ExplainedImage, explained_image
from sacv.maps.layer_maps import LayerMaps, MapsByLayer
from sacv.maps.reliability import Checks, from_table
from sacv.maps.stored_rows import StoredRows
from sacv.model import VisionModel
from sacv.targets import Target

CHUNK = 64
"""Number of images read at a time."""


def chunks(count: int) -> list[slice]:
    """Return the numbers of images as slices of at most `CHUNK`."""
    return [slice(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]


@dataclass(frozen=True, eq=False)
class StoredImages(Sequence[ExplainedImage]):
    """The images, in their order."""

    rows: StoredRows = field(repr=False)
    items: Sequence[ImageItem] = field(repr=False)
    model: VisionModel = field(repr=False)
    target: Target

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, index: int) -> ExplainedImage: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[ExplainedImage, ...]: ...

    def __getitem__(self, index: int | slice) -> ExplainedImage | tuple[ExplainedImage, ...]:
        table = self.rows.read("images")
        if isinstance(index, slice):
            return tuple(self._image(table, number) for number in range(*index.indices(len(self))))
        return self._image(table, range(len(self))[index])

    def _image(self, table: Array, number: int) -> ExplainedImage:
        return explained_image(self.items[number].name, table[number], self.model, self.target.at([number]))

    def __iter__(self) -> Iterator[ExplainedImage]:
        for rows in chunks(len(self)):
            yield from self[rows]


@dataclass(frozen=True, eq=False)
class StoredChecks(Sequence[tuple[Checks, ...]]):
    """The reliability checks of a layer, by image and concept."""

    rows: StoredRows = field(repr=False)
    kind: str

    def __len__(self) -> int:
        return len(self.rows.read(self.kind))

    @overload
    def __getitem__(self, index: int) -> tuple[Checks, ...]: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[tuple[Checks, ...], ...]: ...

    def __getitem__(self, index: int | slice) -> tuple[Checks, ...] | tuple[tuple[Checks, ...], ...]:
        found = self.rows.read(self.kind)[index]
        return tuple(map(from_table, found)) if isinstance(index, slice) else from_table(found)

    def __iter__(self) -> Iterator[tuple[Checks, ...]]:
        for rows in chunks(len(self)):
            yield from self[rows]


def stored_maps(rows: StoredRows, layers: Sequence[str], concepts: Sequence[str]) -> MapsByLayer:
    """Return the maps by layer."""
    return MapsByLayer(
        layers, partial(_layer_maps, rows, layers, {concept: str(at) for at, concept in enumerate(concepts)})
    )


def _layer_maps(rows: StoredRows, layers: Sequence[str], names: Mapping[str, str], layer: str) -> LayerMaps:
    start = f"{layers.index(layer)}/"
    return LayerMaps.from_arrays(
        {name.removeprefix(start): rows.read(name) for name in rows if name.startswith(start)}, names
    )
