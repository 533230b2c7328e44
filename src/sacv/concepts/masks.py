"""Masks of the regions that show the concept, and the share of each cell of a grid that a mask covers.

A mask is bool `(height, width)` over its upright image. A `MaskItem` stores its source (an array, a file, annotations)
and computes the pixels when it is loaded for an image of known size.
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
from sacv.concepts.decoding import check_header, quiet, to_rgb
from sacv.errors import ImageSetError, UnreadableImageError
from sacv.model.transform import Box

Mask: TypeAlias = NDArray[np.bool_]
"""Bool `(height, width)`, true inside."""

Size: TypeAlias = tuple[int, int]
"""Width and height in pixels."""

ROUNDING = 1e-9
"""Covered shares of a cell below this value are rounding errors."""


@dataclass(frozen=True)
class MaskItem:
    """The mask of one image."""

    name: str
    """Name for messages."""
    digest: str
    """SHA-256 of the file, the annotations or the array."""
    load: Callable[[Size], Mask]
    """Function that returns the mask, bool `(height, width)`, for an image of `(width, height)`. Raises `ImageSetError`
    if the mask has another size or no pixel inside, and `UnreadableImageError` if its file is damaged."""
    empty: bool = False
    """Whether the mask has no pixel inside, so that the image does not show the concept."""


@dataclass(frozen=True)
class Candidate:
    """A mask that is read once its image is known."""

    label: str
    """The part of its name that it shares with its image."""
    name: str
    """Name for messages."""
    make: Callable[[], MaskItem]
    """Function that returns the mask."""


def empty_mask(name: str) -> MaskItem:
    """Return the mask of an image without the concept."""
    return MaskItem(name, hashlib.sha256(b"nothing").hexdigest(), _outside, empty=True)


def _outside(size: Size) -> Mask:
    return np.zeros(size[::-1], dtype=np.bool_)


def checked_mask(name: str, digest: str, draw: Callable[[Size], Mask]) -> MaskItem:
    """Return a mask that is drawn, and checked for the image's size and a pixel inside, when it is loaded."""
    return MaskItem(name, digest, partial(_load, name, draw))


def _load(name: str, draw: Callable[[Size], Mask], size: Size) -> Mask:
    mask = draw(size)
    require_size(name, (mask.shape[1], mask.shape[0]), size)
    if not mask.any():
        raise ImageSetError(
            f"the mask {name} has no pixel inside; annotate the concept, or remove the image and its mask"
        )
    return mask


def require_size(name: str, found: Size, size: Size) -> None:
    """Check that a mask has the size of its image."""
    if found == size:
        return
    turned = found == size[::-1]
    hint = " (images are turned upright by their EXIF orientation: annotate the upright image)" if turned else ""
    raise ImageSetError(
        f"the mask {name} is for {found[0]} x {found[1]} pixels (width x height) and its image has {size[0]} x "
        f"{size[1]}; a mask needs the size of its image{hint}"
    )


def mask_from_array(name: str, mask: Any) -> MaskItem:
    """Return the mask of a bool array `(height, width)`, which is copied."""
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.ndim != 2:
        given = f"{mask.dtype} of shape {mask.shape}" if isinstance(mask, np.ndarray) else type(mask).__name__
        raise ImageSetError(
            f"{name} is {given}; give a bool array (height, width), such as array > 127, or the path of a mask file"
        )
    if not mask.any():
        return empty_mask(name)
    copied = np.array(mask, order="C")
    copied.flags.writeable = False
    digest = hashlib.sha256(f"{copied.shape}".encode() + copied.tobytes()).hexdigest()
    return checked_mask(name, digest, partial(_whole, copied))


def _whole(mask: Mask, size: Size) -> Mask:
    return mask


def mask_of(name: str, mask: Mask | str | Path) -> MaskItem:
    """Return the mask of a bool array or of the path of a mask file; `name` is that of an array."""
    return mask_from_file(Path(mask)) if isinstance(mask, str | Path) else mask_from_array(name, mask)


def mask_from_file(path: Path) -> MaskItem:
    """Return the mask of an image file: pixels with a luminance above 127 of 255 are inside; all black is empty.

    The file is decoded here to check for black, and again when the mask is loaded.

    Raises UnreadableImageError if the file is not an image, or is damaged.
    """
    if _decoded(path, _is_black):
        return empty_mask(str(path))
    return checked_mask(str(path), hashlib.sha256(path.read_bytes()).hexdigest(), partial(_read_mask, path))


def _read_mask(path: Path, size: Size) -> Mask:
    values = luminance(path)
    if values.max() <= 127:
        raise ImageSetError(
            f"the mask {path} has no pixel inside: a pixel is inside if its luminance is above 127 of 255, and the "
            f"greatest is {values.max()}. Multiply a mask of 0 and 1 by 255, or remove the image and its mask"
        )
    inside: Mask = values > 127
    return inside


def luminance(path: Path) -> NDArray[np.uint8]:
    """Read the luminance of a mask file `(height, width)`, upright, ignoring alpha.

    Raises UnreadableImageError if the file is damaged, or of an unknown format.
    """
    return _decoded(path, _luminance)


Found = TypeVar("Found")


def _decoded(path: Path, read: Callable[[Image.Image], Found]) -> Found:
    """Apply `read` to the image of a mask file, upright and without its alpha."""
    check_header(path)
    with quiet(), Image.open(path) as image:
        try:
            upright = ImageOps.exif_transpose(image)
            upright.info.pop("transparency", None)
            return read(upright)
        except UnreadableImageError as error:
            raise UnreadableImageError(f"the mask {path}: {error}") from error
        except Exception as error:  # Pillow's decoders raise errors of many types
            raise UnreadableImageError(
                f"the mask {path} is a damaged or truncated image ({error}); write it again, or remove the image "
                "and its mask"
            ) from error


def _luminance(image: Image.Image) -> NDArray[np.uint8]:
    return np.asarray((to_rgb(image) if _is_deep(image) else image).convert("L"))


def _is_black(image: Image.Image) -> bool:
    """Return whether every pixel is exactly 0. Dim masks, such as labels 1 and 2, are an error when they are loaded."""
    if _is_deep(image):
        return not np.asarray(image).any()
    one_label = image.mode != "P" or len(np.unique(np.asarray(image))) == 1  # several labels may have a black colour
    return one_label and not np.asarray(image.convert("RGB")).any()


def _is_deep(image: Image.Image) -> bool:
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def mask_weights(mask: Mask, grid: tuple[int, int], region: Box | None) -> NDArray[np.float64]:
    """Return the share of each cell that a mask covers, of shape `grid`, in [0, 1]. Shares below 1e-9 become 0.

    `region` is the part of the mask that the grid (rows, columns) covers: left, top, right, bottom in its pixels; all
    of it if None.
    """
    covered = cell_means(mask.astype(np.float64), grid, region)
    return np.where(covered < ROUNDING, 0.0, covered)
