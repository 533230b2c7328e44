"""The reducer of a search: the best images of every concept and layer, and a row for each image."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from sacv.cav import ConceptBank
from sacv.cav.presence_mask import present
from sacv.concepts import ImageItem, Skipped
from sacv.engine import Shard
from sacv.errors import LayerError, UnreadableImageError
from sacv.files import Array
from sacv.index.finite import require_finite
from sacv.index.parts import match_table, matches_of, read_table, table_bytes
from sacv.index.queries import Query
from sacv.index.rows import greatest, record, schema
from sacv.index.top import Match, ScoredLocation, Top, best_locations
from sacv.maps.relevance import evidence, relevance
from sacv.model import VisionModel
from sacv.model.transform import Box

Map = NDArray[np.float32]
Framed: TypeAlias = tuple[tuple[int, int], Box | None]
"""The size of an image, and the part that the network sees."""


PART_VERSION = 1
"""Version of the content of a shard's part."""


@dataclass(frozen=True)
class Batch:
    """Some images, and the number of images before them."""

    start: int
    items: tuple[ImageItem, ...]


@dataclass(frozen=True)
class Loaded:
    """A batch as the network's input."""

    start: int
    """Images before it."""
    items: tuple[ImageItem, ...]
    """Those that can be read."""
    numbers: tuple[int, ...]
    """Number of images before each."""
    inputs: torch.Tensor | None
    """The network's input; None without readable images."""
    framed: tuple[Framed, ...]
    """The size of each, and the part that the network sees."""
    skipped: Mapping[int, Skipped]
    """Files that cannot be read, by their number."""


@dataclass
class State:
    """The result of some images."""

    best: dict[tuple[str, str], Top]
    """By layer and concept."""
    alike: list[Top]
    """For each query."""
    rows: dict[int, pa.RecordBatch] = field(default_factory=dict)
    """By the batch's start."""
    skipped: dict[int, Skipped] = field(default_factory=dict)
    """Files that could not be read, by their number."""
    other_grids: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """By layer: the least grid that is not the bank's, if there was one."""

    @property
    def images(self) -> int:
        """Number of rows."""
        return sum(rows.num_rows for rows in self.rows.values())

    def take_rows(self) -> list[pa.RecordBatch]:
        """Return the rows in the order of the images, and remove them."""
        found = [rows for _, rows in sorted(self.rows.items())]
        self.rows = {}
        return found


