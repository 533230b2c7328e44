"""One image of a set, or one file that could not be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sacv.concepts.formats import Loaded

_NONE: Mapping[str, str] = {}


def listed(names: Sequence[str], most: int = 10) -> str:
    """Return up to `most` names for a message, and the number of the others."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


class ImageItem:
    """One image: its name, the SHA-256 of its content, and a function that loads it.

    Parameters
    ----------
    name
        Its path, or its index in the source.
    digest
        SHA-256 of its content, in hexadecimal; or a function that returns it, called when it is first needed.
    load
        Function that returns the image.
    ras
        Whether it is a volume in RAS orientation: axes that run to superior, to anterior and to the right.
    group
        Its group, such as the patient: images of one group are not independent. By default it is its own group.
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
            If the file no longer exists.
        """
        if not isinstance(self._digest, str):
            self._digest = self._digest()
        return self._digest

    @property
    def hashed(self) -> bool:
        """Whether the hash is already computed."""
        return isinstance(self._digest, str)

    def of_group(self, group: str) -> ImageItem:
        """Return the same image with a group."""
        return ImageItem(self.name, self._digest, self.load, self.ras, group, self.strata)

    def __repr__(self) -> str:
        return f"ImageItem({self.name!r})"


@dataclass(frozen=True)
class Skipped:
    """A file that was skipped because it cannot be read, and the reason."""

    name: str
    reason: str


__all__ = ["ImageItem", "Loaded", "Skipped"]
