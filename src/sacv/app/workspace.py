"""The folder of the app: ordinary files, which the command line reads. It is the whole state of the app.

photos/NAME                  photos, as they were uploaded
sets/SET/NAME                concept, random, absent and context images
masks/CONCEPT.json           painted regions of photos, in COCO form
drafts/CONCEPT/              fitted banks of one concept that are not saved yet
banks/NAME/                  banks
explanations/NUMBER TITLE/   explanations, as written by `sacv explain`
"""

from __future__ import annotations

import io
import shutil
from pathlib import Path

from PIL import Image

from sacv.app.http_errors import Refusal
from sacv.app.limits import Limits
from sacv.app.masks import Painted
from sacv.app.names import tidy, within
from sacv.app.uploads import require_room
from sacv.cav import ConceptBank
from sacv.concepts.decoding import read_picture
from sacv.errors import StorageError

DRAFT = "draft: "
"""Prefix of the name of a bank that is not saved yet."""


class Workplace:
    """The folder.

    It is created if it does not exist. `given` is a bank that is read and never changed.
    """

    PARTS = ("photos", "sets", "masks", "drafts", "banks", "explanations")

    def __init__(self, folder: Path, given: Path | None = None, limits: Limits | None = None) -> None:
        self.folder, self.given = folder, given
        self.limits = Limits() if limits is None else limits
        self.photos, self.sets, self.masks, self.drafts, self.banks, self.explanations = (
            folder / part for part in self.PARTS
        )
        try:
            for part in self.PARTS:
                (folder / part).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{folder} cannot be created ({error.strerror}); give another with --folder") from error

    def photo(self, name: str) -> Path:
        """Return a photo's path."""
        return within(self.photos, name)

    def named_set(self, name: str) -> Path:
        """Return the folder of a set."""
        return within(self.sets, name)

    def new_set(self, name: str) -> Path:
        """Return the folder of a set, created if it does not exist."""
        folder = self.sets / tidy(name)
        if not folder.exists():
            require_room(self.sets, self.limits.sets)
            folder.mkdir()
        return within(self.sets, folder.name)

    def delete_set(self, name: str) -> None:
        """Remove a set with its images."""
        shutil.rmtree(self.named_set(name))

    def painted(self, concept: str) -> Painted:
        """Return the masks of a concept."""
        return Painted(self.masks / f"{_name(concept)}.json", concept)

    def new_painted(self, concept: str) -> Painted:
        """Return the masks of a concept that may be new."""
        painted = self.painted(concept)
        if not painted.path.exists():
            require_room(self.masks, self.limits.sets)
        return painted

    def concepts(self) -> list[str]:
        """Return the names of the painted concepts."""
        return [path.stem for path in _listed(self.masks) if path.suffix == ".json"]

    def bank(self, name: str) -> ConceptBank:
        """Load a bank."""
        return ConceptBank.load(self.bank_folder(name))

    def bank_folder(self, name: str) -> Path:
        """Return the folder of a draft, of a saved bank, or of the given one."""
        if name.startswith(DRAFT):
            return within(self.drafts, name.removeprefix(DRAFT))
        if self.given is not None and name == self.given_name and not (self.banks / name).exists():
            return self.given
        return within(self.banks, name)

    def draft(self, concept: str) -> Path:
        """Return the folder for a draft."""
        return self.drafts / _name(concept)

    def saved(self, name: str) -> Path:
        """Return the folder of a saved bank, which may be new."""
        return self.banks / _name(name)

    @property
    def given_name(self) -> str:
        """Name of the given bank."""
        return "" if self.given is None else tidy(self.given.resolve().name)

    def bank_names(self) -> list[str]:
        """Return the names of all banks: the given one, saved ones, and drafts."""
        saved = [path.name for path in _listed(self.banks)]
        given = [self.given_name] if self.given is not None else []
        return [*dict.fromkeys([*given, *saved]), *(DRAFT + path.name for path in _listed(self.drafts))]

    def explanation(self, number: str) -> Path:
        """Return the folder of an explanation."""
        return within(self.explanations, number)

    def new_explanation(self, title: str) -> Path:
        """Return a folder for another explanation; the oldest is deleted if there are too many."""
        listed = self.explanation_names()
        for old in listed[: max(len(listed) + 1 - self.limits.explanations, 0)]:
            shutil.rmtree(self.explanations / old)
        return self.explanations / tidy(f"{1 + max(map(_number, listed), default=0):04d} {title}")

    def explanation_names(self) -> list[str]:
        """Return the names of the explanations, the oldest first."""
        return sorted((path.name for path in _listed(self.explanations) if _number(path.name) > 0), key=_number)


def _name(name: str) -> str:
    plain = tidy(name)
    if plain != name:
        raise Refusal(f"{name[:120]!r} cannot be the name of a file; use {plain!r}")
    return plain


def _number(name: str) -> int:
    """Return the number of an explanation; 0 if it has none."""
    digits = name.partition(" ")[0]
    return int(digits) if digits.isascii() and digits.isdecimal() else 0


def _listed(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def listed(folder: Path) -> list[str]:
    """Return the names of the entries of a folder."""
    return [path.name for path in _listed(folder)]


def rendition(path: Path, side: int) -> bytes:
    """Return an image for the browser: upright, as JPEG, no side longer than `side` pixels."""
    picture = read_picture(path)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()
