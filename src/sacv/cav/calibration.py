"""Choose the images that calibrate the presence mask, and compute their maxima (`sacv.cav.presence`)."""

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
"""Maximum number of activation values in memory, over all layers and images: 512 MiB in float32."""

MOST_HELD_OUT = 100
"""Maximum number of random images or groups that are held out."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """Images that calibrate the presence mask and are used for nothing else."""

    kind: str
    """Source of the images; see `Presence`."""
    images: ImageSet
    repeats: tuple[tuple[str, str], ...] = ()
    """Name of each duplicate that was left out, and of the image that it repeats."""
    offered: int = 0
    """Number of images before the memory limit was applied."""

    @property
    def groups(self) -> int:
        """Number of groups. An image without a group counts as one."""
        return count_units(self.images)

    def within(self, values: int) -> Calibration:
        """Return the images that fit into memory, chosen by hash; `values` is the number of activations of one."""
        keys = content_keys(self.images.items)
        order = sorted(zip(keys, (item.digest for item in self.images), strict=True))
        least = {digest for _, digest in order[: max(MOST_VALUES // max(values, 1), 1)]}
        chosen = tuple(item for item in self.images if item.digest in least)
        return replace(self, images=replace(self.images, items=chosen), offered=len(self.images))


def none() -> Calibration:
    """Return a calibration without images."""
    return Calibration(NONE, ImageSet("absent", ()))


def given(
    source: Source,
    others: Sequence[ImageSet],
    *,
    skip_unreadable: bool,
    window: Window | None = None,
    rule: Rule | None = None,
) -> Calibration:
    """Read the absent images that the user gives."""
    if isinstance(source, Sequence) and not isinstance(source, str) and len(source) == 0:
        return none()
    images, repeats = without_repeats(image_set("absent", source, skip_unreadable=skip_unreadable, window=window))
    for other in others:
        if shared := shared_images(images, other):
            raise ImageSetError(
                f"the absent images and {other.name!r} share {shared}; images that calibrate the presence mask must "
                "be in no other set: remove them from one of the two"
            )
    if rule is not None:
        images = replace(images, items=with_groups(images.items, rule))
    with_shared_groups([images.items])
    for other in others:
        groups = {item.group for item in other if item.group is not None}
        if shared_groups := sorted({item.group for item in images if item.group in groups}, key=str):
            raise ImageSetError(
                f"the absent images and {other.name!r} share {len(shared_groups)} groups "
                f"({', '.join(map(str, shared_groups[:3]))}); the presence mask is calibrated for images of new "
                "groups: remove these groups from one of the two"
            )
    return Calibration(GIVEN, images, repeats)


def held_out(random: ImageSet, elsewhere: Set[str | None] = frozenset()) -> tuple[Calibration, ImageSet]:
    """Split the random images into a held-out part, chosen by hash, and the others. Small sets are not split.

    Groups are held out as a whole, except those in `elsewhere`.
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
    """Return the items of `count` groups, those with the smallest hashes, in their order."""
    keys = content_keys(items)
    least = set(sorted(set(keys))[:count])
    return tuple(item for item, key in zip(items, keys, strict=True) if key in least)


def content_keys(items: Sequence[ImageItem]) -> list[str]:
    """Return a key for each item that depends on content alone: the smallest hash of the images of its group."""
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
    """Return the CAVs with the calibration of their presence masks.

    If there are enough images, some give hard negatives and the others calibrate. The choice depends on the hashes;
    groups are never split.

    `activations` are, by layer, the preprocessed activations `(locations, channels)` of each image; `problems`, by
    layer and concept, what the detector is fitted with, for solvers that can use hard negatives; `inside`, by layer,
    bool `(locations,)` of each image, the locations inside the mask, all by default.
    """
    items = calibration.images.items
    groups = calibration.groups
    least = {item.digest for item in _some(items, groups - negatives_of(groups))}
    calibrates = [item.digest in least for item in items]
    found = []
    for cav in cavs:
        images = activations.get(cav.layer, ())
        for item, cells in zip(calibration.images, images, strict=True):
            if len(cells) != prod(grids[cav.layer]):
                raise ImageSetError(
                    f"{item.name} has {len(cells)} locations at layer {cav.layer!r}, but the concept images have "
                    f"{prod(grids[cav.layer])}; images that calibrate the presence mask must have the same size"
                )
        if inside is not None and images:
            images = [cells[counts] for cells, counts in zip(images, inside[cav.layer], strict=True)]
        problem = problems.get((cav.layer, cav.concept))
        hard = [cells for cells, calibrating in zip(images, calibrates, strict=True) if not calibrating]
        direction = sharpened(cav.detector, problem, hard) if problem is not None and hard else None
        if direction is None:
            maxima, shares = _maxima(cav.detector, items, images)
            presence = Presence(maxima, calibration.kind, calibration.offered, shares=shares)
        else:
            rest = [
                pair
                for pair, calibrating in zip(zip(items, images, strict=True), calibrates, strict=True)
                if calibrating
            ]
            maxima, shares = _maxima(direction, [item for item, _ in rest], [cells for _, cells in rest])
            presence = Presence(maxima, calibration.kind, calibration.offered, len(hard), direction, shares)
        found.append(replace(cav, presence=presence))
    return tuple(found)


def _maxima(
    direction: NDArray[np.float64], items: Sequence[ImageItem], images: Sequence[NDArray[np.floating]]
) -> tuple[NDArray[np.float32], NDArray[np.float64] | None]:
    """Return the greatest evidence of each image, ascending, and its share of its group if any group has several."""
    found = np.array([_greatest(direction, cells) for cells in images], dtype=np.float32)
    order = np.argsort(found, kind="stable")
    keys = content_keys(items)
    counts = Counter(keys)
    if len(counts) == len(keys):
        return found[order], None
    return found[order], np.array([1 / counts[key] for key in keys])[order]


def _greatest(direction: NDArray[np.float64], cells: NDArray[np.floating]) -> float:
    return float(along(torch.from_numpy(cells)[None], [direction]).max())
