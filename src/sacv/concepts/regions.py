"""Concepts from marked regions of the user's own photos: images, and for each a mask of what shows the concept.

Here it is settled which mask belongs to which image: by order for arrays, by name for files. What a mask is stands in
`masks`; how one is drawn from a COCO file, in `coco`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np

from sacv.concepts.coco import coco_masks, coco_rule, file_name, split_category
from sacv.concepts.decoding import check_picture, legible
from sacv.concepts.image_set import ImageSet, Source, image_set
from sacv.concepts.item import ImageItem, Skipped
from sacv.concepts.masks import Candidate, Mask, MaskItem, brightness, mask_from_array, mask_from_file, nothing
from sacv.concepts.sources.paths import own_path
from sacv.errors import ImageSetError, UnreadableImageError
from sacv.model.window import Window


@dataclass(frozen=True, eq=False)
class Region:
    """What the user gives for a concept that is marked on photos.

    Parameters
    ----------
    images
        Whatever `image_set` takes: a folder, files, pictures, arrays, tensors.
    masks
        What of each image shows the concept. Any of these:

        - A folder, searched to its depths, with one mask file for each photo, of the same file name without its
          ending (`cat.jpg`, `cat.png`). Any picture format; inside is what has a luminance above 127 of 255, so that
          1-bit masks are taken as they are, palettes by their colours and 16-bit values scaled; alpha is ignored.
          EXIF orientation is honoured, as for photos. Masks without a photo are ignored and counted.
        - One such mask file, for a single image.
        - A COCO file `.json`: `images` with `id` and `file_name`, matched by file name without folders; `annotations`
          with `image_id` and `segmentation` (polygons, or run lengths whose `counts` are a list or compressed text) or
          else `bbox`. Several on one image are united. `file.json:CATEGORY` takes only the annotations of the category
          of that name. Entries without a photo are ignored and counted.
        - A list with a mask for each image, in the order of the images: bool arrays `(height, width)`, and paths of
          mask files as above, whatever they are called.

        Masks have the size of the upright photo, or of the tensor. A mask that is black or false all over, and an
        entry of a COCO file without an annotation, say that the photo is a negative: it shows nothing of the concept.
        A mask that covers everything is allowed and makes its image one of an ordinary concept.
    unmasked_negative
        Take photos without a mask file, and those that the COCO file does not list, for negatives too; otherwise they
        are an error. It remains one where mask files are left over as well: their names may be meant for these photos.
    """

    images: Source
    masks: str | Path | Sequence[Mask | str | Path] | Mask
    unmasked_negative: bool = False


@dataclass(frozen=True)
class MarkedPhotos:
    """What a region gives.

    Parameters
    ----------
    images
        The photos that show the concept, and all files that could not be read.
    masks
        One for each, in the same order. They become pixels when they are loaded.
    negatives
        The photos that show nothing of the concept.
    unmatched
        How many masks, or entries of a COCO file, have no photo here and were ignored.
    """

    images: ImageSet
    masks: tuple[MaskItem, ...]
    negatives: tuple[ImageItem, ...] = ()
    unmatched: int = 0


def region_set(
    name: str, region: Region, *, skip_unreadable: bool = False, window: Window | None = None
) -> MarkedPhotos:
    """Gather images and their masks.

    Parameters
    ----------
    name
        For people.
    region
        The images and the masks.
    skip_unreadable
        Leave out files that cannot be read, photos and masks, and the photos whose mask cannot be read; all are listed
        in `skipped` of the set.
    window
        As in `image_set`, for the images.

    Raises
    ------
    ImageSetError
        If an image has no mask (but see `Region.unmasked_negative`), two masks claim one image, also where it is given
        twice, no image is marked, or masks are of a form not known.
    UnreadableImageError
        If files cannot be read.
    """
    images, masks, unmatched = _matched(
        image_set(name, region.images, skip_unreadable=skip_unreadable, window=window), region, skip_unreadable
    )
    _require_marked_once(images, masks)
    marked = tuple(item for item, mask in zip(images, masks, strict=True) if not mask.empty)
    if not marked:
        by = f" by {region.masks}" if isinstance(region.masks, str | Path) else ""
        raise ImageSetError(
            f"{name}: none of the {len(images)} photos is marked{by}; mark the concept on some, or check that "
            "these are the masks, and the category, of these photos"
        )
    return MarkedPhotos(
        replace(images, items=marked),
        tuple(mask for mask in masks if not mask.empty),
        tuple(item for item, mask in zip(images, masks, strict=True) if mask.empty),
        unmatched,
    )


# Which mask belongs to which image

_Matched: TypeAlias = tuple[ImageSet, tuple[MaskItem, ...], int]
"""The images, a mask for each, and how many masks have no image."""


def _matched(images: ImageSet, region: Region, skip_unreadable: bool) -> _Matched:
    if not isinstance(region.masks, str | Path):
        return _from_list(images, region.masks, region, skip_unreadable)
    path, category = split_category(region.masks)
    if path.is_dir():
        return _from_folder(images, path, region, skip_unreadable)
    if not path.is_file():
        raise ImageSetError(f"{images.name}: there is no file or folder {path} of masks")
    if path.suffix.lower() == ".json":
        matching = _Matching(file_name, coco_rule(path, category), lists_more=True)
        return images, *_pair(images, coco_masks(path, category), matching, region.unmasked_negative)
    _require_apart(images, [path])
    _require_in_order(images, 1, region)
    return images, (mask_from_file(path),), 0


def _require_in_order(images: ImageSet, masks: int, region: Region) -> None:
    """Check that so many masks can be matched with the images by their order."""
    if region.unmasked_negative:
        raise ImageSetError(
            f"{images.name}: unmasked_negative is for masks that are matched by file name, a folder or a COCO file; "
            "give a photo that shows nothing of the concept a mask that is false, or black, all over"
        )
    if images.skipped:
        raise ImageSetError(
            f"{images.name}: {len(images.skipped)} files were left out of the images ({images.skipped[0].name} first), "
            "so that masks given by their order can no longer be told apart; take those files away, or give masks as "
            "a folder, matched by file name"
        )
    if masks != len(images):
        raise ImageSetError(
            f"{images.name}: {len(images)} images and {masks} masks; give one mask for each image, in the same "
            "order, or a folder of masks, matched by file name"
        )


@dataclass(frozen=True)
class _Matching:
    """How masks find their photos by name.

    Parameters
    ----------
    key
        Of a photo's name: the label of its mask.
    rule
        What the key is, for people.
    lists_more
        Whether masks without a photo are nothing odd, as in a file that lists a whole data set.
    """

    key: Callable[[str], str]
    rule: str
    lists_more: bool = False


def _pair(
    images: ImageSet, masks: Sequence[Candidate], matching: _Matching, unmasked_negative: bool
) -> tuple[tuple[MaskItem, ...], int]:
    """Find the mask of each image, that with the same key, and count those of no image."""
    key = matching.key
    names = dict.fromkeys(item.name for item in images)  # a photo may stand in the set twice
    photos = _unique(images.name, "photos", [(key(photo), photo) for photo in names])
    _unique(images.name, "masks", [(mask.label, mask.name) for mask in masks if mask.label in photos])
    by_key = {mask.label: mask for mask in masks}
    left_out = {key(entry.name) for entry in images.skipped}
    bare = [photo for label, photo in photos.items() if label not in by_key]
    stray = [mask.name for mask in masks if mask.label not in photos and mask.label not in left_out]
    odd = [] if matching.lists_more else stray  # their names may be meant for the bare photos
    if bare and (odd or not unmasked_negative):
        parts = f"photos without a mask: {_listed(bare)}"
        parts += f"; masks that match no photo: {_listed(odd)}" if odd else ""
        raise ImageSetError(f"{images.name}: {parts}. {matching.rule}. {_way_out(bool(odd))}")
    found = {label: by_key[label].make() if label in by_key else nothing(photo) for label, photo in photos.items()}
    return tuple(found[key(item.name)] for item in images), len(stray)


def _way_out(odd: bool) -> str:
    first = "once no mask is without its photo, " if odd else ""
    return (
        f"Where all photos without a mask show nothing of the concept, {first}say so with --unmasked-negative "
        "(Region(..., unmasked_negative=True))"
    )


def _unique(name: str, what: str, labelled: Sequence[tuple[str, str]]) -> dict[str, str]:
    known: dict[str, str] = {}
    for label, entry in labelled:
        if label in known:
            raise ImageSetError(
                f"{name}: the {what} {known[label]} and {entry} have the same name {label!r}, so that it is not clear "
                "which mask belongs to which photo; rename or remove one"
            )
        known[label] = entry
    return known


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _require_apart(images: ImageSet, files: Sequence[Path]) -> None:
    photos = {Path(item.name).resolve() for item in images}
    both = [str(file) for file in files if file.resolve() in photos]
    if both:
        raise ImageSetError(
            f"{images.name}: {_listed(both)} would be taken both as photo and as mask; put the masks in a folder of "
            "their own, beside the folder of the photos and not in it"
        )


def _require_marked_once(images: ImageSet, masks: Sequence[MaskItem]) -> None:
    """Refuse two different masks for one content, of which only the first would be used."""
    first: dict[str, tuple[str, MaskItem]] = {}
    for item, mask in zip(images, masks, strict=True):
        photo, kept = first.setdefault(item.digest, (item.name, mask))
        if mask.digest != kept.digest:
            raise ImageSetError(
                f"{images.name}: the same photo is marked twice in different ways, as {photo} by {kept.name} and as "
                f"{item.name} by {mask.name}; unite the masks into one, or take out one of the two"
            )


# Lists


def _from_list(
    images: ImageSet, masks: Sequence[Mask | str | Path] | Mask, region: Region, skip_unreadable: bool
) -> _Matched:
    if not isinstance(masks, Sequence | np.ndarray):
        raise ImageSetError(
            f"{images.name}: cannot take masks from {type(masks).__name__}; give a folder, a mask file, a COCO file, "
            "or bool arrays and mask files in the order of the images"
        )
    given = [masks] if isinstance(masks, np.ndarray) and masks.ndim < 3 else list(masks)
    _require_in_order(images, len(given), region)
    files = [Path(mask) for mask in given if isinstance(mask, str | Path)]
    for file in files:
        if file.is_dir() or file.suffix.lower() == ".json":
            raise ImageSetError(
                f"{images.name}: a list holds a mask for each image, and {file} is a folder or a COCO file; give it "
                "by itself, as Region(images, masks)"
            )
    _require_apart(images, files)
    bad = _unreadable(files, decode=skip_unreadable)
    _require_readable(images.name, bad, skip_unreadable)
    pairs = [
        (item, _one_mask(f"{images.name}.masks[{index}]", mask))
        for index, (item, mask) in enumerate(zip(images, given, strict=True))
        if not (isinstance(mask, str | Path) and Path(mask) in bad)
    ]
    if not pairs:
        raise ImageSetError(f"{images.name}: none of the {len(images)} photos has a mask that can be read")
    kept = {id(item) for item, _ in pairs}
    found = replace(images, items=tuple(item for item, _ in pairs))
    lost = _left_out(bad, [item.name for item in images if id(item) not in kept])
    return replace(found, skipped=(*images.skipped, *lost)), tuple(mask for _, mask in pairs), 0


def _one_mask(name: str, mask: Mask | str | Path) -> MaskItem:
    return mask_from_file(Path(mask)) if isinstance(mask, str | Path) else mask_from_array(name, mask)


def _require_readable(name: str, bad: Mapping[Path, str], skip_unreadable: bool) -> None:
    if bad and not skip_unreadable:
        raise UnreadableImageError(
            f"{name}: masks that cannot be read: {'; '.join(list(bad.values())[:5])}"
            f"{f'; and {len(bad) - 5} more' if len(bad) > 5 else ''}. Remove them, or leave them and their photos out "
            "with --skip-unreadable (skip_unreadable=True)"
        )


def _left_out(bad: Mapping[Path, str], photos: Sequence[str]) -> list[Skipped]:
    """List photos without a mask that can be read, and these masks."""
    without = [Skipped(photo, f"{photo}: its mask cannot be read") for photo in photos]
    return [*without, *(Skipped(legible(file), legible(reason)) for file, reason in bad.items())]


# Files of masks


def _from_folder(images: ImageSet, folder: Path, region: Region, skip_unreadable: bool) -> _Matched:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    if not files:
        raise ImageSetError(f"{images.name}: the folder of masks {folder} is empty")
    _require_apart(images, files)
    bad = _unreadable(files, decode=skip_unreadable)
    _require_readable(images.name, bad, skip_unreadable)
    readable = [file for file in files if file not in bad]
    lost = {file.stem for file in bad} - {file.stem for file in readable}
    left_out = _left_out(bad, [item.name for item in images if _stem(item.name) in lost])
    images = _without_lost(images, lost)
    rule = (
        "A mask goes with the photo of the same file name without its ending (cat.jpg, cat.png): rename, add or take "
        "away files; for pictures in memory give bool arrays in their order"
    )
    given = [Candidate(file.stem, str(file), partial(mask_from_file, file)) for file in readable]
    masks, unmatched = _pair(images, given, _Matching(_stem, rule), region.unmasked_negative)
    return replace(images, skipped=(*images.skipped, *left_out)), masks, unmatched


def _unreadable(files: Sequence[Path], decode: bool) -> dict[Path, str]:
    """Tell why files cannot be read; as for images, what may be left out is decoded now, so that counts are final."""
    reasons: dict[Path, str] = {}
    for file in files:
        try:
            (brightness if decode else check_picture)(file)
        except UnreadableImageError as error:
            reasons[file] = str(error)
    return reasons


def _without_lost(images: ImageSet, lost: set[str]) -> ImageSet:
    """Leave out the photos whose mask cannot be read."""
    kept = tuple(item for item in images if _stem(item.name) not in lost)
    if not kept:
        raise ImageSetError(f"{images.name}: none of the {len(images)} photos has a mask that can be read")
    return replace(images, items=kept)


def _stem(name: str) -> str:
    return Path(own_path(name)).stem
