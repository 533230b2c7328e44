"""Relevance of every location, and the directional derivative there, for many concepts at once.

With v the CAV and w its detector (norm 1, pointing to the concept; v itself unless the solver parts them), t its
threshold and z the logit explained::

    relevance   r(p) = w . a(p) - t        a as the bank reads it (`sacv.cav.reading`), in its units; above 0 the
                                           concept is present
    derivative  c(p) = v . dz/da(p)        in logits per unit of v; signed

Source: the SACV paper, arXiv 2205.11511, section 3, with the signs and scales stated here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from sacv.cav import CAV


def relevance(cells: torch.Tensor, cavs: Sequence[CAV]) -> torch.Tensor:
    """Give the relevance `(n, concepts, *grid)` of activations `(n, *grid, channels)`."""
    thresholds = torch.tensor([cav.threshold for cav in cavs], dtype=torch.float64)
    return _along(cells, [cav.detector for cav in cavs], thresholds)


def position(cells: torch.Tensor, cavs: Sequence[CAV]) -> torch.Tensor:
    """Give how far activations `(n, *grid, channels)` lie along each v, `(n, concepts, *grid)`: v . a(p)."""
    return _along(cells, [cav.vector for cav in cavs], torch.zeros(len(cavs), dtype=torch.float64))


def derivative(gradients: torch.Tensor, cavs: Sequence[CAV]) -> torch.Tensor:
    """Give the directional derivative `(n, concepts, *grid)` from gradients of the logit `(n, *grid, channels)`."""
    return _along(gradients, [cav.vector for cav in cavs], torch.zeros(len(cavs), dtype=torch.float64))


def _along(vectors: torch.Tensor, given: Sequence[NDArray[np.float64]], offset: torch.Tensor) -> torch.Tensor:
    dtype = torch.float64 if vectors.dtype == torch.float64 else torch.float32
    directions = torch.from_numpy(np.stack(given, axis=1))
    along = vectors.to(dtype) @ directions.to(vectors.device, dtype)
    return (along.double() - offset.to(along.device)).movedim(-1, 1).float()
