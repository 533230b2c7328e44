"""Limits of what a browser can send."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits of requests and of waiting jobs."""

    file_bytes: int = 32_000_000
    """Bytes of an image."""
    pixels: int = 50_000_000
    """Pixels of an image, read from its header before it is decoded."""
    files: int = 2000
    """Images of a set, and number of photos."""
    sets: int = 200
    """Sets, and number of painted concepts."""
    text_bytes: int = 4_000_000
    """Bytes of any other request."""
    waiting: int = 64
    """Jobs that wait for the model."""
    lease: float = 90.0
    """Seconds without polling after which a job is dropped."""
    explanations: int = 100
    """Stored explanations; the oldest is deleted for a new one."""
