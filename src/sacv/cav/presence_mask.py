"""Where pictures show a concept, and their p-values, from their activations and what the CAV is calibrated on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from sacv.cav.presence import LEVEL
from sacv.cav.projection import along
from sacv.cav.vector import CAV

Marks = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Present:
    """What is told of the presence of a concept in pictures.

    Parameters
    ----------
    marks
        Bool `(n, *grid)`: where it is present, among the locations that count.
    p_values
        Float64 `(n,)`: how likely a picture without it reaches as far somewhere.
    """

    marks: Marks
    p_values: NDArray[np.float64]


def present(
    cav: CAV, cells: torch.Tensor, evidence: NDArray[np.float32], inside: Marks | None = None
) -> Present | None:
    """Hold pictures against those without the concept; none where the CAV is not calibrated.

    Parameters
    ----------
    cav
        The CAV.
    cells
        Activations as it reads them, `(n, *grid, channels)`, on the grid that it was calibrated on.
    evidence
        `(n, *grid)`: `u . a(p)`, with u the direction of `CAV.presence_direction`.
    inside
        Bool `(n, *grid)`: the locations that count; all by default.
    """
    counts = np.ones(evidence.shape, dtype=bool) if inside is None else inside
    if cav.presence.threshold is not None:
        marks = evidence > np.float32(cav.presence.threshold)
        found = cav.presence.p_values(_greatest(evidence[:, None], counts)[:, 0])
        return None if found is None else Present(marks & counts, found)
    if cav.image_scores is None:
        return None
    reached = along(cells, list(cav.image_scores.directions)).cpu().numpy()
    found, places = (cav.image_scores.p_values(each) for each in (_greatest(reached, counts), reached))
    return None if found is None or places is None else Present((places <= LEVEL + 1e-9) & counts, found)


def _greatest(reached: NDArray[np.float32], counts: Marks) -> NDArray[np.float32]:
    """Give the greatest along each direction over the locations that count, `(n, directions)`."""
    flat = np.where(counts[:, None], reached, np.float32(-np.inf))
    found: NDArray[np.float32] = flat.reshape(*flat.shape[:2], -1).max(axis=2)
    return found
