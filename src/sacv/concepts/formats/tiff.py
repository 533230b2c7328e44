"""TIFF files that Pillow cannot read, read with tifffile: deep colours, and images of any number of channels.

One channel gives a grey image, three an RGB image; four samples of a pixel are RGB with alpha. Any other number of
channels gives a float32 tensor `(channels, height, width)` in [0, 1], the input of the network. Values are clipped to
the user's window; without one, 8 and 16 bits have their full range, and other types are an error.

Pillow reads files of up to 8 bits and up to four samples, or of one deeper sample; it reads the first of several pages.
A stack of pages is an error, unless the file declares them as channels.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from sacv.concepts.decoding import quiet, to_rgb
from sacv.concepts.formats.base import EXTRA, Format, Loaded, require_pixels, require_values
from sacv.errors import UnreadableImageError
from sacv.model.window import Window
from sacv.optional import require

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
BITS, SAMPLES, DESCRIPTION, ORIENTATION = 258, 277, 270, 274
CHANNELS = re.compile(r'^channels=(?!1\s*$)\d|SizeC="(?!1")\d', re.MULTILINE)
"""Matches descriptions of ImageJ and OME that declare the pages as channels."""

RANGES = {np.dtype(np.uint8): Window(0, 255), np.dtype(np.uint16): Window(0, 65535)}

RGB, SEPARATED = 2, 5
"""Photometric interpretations."""

UPRIGHT = {
    2: lambda rows: rows[:, ::-1],
    3: lambda rows: rows[::-1, ::-1],
    4: lambda rows: rows[::-1],
    5: lambda rows: rows.swapaxes(0, 1),
    6: lambda rows: rows[::-1].swapaxes(0, 1),
    7: lambda rows: rows[::-1, ::-1].swapaxes(0, 1),
    8: lambda rows: rows[:, ::-1].swapaxes(0, 1),
}
"""For each value of the orientation tag, a function that makes an array `(height, width, ...)` upright."""


def _claims(path: Path, head: bytes) -> bool:
    if head[:4] not in MAGIC:
        return False
    try:
        with quiet(), Image.open(path) as image:
            tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}
            deep = max(np.atleast_1d(tags.get(BITS, 1))) > 8
            samples = int(tags.get(SAMPLES, 1))
            return samples > 4 or samples == 2 or (samples > 1 and deep) or _declares_channels(tags.get(DESCRIPTION))
    except Exception:  # Pillow cannot read it
        return True


def _declares_channels(description: Any) -> bool:
    return isinstance(description, str) and CHANNELS.search(description) is not None


def _check(path: Path) -> None:
    with require("tifffile", extra=EXTRA).TiffFile(path) as file:
        _series(path, file)


def _read(path: Path, window: Window | None) -> Loaded:
    with require("tifffile", extra=EXTRA).TiffFile(path) as file:
        series, axes = _series(path, file)
        page = series.keyframe
        values = np.moveaxis(series.asarray().reshape(_sides(series)), [axes.index(axis) for axis in "YX"], [0, 1])
        values = values.reshape((*values.shape[:2], -1))
        orientation = page.tags.get(ORIENTATION)
        photometric = int(page.photometric)
    if orientation is not None and orientation.value in UPRIGHT:
        values = UPRIGHT[orientation.value](values)
    channels = values.shape[2]
    coloured = channels == 3 or (channels == 4 and "S" in axes and photometric == RGB)
    if photometric == SEPARATED:
        raise UnreadableImageError(f"{path} has colours for print (CMYK); convert it to RGB")
    if channels == 1 or coloured:
        return to_rgb(Image.fromarray(_eight_bits(path, values[..., 0] if channels == 1 else values, window)))
    shares = _shares(path, values, window).astype(np.float32)
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(shares, -1, 0)))


TIFF = Format("TIFF", "tifffile", _claims, _check, _read)


def _sides(series: Any) -> tuple[int, ...]:
    """Return the sides of a series of the axes that `_series` names."""
    return tuple(side for side, axis in zip(series.shape, series.axes, strict=True) if side > 1 or axis in "YX")


def _series(path: Path, file: Any) -> tuple[Any, str]:
    """Return the first series of a file, and its axes that are rows, columns or of a length above 1."""
    series = file.series[0]
    sides = dict(zip(series.axes, series.shape, strict=True))
    require_values(path, tuple(series.shape))
    axes = "".join(axis for axis, side in sides.items() if side > 1 or axis in "YX")
    if not {"Y", "X"} <= set(axes) or len(set(axes) - set("YXCS")) or {"C", "S"} <= set(axes):
        raise UnreadableImageError(
            f"{path} is a stack of images (axes {series.axes}, {' x '.join(map(str, series.shape))}), but a file must "
            "hold one image: write each to its own file, or declare the pages as channels in the file"
        )
    require_pixels(path, int(sides["X"]), int(sides["Y"]))
    return series, axes


def _shares(path: Path, values: NDArray[Any], window: Window | None) -> NDArray[np.float64]:
    if values.dtype.kind not in "iuf" or not np.isfinite(values).all():
        raise UnreadableImageError(f"{path} holds values of type {values.dtype} that are not all finite real numbers")
    found = RANGES.get(values.dtype) if window is None or values.dtype == np.uint8 else window
    if found is None:
        raise UnreadableImageError(
            f"{path} has pixel values of type {values.dtype}, which have no known range; give one with --window "
            "LOW:HIGH (window=), or convert it to 8 or 16 bits"
        )
    return found(values)


def _eight_bits(path: Path, values: NDArray[Any], window: Window | None) -> NDArray[np.uint8]:
    """Convert values to 8 bits: the upper byte of 16 bits without a window, as Pillow does."""
    if window is None and values.dtype == np.uint16:
        return (values >> 8).astype(np.uint8)
    return np.rint(_shares(path, values, window) * 255).astype(np.uint8)
