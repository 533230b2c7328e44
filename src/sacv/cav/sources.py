"""What `fit` is given: the images of each set, with masks where they are marked, read and checked."""

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
    """Images of one set, and what is known of them.

    Parameters
    ----------
    concept
        What they show; none for the random set.
    images
        The images.
    repeats
        Names of each one left out because it was given twice, and of that one.
    masks
        A mask for each, if it is made of marked regions.
    negatives, unmatched
        Of marked regions: the photos that show nothing of the concept, and the number of masks of no photo.
    others
        Of a concept from a table: the random set of its own, if it is told from that.
    unused, missing
        Of a concept from a table: how many rows that do not show it are not used, and how many have no value.
    shares
        Where it is compared within strata: the weight of each of its images, and of each of the others.
    unpaired
        And how many of both were left out, for their stratum has only one of the two.
    """

    concept: str | None
    images: ImageSet
    repeats: tuple[tuple[str, str], ...]
    masks: tuple[MaskItem, ...] | None = None
    negatives: tuple[ImageItem, ...] = ()
    unmatched: int = 0
    others: tuple[ImageItem, ...] | None = None
    unused: int = 0
    missing: int | None = None
    shares: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    unpaired: int | None = None


def read_sources(
    concepts: Mapping[str, Source],
    random: Source,
    regions: Mapping[str, Region],
    rest: bool,
    skip_unreadable: bool,
    window: Window | None = None,
) -> list[FitSource]:
    """Read every set, the random one last, and check that each is large enough and none overlaps the random one."""
    if not concepts and not regions:
        raise OptionError("no concept is given; name one with its images (concepts={'striped': 'folder'})")
    both = sorted(set(concepts) & set(regions))
    if both:
        raise OptionError(f"concept {both[0]!r} is given with whole images and with marked regions; give one of them")
    for name in (*concepts, *regions):
        if not name.isprintable() or not name or "/" in name or name == RANDOM:
            raise OptionError(
                f"a concept cannot be named {name!r}; give a name of printable letters without '/', and not {RANDOM!r}"
            )
    bare = isinstance(random, Sequence) and not isinstance(random, str) and len(random) == 0
    found = []
    for name, source in concepts.items():
        if isinstance(source, Labelled):
            found.append(_labelled(name, source, own=bare))
            continue
        images, repeats = without_repeats(image_set(name, source, skip_unreadable=skip_unreadable, window=window))
        found.append(FitSource(name, images, repeats))
    for name, region in regions.items():
        found.append(_marked(name, region_set(name, region, skip_unreadable=skip_unreadable, window=window)))
    if bare:
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
                f"{entry.images.name} has {count} image ({entry.images.items[0].name}); at least 2 are needed to judge "
                "a vector on images that it was not fitted on, and 20 or more are advisable"
            )
    return found


def _labelled(name: str, source: Labelled, *, own: bool) -> FitSource:
    """Take a concept from a table, with the random set of its own or without.

    Raises
    ------
    ImageSetError
        If that has fewer than two pictures, or one of the concept's.
    """
    images, repeats = without_repeats(replace(source.images, name=name))
    if not own:
        return FitSource(name, images, repeats, unused=len(source.others), missing=source.missing)
    others, more = without_repeats(source.others)
    if shared := shared_images(images, others):
        raise ImageSetError(
            f"concept {name!r}: the table says of the same picture that it shows the concept and that it does not, "
            f"{shared}; correct one of the rows, or take one out"
        )
    if len(others) < 2:
        raise ImageSetError(
            f"concept {name!r} has a random set of {len(others)} image{'s' * (len(others) != 1)}: so many rows have "
            "another value; at least 2 are needed, so select more rows, or give random images"
        )
    skipped = (*images.skipped, *others.skipped)
    return FitSource(
        name, replace(images, skipped=skipped), repeats + more, others=others.items, missing=source.missing
    )


def _marked(name: str, photos: AnnotatedImages) -> FitSource:
    images, repeats = without_repeats(photos.images)
    negatives, more = without_repeats(replace(photos.images, items=photos.negatives))
    by_item = {id(item): mask for item, mask in zip(photos.images, photos.masks, strict=True)}
    masks = tuple(by_item[id(item)] for item in images)
    return FitSource(name, images, repeats + more, masks, negatives.items, photos.unmatched)


def with_source_groups(sources: Sequence[FitSource], rule: Rule | None) -> list[FitSource]:
    """Give the sets, each image with its group where there are any, and check that no set is of one group alone."""
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
    """Give the sets, each concept compared with its random set within strata (`sacv.cav.strata.match_weights`).

    A stratum is what the images have in all columns together. Images of a stratum that has one side only are left out.

    Raises
    ------
    OptionError
        If a concept has no random set of its own, or there are no strata.
    ImageSetError
        If fewer than two images of either side are left.
    """
    return [*(_within_strata(entry) for entry in sources[:-1]), *sources[-1:]]


def _within_strata(entry: FitSource) -> FitSource:
    name, others = entry.concept, entry.others
    if others is None:
        raise OptionError(
            f"concept {name!r} has no rows of a table as its random set, and match compares within strata of a table's "
            "columns; leave match out, or take the concept and its random set from a table"
        )
    if not all(item.strata for item in (*entry.images, *others)):
        raise OptionError(f"match compares concept {name!r} within strata, and none are given; name columns (--strata)")
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
            f"{len(left[1])} of the {len(sides[1])} others share a stratum with one of the other kind, and at least 2 "
            "are needed; name fewer or coarser columns, or leave match out"
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
    """Check that the images of a set, if there are any, are of two groups at least."""
    if len(images) > 1 and count_units(images) == 1:
        raise ImageSetError(
            f"{images.name} has {len(images)} images, all of group {images.items[0].group!r}; at least 2 groups are "
            "needed to judge a vector on images that it was not fitted on: give images of other groups"
        )


def hold_apart(
    sources: list[FitSource],
    photos: ImageSet | None,
    absent: Source | None,
    skip_unreadable: bool,
    window: Window | None = None,
    rule: Rule | None = None,
) -> tuple[list[FitSource], Calibration]:
    """Give the sets without the pictures that are used for calibration alone, and these; `photos` are the context.

    Raises
    ------
    OptionError
        If there is a context for concepts from a table that have random sets of their own.
    ImageSetError
        If a picture is used for calibration and for something else.
    """
    labelled = [entry.concept for entry in sources if entry.others is not None]
    if photos is not None and labelled:
        raise OptionError(
            f"a context is for textures that are told from random ones, and concept {labelled[0]!r} is told from other "
            "rows of its table; leave the context out, or give random images"
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
