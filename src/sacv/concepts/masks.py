"""One mask: what of an image shows the concept, and the share of each cell of a grid that it covers.

A mask is bool `(height, width)` over its upright image. It is kept as what determines it (an array, a file, a drawing)
and becomes pixels when it is loaded for an image of known size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from sacv.concepts.coverage import cell_means
from sacv.concepts.reading import check_picture, to_rgb
from sacv.errors import ImageSetError, UnreadableImageError
from sacv.model.transform import Box

Mask: TypeAlias = NDArray[np.bool_]
"""Bool `(height, width)`, true inside."""

Size: TypeAlias = tuple[int, int]
"""Width and height in pixels."""

ROUNDING = 1e-9
"""Share of a cell below which its cover is the rounding of an edge."""


@dataclass(frozen=True)
class MaskItem:
    """The mask of one image.

    Parameters
    ----------
    name
        For people.
    digest
        SHA-256 of what determines the mask: of the file, of the annotations, or of the array.
    load
        Gives the mask, bool `(height, width)`, for an image of `(width, height)`. Raises `ImageSetError` if the mask
        has another size or no pixel inside, and `UnreadableImageError` if its file is damaged.
    """

    name: str
    digest: str
    load: Callable[[Size], Mask]


def checked_mask(name: str, digest: str, draw: Callable[[Size], Mask]) -> MaskItem:
    """Give a mask that is drawn when it is loaded, and must then have the image's size and a pixel inside."""
    return MaskItem(name, digest, partial(_load, name, draw))


def _load(name: str, draw: Callable[[Size], Mask], size: Size) -> Mask:
    mask = draw(size)
    require_size(name, (mask.shape[1], mask.shape[0]), size)
    if not mask.any():
        raise ImageSetError(
            f"the mask {name} has no pixel inside; mark what shows the concept, or take out the photo and its mask"
        )
    return mask


def require_size(name: str, found: Size, size: Size) -> None:
    """Check that a mask has the size of its image.

    Raises
    ------
    ImageSetError
        If they differ.
    """
    if found == size:
        return
    turned = found == size[::-1]
    hint = " (photos are turned upright by their EXIF orientation: mark the upright photo)" if turned else ""
    raise ImageSetError(
        f"the mask {name} is for {found[0]} x {found[1]} pixels (width x height) and its photo has {size[0]} x "
        f"{size[1]}; a mask needs the size of its photo{hint}"
    )


def mask_from_array(name: str, mask: Any) -> MaskItem:
    """Take a bool array `(height, width)`, which is copied.

    Raises
    ------
    ImageSetError
        If it is none.
    """
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.ndim != 2:
        given = f"{mask.dtype} of shape {mask.shape}" if isinstance(mask, np.ndarray) else type(mask).__name__
        raise ImageSetError(f"{name} is {given}; give a bool array (height, width), such as array > 127")
    kept = np.array(mask, order="C")
    kept.flags.writeable = False
    digest = hashlib.sha256(f"{kept.shape}".encode() + kept.tobytes()).hexdigest()
    return checked_mask(name, digest, partial(_keep, kept))


def _keep(mask: Mask, size: Size) -> Mask:
    return mask


def mask_from_file(path: Path) -> MaskItem:
    """Take a picture whose inside has a luminance above 127 of 255; it is decoded when it is loaded."""
    return checked_mask(str(path), hashlib.sha256(path.read_bytes()).hexdigest(), partial(_read_mask, path))


def _read_mask(path: Path, size: Size) -> Mask:
    bright = brightness(path)
    if bright.max() <= 127:
        raise ImageSetError(
            f"the mask {path} has no pixel inside: inside is what has a luminance above 127 of 255, and its greatest "
            f"is {bright.max()}. Multiply a mask of 0 and 1 by 255, or take out the photo and its mask"
        )
    inside: Mask = bright > 127
    return inside


def brightness(path: Path) -> NDArray[np.uint8]:
    """Read the luminance of a mask file `(height, width)`, upright as photos are, without its alpha.

    Raises
    ------
    UnreadableImageError
        If it is damaged, or of a form not known.
    """
    check_picture(path)
    with Image.open(path) as picture:
        try:
            upright = ImageOps.exif_transpose(picture)
            upright.info.pop("transparency", None)
            deep = upright.mode in ("I", "F") or upright.mode.startswith("I;16")
            return np.asarray((to_rgb(upright) if deep else upright).convert("L"))
        except UnreadableImageError as error:
            raise UnreadableImageError(f"the mask {path}: {error}") from error
        except Exception as error:  # Pillow's decoders raise many kinds
            raise UnreadableImageError(
                f"the mask {path} is a damaged or truncated image ({error}); write it again, or take out the photo "
                "and its mask"
            ) from error


def mask_weights(mask: Mask, grid: tuple[int, int], region: Box | None) -> NDArray[np.float64]:
    """Give the share of each cell that a mask covers, `grid`, in [0, 1]; below 1e-9, the rounding of an edge, it is 0.

    Parameters
    ----------
    mask
        Bool `(height, width)`.
    grid
        Rows and columns.
    region
        The part of the mask that the grid divides: left, top, right, bottom in its pixels; all of it if None.
    """
    covered = cell_means(mask.astype(np.float64), grid, region)
    return np.where(covered < ROUNDING, 0.0, covered)
