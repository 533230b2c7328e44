"""Images one after another, in the order of `image_set`, without a list of them: for any number of files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from sacv.concepts.image_set import ImageSet, Source, items_of
from sacv.concepts.item import ImageItem, Skipped
from sacv.concepts.sources import count_stored, is_stored
from sacv.model.window import Window


def stream_images(name: str, source: Source, window: Window | None = None) -> Iterator[ImageItem | Skipped]:
    """Go through images, and through the files that do not begin as an image does.

    Of a folder no more than the names of one directory, and of those above it, are in memory; of tars, no more than the
    names and places of those in a few.

    Parameters
    ----------
    name
        For people.
    source
        As of `image_set`.
    window
        The values of deep files that are black and white; see `sacv.Window`.

    Raises
    ------
    ImageSetError
        If a path does not exist, a folder is empty or cannot be read, or something is no source of images.
    """
    return items_of(source, name, decode=False, window=window)


def count_images(source: Source) -> int:
    """Count what `stream_images` goes through, without reading an image."""
    if is_stored(source):
        return count_stored(source)
    if isinstance(source, ImageSet):
        return len(source) + len(source.skipped)
    if isinstance(source, torch.Tensor | np.ndarray):
        return len(source) if source.ndim > 3 else 1
    return sum(map(count_images, source)) if isinstance(source, Sequence) else 1
