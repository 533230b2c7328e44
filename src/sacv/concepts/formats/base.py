"""The interface of an image file format, and the size limits of all formats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch
from PIL import Image

from sacv.errors import UnreadableImageError
from sacv.model.window import Window

Loaded: TypeAlias = Image.Image | torch.Tensor
"""An RGB image, or a tensor `(channels, *size)` that is already transformed."""

HEAD = 132
"""Bytes of a file that are read to recognise its format."""

LARGEST = 2**28
"""Most values of a volume, or of an image of many channels, that are read: a gigabyte as float32."""

EXTRA = "medical"
"""The optional extra that installs the packages."""


@dataclass(frozen=True)
class Format:
    """An image file format."""

    name: str
    """Name for messages."""
    logger: str
    """Name of the logger of its package, which is disabled while a file is read."""
    claims: Callable[[Path, bytes], bool]
    """Function that returns whether a file is of this format, from its path and its first `HEAD` bytes."""
    check: Callable[[Path], None]
    """Function that checks a file without decoding it. Raises `UnreadableImageError`, or anything for a damaged
    file."""
    read: Callable[[Path, Window | None], Loaded]
    """Function that reads a file, with the user's window or None. Raises as `check`."""
    endings: tuple[str, ...] = ()
    """Endings of its file names, in lower case."""
    ras: bool = False
    """Whether its volumes `(1, depth, height, width)` have axes that run to superior, to anterior and to the right."""


def require_pixels(path: Path, width: int, height: int) -> None:
    """Check that an image has at least one pixel and no more than Pillow's limit."""
    if width < 1 or height < 1:
        raise UnreadableImageError(f"{path} announces {width} x {height} pixels; remove it")
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and width * height > limit:
        raise UnreadableImageError(
            f"{path} announces more than {limit} pixels and could exhaust the memory when decoded; make it smaller, or "
            "raise PIL.Image.MAX_IMAGE_PIXELS if you trust it"
        )


def require_values(path: Path, shape: tuple[int, ...]) -> None:
    """Check that a volume, or an image of many channels, has at least one value and at most `LARGEST`."""
    count = 1
    for side in shape:
        count *= int(side)
    if min(shape, default=0) < 1:
        raise UnreadableImageError(f"{path} announces a shape of {tuple(shape)}; remove it")
    if count > LARGEST:
        raise UnreadableImageError(
            f"{path} announces {count} values, more than {LARGEST}, and could exhaust the memory when decoded; make it "
            "smaller"
        )
