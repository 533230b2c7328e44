"""The folder of what was made: ordinary files, which the command line reads, and the whole state of the app.

photos/NAME                  photos, as they were given
sets/SET/NAME                concept images, random images, photos to paste into
masks/CONCEPT.json           painted regions of photos, in COCO form
drafts/CONCEPT/              banks of one concept that were fitted and not yet saved
banks/NAME/                  banks
explanations/NUMBER TITLE/   explanations, as `sacv explain` writes them
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
"""Before the name of a bank that is not yet saved."""


class Workplace:
    """The folder.

    Parameters
    ----------
    folder
        Made where it is missing.
    given
        A bank that is read and never written to.

    Raises
    ------
    StorageError
        If the folder cannot be made.
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
            raise StorageError(f"{folder} cannot be made ({error.strerror}); name another with --folder") from error

    def photo(self, name: str) -> Path:
        """Return a photo's path."""
        return within(self.photos, name)

    def named_set(self, name: str) -> Path:
        """Return the folder of a set."""
        return within(self.sets, name)

    def new_set(self, name: str) -> Path:
        """Return the folder of a set, made where it is missing."""
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
        """Name the concepts that are painted."""
        return [path.stem for path in _listed(self.masks) if path.suffix == ".json"]

    def bank(self, name: str) -> ConceptBank:
        """Load a bank."""
        return ConceptBank.load(self.bank_folder(name))

    def bank_folder(self, name: str) -> Path:
        """Return the folder of a bank: of a draft, of one that was saved, or the one given."""
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
        """What the bank given is called."""
        return "" if self.given is None else tidy(self.given.resolve().name)

    def bank_names(self) -> list[str]:
        """Name all banks: the one given, those saved, and drafts."""
        saved = [path.name for path in _listed(self.banks)]
        given = [self.given_name] if self.given is not None else []
        return [*dict.fromkeys([*given, *saved]), *(DRAFT + path.name for path in _listed(self.drafts))]

    def explanation(self, number: str) -> Path:
        """Return the folder of an explanation."""
        return within(self.explanations, number)

    def new_explanation(self, title: str) -> Path:
        """Return a folder for another explanation; where there are too many, the oldest makes way."""
        listed = self.explanation_names()
        for old in listed[: max(len(listed) + 1 - self.limits.explanations, 0)]:
            shutil.rmtree(self.explanations / old)
        return self.explanations / tidy(f"{1 + max(map(_number, listed), default=0):04d} {title}")

    def explanation_names(self) -> list[str]:
        """Name the explanations, the oldest first."""
        return sorted((path.name for path in _listed(self.explanations) if _number(path.name) > 0), key=_number)


def _name(name: str) -> str:
    plain = tidy(name)
    if plain != name:
        raise Refusal(f"{name[:120]!r} cannot be the name of a file; {plain!r} can")
    return plain


def _number(name: str) -> int:
    """Read the number of an explanation; 0 where there is none."""
    digits = name.partition(" ")[0]
    return int(digits) if digits.isascii() and digits.isdecimal() else 0


def _listed(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def listed(folder: Path) -> list[str]:
    """Name what lies in a folder."""
    return [path.name for path in _listed(folder)]


def rendition(path: Path, side: int) -> bytes:
    """Return an image for the browser: upright, as JPEG, no side longer than `side` pixels."""
    picture = read_picture(path)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()
