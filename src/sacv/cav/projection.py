"""Project activations on directions. All values that are compared use this function, so that they round equally."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray


def along(
    vectors: torch.Tensor, directions: Sequence[NDArray[np.float64]], offsets: Sequence[float] | None = None
) -> torch.Tensor:
    """Compute `w . a(p)` minus an offset for each direction, float32 `(n, directions, *grid)`.

    `vectors` are `(n, *grid, channels)`, and the product is computed in their dtype, at least float32; `directions`,
    float64 `(channels,)` each. Offsets are subtracted in float64; 0 by default.
    """
    dtype = torch.float64 if vectors.dtype == torch.float64 else torch.float32
    stacked = torch.from_numpy(np.stack(directions, axis=1))
    found = (vectors.to(dtype) @ stacked.to(vectors.device, dtype)).double()
    if offsets is not None:
        found = found - torch.tensor(offsets, dtype=torch.float64).to(found.device)
    return found.movedim(-1, 1).float()
