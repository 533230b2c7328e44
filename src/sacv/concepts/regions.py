"""Concepts from annotated images: images with a mask each of the region that shows the concept.

This module matches masks with images: by order for arrays, by name for files. For masks see `masks`; for COCO files,
`coco`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np

from sacv.concepts.coco import coco_masks, coco_rule, file_name, split_category
from sacv.concepts.decoding import check_header, printable
from sacv.concepts.image_set import ImageSet, Source, image_set
from sacv.concepts.item import ImageItem, Skipped, listed
from sacv.concepts.masks import Candidate, Mask, MaskItem, empty_mask, luminance, mask_from_file, mask_of
from sacv.concepts.sources.paths import image_path
from sacv.errors import ImageSetError, UnreadableImageError
from sacv.model.window import Window


@dataclass(frozen=True, eq=False)
class Region:
    """Annotated images of a concept.

    Parameters
    ----------
    images
        Any source of `image_set`: a folder, files, PIL images, arrays, tensors.
    masks
        The region of each image that shows the concept. Any of these:

        - A folder, searched recursively, with one mask file for each image, of the same file name without its
          extension (`cat.jpg`, `cat.png`). Any image format; a pixel is inside if its luminance is above 127 of 255.
          1-bit masks are used unchanged, palettes by their colours, 16-bit values scaled; alpha is ignored. EXIF
          orientation is applied, as for images. Masks without an image are ignored and counted.
        - One such mask file, for a single image.
        - A COCO file `.json`: `images` with `id` and `file_name`, matched by file name without folders; `annotations`
          with `image_id` and `segmentation` (polygons, or run lengths whose `counts` are a list or compressed text) or
          else `bbox`. The mask is the union of an image's annotations. `file.json:CATEGORY` uses only the annotations
          of this category. Entries without an image are ignored and counted.
        - A list with a mask for each image, in the order of the images: bool arrays `(height, width)`, and paths of
          mask files as above, with any names.

        Masks must have the size of the upright image, or of the tensor. An image whose mask is all black or false, or
        whose entry of the COCO file has no annotation, is a negative: it does not show the concept. A mask may cover
        the whole image.
    unmasked_negative
        Whether images without a mask file or an entry of the COCO file are negatives too; otherwise they are an error.
        They remain an error if there are mask files without an image, since names may be misspelt.
    """

    images: Source
    masks: str | Path | Sequence[Mask | str | Path] | Mask
    unmasked_negative: bool = False


@dataclass(frozen=True)
class AnnotatedImages:
    """The images and masks of a `Region`."""

    images: ImageSet
    """The images that show the concept, and all files that could not be read."""
    masks: tuple[MaskItem, ...]
    """Their masks, in the same order."""
    negatives: tuple[ImageItem, ...] = ()
    """The images that do not show the concept."""
    unmatched: int = 0
    """Number of masks, or entries of a COCO file, without an image; they are ignored."""


def region_set(
    name: str, region: Region, *, skip_unreadable: bool = False, window: Window | None = None
) -> AnnotatedImages:
    """Collect annotated images and their masks.

    Parameters
    ----------
    name
        Name for messages.
    region
        The images and the masks.
    skip_unreadable
        Skip files that cannot be read, images and masks, and the images of masks that cannot be read; all are listed
        in `skipped` of the set.
    window
        As in `image_set`, for the images.

    Raises
    ------
    ImageSetError
        If an image has no mask (but see `Region.unmasked_negative`), or two different ones; if no image shows the
        concept; or if the masks have an unknown format.
    UnreadableImageError
        If files cannot be read.
    """
    images, masks, unmatched = _matched(
        image_set(name, region.images, skip_unreadable=skip_unreadable, window=window), region, skip_unreadable
    )
    _require_one_mask(images, masks)
    positives = tuple(item for item, mask in zip(images, masks, strict=True) if not mask.empty)
    if not positives:
        by = f" of {region.masks}" if isinstance(region.masks, str | Path) else ""
        raise ImageSetError(
            f"{name}: the masks{by} are empty for all {len(images)} images; annotate the concept on some images, or "
            "check that the masks, and the category, belong to these images"
        )
    return AnnotatedImages(
        replace(images, items=positives),
        tuple(mask for mask in masks if not mask.empty),
        tuple(item for item, mask in zip(images, masks, strict=True) if mask.empty),
        unmatched,
    )


# Which mask belongs to which image

_Matched: TypeAlias = tuple[ImageSet, tuple[MaskItem, ...], int]
"""The images, their masks, and the number of masks without an image."""


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
    if region.unmasked_negative:
        raise ImageSetError(
            f"{images.name}: unmasked_negative needs masks that are matched by file name, in a folder or a COCO file; "
            "here, give each image without the concept a mask that is all false or black"
        )
    if images.skipped:
        raise ImageSetError(
            f"{images.name}: {len(images.skipped)} images were skipped (the first is {images.skipped[0].name}), so "
            "that masks cannot be matched by their order; remove those files, or give the masks as a folder, matched "
            "by file name"
        )
    if masks != len(images):
        raise ImageSetError(
            f"{images.name}: {len(images)} images and {masks} masks; give one mask for each image, in the same "
            "order, or a folder of masks, matched by file name"
        )


@dataclass(frozen=True)
class _Matching:
    """How masks and images are matched by name."""

    key: Callable[[str], str]
    """Function from an image's name to the label of its mask."""
    rule: str
    """The rule, for messages."""
    lists_more: bool = False
    """Whether masks without an image are expected, as in a file that lists a whole data set."""


