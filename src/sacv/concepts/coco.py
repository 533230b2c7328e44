"""Masks in COCO files: boxes, polygons and run lengths, drawn at pixel centres.

Pixel (row, column) is inside if the point (column + 1/2, row + 1/2) is inside, by the even-odd rule.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path, PureWindowsPath
from types import UnionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sacv.concepts.masks import Candidate, Mask, MaskItem, Size, checked_mask, empty_mask, require_size
from sacv.concepts.run_lengths import decompressed
from sacv.concepts.sources.paths import image_path
from sacv.errors import ImageSetError, UnreadableImageError


def split_category(masks: str | Path) -> tuple[Path, str | None]:
    """Split `file.json:CATEGORY`. A path that exists has no category."""
    named = re.fullmatch(r"(.+\.json):(.*)", str(masks), re.IGNORECASE | re.DOTALL)
    if named is None or Path(masks).exists():
        return Path(masks), None
    return Path(named[1]), named[2]


def coco_rule(path: Path, category: str | None) -> str:
    """Return the rule that matches images with entries of the file, for error messages."""
    kind = "" if category is None else f" of category {category!r}"
    return (
        f"Every image needs an entry in 'images' of {path} with its file_name; an entry without an annotation{kind} "
        "is an image without the concept. Add the entry or remove the image"
    )


def file_name(name: str) -> str:
    """Return the last part of a path, by which images and entries are matched."""
    return PureWindowsPath(image_path(name)).name  # splits at / and \, for COCO files of any system


def coco_masks(path: Path, category: str | None) -> list[Candidate]:
    """Return the mask of each entry of `images`: the union of its annotations, or an empty mask.

    Only annotations of `category`, if it is given, are used. Raises ImageSetError if the file is not in COCO format
    (annotations are checked later, by `Candidate.make`), and UnreadableImageError if it is not JSON.
    """
    content = _read_json(path)
    entries = _entries(path, content, "images", {"id": int | str, "file_name": str})
    annotations = _entries(path, content, "annotations", {"image_id": int | str})
    if category is not None:
        wanted = _category_ids(path, content, category)
        annotations = [annotation for annotation in annotations if annotation.get("category_id") in wanted]
    by_image: dict[int | str, list[dict[str, Any]]] = {entry["id"]: [] for entry in entries}
    if len(by_image) < len(entries):
        raise ImageSetError(f"{path}: two entries of 'images' have the same id; give each a different id")
    for annotation in annotations:
        if annotation["image_id"] not in by_image:
            raise ImageSetError(
                f"{path}: an annotation has image_id {annotation['image_id']!r}, which no entry of 'images' has; "
                "correct or remove it"
            )
        by_image[annotation["image_id"]].append(annotation)
    return [
        Candidate(file_name(entry["file_name"]), name, partial(_annotation_mask, name, entry, by_image[entry["id"]]))
        for entry in entries
        for name in [f"{path}: {entry['file_name']}"]
    ]


@dataclass(frozen=True)
class _Drawing:
    """The checked annotations of one image: polygons as x, y, x, y, ... and runs as (height, width), counts."""

    size: tuple[float, float] | None
    polygons: tuple[tuple[float, ...], ...]
    runs: tuple[tuple[tuple[int, int], tuple[int, ...]], ...]


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise UnreadableImageError(f"{path} is not readable JSON ({error}); export the masks again") from error


def _entries(path: Path, content: Any, key: str, needed: Mapping[str, type | UnionType]) -> list[dict[str, Any]]:
    found = content.get(key) if isinstance(content, dict) else None
    if not isinstance(found, list):
        raise ImageSetError(
            f"{path} has no list {key!r}; a .json file of masks needs the COCO format: 'images' with 'id' and "
            "'file_name', 'annotations' with 'image_id' and 'segmentation' or 'bbox', 'categories' with 'id' and 'name'"
        )
    for entry in found:
        fields = entry if isinstance(entry, dict) else {}
        wrong = [name for name, kind in needed.items() if not isinstance(fields.get(name), kind)]
        if wrong:
            raise ImageSetError(
                f"{path}: an entry of {key!r} has no valid {' and '.join(map(repr, wrong))}: {str(entry)[:120]}"
            )
    return found


def _category_ids(path: Path, content: Any, category: str) -> list[int | str]:
    categories = _entries(path, content, "categories", {"id": int | str, "name": str})
    wanted = [entry["id"] for entry in categories if entry["name"] == category]
    if not wanted:
        known = ", ".join(repr(entry["name"]) for entry in categories) or "none"
        raise ImageSetError(f"{path} has no category {category!r}; its categories are: {known}")
    return wanted


def _annotation_mask(name: str, entry: Mapping[str, Any], annotations: Sequence[Mapping[str, Any]]) -> MaskItem:
    polygons: list[tuple[float, ...]] = []
    runs: list[tuple[tuple[int, int], tuple[int, ...]]] = []
    for annotation in annotations:
        where = f"{name}, annotation {annotation.get('id', 'without id')}"
        segmentation = annotation.get("segmentation")
        if isinstance(segmentation, dict):
            runs.append(_runs(segmentation, where))
        elif segmentation:
            polygons += _polygons(segmentation, where)
        else:
            polygons.append(_box_polygon(annotation.get("bbox"), where))
    if not polygons and not any(sum(counts[1::2]) for _, counts in runs):
        return empty_mask(name)
    size = None
    if entry.get("width") and entry.get("height"):
        width, height = _numbers([entry["width"], entry["height"]], f"{name}, width and height")
        size = (width, height)
    drawing = _Drawing(size, tuple(polygons), tuple(runs))
    return checked_mask(name, hashlib.sha256(repr(drawing).encode()).hexdigest(), partial(_draw, name, drawing))


def _numbers(values: Any, where: str) -> tuple[float, ...]:
    if not isinstance(values, list) or not all(type(value) in (int, float) and abs(value) < 1e9 for value in values):
        raise ImageSetError(f"{where}: {str(values)[:120]} is not a list of finite numbers")
    return tuple(float(value) for value in values)


def _box_polygon(box: Any, where: str) -> tuple[float, ...]:
    if not box:
        raise ImageSetError(f"{where} has neither 'segmentation' nor 'bbox'; add one or remove the annotation")
    numbers = _numbers(box, where)
    if len(numbers) != 4 or min(numbers[2:]) < 0:
        raise ImageSetError(f"{where}: bbox {box} is not [left, top, width, height] with sizes of 0 or more")
    left, top, width, height = numbers
    return (left, top, left + width, top, left + width, top + height, left, top + height)


def _polygons(segmentation: Any, where: str) -> list[tuple[float, ...]]:
    if not isinstance(segmentation, list):
        raise ImageSetError(f"{where}: segmentation is neither a list of polygons nor run lengths")
    polygons = [_numbers(polygon, where) for polygon in segmentation]
    for polygon in polygons:
        if len(polygon) < 6 or len(polygon) % 2:
            raise ImageSetError(
                f"{where}: a polygon must be [x, y, x, y, ...] with three or more corners, not {len(polygon)} numbers"
            )
    return polygons


def _runs(segmentation: Mapping[str, Any], where: str) -> tuple[tuple[int, int], tuple[int, ...]]:
    counts, size = segmentation.get("counts"), segmentation.get("size")
    if isinstance(counts, str):
        counts = decompressed(counts, where)
    lengths = _numbers(counts, f"{where}, counts of run lengths")
    sides = _numbers(size, f"{where}, size of run lengths")
    whole = all(number.is_integer() and number >= 0 for number in (*lengths, *sides))
    if not whole or len(sides) != 2 or sum(lengths) != sides[0] * sides[1]:
        raise ImageSetError(
            f"{where}: run lengths must be whole numbers of 0 or more that sum to the pixels of size [height, width]; "
            f"these sum to {sum(lengths):g}, and size is {size}"
        )
    return (int(sides[0]), int(sides[1])), tuple(int(length) for length in lengths)


def _draw(name: str, drawing: _Drawing, size: Size) -> Mask:
    if drawing.size is not None:
        require_size(name, (round(drawing.size[0]), round(drawing.size[1])), size)
    elif drawing.polygons:
        _require_within(name, drawing.polygons, size)
    mask = np.zeros((size[1], size[0]), dtype=np.bool_)
    for polygon in drawing.polygons:
        _add_polygon(mask, np.array(polygon).reshape(-1, 2))
    for (height, width), counts in drawing.runs:
        require_size(name, (width, height), size)
        inside = np.repeat(np.arange(len(counts)) % 2 == 1, counts)  # column-major; the first run is outside
        mask |= inside.reshape(width, height).T
    return mask


def _require_within(name: str, polygons: Sequence[Sequence[float]], size: Size) -> None:
    """Check the coordinates of a file without image sizes: they show if it was made for a larger image."""
    right = max(max(polygon[::2]) for polygon in polygons)
    bottom = max(max(polygon[1::2]) for polygon in polygons)
    if right > size[0] + 1 or bottom > size[1] + 1:
        raise ImageSetError(
            f"the mask {name} reaches to {right:g} x {bottom:g} pixels (width x height) and its image has {size[0]} x "
            f"{size[1]}; was it annotated on a larger image? If not, give 'width' and 'height' in the file"
        )


def _add_polygon(mask: Mask, corners: NDArray[np.float64]) -> None:
    """Add the pixels whose centre lies in a polygon `(n, 2)` of x, y, even-odd; left and top borders count as inside.

    Pillow's `ImageDraw.polygon` truncates corners to whole numbers and also draws the right and lower border.
    """
    height, width = mask.shape
    row_of = _centres_from(corners[:, 1], height)
    first, last = row_of.min(), row_of.max()
    crossed = np.zeros((last - first, width + 1), dtype=np.bool_)
    around = [*range(len(corners)), 0]
    for here, there in pairwise(around):
        rows = np.arange(*sorted((row_of[here], row_of[there])))
        if rows.size:
            (x, y), (next_x, next_y) = corners[here], corners[there]
            at = x + (rows + 0.5 - y) * ((next_x - x) / (next_y - y))
            crossed[rows - first, _centres_from(at, width)] ^= True
    mask[first:last] |= np.logical_xor.accumulate(crossed, axis=1)[:, :width]


def _centres_from(positions: NDArray[np.float64], pixels: int) -> NDArray[np.int64]:
    """Return the index of the first pixel centre at or after each position, from 0 to `pixels`."""
    return np.clip(np.ceil(positions - 0.5), 0, pixels).astype(np.int64)
