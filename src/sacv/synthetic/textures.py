"""Synthetic textures: the concepts of the scenes with ground truth.

Each is a pattern of two colours at a random period, angle and phase, all drawn from the generator given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import hsv_to_rgb
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from sacv.errors import OptionError

Pattern = NDArray[np.float64]
"""`(size, size)` in [0, 1]: the share of the second colour at each pixel."""

CONTRAST = 0.35
"""Least distance of the two colours of a texture by default, in RGB of [0, 1]."""


@dataclass(frozen=True, eq=False)
class _Frame:
    """Coordinates turned by an angle, in periods of the texture."""

    across: Pattern
    along: Pattern
    period: float


def _frame(size: int, rng: np.random.Generator, scale: float) -> _Frame:
    period = size * scale * rng.uniform(0.06, 0.14)
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


def _striped(size: int, rng: np.random.Generator, scale: float) -> Pattern:
    frame = _frame(size, rng, scale)
    return _soft(np.sin(2 * np.pi * frame.across) * frame.period / (2 * np.pi))


def _dotted(size: int, rng: np.random.Generator, scale: float) -> Pattern:
    frame = _frame(size, rng, scale)
    radius = rng.uniform(0.26, 0.36)
    distance = np.hypot(frame.across % 1 - 0.5, frame.along % 1 - 0.5)
    return _soft((radius - distance) * frame.period)


def _chequered(size: int, rng: np.random.Generator, scale: float) -> Pattern:
    frame = _frame(size, rng, scale)
    wave = np.sin(np.pi * frame.across) * np.sin(np.pi * frame.along)
    return _soft(wave * frame.period / np.pi)


def _blotchy(size: int, rng: np.random.Generator, scale: float) -> Pattern:
    smooth = gaussian_filter(rng.standard_normal((size, size)), size * scale * rng.uniform(0.025, 0.045), mode="wrap")
    return _soft(smooth / smooth.std() * 3)


def _plain(size: int, rng: np.random.Generator, scale: float) -> Pattern:
    return np.full((size, size), float(rng.integers(2)))


def _noise(size: int, rng: np.random.Generator, scale: float) -> Pattern:
    return rng.uniform(0, 1, (size, size))


def _zigzag(size: int, rng: np.random.Generator, scale: float) -> Pattern:
    frame = _frame(size, rng, scale)
    bent = frame.across + np.abs((frame.along * 0.6) % 1 - 0.5) * 2
    return _soft(np.sin(2 * np.pi * bent) * frame.period / (2 * np.pi))


def _ringed(size: int, rng: np.random.Generator, scale: float) -> Pattern:
    frame = _frame(size, rng, scale)
    x, y = frame.across / 1.4, frame.along / 1.4
    distance = np.hypot(x % 1 - 0.5, y % 1 - 0.5)
    return _soft((0.11 - np.abs(distance - 0.31)) * frame.period * 1.4)


def _gridded(size: int, rng: np.random.Generator, scale: float) -> Pattern:
    frame = _frame(size, rng, scale)
    line = np.minimum(np.abs(frame.across % 1 - 0.5), np.abs(frame.along % 1 - 0.5))
    return _soft((rng.uniform(0.1, 0.16) - line) * frame.period)


def _bricked(size: int, rng: np.random.Generator, scale: float) -> Pattern:
    frame = _frame(size, rng, scale)
    row = np.floor(frame.across)
    mortar = np.minimum(np.abs(frame.across % 1 - 0.5), 2 * np.abs((frame.along / 2 + row / 2) % 1 - 0.5))
    return _soft((mortar - 0.1) * frame.period)


def _cloudy(size: int, rng: np.random.Generator, scale: float) -> Pattern:
    """Noise whose amplitude falls with the frequency."""
    rows, columns = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]
    frequency = np.maximum(np.hypot(rows, columns), 1 / size) ** 1.3
    made = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((size, size))) / frequency, s=(size, size))
    found: Pattern = np.clip(0.5 + made / made.std() / 4, 0, 1)
    return found


def _shaded(size: int, rng: np.random.Generator, scale: float) -> Pattern:
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[:size, :size] / size - 0.5
    found: Pattern = np.clip(0.5 + (x * np.cos(angle) + y * np.sin(angle)), 0, 1)
    return found


def _voronoi(size: int, rng: np.random.Generator, scale: float) -> Pattern:
    """Cells around random points, each of another shade."""
    points = rng.uniform(0, size, (int(rng.integers(15, 40) / scale**2), 2))
    pixels = np.indices((size, size)).reshape(2, -1).T
    nearest = cKDTree(points).query(pixels)[1]
    return rng.uniform(0, 1, len(points))[nearest].reshape(size, size)


def _mosaic(size: int, rng: np.random.Generator, scale: float) -> Pattern:
    """Squares on a turned grid, each of another shade."""
    frame = _frame(size, rng, 2 * scale)
    rows, columns = (np.floor(part - part.min()).astype(np.intp) for part in (frame.across, frame.along))
    shades: Pattern = rng.uniform(0, 1, (rows.max() + 1, columns.max() + 1))[rows, columns]
    return shades


_PATTERNS: dict[str, Callable[[int, np.random.Generator, float], Pattern]] = {
    "striped": _striped,
    "dotted": _dotted,
    "chequered": _chequered,
    "blotchy": _blotchy,
    "plain": _plain,
    "noise": _noise,
    "zigzag": _zigzag,
    "ringed": _ringed,
    "gridded": _gridded,
    "bricked": _bricked,
    "cloudy": _cloudy,
    "shaded": _shaded,
    "voronoi": _voronoi,
    "mosaic": _mosaic,
}

TEXTURES = tuple(_PATTERNS)
"""Names of all textures."""

FIRST_TEXTURES = TEXTURES[:6]
"""The textures that the built-in network was trained on."""


COLOURS = {"red": 0.0, "yellow": 1 / 6, "green": 1 / 3, "blue": 2 / 3}
"""Colours by name, with the hue in turns; each spans a 24th of a turn to either side of it."""


def texture(
    name: str,
    size: int,
    rng: np.random.Generator,
    *,
    colour: str | None = None,
    scale: float = 1.0,
    contrast: float = CONTRAST,
) -> NDArray[np.uint8]:
    """Paint a square of a texture, uint8 `(size, size, 3)`.

    Colours are drawn first, so that two textures from equal generators have the same ones.

    Parameters
    ----------
    name
        Of `TEXTURES`.
    size
        Side in pixels.
    rng
        Of colours, period, angle and phase.
    colour
        Of `COLOURS`, for a texture of two shades of it; any two colours by default.
    scale
        Of the periods: 1 for 6 to 14 % of the side.
    contrast
        Least distance of the two colours, in RGB of [0, 1].
    """
    if name not in _PATTERNS:
        raise OptionError(f"there is no texture {name!r}; there are {', '.join(TEXTURES)}")
    if colour is not None and colour not in COLOURS:
        raise OptionError(f"there is no colour {colour!r}; there are {', '.join(COLOURS)}")
    if not 0 < scale <= 4:
        raise OptionError(f"scale must be above 0 and at most 4, not {scale}")
    if not 0 <= contrast <= 0.7:
        raise OptionError(f"contrast must be from 0 to 0.7, not {contrast}")
    first, second = _colours(rng, colour, contrast)
    share = _PATTERNS[name](size, rng, scale)[..., None]
    grain = rng.normal(0, 0.02, (size, size, 1))
    colours = first * (1 - share) + second * share + grain
    return (np.clip(colours, 0, 1) * 255).round().astype(np.uint8)


def _colours(
    rng: np.random.Generator, name: str | None, contrast: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first = _colour(rng, name)
    for _ in range(100):
        second = _colour(rng, name)
        if np.linalg.norm(second - first) >= contrast:
            return first, second
    return _colours(rng, name, contrast)  # the first is near grey: no colour is so far from it


def _colour(rng: np.random.Generator, name: str | None) -> NDArray[np.float64]:
    if name is None:
        return rng.uniform(0.05, 0.95, 3)
    hue = (COLOURS[name] + rng.uniform(-1, 1) / 24) % 1
    made: NDArray[np.float64] = hsv_to_rgb([hue, rng.uniform(0.4, 1), rng.uniform(0.2, 1)])
    return made
