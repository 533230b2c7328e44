"""Scenes whose truth is known: textured shapes on a background, with their exact masks.

A `SceneSpec` determines every pixel. Rendering it again with another texture changes nothing else, so that
what a texture does to a network can be read off instead of assumed::

    plain = render(spec.with_texture(0, "plain"))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import binary_dilation

from sacv.errors import OptionError
from sacv.synthetic.textures import COLOURS, CONTRAST, FIRST_TEXTURES, TEXTURES, texture

SIZE = 128
"""Side of a scene in pixels."""

OUTLINE = 0.016
"""Width of the line around an element, as a share of the side; it is drawn outside the mask."""

LARGEST = 0.5
"""Greatest area of an element, as a share of the image."""


def _regular(corners: int, turn: float = 0.0) -> NDArray[np.float64]:
    angles = 2 * np.pi * np.arange(corners) / corners + turn
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _star() -> NDArray[np.float64]:
    points = _regular(10)
    points[1::2] *= 0.5
    return points


_SHAPES: dict[str, NDArray[np.float64]] = {
    "disc": _regular(64),
    "square": _regular(4),
    "triangle": _regular(3),
    "hexagon": _regular(6),
    "star": _star(),
    "bar": _regular(4, np.pi / 4) * [1.6, 0.7],
}

SHAPES = tuple(_SHAPES)
"""Names of all shapes."""


@dataclass(frozen=True)
class Element:
    """A textured shape."""

    shape: str
    """One of `SHAPES`."""
    texture: str
    """Of `TEXTURES`."""
    area: float
    """As a share of the image."""
    angle: float
    """Of the shape, in radians."""
    position: tuple[float, float]
    """Its position within the free space, both coordinates in [0, 1]."""
    seed: int
    """Of colours, period and phase of the texture; an odd one has a black line around it, an even one a white line."""
    colour: str | None = None
    """Of `COLOURS`, for a texture of two shades of it; any two colours by default."""

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            raise OptionError(f"there is no shape {self.shape!r}; there are {', '.join(SHAPES)}")
        _require_texture(self.texture)
        if self.colour is not None and self.colour not in COLOURS:
            raise OptionError(f"there is no colour {self.colour!r}; there are {', '.join(COLOURS)}")
        if not 0 < self.area <= LARGEST:
            raise OptionError(f"area must be above 0 and at most {LARGEST} of the image, not {self.area}")


@dataclass(frozen=True)
class SceneSpec:
    """Everything that determines a scene."""

    elements: tuple[Element, ...]
    """From back to front."""
    background: str
    """Of `TEXTURES`."""
    seed: int
    """Of the background's colours, period and phase."""
    outline: float = OUTLINE
    """Width of the line around each element, as a share of the side; 0 for none."""
    scale: float = 1.0
    contrast: float = CONTRAST
    """Of all textures (`sacv.synthetic.textures.texture`)."""

    def __post_init__(self) -> None:
        _require_texture(self.background)
        if not self.outline >= 0:
            raise OptionError(f"outline must be at least 0, not {self.outline}")

    def with_element(self, number: int, element: Element) -> SceneSpec:
        """Return the same scene with an element replaced.

        Raises OptionError if there is no such element.
        """
        self._require(number)
        elements = (*self.elements[:number], element, *self.elements[number + 1 :])
        return replace(self, elements=elements)

    def with_texture(self, number: int, name: str) -> SceneSpec:
        """Return the same scene with another texture on one element; see `with_element`."""
        self._require(number)
        return self.with_element(number, replace(self.elements[number], texture=name))

    def _require(self, number: int) -> None:
        if not 0 <= number < len(self.elements):
            raise OptionError(f"there is no element {number}; the scene has {len(self.elements)}, counted from 0")

    def without(self, number: int) -> SceneSpec:
        """Return the same scene without one element; see `with_element`."""
        self._require(number)
        return replace(self, elements=(*self.elements[:number], *self.elements[number + 1 :]))


def _require_texture(name: str) -> None:
    if name not in TEXTURES:
        raise OptionError(f"there is no texture {name!r}; there are {', '.join(TEXTURES)}")


