"""`BankSet`: where a set of images came from."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence, Set
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

RANDOM = "random"
"""Key of the pool of random images."""

DIGITS = 16
"""Digits of a hash that tell images apart."""


@dataclass(frozen=True)
class BankImage:
    """One image of a set; of a very large set, a unit of images (`sacv.cav.membership`), named by one of them.

    Parameters
    ----------
    name
        Its path, or where it stood among what was given.
    digest
        SHA-256 of its content.
    looks
        Its brightness, saturation and edge energy as the network sees it (`sacv.cav.looks`); the mean of several.
    count
        Number of images.
    """

    name: str
    digest: str
    looks: tuple[float, ...]
    count: int = 1


@dataclass(frozen=True)
class BankSet:
    """Where a set of images came from.

    Parameters
    ----------
    concept
        The concept that it shows; none for the random set.
    images
        What it holds, by unit.
    regions
        Whether marked regions of the images show the concept, rather than all of each.
    skipped
        Name and reason of each file that could not be read and was left out.
    repeats
        Name of each image left out because the set holds it already, and the name of that one.
    negatives, unused
        How many of the photos given with the regions, or of the rows of a table, show nothing of the concept and are in
        the random set, or were left out.
    unmatched
        How many masks, or entries of a COCO file, had no photo and were ignored.
    rest
        Whether it is what is not marked of the concept's photos, or the other rows of its table; of the random set, of
        all marked photos and tables.
    joined
        Of the images that no unit is named by, the first 16 digits of the SHA-256 of each.
    missing
        Of a concept from a table, how many rows have no value and were left out; none for others.
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
    joined: tuple[str, ...] = ()
    missing: int | None = None

    @property
    def count(self) -> int:
        """Number of images."""
        return sum(image.count for image in self.images)

    @cached_property
    def hashes(self) -> frozenset[str]:
        """The first 16 digits of the SHA-256 of each image."""
        return frozenset([*(image.digest[:DIGITS] for image in self.images), *self.joined])

    def some(self, hashes: Set[str]) -> str:
        """Name up to three of the images of these hashes."""
        names = [image.name for image in self.images if image.digest[:DIGITS] in hashes]
        return ", ".join((names or sorted(hashes))[:3])

    @property
    def key(self) -> str:
        """Name in the file of moments."""
        if self.concept is None:
            return RANDOM
        return f"rest/{self.concept}" if self.rest else f"concept/{self.concept}"

    def to_json(self) -> dict[str, Any]:
        """Give the fields for a label file."""
        fields = asdict(self)
        fields["joined"] = b64encode(bytes.fromhex("".join(self.joined))).decode("ascii")
        if self.missing is None:
            del fields["missing"]
        return fields

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> BankSet:
        """Read the fields of a label file."""
        return cls(
            fields["concept"],
            tuple(
                BankImage(image["name"], image["digest"], tuple(image["looks"]), image.get("count", 1))
                for image in fields["images"]
            ),
            fields["regions"],
            _pairs(fields["skipped"]),
            _pairs(fields["repeats"]),
            negatives=int(fields.get("negatives", 0)),  # older banks have none of these
            unused=int(fields.get("unused", 0)),
            unmatched=int(fields.get("unmatched", 0)),
            rest=bool(fields.get("rest", False)),
            joined=_hashes(fields.get("joined", "")),
            missing=fields.get("missing"),
        )


def _hashes(text: str) -> tuple[str, ...]:
    digits = b64decode(text, validate=True).hex()
    if len(digits) % DIGITS:
        raise ValueError(f"joined holds {len(digits) // 2} bytes, not {DIGITS // 2} for each image")
    return tuple(digits[start : start + DIGITS] for start in range(0, len(digits), DIGITS))


def _pairs(entries: Sequence[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((first, second) for first, second in entries)
