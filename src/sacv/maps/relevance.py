"""Relevance of every location, and the directional derivative there, for many concepts at once.

With v the CAV and w its detector (norm 1, pointing to the concept; v itself unless the solver gives another), t its
threshold and z the logit explained::

    relevance   r(p) = w . a(p) - t        a preprocessed as for the bank (`sacv.cav.preprocessing`), in its
                                           units; above 0 the concept is present
    derivative  c(p) = v . dz/da(p)        in logits per unit of v; signed

Source: the SACV paper, arXiv 2205.11511, section 3, with the signs and scales stated here.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from sacv.cav import CAV
from sacv.cav.projection import along


def relevance(cells: torch.Tensor, cavs: Sequence[CAV]) -> torch.Tensor:
    """Return the relevance `(n, concepts, *grid)` of activations `(n, *grid, channels)`."""
    return along(cells, [cav.detector for cav in cavs], [cav.threshold for cav in cavs])


def position(cells: torch.Tensor, cavs: Sequence[CAV]) -> torch.Tensor:
    """Return `v . a(p)` of activations `(n, *grid, channels)`, `(n, concepts, *grid)`."""
    return along(cells, [cav.vector for cav in cavs])


def derivative(gradients: torch.Tensor, cavs: Sequence[CAV]) -> torch.Tensor:
    """Return the directional derivative `(n, concepts, *grid)` from gradients of the logit `(n, *grid, channels)`."""
    return along(gradients, [cav.vector for cav in cavs])


def evidence(cells: torch.Tensor, cavs: Sequence[CAV]) -> torch.Tensor:
    """Return `u . a(p)` of activations `(n, *grid, channels)`, `(n, concepts, *grid)`, for the presence mask."""
    return along(cells, [cav.presence_direction for cav in cavs])
