"""Batches of images, loaded when they are needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sacv.concepts.item import ImageItem, Loaded


@dataclass(frozen=True)
class Batch:
    """Consecutive images of a list, loaded, and the index of the first."""

    start: int
    images: tuple[Loaded, ...]


def batches(items: Sequence[ImageItem], size: int) -> Iterator[Batch]:
    """Load images in batches of `size`, in order.

    Raises UnreadableImageError if an image cannot be decoded.
    """
    for start in range(0, len(items), size):
        yield Batch(start, tuple(item.load() for item in items[start : start + size]))
