"""Significance masks: locations that exceed the greatest evidence of null and permuted CAVs.

With m_c - m_r the step from the random mean to the concept's and sd the standard deviation of the random locations
along v, a CAV's evidence at a location, and its contribution there, are ::

    e(p) = s (v . a(p) - h) / sd^2        with s = v . (m_c - m_r), h = v . (m_c + m_r) / 2
    c(p) = v . dz_k/da(p)                 in logits per unit of v

e is the log-likelihood ratio of concept against random for two normal distributions of equal spread. It is above 0
beyond the middle h of the two means.

Relevance is compared with m permuted CAVs: the labels of the concept and random images are permuted, and each permuted
CAV has its own v, s, h and sd. For each, the maximum of e over all locations of all images explained is taken. A
location is significant if b of the m maxima are at least as high and (b + 1) / (m + 1) <= 5 %. Without the concept, the
probability that any location of any map is significant is 5 %, for each layer and concept (Nichols and Holmes,
"Nonparametric permutation tests for functional neuroimaging", 2002). If the concept images are random images, the m + 1
maxima are exchangeable, so that the 5 % are exact: sd is computed from the images labelled random, and from the scatter
within all images, which permutations do not change.

Contribution must exceed two null distributions. The first is the maximum of |c| of m null CAVs of norm 1, fitted on
random images against others: does the network use this direction more than random ones? The second is the maximum of
s |c| of the permuted CAVs, the change of the logit by the step between their sets: is there a concept? The first alone
is not exact, since few random images underestimate the variation of images; the second is, so that both keep the 5 %.
The second uses the step since a permuted CAV, which hardly separates its sets, still leans towards a strong concept:
per unit of v its contribution would be as large as the concept's.

Concepts of annotated images have no permuted CAVs, since their images and the random ones are not exchangeable. Both
masks then use their null CAVs, whose sets are all of random images.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from sacv.cav import CAV, ConceptBank, DrawnCAVs
from sacv.cav.random_runs import spread_along
from sacv.files import Array
from sacv.maps.layer_maps import Marks
from sacv.stats import Float64

LEVEL = 0.05
"""Family-wise share of false alarms."""


@dataclass
class NullMaxima:
    """The maxima of null and permuted CAVs at one layer, over batches of images.

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

        `inside`, bool `(n, *grid)`: the locations that count; all by default.
        """
        if inside is not None:
            counts = torch.from_numpy(inside).to(cells.device)
            cells, gradients = cells[counts], gradients[counts]
        nulls = [cav for cav in self.cavs if len(cav.null)]
        for drawn in {id(drawn): drawn for drawn in map(_against, nulls)}.values():
            _update(self.highest, id(drawn), _along(cells, drawn).amax(dim=0).double().cpu().numpy())
        for drawn in {id(drawn): drawn for cav in nulls for drawn in (cav.null, _against(cav))}.values():
            greatest = _along(gradients, drawn).abs().amax(dim=0)
            _update(self.strongest, id(drawn), greatest.double().cpu().numpy())

    def limits(self, cav: CAV) -> tuple[np.float64, float] | None:
        """Return the thresholds of v . a(p) and |v . dz/da(p)| for the significance masks; None without null CAVs."""
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
        """Add the maxima over other images."""
        for mine, found in ((self.highest, other.highest), (self.strongest, other.strongest)):
            for key, values in found.items():
                _update(mine, key, values)

    def pack(self) -> dict[str, Array]:
        """Return the maxima as arrays, by the number of the concept."""
        return {name: found[key] for name, found, key in self._stored() if key in found}

    def unpack(self, arrays: Mapping[str, Array]) -> None:
        """Undo `pack`, of maxima without images."""
        for name, found, key in self._stored():
            if name in arrays:
                found[key] = arrays[name]

    def _stored(self) -> Iterator[tuple[str, dict[int, Float64], int]]:
        """Yield the name of each array of maxima, their dictionary and their key in it."""
        for number, cav in enumerate(self.cavs):
            for kind, drawn in _drawn(cav).items():
                yield f"highest/{number}/{kind}", self.highest, id(drawn)
                yield f"strongest/{number}/{kind}", self.strongest, id(drawn)

    def spreads(self, cav: CAV, drawn: DrawnCAVs) -> tuple[Float64, float]:
        """Return the spread along each drawn CAV, and along the CAV itself in the same way."""
        pool = self.bank.pool(self.layer, cav.concept)
        if drawn.spreads is None:  # a bank from before they were stored: along the whole pool
            covariance = pool.total().covariance
            variances = [vector @ covariance @ vector for vector in (*drawn.vectors, cav.vector)]
            found = np.sqrt(np.maximum(variances, np.finfo(np.float64).tiny))
            return found[:-1], float(found[-1])
        within = pool.within_images()
        if cav.permuted is not None:
            within = within.within(self.bank.statistics[self.layer, f"concept/{cav.concept}"].within_images())
        whole = np.ones((1, len(pool.image_fold)), dtype=bool)
        return drawn.spreads, float(spread_along(cav.vector[None], within, pool.images, whole)[0])


def _update(maxima: dict[int, Float64], key: int, values: Float64) -> None:
    maxima[key] = np.maximum(maxima[key], values) if key in maxima else values


def _against(cav: CAV) -> DrawnCAVs:
    """Return the CAVs that relevance is compared with."""
    return cav.null if cav.permuted is None else cav.permuted


def _drawn(cav: CAV) -> dict[str, DrawnCAVs]:
    """Return all CAVs that a CAV is compared with."""
    return {"null": cav.null} if cav.permuted is None else {"null": cav.null, "dealt": cav.permuted}


def _along(values: torch.Tensor, drawn: DrawnCAVs) -> torch.Tensor:
    """Project all locations on the vectors, `(locations, draws)`."""
    dtype = torch.float64 if values.dtype == torch.float64 else torch.float32
    return (values.to(dtype) @ torch.from_numpy(drawn.vectors.T).to(values.device, dtype)).flatten(0, -2)


def critical(maxima: Float64) -> float:
    """Return the value that another maximum of the same kind exceeds with a probability of at most `LEVEL`."""
    rank = int(np.ceil((1 - LEVEL) * (len(maxima) + 1)))
    return float(np.sort(maxima)[rank - 1]) if rank <= len(maxima) else np.inf
