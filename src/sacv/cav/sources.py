"""Read and check the images that `fit` is given."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sacv.cav.calibration import Calibration, given, held_out
from sacv.cav.sets import RANDOM
from sacv.cav.strata import match_weights
from sacv.concepts import (
    AnnotatedImages,
    ImageItem,
    ImageSet,
    Labelled,
    MaskItem,
    Region,
    Source,
    count_units,
    image_set,
    region_set,
    require_disjoint,
    shared_images,
    with_groups,
    with_shared_groups,
    without_repeats,
)
from sacv.concepts.groups import Rule
from sacv.errors import ImageSetError, OptionError
from sacv.model import Window


@dataclass(frozen=True, eq=False)
class FitSource:
    """The images of one set."""

    concept: str | None
    """The concept; None for the random set."""
    images: ImageSet
    repeats: tuple[tuple[str, str], ...]
    """Name of each duplicate that was left out, and of the image that it repeats."""
    masks: tuple[MaskItem, ...] | None = None
    """For a concept with regions: the mask of each image."""
    negatives: tuple[ImageItem, ...] = ()
    unmatched: int = 0
    """For a concept with regions: the images without the concept, and the number of masks without an image."""
    others: tuple[ImageItem, ...] | None = None
    """For a concept from a table: its rest, unless random images are given."""
    unused: int = 0
    missing: int | None = None
    """For a concept from a table: the number of rows without the concept that are not used, and of rows without a
    value."""
    shares: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    """For a comparison within strata: the weight of each image of the concept, and of each image of the rest."""
    unpaired: int | None = None
    """For a comparison within strata: the number of images that were left out, because their stratum has only one of
    the two sets."""


def read_sources(
    concepts: Mapping[str, Source],
    random: Source,
    regions: Mapping[str, Region],
    rest: bool,
    skip_unreadable: bool,
    window: Window | None = None,
) -> list[FitSource]:
    """Read all sets, the random set last. Check that each is large enough and shares no image with the random set."""
    if not concepts and not regions:
        raise OptionError("no concept is given; name a concept and its images (concepts={'striped': 'folder'})")
    both = sorted(set(concepts) & set(regions))
    if both:
        raise OptionError(f"concept {both[0]!r} is given with whole images and with regions; give one of the two")
    for name in (*concepts, *regions):
        if not name.isprintable() or not name or "/" in name or name == RANDOM:
            raise OptionError(
                f"a concept cannot be named {name!r}; give a name of printable letters without '/', and not {RANDOM!r}"
            )
    no_random = isinstance(random, Sequence) and not isinstance(random, str) and len(random) == 0
    found = []
    for name, source in concepts.items():
        if isinstance(source, Labelled):
            found.append(_labelled(name, source, own=no_random))
            continue
        images, repeats = without_repeats(image_set(name, source, skip_unreadable=skip_unreadable, window=window))
        found.append(FitSource(name, images, repeats))
    for name, region in regions.items():
        found.append(_annotated(name, region_set(name, region, skip_unreadable=skip_unreadable, window=window)))
    if no_random:
        if not (rest and regions) and all(entry.others is None for entry in found):
            raise OptionError("no random images are given; give a folder of images that do not show the concepts")
        found.append(FitSource(None, ImageSet("random", ()), ()))
    else:
        images, repeats = without_repeats(image_set("random", random, skip_unreadable=skip_unreadable, window=window))
        found.append(FitSource(None, images, repeats))
    for entry in found[:-1]:
        require_disjoint(entry.images, found[-1].images)
    for entry in found[:-1]:
        count = len(entry.images)
        if count < 2:
            raise ImageSetError(
                f"{entry.images.name} has {count} image ({entry.images.items[0].name}); at least 2 are needed for "
                "held-out figures, and 20 or more are advisable"
            )
    return found


def _labelled(name: str, source: Labelled, *, own: bool) -> FitSource:
    """Return the set of a concept from a table, with its rest if `own` is True."""
    images, repeats = without_repeats(replace(source.images, name=name))
    if not own:
        return FitSource(name, images, repeats, unused=len(source.others), missing=source.missing)
    others, more = without_repeats(source.others)
    if shared := shared_images(images, others):
        raise ImageSetError(
            f"concept {name!r}: two rows of the table disagree whether the same image shows the concept, {shared}; "
            "correct or remove one of the rows"
        )
    if len(others) < 2:
        raise ImageSetError(
            f"concept {name!r} has a random set of {len(others)} image{'s' * (len(others) != 1)}, from the rows with "
            "another value; at least 2 are needed: select more rows, or give random images"
        )
    skipped = (*images.skipped, *others.skipped)
    return FitSource(
        name, replace(images, skipped=skipped), repeats + more, others=others.items, missing=source.missing
    )


def _annotated(name: str, photos: AnnotatedImages) -> FitSource:
    images, repeats = without_repeats(photos.images)
    negatives, more = without_repeats(replace(photos.images, items=photos.negatives))
    by_item = {id(item): mask for item, mask in zip(photos.images, photos.masks, strict=True)}
    masks = tuple(by_item[id(item)] for item in images)
    return FitSource(name, images, repeats + more, masks, negatives.items, photos.unmatched)


def with_source_groups(sources: Sequence[FitSource], rule: Rule | None) -> list[FitSource]:
    """Return the sets with the group of each image, and check that each set has at least two groups."""
    flat = [items for entry in sources for items in (entry.images.items, entry.negatives, entry.others or ())]
    if rule is not None:
        flat = [with_groups(items, rule) for items in flat]
    agreed = with_shared_groups(flat)
    found = [
        replace(
            entry,
            images=replace(entry.images, items=items),
            negatives=negatives,
            others=None if entry.others is None else others,
        )
        for entry, items, negatives, others in zip(sources, agreed[::3], agreed[1::3], agreed[2::3], strict=True)
    ]
    for entry in found:
        require_groups(entry.images)
        require_groups(ImageSet(f"the random set of {entry.images.name}", entry.others or ()))
    return found


def within_strata(sources: Sequence[FitSource]) -> list[FitSource]:
    """Return the sets with weights that match each concept and its rest (`sacv.cav.strata.match_weights`).

    A stratum is a combination of values of all columns. Images of a stratum with only one of the two sets are left out.
    """
    return [*(_within_strata(entry) for entry in sources[:-1]), *sources[-1:]]


def _within_strata(entry: FitSource) -> FitSource:
    name, others = entry.concept, entry.others
    if others is None:
        raise OptionError(
            f"match needs strata, which are columns of a table, but the random set of concept {name!r} is not from a "
            "table; leave match out, or give the concept and its random set by a table"
        )
    if not all(item.strata for item in (*entry.images, *others)):
        raise OptionError(f"match needs strata for concept {name!r}, and none are given; name columns (--strata)")
    sides = (entry.images.items, others)
    values = [[json.dumps(dict(item.strata), sort_keys=True) for item in side] for side in sides]
    weights = match_weights(*values)
    left = [
        [(item, float(weight)) for item, weight in zip(side, shares, strict=True) if weight]
        for side, shares in zip(sides, weights, strict=True)
    ]
    if min(map(len, left)) < 2:
        raise ImageSetError(
            f"concept {name!r} cannot be compared within strata: {len(left[0])} of its {len(sides[0])} images and "
            f"{len(left[1])} of the {len(sides[1])} other images are in a stratum with images of both kinds, and at "
            "least 2 of each are needed; name fewer or coarser columns, or leave match out"
        )
    (images, mine), (rest, theirs) = (zip(*side, strict=True) for side in left)
    return replace(
        entry,
        images=replace(entry.images, items=images),
        others=rest,
        shares=(mine, theirs),
        unpaired=sum(map(len, sides)) - sum(map(len, left)),
    )


def require_groups(images: ImageSet) -> None:
    """Check that the images of a set, if there are any, have at least two groups."""
    if len(images) > 1 and count_units(images) == 1:
        raise ImageSetError(
            f"{images.name} has {len(images)} images, all of group {images.items[0].group!r}; at least 2 groups are "
            "needed for held-out figures: give images of other groups"
        )


def hold_out(
    sources: list[FitSource],
    photos: ImageSet | None,
    absent: Source | None,
    skip_unreadable: bool,
    window: Window | None = None,
    rule: Rule | None = None,
) -> tuple[list[FitSource], Calibration]:
    """Return the sets without the images that are held out for calibration, and the calibration.

    `photos` are the context photos.
    """
    labelled = [entry.concept for entry in sources if entry.others is not None]
    if photos is not None and labelled:
        raise OptionError(
            f"context needs random images, but concept {labelled[0]!r} is contrasted with other rows of its table; "
            "leave the context out, or give random images"
        )
    if absent is not None:
        others = [
            replace(entry.images, items=(*entry.images.items, *entry.negatives, *(entry.others or ())))
            for entry in sources
        ]
        others += [] if photos is None else [photos]
        return sources, given(absent, others, skip_unreadable=skip_unreadable, window=window, rule=rule)
    elsewhere = {
        item.group for entry in sources[:-1] for item in (*entry.images, *entry.negatives, *(entry.others or ()))
    }
    calibration, rest = held_out(sources[-1].images, elsewhere)
    return [*sources[:-1], replace(sources[-1], images=rest)], calibration
