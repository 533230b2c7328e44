"""Which images stand in which sets, and in which fold and unit of each.

What is known of single images is bounded: of a set of more than `MOST_UNITS` images some stand alone, and the others
are joined to bundles. An image alone or a bundle is a *unit*; means, samples and folds are of units. The content of an
image decides which it belongs to, so that a photo has the same fold in all large sets.

Where several images are of one group, such as a patient, the group stands in the place of the image: a unit is a group
or, of a set of more than `MOST_UNITS` groups, a bundle of them; and a group has the same fold in every set.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from sacv.concepts import ImageItem
from sacv.errors import ImageSetError
from sacv.stats import assign_folds, common_folds

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

MOST_UNITS = 1024
"""Images or groups of a set that may all stand alone."""

ALONE = 512
"""Images of a larger set that stand alone; random sets as small as a concept's are drawn from them."""

BUNDLES = 512
"""Bundles of its other images."""


@dataclass(frozen=True, eq=False)
class SetPlan:
    """A set of images to gather.

    Parameters
    ----------
    items
        The images.
    weights
        For each image, by layer: float64 `(locations,)`, how much of each location shows what the set shows; none
        where the whole image does.
    means_only
        Only the means are wanted.
    follows
        Number of an earlier set whose photos have the same folds here, and, with `means_only`, the same units.
    folds
        The fold of each image, where it is not to be drawn.
    inside
        Where the fit is within masks: for each image, by layer, float64 `(locations,)`, how much of each location is
        inside. What `weights` gives is inside already.
    """

    items: tuple[ImageItem, ...]
    weights: tuple[Mapping[str, Float64] | None, ...]
    means_only: bool = False
    follows: int | None = None
    folds: tuple[int, ...] | None = None
    inside: tuple[Mapping[str, Float64], ...] = ()

    def cover(self, image: int) -> Mapping[str, Float64] | None:
        """Give how much of each location of an image counts, by layer; none where all of it does."""
        marked = self.weights[image]
        return self.inside[image] if marked is None and self.inside else marked


class Member(NamedTuple):
    """The place of an image in a set: which set, which of its images, which unit, which fold."""

    set: int
    image: int
    unit: int
    fold: int


@dataclass(frozen=True, eq=False)
class Units:
    """How the images of a set are joined.

    Parameters
    ----------
    of_image
        Int `(images,)`: the unit of each image.
    folds
        Int `(units,)`: the fold of each unit.
    groups
        Int `(units,)`: number of groups of each unit, an image without a group counting as one; none where each image
        is a group by itself.
    """

    of_image: Int64
    folds: Int64
    groups: Int64 | None = None

    @classmethod
    def alone(cls, images: int) -> Units:
        """Give units of one image each, all in one fold."""
        return cls(np.arange(images), np.zeros(images, dtype=np.int64))

    @cached_property
    def images(self) -> Int64:
        """Number of images of each unit, `(units,)`."""
        return np.bincount(self.of_image, minlength=len(self.folds))

    @property
    def sizes(self) -> Int64:
        """Number of independent things of each unit, groups or else images, `(units,)`."""
        return self.images if self.groups is None else self.groups

    @property
    def firsts(self) -> Int64:
        """The first image of each unit, `(units,)`."""
        return np.unique(self.of_image, return_index=True)[1]


@dataclass(frozen=True, eq=False)
class Members(Sequence[tuple[Member, ...]]):
    """The places of every image, in a few bytes each.

    Parameters
    ----------
    units
        Of each set.
    starts
        Int `(images + 1,)`: where each image's places begin.
    sets, images
        Int `(places,)`: which set, and which of its images.
    """

    units: Sequence[Units]
    starts: NDArray[np.int32]
    sets: NDArray[np.int32]
    images: NDArray[np.int32]

    @classmethod
    def of(cls, units: Sequence[Units], places: Mapping[str, Sequence[tuple[int, int]]], others: int) -> Members:
        """Take lists of places, and a number of images that have none."""
        counts = [*(len(its) for its in places.values()), *[0] * others]
        flat = np.array([place for its in places.values() for place in its], dtype=np.int32).reshape(-1, 2)
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
        places = slice(self.starts[item], self.starts[item + 1])
        found = []
        for number, image in zip(self.sets[places].tolist(), self.images[places].tolist(), strict=True):
            unit = int(self.units[number].of_image[image])
            found.append(Member(number, image, unit, int(self.units[number].folds[unit])))
        return tuple(found)


@dataclass(frozen=True)
class Plan:
    """Each image once, with its place in every set.

    Parameters
    ----------
    sets
        The sets.
    items
        Each image once; first those of the sets.
    members
        Of each image.
    units
        Of each set.
    kept
        How many of the items, the last ones, stand in no set: their activations are kept whole.
    """

    sets: tuple[SetPlan, ...]
    items: tuple[ImageItem, ...]
    members: Members
    units: tuple[Units, ...]
    kept: int = 0


