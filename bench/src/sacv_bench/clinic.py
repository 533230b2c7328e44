"""A synthetic clinic with ground truth: photos of lesions, their masks and a table.

Each patient has one lesion, photographed several times. Columns of the table:

`diagnosis`
    malignant or benign, half of the patients each.
`dots`
    A dotted patch in the lesion of every malignant patient and of no other: it determines the diagnosis. Benign
    lesions have a patch of rings instead, and are blotchy; malignant ones are plain.
`veil`
    A striped patch in the lesion, of half of the patients. Of the malignant ones (1 + c) / 2 have it and of the benign
    ones (1 - c) / 2, where c is the confounding.
`itch`
    Random for half of the patients: no image shows it.

The network was trained to classify lesions with dots as malignant. It never saw stripes, and partly confuses them with
dots. Images of a patient share skin, light and colour cast, so they resemble each other whatever the lesion. The option
`vignette` darkens the rim of the images without a veil, and only of these.

A `Photo` is the specification of an image. Painted with and without a veil, it gives the true effect of the veil on a
network::

    replace(photo, veil=True).paint(), replace(photo, veil=False).paint()
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sacv.errors import OptionError, StorageError
from sacv.model import ImageTransform, VisionModel
from sacv.synthetic.scenes import SIZE, Element, SceneSpec, render
from sacv_bench.networks import trained
from sacv_bench.worlds import LESIONS

DIAGNOSES = ("malignant", "benign")
"""Values of the column `diagnosis`, in the order of the network's logits."""

COLUMNS = ("name", "patient", "diagnosis", "dots", "veil", "itch", "vignette")
"""Of the table. Findings are P (present) or A (absent), as is the vignette."""

MALIGNANT, BENIGN, VEIL = ("plain", "dotted"), ("blotchy", "ringed"), "striped"
LESION = (0.2, 0.3)
PATCH = (0.03, 0.06)
"""Areas of a lesion and of a patch in it, as shares of the image."""

CLEAR, DARK = 0.8, 0.85
"""Where a vignette begins and ends, in half sides from the middle."""


