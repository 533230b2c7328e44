"""Images one after another, in the order of `image_set`, without a list of them: for any number of files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from sacv.concepts.image_set import ImageItem, ImageSet, Skipped, Source, items_of
from sacv.errors import ImageSetError
from sacv.model.window import Window


def stream_images(name: str, source: Source, window: Window | None = None) -> Iterator[ImageItem | Skipped]:
    """Go through images, and through the files that do not begin as an image does.

    Of a folder no more than the names of one directory, and of those above it, are in memory.

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
    for label, part in _parts(name, source):
        skipped: list[Skipped] = []
        yield from items_of(part, label, skipped, False, window)
        yield from skipped


def count_images(source: Source) -> int:
    """Count what `stream_images` goes through, without opening a file."""
    if isinstance(source, str | Path):
        return sum(1 for _ in _files(Path(source))) if Path(source).is_dir() else 1
    if isinstance(source, ImageSet):
        return len(source) + len(source.skipped)
    if isinstance(source, torch.Tensor | np.ndarray):
        return len(source) if source.ndim > 3 else 1
    return sum(map(count_images, source)) if isinstance(source, Sequence) else 1


def _parts(name: str, source: Source) -> Iterator[tuple[str, Source]]:
    """Take folders and sequences apart."""
    if isinstance(source, str | Path) and Path(source).is_dir():
        empty = True
        for file in _files(Path(source)):
            empty = False
            yield name, file
        if empty:
            raise ImageSetError(f"{name}: the folder {source} is empty")
    elif isinstance(source, Sequence) and not isinstance(source, str):
        for index, part in enumerate(source):
            yield from _parts(name if isinstance(part, str | Path) else f"{name}[{index}]", part)
    else:
        yield name, source


def _files(folder: Path) -> Iterator[Path]:
    """Go through the files of a folder to its depths, in the order of their paths."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise ImageSetError(f"the folder {folder} cannot be read: {error.strerror or error}") from error
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path))
        elif entry.is_file():
            yield Path(entry.path)