def _pair(
    images: ImageSet, masks: Sequence[Candidate], matching: _Matching, unmasked_negative: bool
) -> tuple[tuple[MaskItem, ...], int]:
    """Return the mask of each image, and the number of masks without an image."""
    key = matching.key
    names = dict.fromkeys(item.name for item in images)  # an image may occur twice
    by_label = _unique(images.name, "images", [(key(name), name) for name in names])
    _unique(images.name, "masks", [(mask.label, mask.name) for mask in masks if mask.label in by_label])
    candidates = {mask.label: mask for mask in masks}
    skipped = {key(entry.name) for entry in images.skipped}
    bare = [name for label, name in by_label.items() if label not in candidates]
    stray = [mask.name for mask in masks if mask.label not in by_label and mask.label not in skipped]
    odd = [] if matching.lists_more else stray  # misspelt names of masks of the bare images?
    if bare and (odd or not unmasked_negative):
        parts = f"images without a mask: {listed(bare, 5)}"
        parts += f"; masks that match no image: {listed(odd, 5)}" if odd else ""
        raise ImageSetError(f"{images.name}: {parts}. {matching.rule}. {_way_out(bool(odd))}")
    found = {
        label: candidates[label].make() if label in candidates else empty_mask(name) for label, name in by_label.items()
    }
    return tuple(found[key(item.name)] for item in images), len(stray)


def _way_out(odd: bool) -> str:
    first = "match or remove those masks, then " if odd else ""
    return (
        f"If no image without a mask shows the concept, {first}set --unmasked-negative "
        "(Region(..., unmasked_negative=True))"
    )


def _unique(name: str, what: str, labelled: Sequence[tuple[str, str]]) -> dict[str, str]:
    known: dict[str, str] = {}
    for label, entry in labelled:
        if label in known:
            raise ImageSetError(
                f"{name}: the {what} {known[label]} and {entry} have the same name {label!r}, so that masks and images "
                "cannot be matched; rename or remove one"
            )
        known[label] = entry
    return known


def _require_apart(images: ImageSet, files: Sequence[Path]) -> None:
    paths = {Path(item.name).resolve() for item in images}
    both = [str(file) for file in files if file.resolve() in paths]
    if both:
        raise ImageSetError(
            f"{images.name}: {listed(both, 5)} would be both image and mask; put the masks in a separate folder that "
            "is not inside the folder of the images"
        )


def _require_one_mask(images: ImageSet, masks: Sequence[MaskItem]) -> None:
    first: dict[str, tuple[str, MaskItem]] = {}
    for item, mask in zip(images, masks, strict=True):
        name, known = first.setdefault(item.digest, (item.name, mask))
        if mask.digest != known.digest:
            raise ImageSetError(
                f"{images.name}: the same image has two different masks, {known.name} as {name} and {mask.name} as "
                f"{item.name}; merge the masks into one, or remove one of the two"
            )


# Lists


