"""Concepts from marked regions of the user's own photos: images, and for each a mask of what shows the concept.

Here it is settled which mask belongs to which image: by order for arrays, by name for files. What a mask is stands in
`masks`; how one is drawn from a COCO file, in `coco`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sacv.concepts.coco import coco_masks, coco_rule, file_name, split_category
from sacv.concepts.image_set import ImageSet, Skipped, Source, image_set
from sacv.concepts.masks import Mask, MaskItem, brightness, mask_from_array, mask_from_file
from sacv.concepts.reading import check_picture
from sacv.errors import ImageSetError, UnreadableImageError


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
          EXIF orientation is honoured, as for photos.
        - One such mask file, for a single image.
        - A COCO file `.json`: `images` with `id` and `file_name`, matched by file name without folders; `annotations`
          with `image_id` and `segmentation` (polygons, or run lengths as a list of `counts`) or else `bbox`. Several
          on one image are united. `file.json:CATEGORY` takes only the annotations of the category of that name.
        - Bool arrays `(height, width)`, one for each image and in the order of the images.

        Masks have the size of the upright photo, or of the tensor. A mask without a pixel inside is an error; a mask
        that covers everything is allowed and makes its image one of an ordinary concept.
    """

    images: Source
    masks: str | Path | Sequence[Mask] | Mask


def region_set(name: str, region: Region, *, skip_unreadable: bool = False) -> tuple[ImageSet, tuple[MaskItem, ...]]:
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

    Returns
    -------
    The images, and one mask for each, in the same order. Masks are decoded when they are loaded.

    Raises
    ------
    ImageSetError
        If an image has no mask, a mask no image, two masks claim one image, also where it is given twice, or masks
        are of a form not known.
    UnreadableImageError
        If files cannot be read.
    """
    images, masks = _matched(image_set(name, region.images, skip_unreadable=skip_unreadable), region, skip_unreadable)
    _require_marked_once(images, masks)
    return images, masks


# Which mask belongs to which image


def _matched(images: ImageSet, region: Region, skip_unreadable: bool) -> tuple[ImageSet, tuple[MaskItem, ...]]:
    if not isinstance(region.masks, str | Path):
        return images, _in_order(images, _from_arrays(images, region.masks))
    path, category = split_category(region.masks)
    if path.is_dir():
        return _from_folder(images, path, skip_unreadable)
    if not path.is_file():
        raise ImageSetError(f"{images.name}: there is no file or folder {path} of masks")
    if path.suffix.lower() == ".json":
        return images, _pair(images, coco_masks(path, category), file_name, coco_rule(path, category))
    _require_apart(images, [path])
    check_picture(path)
    return images, _in_order(images, [mask_from_file(path)])


def _in_order(images: ImageSet, masks: Sequence[MaskItem]) -> tuple[MaskItem, ...]:
    if images.skipped:
        raise ImageSetError(
            f"{images.name}: {len(images.skipped)} files were left out of the images ({images.skipped[0].name} first), "
            "so that masks given by their order can no longer be told apart; take those files away, or give masks as "
            "a folder, matched by file name"
        )
    if len(masks) != len(images):
        raise ImageSetError(
            f"{images.name}: {len(images)} images and {len(masks)} masks; give one mask for each image, in the same "
            "order, or a folder of masks, matched by file name"
        )
    return tuple(masks)


def _pair(
    images: ImageSet, masks: Sequence[tuple[str, MaskItem]], key: Callable[[str], str], rule: str
) -> tuple[MaskItem, ...]:
    """Find the mask of each image: that with the same key."""
    by_key = _unique(images.name, "masks", [(label, mask.name) for label, mask in masks])
    names = dict.fromkeys(item.name for item in images)  # a photo may stand in the set twice
    photos = _unique(images.name, "photos", [(key(photo), photo) for photo in names])
    left_out = {key(entry.name) for entry in images.skipped}
    bare = [photo for label, photo in photos.items() if label not in by_key]
    stray = [mask for label, mask in by_key.items() if label not in photos and label not in left_out]
    if bare or stray:
        parts = [f"photos without a mask: {_listed(bare)}"] if bare else []
        parts += [f"masks that match no photo: {_listed(stray)}"] if stray else []
        raise ImageSetError(f"{images.name}: {'; '.join(parts)}. {rule}")
    items = dict(masks)
    return tuple(items[key(item.name)] for item in images)


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


# Arrays


def _from_arrays(images: ImageSet, masks: Sequence[Mask] | Mask) -> list[MaskItem]:
    if not isinstance(masks, Sequence | np.ndarray):
        raise ImageSetError(
            f"{images.name}: cannot take masks from {type(masks).__name__}; give a folder, a mask file, a COCO file, "
            "or bool arrays in the order of the images"
        )
    given = [masks] if isinstance(masks, np.ndarray) and masks.ndim < 3 else masks
    return [mask_from_array(f"{images.name}.masks[{index}]", mask) for index, mask in enumerate(given)]


# Files of masks


def _from_folder(images: ImageSet, folder: Path, skip_unreadable: bool) -> tuple[ImageSet, tuple[MaskItem, ...]]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    if not files:
        raise ImageSetError(f"{images.name}: the folder of masks {folder} is empty")
    _require_apart(images, files)
    bad = _unreadable(files, decode=skip_unreadable)
    if bad and not skip_unreadable:
        raise UnreadableImageError(
            f"{images.name}: masks that cannot be read: {'; '.join(list(bad.values())[:5])}"
            f"{f'; and {len(bad) - 5} more' if len(bad) > 5 else ''}. Remove them, or leave them and their photos out "
            "with --skip-unreadable (skip_unreadable=True)"
        )
    readable = [file for file in files if file not in bad]
    images = _without_lost(images, {file.stem for file in bad} - {file.stem for file in readable})
    rule = (
        "A mask goes with the photo of the same file name without its ending (cat.jpg, cat.png): rename, add or take "
        "away files; for pictures in memory give bool arrays in their order"
    )
    masks = _pair(images, [(file.stem, mask_from_file(file)) for file in readable], _stem, rule)
    left_out = [Skipped(str(file), reason) for file, reason in bad.items()]
    return replace(images, skipped=(*images.skipped, *left_out)), masks


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
    """Leave out, and list, the photos whose mask cannot be read."""
    kept = tuple(item for item in images if _stem(item.name) not in lost)
    if not kept:
        raise ImageSetError(f"{images.name}: none of the {len(images)} photos has a mask that can be read")
    without = [item.name for item in images if _stem(item.name) in lost]
    left_out = [Skipped(photo, f"{photo}: its mask cannot be read") for photo in without]
    return replace(images, items=kept, skipped=(*images.skipped, *left_out))


def _stem(name: str) -> str:
    return Path(name).stem
