"""Draw volumes, as slices along three axes, and inputs of the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from sacv.concepts.formats import Loaded
from sacv.model import Box, Framed, VisionModel

RAS_NAMES, NAMES = ("axial", "coronal", "sagittal"), ("depth", "row", "column")
"""Names of the planes across depth, height and width, for volumes in RAS orientation and for others."""

SLICES = 48
"""Maximum number of slices drawn along an axis, evenly spaced."""

START = "Each volume is drawn as slices along three axes, at first the one where the concept is most relevant:"
ANATOMICAL = (
    f"{START} axial, with anterior at the top; coronal, with superior at the top; and sagittal, with superior at the "
    "top and anterior at the right. The right of the body is at the right. Voxels are drawn as squares."
)
PLAIN = f"{START} across its depth, its rows and its columns. The start of an axis is at the top, or left."


@dataclass(frozen=True)
class Slices:
    """The slices of a volume along one axis."""

    name: str
    axis: int
    """The axis of the grid across the slices: 0 for depth."""
    flipped: bool
    """Whether rows are drawn from the last to the first, in the maps too."""
    captions: tuple[str, ...]
    pictures: tuple[Image.Image, ...]
    """RGB image of each slice."""


def slices_of(volume: NDArray[np.float32], names: tuple[str, str, str], *, ras: bool) -> list[Slices]:
    """Return at most `SLICES` slices along each axis, from black to white at the extremes of the volume.

    The volume is float `(channels, depth, height, width)`; `names` are those of the three planes; `ras` is whether the
    axes run to superior, to anterior and to the right.
    """
    ends = float(volume.min()), float(volume.max())
    found = []
    for axis, name in enumerate(names):
        side = volume.shape[axis + 1]
        count = min(side, SLICES)
        positions = [int((number + 0.5) * side / count) for number in range(count)]
        captions = [f"{name}, slice {at + 1} of {side}" if ras else f"{name} {at + 1} of {side}" for at in positions]
        pictures = [stretched(_cut(volume, axis + 1, at, ras), ends) for at in positions]
        found.append(Slices(name, axis, ras, tuple(captions), tuple(pictures)))
    return found


def _cut(values: NDArray[Any], axis: int, at: int, ras: bool) -> NDArray[Any]:
    """Return a plane `(..., h, w)`; in RAS orientation its last row, superior or anterior, is drawn at the top."""
    plane: NDArray[Any] = values.take(at, axis)
    return plane[..., ::-1, :] if ras else plane


def as_input(model: VisionModel, image: Loaded) -> NDArray[np.float32]:
    """Return the input of the network for an image, float32 `(channels, *size)`."""
    values = image if isinstance(image, torch.Tensor) else model.transform(image)
    array: NDArray[np.float32] = values.detach().cpu().float().numpy()
    return array


def stretched(values: NDArray[np.float32], ends: tuple[float, float] | None = None) -> Image.Image:
    """Draw `(channels, h, w)`, the first three as colours or the first as grey, from black to white at `ends`."""
    low, high = (float(values.min()), float(values.max())) if ends is None else ends
    scaled = ((values - low) / (high - low or 1.0) * 255).astype(np.uint8)
    planes = scaled[:3] if len(scaled) >= 3 else np.repeat(scaled[:1], 3, axis=0)
    return Image.fromarray(np.ascontiguousarray(np.moveaxis(planes, 0, -1)))


def image_seen(model: VisionModel, image: Loaded, part: float) -> tuple[Image.Image, Box]:
    """Return the image to draw on, and the part that the grid covers; for a volume the slice at `part` of its depth."""
    if isinstance(image, Image.Image) and isinstance(model.transform, Framed):
        return image, model.transform.region(image.size)
    # The transform cannot be inverted: draw the input itself, with its contrast stretched.
    values = as_input(model, image)
    if values.ndim == 4:
        values = values[:, min(int(part * values.shape[1]), values.shape[1] - 1)]
    if values.ndim == 2:
        values = np.repeat(values[:, None, :], max(values.shape[1] // 8, 1), axis=1)
    picture = stretched(values)
    return picture, (0.0, 0.0, float(picture.width), float(picture.height))
