"""Images with a pasted thing: its mask is exact, and the image without it is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 224
"""Side of the images in pixels."""


@dataclass(frozen=True, eq=False)
class CutOut:
    """A thing cut out of a photo: colours `(height, width, 3)`, and its mask, bool `(height, width)`."""

    colours: NDArray[np.uint8]
    mask: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Pasted:
    """An image with a thing pasted into it.

    Parameters
    ----------
    image, without
        The image with and without the thing, `SIDE` x `SIDE`.
    mask
        Mask of the thing, bool `(SIDE, SIDE)`.
    """

    image: Image.Image
    without: Image.Image
    mask: NDArray[np.bool_]


def cut_out(image: Image.Image, mask: NDArray[np.bool_]) -> CutOut:
    """Cut the region of a mask out of a photo, to its bounding box."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return CutOut(np.asarray(image.convert("RGB"))[part], mask[part])


def disc(image: Image.Image) -> CutOut:
    """Cut the largest disc out of the middle of a texture."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    middle = image.convert("RGB").crop((left, top, left + side, top + side))
    offsets = np.arange(side) - (side - 1) / 2
    return CutOut(np.asarray(middle), np.hypot(offsets[:, None], offsets[None]) <= side / 2)


def paste(background: Image.Image, thing: CutOut, area: float, rng: np.random.Generator) -> Pasted:
    """Paste a thing at a random location so that it covers a share of the image, or as much as fits.

    Parameters
    ----------
    background
        A photo; it is resized to the image's size.
    thing
        The thing pasted; its proportions are unchanged.
    area
        Share of the image in (0, 1].
    rng
        Generator of the location.
    """
    without = background.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    height, width = thing.mask.shape
    scale = min(np.sqrt(area * SIDE**2 / thing.mask.sum()), SIDE / width, SIDE / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    colours = np.asarray(Image.fromarray(thing.colours).resize(size, Image.Resampling.BILINEAR))
    inside = np.asarray(Image.fromarray(thing.mask).convert("L").resize(size, Image.Resampling.BILINEAR)) > 127
    top, left = (int(rng.integers(SIDE - extent + 1)) for extent in inside.shape)
    mask = np.zeros((SIDE, SIDE), dtype=bool)
    mask[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    pixels = np.array(without)
    pixels[mask] = colours[inside]
    return Pasted(Image.fromarray(pixels), without, mask)
