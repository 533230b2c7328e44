"""One row for each image, streamed to a Parquet file in row groups.

Columns: `image` (its name), `hash` (SHA-256 of its content), `width` and `height` in its own pixels; then for each
layer and concept `LAYER/CONCEPT/relevance`, the greatest anywhere, `/row` and `/column` of its location (and `/depth`
for volumes; signals have the column only), and `/present`, whether the concept is present anywhere, null if unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sacv.cav import ConceptBank
from sacv.errors import StorageError

AXES = ("depth", "row", "column")
"""Names of a grid's axes; a grid with fewer axes has the last ones."""


def schema(bank: ConceptBank) -> pa.Schema:
    """Return the columns for the layers and concepts of a bank."""
    fields = [("image", pa.string()), ("hash", pa.string()), ("width", pa.int32()), ("height", pa.int32())]
    for layer, shape in bank.layers.items():
        for concept in bank.concepts:
            fields.append((f"{layer}/{concept}/relevance", pa.float32()))
            fields += [(f"{layer}/{concept}/{axis}", pa.int32()) for axis in AXES[-len(shape.grid) :]]
            fields.append((f"{layer}/{concept}/present", pa.bool_()))
    return pa.schema(fields)


def greatest(layer: str, concept: str, values: NDArray[np.float32], present: Sequence[bool | None]) -> dict[str, Any]:
    """Return the columns of a layer and concept, from relevance `(images, *grid)`."""
    flat = values.reshape(len(values), -1)
    best = flat.argmax(axis=1)
    name, indices = f"{layer}/{concept}", np.unravel_index(best, values.shape[1:])
    axes = AXES[-len(indices) :]
    return {
        f"{name}/relevance": flat[np.arange(len(flat)), best],
        **{f"{name}/{axis}": index for axis, index in zip(axes, indices, strict=True)},
        f"{name}/present": list(present),
    }


def record(columns: Mapping[str, Any], kind: pa.Schema) -> pa.RecordBatch:
    """Return the rows of some images."""
    return pa.record_batch([pa.array(columns[field.name], type=field.type) for field in kind], schema=kind)


class RowWriter:
    """Writes rows of images in row groups of one size."""

    def __init__(self, writer: Any, file: Path, group: int) -> None:
        self._writer, self._file, self._group = writer, file, group
        self._waiting: list[pa.RecordBatch] = []

    def write(self, parts: Iterable[pa.RecordBatch]) -> None:
        """Add rows, and write the row groups that are full.

        Raises StorageError if they cannot be written, as on a full disk.
        """
        self._waiting += parts
        while sum(map(len, self._waiting)) >= self._group:
            self._write_group()

    def close(self) -> None:
        """Write the remaining rows.

        Raises StorageError if they cannot be written.
        """
        if self._waiting:
            self._write_group()

    def _write_group(self) -> None:
        table = pa.Table.from_batches(self._waiting)
        with _storage_error(self._file):
            self._writer.write_table(table.slice(0, self._group).combine_chunks(), row_group_size=self._group)
        self._waiting = table.slice(self._group).to_batches()


@contextmanager
def row_writer(file: Path, kind: pa.Schema, group: int) -> Iterator[RowWriter]:
    """Open the file to write rows to.

    `kind` are its columns; a row group has `group` rows, the most in memory. Raises StorageError if it cannot be
    written.
    """
    with _storage_error(file):
        writer = pq.ParquetWriter(file, kind)
    try:
        rows = RowWriter(writer, file, group)
        yield rows
        rows.close()
    finally:
        with _storage_error(file):
            writer.close()


@contextmanager
def _storage_error(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"the rows of the images could not be written to {file}: {error.strerror or error}; set TMPDIR to a folder "
            "with more room"
        ) from error
