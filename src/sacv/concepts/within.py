"""`Within`: a mask for each image of the part that is used; everything outside is ignored.

This module matches masks with images. For masks see `masks`; for COCO files, `coco`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from operator import call
from pathlib import Path
from typing import TypeAlias

import numpy as np

from sacv.concepts.coco import coco_masks, file_name, split_category
from sacv.concepts.item import ImageItem, listed
from sacv.concepts.masks import Mask, MaskItem, mask_from_array, mask_from_file, mask_of
from sacv.concepts.sources.paths import image_path
from sacv.engine.prefetch import ahead
from sacv.errors import ImageSetError

READERS = 8
"""Threads that read masks."""

_Make: TypeAlias = Callable[[], MaskItem]
_Find: TypeAlias = Callable[[str], tuple[str, _Make] | None]
"""Function from an image's name to its mask, with a label that identifies the mask; None if it has no mask."""


@dataclass(frozen=True, eq=False)
class Within:
    """The part of each image that is used, such as a lesion without the skin around it, or the area inside a vignette.

    Parameters
    ----------
    masks
        Any of these:

        - A folder, searched recursively, with one mask file for each image, of the same file name without its
          extension (`cat.jpg`, `cat.png`); among several, the one whose parent folders have the same names as the
          image's. Mask files are read as for `Region`. Masks of other images are ignored.
        - One mask file, or one bool array `(height, width)`, used for all images.
        - A COCO file, `file.json` or `file.json:CATEGORY`: the union of the annotations of an image.
        - A mapping from images to bool arrays or mask files. A key is an image's name, or its file name, with its
          extension or without.

        Masks must have the size of the upright image, or of the tensor, and at least one pixel inside.
    """

    masks: str | Path | Mask | Mapping[str, Mask | str | Path]

    @classmethod
    def taken(cls, given: WithinSource) -> Within:
        """Return `given` as a `Within`."""
        return given if isinstance(given, Within) else cls(given)

    def mask(self, item: ImageItem) -> MaskItem:
        """Return the mask of an image; raises as `of`."""
        return self.of([item])[0]

    def of(self, items: Sequence[ImageItem]) -> tuple[MaskItem, ...]:
        """Return the mask of each image.

        Raises
        ------
        ImageSetError
            If an image has no mask or several, if two images share a mask, if a mask is empty, or if the masks have an
            unknown format.
        UnreadableImageError
            If a mask cannot be read.
        """
        matches = [self._find(item.name) for item in items]
        bare = [item.name for item, match in zip(items, matches, strict=True) if match is None]
        if bare:
            raise ImageSetError(f"within: images without a mask: {listed(bare)}. {self._rule}")
        makers = {match[0]: match[1] for match in matches if match is not None}
        made = dict(zip(makers, ahead(call, makers.values(), READERS), strict=True))
        labels = [match[0] for match in matches if match is not None]
        found = tuple(made[label] for label in labels)
        empty = [f"{mask.name} of {item.name}" for item, mask in zip(items, found, strict=True) if mask.empty]
        if empty:
            raise ImageSetError(
                f"within: masks without a pixel inside: {listed(empty)}; mask the part of the image to use, or leave "
                "the image out"
            )
        if not self._shared:
            _require_one_image(items, labels, found)
        return found

    @property
    def _shared(self) -> bool:
        """Whether one mask is used for all images."""
        if isinstance(self.masks, np.ndarray):
            return True
        return isinstance(self.masks, str | Path) and self._file.is_file() and not _is_coco(self._file)

    @property
    def _file(self) -> Path:
        assert isinstance(self.masks, str | Path)
        return split_category(self.masks)[0]

    @property
    def _rule(self) -> str:
        if isinstance(self.masks, str | Path) and _is_coco(self._file):
            return f"Give each an entry in 'images' of {self._file} with its file_name, or leave it out"
        if isinstance(self.masks, Mapping):
            return "A key is an image's name, or its file name: add keys, or leave the images out"
        return "A mask needs the file name of its image without extension (cat.jpg, cat.png): add it, or drop the image"

    @cached_property
    def _find(self) -> _Find:
        """Function that finds the mask of an image; the list of masks is read once."""
        if isinstance(self.masks, Mapping):
            return _by_key(self.masks)
        if isinstance(self.masks, np.ndarray):
            whole = mask_from_array("the mask of all images", self.masks)
            return lambda name: ("all", lambda: whole)
        if not isinstance(self.masks, str | Path):
            raise ImageSetError(
                f"within: cannot read masks from {type(self.masks).__name__}; give a folder, a mask file, a COCO file, "
                "a bool array for all images, or a mapping from names of images to bool arrays or mask files"
            )
        path, category = split_category(self.masks)
        if path.is_dir():
            return _by_file(path)
        if not path.is_file():
            raise ImageSetError(f"within: there is no file or folder {path} of masks")
        if _is_coco(path):
            return _by_entry(path, category)
        return lambda name: ("all", partial(mask_from_file, path))


