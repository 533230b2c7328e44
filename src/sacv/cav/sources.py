"""What `fit` is given: the images of each set, with masks where they are marked, read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sacv.cav.calibration import Calibration, given, held_out
from sacv.cav.sets import RANDOM
from sacv.concepts import (
    ImageItem,
    ImageSet,
    MarkedPhotos,
    MaskItem,
    Region,
    Source,
    agreeing,
    image_set,
    independent,
    region_set,
    require_disjoint,
    with_groups,
    without_repeats,
)
from sacv.concepts.groups import Rule
from sacv.errors import ImageSetError, OptionError
from sacv.model import Window


@dataclass(frozen=True, eq=False)
class FitSource:
    """Images of one set; if it is made of marked regions, a mask for each, the negatives and the masks of no photo."""

    concept: str | None
    images: ImageSet
    repeats: tuple[tuple[str, str], ...]
    masks: tuple[MaskItem, ...] | None = None
    negatives: tuple[ImageItem, ...] = ()
    unmatched: int = 0


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
    found = []
    for name, source in concepts.items():
        images, repeats = without_repeats(image_set(name, source, skip_unreadable=skip_unreadable, window=window))
        found.append(FitSource(name, images, repeats))
    for name, region in regions.items():
        found.append(_marked(name, region_set(name, region, skip_unreadable=skip_unreadable, window=window)))
    if isinstance(random, Sequence) and not isinstance(random, str) and len(random) == 0:
        if not (rest and regions):
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


def _marked(name: str, photos: MarkedPhotos) -> FitSource:
    images, repeats = without_repeats(photos.images)
    negatives, more = without_repeats(replace(photos.images, items=photos.negatives))
    by_item = {id(item): mask for item, mask in zip(photos.images, photos.masks, strict=True)}
    masks = tuple(by_item[id(item)] for item in images)
    return FitSource(name, images, repeats + more, masks, negatives.items, photos.unmatched)


def with_source_groups(sources: Sequence[FitSource], rule: Rule | None) -> list[FitSource]:
    """Give the sets, each image with its group where there are any, and check that no set is of one group alone."""
    flat = [items for entry in sources for items in (entry.images.items, entry.negatives)]
    if rule is not None:
        flat = [with_groups(items, rule) for items in flat]
    agreed = agreeing(flat)
    found = [
        replace(entry, images=replace(entry.images, items=items), negatives=negatives)
        for entry, items, negatives in zip(sources, agreed[::2], agreed[1::2], strict=True)
    ]
    for entry in found:
        require_groups(entry.images)
    return found


def require_groups(images: ImageSet) -> None:
    """Check that the images of a set, if there are any, are of two groups at least."""
    if len(images) > 1 and independent(images) == 1:
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
    """Give the sets without the pictures that are used for calibration alone, and these; `photos` are the context."""
    if absent is not None:
        others = [replace(entry.images, items=(*entry.images.items, *entry.negatives)) for entry in sources]
        others += [] if photos is None else [photos]
        return sources, given(absent, others, skip_unreadable=skip_unreadable, window=window, rule=rule)
    elsewhere = {item.group for entry in sources[:-1] for item in (*entry.images, *entry.negatives)}
    calibration, rest = held_out(sources[-1].images, elsewhere)
    return [*sources[:-1], replace(sources[-1], images=rest)], calibration
