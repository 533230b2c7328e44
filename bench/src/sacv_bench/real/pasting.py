"""Pictures with something pasted into them, so that its place is exact and the picture without it is at hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 224
"""Pixels of a side of the pictures made."""


@dataclass(frozen=True, eq=False)
class CutOut:
    """A thing cut out of a photo: colours `(height, width, 3)`, and what of them it is, bool `(height, width)`."""

    colours: NDArray[np.uint8]
    mask: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Pasted:
    """A picture with a thing pasted into it.

    Parameters
    ----------
    picture, without
        With and without it, `(SIDE, SIDE, 3)`.
    mask
        Where it is, bool `(SIDE, SIDE)`.
    """

    picture: Image.Image
    without: Image.Image
    mask: NDArray[np.bool_]


def cut_out(picture: Image.Image, mask: NDArray[np.bool_]) -> CutOut:
    """Cut what a mask marks out of a photo, to its edges."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return CutOut(np.asarray(picture.convert("RGB"))[part], mask[part])


def disc(picture: Image.Image) -> CutOut:
    """Cut the largest disc out of the middle of a texture."""
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    middle = picture.convert("RGB").crop((left, top, left + side, top + side))
    place = np.arange(side) - (side - 1) / 2
    return CutOut(np.asarray(middle), np.hypot(place[:, None], place[None]) <= side / 2)


def paste(background: Image.Image, thing: CutOut, area: float, rng: np.random.Generator) -> Pasted:
    """Paste a thing at a random place so that it covers a share of the picture, or as much as fits.

    Parameters
    ----------
    background
        A photo; all of it is resized to the picture's size.
    thing
        What is pasted, its proportions kept.
    area
        Share of the picture in (0, 1].
    rng
        Draws the place.
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
