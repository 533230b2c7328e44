"""The folder of real photographs, read and checked.

======================================  ================================================================
`street/photos`, `street/masks/CLASS`   frames whose names begin with their drive and `_`; masks by class
`horses/photos`, `horses/masks`         a mask for each photo
`patterned/photos`, `patterned/masks`   `tiger` and `dalmatian`
`photos/zebra`, `masks/zebra`           a mask for each photo
`lesions/photos`, `lesions/masks`       a mask for each image, and `lesions/lesions.csv`
`guidance/KIND`                         textures: striped, dotted, chequered, other
`photos/random`                         photos without any of these
======================================  ================================================================

A mask has the file name of its photo, without its suffix.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sacv.concepts.decoding import read_picture
from sacv.errors import ImageSetError
from sacv_bench.metrics import read_mask

CLASSES = ("car", "tree", "road", "sky")
TEXTURES = ("striped", "dotted", "chequered", "other")
VEIL = "blue_whitish_veil"
PRESENT = "P"

NEEDS = {
    "streets": ("street",),
    "horses": ("horses",),
    "patterns": ("zebras", "patterned", "textures", "random"),
    "lesions": ("lesions",),
    "pasted": ("horses", "zebras", "textures", "random"),
    "absent": ("street", "horses", "lesions", "zebras", "patterned", "textures", "random"),
}
"""By experiment, the parts of the folder that it uses."""


@dataclass(frozen=True)
class Photo:
    """A photo with masks of concepts.

    Parameters
    ----------
    path
        Its file.
    masks
        Names of concepts, and the file of each mask.
    """

    path: Path
    masks: tuple[tuple[str, Path], ...] = ()

    @property
    def name(self) -> str:
        """File name without its suffix."""
        return self.path.stem

    @property
    def drive(self) -> str:
        """The drive that a street frame belongs to."""
        return self.name.partition("_")[0]

    def shows(self, concept: str) -> bool:
        """Return whether the photo has a mask of a concept."""
        return concept in dict(self.masks)

    def image(self) -> Image.Image:
        """Read the image."""
        return read_picture(self.path)

    def mask(self, concept: str) -> NDArray[np.bool_]:
        """Read a mask, bool `(height, width)`."""
        return read_mask(str(dict(self.masks)[concept]))


@dataclass(frozen=True)
class Material:
    """The photos of the folder; parts that no experiment of the run needs are empty.

    Parameters
    ----------
    folder
        Its path.
    street, horses, zebras, patterned, lesions
        Photos, in the order of their names.
    veiled
        Names of the lesions with a blue-whitish veil.
    textures
        Kinds, and the files of each.
    random
        Photos without the concepts.
    """

    folder: Path
    street: tuple[Photo, ...] = ()
    horses: tuple[Photo, ...] = ()
    zebras: tuple[Photo, ...] = ()
    patterned: tuple[Photo, ...] = ()
    lesions: tuple[Photo, ...] = ()
    veiled: frozenset[str] = frozenset()
    textures: tuple[tuple[str, tuple[Photo, ...]], ...] = ()
    random: tuple[Photo, ...] = ()

    def kind(self, texture: str) -> tuple[Photo, ...]:
        """Return the textures of a kind."""
        return dict(self.textures)[texture]


def read_material(folder: Path, experiments: Sequence[str], files: Sequence[str]) -> Material:
    """Read what experiments need of the folder.

    Parameters
    ----------
    folder
        The folder, with the layout above.
    experiments
        Of `NEEDS`.
    files
        Files that the networks need.

    Raises
    ------
    ImageSetError
        If something is missing; the message names all of it.
    """
    if not folder.is_dir():
        raise ImageSetError(f"there is no folder {folder} of real photographs; docs/bench.md describes it")
    needed = {part for experiment in experiments for part in NEEDS[experiment]}
    reader = _Reader(folder, needed, [name for name in files if not (folder / name).is_file()])
    found = Material(
        folder,
        street=reader.frames(),
        horses=reader.photos("horses", "horses/photos", "horses/masks", "horse", least=4),
        zebras=reader.photos("zebras", "photos/zebra", "masks/zebra", "zebra", least=2),
        patterned=reader.patterned(),
        lesions=reader.photos("lesions", "lesions/photos", "lesions/masks", "lesion", least=4),
        veiled=reader.veiled(),
        textures=tuple((kind, reader.plain("textures", f"guidance/{kind}")) for kind in TEXTURES),
        random=reader.plain("random", "photos/random"),
    )
    if reader.missing:
        raise ImageSetError(
            f"{folder} lacks {', '.join(reader.missing[:8])}"
            f"{f' and {len(reader.missing) - 8} more' if len(reader.missing) > 8 else ''}; "
            "docs/bench.md describes the folder; or name only experiments and networks that do not need these"
        )
    return found


@dataclass(frozen=True)
class _Reader:
    """Lists files of the parts that are needed, and records missing ones."""

    folder: Path
    needed: set[str]
    missing: list[str]

    def plain(self, part: str, folder: str, least: int = 4) -> tuple[Photo, ...]:
        """List photos without masks."""
        if part not in self.needed:
            return ()
        files = _files(self.folder / folder)
        if len(files) < least:
            self.missing.append(f"{folder} ({len(files)} images; at least {least})")
        return tuple(Photo(file) for file in files)

    def photos(self, part: str, folder: str, masks: str, concept: str, least: int) -> tuple[Photo, ...]:
        """List photos, each with a mask."""
        known = {file.stem: file for file in _files(self.folder / masks)}
        found = self.plain(part, folder, least)
        self.missing.extend(f"{masks}/{photo.name}.png" for photo in found if photo.name not in known)
        return tuple(Photo(photo.path, ((concept, known[photo.name]),)) for photo in found if photo.name in known)

    def frames(self) -> tuple[Photo, ...]:
        """List street frames of at least two drives, each with the masks that it has."""
        found = self.plain("street", "street/photos")
        known = {name: {file.stem: file for file in _files(self.folder / "street/masks" / name)} for name in CLASSES}
        self.missing.extend(f"street/masks/{name}" for name in CLASSES if found and not known[name])
        if found and len({photo.drive for photo in found}) < 2:
            self.missing.append("a second drive in street/photos (names begin with DRIVE_)")
        return tuple(
            Photo(photo.path, tuple((name, known[name][photo.name]) for name in CLASSES if photo.name in known[name]))
            for photo in found
        )

    def patterned(self) -> tuple[Photo, ...]:
        """List the tiger, which is striped, and the dalmatian, which is dotted."""
        found = []
        for name, concept in (("tiger", "striped"), ("dalmatian", "dotted")) if "patterned" in self.needed else ():
            for kind in ("photos", "masks"):
                if not _named(self.folder / "patterned" / kind, name):
                    self.missing.append(f"patterned/{kind}/{name}")
            if not self.missing:
                photo, mask = (_named(self.folder / "patterned" / kind, name)[0] for kind in ("photos", "masks"))
                found.append(Photo(photo, ((concept, mask),)))
        return tuple(found)

    def veiled(self) -> frozenset[str]:
        """Read which lesions have a veil."""
        table = self.folder / "lesions/lesions.csv"
        if "lesions" not in self.needed:
            return frozenset()
        if not table.is_file():
            self.missing.append("lesions/lesions.csv")
            return frozenset()
        with table.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        if not rows or not {"name", VEIL} <= set(rows[0]):
            self.missing.append(f"columns name and {VEIL} in lesions/lesions.csv")
            return frozenset()
        return frozenset(row["name"] for row in rows if row[VEIL] == PRESENT)


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.is_file()) if folder.is_dir() else []


def _named(folder: Path, name: str) -> list[Path]:
    return [file for file in _files(folder) if file.stem == name]
