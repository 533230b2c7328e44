"""Sources of stored images: local folders, URLs, tars and tables, one module for each kind.

The first `Kind` in `KINDS` that claims a source lists its images.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sacv.concepts.sources.base import Kind, Stored
from sacv.concepts.sources.folder import FOLDER
from sacv.concepts.sources.huggingface import DATASET
from sacv.concepts.sources.parquet import PARQUET
from sacv.concepts.sources.paths import is_url
from sacv.concepts.sources.patterns import expand, is_pattern
from sacv.concepts.sources.remote import REMOTE
from sacv.concepts.sources.tars import TAR
from sacv.errors import ImageSetError

KINDS: tuple[Kind, ...] = (DATASET, TAR, PARQUET, REMOTE, FOLDER)


def is_stored(source: Any) -> bool:
    """Return whether a kind claims a source."""
    return any(kind.claims(source) for kind in KINDS)


def stored_images(source: Any, name: str) -> Iterator[Stored]:
    """Iterate over the images of a source that a kind claims, without reading them; `name` is for messages.

    Raises ImageSetError if the source is empty, or cannot be listed, and MissingExtraError if the package that opens it
    is not installed.
    """
    for part in _expanded(source):
        yield from _kind(part).images(part, name)


def count_stored(source: Any) -> int:
    """Count the images of `stored_images`, without reading them."""
    return sum(_kind(part).count(part) for part in _expanded(source))


def stored_image(name: str) -> Stored | None:
    """Return the image of a name, as stored in a bank, if it is in a local file, tar or table; None otherwise."""
    if is_url(name) or "::" in name or Path(name).is_dir():
        return None
    try:
        return next(_kind(name).images(name, name))
    except ImageSetError:
        return None


def _kind(source: Any) -> Kind:
    return next(kind for kind in KINDS if kind.claims(source))


def _expanded(source: Any) -> list[Any]:
    return expand(str(source)) if isinstance(source, str | Path) and is_pattern(source) else [source]


__all__ = ["KINDS", "Kind", "Stored", "count_stored", "is_stored", "stored_image", "stored_images"]
