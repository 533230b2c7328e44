"""The interfaces of a source of stored images and of one stored image."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sacv.concepts.formats import Loaded, is_ras, read_bytes
from sacv.errors import UnreadableImageError
from sacv.model.window import Window


class Stored(ABC):
    """A stored image: its name, and how to read its bytes.

    The object is small and can be pickled. It may be read from several threads and processes, since it holds no open
    file and no image data.

    Parameters
    ----------
    name
        Name for messages; the same in each run.
    """

    __slots__ = ("_digest", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._digest: str | None = None

    @abstractmethod
    def read(self) -> bytes:
        """Return the bytes of the image.

        Raises
        ------
        UnreadableImageError
            If they cannot be read.
        """

    @property
    def ras(self) -> bool:
        """Whether the image is a volume in RAS orientation."""
        return is_ras(self.name)

    def load(self, window: Window | None = None) -> Loaded:
        """Return the image. The hash is computed from the same bytes, so that they are read once.

        Parameters
        ----------
        window
            Which values become black and white, for values deeper than 8 bits.
        """
        content = self.read()
        self._digest = hashlib.sha256(content).hexdigest()
        try:
            return read_bytes(self.name, content, window)
        except UnreadableImageError as error:
            if "--skip-unreadable" in str(error):
                raise
            raise UnreadableImageError(
                f"{error}; remove it, or skip it with --skip-unreadable (skip_unreadable=True)"
            ) from error

    def check(self) -> None:  # noqa: B027
        """Check what needs no reading of the whole image; nothing by default.

        Raises
        ------
        UnreadableImageError
            If the image certainly cannot be read.
        """

    def digest(self) -> str:
        """Return the SHA-256 of the bytes, in hexadecimal.

        Raises
        ------
        UnreadableImageError
            If they cannot be read.
        """
        return hashlib.sha256(self.read()).hexdigest() if self._digest is None else self._digest


@dataclass(frozen=True)
class Kind:
    """A kind of source."""

    claims: Callable[[Any], bool]
    """Function that returns whether an object is a source of this kind."""
    images: Callable[[Any, str], Iterator[Stored]]
    """Function from a source, and the name of the set for messages, to its images, in a fixed order, without reading
    them. It holds at most names and offsets in memory."""
    count: Callable[[Any], int]
    """Function that returns the number of images."""