@dataclass(frozen=True, eq=False)
class Scene:
    """An image with its ground truth.

    Parameters
    ----------
    image
        Uint8 `(size, size, 3)`.
    masks
        Bool `(elements, size, size)`: the visible part of each element, without its outline.
    spec
        The specification that it was rendered from.
    """

    image: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    spec: SceneSpec

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Bool `(size, size)`: all elements."""
        found: NDArray[np.bool_] = np.logical_or.reduce(self.masks, axis=0)
        return found

    def showing(self, name: str) -> NDArray[np.bool_]:
        """Return where a texture, or a colour, is visible, bool `(size, size)`: on elements, and on the background."""
        wearing = np.array([name in (element.texture, element.colour) for element in self.spec.elements], dtype=bool)
        behind = ~self.mask & (self.spec.background == name)
        found: NDArray[np.bool_] = np.logical_or.reduce([*self.masks[wearing], behind], axis=0)
        return found


def random_spec(
    rng: np.random.Generator,
    *,
    object_textures: Sequence[str] = TEXTURES[:5],
    background_textures: Sequence[str] = FIRST_TEXTURES,
    area: tuple[float, float] = (0.02, 0.4),
) -> SceneSpec:
    """Draw a scene of one element: texture, background and shape evenly, the area evenly in its logarithm."""
    shape = SHAPES[int(rng.integers(len(SHAPES)))]
    filling = object_textures[int(rng.integers(len(object_textures)))]
    background = background_textures[int(rng.integers(len(background_textures)))]
    size = float(np.exp(rng.uniform(*np.log(area))))
    angle, position = float(rng.uniform(0, 2 * np.pi)), (float(rng.uniform()), float(rng.uniform()))
    element = Element(shape, filling, size, angle, position, int(rng.integers(2**31)))
    return SceneSpec((element,), background, int(rng.integers(2**31)))


def render(spec: SceneSpec, size: int = SIZE) -> Scene:
    """Paint a scene of `size` x `size` pixels; elements in front hide those behind."""

    def paint(name: str, seed: int, colour: str | None) -> NDArray[np.uint8]:
        rng = np.random.default_rng(seed)
        return texture(name, size, rng, colour=colour, scale=spec.scale, contrast=spec.contrast)

    image = paint(spec.background, spec.seed, None)
    masks = np.zeros((len(spec.elements), size, size), dtype=bool)
    width = max(round(size * spec.outline), 1) if spec.outline else 0
    for number, element in enumerate(spec.elements):
        mask = _mask(element, size)
        around = binary_dilation(mask, iterations=width) if width else mask
        filled = paint(element.texture, element.seed, element.colour)
        image[mask] = filled[mask]
        image[around & ~mask] = 0 if element.seed % 2 else 255
        masks[:number] &= ~around
        masks[number] = mask
    return Scene(image, masks, spec)


def _corners(element: Element, size: int) -> NDArray[np.float64]:
    """Return the corners of an element in pixels, x and y, `(corners, 2)`."""
    points = _SHAPES[element.shape]
    turn = np.array([[np.cos(element.angle), -np.sin(element.angle)], [np.sin(element.angle), np.cos(element.angle)]])
    points = points @ turn.T
    x, y = points.T
    own_area = 0.5 * abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))))
    points = points * size * np.sqrt(element.area / own_area)
    low, high = points.min(axis=0), points.max(axis=0)
    room = np.maximum(size - 1 - (high - low), 0)
    placed: NDArray[np.float64] = points - low + room * element.position + np.minimum(size - 1 - (high - low), 0) / 2
    return placed


def _mask(element: Element, size: int) -> NDArray[np.bool_]:
    canvas = Image.new("1", (size, size))
    ImageDraw.Draw(canvas).polygon([(float(a), float(b)) for a, b in _corners(element, size)], fill=1)
    return np.asarray(canvas, dtype=bool)


def apart(first: Element, second: Element, gap: float) -> bool:
    """Return whether the boxes around two elements are at least `gap` of the side apart along an axis."""
    boxes = [(points.min(axis=0), points.max(axis=0)) for points in (_corners(one, SIZE) for one in (first, second))]
    (low, high), (other_low, other_high) = boxes
    distance = np.maximum(other_low - high, low - other_high)
    return bool(distance.max() >= gap * SIZE)


def write_textures(folder: Path, name: str, count: int, *, seed: int, size: int = SIZE) -> None:
    """Write `count` full squares of a texture as PNG files into a folder."""
    if name not in TEXTURES:
        raise OptionError(f"there is no texture {name!r}; there are {', '.join(TEXTURES)}")
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        rng = np.random.default_rng([seed, TEXTURES.index(name), index])
        Image.fromarray(texture(name, size, rng)).save(folder / f"{index:03d}.png")


def write_scenes(images: Path, masks: Path, scenes: Sequence[Scene]) -> list[Path]:
    """Write scenes and their masks as PNG files of equal names into two folders; return the paths of the images."""
    images.mkdir(parents=True, exist_ok=True)
    masks.mkdir(parents=True, exist_ok=True)
    paths = []
    for index, scene in enumerate(scenes):
        spec = scene.spec
        shown = "-and-".join(f"{element.texture}-{element.shape}" for element in spec.elements)
        name = f"{index:02d}-{shown}-on-{spec.background}.png"
        Image.fromarray(scene.image).save(images / name)
        Image.fromarray(scene.mask.astype(np.uint8) * 255).save(masks / name)
        paths.append(images / name)
    return paths
