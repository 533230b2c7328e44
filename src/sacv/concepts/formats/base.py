"""What a format of image files is, and limits that all share."""

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
"""An RGB picture, or a tensor `(channels, *size)` that is already transformed."""

HEAD = 132
"""Bytes of a file that are read to see what it is."""

LARGEST = 2**28
"""Values of a volume, or of a picture of many channels, beyond which it is not read: a gigabyte as float32."""

EXTRA = "medical"
"""The extra that installs the packages."""


@dataclass(frozen=True)
class Format:
    """One format.

    Parameters
    ----------
    name
        For people.
    logger
        Name of its package's logger, which is silent while a file is read.
    claims
        Whether a file is of this format, from its path and its first `HEAD` bytes.
    check
        Checks a file without decoding it; raises `UnreadableImageError`, or anything where it is damaged.
    read
        Reads a file, with a window that the user gave or none; raises as `check`.
    endings
        Of the names of its files, in small letters.
    ras
        Whether it gives volumes `(1, depth, height, width)` that run to superior, to anterior and to the right.
    """

    name: str
    logger: str
    claims: Callable[[Path, bytes], bool]
    check: Callable[[Path], None]
    read: Callable[[Path, Window | None], Loaded]
    endings: tuple[str, ...] = ()
    ras: bool = False


def require_pixels(path: Path, width: int, height: int) -> None:
    """Check that a picture has pixels, and no more than Pillow decodes.

    Raises
    ------
    UnreadableImageError
        If it has not.
    """
    if width < 1 or height < 1:
        raise UnreadableImageError(f"{path} announces {width} x {height} pixels; remove it")
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and width * height > limit:
        raise UnreadableImageError(
            f"{path} announces more than {limit} pixels and could exhaust the memory when decoded; make it smaller, or "
            "raise PIL.Image.MAX_IMAGE_PIXELS if you trust it"
        )


def require_values(path: Path, shape: tuple[int, ...]) -> None:
    """Check that a volume, or a picture of many channels, has values, and not too many.

    Raises
    ------
    UnreadableImageError
        If it has not.
    """
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
