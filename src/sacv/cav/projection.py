"""How far activations reach along directions: one product, so that all who compare such values round alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray


def along(
    vectors: torch.Tensor, directions: Sequence[NDArray[np.float64]], offsets: Sequence[float] | None = None
) -> torch.Tensor:
    """Give `w . a(p)`, less an offset for each direction, float32 `(n, directions, *grid)`.

    Parameters
    ----------
    vectors
        `(n, *grid, channels)`; the product is in their precision, at least float32.
    directions
        Float64 `(channels,)` each.
    offsets
        Taken off in float64; none by default.
    """
    dtype = torch.float64 if vectors.dtype == torch.float64 else torch.float32
    stacked = torch.from_numpy(np.stack(directions, axis=1))
    found = (vectors.to(dtype) @ stacked.to(vectors.device, dtype)).double()
    if offsets is not None:
        found = found - torch.tensor(offsets, dtype=torch.float64).to(found.device)
    return found.movedim(-1, 1).float()
