"""Which names are those of images, where others stand beside them that are not."""

from __future__ import annotations

from functools import cache

from PIL import Image

from sacv.concepts.formats import FORMATS


@cache
def image_endings() -> tuple[str, ...]:
    """Give the endings of the image formats that are read, in small letters."""
    endings = Image.registered_extensions()
    pillow = tuple(
        ending
        for ending, kind in endings.items()
        if kind in Image.OPEN and Image.MIME.get(kind, "").startswith("image/")
    )
    return pillow + tuple(ending for one in FORMATS for ending in one.endings)


def has_image_ending(name: str) -> bool:
    """Tell whether a name ends as those of images do."""
    return name.lower().endswith(image_endings())


def without_image_ending(name: str) -> str:
    """Give a name without the longest such ending."""
    low = name.lower()
    return name[: len(name) - max((len(ending) for ending in image_endings() if low.endswith(ending)), default=0)]
