"""The trust line of one image: what speaks for and against its maps.

Held-out accuracy does not show that a layer answers the question asked of *this* image. Three looks at the image do
more::

    evidence    where the greatest w . a(p) stands among the concept's own held-out locations
    ablation    the change of the logit when the concept is taken out of the activation, against the gradient's word
    neighbours  rank correlation of the relevance map with those of the bank's neighbouring layers

Taken out means: moved along v to the pool's mean, a'(p) = a(p) - s(p) v with s(p) = v . (a(p) - mu); the gradient says
the logit then changes by -s(p) c(p).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr

from sacv.cav import CAV, ConceptBank
from sacv.model import Select, VisionModel

Map = NDArray[np.float32]

PLACES = 6
"""Locations taken out one by one, the most relevant ones."""

NOTHING = 1e-5
"""Changes of the logit below this share of it are rounding."""


@dataclass(frozen=True)
class Checks:
    """The trust line of one image, layer and concept.

    Parameters
    ----------
    evidence
        Percentile of the image's greatest `w . a(p)` among the concept's held-out guidance locations, 0 to 100.
    beyond
        Whether it exceeds all of them by more than half their range.
    ablation
        Change of the logit when the concept is taken out wherever it is relevant (at the most relevant locations if it
        is nowhere), in logits.
    ablation_by_gradient
        The same change as the gradient foretells it.
    sign_agreement
        Share of single locations where both have the same sign; none where no change exceeds rounding.
    rank_agreement
        Spearman correlation of both over these locations.
    neighbours
        Mean Spearman correlation with the relevance maps of the bank's neighbouring layers; none if there is one layer.
    """

    evidence: float
    beyond: bool
    ablation: float
    ablation_by_gradient: float
    sign_agreement: float | None
    rank_agreement: float | None
    neighbours: float | None = None

    @property
    def doubts(self) -> list[str]:
        """Tell what speaks against the maps."""
        found = []
        if self.evidence < 5:
            found.append(
                f"the image's strongest evidence is weaker than at {100 - self.evidence:.0f} % of the guidance's places"
            )
        if self.beyond:
            found.append("the image's strongest evidence lies far beyond that of all guidance images")
        if self.sign_agreement is not None and self.sign_agreement < 0.75:
            found.append(f"gradient and ablation agree in sign at {self.sign_agreement:.0%} of the places tried")
        elif self.rank_agreement is not None and self.rank_agreement < 0.5:
            found.append(f"gradient and ablation rank places differently (Spearman {self.rank_agreement:.2f})")
        if self.sign_agreement is None:
            found.append("taking the concept out does not move the logit")
        if self.neighbours is not None and self.neighbours < 0.2:
            found.append(f"neighbouring layers see the concept elsewhere (Spearman {self.neighbours:.2f})")
        return found


def check_image(
    model: VisionModel,
    inputs: torch.Tensor,
    layer: str,
    cells: torch.Tensor,
    cavs: Sequence[CAV],
    bank: ConceptBank,
    relevance: Map,
    position: Map,
    derivative: Map,
    select: Select,
    logit: float,
    batch_size: int,
) -> list[Checks]:
    """Check the maps of one image at one layer, for each concept.

    Parameters
    ----------
    model, inputs
        The model, and the image as its input `(1, channels, *size)`.
    layer, cells
        The layer and its activation `(*grid, channels)`.
    cavs, bank
        One CAV for each concept, and where they come from.
    relevance, position, derivative
        `(concepts, *grid)`; see `sacv.maps.relevance`.
    select, logit
        What is explained, and its value.
    batch_size
        Activations run at a time.
    """
    flat = cells.flatten(0, -2).double()
    scale = torch.linalg.vector_norm(flat, dim=-1) if bank.normalised else torch.ones(len(flat), device=flat.device)
    chosen, edited, foretold = [], [], []
    for number, cav in enumerate(cavs):
        mean = bank.random(layer, cav.concept).total().mean
        vector = torch.from_numpy(cav.vector).to(flat.device)
        excess = scale * torch.from_numpy(position[number].ravel() - cav.vector @ mean).to(flat)
        order = np.argsort(-relevance[number], axis=None, kind="stable")[:PLACES]
        relevant = np.flatnonzero(relevance[number] > 0)
        sets = [*(order[place : place + 1] for place in range(len(order))), relevant if len(relevant) else order]
        given = torch.from_numpy(derivative[number].ravel()).to(flat)
        for places in sets:
            changed = flat.clone()
            changed[places] -= excess[places, None] * vector
            edited.append(changed)
            foretold.append(float(-(excess[places] * given[places]).sum()))
        chosen.append(len(sets))
    stacked = torch.stack(edited).reshape(-1, *cells.shape).to(cells.dtype)
    parts = torch.split(stacked, max(batch_size, 1))
    scalars = torch.cat([model.resume(inputs, layer, part, select) for part in parts])
    changes = scalars.double().cpu().numpy() - logit
    found, start = [], 0
    for number, (cav, count) in enumerate(zip(cavs, chosen, strict=True)):
        found.append(
            _compare(
                float(relevance[number].max()) + cav.threshold,
                cav,
                changes[start : start + count],
                np.array(foretold[start : start + count]),
                logit,
            )
        )
        start += count
    return found


def _compare(
    strongest: float, cav: CAV, changes: NDArray[np.float64], foretold: NDArray[np.float64], logit: float
) -> Checks:
    low, high = cav.evidence[0], cav.evidence[-1]
    single, word = changes[:-1], foretold[:-1]
    moved = np.maximum(np.abs(single), np.abs(word)) > NOTHING * max(abs(logit), 1.0)
    agree = float(np.mean(np.sign(single[moved]) == np.sign(word[moved]))) if moved.any() else None
    varied = moved.sum() > 2 and np.ptp(single[moved]) > 0 and np.ptp(word[moved]) > 0
    rank = float(spearmanr(single[moved], word[moved]).statistic) if varied else None
    return Checks(
        evidence=float(np.searchsorted(cav.evidence, strongest, side="right")) / len(cav.evidence) * 100,
        beyond=bool(strongest > high + 0.5 * (high - low)),
        ablation=float(changes[-1]),
        ablation_by_gradient=float(foretold[-1]),
        sign_agreement=agree,
        rank_agreement=rank,
    )


def neighbour_correlation(maps: Sequence[Map]) -> list[float | None]:
    """Give, for one image's relevance maps `(*grid)` of layers in order, the mean correlation with the neighbours'."""
    between = [_correlation(*pair) for pair in pairwise(maps)]
    found: list[float | None] = []
    for index in range(len(maps)):
        beside = [value for value in (between[max(index - 1, 0) : index + 1]) if value is not None]
        found.append(float(np.mean(beside)) if beside else None)
    return found


def _correlation(one: Map, other: Map) -> float | None:
    """Correlate two maps on the coarser of their grids."""
    if one.ndim != other.ndim or not 1 <= one.ndim <= 3:
        return None
    grid = tuple(min(pair) for pair in zip(one.shape, other.shape, strict=True))
    pool = (
        torch.nn.functional.adaptive_avg_pool1d,
        torch.nn.functional.adaptive_avg_pool2d,
        torch.nn.functional.adaptive_avg_pool3d,
    )[one.ndim - 1]
    first, second = (pool(torch.from_numpy(values)[None], grid).ravel().numpy() for values in (one, other))
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(spearmanr(first, second).statistic)
