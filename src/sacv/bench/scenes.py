"""Scenes whose truth is known: one textured shape on a background, with its exact mask.

A `SceneSpec` determines every pixel. Rendering it again with another texture changes nothing else, so that
what a texture does to a network can be read off instead of assumed::

    plain = render(dataclasses.replace(spec, object_texture="plain"))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import binary_dilation

from sacv.bench.textures import TEXTURES, texture
from sacv.errors import OptionError

SIZE = 128
"""Side of a scene in pixels."""

OUTLINE = 0.016
"""Width of the line around the object, as a share of the side; it is drawn outside the mask."""


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
class SceneSpec:
    """Everything that determines a scene.

    Parameters
    ----------
    shape
        One of `SHAPES`.
    object_texture, background_texture
        Of `TEXTURES`.
    area
        Of the object, as a share of the picture.
    angle
        Of the shape, in radians.
    place
        Where the object stands in the room that it has, both coordinates in [0, 1].
    object_seed, background_seed
        Of colours, scale and phase of the textures.

    Raises
    ------
    OptionError
        If a name is not one of those, or the area is outside (0, 0.5].
    """

    shape: str
    object_texture: str
    background_texture: str
    area: float
    angle: float
    place: tuple[float, float]
    object_seed: int
    background_seed: int

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            raise OptionError(f"there is no shape {self.shape!r}; there are {', '.join(SHAPES)}")
        for name in (self.object_texture, self.background_texture):
            if name not in TEXTURES:
                raise OptionError(f"there is no texture {name!r}; there are {', '.join(TEXTURES)}")
        if not 0 < self.area <= 0.5:
            raise OptionError(f"area must be above 0 and at most 0.5 of the picture, not {self.area}")


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture and its truth.

    Parameters
    ----------
    image
        Uint8 `(size, size, 3)`.
    mask
        Bool `(size, size)`: the object, without its outline.
    spec
        What determines it.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    spec: SceneSpec


def random_spec(
    rng: np.random.Generator,
    *,
    object_textures: Sequence[str] = TEXTURES[:5],
    background_textures: Sequence[str] = TEXTURES,
    area: tuple[float, float] = (0.02, 0.4),
) -> SceneSpec:
    """Draw a scene: texture, background and shape evenly, the area evenly in its logarithm."""
    return SceneSpec(
        shape=SHAPES[rng.integers(len(SHAPES))],
        object_texture=object_textures[int(rng.integers(len(object_textures)))],
        background_texture=background_textures[int(rng.integers(len(background_textures)))],
        area=float(np.exp(rng.uniform(*np.log(area)))),
        angle=float(rng.uniform(0, 2 * np.pi)),
        place=(float(rng.uniform()), float(rng.uniform())),
        object_seed=int(rng.integers(2**31)),
        background_seed=int(rng.integers(2**31)),
    )


def render(spec: SceneSpec, size: int = SIZE) -> Scene:
    """Paint a scene of `size` x `size` pixels."""
    mask = _mask(spec, size)
    line = binary_dilation(mask, iterations=max(round(size * OUTLINE), 1)) & ~mask
    image = texture(spec.background_texture, size, np.random.default_rng(spec.background_seed))
    filled = texture(spec.object_texture, size, np.random.default_rng(spec.object_seed))
    image[mask] = filled[mask]
    image[line] = 0 if spec.object_seed % 2 else 255
    return Scene(image, mask, spec)


def _mask(spec: SceneSpec, size: int) -> NDArray[np.bool_]:
    points = _SHAPES[spec.shape]
    turn = np.array([[np.cos(spec.angle), -np.sin(spec.angle)], [np.sin(spec.angle), np.cos(spec.angle)]])
    points = points @ turn.T
    x, y = points.T
    own_area = 0.5 * abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))))
    points = points * size * np.sqrt(spec.area / own_area)
    low, high = points.min(axis=0), points.max(axis=0)
    room = np.maximum(size - 1 - (high - low), 0)
    points = points - low + room * spec.place + np.minimum(size - 1 - (high - low), 0) / 2
    canvas = Image.new("1", (size, size))
    ImageDraw.Draw(canvas).polygon([(float(a), float(b)) for a, b in points], fill=1)
    return np.asarray(canvas, dtype=bool)


def write_guidance(folder: Path, name: str, count: int, *, seed: int, size: int = SIZE) -> None:
    """Write `count` full squares of a texture as PNG files into a folder.

    Raises
    ------
    OptionError
        If there is no such texture; nothing is written then.
    """
    if name not in TEXTURES:
        raise OptionError(f"there is no texture {name!r}; there are {', '.join(TEXTURES)}")
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        rng = np.random.default_rng([seed, TEXTURES.index(name), index])
        Image.fromarray(texture(name, size, rng)).save(folder / f"{index:03d}.png")


def write_scenes(pictures: Path, masks: Path, scenes: Sequence[Scene]) -> list[Path]:
    """Write scenes and their masks as PNG files of equal names into two folders; give the pictures' paths."""
    pictures.mkdir(parents=True, exist_ok=True)
    masks.mkdir(parents=True, exist_ok=True)
    paths = []
    for index, scene in enumerate(scenes):
        spec = scene.spec
        name = f"{index:02d}-{spec.object_texture}-{spec.shape}-on-{spec.background_texture}.png"
        Image.fromarray(scene.image).save(pictures / name)
        Image.fromarray(scene.mask.astype(np.uint8) * 255).save(masks / name)
        paths.append(pictures / name)
    return paths
