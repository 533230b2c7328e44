"""Composites: textures pasted as smooth regions into photos that show none of the concepts.

A composite is rendered when it is loaded, and never written. Everything about it is drawn from its seed: the shape of
each region, and how its texture is turned, scaled and shifted. A region is what is highest of a field that falls off
from the region's centre and is roughened by smooth noise::

    f(x) = ROUGHNESS n(x) - |x - c|^2 / (2 SPREAD^2)        n: Gaussian noise, smoothed, with a variance of 1

cut where it takes its share of the photo, among the pixels that no earlier region took. The centres stand around the
middle. A texture is turned by quarters, resized to 0.4 to 1 of the photo's shorter side and continued by reflection.
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
"""Int `(height, width)`: the number of the region that each pixel belongs to, -1 for the photo."""

SHARES = (0.05, 0.15)
"""Least and greatest share of the photo that a region takes."""

SCALES = (0.4, 1.0)
"""Least and greatest side of a texture, in shorter sides of the photo."""

ROUGHNESS, SPREAD, GRAIN, RING = 0.6, 0.3, 0.09, 0.3
"""Of the field: the noise's part; the spread and the noise's grain, in sides of the photo; the centres' distance from
the middle, likewise."""

COARSE = 64
"""Side of the grid on which the noise is drawn before it is enlarged."""

LONGEST = 640
"""Longest side of a composite in pixels; a larger photo is made smaller."""


@dataclass(frozen=True)
class Composite:
    """A photo with textures pasted into it.

    Parameters
    ----------
    photo
        What is around.
    textures
        What is pasted, one region each.
    seed
        Of the regions' shapes and of how the textures are laid.
    """

    photo: ImageItem
    textures: tuple[ImageItem, ...]
    seed: int

    @property
    def item(self) -> ImageItem:
        """The composite as an image: hashed by its parts and its seed, rendered when it is loaded."""
        parts = (self.photo.digest, *(texture.digest for texture in self.textures))
        digest = hashlib.sha256("/".join(("composite", str(self.seed), *parts)).encode()).hexdigest()
        pasted = " and ".join(texture.name for texture in self.textures)
        return ImageItem(f"{pasted} in {self.photo.name}", digest, partial(render, self))

    def labels(self) -> Labels:
        """Tell which region each pixel belongs to; reads the photo for its size."""
        return regions(_canvas(self.photo).size, len(self.textures), self._generator(0))

    def _generator(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, purpose])


def render(composite: Composite) -> Image.Image:
    """Paint a composite."""
    canvas = _canvas(composite.photo)
    pixels = np.array(canvas)
    labels = regions(canvas.size, len(composite.textures), composite._generator(0))
    rng = composite._generator(1)
    for number, texture in enumerate(composite.textures):
        inside = labels == number
        pixels[inside] = laid(_picture(texture), canvas.size, rng)[inside]
    return Image.fromarray(pixels)


def regions(size: tuple[int, int], count: int, rng: np.random.Generator) -> Labels:
    """Draw `count` regions of a photo of `size` (width, height)."""
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


def laid(texture: Image.Image, size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Lay a texture over a photo of `size` (width, height): turned, scaled, shifted and continued by reflection."""
    turned = np.rot90(np.asarray(texture), int(rng.integers(4)))
    scale = rng.uniform(*SCALES) * min(size) / min(turned.shape[:2])
    sides = [max(round(side * scale), 1) for side in turned.shape[1::-1]]
    small = np.asarray(Image.fromarray(turned).resize((sides[0], sides[1]), Image.Resampling.BILINEAR))
    rows, columns = (
        _reflected(rng.integers(2 * length) + np.arange(wanted), length)
        for length, wanted in zip(small.shape[:2], size[::-1], strict=True)
    )
    return small[np.ix_(rows, columns)]


def _reflected(places: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Fold places back into `[0, length)`, to and fro."""
    turned = places % (2 * length)
    return np.where(turned < length, turned, 2 * length - 1 - turned)


def _canvas(photo: ImageItem) -> Image.Image:
    picture = _picture(photo).copy()
    picture.thumbnail((LONGEST, LONGEST), Image.Resampling.BILINEAR)
    return picture


def _picture(item: ImageItem) -> Image.Image:
    loaded = item.load()
    if not isinstance(loaded, Image.Image):
        raise ImageSetError(
            f"{item.name} is a tensor that is already transformed; with a context, textures and photos are pasted as "
            "pictures: give files, PIL images or uint8 arrays"
        )
    return loaded


@dataclass(frozen=True)
class Placed:
    """A composite, the fold that its textures belong to, and the number of the set of each."""

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
) -> tuple[Placed, ...]:
    """Draw composites, the textures of each from one fold.

    Parameters
    ----------
    photos
        Taken in a drawn order, over and over.
    textures
        By set and fold, the last set being the random one. Folds where a set has nothing are passed over.
    count
        Number of composites.
    seed
        Of all that is drawn.
    each
        Regions of concepts, and as many of random textures, in each composite. Concepts take turns.
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
        found.append(Placed(fold, composite, sets))
    return tuple(found)
