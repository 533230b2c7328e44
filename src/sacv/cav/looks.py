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


def looks(inputs: torch.Tensor) -> NDArray[np.float64]:
    """Measure the inputs of a network, as it sees them.

    Parameters
    ----------
    inputs
        Float `(n, channels, *size)`.

    Returns
    -------
    Float64 `(n, 3)`: the mean; the mean range over the channels; the mean absolute step between neighbours along the
    last axis.
    """
    lines = inputs[:, :, ::STRIDE].float()
    cells = lines[..., ::STRIDE].flatten(2)
    edges = (lines[..., 1:] - lines[..., :-1]).abs().flatten(1).mean(dim=1)
    saturation = (cells.amax(dim=1) - cells.amin(dim=1)).mean(dim=1)
    return torch.stack([cells.mean(dim=(1, 2)), saturation, edges], dim=1).double().cpu().numpy()
