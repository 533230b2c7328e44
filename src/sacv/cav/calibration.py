"""Which pictures calibrate the mask of presence, and what they reach; see `sacv.cav.presence`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray

from sacv.cav.hard_negatives import Problem, sharpened
from sacv.cav.inside import Counts
from sacv.cav.presence import GIVEN, HELD_OUT, NONE, POOL, Presence, negatives_of
from sacv.cav.projection import along
from sacv.cav.vector import CAV
from sacv.concepts import (
    ImageItem,
    ImageSet,
    Source,
    count_units,
    image_set,
    shared_images,
    with_groups,
    with_shared_groups,
    without_repeats,
)
from sacv.concepts.groups import Rule
from sacv.errors import ImageSetError
from sacv.model import Window

MOST_VALUES = 2**27
"""Values of activation kept until the CAVs are known, over all layers and pictures: 512 MiB in float32."""

MOST_HELD_OUT = 100
"""Random images or groups held out at most."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """Pictures that are used for nothing but the mask of presence.

    Parameters
    ----------
    kind
        Where they come from; see `Presence`.
    images
        The pictures.
    repeats
        Names of each one left out because it was given twice, and of that one.
    offered
        How many there were before some were left out for memory.
    """

    kind: str
    images: ImageSet
    repeats: tuple[tuple[str, str], ...] = ()
    offered: int = 0

    @property
    def groups(self) -> int:
        """Number of groups, a picture without one counting as one."""
        return count_units(self.images)

    def within(self, values: int) -> Calibration:
        """Keep as many as memory allows where each gives so many values of activation; which, their content decides."""
        keys = content_keys(self.images.items)
        order = sorted(zip(keys, (item.digest for item in self.images), strict=True))
        least = {digest for _, digest in order[: max(MOST_VALUES // max(values, 1), 1)]}
        kept = tuple(item for item in self.images if item.digest in least)
        return replace(self, images=replace(self.images, items=kept), offered=len(self.images))


def none() -> Calibration:
    """Give no pictures."""
    return Calibration(NONE, ImageSet("absent", ()))


def given(
    source: Source,
    others: Sequence[ImageSet],
    *,
    skip_unreadable: bool,
    window: Window | None = None,
    rule: Rule | None = None,
) -> Calibration:
    """Take pictures that the user says show none of the concepts.

    Raises
    ------
    ImageSetError
        If one stands in another set too, or has no group where there is a rule, or one that stands in another set.
    """
    if isinstance(source, Sequence) and not isinstance(source, str) and len(source) == 0:
        return none()
    images, repeats = without_repeats(image_set("absent", source, skip_unreadable=skip_unreadable, window=window))
    for other in others:
        if shared := shared_images(images, other):
            raise ImageSetError(
                f"the absent pictures and {other.name!r} share {shared}; what calibrates the mask of presence must "
                "stand in no other set: take them out of one of the two"
            )
    if rule is not None:
        images = replace(images, items=with_groups(images.items, rule))
    with_shared_groups([images.items])
    for other in others:
        groups = {item.group for item in other if item.group is not None}
        if shared_groups := sorted({item.group for item in images if item.group in groups}, key=str):
            raise ImageSetError(
                f"the absent pictures and {other.name!r} share {len(shared_groups)} groups "
                f"({', '.join(map(str, shared_groups[:3]))}); the mask of presence is calibrated for pictures of new "
                "groups: take these groups out of one of the two"
            )
    return Calibration(GIVEN, images, repeats)


def held_out(random: ImageSet, elsewhere: Set[str | None] = frozenset()) -> tuple[Calibration, ImageSet]:
    """Part the random images into those held out, if they are enough, and the rest; their content decides which.

    Groups are held out as a whole, and none of those that stand `elsewhere`.
    """
    count = count_units(random)
    if count < POOL:
        return none(), random
    legal = tuple(item for item in random if item.group is None or item.group not in elsewhere)
    chosen = _some(legal, min(MOST_HELD_OUT, count // 4))
    if not chosen:
        return none(), random
    apart = {item.digest for item in chosen}
    rest = tuple(item for item in random if item.digest not in apart)
    return Calibration(HELD_OUT, ImageSet("random", chosen)), replace(random, items=rest)


def _some(items: Sequence[ImageItem], count: int) -> tuple[ImageItem, ...]:
    """Give the items of so many groups, in their order: those whose hashes are least."""
    keys = content_keys(items)
    least = set(sorted(set(keys))[:count])
    return tuple(item for item, key in zip(items, keys, strict=True) if key in least)


def content_keys(items: Sequence[ImageItem]) -> list[str]:
    """Give what tells the groups apart, by their content: the least hash of their pictures."""
    least: dict[str, str] = {}
    for item in items:
        if item.group is not None:
            least[item.group] = min(least.get(item.group, item.digest), item.digest)
    return [item.digest if item.group is None else least[item.group] for item in items]


def calibrated(
    cavs: Sequence[CAV],
    calibration: Calibration,
    activations: Mapping[str, Sequence[NDArray[np.floating]]],
    grids: Mapping[str, tuple[int, ...]],
    problems: Mapping[tuple[str, str], Problem],
    inside: Mapping[str, Sequence[Counts]] | None = None,
) -> tuple[CAV, ...]:
    """Give the CAVs with what the pictures reach.

    Where there are enough, some give hard negatives and the others calibrate; which, their content decides. Groups do
    one or the other as a whole.

    Parameters
    ----------
    cavs
        The CAVs.
    calibration
        The pictures.
    activations
        By layer, for each picture `(locations, channels)`, as the CAVs read them.
    grids
        Of each layer.
    problems
        By layer and concept, what the detector was found from, where hard negatives can be added to it.
    inside
        By layer, bool `(locations,)` of each picture: the locations that count; all by default.

    Raises
    ------
    ImageSetError
        If a picture gives another number of locations than the grid has.
    SolverError
        If the solver finds no direction with the hard negatives.
    """
    items = calibration.images.items
    groups = calibration.groups
    least = {item.digest for item in _some(items, groups - negatives_of(groups))}
    calibrates = [item.digest in least for item in items]
    found = []
    for cav in cavs:
        pictures = activations.get(cav.layer, ())
        for item, cells in zip(calibration.images, pictures, strict=True):
            if len(cells) != prod(grids[cav.layer]):
                raise ImageSetError(
                    f"{item.name} gives {len(cells)} locations at layer {cav.layer!r}, and the concepts' images "
                    f"{prod(grids[cav.layer])}; what calibrates the mask of presence must be of the same size"
                )
        if inside is not None and pictures:
            pictures = [cells[counts] for cells, counts in zip(pictures, inside[cav.layer], strict=True)]
        problem = problems.get((cav.layer, cav.concept))
        hard = [cells for cells, calibrating in zip(pictures, calibrates, strict=True) if not calibrating]
        direction = sharpened(cav.detector, problem, hard) if problem is not None and hard else None
        if direction is None:
            maxima, shares = _reached(cav.detector, items, pictures)
            presence = Presence(maxima, calibration.kind, calibration.offered, shares=shares)
        else:
            rest = [
                pair
                for pair, calibrating in zip(zip(items, pictures, strict=True), calibrates, strict=True)
                if calibrating
            ]
            maxima, shares = _reached(direction, [item for item, _ in rest], [cells for _, cells in rest])
            presence = Presence(maxima, calibration.kind, calibration.offered, len(hard), direction, shares)
        found.append(replace(cav, presence=presence))
    return tuple(found)


def _reached(
    direction: NDArray[np.float64], items: Sequence[ImageItem], pictures: Sequence[NDArray[np.floating]]
) -> tuple[NDArray[np.float32], NDArray[np.float64] | None]:
    """Give the greatest evidence of each picture, ascending, and its share of its group, where groups have several."""
    found = np.array([_greatest(direction, cells) for cells in pictures], dtype=np.float32)
    order = np.argsort(found, kind="stable")
    keys = content_keys(items)
    counts = Counter(keys)
    if len(counts) == len(keys):
        return found[order], None
    return found[order], np.array([1 / counts[key] for key in keys])[order]


def _greatest(direction: NDArray[np.float64], cells: NDArray[np.floating]) -> float:
    return float(along(torch.from_numpy(cells)[None], [direction]).max())
