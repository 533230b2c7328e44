"""Reliability checks of one image's maps.

Held-out accuracy does not show that the maps of *this* image are reliable. Three checks of the image do more::

    evidence      percentile of the greatest w . a(p) among the concept's held-out locations
    ablation      change of the logit when the concept is removed from the activation, and the change that the gradient
                  predicts
    neighbours    rank correlation of the relevance map with those of the bank's neighbouring layers

To remove the concept, activations are moved along v to the pool's mean mu everywhere, a'(p) = a(p) - s(p) v with s(p) =
v . (a(p) - mu). The gradient predicts a change of the logit by the sum of -s(p) c(p). The network runs once on the
edited activation for each image, layer and concept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr

from sacv.cav import CAV
from sacv.deprecation import RenamedAttribute
from sacv.maps.layer_maps import Map, Marks
from sacv.maps.methods import Scene
from sacv.stats import Float64

NOTHING = 1e-5
"""Share of the logit below which a change is rounding."""


@dataclass(frozen=True)
class Checks:
    """The reliability checks of one image, layer and concept.

    Parameters
    ----------
    evidence
        Percentile of the image's greatest `w . a(p)` among the concept's held-out locations, 0 to 100.
    beyond
        Whether it exceeds all of them by more than half their range.
    ablation
        Change of the logit when the concept is removed everywhere and the rest of the network runs, in logits.
    ablation_by_gradient
        The same change, predicted by the gradient.
    sign_agreement
        For the image and layer: share of the concepts for which both have the same sign; None if no change exceeds
        rounding.
    rank_agreement
        For the image and layer: Spearman correlation of both over the concepts; None for fewer than three.
    neighbours
        Mean Spearman correlation with the relevance maps of the bank's neighbouring layers; None for a single layer.
    moved
        Whether either change exceeds rounding.
    """

    evidence: float
    beyond: bool
    ablation: float
    ablation_by_gradient: float
    sign_agreement: float | None
    rank_agreement: float | None
    neighbours: float | None = None
    moved: bool = True

    doubts = RenamedAttribute("warnings")
    doubts_of = RenamedAttribute("warnings_for")
    doubts_by_kind = RenamedAttribute("warnings_by_kind")

    @property
    def warnings(self) -> list[str]:
        """The warnings about the maps, in words."""
        return self.warnings_for("the logit")

    def warnings_for(self, value: str) -> list[str]:
        """Return the warnings about the maps; `value` names the explained value."""
        return list(self.warnings_by_kind(value).values())

    def warnings_by_kind(self, value: str) -> dict[str, str]:
        """Return the warnings by kind; `sacv.maps.check_sentences` has a sentence for each."""
        found = {}
        if self.evidence < 5:
            found["weak evidence"] = (
                f"the image's strongest evidence is below {100 - self.evidence:.0f} % of the concept's locations"
            )
        if self.beyond:
            found["evidence beyond"] = "the image's strongest evidence lies far beyond that of all concept images"
        if not self.moved:
            found["unmoved"] = f"taking the concept out does not move {value}"
        elif np.sign(self.ablation) != np.sign(self.ablation_by_gradient):
            found["opposite sign"] = (
                f"the gradient predicts {self.ablation_by_gradient:+.3g} where taking the concept out gives "
                f"{self.ablation:+.3g}"
            )
        elif self.rank_agreement is not None and self.rank_agreement < 0.5:
            found["other order"] = (
                f"gradient and ablation rank the image's concepts differently (Spearman {self.rank_agreement:.2f})"
            )
        if self.neighbours is not None and self.neighbours < 0.2:
            found["other locations"] = f"neighbouring layers see the concept elsewhere (Spearman {self.neighbours:.2f})"
        return found


FIELDS = tuple(one.name for one in fields(Checks))
TRUTHS = ("beyond", "moved")
OPTIONAL = ("sign_agreement", "rank_agreement", "neighbours")


def as_table(lines: Sequence[Sequence[Checks]]) -> Float64:
    """Return checks, by image and concept, as numbers `(images, concepts, fields)`; None becomes NaN."""
    return np.array(
        [
            [[np.nan if (one := getattr(line, name)) is None else one for name in FIELDS] for line in row]
            for row in lines
        ],
        dtype=np.float64,
    )


def from_table(row: Float64) -> tuple[Checks, ...]:
    """Undo `as_table` for one image, `(concepts, fields)`."""
    return tuple(
        Checks(**{name: _value(name, one) for name, one in zip(FIELDS, line, strict=True)}) for line in row.tolist()
    )


def _value(name: str, number: float) -> Any:
    if name in TRUTHS:
        return bool(number)
    return None if name in OPTIONAL and np.isnan(number) else number


def check(scene: Scene, inside: Marks | None = None) -> list[list[Checks]]:
    """Return the checks of a batch at one layer, by image and concept.

    The evidence is of the locations that count, `inside`, bool `(n, *grid)`, if given. The ablation is of all
    locations, since the network sees the whole image.
    """
    logits = scene.values.double()[:, None]
    changes = (scene.ablated_values - logits).cpu().numpy()
    predicted = -(scene.amount() * scene.derivative.double()).flatten(2).sum(dim=2).cpu().numpy()
    seen = scene.relevance
    if inside is not None:
        seen = seen.masked_fill(~torch.from_numpy(inside).to(seen.device)[:, None], -torch.inf)
    strongest = seen.flatten(2).amax(dim=2).cpu().numpy()
    rounding = NOTHING * logits.abs().clamp_min(1.0).cpu().numpy()
    moved = np.maximum(np.abs(changes), np.abs(predicted)) > rounding
    return [_lines(scene.cavs, *image) for image in zip(strongest, changes, predicted, moved, strict=True)]


def _lines(
    cavs: Sequence[CAV], strongest: Map, changes: Float64, predicted: Float64, moved: NDArray[np.bool_]
) -> list[Checks]:
    alike = np.sign(changes[moved]) == np.sign(predicted[moved])
    varied = moved.sum() > 2 and np.ptp(changes[moved]) > 0 and np.ptp(predicted[moved]) > 0
    rank = float(spearmanr(changes[moved], predicted[moved]).statistic) if varied else None
    found = []
    for number, cav in enumerate(cavs):
        greatest, low, high = float(strongest[number]) + cav.threshold, cav.evidence[0], cav.evidence[-1]
        found.append(
            Checks(
                evidence=float(np.searchsorted(cav.evidence, greatest, side="right")) / len(cav.evidence) * 100,
                beyond=bool(greatest > high + 0.5 * (high - low)),
                ablation=float(changes[number]),
                ablation_by_gradient=float(predicted[number]),
                sign_agreement=float(alike.mean()) if len(alike) else None,
                rank_agreement=rank,
                moved=bool(moved[number]),
            )
        )
    return found


def with_neighbours(
    lines: Mapping[str, Sequence[Sequence[Checks]]],
    maps: Mapping[str, Map],
    inside: Mapping[str, Marks] | None = None,
) -> dict[str, tuple[tuple[Checks, ...], ...]]:
    """Add the correlation with neighbouring layers to checks by layer, image and concept.

    By layer, in order, `maps` are relevance `(images, concepts, *grid)`, and `inside` is bool `(images, *grid)`: the
    locations that count; all by default.
    """
    found: dict[str, list[tuple[Checks, ...]]] = {layer: [] for layer in lines}
    for image in range(len(next(iter(maps.values())))):
        counts = None if inside is None else [each[image] for each in inside.values()]
        by_concept = zip(*(each[image] for each in maps.values()), strict=True)
        values = zip(*(neighbour_correlation(each, counts) for each in by_concept), strict=True)
        for layer, neighbours in zip(lines, values, strict=True):
            row = zip(lines[layer][image], neighbours, strict=True)
            found[layer].append(tuple(replace(line, neighbours=value) for line, value in row))
    return {layer: tuple(rows) for layer, rows in found.items()}


def neighbour_correlation(maps: Sequence[Map], inside: Sequence[Marks] | None = None) -> list[float | None]:
    """Return the mean correlation of each layer's relevance map `(*grid)` of an image with those of its neighbours.

    It is over the locations that count, `inside`, bool `(*grid)` of each layer, if given.
    """
    both = [None] * (len(maps) - 1) if inside is None else list(pairwise(inside))
    between = [_correlation(*pair, counts) for pair, counts in zip(pairwise(maps), both, strict=True)]
    found: list[float | None] = []
    for index in range(len(maps)):
        beside = [value for value in (between[max(index - 1, 0) : index + 1]) if value is not None]
        found.append(float(np.mean(beside)) if beside else None)
    return found


def _correlation(one: Map, other: Map, inside: tuple[Marks, Marks] | None = None) -> float | None:
    """Correlate two maps on the coarser grid, over the cells of which at least half counts in both."""
    if one.ndim != other.ndim or not 1 <= one.ndim <= 3:
        return None
    grid = tuple(min(pair) for pair in zip(one.shape, other.shape, strict=True))
    pool = (
        torch.nn.functional.adaptive_avg_pool1d,
        torch.nn.functional.adaptive_avg_pool2d,
        torch.nn.functional.adaptive_avg_pool3d,
    )[one.ndim - 1]
    first, second = (pool(torch.from_numpy(values)[None], grid).ravel().numpy() for values in (one, other))
    if inside is not None:
        shares = [pool(torch.from_numpy(each).float()[None], grid).ravel().numpy() for each in inside]
        both = (shares[0] >= 0.5) & (shares[1] >= 0.5)
        if both.sum() < 3:
            return None
        first, second = first[both], second[both]
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(spearmanr(first, second).statistic)