@dataclass(frozen=True)
class Style:
    """The common properties of the images of a patient.

    Parameters
    ----------
    background
        Texture of the skin.
    seed
        Of its colours.
    cast
        Factors of red, green and blue.
    light
        By how much the light grows over the image, to the right and down.
    """

    background: str
    seed: int
    cast: tuple[float, float, float]
    light: tuple[float, float]

    def shade(self, image: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return an image in this cast and light, float in [0, 255]."""
        y, x = np.indices(image.shape[:2]) / image.shape[0] - 0.5
        light = 1 + x * self.light[0] + y * self.light[1]
        shaded: NDArray[np.float64] = image * np.array(self.cast) * light[..., None]
        return shaded


@dataclass(frozen=True)
class Photo:
    """The specification of an image.

    Parameters
    ----------
    name
        File name of the image, without suffix.
    patient
        Whose it is.
    malignant, veil, itch, vignette
        What is so.
    style
        Of the patient.
    lesion, inside, striped
        The lesion, the patch that goes with the diagnosis, and the patch of a veil.
    """

    name: str
    patient: str
    malignant: bool
    veil: bool
    itch: bool
    vignette: bool
    style: Style
    lesion: Element
    inside: Element
    striped: Element

    @property
    def spec(self) -> SceneSpec:
        """The scene, before style and vignette."""
        filling, patch = MALIGNANT if self.malignant else BENIGN
        elements = [replace(self.lesion, texture=filling), replace(self.inside, texture=patch)]
        elements += [self.striped] * self.veil
        return SceneSpec(tuple(elements), self.style.background, self.style.seed, 0.0, LESIONS.scale, LESIONS.contrast)

    def paint(self, size: int = SIZE) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return the image, uint8 `(size, size, 3)`, and the mask of its lesion, bool `(size, size)`."""
        scene = render(self.spec, size)
        image = self.style.shade(scene.image)
        if self.vignette:
            y, x = (np.indices((size, size)) + 0.5) / size * 2 - 1
            image *= np.clip((DARK - np.hypot(x, y)) / (DARK - CLEAR), 0, 1)[..., None]
        return np.clip(image, 0, 255).round().astype(np.uint8), scene.mask

    @property
    def row(self) -> dict[str, str]:
        """Its row of the table."""
        present = {name: "P" if so else "A" for name, so in self._findings.items()}
        diagnosis = DIAGNOSES[0] if self.malignant else DIAGNOSES[1]
        return {"name": self.name, "patient": self.patient, "diagnosis": diagnosis, **present}

    @property
    def _findings(self) -> dict[str, bool]:
        return {"dots": self.malignant, "veil": self.veil, "itch": self.itch, "vignette": self.vignette}


@dataclass(frozen=True)
class Clinic:
    """The specification of a clinic; equal specifications give equal photos.

    Parameters
    ----------
    patients, pictures
        Number of patients, at least 4, and of images of each.
    confounding
        Association of veil and diagnosis, from 0 to 1: Cramer's V.
    vignette
        Whether the images without a veil have one.
    seed
        Of all random draws.

    Raises
    ------
    OptionError
        If a number is not legal.
    """

    patients: int = 60
    pictures: int = 3
    confounding: float = 0.5
    vignette: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.patients < 4:
            raise OptionError(f"a clinic has 4 patients or more, not {self.patients}")
        if self.pictures < 1:
            raise OptionError(f"a patient has 1 image or more, not {self.pictures}")
        if not 0 <= self.confounding <= 1:
            raise OptionError(f"confounding must be from 0 to 1, not {self.confounding}")

    def photos(self) -> list[Photo]:
        """Draw all photos, patient by patient."""
        rng = np.random.default_rng([self.seed, self.patients])
        malignant = _share(self.patients, 0.5, rng)
        veil = np.zeros(self.patients, dtype=bool)
        for sick, share in ((True, (1 + self.confounding) / 2), (False, (1 - self.confounding) / 2)):
            veil[malignant == sick] = _share(int((malignant == sick).sum()), share, rng)
        itch = _share(self.patients, 0.5, rng)
        return [
            photo
            for number in range(self.patients)
            for photo in self._patient(number, bool(malignant[number]), bool(veil[number]), bool(itch[number]))
        ]

    def _patient(self, number: int, malignant: bool, veil: bool, itch: bool) -> Iterator[Photo]:
        rng = np.random.default_rng([self.seed, self.patients, number])
        patient, style = f"patient{number:03d}", _style(rng)
        shape, area = LESIONS.shapes[int(rng.integers(len(LESIONS.shapes)))], float(rng.uniform(*LESION))
        seeds = [int(seed) for seed in rng.integers(2**31, size=3)]
        sizes = [float(size) for size in rng.uniform(*PATCH, size=2)]
        for photo in range(self.pictures):
            middle = rng.uniform(0.45, 0.55, 2)
            towards = rng.uniform(0, 2 * np.pi)
            step = 0.55 * np.sqrt(area / np.pi) * np.array([np.cos(towards), np.sin(towards)])
            turn = float(rng.uniform(0, 2 * np.pi))
            yield Photo(
                f"{patient}-{photo}",
                patient,
                malignant,
                veil,
                itch,
                self.vignette and not veil,
                style,
                Element(shape, "plain", area, turn, _position(middle, area), seeds[0]),
                Element("disc", "dotted", sizes[0], 0.0, _position(middle + step, sizes[0]), seeds[1]),
                Element("disc", VEIL, sizes[1], 0.0, _position(middle - step, sizes[1]), seeds[2]),
            )


def _share(count: int, share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    return rng.permutation(count) < round(count * share)


def _style(rng: np.random.Generator) -> Style:
    background = LESIONS.backgrounds[int(rng.integers(len(LESIONS.backgrounds)))]
    red, green, blue = (float(factor) for factor in rng.uniform(0.75, 1.1, 3))
    right, down = (float(slope) for slope in rng.uniform(-0.4, 0.4, 2))
    return Style(background, int(rng.integers(2**31)), (red, green, blue), (right, down))


def _position(middle: NDArray[np.float64], area: float) -> tuple[float, float]:
    """Return the position of a disc from its area and its middle, in shares of the side."""
    radius = np.sqrt(area / np.pi)
    x, y = np.clip((middle - radius) / (1 - 2 * radius), 0, 1)
    return float(x), float(y)


def write_clinic(folder: str | Path, photos: Sequence[Photo]) -> Path:
    """Write photos as PNG files to `photos/`, their masks to `masks/`, and the table to `clinic.csv`; give its path.

    Raises
    ------
    StorageError
        If the folder cannot be written.
    """
    folder = Path(folder)
    try:
        for name in ("photos", "masks"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for photo in photos:
            image, mask = photo.paint()
            Image.fromarray(image).save(folder / "photos" / f"{photo.name}.png")
            Image.fromarray(mask.astype(np.uint8) * 255).save(folder / "masks" / f"{photo.name}.png")
        table = folder / "clinic.csv"
        with table.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(photo.row for photo in photos)
    except OSError as error:
        raise StorageError(f"the clinic cannot be written to {folder}: {error}") from error
    return table


def load() -> VisionModel:
    """Return the clinic's diagnosis network: `plain-lesions` of the bench, with the classes of `DIAGNOSES`."""
    return VisionModel(trained("plain-lesions").load(), ImageTransform(resize=(SIZE, SIZE)), DIAGNOSES)
