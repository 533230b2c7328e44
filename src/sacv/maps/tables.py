"""The tables of an explanation, written one row group after another, so that memory does not grow with the images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sacv.maps.images import ExplainedImage

IMAGES = pa.schema(
    [("path", pa.string()), ("width", pa.int64()), ("height", pa.int64())]
    + [(side, pa.float64()) for side in ("left", "top", "right", "bottom")]
    + [("target", pa.int64()), ("target_name", pa.string()), ("logit", pa.float64())]
    + [
        ("predicted", pa.int64()),
        ("predicted_name", pa.string()),
        ("probability", pa.float64()),
        ("in_fit", pa.bool_()),
    ]
)

TEXTS = ("image", "layer", "concept", "target", "doubts")
TRUTHS = ("beyond", "moved", "weak", "in_fit")


def scores_schema(columns: Iterable[str]) -> pa.Schema:
    """Return the columns of the scores, by their names."""
    kinds = dict.fromkeys(TEXTS, pa.string()) | dict.fromkeys(TRUTHS, pa.bool_())
    return pa.schema([(name, kinds.get(name, pa.float64())) for name in columns])


def image_row(image: ExplainedImage) -> dict[str, Any]:
    """Return an image as a row of the table."""
    (width, height), region = image.size, image.region or (None,) * 4
    sides = dict(zip(("left", "top", "right", "bottom"), region, strict=True))
    fields = {name: getattr(image, name) for name in IMAGES.names if name not in ("width", "height", *sides)}
    return {"width": width, "height": height, **sides, **fields}


def write_table(file: Path, schema: pa.Schema, parts: Iterable[Sequence[Mapping[str, Any]]]) -> None:
    """Write rows, part by part; columns that a row lacks are missing there."""
    with pq.ParquetWriter(file, schema) as writer:
        for rows in parts:
            columns = {
                name: pa.array([row.get(name) for row in rows], schema.field(name).type) for name in schema.names
            }
            writer.write_table(pa.table(columns, schema=schema))
