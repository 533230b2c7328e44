"""Volumes on a page: three planes through one place, and inputs as pictures."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from sacv.concepts.formats import Loaded
from sacv.model import VisionModel
from sacv.report import PagePlane

RAS_NAMES, NAMES = ("axial", "coronal", "sagittal"), ("depth", "row", "column")
"""What the planes across depth, height and width are called, of volumes that run to superior, anterior and right, and
of any."""

Marks: TypeAlias = NDArray[np.bool_] | None
Maps: TypeAlias = tuple[NDArray[np.float32], NDArray[np.float32] | None, Marks, Marks]
"""Relevance, contribution, and the marks of each."""

THREE = "Of each volume three planes are drawn, through the place where the concept is most relevant at this layer:"
ANATOMICAL = (
    f"{THREE} axial, with anterior at the top; coronal, with superior at the top; and sagittal, with superior at the "
    "top and anterior at the right. The right of the body is at the right. Voxels are drawn as squares."
)
PLAIN = f"{THREE} across its depth, its rows and its columns. What comes first along an axis is at the top, or left."


def volume_planes(volume: NDArray[np.float32], maps: Maps, *, ras: bool) -> list[PagePlane]:
    """Give the three planes through the place where the first map is greatest.

    Parameters
    ----------
    volume
        Float `(channels, depth, height, width)`; without a depth, it has one of 1.
    maps
        Each `(d, h, w)`, or none; the grid divides the volume evenly.
    ras
        Whether the volume runs to superior, to anterior and to the right.
    """
    relevance, contribution, relevance_marks, contribution_marks = maps
    volume = volume if volume.ndim == 4 else volume[:, None]
    place = np.unravel_index(int(relevance.argmax()), relevance.shape)
    ends = float(volume.min()), float(volume.max())
    planes = []
    for axis, name in enumerate(RAS_NAMES if ras else NAMES):
        at, cells, side = int(place[axis]), relevance.shape[axis], volume.shape[axis + 1]
        slice_at = min(int((at + 0.5) * side / cells), side - 1)
        picture = stretched(_cut(volume, axis + 1, slice_at, ras), ends)
        caption = f"{name}, slice {slice_at + 1} of {side}" if ras else f"{name} {slice_at + 1} of {side}"
        planes.append(
            PagePlane(
                caption,
                picture,
                _cut(relevance, axis, at, ras),
                None if contribution is None else _cut(contribution, axis, at, ras),
                None if relevance_marks is None else _cut(relevance_marks, axis, at, ras),
                None if contribution_marks is None else _cut(contribution_marks, axis, at, ras),
            )
        )
    return planes


def of_image(maps: Maps, row: int) -> Maps:
    """Give the maps of one image out of those of all."""
    relevance, contribution, *marks = maps
    relevance_marks, contribution_marks = (None if one is None else one[row] for one in marks)
    return relevance[row], None if contribution is None else contribution[row], relevance_marks, contribution_marks


def _cut(values: NDArray[Any], axis: int, at: int, ras: bool) -> NDArray[Any]:
    """Take a plane `(..., h, w)`; superior or anterior comes last along its rows, and is drawn at the top."""
    plane: NDArray[Any] = values.take(at, axis)
    return plane[..., ::-1, :] if ras else plane


def as_input(model: VisionModel, image: Loaded) -> NDArray[np.float32]:
    """Give what the network sees of an image, float32 `(channels, *size)`."""
    values = image if isinstance(image, torch.Tensor) else model.transform(image)
    array: NDArray[np.float32] = values.detach().cpu().float().numpy()
    return array


def stretched(values: NDArray[np.float32], ends: tuple[float, float] | None = None) -> Image.Image:
    """Draw `(channels, h, w)`, the first three as colours or the first as grey, from black to white at `ends`."""
    low, high = (float(values.min()), float(values.max())) if ends is None else ends
    scaled = ((values - low) / (high - low or 1.0) * 255).astype(np.uint8)
    planes = scaled[:3] if len(scaled) >= 3 else np.repeat(scaled[:1], 3, axis=0)
    return Image.fromarray(np.ascontiguousarray(np.moveaxis(planes, 0, -1)))
