"""Images as data URIs, and numbers as text."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image


def jpeg(image: Image.Image) -> str:
    """Return an image as a data URI."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def png(image: Image.Image) -> str:
    """Return an RGBA image as a data URI with a palette, which takes fewer bytes.

    Up to 256 colours are exact; of more, each channel is rounded down to the least power of 2 that gives 256 or fewer.
    """
    pixels, step = np.asarray(image), 1
    while True:
        rounded = np.ascontiguousarray(pixels // step * step).view(np.uint32)[..., 0]
        colours, indices = np.unique(rounded, return_inverse=True)
        if len(colours) <= 256:
            break
        step *= 2
    drawn = Image.fromarray(indices.reshape(rounded.shape).astype(np.uint8), "P")
    drawn.putpalette(colours.view(np.uint8).tobytes(), "RGBA")
    buffer = io.BytesIO()
    drawn.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def number(value: float) -> str:
    """Format with three significant digits and a true minus sign."""
    return f"{value:.3g}".replace("-", "\N{MINUS SIGN}") if value else "0"
