"""Simple image statistics, to detect a random set that differs from the concept images in more than the concept.

A direction that separates dark from bright images, or generated images from photos, is not evidence of the concept.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

STATISTICS = ("brightness", "saturation", "edge energy")
"""The statistics, in the order of the columns."""

STRIDE = 4
"""Step between the rows and columns that are used."""


def image_statistics(inputs: torch.Tensor, inside: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """Compute the image statistics of the inputs of a network.

    Parameters
    ----------
    inputs
        Float `(n, channels, *size)`.
    inside
        Bool `(n, height, width)`: the pixels inside the mask of each image; all by default.

    Returns
    -------
    Float64 `(n, 3)`: the mean; the mean range over the channels; the mean absolute step between neighbours along the
    last axis.
    """
    if inside is not None:
        return np.stack([_inside(*pair) for pair in zip(inputs, torch.from_numpy(inside), strict=True)])
    lines = inputs[:, :, ::STRIDE].float()
    cells = lines[..., ::STRIDE].flatten(2)
    edges = (lines[..., 1:] - lines[..., :-1]).abs().flatten(1).mean(dim=1)
    saturation = (cells.amax(dim=1) - cells.amin(dim=1)).mean(dim=1)
    return torch.stack([cells.mean(dim=(1, 2)), saturation, edges], dim=1).double().cpu().numpy()


def _inside(values: torch.Tensor, inside: torch.Tensor) -> NDArray[np.float64]:
    """Compute the statistics inside the mask of one input `(channels, height, width)`. Small masks use every pixel."""
    stride = STRIDE if bool(inside[::STRIDE, ::STRIDE].any()) else 1
    lines, within = values[:, ::stride].float(), inside[::stride].to(values.device)
    cells = lines[..., ::stride][:, within[:, ::stride]]
    steps = (lines[..., 1:] - lines[..., :-1]).abs()[:, within[:, 1:] & within[:, :-1]]
    edges = steps.mean() if steps.numel() else lines.new_zeros(())
    saturation = (cells.amax(dim=0) - cells.amin(dim=0)).mean()
    return torch.stack([cells.mean(), saturation, edges]).double().cpu().numpy()
