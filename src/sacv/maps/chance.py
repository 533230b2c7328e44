"""Which locations beat chance: the greatest evidence that null CAVs reach anywhere.

With mu and S the mean and covariance of the pool's locations and m_c - m_r the step from the random mean to the
concept's, a CAV's evidence at a location, and its contribution there, are ::

    e(p) = s (v . a(p) - h) / sd^2        with s = v . (m_c - m_r), sd = sqrt(v^T S v), h = v . (m_c + m_r) / 2
    c(p) = v . dz_k/da(p)                 in logits per unit of v

e is the log-likelihood ratio of concept against random for two normal distributions of equal spread: it is above 0
beyond the middle h of the two means. Each null CAV gives one maximum of e, and of |c|, over all locations of all images
explained together. A location beats chance where it exceeds the 95th percentile of these maxima, so that without any
concept the chance that even one location of one map does so is 5 %, for each layer and concept (Nichols and Holmes,
"Nonparametric permutation tests for functional neuroimaging", 2002). A null CAV counts with both signs.

A direction that hardly separates the sets, as those of the null, is hardly evidence of anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from sacv.cav import CAV, RANDOM, ConceptBank

Float64 = NDArray[np.float64]
Map = NDArray[np.float32]
Marks = NDArray[np.bool_]

LEVEL = 0.05
"""Family-wise share of false alarms."""


@dataclass
class Chance:
    """The maxima that the null CAVs of one layer reach, over batches of images.

    Concepts that share a null share its maxima.
    """

    bank: ConceptBank
    layer: str
    cavs: Sequence[CAV]
    highest: dict[int, Float64] = field(default_factory=dict)
    lowest: dict[int, Float64] = field(default_factory=dict)
    strongest: dict[int, Float64] = field(default_factory=dict)

    def add(self, cells: torch.Tensor, gradients: torch.Tensor) -> None:
        """Take in the activations, as the CAVs read them, and gradients of a batch, `(n, *grid, channels)`."""
        for null in {id(cav.null): cav.null for cav in self.cavs if len(cav.null)}.values():
            dtype = torch.float64 if cells.dtype == torch.float64 else torch.float32
            vectors = torch.from_numpy(null.vectors.T).to(cells.device, dtype)
            along = (cells.to(dtype) @ vectors).flatten(0, -2)
            given = (gradients.to(dtype) @ vectors).flatten(0, -2).abs()
            key = id(null)
            self._keep(self.highest, key, along.amax(dim=0), np.maximum)
            self._keep(self.lowest, key, along.amin(dim=0), np.minimum)
            self._keep(self.strongest, key, given.amax(dim=0), np.maximum)

    @staticmethod
    def _keep(kept: dict[int, Float64], key: int, found: torch.Tensor, better: np.ufunc) -> None:
        values = found.double().cpu().numpy()
        kept[key] = better(kept[key], values) if key in kept else values

    def marks(self, cav: CAV, position: Map, contribution: Map) -> tuple[Marks, Marks] | None:
        """Mark the locations that beat chance, in maps `(n, *grid)` of all images; None where no null was drawn.

        `position` is v . a(p): evidence is read along v, whose null is known, also where a detector reads relevance.
        """
        if not len(cav.null):
            return None
        key, null = id(cav.null), cav.null
        pool = self.bank.statistics[self.layer, RANDOM].total()
        _, spread = spread_along(null.vectors, pool.mean, pool.covariance)
        weight = null.separations / spread**2
        above, below = self.highest[key] - null.thresholds, null.thresholds - self.lowest[key]
        maxima = np.concatenate([weight * above, weight * below])
        (own_centre,), (own_spread,) = spread_along(cav.vector[None], pool.mean, pool.covariance)
        limit = critical(maxima) * own_spread**2 / cav.separation + cav.separation / 2 + own_centre
        return position > limit, np.abs(contribution) > critical(self.strongest[key])


def spread_along(vectors: Float64, mean: Float64, covariance: Float64) -> tuple[Float64, Float64]:
    """Give the mean and the standard deviation along each vector `(k, channels)`."""
    variance = np.einsum("kc,kc->k", vectors @ covariance, vectors)
    return vectors @ mean, np.sqrt(np.maximum(variance, np.finfo(np.float64).tiny))


def critical(maxima: Float64) -> float:
    """Give the value that a further maximum of the same kind exceeds with a chance of at most `LEVEL`."""
    place = int(np.ceil((1 - LEVEL) * (len(maxima) + 1)))
    return float(np.sort(maxima)[place - 1]) if place <= len(maxima) else np.inf
