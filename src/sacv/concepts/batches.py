"""Batches of images, loaded as they are needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sacv.concepts.image_set import ImageItem, Loaded
from sacv.errors import OptionError


@dataclass(frozen=True)
class Batch:
    """Some images of a list: where in the list the first stands, and the images, loaded."""

    start: int
    images: tuple[Loaded, ...]


def batches(items: Sequence[ImageItem], size: int) -> Iterator[Batch]:
    """Load images in batches of `size`, in order.

    Raises
    ------
    OptionError
        If `size` is below 1.
    UnreadableImageError
        If an image cannot be decoded.
    """
    if size < 1:
        raise OptionError(f"batch_size must be at least 1, not {size}")
    for start in range(0, len(items), size):
        yield Batch(start, tuple(item.load() for item in items[start : start + size]))