def plan(sets: Sequence[SetPlan], folds: int, seed: int, kept: Sequence[ImageItem] = ()) -> Plan:
    """Assign folds and list each image once, fold by fold, so that a batch has few of them; then those of no set."""
    units = all_units(sets, folds, seed)
    items: dict[str, ImageItem] = {}
    places: dict[str, list[tuple[int, int]]] = {}
    for number, (entry, its) in enumerate(zip(sets, units, strict=True)):
        for index in np.argsort(its.folds[its.of_image], kind="stable").tolist():
            item = entry.items[index]
            items.setdefault(item.digest, item)
            places.setdefault(item.digest, []).append((number, index))
    members = Members.of(units, places, len(kept))
    return Plan(tuple(sets), (*items.values(), *kept), members, units, len(kept))


def all_units(sets: Sequence[SetPlan], folds: int, seed: int) -> tuple[Units, ...]:
    """Give the units of each set, with their folds.

    Raises
    ------
    ImageSetError
        If the groups of a set have to fall in one fold.
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
        # A set's folds depend on no other set; but what is marked of a photo and what is not stay together, unless
        # that would leave the set in one fold.
        digests = [item.digest for item in entry.items]
        marked = [digest for digest, weights in zip(digests, entry.weights, strict=True) if weights is not None]
        if entry.folds is not None:
            given = dict(zip(digests, entry.folds, strict=True))
        else:
            given = {digest: known[digest] for digest in marked if digest in known}
            if entry.follows is not None:
                other, its = sets[entry.follows].items, found[entry.follows]
                given |= dict(zip((item.digest for item in other), its.folds[its.of_image].tolist(), strict=True))
        units = set_units(digests, folds, seed, given)
        if entry.folds is None and np.ptp(units.folds) == 0:
            units = set_units(digests, folds, seed, {})
        found.append(units)
        if entry.folds is None:
            fold_of = dict(zip(digests, units.folds[units.of_image].tolist(), strict=True))
            known.update((digest, fold_of[digest]) for digest in marked)
    return tuple(found)


def set_units(digests: Sequence[str], folds: int, seed: int, given: Mapping[str, int]) -> Units:
    """Give the units of one set and their folds; `given` are the folds that images must have."""
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
    """Give, by the SHA-256 of each image whose group has others in any of the sets, one of the group."""
    digests: dict[str, set[str]] = {}
    for item in (item for entry in sets for item in entry.items if item.group is not None):
        digests.setdefault(str(item.group), set()).add(item.digest)
    return {
        digest: hashlib.sha256(f"group/{group}".encode()).hexdigest()
        for group, its in digests.items()
        if len(its) > 1
        for digest in its
    }


def _units_of_groups(sets: Sequence[SetPlan], keys: Mapping[str, str], folds: int, seed: int) -> tuple[Units, ...]:
    """Give the units of each set where several images are of one group; what stands in several sets has one fold."""
    things = [[keys.get(item.digest, item.digest) for item in entry.items] for entry in sets]
    own = [
        number
        for number, entry in enumerate(sets)
        if entry.folds is None and not (entry.means_only and entry.follows is not None)
    ]
    rng = np.random.default_rng([seed, sum(len(things[number]) for number in own)])
    fold_of = common_folds([things[number] for number in own], folds, rng)
    found: list[Units] = []
    for entry, its in zip(sets, things, strict=True):
        if entry.means_only and entry.follows is not None:
            found.append(found[entry.follows])
        elif entry.folds is not None:
            digests = [item.digest for item in entry.items]
            found.append(set_units(digests, folds, seed, dict(zip(digests, entry.folds, strict=True))))
        else:
            found.append(_units_of_things(its, fold_of, folds))
            if np.ptp(found[-1].folds) == 0:
                named = ", ".join(dict.fromkeys(item.group or item.name for item in entry.items[:3]))
                raise ImageSetError(
                    f"the groups of a set ({named}) stand in other sets too, and {folds} folds cannot part all of "
                    "them; give more folds, or images of other groups"
                )
    return tuple(found)


def _units_of_things(things: Sequence[str], fold_of: Mapping[str, int], folds: int) -> Units:
    """Give a unit for each thing, a group or an image; of very many, bundles of those of one fold."""
    distinct = list(dict.fromkeys(things))
    alone = set(distinct if len(distinct) <= MOST_UNITS else sorted(distinct)[:ALONE])
    numbers: dict[object, int] = {}
    unit_of = {
        thing: numbers.setdefault(
            thing if thing in alone else (int(thing[16:32], 16) % max(BUNDLES // folds, 1), fold_of[thing]),
            len(numbers),
        )
        for thing in distinct
    }
    groups = np.bincount(list(unit_of.values()), minlength=len(numbers))
    unit_folds = np.zeros(len(numbers), dtype=np.int64)
    for thing, unit in unit_of.items():
        unit_folds[unit] = fold_of[thing]
    return Units(np.array([unit_of[thing] for thing in things]), unit_folds, groups)
