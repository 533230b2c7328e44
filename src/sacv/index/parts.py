"""The lists of a part as a table, and tables as arrays of bytes, for the store of finished parts."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sacv.concepts import ImageItem
from sacv.files import Array
from sacv.index.top import Match, ScoredLocation, Top

_NUMBERS = pa.list_(pa.int32())
_SCHEMA = pa.schema(
    [
        ("list", pa.int32()),
        ("number", pa.int64()),
        ("value", pa.float64()),
        ("location", _NUMBERS),
        ("evidence", pa.float64()),
        ("present", pa.bool_()),
        ("grid", _NUMBERS),
        ("input_shape", _NUMBERS),
        ("size", _NUMBERS),
        ("region", pa.list_(pa.float64())),
    ]
)


def match_table(tops: Sequence[Top]) -> pa.Table:
    """Return lists as a table with a row for each location, in their order; images by their number."""
    rows = [
        {
            "list": number,
            "number": match.number,
            "value": scored.value,
            "location": scored.location,
            "evidence": scored.evidence,
            "present": scored.present,
            "grid": match.grid,
            "input_shape": match.input_shape,
            "size": match.size,
            "region": match.region,
        }
        for number, top in enumerate(tops)
        for match in top.matches
        for scored in match.locations
    ]
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def matches_of(table: pa.Table, items: Mapping[int, ImageItem], lists: int) -> list[tuple[Match, ...]]:
    """Invert `match_table`, with the images by their number."""
    found: list[list[Match]] = [[] for _ in range(lists)]
    for (number, image), rows in groupby(table.to_pylist(), lambda row: (row["list"], row["number"])):
        own = list(rows)
        locations = tuple(
            ScoredLocation(row["value"], tuple(row["location"]), row["evidence"], row["present"]) for row in own
        )
        grid, shape, (width, height), region = (own[0][name] for name in ("grid", "input_shape", "size", "region"))
        box = None if region is None else tuple(region)
        found[number].append(Match(items[image], image, locations, tuple(grid), tuple(shape), (width, height), box))
    return [tuple(matches) for matches in found]


def table_bytes(table: pa.Table) -> Array:
    """Return a table as Parquet in an array of bytes."""
    file = io.BytesIO()
    pq.write_table(table, file)
    return np.frombuffer(file.getvalue(), dtype=np.uint8)


def read_table(content: Array) -> pa.Table:
    """Invert `table_bytes`."""
    return pq.read_table(pa.BufferReader(content.tobytes()))
