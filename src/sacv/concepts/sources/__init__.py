"""Sources of stored images: folders, files elsewhere, tars, tables. Each kind stands in a file of its own.

A kind is a `Kind` that stands in `KINDS`; the first that claims a source gives its images.
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
    """Tell whether a kind claims a source."""
    return any(kind.claims(source) for kind in KINDS)


def stored_images(source: Any, name: str) -> Iterator[Stored]:
    """Go through the images of a source that a kind claims, without reading them; `name` is for errors.

    Raises
    ------
    ImageSetError
        If there is nothing, or it cannot be listed.
    MissingExtraError
        If a package that reaches it is not installed.
    """
    for one in _places(source):
        yield from _kind(one).images(one, name)


def count_stored(source: Any) -> int:
    """Count what `stored_images` goes through, without reading it."""
    return sum(_kind(one).count(one) for one in _places(source))


def image_here(name: str) -> Stored | None:
    """Give the image of a name, such as a bank holds, if it is in a file, a tar or a table of this machine."""
    if is_url(name) or "::" in name or Path(name).is_dir():
        return None
    try:
        return next(_kind(name).images(name, name))
    except ImageSetError:
        return None


def _kind(source: Any) -> Kind:
    return next(kind for kind in KINDS if kind.claims(source))


def _places(source: Any) -> list[Any]:
    return expand(str(source)) if isinstance(source, str | Path) and is_pattern(source) else [source]


__all__ = ["KINDS", "Kind", "Stored", "count_stored", "image_here", "is_stored", "stored_images"]
