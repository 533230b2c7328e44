"""Parquet files with a column of images: `data.parquet`, or `data.parquet:photo` to name the column.

The column holds the bytes of image files, or structs `{bytes, path}` as in files of Hugging Face; `data.parquet[17]` is
one image. Listing the images reads the footer only. Images are read one row group at a time; each thread caches its
last row group.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sacv.concepts.sources.base import Kind, Stored
from sacv.concepts.sources.columns import content, image_column
from sacv.concepts.sources.paths import is_unnested, open_file, stamp
from sacv.errors import ImageSetError, UnreadableImageError

FORM = re.compile(
    r"(?P<file>.+?\.(?:parquet|pq))(?::(?P<column>[^:/\[\]]+))?(?:\[(?P<row>\d+)\])?", re.IGNORECASE | re.DOTALL
)
WHAT = "Parquet file"

BUFFER = 2**20
"""Bytes of a column that are read at a time."""


class _Cache(threading.local):
    """The row group that a thread has read last."""

    key: object = None
    column: Any = None


_cache = _Cache()


@dataclass(frozen=True)
class Table:
    """A column of a file, and a stamp that changes when the file changes."""

    file: str
    column: str
    stamp: str

    def group(self, number: int) -> Any:
        """Return the column's values in a row group."""
        if _cache.key != (self, number):
            _cache.key, _cache.column = None, None  # first, so that there are never two in memory
            # A small buffer, so that reading takes little more memory than the values.
            with (
                open_file(self.file, WHAT) as file,
                pq.ParquetFile(file, buffer_size=BUFFER, pre_buffer=False) as table,
            ):
                read = table.read_row_group(number, columns=[self.column], use_threads=False)
            _cache.column = read[self.column]
            _cache.key = (self, number)
        return _cache.column


class Row(Stored):
    """An image in a row."""

    __slots__ = ("group", "row", "table")

    def __init__(self, name: str, table: Table, group: int, row: int) -> None:
        super().__init__(name)
        self.table, self.group, self.row = table, group, row

    def read(self) -> bytes:
        """Return the bytes of the image."""
        try:
            values = self.table.group(self.group)
        except ImageSetError as error:
            raise UnreadableImageError(f"{self.name} cannot be read: {error}") from error
        return content(values[self.row].as_py(), self.name)


def _images(source: str | Path, name: str) -> Iterator[Stored]:
    file, column, wanted = _parts(source)
    sizes, schema = _footer(file)
    chosen = image_column(schema, column, file, f"name it as in {file}:image")
    table = Table(file, chosen, stamp(file))
    count = sum(sizes)
    if not count:
        raise ImageSetError(f"{name}: the Parquet file {file} has no rows")
    if wanted is not None and wanted >= count:
        raise ImageSetError(f"{name}: {file} has {count} rows, so there is no [{wanted}]")
    label = file if column is None else f"{file}:{column}"
    start = 0
    for group, size in enumerate(sizes):
        rows = range(size) if wanted is None else range(max(wanted - start, 0), min(wanted - start + 1, size))
        for row in rows:
            yield Row(f"{label}[{start + row}]", table, group, row)
        start += size


def _count(source: str | Path) -> int:
    file, _, wanted = _parts(source)
    return sum(_footer(file)[0]) if wanted is None else 1


def _footer(file: str) -> tuple[list[int], pa.Schema]:
    with open_file(file, WHAT) as opened_file:
        found = pq.ParquetFile(opened_file)
        return [found.metadata.row_group(group).num_rows for group in range(found.num_row_groups)], found.schema_arrow


def _parts(source: str | Path) -> tuple[str, str | None, int | None]:
    found = FORM.fullmatch(str(source))
    if found is None:
        return str(source), None, None
    return found["file"], found["column"], None if found["row"] is None else int(found["row"])


def _claims(source: Any) -> bool:
    return is_unnested(source) and FORM.fullmatch(str(source)) is not None and not Path(_parts(source)[0]).is_dir()


PARQUET = Kind(_claims, _images, _count)
