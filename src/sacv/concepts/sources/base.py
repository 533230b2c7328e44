"""What a source of stored images is, and what each of its images is."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sacv.concepts.formats import Loaded, gives_ras, read_bytes
from sacv.errors import UnreadableImageError
from sacv.model.window import Window


class Stored(ABC):
    """An image where it is stored: its name, and how to get its bytes.

    It is small and can be pickled, and its bytes may be read from several threads and processes. What is open or held
    in memory for that does not belong to it.

    Parameters
    ----------
    name
        For people, and the same each time.
    """

    __slots__ = ("_digest", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._digest: str | None = None

    @abstractmethod
    def read(self) -> bytes:
        """Give the bytes of the image.

        Raises
        ------
        UnreadableImageError
            If they cannot be read.
        """

    @property
    def ras(self) -> bool:
        """Whether it is a volume that runs to superior, to anterior and to the right."""
        return gives_ras(self.name)

    def load(self, window: Window | None = None) -> Loaded:
        """Give the image; the hash is made of the same bytes, so that they are read once.

        Parameters
        ----------
        window
            Which values become black and white, for values deeper than 8 bits.

        Raises
        ------
        UnreadableImageError
            If the bytes cannot be read, or are no image.
        """
        content = self.read()
        self._digest = hashlib.sha256(content).hexdigest()
        try:
            return read_bytes(self.name, content, window)
        except UnreadableImageError as error:
            if "--skip-unreadable" in str(error):
                raise
            raise UnreadableImageError(
                f"{error}; remove it, or leave it out with --skip-unreadable (skip_unreadable=True)"
            ) from error

    def check(self) -> None:  # noqa: B027
        """Check what costs next to nothing; by default nothing is.

        Raises
        ------
        UnreadableImageError
            If the image surely cannot be read.
        """

    def digest(self) -> str:
        """Give the SHA-256 of the bytes, in hexadecimal.

        Raises
        ------
        UnreadableImageError
            If they cannot be read.
        """
        return hashlib.sha256(self.read()).hexdigest() if self._digest is None else self._digest


@dataclass(frozen=True)
class Kind:
    """A kind of source.

    Parameters
    ----------
    claims
        Whether something is a source of this kind.
    images
        Its images, in an order that does not change, without reading them; and the name of the set, for errors. What is
        held in memory meanwhile is bounded, or no more than names and places.
    count
        How many these are.
    """

    claims: Callable[[Any], bool]
    images: Callable[[Any, str], Iterator[Stored]]
    count: Callable[[Any], int]
