"""Stream images in the order of `image_set` without a list of them, for any number of files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from sacv.concepts.image_set import ImageSet, Source, items_of
from sacv.concepts.item import ImageItem, Skipped
from sacv.concepts.sources import count_stored, is_stored
from sacv.model.window import Window


def stream_images(name: str, source: Source, window: Window | None = None) -> Iterator[ImageItem | Skipped]:
    """Iterate over images, and over the files without the header of an image.

    Only the entries of one directory and of its parents, and the indexes of a few tars, are in memory.

    `source` and `window` are as in `image_set`. Raises ImageSetError if a path does not exist, a folder is empty or
    cannot be read, or `source` has an unknown type.
    """
    return items_of(source, name, decode=False, window=window)


def count_images(source: Source) -> int:
    """Count the items of `stream_images`, without reading an image."""
    if is_stored(source):
        return count_stored(source)
    if isinstance(source, ImageSet):
        return len(source) + len(source.skipped)
    if isinstance(source, torch.Tensor | np.ndarray):
        return len(source) if source.ndim > 3 else 1
    return sum(map(count_images, source)) if isinstance(source, Sequence) else 1
