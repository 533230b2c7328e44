"""Local folders and files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sacv.concepts.decoding import printable
from sacv.concepts.formats import Loaded, check_image, read_image
from sacv.concepts.sources.base import Kind, Stored
from sacv.errors import ImageSetError, UnreadableImageError
from sacv.model.window import Window


class File(Stored):
    """A local file."""

    __slots__ = ()

    def read(self) -> bytes:
        """Return the content of the file."""
        return Path(self.name).read_bytes()

    def load(self, window: Window | None = None) -> Loaded:
        """Return the image."""
        return read_image(Path(self.name), window)

    def check(self) -> None:
        """Check that the file has the header of an image."""
        check_image(Path(self.name))

    def digest(self) -> str:
        """Return the SHA-256 of the file."""
        try:
            with open(self.name, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise UnreadableImageError(
                f"{printable(self.name)} can no longer be read ({error.strerror or error})"
            ) from error


def _images(source: str | Path, name: str) -> Iterator[Stored]:
    path = Path(source)
    if not path.is_dir():
        if not path.exists():
            raise ImageSetError(f"{name}: there is no file or folder {path}")
        yield File(str(path))
        return
    empty = True
    for file in files_below(path):
        empty = False
        yield File(file)
    if empty:
        raise ImageSetError(f"{name}: the folder {path} is empty")


def _count(source: str | Path) -> int:
    return sum(1 for _ in files_below(Path(source))) if Path(source).is_dir() else 1


def files_below(folder: str | Path) -> Iterator[str]:
    """Iterate over the files of a folder recursively, in the order of their paths.

    Only the entries of one directory, and of its parents, are in memory.
    """
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise ImageSetError(f"the folder {folder} cannot be read: {error.strerror or error}") from error
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from files_below(entry.path)
        elif entry.is_file():
            yield entry.path


def _claims(source: Any) -> bool:
    return isinstance(source, str | Path)


FOLDER = Kind(_claims, _images, _count)