@dataclass(frozen=True)
class Search:
    """The reducer."""

    model: VisionModel
    bank: ConceptBank
    queries: tuple[Query, ...]
    top: int
    """Images in each list."""
    per_image: int
    """Locations of an image."""
    skip_unreadable: bool
    """Whether files that cannot be read are left out rather than an error."""

    def running(self) -> AbstractContextManager[None]:
        """Freeze the network."""
        return self.model.frozen()

    @cached_property
    def _basis(self) -> str:
        """The inputs of every part, as JSON."""
        queries = [(query.layer, hashlib.sha256(query.direction.tobytes()).hexdigest()) for query in self.queries]
        lengths = [self.top, self.per_image]
        return json.dumps(["search", PART_VERSION, self.model.identity(), self.bank.fingerprint, queries, lengths])

    def key(self, shard: Shard[Batch]) -> str:
        """Return a SHA-256 of the network, the bank, the settings, and the shard's images with their names."""
        digest = hashlib.sha256(self._basis.encode())
        for batch in shard.pieces:
            images = [(item.name, self._content(item)) for item in batch.items]
            digest.update(json.dumps([batch.start, images]).encode())
        return digest.hexdigest()

    def _content(self, item: ImageItem) -> str | None:
        try:
            return item.digest
        except UnreadableImageError:
            if not self.skip_unreadable:
                raise
            return None

    def empty(self) -> State:
        """Return the state of no images."""
        return State({key: Top(self.top) for key in self._keys}, [Top(self.top) for _ in self.queries])

    @property
    def _keys(self) -> list[tuple[str, str]]:
        return [(layer, concept) for layer in self.bank.layers for concept in self.bank.concepts]

    def merge(self, left: State, right: State) -> State:
        """Return the state of the images of both."""
        return State(
            {key: top.join(right.best[key].matches) for key, top in left.best.items()},
            [mine.join(other.matches) for mine, other in zip(left.alike, right.alike, strict=True)],
            left.rows | right.rows,
            left.skipped | right.skipped,
            {
                layer: min(state.other_grids[layer] for state in (left, right) if layer in state.other_grids)
                for layer in left.other_grids | right.other_grids
            },
        )

    def load(self, batch: Batch) -> Loaded:
        """Read the images of a batch; it may be called ahead of `add`, in another thread."""
        items, numbers, images, skipped = [], [], [], {}
        for number, item in enumerate(batch.items, start=batch.start):
            try:
                images.append(item.load())
            except UnreadableImageError as error:
                if not self.skip_unreadable:
                    raise
                skipped[number] = Skipped(item.name, str(error))
            else:
                items.append(item)
                numbers.append(number)
        inputs = self.model.inputs(images) if images else None
        return Loaded(batch.start, tuple(items), tuple(numbers), inputs, tuple(map(self.model.seen, images)), skipped)

    def add(self, state: State, loaded: Loaded) -> State:
        """Return the state with the images of one more batch."""
        items, inputs, framed = loaded.items, loaded.inputs, loaded.framed
        state.skipped |= loaded.skipped
        if inputs is None:
            return state
        columns: dict[str, object] = {
            "image": [item.name for item in items],
            "hash": [item.digest for item in items],
            "width": [size[0] for size, _ in framed],
            "height": [size[1] for size, _ in framed],
        }
        records = self.model.activations(inputs, list(self.bank.layers))
        for layer in self.bank.layers:
            cells = records[layer].cells
            self._check(state, layer, cells, items)
            read = self.bank.preprocessing(cells)
            draft = _Draft(
                items, loaded.numbers, tuple(cells.shape[1:-1]), tuple(inputs.shape[1:]), framed, self.per_image
            )
            cavs = [self.bank.cav(layer, concept) for concept in self.bank.concepts]
            shown, along = (found.cpu().numpy() for found in (relevance(read, cavs), evidence(read, cavs)))
            for number, cav in enumerate(cavs):
                presence = present(cav, read, along[:, number]) if draft.grid == self.bank.layers[layer].grid else None
                marks = None if presence is None else presence.mask
                columns |= greatest(layer, cav.concept, shown[:, number], _anywhere(marks, len(shown)))
                key = (layer, cav.concept)
                state.best[key] = draft.joined(state.best[key], shown[:, number], along[:, number], marks)
            for number, query in enumerate(self.queries):
                if query.layer == layer:
                    state.alike[number] = draft.joined(state.alike[number], query.cosine(read), None, None)
        state.rows[loaded.start] = record(columns, schema(self.bank))
        return state

    def pack(self, part: State) -> dict[str, Array]:
        """Return a part as arrays."""
        rest = {
            "batches": [[start, rows.num_rows] for start, rows in sorted(part.rows.items())],
            "skipped": [[number, one.name, one.reason] for number, one in sorted(part.skipped.items())],
            "grids": {layer: list(grid) for layer, grid in part.other_grids.items()},
        }
        return {
            "rows": table_bytes(
                pa.Table.from_batches([rows for _, rows in sorted(part.rows.items())], schema(self.bank))
            ),
            "matches": table_bytes(match_table([*(part.best[key] for key in self._keys), *part.alike])),
            "rest": np.frombuffer(json.dumps(rest).encode(), dtype=np.uint8),
        }

    def unpack(self, arrays: Mapping[str, Array], shard: Shard[Batch]) -> State:
        """Invert `pack`."""
        items = {batch.start + number: item for batch in shard.pieces for number, item in enumerate(batch.items)}
        lists = matches_of(read_table(arrays["matches"]), items, len(self._keys) + len(self.queries))
        tops = [Top(self.top, matches) for matches in lists]
        rest = json.loads(arrays["rest"].tobytes())
        rows = read_table(arrays["rows"])
        before = accumulate((count for _, count in rest["batches"]), initial=0)
        return State(
            dict(zip(self._keys, tops, strict=False)),
            tops[len(self._keys) :],
            {
                start: rows.slice(first, count).combine_chunks().to_batches()[0]
                for (start, count), first in zip(rest["batches"], before, strict=False)
            },
            {number: Skipped(name, reason) for number, name, reason in rest["skipped"]},
            {layer: tuple(grid) for layer, grid in rest["grids"].items()},
        )

    def _check(self, state: State, layer: str, cells: torch.Tensor, items: Sequence[ImageItem]) -> None:
        require_finite(cells, layer, [item.name for item in items])
        shape = self.bank.layers[layer]
        grid = tuple(cells.shape[1:-1])
        if cells.shape[-1] != shape.channels or len(grid) != len(shape.grid):
            raise LayerError(
                f"layer {layer!r} has {cells.shape[-1]} channels on a grid of {grid} for {items[0].name}, but the bank "
                f"was fitted with {shape.channels} on a grid of {shape.grid}"
            )
        if grid != shape.grid:
            state.other_grids[layer] = min(grid, state.other_grids.get(layer, grid))


@dataclass(frozen=True)
class _Draft:
    """The common fields of the matches of a batch at a layer."""

    items: Sequence[ImageItem]
    numbers: Sequence[int]
    grid: tuple[int, ...]
    input_shape: tuple[int, ...]
    framed: Sequence[Framed]
    per_image: int

    def joined(self, top: Top, values: Map, along: Map | None, marks: NDArray[np.bool_] | None) -> Top:
        """Return the list with the images of the batch that enter it, from values `(n, *grid)`."""
        best = values.reshape(len(values), -1).max(axis=1)
        rows = [row for row, value in enumerate(best) if top.admits(float(value))]
        if not rows:
            return top
        return top.join([self._match(row, values, along, marks) for row in rows])

    def _match(self, row: int, values: Map, along: Map | None, marks: NDArray[np.bool_] | None) -> Match:
        locations = tuple(
            ScoredLocation(
                float(values[row][location]),
                location,
                None if along is None else float(along[row][location]),
                None if marks is None else bool(marks[row][location]),
            )
            for location in best_locations(values[row], self.per_image)
        )
        size, region = self.framed[row]
        return Match(self.items[row], self.numbers[row], locations, self.grid, self.input_shape, size, region)


def _anywhere(marks: NDArray[np.bool_] | None, images: int) -> list[bool | None]:
    """Return for each image whether its mask has any location; None without masks."""
    return [None] * images if marks is None else [bool(one.any()) for one in marks]
