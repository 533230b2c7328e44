"""Painted masks: a COCO file for each concept, with the masks of its photos as run lengths.

The command line reads it (`--region NAME=photos:masks/NAME.json`); masks are stored in no other form.
"""

from __future__ import annotations

import io
import json
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sacv.app.http_errors import Missing, Refusal
from sacv.concepts.coco import coco_masks
from sacv.concepts.decoding import quiet
from sacv.concepts.masks import Mask, Size


def read_mask(content: bytes, size: Size) -> Mask:
    """Read a painted mask, bool `(height, width)` of its photo: true where the PNG is opaque and bright.

    A mask painted on a smaller rendition of the photo is enlarged by its nearest pixels.
    """
    try:
        with quiet(), Image.open(io.BytesIO(content), formats=["PNG"]) as picture:
            _require_alike(picture.size, size)
            levels = picture.convert("LA").resize(size, Image.Resampling.NEAREST)
    except Refusal:
        raise
    except Exception as error:  # Pillow's decoders raise many kinds
        raise Refusal("the mask is not a readable PNG") from error
    inside: Mask = np.asarray(levels).min(axis=2) > 127
    return inside


def _require_alike(painted: Size, size: Size) -> None:
    """Check that a mask is not larger than its photo and has its aspect ratio, to a pixel."""
    scale = max(size) / max(painted)
    if scale < 1 or max(abs(side * scale - whole) for side, whole in zip(painted, size, strict=True)) > scale:
        raise Refusal(f"the mask has {painted[0]} x {painted[1]} pixels, but its photo has {size[0]} x {size[1]}")


def png_of(mask: Mask) -> bytes:
    """Return a mask as a PNG, white and opaque inside, transparent outside."""
    buffer = io.BytesIO()
    levels = mask.astype(np.uint8) * 255
    Image.fromarray(np.stack([levels] * 2, axis=-1), "LA").save(buffer, "PNG")
    return buffer.getvalue()


def run_lengths(mask: Mask) -> list[int]:
    """Return the lengths of runs down the columns, beginning with a run outside the mask."""
    counts = [len(list(run)) for _, run in groupby(mask.T.ravel().tolist())]
    return [0, *counts] if mask.size and mask[0, 0] else counts


class Painted:
    """The masks of one concept.

    They are a category of a COCO file, which may not exist yet.
    """

    def __init__(self, path: Path, concept: str) -> None:
        self.path, self.concept = path, concept

    def photos(self) -> list[str]:
        """Return the names of the photos that have a mask."""
        return [entry["file_name"] for entry in self._content()["images"]] if self.path.exists() else []

    def mask(self, photo: str, size: Size) -> Mask:
        """Return the mask of a photo, bool `(height, width)`."""
        for candidate in coco_masks(self.path, None) if self.path.exists() else []:
            if candidate.label == photo:
                return candidate.make().load(size)
        raise Missing(f"{photo} has no mask of {self.concept}")

    def put(self, photo: str, mask: Mask) -> None:
        """Store the mask of a photo, replacing an earlier one; an empty mask removes it."""
        content = self._content() if self.path.exists() else self._nothing()
        earlier = [entry["id"] for entry in content["images"] if entry["file_name"] == photo]
        content["images"] = [entry for entry in content["images"] if entry["id"] not in earlier]
        content["annotations"] = [one for one in content["annotations"] if one["image_id"] not in earlier]
        if mask.any():
            number = 1 + max((entry["id"] for entry in content["images"]), default=0)
            height, width = mask.shape
            content["images"].append({"id": number, "file_name": photo, "width": width, "height": height})
            content["annotations"].append(self._annotation(number, mask))
        if content["images"]:
            self._write(content)
        else:
            self.path.unlink(missing_ok=True)

    def _annotation(self, number: int, mask: Mask) -> dict[str, Any]:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        top, left = int(rows[0]), int(columns[0])
        return {
            "id": number,
            "image_id": number,
            "category_id": 1,
            "iscrowd": 1,
            "area": int(mask.sum()),
            "bbox": [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top],
            "segmentation": {"size": list(mask.shape), "counts": run_lengths(mask)},
        }

    def _nothing(self) -> dict[str, Any]:
        return {"images": [], "annotations": [], "categories": [{"id": 1, "name": self.concept}]}

    def _content(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
        return content

    def _write(self, content: dict[str, Any]) -> None:
        fresh = self.path.with_name(f".{self.path.name}-fresh")
        fresh.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
        fresh.replace(self.path)
