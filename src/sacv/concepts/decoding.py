"""Read one picture: any format that Pillow reads, upright, as RGB.

EXIF orientation is honoured; grey is spread over three channels; transparency is laid on white. Grey of 16 or 32 bits
becomes 8 bits by the window that the user gave; without one, 16 bits are scaled by their full range, and 32 bits have
none and are refused. Of a file with several frames the first is taken. Other formats stand in `formats`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

from sacv.errors import UnreadableImageError
from sacv.model.window import Window


def check_picture(path: str | Path) -> None:
    """Check that a file begins as a picture does, without decoding it.

    Raises
    ------
    UnreadableImageError
        If it is no image, or announces more pixels than are safe.
    """
    with _open(path, None):
        pass


def read_picture(path: str | Path, window: Window | None = None, file: BinaryIO | None = None) -> Image.Image:
    """Read a picture as upright RGB.

    Parameters
    ----------
    path
        Of the file; or, where it lies in something else, a name for people.
    window
        Which values become black and white, for grey deeper than 8 bits.
    file
        The picture's bytes, where they are not those of the file at `path`.

    Raises
    ------
    UnreadableImageError
        If it is no image, is truncated, announces more pixels than are safe, or has pixel values without a range.
    """
    with _open(path, file) as picture, quiet():
        try:
            picture.load()
            return to_rgb(ImageOps.exif_transpose(picture), window)
        except UnreadableImageError as error:
            raise UnreadableImageError(f"{path}: {error}") from error
        except Exception as error:  # Pillow's decoders raise many kinds
            raise UnreadableImageError(
                f"{path} is a damaged or truncated image ({error}); remove it, or leave it out "
                "with --skip-unreadable (skip_unreadable=True)"
            ) from error


def to_rgb(picture: Image.Image, window: Window | None = None) -> Image.Image:
    """Convert a picture of any mode to RGB; `window` is for grey deeper than 8 bits.

    Raises
    ------
    UnreadableImageError
        If its values are 32-bit numbers, and so without a range, and no window is given; or not finite.
    """
    if window is not None and (picture.mode in ("I", "F") or picture.mode.startswith("I;16")):
        values = np.asarray(picture)
        if not np.isfinite(values).all():
            raise UnreadableImageError("it holds values that are not finite; write it with others in their place")
        return Image.fromarray(np.rint(window(values) * 255).astype(np.uint8)).convert("RGB")
    if picture.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8)).convert("RGB")
    if picture.mode in ("I", "F"):
        raise UnreadableImageError(
            f"pixel values of mode {picture.mode!r} (32 bits) have no known range; give one with --window LOW:HIGH "
            "(window=), or convert it to 8 or 16 bits"
        )
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, layer).convert("RGB")
    return picture.convert("RGB")


def legible(text: object) -> str:
    """Give a path, or a text that holds one, without bytes that are no UTF-8: they are written as escapes."""
    plain = str(text)
    written = plain.encode("utf-8", "backslashreplace").decode()
    return plain if written == plain else written  # the same object, so that names take memory once


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Pillow's warnings of odd files off the screen, but for that of too many pixels, which is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _open(path: str | Path, file: BinaryIO | None) -> Image.Image:
    try:
        with quiet():
            return Image.open(path if file is None else file)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadableImageError(
            f"{path} announces more than {Image.MAX_IMAGE_PIXELS} pixels and could exhaust the memory when decoded; "
            "make it smaller, or raise PIL.Image.MAX_IMAGE_PIXELS if you trust it"
        ) from error
    except FileNotFoundError as error:
        raise UnreadableImageError(f"there is no file {path}") from error
    except Exception as error:  # Pillow's plugins raise many kinds on damaged headers
        raise UnreadableImageError(f"{path} is not an image that Pillow can read ({error})") from error
