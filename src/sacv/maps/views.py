"""Images, maps and reliability checks of an explanation, read from disk when they are used.

Each use maps the files into memory anew, so that what one went through is let go of with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import overload

from sacv.concepts import ImageItem
from sacv.files import Array
from sacv.maps.images import ExplainedImage, explained_image
from sacv.maps.layer_maps import LayerMaps
from sacv.maps.reliability import Checks, from_table
from sacv.maps.stored_rows import StoredRows
from sacv.model import VisionModel
from sacv.targets import Target

CHUNK = 64
"""Images that are read at a time."""


def chunks(count: int) -> list[slice]:
    """Cut the numbers of images into those that are read at a time."""
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
    """the reliability checks of a layer: of each image, one for each concept."""

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


@dataclass(frozen=True, eq=False)
class StoredMaps(Mapping[str, LayerMaps]):
    """The maps by layer."""

    rows: StoredRows = field(repr=False)
    layers: Sequence[str]
    concepts: Sequence[str]

    def __getitem__(self, layer: str) -> LayerMaps:
        if layer not in self.layers:
            raise KeyError(layer)
        start = f"{self.layers.index(layer)}/"
        arrays = {name.removeprefix(start): self.rows.read(name) for name in self.rows if name.startswith(start)}
        return LayerMaps(
            arrays["relevance"],
            arrays["contribution"],
            arrays.get("relevance_significant"),
            arrays.get("contribution_significant"),
            self._by_concept("present", arrays),
            arrays.get("inside"),
            self._by_concept("p_value", arrays),
        )

    def _by_concept(self, kind: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
        named = {concept: f"{kind}/{number}" for number, concept in enumerate(self.concepts)}
        return {concept: arrays[name] for concept, name in named.items() if name in arrays}

    def __iter__(self) -> Iterator[str]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)
