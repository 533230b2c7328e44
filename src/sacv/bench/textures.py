"""Textures made in code: the concepts of the scenes with ground truth.

Each is a pattern of two colours at a random scale, angle and phase, all drawn from the generator given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from sacv.errors import OptionError

Pattern = NDArray[np.float64]
"""`(size, size)` in [0, 1]: how much of the second colour stands at each pixel."""

CONTRAST = 0.35
"""Least distance of the two colours of a texture, in RGB of [0, 1]."""


@dataclass(frozen=True, eq=False)
class _Frame:
    """Coordinates turned by an angle, in periods of the texture."""

    across: Pattern
    along: Pattern
    period: float


def _frame(size: int, rng: np.random.Generator) -> _Frame:
    period = size * rng.uniform(0.06, 0.14)
    angle, shift = rng.uniform(0, np.pi), rng.uniform(0, 1, 2)
    y, x = np.mgrid[:size, :size] / period
    return _Frame(
        x * np.cos(angle) + y * np.sin(angle) + shift[0],
        y * np.cos(angle) - x * np.sin(angle) + shift[1],
        period,
    )


def _soft(values: Pattern) -> Pattern:
    """Turn a signed distance in pixels into a soft edge."""
    return np.clip(values + 0.5, 0, 1)


def _striped(size: int, rng: np.random.Generator) -> Pattern:
    frame = _frame(size, rng)
    return _soft(np.sin(2 * np.pi * frame.across) * frame.period / (2 * np.pi))


def _dotted(size: int, rng: np.random.Generator) -> Pattern:
    frame = _frame(size, rng)
    radius = rng.uniform(0.26, 0.36)
    distance = np.hypot(frame.across % 1 - 0.5, frame.along % 1 - 0.5)
    return _soft((radius - distance) * frame.period)


def _chequered(size: int, rng: np.random.Generator) -> Pattern:
    frame = _frame(size, rng)
    wave = np.sin(np.pi * frame.across) * np.sin(np.pi * frame.along)
    return _soft(wave * frame.period / np.pi)


def _blotchy(size: int, rng: np.random.Generator) -> Pattern:
    smooth = gaussian_filter(rng.standard_normal((size, size)), size * rng.uniform(0.025, 0.045), mode="wrap")
    return _soft(smooth / smooth.std() * 3)


def _plain(size: int, rng: np.random.Generator) -> Pattern:
    return np.full((size, size), float(rng.integers(2)))


def _noise(size: int, rng: np.random.Generator) -> Pattern:
    return rng.uniform(0, 1, (size, size))


_PATTERNS: dict[str, Callable[[int, np.random.Generator], Pattern]] = {
    "striped": _striped,
    "dotted": _dotted,
    "chequered": _chequered,
    "blotchy": _blotchy,
    "plain": _plain,
    "noise": _noise,
}

TEXTURES = tuple(_PATTERNS)
"""Names of all textures."""


def texture(name: str, size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Paint a square of a texture, uint8 `(size, size, 3)`.

    Colours are drawn first, so that two textures from equal generators have the same ones.

    Raises
    ------
    OptionError
        If there is no such texture.
    """
    if name not in _PATTERNS:
        raise OptionError(f"there is no texture {name!r}; there are {', '.join(TEXTURES)}")
    first, second = _colours(rng)
    share = _PATTERNS[name](size, rng)[..., None]
    grain = rng.normal(0, 0.02, (size, size, 1))
    colours = first * (1 - share) + second * share + grain
    return (np.clip(colours, 0, 1) * 255).round().astype(np.uint8)


def _colours(rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first = rng.uniform(0.05, 0.95, 3)
    while True:
        second = rng.uniform(0.05, 0.95, 3)
        if np.linalg.norm(second - first) >= CONTRAST:
            return first, second
