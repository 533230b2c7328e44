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
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from sacv.concepts.coverage import cell_means
from sacv.concepts.decoding import check_picture, quiet, to_rgb
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
    empty
        Whether it says that the image shows nothing of the concept; then no pixel that it gives is inside.
    """

    name: str
    digest: str
    load: Callable[[Size], Mask]
    empty: bool = False


@dataclass(frozen=True)
class Candidate:
    """A mask that is looked at once its photo is found.

    Parameters
    ----------
    label
        What it shares with the name of its photo.
    name
        For people.
    make
        Gives the mask.
    """

    label: str
    name: str
    make: Callable[[], MaskItem]


def nothing(name: str) -> MaskItem:
    """Give the mask of an image that shows nothing of the concept."""
    return MaskItem(name, hashlib.sha256(b"nothing").hexdigest(), _outside, empty=True)


def _outside(size: Size) -> Mask:
    return np.zeros(size[::-1], dtype=np.bool_)


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
    """Take a bool array `(height, width)`, which is copied; one without a pixel inside is empty.

    Raises
    ------
    ImageSetError
        If it is none.
    """
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.ndim != 2:
        given = f"{mask.dtype} of shape {mask.shape}" if isinstance(mask, np.ndarray) else type(mask).__name__
        raise ImageSetError(
            f"{name} is {given}; give a bool array (height, width), such as array > 127, or the path of a mask file"
        )
    if not mask.any():
        return nothing(name)
    kept = np.array(mask, order="C")
    kept.flags.writeable = False
    digest = hashlib.sha256(f"{kept.shape}".encode() + kept.tobytes()).hexdigest()
    return checked_mask(name, digest, partial(_keep, kept))


def _keep(mask: Mask, size: Size) -> Mask:
    return mask


def mask_from_file(path: Path) -> MaskItem:
    """Take a picture whose inside has a luminance above 127 of 255; one that is black all over is empty.

    It is decoded here to see that, and again when it is loaded.

    Raises
    ------
    UnreadableImageError
        If it is no picture, or damaged.
    """
    if _decoded(path, _is_black):
        return nothing(str(path))
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
    return _decoded(path, _luminance)


Found = TypeVar("Found")


def _decoded(path: Path, read: Callable[[Image.Image], Found]) -> Found:
    """Read something off the picture of a mask file, upright and without its alpha."""
    check_picture(path)
    with quiet(), Image.open(path) as picture:
        try:
            upright = ImageOps.exif_transpose(picture)
            upright.info.pop("transparency", None)
            return read(upright)
        except UnreadableImageError as error:
            raise UnreadableImageError(f"the mask {path}: {error}") from error
        except Exception as error:  # Pillow's decoders raise many kinds
            raise UnreadableImageError(
                f"the mask {path} is a damaged or truncated image ({error}); write it again, or take out the photo "
                "and its mask"
            ) from error


def _luminance(picture: Image.Image) -> NDArray[np.uint8]:
    return np.asarray((to_rgb(picture) if _is_deep(picture) else picture).convert("L"))


def _is_black(picture: Image.Image) -> bool:
    """Tell whether every pixel is black; what is dim, as labels 1 and 2 are, is not, and is told when it is loaded."""
    if _is_deep(picture):
        return not np.asarray(picture).any()
    one_label = picture.mode != "P" or len(np.unique(np.asarray(picture))) == 1  # labels may all have a black colour
    return one_label and not np.asarray(picture.convert("RGB")).any()


def _is_deep(picture: Image.Image) -> bool:
    return picture.mode in ("I", "F") or picture.mode.startswith("I;16")


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
