"""Trivial statistics of an image, to tell whether a concept differs from the random set in them already.

A direction between generated pictures and photos, or dark and bright ones, tells the sets apart and yet says nothing
of the concept.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

LOOKS = ("brightness", "saturation", "edge energy")
"""What is measured, in the order of the columns."""

STRIDE = 4
"""Every so many rows and columns are looked at, which is plenty for a mean."""


def looks(inputs: torch.Tensor, inside: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """Measure the inputs of a network, as it sees them.

    Parameters
    ----------
    inputs
        Float `(n, channels, *size)`.
    inside
        Bool `(n, height, width)`: what counts of each; all by default.

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
    """Measure what counts of one input `(channels, height, width)`; every pixel, where it is too little for strides."""
    stride = STRIDE if bool(inside[::STRIDE, ::STRIDE].any()) else 1
    lines, within = values[:, ::stride].float(), inside[::stride].to(values.device)
    cells = lines[..., ::stride][:, within[:, ::stride]]
    steps = (lines[..., 1:] - lines[..., :-1]).abs()[:, within[:, 1:] & within[:, :-1]]
    edges = steps.mean() if steps.numel() else lines.new_zeros(())
    saturation = (cells.amax(dim=0) - cells.amin(dim=0)).mean()
    return torch.stack([cells.mean(), saturation, edges]).double().cpu().numpy()
