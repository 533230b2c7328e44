"""Limits of what a browser can send."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits of requests and of waiting jobs.

    Parameters
    ----------
    file_bytes
        Bytes of an image.
    pixels
        Pixels of an image, read from its header before it is decoded.
    files
        Images of a set, and number of photos.
    sets
        Sets, and number of painted concepts.
    text_bytes
        Bytes of any other request.
    waiting
        Jobs that wait for the model.
    lease
        Seconds without polling after which a job is dropped.
    explanations
        Stored explanations; the oldest is deleted for a new one.
    """

    file_bytes: int = 32_000_000
    pixels: int = 50_000_000
    files: int = 2000
    sets: int = 200
    text_bytes: int = 4_000_000
    waiting: int = 64
    lease: float = 90.0
    explanations: int = 100
