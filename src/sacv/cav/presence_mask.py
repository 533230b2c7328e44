"""Compute presence masks and p-values of images from their activations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from sacv.cav.presence import LEVEL
from sacv.cav.projection import along
from sacv.cav.vector import CAV

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Present:
    """Presence of a concept in images."""

    mask: Mask
    """Bool `(n, *grid)`: the presence mask, among the locations that count."""
    p_values: NDArray[np.float64]
    """Float64 `(n,)`: p-value of the greatest evidence in each image, under the null that it lacks the concept."""


def present(cav: CAV, cells: torch.Tensor, evidence: NDArray[np.float32], inside: Mask | None = None) -> Present | None:
    """Compute presence masks and p-values of images; None if the CAV is not calibrated.

    `cells` are preprocessed activations `(n, *grid, channels)` on the grid that the CAV was calibrated on; `evidence`,
    `(n, *grid)`, is `u . a(p)` with u = `CAV.presence_direction`; `inside`, bool `(n, *grid)`, are the locations that
    count, all by default.
    """
    counts = np.ones(evidence.shape, dtype=bool) if inside is None else inside
    if cav.presence.threshold is not None:
        mask = evidence > np.float32(cav.presence.threshold)
        found = cav.presence.p_values(_greatest(evidence[:, None], counts)[:, 0])
        return None if found is None else Present(mask & counts, found)
    if cav.image_scores is None:
        return None
    reached = along(cells, list(cav.image_scores.directions)).cpu().numpy()
    found, by_location = (cav.image_scores.p_values(each) for each in (_greatest(reached, counts), reached))
    return None if found is None or by_location is None else Present((by_location <= LEVEL + 1e-9) & counts, found)


def _greatest(reached: NDArray[np.float32], counts: Mask) -> NDArray[np.float32]:
    """Return the maximum along each direction over the locations that count, `(n, directions)`."""
    flat = np.where(counts[:, None], reached, np.float32(-np.inf))
    found: NDArray[np.float32] = flat.reshape(*flat.shape[:2], -1).max(axis=2)
    return found
