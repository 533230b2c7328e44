"""`BankSet`: the record of a set of images in a bank."""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence, Set
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sacv.deprecation import RenamedAttribute, old_keywords

RANDOM = "random"
"""Key of the random set."""

DIGITS = 16
"""Number of hexadecimal digits of a hash that identify an image."""


CHAINED = ("images", "joined", "joined_groups")
"""Fields of a set that are joined with those of other sets."""

SEVERAL = "several values"
"""Stratum of a unit whose images have different values."""


@old_keywords
@dataclass(frozen=True)
class BankImage:
    """One unit of a set (`sacv.cav.membership`): an image, or a group or a bundle of images with the name of one."""

    name: str
    """Path of the image, or its index among the images that were given."""
    digest: str
    """SHA-256 of the content of the image."""
    statistics: tuple[float, ...]
    """Image statistics: brightness, saturation and edge energy of the network's input (`sacv.cav.image_statistics`);
    the mean of several images."""
    count: int = 1
    """Number of images."""
    group: str | None = None
    """Group of the named image, such as a patient; None without groups."""
    groups: int = 1
    """Number of groups. An image without a group counts as one."""
    strata: tuple[tuple[str, str], ...] = ()
    """Possible confounders: name and value of each column; `SEVERAL` if the images of the unit differ."""

    looks = RenamedAttribute("statistics")

    def to_json(self) -> dict[str, Any]:
        """Return the fields for the JSON file, without defaults."""
        fields = {"looks" if name == "statistics" else name: value for name, value in asdict(self).items()}
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
    """Return the first 16 digits of the SHA-256 of the name of a group."""
    return hashlib.sha256(group.encode()).hexdigest()[:DIGITS]


def independent_units(images: Sequence[BankImage]) -> NDArray[np.int64]:
    """Return an id for each unit, int `(units,)`. Units of the same group have the same id."""
    numbers: dict[object, int] = {}
    return np.array(
        [
            numbers.setdefault(index if image.group is None or image.groups > 1 else image.group, len(numbers))
            for index, image in enumerate(images)
        ],
        dtype=np.int64,
    )


def count_groups(images: Sequence[BankImage]) -> int:
    """Return the number of groups of units. An image without a group counts as one."""
    first = np.unique(independent_units(images), return_index=True)[1]
    return sum(images[index].groups for index in first.tolist())


@dataclass(frozen=True)
class BankSet:
    """A set of images: the images, and what was left out when they were read."""

    concept: str | None
    """The concept; None for the random set."""
    images: tuple[BankImage, ...]
    """The units of the set."""
    regions: bool = False
    """Whether the concept is shown by regions of the images, rather than by whole images."""
    skipped: tuple[tuple[str, str], ...] = ()
    """Name of each unreadable file that was left out, and the reason."""
    repeats: tuple[tuple[str, str], ...] = ()
    """Name of each duplicate that was left out, and of the image that it repeats."""
    negatives: int = 0
    unused: int = 0
    """Number of images without the concept, given with the regions or by rows of a table, that are in the random set,
    and that were left out."""
    unmatched: int = 0
    """Number of masks, or of entries of a COCO file, without an image, which were ignored."""
    rest: bool = False
    """Whether the set is the rest of a concept; for the random set, whether it consists of rests."""
    joined: tuple[str, ...] = ()
    """The first 16 digits of the SHA-256 of each image whose name is not stored."""
    missing: int | None = None
    """For a concept from a table, the number of rows without a value, which were left out; otherwise None."""
    unpaired: int | None = None
    """For a comparison within strata, the number of images of the concept and of its random set that were left out
    because their stratum has only one of the two."""
    joined_groups: tuple[str, ...] = ()
    """The first 16 digits of the SHA-256 of the name of each group whose name is not stored."""

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
        """Return the names of up to three of the images with these hashes."""
        names = [image.name for image in self.images if image.digest[:DIGITS] in hashes]
        return ", ".join((names or sorted(hashes))[:3])

    @property
    def key(self) -> str:
        """Name of the set in the file of moments."""
        if self.concept is None:
            return RANDOM
        return f"rest/{self.concept}" if self.rest else f"concept/{self.concept}"

    def to_json(self) -> dict[str, Any]:
        """Return the fields for the JSON file."""
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


def chained(parts: Iterable[BankSet], *names: str) -> dict[str, Any]:
    """Return fields of several sets that are tuples, each with the entries of all sets."""
    sets = list(parts)
    return {name: tuple(entry for part in sets for entry in getattr(part, name)) for name in names}


def _text(hashes: Sequence[str]) -> str:
    return b64encode(bytes.fromhex("".join(hashes))).decode("ascii")


def _hashes(fields: dict[str, Any], name: str) -> tuple[str, ...]:
    try:
        digits = b64decode(fields.get(name, ""), validate=True).hex()
    except ValueError as error:
        raise ValueError(f"{name} is not base64: {error}") from error
    if len(digits) % DIGITS:
        raise ValueError(f"{name} holds {len(digits) // 2} bytes, not a multiple of {DIGITS // 2}")
    return tuple(digits[start : start + DIGITS] for start in range(0, len(digits), DIGITS))


def _pairs(entries: Sequence[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((first, second) for first, second in entries)
