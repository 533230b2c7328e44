"""The column of images of a table, and the bytes of its values."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from sacv.concepts.sources.paths import fetch
from sacv.errors import ImageSetError, UnreadableImageError

FIRST = "image"
"""The default column if there are several of bytes."""


def image_column(schema: pa.Schema, wanted: str | None, where: str, way_out: str) -> str:
    """Return the column of images: the user's, or `image`, or the only column of bytes.

    `wanted` is the name that the user gives; `where` and `way_out`, the table and how to name a column, are for
    messages.
    """
    fitting = [field.name for field in schema if _fits(field.type)]
    if wanted is not None:
        if wanted not in schema.names:
            raise ImageSetError(f"{where} has no column {wanted!r}; it has {', '.join(schema.names)}")
        if wanted not in fitting:
            raise ImageSetError(
                f"the column {wanted!r} of {where} is {schema.field(wanted).type}; a column of images must hold bytes, "
                "or structs of bytes and path"
            )
        return wanted
    if FIRST in fitting:
        return FIRST
    if len(fitting) == 1:
        return str(fitting[0])
    if fitting:
        raise ImageSetError(f"{where} has several columns of bytes, {', '.join(fitting)}; {way_out}")
    raise ImageSetError(f"{where} has no column of bytes; it has {', '.join(schema.names)}")


def content(value: Any, name: str) -> bytes:
    """Return the bytes of a value: bytes, or a dict of `bytes` and `path`; the path is read if there are no bytes."""
    if isinstance(value, dict):
        value = value.get("bytes") if value.get("bytes") is not None else value.get("path")
    if isinstance(value, str):
        return fetch(value, f"{value}, the image of {name},")
    if isinstance(value, bytes):
        return value
    raise UnreadableImageError(
        f"{name} is empty; remove the row, or skip it with --skip-unreadable (skip_unreadable=True)"
    )


def _fits(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        names = [kind.field(number).name for number in range(kind.num_fields)]
        return "bytes" in names and _fits(kind.field("bytes").type)
    return str(kind) in ("binary", "large_binary", "binary_view")
