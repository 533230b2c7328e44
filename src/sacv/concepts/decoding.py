"""Read one image in any format of Pillow, upright, as RGB.

EXIF orientation is applied; grey is copied to three channels; transparency is composited on white. Grey of 16 or 32
bits becomes 8 bits by the user's window. Without a window, 16 bits are scaled by their full range, and 32 bits are an
error. Only the first frame of a file is read. For other formats see `formats`.
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


def check_header(path: str | Path) -> None:
    """Check that a file has the header of an image, without decoding it.

    Raises UnreadableImageError if it is not an image, or its header announces more pixels than are safe.
    """
    with _open(path, None):
        pass


def read_picture(path: str | Path, window: Window | None = None, file: BinaryIO | None = None) -> Image.Image:
    """Read an image as upright RGB.

    With the bytes in `file`, `path` is a name for messages. `window` is for grey deeper than 8 bits.
    """
    with _open(path, file) as image, quiet():
        try:
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            return to_rgb(image, window)
        except UnreadableImageError as error:
            raise UnreadableImageError(f"{path}: {error}") from error
        except Exception as error:  # Pillow's decoders raise errors of many types
            raise UnreadableImageError(
                f"{path} is a damaged or truncated image ({error}); remove it, or leave it out "
                "with --skip-unreadable (skip_unreadable=True)"
            ) from error


def to_rgb(image: Image.Image, window: Window | None = None) -> Image.Image:
    """Convert an image of any mode to RGB; `window` is for grey deeper than 8 bits."""
    if window is not None and (image.mode in ("I", "F") or image.mode.startswith("I;16")):
        values = np.asarray(image)
        if not np.isfinite(values).all():
            raise UnreadableImageError("it holds values that are not finite; replace them by numbers")
        return Image.fromarray(np.rint(window(values) * 255).astype(np.uint8)).convert("RGB")
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise UnreadableImageError(
            f"pixel values of mode {image.mode!r} (32 bits) have no known range; give one with --window LOW:HIGH "
            "(window=), or convert the image to 8 or 16 bits"
        )
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB")


def printable(text: object) -> str:
    """Return a path or a text as valid UTF-8: other bytes become escape sequences."""
    plain = str(text)
    written = plain.encode("utf-8", "backslashreplace").decode()
    return plain if written == plain else written  # the same object where possible, to save memory


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress Pillow's warnings, except the one of too many pixels, which becomes an error."""
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
    except Exception as error:  # Pillow's plugins raise errors of many types for damaged headers
        raise UnreadableImageError(f"{path} is not an image that Pillow can read ({error})") from error
