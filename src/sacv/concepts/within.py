"""`Within`: the part of each picture that counts, given by a mask for each; what lies outside counts for nothing.

Here it is settled which mask belongs to which picture. What a mask is stands in `masks`; how one is drawn from a COCO
file, in `coco`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TypeAlias

import numpy as np

from sacv.concepts.coco import coco_masks, file_name, split_category
from sacv.concepts.item import ImageItem
from sacv.concepts.masks import Mask, MaskItem, mask_from_array, mask_from_file
from sacv.concepts.sources.paths import own_path
from sacv.engine.prefetch import ahead
from sacv.errors import ImageSetError

READERS = 8
"""Threads that read masks."""

NAMED = 10
"""Pictures that an error names."""

_Make: TypeAlias = Callable[[], MaskItem]
_Find: TypeAlias = Callable[[str], tuple[str, _Make] | None]
"""From a picture's name to a mask, by what tells masks apart; none where there is none."""


@dataclass(frozen=True, eq=False)
class Within:
    """What of each picture counts, such as a lesion without the skin around it, or what a vignette leaves.

    Parameters
    ----------
    masks
        Any of these:

        - A folder, searched to its depths, with one mask file for each picture, of the same file name without its
          ending (`cat.jpg`, `cat.png`); of several that whose folders are called as the picture's. What a mask file
          is, and what is inside, is as for `Region`. Masks of other pictures are ignored.
        - One mask file, or one bool array `(height, width)`: the same for all pictures.
        - A COCO file, `file.json` or `file.json:CATEGORY`: inside is what the annotations of a picture cover.
        - A mapping from pictures to bool arrays or mask files. A key is a picture's name, or its file name, with its
          ending or without.

        Masks have the size of the upright picture, or of the tensor, and something inside.
    """

    masks: str | Path | Mask | Mapping[str, Mask | str | Path]

    @classmethod
    def taken(cls, given: WithinSource) -> Within:
        """Give what the user gives as this."""
        return given if isinstance(given, Within) else cls(given)

    def mask(self, item: ImageItem) -> MaskItem:
        """Give the mask of a picture; errors are those of `of`."""
        return self.of([item])[0]

    def of(self, items: Sequence[ImageItem]) -> tuple[MaskItem, ...]:
        """Give the mask of each picture.

        Raises
        ------
        ImageSetError
            If a picture has no mask, several, or that of another picture too, if a mask is empty, or if masks are of a
            form not known.
        UnreadableImageError
            If a mask cannot be read.
        """
        matches = [self._find(item.name) for item in items]
        bare = [item.name for item, match in zip(items, matches, strict=True) if match is None]
        if bare:
            raise ImageSetError(f"within: pictures without a mask: {_listed(bare)}. {self._rule}")
        makers = {match[0]: match[1] for match in matches if match is not None}
        made = dict(zip(makers, ahead(_call, makers.values(), READERS), strict=True))
        labels = [match[0] for match in matches if match is not None]
        found = tuple(made[label] for label in labels)
        empty = [f"{mask.name} of {item.name}" for item, mask in zip(items, found, strict=True) if mask.empty]
        if empty:
            raise ImageSetError(
                f"within: masks with nothing inside: {_listed(empty)}; nothing of such a picture would count: mark "
                "what counts, or leave the picture out"
            )
        if not self._one_for_all:
            _require_own(items, labels, found)
        return found

    @property
    def _one_for_all(self) -> bool:
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
            return "A key is a picture's name, or its file name: add them, or leave the pictures out"
        return "A mask has the file name of its picture without the ending (cat.jpg, cat.png): add it, or leave it out"

    @cached_property
    def _find(self) -> _Find:
        """Prepare to find masks, reading the list of them once."""
        if isinstance(self.masks, Mapping):
            return _by_key(self.masks)
        if isinstance(self.masks, np.ndarray):
            whole = mask_from_array("the mask of all pictures", self.masks)
            return lambda name: ("all", lambda: whole)
        if not isinstance(self.masks, str | Path):
            raise ImageSetError(
                f"within: cannot take masks from {type(self.masks).__name__}; give a folder, a mask file, a COCO file, "
                "a bool array for all pictures, or a mapping from names of pictures to bool arrays or mask files"
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
"""What is taken for `within`: a `Within`, or what one is made from."""


def _call(make: _Make) -> MaskItem:
    return make()


def _is_coco(path: Path) -> bool:
    return path.suffix.lower() == ".json"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _require_own(items: Sequence[ImageItem], labels: Sequence[str], masks: Sequence[MaskItem]) -> None:
    """Refuse one mask for two pictures of different content."""
    first: dict[str, ImageItem] = {}
    for item, label, mask in zip(items, labels, masks, strict=True):
        other = first.setdefault(label, item)
        if other.name != item.name and other.digest != item.digest:
            raise ImageSetError(
                f"within: the pictures {other.name} and {item.name} have the same file name, and {mask.name} would be "
                "the mask of both; put their masks in folders that are called as theirs, or rename one"
            )


def _by_file(folder: Path) -> _Find:
    by_stem: dict[str, list[Path]] = {}
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        by_stem.setdefault(file.stem, []).append(file)
    if not by_stem:
        raise ImageSetError(f"within: the folder of masks {folder} is empty")

    def find(name: str) -> tuple[str, _Make] | None:
        picture = Path(own_path(name))
        files = by_stem.get(picture.stem, [])
        alike = [_shared_folders(file.relative_to(folder), picture) for file in files]
        best = [file for file, depth in zip(files, alike, strict=True) if depth == max(alike)]
        if len(best) > 1:
            raise ImageSetError(
                f"within: {best[0]} and {best[1]} may both be the mask of {name}; put them in folders that are called "
                "as the pictures', or remove one"
            )
        for file in best:
            if file.resolve() == picture.resolve():
                raise ImageSetError(
                    f"within: {file} would be taken both as picture and as its own mask; put the masks in a folder of "
                    "their own, beside the folder of the pictures and not in it"
                )
            return str(file), partial(mask_from_file, file)
        return None

    return find


def _shared_folders(one: Path, other: Path) -> int:
    """Count the folders next above two files that are called alike."""
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
                f"within: {twice[label]} and {by_name[label].name} have the same file name, so that it is not clear "
                f"which is for {name}; rename or remove one"
            )
        return (label, by_name[label].make) if label in by_name else None

    return find


def _by_key(masks: Mapping[str, Mask | str | Path]) -> _Find:
    def find(name: str) -> tuple[str, _Make] | None:
        file = file_name(name)
        for key in (name, file, Path(file).stem):
            if key in masks:
                return key, partial(_made, key, masks[key])
        return None

    return find


def _made(key: str, mask: Mask | str | Path) -> MaskItem:
    return mask_from_file(Path(mask)) if isinstance(mask, str | Path) else mask_from_array(f"the mask of {key}", mask)
