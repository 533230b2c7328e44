"""Assign images to sets, and within each set to units and folds.

Means, samples and folds are stored for *units*. In a set of at most `MOST_UNITS` images, each image is a unit. In a
larger set, `ALONE` images are units and the others are joined to bundles, so that memory is bounded. The assignment
depends on the content of an image, so that it has the same fold in all large sets.

If several images have the same group, such as a patient, groups take the role of images: a unit is a group or, in a set
of more than `MOST_UNITS` groups, a bundle of groups. A group has the same fold in every set.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from sacv.concepts import ImageItem
from sacv.errors import ImageSetError
from sacv.stats import Float64, assign_folds, common_folds

Int64 = NDArray[np.int64]

MOST_UNITS = 1024
"""Maximum number of images or groups of a set without bundles."""

ALONE = 512
"""Number of units of one image in a larger set. Small random sets are drawn from them."""

BUNDLES = 512
"""Number of bundles in a larger set."""


@dataclass(frozen=True, eq=False)
class SetPlan:
    """A set of images whose statistics are computed."""

    items: tuple[ImageItem, ...]
    weights: tuple[Mapping[str, Float64] | None, ...]
    """For each image, by layer: float64 `(locations,)`, the weight of each location in the set; None for whole
    images."""
    means_only: bool = False
    """Whether only the means of the units are computed."""
    follows: int | None = None
    """Index of an earlier set whose images have the same folds here, and, with `means_only`, the same units."""
    folds: tuple[int, ...] | None = None
    """The fold of each image, if it is given rather than drawn."""
    inside: tuple[Mapping[str, Float64], ...] = ()
    """For a fit within masks: for each image, by layer, float64 `(locations,)`, the share of each cell inside the mask.
    `weights` includes it already."""

    def cover(self, image: int) -> Mapping[str, Float64] | None:
        """Return the weight of each location of an image, by layer; None if all weights are 1."""
        weights = self.weights[image]
        return self.inside[image] if weights is None and self.inside else weights


class Member(NamedTuple):
    """Membership of an image in a set: the indices of the set, the image, the unit and the fold."""

    set: int
    image: int
    unit: int
    fold: int


@dataclass(frozen=True, eq=False)
class Units:
    """The units of a set."""

    of_image: Int64
    """Int `(images,)`: the unit of each image."""
    folds: Int64
    """Int `(units,)`: the fold of each unit."""
    groups: Int64 | None = None
    """Int `(units,)`: number of groups of each unit, where an image without a group counts as one; None without
    groups."""

    @classmethod
    def alone(cls, images: int) -> Units:
        """Return units of one image each, in one fold."""
        return cls(np.arange(images), np.zeros(images, dtype=np.int64))

    @cached_property
    def images(self) -> Int64:
        """Number of images of each unit, `(units,)`."""
        return np.bincount(self.of_image, minlength=len(self.folds))

    @property
    def sizes(self) -> Int64:
        """Number of groups, or else images, of each unit, `(units,)`."""
        return self.images if self.groups is None else self.groups

    @property
    def firsts(self) -> Int64:
        """Index of the first image of each unit, `(units,)`."""
        return np.unique(self.of_image, return_index=True)[1]


@dataclass(frozen=True, eq=False)
class Members(Sequence[tuple[Member, ...]]):
    """The memberships of every image, in compact arrays."""

    units: Sequence[Units]
    starts: NDArray[np.int32]
    """Int `(images + 1,)`: index of the first membership of each image."""
    sets: NDArray[np.int32]
    images: NDArray[np.int32]
    """Int `(memberships,)`: index of the set, and of the image in it."""

    @classmethod
    def of(cls, units: Sequence[Units], pairs: Mapping[str, Sequence[tuple[int, int]]], others: int) -> Members:
        """Create the arrays from pairs of a set and an image, by hash, for images followed by `others` without any."""
        counts = [*(len(each) for each in pairs.values()), *[0] * others]
        flat = np.array([pair for each in pairs.values() for pair in each], dtype=np.int32).reshape(-1, 2)
        return cls(units, np.cumsum([0, *counts], dtype=np.int32), flat[:, 0].copy(), flat[:, 1].copy())

    def __len__(self) -> int:
        return len(self.starts) - 1

    @overload
    def __getitem__(self, item: int) -> tuple[Member, ...]: ...

    @overload
    def __getitem__(self, item: slice) -> list[tuple[Member, ...]]: ...

    def __getitem__(self, item: int | slice) -> tuple[Member, ...] | list[tuple[Member, ...]]:
        if isinstance(item, slice):
            return [self[number] for number in range(*item.indices(len(self)))]
        if not 0 <= item < len(self):
            raise IndexError(item)
        span = slice(self.starts[item], self.starts[item + 1])
        found = []
        for number, image in zip(self.sets[span].tolist(), self.images[span].tolist(), strict=True):
            unit = int(self.units[number].of_image[image])
            found.append(Member(number, image, unit, int(self.units[number].folds[unit])))
        return tuple(found)


@dataclass(frozen=True)
class Plan:
    """Each image once, with its memberships."""

    sets: tuple[SetPlan, ...]
    items: tuple[ImageItem, ...]
    """Each image once; first those of the sets."""
    members: Members
    units: tuple[Units, ...]
    apart: int = 0
    """Number of the last items, which are in no set. All their activations are stored."""
    whole: frozenset[int] = frozenset()
    """Indices of items of the sets whose activations are stored too."""


def plan(
    sets: Sequence[SetPlan],
    folds: int,
    seed: int,
    apart: Sequence[ImageItem] = (),
    whole: Set[str] = frozenset(),
) -> Plan:
    """Assign units and folds, and list each image once: images of the sets by fold, then the images `apart`.

    `whole` are the hashes of images of the sets whose activations are stored.
    """
    units = all_units(sets, folds, seed)
    items: dict[str, ImageItem] = {}
    pairs: dict[str, list[tuple[int, int]]] = {}
    for number, (entry, joined) in enumerate(zip(sets, units, strict=True)):
        for index in np.argsort(joined.folds[joined.of_image], kind="stable").tolist():
            item = entry.items[index]
            items.setdefault(item.digest, item)
            pairs.setdefault(item.digest, []).append((number, index))
    members = Members.of(units, pairs, len(apart))
    wanted = frozenset(number for number, digest in enumerate(items) if digest in whole)
    return Plan(tuple(sets), (*items.values(), *apart), members, units, len(apart), wanted)


def all_units(sets: Sequence[SetPlan], folds: int, seed: int) -> tuple[Units, ...]:
    """Return the units and folds of each set.

    Raises ImageSetError if all groups of a set would have the same fold.
    """
    if keys := group_keys(sets):
        return _units_of_groups(sets, keys, folds, seed)
    known: dict[str, int] = {}
    found: list[Units] = []
    for entry in sets:
        if entry.means_only and entry.follows is not None:
            found.append(found[entry.follows])
            continue
        given: dict[str, int] = {}
        # The folds of a set do not depend on other sets, with one exception: the regions and the rest of an image have
        # the same fold, unless that would leave the set with a single fold.
        digests = [item.digest for item in entry.items]
        annotated = [digest for digest, weights in zip(digests, entry.weights, strict=True) if weights is not None]
        if entry.folds is not None:
            given = dict(zip(digests, entry.folds, strict=True))
        else:
            given = {digest: known[digest] for digest in annotated if digest in known}
            if entry.follows is not None:
                other, joined = sets[entry.follows].items, found[entry.follows]
                other_folds = joined.folds[joined.of_image].tolist()
                given |= dict(zip((item.digest for item in other), other_folds, strict=True))
        units = set_units(digests, folds, seed, given)
        if entry.folds is None and np.ptp(units.folds) == 0:
            units = set_units(digests, folds, seed, {})
        found.append(units)
        if entry.folds is None:
            fold_of = dict(zip(digests, units.folds[units.of_image].tolist(), strict=True))
            known.update((digest, fold_of[digest]) for digest in annotated)
    return tuple(found)


def set_units(digests: Sequence[str], folds: int, seed: int, given: Mapping[str, int]) -> Units:
    """Return the units and folds of one set; `given` are folds that are already assigned."""
    rng = np.random.default_rng([seed, len(digests)])
    if len(digests) <= MOST_UNITS:
        given = {digest: given[digest] for digest in digests if digest in given}
        return Units(np.arange(len(digests)), assign_folds(digests, folds, rng, given))
    bundles = [int(digest[16:32], 16) % BUNDLES for digest in digests]
    usual = [bundle % folds for bundle in bundles]
    alone = {digest for digest, fold in zip(digests, usual, strict=True) if given.get(digest, fold) != fold}
    alone |= set(sorted(digests)[: max(ALONE - len(alone), 0)])
    numbers: dict[object, int] = {}
    of_image = [
        numbers.setdefault(digest if digest in alone else bundle, len(numbers))
        for digest, bundle in zip(digests, bundles, strict=True)
    ]
    unit_folds = np.zeros(len(numbers), dtype=np.int64)
    unit_folds[of_image] = [given.get(digest, fold) for digest, fold in zip(digests, usual, strict=True)]
    return Units(np.array(of_image), unit_folds)


def group_keys(sets: Sequence[SetPlan]) -> dict[str, str]:
    """Return a SHA-256 of the group of each image, by hash, for groups with several images in the sets."""
    digests: dict[str, set[str]] = {}
    for item in (item for entry in sets for item in entry.items if item.group is not None):
        digests.setdefault(str(item.group), set()).add(item.digest)
    return {
        digest: hashlib.sha256(f"group/{group}".encode()).hexdigest()
        for group, members in digests.items()
        if len(members) > 1
        for digest in members
    }


def _units_of_groups(sets: Sequence[SetPlan], keys: Mapping[str, str], folds: int, seed: int) -> tuple[Units, ...]:
    """Return the units and folds of each set if groups have several images. A group has one fold in all sets."""
    keys_of_sets = [[keys.get(item.digest, item.digest) for item in entry.items] for entry in sets]
    own = [
        number
        for number, entry in enumerate(sets)
        if entry.folds is None and not (entry.means_only and entry.follows is not None)
    ]
    rng = np.random.default_rng([seed, sum(len(keys_of_sets[number]) for number in own)])
    fold_of = common_folds([keys_of_sets[number] for number in own], folds, rng)
    found: list[Units] = []
    for entry, set_keys in zip(sets, keys_of_sets, strict=True):
        if entry.means_only and entry.follows is not None:
            found.append(found[entry.follows])
        elif entry.folds is not None:
            digests = [item.digest for item in entry.items]
            found.append(set_units(digests, folds, seed, dict(zip(digests, entry.folds, strict=True))))
        else:
            found.append(_units_of_keys(set_keys, fold_of, folds))
            if np.ptp(found[-1].folds) == 0:
                named = ", ".join(dict.fromkeys(item.group or item.name for item in entry.items[:3]))
                raise ImageSetError(
                    f"the groups of a set ({named}) are in other sets too, and {folds} folds cannot separate them; "
                    "give more folds, or images of other groups"
                )
    return tuple(found)


def _units_of_keys(keys: Sequence[str], fold_of: Mapping[str, int], folds: int) -> Units:
    """Return a unit for each key of a group or an image; in a large set, bundles of keys with the same fold."""
    distinct = list(dict.fromkeys(keys))
    alone = set(distinct if len(distinct) <= MOST_UNITS else sorted(distinct)[:ALONE])
    numbers: dict[object, int] = {}
    unit_of = {
        key: numbers.setdefault(
            key if key in alone else (int(key[16:32], 16) % max(BUNDLES // folds, 1), fold_of[key]),
            len(numbers),
        )
        for key in distinct
    }
    groups = np.bincount(list(unit_of.values()), minlength=len(numbers))
    unit_folds = np.zeros(len(numbers), dtype=np.int64)
    for key, unit in unit_of.items():
        unit_folds[unit] = fold_of[key]
    return Units(np.array([unit_of[key] for key in keys]), unit_folds, groups)
