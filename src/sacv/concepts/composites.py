"""Composites: textures pasted as smooth regions into photos without the concepts.

A composite is rendered when it is loaded, and never written. Its seed determines the shape of each region and the
rotation, scale and shift of its texture. A region is the set of free pixels with the greatest values of::

    f(x) = ROUGHNESS n(x) - |x - c|^2 / (2 SPREAD^2)        n: smoothed Gaussian noise of variance 1

as many as its share of the photo; pixels of earlier regions are not free. The centres c lie on a circle around the
middle. A texture is rotated by a multiple of 90 degrees, resized to 0.4 to 1 of the photo's shorter side and extended
by reflection.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from sacv.concepts.item import ImageItem
from sacv.errors import ImageSetError

Labels = NDArray[np.int64]
"""Int `(height, width)`: the region of each pixel, -1 for the photo."""

SHARES = (0.05, 0.15)
"""Least and greatest share of the photo that a region covers."""

SCALES = (0.4, 1.0)
"""Least and greatest side of a texture, as shares of the photo's shorter side."""

ROUGHNESS, SPREAD, GRAIN, RING = 0.6, 0.3, 0.09, 0.3
"""Weight of the noise; spread, width of the noise's smoothing, and distance of the centres from the middle, in sides of
the photo."""

COARSE = 64
"""Side of the grid of noise before it is enlarged."""

LONGEST = 640
"""Longest side of a composite in pixels; larger photos are reduced."""


@dataclass(frozen=True)
class Composite:
    """A photo with textures pasted into it."""

    photo: ImageItem
    """The background."""
    textures: tuple[ImageItem, ...]
    """The images to paste, one region each."""
    seed: int
    """Seed of the shapes of the regions and of the textures' rotation, scale and shift."""

    @property
    def item(self) -> ImageItem:
        """The composite as an image: its hash is computed from its parts and seed, and `load` renders it."""
        parts = (self.photo.digest, *(texture.digest for texture in self.textures))
        digest = hashlib.sha256("/".join(("composite", str(self.seed), *parts)).encode()).hexdigest()
        pasted = " and ".join(texture.name for texture in self.textures)
        return ImageItem(f"{pasted} in {self.photo.name}", digest, partial(render, self))

    def labels(self) -> Labels:
        """Return the region of each pixel; reads the photo for its size."""
        return regions(_canvas(self.photo).size, len(self.textures), self._generator(0))

    def _generator(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, purpose])


def render(composite: Composite) -> Image.Image:
    """Render a composite."""
    canvas = _canvas(composite.photo)
    pixels = np.array(canvas)
    labels = regions(canvas.size, len(composite.textures), composite._generator(0))
    rng = composite._generator(1)
    for number, texture in enumerate(composite.textures):
        inside = labels == number
        pixels[inside] = lay_texture(_rgb(texture), canvas.size, rng)[inside]
    return Image.fromarray(pixels)


def regions(size: tuple[int, int], count: int, rng: np.random.Generator) -> Labels:
    """Draw `count` random regions of a photo of `size` (width, height)."""
    width, height = size
    down, across = (np.arange(side)[:, None] / side for side in (height, width))
    labels = np.full((height, width), -1, dtype=np.int64)
    start = rng.uniform(0, 2 * np.pi)
    for number in range(count):
        angle = start + 2 * np.pi * number / count
        row, column = 0.5 + RING * np.sin(angle), 0.5 + RING * np.cos(angle)
        field = ROUGHNESS * _noise(size, rng) - ((down - row) ** 2 + (across.T - column) ** 2) / (2 * SPREAD**2)
        taken = max(round(rng.uniform(*SHARES) * width * height), 1)
        free = np.flatnonzero(labels.ravel() < 0)
        highest = np.argsort(-field.ravel()[free], kind="stable")[:taken]
        labels.ravel()[free[highest]] = number
    return labels


def _noise(size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    smooth = gaussian_filter(rng.standard_normal((COARSE, COARSE)), GRAIN * COARSE)
    enlarged = Image.fromarray((smooth / smooth.std()).astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
    return np.asarray(enlarged, dtype=np.float64)


def lay_texture(texture: Image.Image, size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Fill `size` (width, height) with a texture, rotated, scaled, shifted and extended by reflection at random."""
    rotated = np.rot90(np.asarray(texture), int(rng.integers(4)))
    scale = rng.uniform(*SCALES) * min(size) / min(rotated.shape[:2])
    sides = [max(round(side * scale), 1) for side in rotated.shape[1::-1]]
    small = np.asarray(Image.fromarray(rotated).resize((sides[0], sides[1]), Image.Resampling.BILINEAR))
    rows, columns = (
        _reflected(rng.integers(2 * length) + np.arange(wanted), length)
        for length, wanted in zip(small.shape[:2], size[::-1], strict=True)
    )
    return small[np.ix_(rows, columns)]


def _reflected(indices: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Map indices into `[0, length)` by reflection at both ends."""
    periodic = indices % (2 * length)
    return np.where(periodic < length, periodic, 2 * length - 1 - periodic)


def _canvas(photo: ImageItem) -> Image.Image:
    image = _rgb(photo).copy()
    image.thumbnail((LONGEST, LONGEST), Image.Resampling.BILINEAR)
    return image


def _rgb(item: ImageItem) -> Image.Image:
    loaded = item.load()
    if not isinstance(loaded, Image.Image):
        raise ImageSetError(
            f"{item.name} is a tensor that is already transformed; with context images, textures and photos must be "
            "RGB images: give files, PIL images or uint8 arrays"
        )
    return loaded


@dataclass(frozen=True)
class FoldComposite:
    """A composite, the fold of its textures, and the index of the set of each texture."""

    fold: int
    composite: Composite
    sets: tuple[int, ...]


def draw_composites(
    photos: Sequence[ImageItem],
    textures: Sequence[Sequence[Sequence[ImageItem]]],
    count: int,
    seed: int,
    *,
    each: int = 2,
) -> tuple[FoldComposite, ...]:
    """Draw composites at random, the textures of each from one fold.

    The `photos` are used cyclically in a random order. `textures` are by set and fold, and the last set is the random
    set; folds in which a set is empty are skipped. A composite has `each` regions with concept textures, which
    alternate, and as many with random textures.
    """
    folds = [fold for fold in range(len(textures[-1])) if all(by_fold[fold] for by_fold in textures)]
    rng = np.random.default_rng([seed, 0xC0])
    order = rng.permutation(len(photos))
    decks = {
        (number, fold): cycle([by_fold[fold][index] for index in rng.permutation(len(by_fold[fold]))])
        for number, by_fold in enumerate(textures)
        for fold in folds
    }
    concepts = len(textures) - 1
    found = []
    for index in range(count if folds else 0):
        fold = folds[index % len(folds)]
        sets = (*((index * each + step) % concepts for step in range(each)), *[concepts] * each)
        pasted = tuple(next(decks[number, fold]) for number in sets)
        composite = Composite(photos[order[index % len(photos)]], pasted, int(rng.integers(2**31)))
        found.append(FoldComposite(fold, composite, sets))
    return tuple(found)
