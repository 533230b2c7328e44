"""NIfTI volumes, read with nibabel as float32 tensors `(1, depth, height, width)` in [0, 1], the input of the network.

The axes are reordered to the nearest RAS orientation: depth runs from inferior to superior, height from posterior to
anterior, width from left to right. Voxels are not resampled. Values (scaled by the file's slope and intercept) are
clipped to the user's window, or else to the percentiles 0.5 and 99.5 of the volume, and mapped to [0, 1].
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sacv.concepts.formats.base import EXTRA, Format, require_values
from sacv.errors import UnreadableImageError
from sacv.model.window import Window
from sacv.optional import require

SUFFIXES = (".nii", ".nii.gz")

PERCENTILES = (0.5, 99.5)
"""Percentiles of the volume that become black and white without a window."""

HEADER_LIMIT = 2**20
"""Most bytes before the first voxel; a file with more is damaged."""


def _claims(path: Path, head: bytes) -> bool:
    return path.name.lower().endswith(SUFFIXES)


def _check(path: Path) -> None:
    _open(path)


def _read(path: Path, window: Window | None) -> torch.Tensor:
    volume = require("nibabel", extra=EXTRA).as_closest_canonical(_open(path))
    values = volume.get_fdata(dtype=np.float32, caching="unchanged")
    values = values.reshape((*values.shape, 1, 1)[:3]) if values.ndim < 3 else values.reshape(values.shape[:3])
    if not np.isfinite(values).all():
        raise UnreadableImageError(
            f"{path} holds values that are not finite; replace them by numbers, for example with numpy.nan_to_num"
        )
    shares = _of_range(values) if window is None else window(values)
    return torch.from_numpy(np.ascontiguousarray(shares.T, dtype=np.float32))[None]


NIFTI = Format("NIfTI", "nibabel.global", _claims, _check, _read, SUFFIXES, ras=True)


def _open(path: Path) -> Any:
    """Open a file, and check that it holds one volume of a safe size and of real numbers."""
    volume = require("nibabel", extra=EXTRA).load(path)
    shape = tuple(int(side) for side in volume.shape)
    require_values(path, shape)
    if any(side > 1 for side in shape[3:]):
        raise UnreadableImageError(
            f"{path} holds several volumes (its shape is {shape}), but a file must hold one: write each to its own file"
        )
    dtype = volume.get_data_dtype()
    if dtype.fields is not None or dtype.kind not in "iuf":
        raise UnreadableImageError(f"{path} has voxels of type {dtype}; write them as single real numbers")
    if not 0 <= float(volume.dataobj.offset) <= HEADER_LIMIT:
        raise UnreadableImageError(f"{path} announces its voxels at byte {volume.dataobj.offset}; write it again")
    return volume


def _of_range(values: NDArray[np.float32]) -> NDArray[Any]:
    """Map the percentiles to 0 and 1; if they are equal, the extremes; a constant volume to 0."""
    for ends in (np.percentile(values, PERCENTILES), (values.min(), values.max())):
        low, high = (float(end) for end in ends)
        if low < high:
            return Window(low, high)(values)
    return np.zeros_like(values)
