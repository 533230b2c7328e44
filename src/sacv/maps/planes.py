"""Volumes on a page: slices along three axes, and inputs as images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from sacv.concepts.formats import Loaded
from sacv.model import VisionModel

RAS_NAMES, NAMES = ("axial", "coronal", "sagittal"), ("depth", "row", "column")
"""What the planes across depth, height and width are called, of volumes that run to superior, anterior and right, and
of any."""

SLICES = 48
"""Slices drawn along an axis at most, evenly spaced."""

START = "Of each volume slices along three axes are drawn, at first the one where the concept is most relevant:"
ANATOMICAL = (
    f"{START} axial, with anterior at the top; coronal, with superior at the top; and sagittal, with superior at the "
    "top and anterior at the right. The right of the body is at the right. Voxels are drawn as squares."
)
PLAIN = f"{START} across its depth, its rows and its columns. What comes first along an axis is at the top, or left."


@dataclass(frozen=True)
class Slices:
    """The slices of a volume along one axis.

    Parameters
    ----------
    name
        Of the plane.
    axis
        Which axis of the grid they stand across: 0 for depth.
    flipped
        Whether rows are drawn from the last to the first; so are those of the maps.
    captions
        Of each slice.
    pictures
        RGB, each whole slice.
    """

    name: str
    axis: int
    flipped: bool
    captions: tuple[str, ...]
    pictures: tuple[Image.Image, ...]


def slices_of(volume: NDArray[np.float32], names: tuple[str, str, str], *, ras: bool) -> list[Slices]:
    """Return slices along each axis, black and white being the least and greatest value of the volume.

    Of `SLICES` or fewer along an axis all are drawn.

    Parameters
    ----------
    volume
        Float `(channels, depth, height, width)`.
    names
        Of the three planes.
    ras
        Whether the volume runs to superior, to anterior and to the right.
    """
    ends = float(volume.min()), float(volume.max())
    found = []
    for axis, name in enumerate(names):
        side = volume.shape[axis + 1]
        count = min(side, SLICES)
        places = [int((number + 0.5) * side / count) for number in range(count)]
        captions = [f"{name}, slice {at + 1} of {side}" if ras else f"{name} {at + 1} of {side}" for at in places]
        pictures = [stretched(_cut(volume, axis + 1, at, ras), ends) for at in places]
        found.append(Slices(name, axis, ras, tuple(captions), tuple(pictures)))
    return found


def _cut(values: NDArray[Any], axis: int, at: int, ras: bool) -> NDArray[Any]:
    """Take a plane `(..., h, w)`; superior or anterior comes last along its rows, and is drawn at the top."""
    plane: NDArray[Any] = values.take(at, axis)
    return plane[..., ::-1, :] if ras else plane


def as_input(model: VisionModel, image: Loaded) -> NDArray[np.float32]:
    """Return what the network sees of an image, float32 `(channels, *size)`."""
    values = image if isinstance(image, torch.Tensor) else model.transform(image)
    array: NDArray[np.float32] = values.detach().cpu().float().numpy()
    return array


def stretched(values: NDArray[np.float32], ends: tuple[float, float] | None = None) -> Image.Image:
    """Draw `(channels, h, w)`, the first three as colours or the first as grey, from black to white at `ends`."""
    low, high = (float(values.min()), float(values.max())) if ends is None else ends
    scaled = ((values - low) / (high - low or 1.0) * 255).astype(np.uint8)
    planes = scaled[:3] if len(scaled) >= 3 else np.repeat(scaled[:1], 3, axis=0)
    return Image.fromarray(np.ascontiguousarray(np.moveaxis(planes, 0, -1)))
