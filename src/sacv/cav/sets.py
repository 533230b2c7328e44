"""`BankSet`: where a set of images came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

RANDOM = "random"
"""Key of the pool of random images."""


@dataclass(frozen=True)
class BankImage:
    """One image of a set.

    Parameters
    ----------
    name
        Its path, or where it stood among what was given.
    digest
        SHA-256 of its content.
    looks
        Its brightness, saturation and edge energy as the network sees it (`sacv.cav.looks`).
    """

    name: str
    digest: str
    looks: tuple[float, ...]


@dataclass(frozen=True)
class BankSet:
    """Where a set of images came from.

    Parameters
    ----------
    concept
        The concept that it shows; none for the random set.
    images
        What it holds.
    regions
        Whether marked regions of the images show the concept, rather than all of each.
    skipped
        Name and reason of each file that could not be read and was left out.
    repeats
        Name of each image left out because the set holds it already, and the name of that one.
    negatives, unused
        How many of the photos given with the regions show nothing of the concept and are in the random set, or were
        left out.
    unmatched
        How many masks, or entries of a COCO file, had no photo and were ignored.
    rest
        Whether it is what is not marked of the concept's photos; of the random set, of all marked photos.
    """

    concept: str | None
    images: tuple[BankImage, ...]
    regions: bool = False
    skipped: tuple[tuple[str, str], ...] = ()
    repeats: tuple[tuple[str, str], ...] = ()
    negatives: int = 0
    unused: int = 0
    unmatched: int = 0
    rest: bool = False

    @property
    def key(self) -> str:
        """Name in the file of moments."""
        if self.concept is None:
            return RANDOM
        return f"rest/{self.concept}" if self.rest else f"concept/{self.concept}"

    def to_json(self) -> dict[str, Any]:
        """Give the fields for a label file."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> BankSet:
        """Read the fields of a label file."""
        return cls(
            fields["concept"],
            tuple(BankImage(image["name"], image["digest"], tuple(image["looks"])) for image in fields["images"]),
            fields["regions"],
            _pairs(fields["skipped"]),
            _pairs(fields["repeats"]),
            negatives=int(fields.get("negatives", 0)),  # older banks have none of these
            unused=int(fields.get("unused", 0)),
            unmatched=int(fields.get("unmatched", 0)),
            rest=bool(fields.get("rest", False)),
        )


def _pairs(entries: Sequence[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((first, second) for first, second in entries)
