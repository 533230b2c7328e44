"""What the app takes from a browser at most."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of what is sent and of what waits.

    Parameters
    ----------
    file_bytes
        Bytes of an image.
    pixels
        Pixels of an image, read from its head before it is decoded.
    files
        Images of a set, and photos.
    sets
        Sets, and concepts painted.
    text_bytes
        Bytes of any other request.
    waiting
        Requests that wait for the model.
    lease
        Seconds after which work is dropped that no browser has inquired after.
    explanations
        Explanations that are kept; the oldest makes way.
    """

    file_bytes: int = 32_000_000
    pixels: int = 50_000_000
    files: int = 2000
    sets: int = 200
    text_bytes: int = 4_000_000
    waiting: int = 64
    lease: float = 90.0
    explanations: int = 100
