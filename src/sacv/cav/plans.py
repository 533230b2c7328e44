"""Which locations of which images stand in which set: concepts, random images, and the random sets of single concepts.

A concept has a random set of its own, its *rest*, if it is marked on photos (what is not marked of them) or stands in a
table (the pictures of the rows that do not show it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from sacv.cav.membership import SetPlan
from sacv.cav.region_weights import Grids, Weights, covered, uncovered
from sacv.cav.sources import FitSource
from sacv.cav.within import Masked
from sacv.concepts import ImageItem, MaskItem, count_units
from sacv.errors import ImageSetError
from sacv.model import VisionModel

Float64 = NDArray[np.float64]


def plan_sets(
    model: VisionModel, grids: Grids, sources: Sequence[FitSource], rest: bool, masked: Masked | None = None
) -> tuple[list[SetPlan], dict[str, int]]:
    """Plan the sets, and give the place among them of the rest of each concept that has one.

    First come the sets of the sources, then the rests, then for each marked concept the random set as seen through its
    masks. Where no random images are given, the random set is the rest that no concept marks, and all pictures of
    tables. With `masked`, only what is inside counts in any of them.
    """
    plans: list[SetPlan] = []
    marked: dict[int, tuple[Weights, ...]] = {}
    for number, entry in enumerate(sources[:-1]):
        if entry.masks is None:
            plans.append(_whole(entry.images.items, entry.shares and entry.shares[0], grids, masked))
            continue
        weights = tuple(
            covered(model, grids, item, mask, _mask(masked, item))
            for item, mask in zip(entry.images, entry.masks, strict=True)
        )
        marked[number] = weights
        plans.append(_set_plan(entry.images.items, weights, masked))
    pool: list[tuple[ImageItem, Weights | None]] = [(item, None) for item in sources[-1].images]
    if not pool:
        pool = _pool(model, grids, sources, rest, masked)
    if len(pool) < 2:
        named = f" ({pool[0][0].name})" if pool else ""
        raise ImageSetError(
            f"random has {len(pool)} image{'s' * (len(pool) != 1)}{named}; at least 2 are needed to judge a vector on "
            "images that it was not fitted on: give a folder of images that do not show the concepts"
        )
    if count_units(item for item, _ in pool) < 2:
        raise ImageSetError(
            f"random has {len(pool)} images, all of group {pool[0][0].group!r}; at least 2 groups are needed to judge "
            "a vector on images that it was not fitted on: give images of other groups"
        )
    items, pool_weights = zip(*pool, strict=True)
    if not sources[-1].images.items and len(sources) == 2 and sources[0].shares is not None:
        plans.append(_whole(items, sources[0].shares[1], grids, masked))
    else:
        plans.append(_set_plan(items, pool_weights, masked))
    shown = [(item, plans[-1].cover(place)) for place, item in enumerate(items)]
    resting: dict[str, int] = {}
    for number, entry in enumerate(sources[:-1]):
        own = entry.others is not None or (rest and entry.masks is not None)
        if own and not sources[-1].images.items and len(sources) == 2:  # the random set is this rest
            resting[str(entry.concept)] = len(sources) - 1
        elif entry.others is not None:
            resting[str(entry.concept)] = len(plans)
            plans.append(_whole(entry.others, entry.shares and entry.shares[1], grids, masked))
        elif own:
            found = _rest(model, grids, sources, entry, masked)
            if count_units(item for item, _ in found) > 1:
                resting[str(entry.concept)] = len(plans)
                beside = _set_plan(tuple(item for item, _ in found), tuple(weights for _, weights in found), masked)
                plans.append(replace(beside, follows=number))
    for number, weights in marked.items():
        through = _seen_through([item.digest for item in sources[number].images], weights, shown)
        plans.append(SetPlan(items, through, means_only=True, follows=len(sources) - 1))
    return plans, resting


def _pool(
    model: VisionModel, grids: Grids, sources: Sequence[FitSource], rest: bool, masked: Masked | None
) -> list[tuple[ImageItem, Weights | None]]:
    """Give the random set of a fit without random images: of a single concept from a table, its own."""
    found = _rest(model, grids, sources, None, masked) if rest else []
    if len(sources) == 2 and sources[0].others is not None:
        return [(item, None) for item in sources[0].others]
    taken = {item.digest for item, _ in found}
    taken |= {item.digest for entry in sources if entry.others is None for item in entry.images}
    tables = {
        item.digest: item for entry in sources if entry.others is not None for item in (*entry.images, *entry.others)
    }
    return found + [(item, None) for digest, item in tables.items() if digest not in taken]


def whole_pictures(plans: Sequence[SetPlan]) -> dict[int, SetPlan]:
    """Plan the means of the pictures without their masks, by the number of each set of whole pictures."""
    return {
        number: SetPlan(entry.items, entry.weights, means_only=True, follows=number)
        for number, entry in enumerate(plans)
        if entry.inside and all(weights is None for weights in entry.weights)
    }


def _whole(
    items: tuple[ImageItem, ...], shares: Sequence[float] | None, grids: Grids, masked: Masked | None
) -> SetPlan:
    """Plan a set of whole pictures, each of which weighs as much as it should."""
    found = _set_plan(items, (None,) * len(items), masked)
    if shares is None:
        return found
    weights = []
    for place, share in enumerate(shares):
        cover = found.cover(place) or {layer: np.ones(prod(grid)) for layer, grid in grids.items()}
        weights.append({layer: share * counts for layer, counts in cover.items()})
    return replace(found, weights=tuple(weights))


def _set_plan(items: tuple[ImageItem, ...], weights: tuple[Weights | None, ...], masked: Masked | None) -> SetPlan:
    inside = () if masked is None else tuple(masked.weights[item.digest] for item in items)
    return SetPlan(items, weights, inside=inside)


def _mask(masked: Masked | None, item: ImageItem) -> MaskItem | None:
    return None if masked is None else masked.masks[item.digest]


def _seen_through(
    digests: Sequence[str], masks: Sequence[Weights], pool: Sequence[tuple[ImageItem, Mapping[str, Float64] | None]]
) -> tuple[Mapping[str, Float64], ...]:
    """Lay mask after mask on image after image of the random set.

    Of a marked photo in it only the rest counts, under the mask of another photo; all of the rest, if that is nothing.
    Likewise of an image that only part of counts.
    """
    found: list[Mapping[str, Float64]] = []
    for index, (item, rest) in enumerate(pool):
        place = index % len(masks)
        if rest is None:
            found.append(masks[place])
            continue
        if digests[place] == item.digest:
            place = (place + 1) % len(masks)
        both = {layer: share * masks[place][layer] for layer, share in rest.items()}
        found.append(both if all(share.any() for share in both.values()) else rest)
    return tuple(found)


def _rest(
    model: VisionModel,
    grids: Grids,
    sources: Sequence[FitSource],
    concept: FitSource | None,
    masked: Masked | None,
) -> list[tuple[ImageItem, Weights | None]]:
    """Give each photo of the regions once, with what is not marked on it: all of it, if it is marked nowhere.

    On the photos of `concept` it is what this concept does not mark, on others what no concept marks. A photo that is
    marked all over has no rest, nor, where the rest is the random set of all, has one that is another concept's as a
    whole. Those that are random images count as these.
    """
    own = {item.digest for item in concept.images} if concept is not None else set()
    whole = (
        {item.digest for entry in sources if entry.masks is None and entry.others is None for item in entry.images}
        if concept is None
        else set()
    )
    items: dict[str, ImageItem] = {}
    masks: dict[str, list[MaskItem]] = {}
    for entry in sources:
        for item, mask in zip(entry.images, entry.masks or (), strict=False):
            if item.digest not in whole and (item.digest not in own or entry is concept):
                items.setdefault(item.digest, item)
                masks.setdefault(item.digest, []).append(mask)
    found = [
        (item, uncovered(model, grids, item, masks[digest], _mask(masked, item))) for digest, item in items.items()
    ]
    negatives = {item.digest: item for entry in sources for item in entry.negatives}
    known = {item.digest for item in sources[-1].images}
    unmarked = [item for digest, item in negatives.items() if digest not in whole | masks.keys() | known]
    return [(item, weights) for item, weights in found if weights is not None] + [(item, None) for item in unmarked]
