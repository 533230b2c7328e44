"""Images as data URIs, and numbers as text."""

from __future__ import annotations

import base64
import io

from PIL import Image


def jpeg(image: Image.Image) -> str:
    """Return an image as a data URI."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def png(image: Image.Image) -> str:
    """Return an image with transparency as a data URI, of at most 256 colours, which take a quarter of the bytes."""
    buffer = io.BytesIO()
    image.quantize(256, method=Image.Quantize.FASTOCTREE).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def number(value: float) -> str:
    """Format with three significant digits and a true minus sign."""
    return f"{value:.3g}".replace("-", "\N{MINUS SIGN}") if value else "0"
