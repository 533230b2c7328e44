"""`BankSet`: where a set of images came from."""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Sequence, Set
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

RANDOM = "random"
"""Key of the pool of random images."""

DIGITS = 16
"""Digits of a hash that tell images apart."""


SEVERAL = "several values"
"""Stratum of a unit whose images have different values."""


@dataclass(frozen=True)
class BankImage:
    """One unit of a set (`sacv.cav.membership`): an image, or a group or a bundle of images, named by one of them.

    Parameters
    ----------
    name
        Its path, or where it stood among what was given.
    digest
        SHA-256 of its content.
    looks
        Its brightness, saturation and edge energy as the network sees it (`sacv.cav.image_statistics`); the mean of
        several.
    count
        Number of images.
    group
        What the image that names it belongs to, such as a patient, if groups were given.
    groups
        Number of groups; an image without one counts as a group by itself.
    strata
        Columns that the concept may be confounded with, and its value in each; `SEVERAL` where its images differ.
    """

    name: str
    digest: str
    looks: tuple[float, ...]
    count: int = 1
    group: str | None = None
    groups: int = 1
    strata: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give the fields for a label file; what says nothing is left out."""
        fields = asdict(self)
        if self.group is None:
            del fields["group"]
        if self.groups == self.count:
            del fields["groups"]
        if not self.strata:
            del fields["strata"]
        return fields

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> BankImage:
        """Read the fields of a label file."""
        count = fields.get("count", 1)  # older banks have none
        groups = fields.get("groups", count)
        strata = _pairs(fields.get("strata", ()))
        return cls(fields["name"], fields["digest"], tuple(fields["looks"]), count, fields.get("group"), groups, strata)


def group_hash(group: str) -> str:
    """Give the first 16 digits of the SHA-256 of the name of a group."""
    return hashlib.sha256(group.encode()).hexdigest()[:DIGITS]


def things(images: Sequence[BankImage]) -> NDArray[np.int64]:
    """Give each independent thing a number, int `(units,)`: units of the same group have one number."""
    numbers: dict[object, int] = {}
    return np.array(
        [
            numbers.setdefault(place if image.group is None or image.groups > 1 else image.group, len(numbers))
            for place, image in enumerate(images)
        ],
        dtype=np.int64,
    )


def count_groups(images: Sequence[BankImage]) -> int:
    """Count the groups of units; an image without one counts as a group by itself."""
    first = np.unique(things(images), return_index=True)[1]
    return sum(images[place].groups for place in first.tolist())


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
    unpaired
        Where a concept is compared within strata, how many of its images and of its random set were left out, for their
        stratum has only one of the two.
    joined_groups
        Of the groups that no unit is named by, the first 16 digits of the SHA-256 of the name of each.
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
    unpaired: int | None = None
    joined_groups: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Number of images."""
        return sum(image.count for image in self.images)

    @cached_property
    def hashes(self) -> frozenset[str]:
        """The first 16 digits of the SHA-256 of each image."""
        return frozenset([*(image.digest[:DIGITS] for image in self.images), *self.joined])

    @cached_property
    def group_hashes(self) -> frozenset[str]:
        """The first 16 digits of the SHA-256 of the name of each group."""
        named = (group_hash(image.group) for image in self.images if image.group is not None)
        return frozenset([*named, *self.joined_groups])

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
        for name in ("missing", "unpaired"):
            if fields[name] is None:
                del fields[name]
        fields["images"] = [image.to_json() for image in self.images]
        fields["joined"] = _text(self.joined)
        if self.joined_groups:
            fields["joined_groups"] = _text(self.joined_groups)
        else:
            del fields["joined_groups"]
        return fields

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> BankSet:
        """Read the fields of a label file."""
        return cls(
            fields["concept"],
            tuple(BankImage.from_json(image) for image in fields["images"]),
            fields["regions"],
            _pairs(fields["skipped"]),
            _pairs(fields["repeats"]),
            negatives=int(fields.get("negatives", 0)),  # older banks have none of these
            unused=int(fields.get("unused", 0)),
            unmatched=int(fields.get("unmatched", 0)),
            rest=bool(fields.get("rest", False)),
            missing=fields.get("missing"),
            unpaired=fields.get("unpaired"),
            joined=_hashes(fields, "joined"),
            joined_groups=_hashes(fields, "joined_groups"),
        )


def _text(hashes: Sequence[str]) -> str:
    return b64encode(bytes.fromhex("".join(hashes))).decode("ascii")


def _hashes(fields: dict[str, Any], name: str) -> tuple[str, ...]:
    try:
        digits = b64decode(fields.get(name, ""), validate=True).hex()
    except ValueError as error:
        raise ValueError(f"{name} is no base64: {error}") from error
    if len(digits) % DIGITS:
        raise ValueError(f"{name} holds {len(digits) // 2} bytes, not {DIGITS // 2} for each image")
    return tuple(digits[start : start + DIGITS] for start in range(0, len(digits), DIGITS))


def _pairs(entries: Sequence[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((first, second) for first, second in entries)
