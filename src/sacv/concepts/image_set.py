"""Sets of images from folders, files, PIL images, arrays and tensors.

An `ImageSet` is an ordered list of images, each with a name, a content hash and a function that loads it. The hash
shows whether two sets share an image, even under different names, and an image of several sets is run once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from PIL import Image

from sacv.concepts.decoding import printable, to_rgb
from sacv.concepts.item import ImageItem, Loaded, Skipped
from sacv.concepts.sources import Stored, is_stored, stored_images
from sacv.engine.prefetch import ahead
from sacv.errors import ImageSetError, UnreadableImageError
from sacv.model.window import Window

Source: TypeAlias = Any
"""Any source of `image_set`, or an `ImageSet`."""

READERS = 8
"""Threads that read images; they mostly wait for input and output."""


@dataclass(frozen=True)
class ImageSet:
    """An ordered set of images.

    Parameters
    ----------
    name
        Name for messages: the concept's name, or "random".
    items
        The images.
    skipped
        Files that could not be read and were skipped with the user's permission.
    """

    name: str
    items: tuple[ImageItem, ...]
    skipped: tuple[Skipped, ...] = ()

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[ImageItem]:
        return iter(self.items)


def image_set(name: str, source: Source, *, skip_unreadable: bool = False, window: Window | None = None) -> ImageSet:
    """Collect a set of images.

    Parameters
    ----------
    name
        Name for messages.
    source
        Any of these, or a sequence of them:

        - A folder (searched recursively, sorted by name) or a file, by its path or URL (`s3://bucket/folder`).
        - A tar of images, or a member of it: `photos.tar`, `photos.tar/cat.jpg`.
        - A Parquet file, one of its columns, one row: `data.parquet`, `data.parquet:photo`, `data.parquet[17]`. In file
          names `{00..07}` and `{a,b}` expand to each value, and `*` matches existing files.
        - A `datasets.Dataset`.
        - A `PIL.Image`, a uint8 array `(height, width)`, `(height, width, 3 or 4)` or a batch
          `(n, height, width, 3 or 4)`.
        - A float tensor that is already transformed: with two axes a signal `(channels, length)`, with three an image
          `(channels, height, width)`, with four a batch of images, with five a batch of volumes
          `(n, channels, depth, height, width)`.
    skip_unreadable
        Skip files that cannot be read and list them in `skipped`; otherwise they are an error.
    window
        Which values of files deeper than 8 bits become black and white; by default each file's own window
        (`sacv.concepts.formats`). Use the window of the model.

    Raises
    ------
    ImageSetError
        If there is no image, or `source` has an unknown type.
    UnreadableImageError
        If files cannot be read; the message names up to ten. Images from URLs, tars and tables are only read here if
        `skip_unreadable` is set; otherwise the error is raised when they are loaded.
    MissingExtraError
        If the package that a URL needs is not installed.
    """
    found = list(items_of(source, name, decode=skip_unreadable, window=window))
    items = tuple(item for item in found if isinstance(item, ImageItem))
    skipped = tuple(item for item in found if isinstance(item, Skipped))
    if not skip_unreadable:
        require_readable(name, skipped)
    if not items:
        raise ImageSetError(f"{name}: no image in {_describe(source)}")
    return ImageSet(name, items, skipped)


def require_readable(name: str, skipped: Sequence[Skipped]) -> None:
    """Check that no file was skipped."""
    if skipped:
        named = "; ".join(entry.reason for entry in skipped[:10])
        more = f"; and {len(skipped) - 10} more" if len(skipped) > 10 else ""
        raise UnreadableImageError(
            f"{name}: {named}{more}. Remove them, or skip them with --skip-unreadable (skip_unreadable=True)"
        )


def items_of(source: Source, name: str, *, decode: bool, window: Window | None = None) -> Iterator[ImageItem | Skipped]:
    """Iterate over the images and the unreadable files of a source; `decode` checks whole files, not only headers."""
    if isinstance(source, ImageSet):
        yield from source.skipped
        yield from source.items
    elif is_stored(source):
        yield from stored_items(stored_images(source, name), decode=decode, window=window)
    elif isinstance(source, Image.Image):
        image = to_rgb(source)
        yield ImageItem(f"{name}[picture]", _digest(np.asarray(image)), partial(_loaded, image))
    elif isinstance(source, torch.Tensor):
        yield from _from_tensor(source, name)
    elif isinstance(source, np.ndarray):
        yield from _from_array(source, name)
    elif isinstance(source, Sequence):
        for index, part in enumerate(source):
            label = name if isinstance(part, str | Path) else f"{name}[{index}]"
            yield from items_of(part, label, decode=decode, window=window)
    else:
        raise ImageSetError(
            f"{name}: cannot read images from {type(source).__name__}; give a folder, files, PIL images, uint8 "
            "arrays, float tensors or a datasets.Dataset"
        )


def stored_items(stored: Iterable[Stored], *, decode: bool, window: Window | None) -> Iterator[ImageItem | Skipped]:
    """Iterate over stored images and unreadable files; `decode` checks whole files, not only headers."""
    # Files that may be skipped are decoded here as well, so that all later counts and folds are final.
    checked = partial(_checked, decode=decode, window=window)
    yield from ahead(checked, stored, READERS) if decode else map(checked, stored)


def _checked(stored: Stored, *, decode: bool, window: Window | None) -> ImageItem | Skipped:
    try:
        if decode:
            stored.load(window)
        else:
            stored.check()
    except (UnreadableImageError, OSError) as error:
        return Skipped(printable(stored.name), printable(error))
    load = stored.load if window is None else partial(stored.load, window)
    return ImageItem(printable(stored.name), stored.digest, load, stored.ras)


def _from_tensor(tensor: torch.Tensor, name: str) -> Iterator[ImageItem]:
    if not tensor.is_floating_point() or not 2 <= tensor.ndim <= 5:
        raise ImageSetError(
            f"{name}: a tensor must be float, of shape (channels, height, width) or (n, channels, height, width), "
            "(n, channels, depth, height, width) for volumes or (channels, length) for a signal, and already "
            f"transformed; this one is {tensor.dtype} of shape {tuple(tensor.shape)} (give raw images as uint8 numpy "
            "arrays)"
        )
    parts = [part.detach() for part in (tensor if tensor.ndim > 3 else tensor[None])]
    for index, (part, digest) in enumerate(zip(parts, _hashed(parts), strict=True)):
        yield ImageItem(f"{name}[{index}]" if tensor.ndim > 3 else name, digest, partial(_loaded, part))


def _hashed(tensors: Sequence[torch.Tensor]) -> Iterator[str]:
    def digest(tensor: torch.Tensor) -> str:
        return _digest(tensor.cpu().float().numpy())

    return map(digest, tensors) if len(tensors) == 1 else ahead(digest, tensors, READERS)


def _from_array(array: np.ndarray[Any, Any], name: str) -> Iterator[ImageItem]:
    coloured = array.shape[-1:] in ((3,), (4,))
    if array.dtype != np.uint8 or not (array.ndim == 2 or (array.ndim in (3, 4) and coloured)):
        raise ImageSetError(
            f"{name}: an array must be uint8, of shape (height, width), (height, width, 3 or 4) or (n, height, width, "
            f"3 or 4); this one is {array.dtype} of shape {array.shape}"
        )
    for index, part in enumerate(array if array.ndim == 4 else array[None]):
        image = to_rgb(Image.fromarray(part))
        label = f"{name}[{index}]" if array.ndim == 4 else name
        yield ImageItem(label, _digest(np.asarray(image)), partial(_loaded, image))


def _loaded(image: Loaded) -> Loaded:
    return image


def _digest(array: np.ndarray[Any, Any]) -> str:
    digest = hashlib.sha256(f"{array.dtype}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _describe(source: Source) -> str:
    return str(source) if isinstance(source, str | Path) else f"the {type(source).__name__} given"


def without_repeats(images: ImageSet) -> tuple[ImageSet, tuple[tuple[str, str], ...]]:
    """Remove repeated images, so that no image is in two folds.

    Return the set, and pairs of names `(removed, first)`.
    """
    first: dict[str, ImageItem] = {}
    repeats: list[tuple[str, str]] = []
    for _ in ahead(attrgetter("digest"), (item for item in images if not item.hashed), READERS):
        pass  # computes all hashes
    for item in images:
        known = first.setdefault(item.digest, item)
        if known is not item:
            repeats.append((item.name, known.name))
    return ImageSet(images.name, tuple(first.values()), images.skipped), tuple(repeats)


def require_disjoint(concept: ImageSet, random: ImageSet) -> None:
    """Check that a concept and the random set share no image."""
    if shared := shared_images(concept, random):
        raise ImageSetError(
            f"concept {concept.name!r} and the random set share {shared}; an image cannot be in both: remove these "
            "images from one of the two"
        )


def shared_images(one: Iterable[ImageItem], other: Iterable[ImageItem]) -> str:
    """Describe the images that two sets share, such as "2 images (a.png; b.png = c.png)"; empty if none."""
    known = {item.digest: item.name for item in other}
    pairs = [(item.name, known[item.digest]) for item in one if item.digest in known]
    named = "; ".join(here if here == there else f"{here} = {there}" for here, there in pairs[:3])
    return f"{len(pairs)} images ({named})" if pairs else ""
