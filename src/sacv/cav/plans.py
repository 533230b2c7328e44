"""Plan the sets of a fit: concepts, random images, and rests, with the locations of each image.

The *rest* is the random set of a single concept: of a concept with regions, the area outside them; of a concept from a
table, the images of the other rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod

import numpy as np

from sacv.cav.membership import SetPlan
from sacv.cav.region_weights import Grids, Weights, covered, uncovered
from sacv.cav.sources import FitSource
from sacv.cav.within import Masked
from sacv.concepts import ImageItem, MaskItem, count_units
from sacv.errors import ImageSetError
from sacv.model import VisionModel
from sacv.stats import Float64


def plan_sets(
    model: VisionModel, grids: Grids, sources: Sequence[FitSource], rest: bool, masked: Masked | None = None
) -> tuple[list[SetPlan], dict[str, int]]:
    """Plan the sets, and return them with the index of the rest of each concept that has one.

    The order is: the sets of the sources, the rests, and for each concept with regions the random images under its
    masks. Without random images, the random set consists of the area outside all regions and of all images of tables.
    With `masked`, only locations inside the masks count.
    """
    plans: list[SetPlan] = []
    annotated: dict[int, tuple[Weights, ...]] = {}
    for number, entry in enumerate(sources[:-1]):
        if entry.masks is None:
            plans.append(_whole(entry.images.items, entry.shares and entry.shares[0], grids, masked))
            continue
        weights = tuple(
            covered(model, grids, item, mask, _mask(masked, item))
            for item, mask in zip(entry.images, entry.masks, strict=True)
        )
        annotated[number] = weights
        plans.append(_set_plan(entry.images.items, weights, masked))
    pool: list[tuple[ImageItem, Weights | None]] = [(item, None) for item in sources[-1].images]
    if not pool:
        pool = _pool(model, grids, sources, rest, masked)
    if len(pool) < 2:
        named = f" ({pool[0][0].name})" if pool else ""
        raise ImageSetError(
            f"random has {len(pool)} image{'s' * (len(pool) != 1)}{named}; at least 2 are needed for held-out figures: "
            "give a folder of images that do not show the concepts"
        )
    if count_units(item for item, _ in pool) < 2:
        raise ImageSetError(
            f"random has {len(pool)} images, all of group {pool[0][0].group!r}; at least 2 groups are needed for "
            "held-out figures: give images of other groups"
        )
    items, pool_weights = zip(*pool, strict=True)
    if not sources[-1].images.items and len(sources) == 2 and sources[0].shares is not None:
        plans.append(_whole(items, sources[0].shares[1], grids, masked))
    else:
        plans.append(_set_plan(items, pool_weights, masked))
    shown = [(item, plans[-1].cover(index)) for index, item in enumerate(items)]
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
                outside = _set_plan(tuple(item for item, _ in found), tuple(weights for _, weights in found), masked)
                plans.append(replace(outside, follows=number))
    for number, weights in annotated.items():
        through = _seen_through([item.digest for item in sources[number].images], weights, shown)
        plans.append(SetPlan(items, through, means_only=True, follows=len(sources) - 1))
    return plans, resting


def _pool(
    model: VisionModel, grids: Grids, sources: Sequence[FitSource], rest: bool, masked: Masked | None
) -> list[tuple[ImageItem, Weights | None]]:
    """Return the random set of a fit without random images. For a single concept from a table, it is its rest."""
    found = _rest(model, grids, sources, None, masked) if rest else []
    if len(sources) == 2 and sources[0].others is not None:
        return [(item, None) for item in sources[0].others]
    taken = {item.digest for item, _ in found}
    taken |= {item.digest for entry in sources if entry.others is None for item in entry.images}
    tables = {
        item.digest: item for entry in sources if entry.others is not None for item in (*entry.images, *entry.others)
    }
    return found + [(item, None) for digest, item in tables.items() if digest not in taken]


def whole_images(plans: Sequence[SetPlan]) -> dict[int, SetPlan]:
    """Plan the means of the images without their masks, by the index of each set of whole images."""
    return {
        number: SetPlan(entry.items, entry.weights, means_only=True, follows=number)
        for number, entry in enumerate(plans)
        if entry.inside and all(weights is None for weights in entry.weights)
    }


def _whole(
    items: tuple[ImageItem, ...], shares: Sequence[float] | None, grids: Grids, masked: Masked | None
) -> SetPlan:
    """Plan a set of whole images with the weights `shares`."""
    found = _set_plan(items, (None,) * len(items), masked)
    if shares is None:
        return found
    weights = []
    for index, share in enumerate(shares):
        cover = found.cover(index) or {layer: np.ones(prod(grid)) for layer, grid in grids.items()}
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
    """Assign the masks of a concept to the random images in turn, and return the weights under them.

    Of an annotated image in the random set only the rest counts, under the mask of another image; all of the rest, if
    the product is 0. The same holds for an image with weights.
    """
    found: list[Mapping[str, Float64]] = []
    for index, (item, rest) in enumerate(pool):
        chosen = index % len(masks)
        if rest is None:
            found.append(masks[chosen])
            continue
        if digests[chosen] == item.digest:
            chosen = (chosen + 1) % len(masks)
        both = {layer: share * masks[chosen][layer] for layer, share in rest.items()}
        found.append(both if all(share.any() for share in both.values()) else rest)
    return tuple(found)


def _rest(
    model: VisionModel,
    grids: Grids,
    sources: Sequence[FitSource],
    concept: FitSource | None,
    masked: Masked | None,
) -> list[tuple[ImageItem, Weights | None]]:
    """Return each annotated image once, with the weights of its rest; None for images without regions.

    On the images of `concept` the rest is outside its regions, on other images outside all regions. An image that is
    covered by regions has no rest. If `concept` is None, neither has an image that is a whole image of another concept.
    Random images are left out.
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
    without = [item for digest, item in negatives.items() if digest not in whole | masks.keys() | known]
    return [(item, weights) for item, weights in found if weights is not None] + [(item, None) for item in without]
