"""Recognise image files by their names, among files of other kinds."""

from __future__ import annotations

from functools import cache

from PIL import Image

from sacv.concepts.formats import FORMATS


@cache
def image_endings() -> tuple[str, ...]:
    """Return the file name endings of the supported image formats, in lower case."""
    endings = Image.registered_extensions()
    pillow = tuple(
        ending
        for ending, kind in endings.items()
        if kind in Image.OPEN and Image.MIME.get(kind, "").startswith("image/")
    )
    return pillow + tuple(ending for kind in FORMATS for ending in kind.endings)


def has_image_ending(name: str) -> bool:
    """Return whether a name has the ending of an image file."""
    return name.lower().endswith(image_endings())


def without_image_ending(name: str) -> str:
    """Return a name without its longest ending of an image file."""
    low = name.lower()
    return name[: len(name) - max((len(ending) for ending in image_endings() if low.endswith(ending)), default=0)]
