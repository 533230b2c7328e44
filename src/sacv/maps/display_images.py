"""The images that maps are drawn on, as JPEG: one for each image, or the slices of a volume along each axis."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from sacv.concepts import ImageItem
from sacv.errors import CorruptFileError
from sacv.maps.planes import NAMES, RAS_NAMES, Slices, as_input, image_seen, slices_of
from sacv.model import Box, VisionModel

LONGEST = 720
"""Longest side of an image in pixels; smaller images are not scaled."""

QUALITY = 82


@dataclass(frozen=True)
class DisplayImage:
    """The image beneath maps, or the slices of a volume."""

    size: tuple[int, int]
    """Width and height of the image, or of the first slice of a volume."""
    region: Box
    """The part that the grid covers: left, top, right, bottom, as shares of width and height."""
    planes: tuple[Slices, ...]
    """For a volume: the slices along each axis, without the images."""
    pictures: tuple[bytes, ...]
    """JPEG: one, or all slices of the first plane, then of the next."""

    def labels(self) -> dict[str, Any]:
        """Return the fields for a JSON file, without the images."""
        planes = [
            {"name": one.name, "axis": one.axis, "flipped": one.flipped, "captions": list(one.captions)}
            for one in self.planes
        ]
        return {"size": list(self.size), "region": list(self.region), "planes": planes}

    def names(self) -> list[str]:
        """Return the names of the images: `0`, or `PLANE/SLICE` for a volume."""
        return _names([len(plane.captions) for plane in self.planes])


def _names(slices: list[int]) -> list[str]:
    return [f"{plane}/{at}" for plane, count in enumerate(slices) for at in range(count)] if slices else ["0"]


def display_image(model: VisionModel, item: ImageItem) -> DisplayImage:
    """Draw an image."""
    image = item.load()
    values = None if isinstance(image, Image.Image) else as_input(model, image)
    if values is not None and values.ndim == 4:
        planes = slices_of(values, RAS_NAMES if item.ras else NAMES, ras=item.ras)
        pictures = [picture for plane in planes for picture in plane.pictures]
        bare = tuple(Slices(one.name, one.axis, one.flipped, one.captions, ()) for one in planes)
        return DisplayImage(pictures[0].size, (0.0, 0.0, 1.0, 1.0), bare, tuple(map(_jpeg, pictures)))
    picture, (left, top, right, bottom) = image_seen(model, image, 0.5)
    region = (left / picture.width, top / picture.height, right / picture.width, bottom / picture.height)
    small = picture.copy()
    small.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    return DisplayImage(small.size, region, (), (_jpeg(small),))


def _jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def save_display_image(folder: Path, number: int, one: DisplayImage) -> None:
    """Write the images of an image as files."""
    for name, content in zip(one.names(), one.pictures, strict=True):
        (folder / _file(number, name)).write_bytes(content)


def load_display_image(folder: Path, number: int, labels: Mapping[str, Any]) -> DisplayImage:
    """Read the images of an image."""
    planes = tuple(
        Slices(one["name"], one["axis"], one["flipped"], tuple(one["captions"]), ()) for one in labels["planes"]
    )
    try:
        pictures = tuple(
            (folder / _file(number, name)).read_bytes() for name in _names([len(p.captions) for p in planes])
        )
    except OSError as error:
        raise CorruptFileError(f"{folder} lacks an image of image {number}: {error.strerror or error}") from error
    (width, height), (left, top, right, bottom) = labels["size"], labels["region"]
    return DisplayImage((width, height), (left, top, right, bottom), planes, pictures)


def _file(number: int, name: str) -> str:
    return f"{number:06}.jpg" if name == "0" else f"{number:06}-{name.replace('/', '-')}.jpg"
