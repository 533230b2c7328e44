"""One image of a set, or what stands in its place where it cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sacv.concepts.formats import Loaded

_NONE: Mapping[str, str] = {}


class ImageItem:
    """One image: its name for people, the SHA-256 of its content, and how to load it.

    Parameters
    ----------
    name
        Its path, or where it stands among what was given.
    digest
        SHA-256 of its content, in hexadecimal; or a function that gives it, called when it is first needed.
    load
        Gives the image.
    ras
        Whether it is a volume that runs to superior, to anterior and to the right.
    group
        What it belongs with, such as a patient: images of one group are not independent. Its own content by default.
    strata
        Its value in each column that a concept may be confounded with, such as a diagnosis.
    """

    __slots__ = ("_digest", "group", "load", "name", "ras", "strata")

    def __init__(
        self,
        name: str,
        digest: str | Callable[[], str],
        load: Callable[[], Loaded],
        ras: bool = False,
        group: str | None = None,
        strata: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self._digest = digest
        self.load = load
        self.ras = ras
        self.group = group
        self.strata = strata or _NONE

    @property
    def digest(self) -> str:
        """SHA-256 of the content, in hexadecimal.

        Raises
        ------
        UnreadableImageError
            If the file is there no more.
        """
        if not isinstance(self._digest, str):
            self._digest = self._digest()
        return self._digest

    @property
    def hashed(self) -> bool:
        """Whether the hash is known, so that it costs nothing."""
        return isinstance(self._digest, str)

    def of_group(self, group: str) -> ImageItem:
        """Give the same image as one of a group."""
        return ImageItem(self.name, self._digest, self.load, self.ras, group, self.strata)

    def __repr__(self) -> str:
        return f"ImageItem({self.name!r})"


@dataclass(frozen=True)
class Skipped:
    """A file that was left out because it cannot be read, and why."""

    name: str
    reason: str


__all__ = ["ImageItem", "Loaded", "Skipped"]
