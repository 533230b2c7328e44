"""Significance masks: locations that exceed the greatest evidence of null and permuted CAVs.

With m_c - m_r the step from the random mean to the concept's and sd the standard deviation of the random locations
along v, a CAV's evidence at a location, and its contribution there, are ::

    e(p) = s (v . a(p) - h) / sd^2        with s = v . (m_c - m_r), h = v . (m_c + m_r) / 2
    c(p) = v . dz_k/da(p)                 in logits per unit of v

e is the log-likelihood ratio of concept against random for two normal distributions of equal spread: it is above 0
beyond the middle h of the two means.

Relevance is compared with m permuted CAVs: the labels of the concept and random images together are permuted, each with
its own v, s, h and sd. Of each the greatest e over all locations of all images explained together is taken, and a
location is significant where b of the m reach as high and (b + 1) / (m + 1) <= 5 %: without any concept the chance that
even one location of one map does so is 5 %, for each layer and concept (Nichols and Holmes, "Nonparametric permutation
tests for functional neuroimaging", 2002). If the concept's images are but random images, the m + 1 greatest e are
exchangeable, so that the 5 % are exact: sd is of the images labelled random alone, and the scatter within images,
which no permutation changes, of all.

Contribution is compared with two, and must beat both: by its greatest |c|, m null CAVs, some random images against
others, which are of norm 1 too; and by its greatest s |c|, the change of the logit by the step between its own two
sets, permuted labels. The first asks whether the network uses this direction more than those of chance, the second
whether there is a concept behind it. The first alone is not exact, since the null knows the variation of the random
images only as far as these few show it; the second is, so that both together keep the 5 %.

A direction that hardly separates its sets, as those of permuted labels, is hardly evidence of anything, although with a
strong concept it leans towards that. So it is its step, which is short, that contribution is compared with; per unit of
v it would be as great as the concept's.

Concepts of annotated images have no permuted CAVs, since their images and the random ones are not exchangeable: both
are compared with their null CAVs, whose sets are all of random images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from sacv.cav import CAV, ConceptBank, DrawnCAVs
from sacv.cav.random_runs import spread_along
from sacv.files import Array

Float64 = NDArray[np.float64]
Map = NDArray[np.float32]
Marks = NDArray[np.bool_]

LEVEL = 0.05
"""Family-wise share of false alarms."""


@dataclass
class NullMaxima:
    """The maxima that CAVs of no concept reach at one layer, over batches of images.

    Concepts that share a null share its maxima.
    """

    bank: ConceptBank
    layer: str
    cavs: Sequence[CAV]
    highest: dict[int, Float64] = field(default_factory=dict)
    strongest: dict[int, Float64] = field(default_factory=dict)
    """The greatest |c| of each, of null CAVs and of permuted labels."""

    def add(self, cells: torch.Tensor, gradients: torch.Tensor, inside: Marks | None = None) -> None:
        """Add the activations, after the bank's preprocessing, and gradients of a batch, `(n, *grid, channels)`.

        `inside`, bool `(n, *grid)`, marks the locations that count; all by default.
        """
        if inside is not None:
            counts = torch.from_numpy(inside).to(cells.device)
            cells, gradients = cells[counts], gradients[counts]
        nulls = [cav for cav in self.cavs if len(cav.null)]
        for drawn in {id(drawn): drawn for drawn in map(_against, nulls)}.values():
            self._update(self.highest, id(drawn), _along(cells, drawn).amax(dim=0))
        for drawn in {id(drawn): drawn for cav in nulls for drawn in (cav.null, _against(cav))}.values():
            self._update(self.strongest, id(drawn), _along(gradients, drawn).abs().amax(dim=0))

    @staticmethod
    def _update(maxima: dict[int, Float64], key: int, found: torch.Tensor) -> None:
        values = found.double().cpu().numpy()
        maxima[key] = np.maximum(maxima[key], values) if key in maxima else values

    def marks(self, cav: CAV, position: Map, contribution: Map) -> tuple[Marks, Marks] | None:
        """Return the significance masks of maps `(n, *grid)` of all images; None without null CAVs.

        `position` is v . a(p): evidence is read along v, whose null is known, also where a detector reads relevance.
        """
        limits = self.limits(cav)
        return None if limits is None else (position > limits[0], np.abs(contribution) > limits[1])

    def limits(self, cav: CAV) -> tuple[np.float64, float] | None:
        """Return what `position`, and what the size of `contribution`, must exceed; None without null CAVs."""
        if not len(cav.null):
            return None
        drawn = _against(cav)
        spreads, own_spread = self.spreads(cav, drawn)
        maxima = drawn.separations / spreads**2 * (self.highest[id(drawn)] - drawn.thresholds)
        middle = cav.vector @ self.bank.random(self.layer, cav.concept).total().mean + cav.separation / 2
        limit = critical(maxima) * own_spread**2 / cav.separation + middle
        least = critical(self.strongest[id(cav.null)])
        if cav.permuted is not None:
            least = max(least, critical(drawn.separations * self.strongest[id(drawn)]) / cav.separation)
        return np.float64(limit), least

    def join(self, other: NullMaxima) -> None:
        """Add what was reached over other images."""
        for mine, found in ((self.highest, other.highest), (self.strongest, other.strongest)):
            for key, values in found.items():
                mine[key] = np.maximum(mine[key], values) if key in mine else values

    def pack(self) -> dict[str, Array]:
        """Return the maxima as arrays, by the number of the concept."""
        arrays: dict[str, Array] = {}
        for number, cav in enumerate(self.cavs):
            for kind, drawn in _drawn(cav).items():
                for what, found in (("highest", self.highest), ("strongest", self.strongest)):
                    if id(drawn) in found:
                        arrays[f"{what}/{number}/{kind}"] = found[id(drawn)]
        return arrays

    def unpack(self, arrays: Mapping[str, Array]) -> None:
        """Invert `pack`, of the maxima over no image yet."""
        for number, cav in enumerate(self.cavs):
            for kind, drawn in _drawn(cav).items():
                for what, found in (("highest", self.highest), ("strongest", self.strongest)):
                    if f"{what}/{number}/{kind}" in arrays:
                        found[id(drawn)] = arrays[f"{what}/{number}/{kind}"]

    def spreads(self, cav: CAV, drawn: DrawnCAVs) -> tuple[Float64, float]:
        """Return the spread of each drawn CAV and of the CAV itself, measured alike."""
        pool = self.bank.pool(self.layer, cav.concept)
        if drawn.spreads is None:  # a bank from before they were kept: all along the whole pool
            covariance = pool.total().covariance
            variances = [vector @ covariance @ vector for vector in (*drawn.vectors, cav.vector)]
            found = np.sqrt(np.maximum(variances, np.finfo(np.float64).tiny))
            return found[:-1], float(found[-1])
        within = pool.within_images()
        if cav.permuted is not None:
            within = within.within(self.bank.statistics[self.layer, f"concept/{cav.concept}"].within_images())
        whole = np.ones((1, len(pool.image_fold)), dtype=bool)
        return drawn.spreads, float(spread_along(cav.vector[None], within, pool.images, whole)[0])


def _against(cav: CAV) -> DrawnCAVs:
    """Return what relevance is compared with."""
    return cav.null if cav.permuted is None else cav.permuted


def _drawn(cav: CAV) -> dict[str, DrawnCAVs]:
    """Return all that a CAV is compared with."""
    return {"null": cav.null} if cav.permuted is None else {"null": cav.null, "dealt": cav.permuted}


def _along(values: torch.Tensor, drawn: DrawnCAVs) -> torch.Tensor:
    """Return all locations along the vectors, `(locations, draws)`."""
    dtype = torch.float64 if values.dtype == torch.float64 else torch.float32
    return (values.to(dtype) @ torch.from_numpy(drawn.vectors.T).to(values.device, dtype)).flatten(0, -2)


def critical(maxima: Float64) -> float:
    """Return the value that a further maximum of the same kind exceeds with a chance of at most `LEVEL`."""
    place = int(np.ceil((1 - LEVEL) * (len(maxima) + 1)))
    return float(np.sort(maxima)[place - 1]) if place <= len(maxima) else np.inf