def _from_list(
    images: ImageSet, masks: Sequence[Mask | str | Path] | Mask, region: Region, skip_unreadable: bool
) -> _Matched:
    if not isinstance(masks, Sequence | np.ndarray):
        raise ImageSetError(
            f"{images.name}: cannot read masks from {type(masks).__name__}; give a folder, a mask file, a COCO file, "
            "or bool arrays and mask files in the order of the images"
        )
    given = [masks] if isinstance(masks, np.ndarray) and masks.ndim < 3 else list(masks)
    _require_in_order(images, len(given), region)
    files = [Path(mask) for mask in given if isinstance(mask, str | Path)]
    for file in files:
        if file.is_dir() or file.suffix.lower() == ".json":
            raise ImageSetError(
                f"{images.name}: a list must hold a mask for each image, but {file} is a folder or a COCO file; give "
                "it without a list, as Region(images, masks)"
            )
    _require_apart(images, files)
    bad = _unreadable(files, decode=skip_unreadable)
    _require_readable(images.name, bad, skip_unreadable)
    pairs = [
        (item, mask_of(f"{images.name}.masks[{index}]", mask))
        for index, (item, mask) in enumerate(zip(images, given, strict=True))
        if not (isinstance(mask, str | Path) and Path(mask) in bad)
    ]
    if not pairs:
        raise ImageSetError(f"{images.name}: none of the {len(images)} images has a readable mask")
    readable = {id(item) for item, _ in pairs}
    found = replace(images, items=tuple(item for item, _ in pairs))
    skipped = _skipped(bad, [item.name for item in images if id(item) not in readable])
    return replace(found, skipped=(*images.skipped, *skipped)), tuple(mask for _, mask in pairs), 0


def _require_readable(name: str, bad: Mapping[Path, str], skip_unreadable: bool) -> None:
    if bad and not skip_unreadable:
        raise UnreadableImageError(
            f"{name}: masks that cannot be read: {'; '.join(list(bad.values())[:5])}"
            f"{f'; and {len(bad) - 5} more' if len(bad) > 5 else ''}. Remove them, or skip them and their images "
            "with --skip-unreadable (skip_unreadable=True)"
        )


def _skipped(bad: Mapping[Path, str], names: Sequence[str]) -> list[Skipped]:
    """Return the entries of `ImageSet.skipped` of images without a readable mask, and of these masks."""
    without = [Skipped(name, f"{name}: its mask cannot be read") for name in names]
    return [*without, *(Skipped(printable(file), printable(reason)) for file, reason in bad.items())]


# Files of masks


def _from_folder(images: ImageSet, folder: Path, region: Region, skip_unreadable: bool) -> _Matched:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    if not files:
        raise ImageSetError(f"{images.name}: the folder of masks {folder} is empty")
    _require_apart(images, files)
    bad = _unreadable(files, decode=skip_unreadable)
    _require_readable(images.name, bad, skip_unreadable)
    readable = [file for file in files if file not in bad]
    unreadable = {file.stem for file in bad} - {file.stem for file in readable}
    skipped = _skipped(bad, [item.name for item in images if _stem(item.name) in unreadable])
    images = _with_readable_masks(images, unreadable)
    rule = (
        "A mask needs the file name of its image without the extension (cat.jpg, cat.png): rename, add or remove "
        "files; for images in memory give bool arrays in their order"
    )
    given = [Candidate(file.stem, str(file), partial(mask_from_file, file)) for file in readable]
    masks, unmatched = _pair(images, given, _Matching(_stem, rule), region.unmasked_negative)
    return replace(images, skipped=(*images.skipped, *skipped)), masks, unmatched


def _unreadable(files: Sequence[Path], decode: bool) -> dict[Path, str]:
    """Return why files cannot be read. Files that may be skipped are decoded now, so that counts are final."""
    reasons: dict[Path, str] = {}
    for file in files:
        try:
            (luminance if decode else check_header)(file)
        except UnreadableImageError as error:
            reasons[file] = str(error)
    return reasons


def _with_readable_masks(images: ImageSet, unreadable: set[str]) -> ImageSet:
    items = tuple(item for item in images if _stem(item.name) not in unreadable)
    if not items:
        raise ImageSetError(f"{images.name}: none of the {len(images)} images has a readable mask")
    return replace(images, items=items)


def _stem(name: str) -> str:
    return Path(image_path(name)).stem