WithinSource: TypeAlias = Within | str | Path | Mask | Mapping[str, Mask | str | Path]
"""The legal values of `within`: a `Within`, or its argument."""


def _is_coco(path: Path) -> bool:
    return path.suffix.lower() == ".json"


def _require_one_image(items: Sequence[ImageItem], labels: Sequence[str], masks: Sequence[MaskItem]) -> None:
    """Check that no mask belongs to two images of different content."""
    first: dict[str, ImageItem] = {}
    for item, label, mask in zip(items, labels, masks, strict=True):
        other = first.setdefault(label, item)
        if other.name != item.name and other.digest != item.digest:
            raise ImageSetError(
                f"within: the images {other.name} and {item.name} have the same file name, and {mask.name} would be "
                "the mask of both; put their masks in folders with the names of the images' folders, or rename one"
            )


def _by_file(folder: Path) -> _Find:
    by_stem: dict[str, list[Path]] = {}
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        by_stem.setdefault(file.stem, []).append(file)
    if not by_stem:
        raise ImageSetError(f"within: the folder of masks {folder} is empty")

    def find(name: str) -> tuple[str, _Make] | None:
        image = Path(image_path(name))
        files = by_stem.get(image.stem, [])
        depths = [_shared_folders(file.relative_to(folder), image) for file in files]
        best = [file for file, depth in zip(files, depths, strict=True) if depth == max(depths)]
        if len(best) > 1:
            raise ImageSetError(
                f"within: {best[0]} and {best[1]} may both be the mask of {name}; put them in folders with the names "
                "of the images' folders, or remove one"
            )
        for file in best:
            if file.resolve() == image.resolve():
                raise ImageSetError(
                    f"within: {file} would be both image and mask; put the masks in a separate folder that is not "
                    "inside the folder of the images"
                )
            return str(file), partial(mask_from_file, file)
        return None

    return find


def _shared_folders(one: Path, other: Path) -> int:
    """Return the number of closest parent folders with equal names."""
    count = 0
    for here, there in zip(one.parts[-2::-1], other.parts[-2::-1], strict=False):
        if here != there:
            break
        count += 1
    return count


def _by_entry(path: Path, category: str | None) -> _Find:
    entries = coco_masks(path, category)
    by_name = {entry.label: entry for entry in entries}
    twice = {entry.label: entry.name for entry in entries if by_name[entry.label] is not entry}

    def find(name: str) -> tuple[str, _Make] | None:
        label = file_name(name)
        if label in twice:
            raise ImageSetError(
                f"within: {twice[label]} and {by_name[label].name} have the same file name, and both could belong to "
                f"{name}; rename or remove one"
            )
        return (label, by_name[label].make) if label in by_name else None

    return find


def _by_key(masks: Mapping[str, Mask | str | Path]) -> _Find:
    def find(name: str) -> tuple[str, _Make] | None:
        file = file_name(name)
        for key in (name, file, Path(file).stem):
            if key in masks:
                return key, partial(mask_of, f"the mask of {key}", masks[key])
        return None

    return find
