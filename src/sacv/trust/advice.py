r"""Advice which layer of a bank to use, from the bank alone: for the location of a concept and for its contribution.

**Location.** For concepts with regions: the deepest layer that finds the regions of held-out images nearly as well
as the best one::

    region AUROC of the layer >= best of all layers - 0.01      mean over images and concepts; regions against the rest

For whole images, such as textures, this cannot be measured, and the AUROC on concept images saturates at layers that
only see edges. Late layers of real networks recognise the concept on photos. So the *deepest* layer is advised that
separates concept and random images nearly as well as the best one::

    held-out AUROC of the layer >= best of all layers - 0.02        the mean over concepts

A layer that does not lead to the logits (patch tokens after the last attention) comes last.

**Contribution.** For concepts with regions: the same order. For whole images: a late layer has
learnt that what fills the frame is background, and contributes with the wrong sign. So the *shallowest* layer is
advised that separates concept and random images nearly as well as the best one. Layers where a contribution cannot
vary over locations and images come last.

docs/bench.md has the figures behind both rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from sacv.cav import ConceptBank
from sacv.deprecation import RenamedAttribute
from sacv.model import VARIES, VisionModel, gradient_kinds
from sacv.model.gradient_locality import NONE

TOLERANCE = 0.02
"""Tolerance below the best AUROC."""

REGION_TOLERANCE = 0.01
"""Tolerance below the best region AUROC; a few images cannot distinguish layers more finely."""


@dataclass(frozen=True)
class LayerAdvice:
    """The advice for a layer of a bank, with its figures.

    Parameters
    ----------
    layer
        Its name.
    auroc
        AUROC of held-out locations, mean over concepts.
    least_auroc
        The lowest over concepts.
    run_cosine
        Between random runs, mean over concepts; None for fewer than two runs.
    contribution
        How the logit's gradient varies there (`sacv.model.gradient_locality`).
    near_best
        Whether `auroc` is near enough to the best.
    location_auroc
        AUROC of locations in the regions of held-out images, mean over concepts with regions; None without regions.
    rank, contribution_rank
        Ranks from 1, for location and for contribution.
    """

    layer: str
    auroc: float
    least_auroc: float
    run_cosine: float | None
    contribution: str
    near_best: bool
    location_auroc: float | None
    rank: int = 0
    contribution_rank: int = 0

    place_auroc = RenamedAttribute("location_auroc")


def advise(model: VisionModel, bank: ConceptBank, inputs: torch.Tensor | None = None) -> tuple[LayerAdvice, ...]:
    """Rank the layers of a bank for location and for contribution, in the order for location.

    Parameters
    ----------
    model
        The model that the bank was fitted with.
    bank
        With one or more layers.
    inputs
        Of the size that will be explained, `(n, channels, *size)`; the model's own by default.

    Raises
    ------
    MismatchError
        If the bank was fitted with another model.
    """
    bank.require(model)
    inputs = model.example() if inputs is None else inputs
    order = list(model.survey(inputs))
    layers = sorted(bank.layers, key=order.index)
    return ranked(bank, layers, gradient_kinds(model, inputs, layers))


def ranked(bank: ConceptBank, layers: Sequence[str], varies: Mapping[str, str]) -> tuple[LayerAdvice, ...]:
    """Rank the layers of a bank for given `varies`, in the order for location.

    `layers` are all of the bank, from shallow to deep; `varies`, by layer, how the logit's gradient varies there
    (`sacv.model.gradient_locality`).
    """
    quality = {layer: [bank.cav(layer, concept).quality for concept in bank.concepts] for layer in layers}
    means = {layer: float(np.mean([one.auroc for one in found])) for layer, found in quality.items()}
    best = max(means.values())
    found = [
        LayerAdvice(
            layer,
            means[layer],
            min(one.auroc for one in quality[layer]),
            _mean([one.run_cosine for one in quality[layer]]),
            varies[layer],
            means[layer] >= best - TOLERANCE,
            _mean([one.location_auroc for one in quality[layer]]),
        )
        for layer in layers
    ]
    by_place = sorted(reversed(found), key=partial(_place_key, found))  # ties from deep to shallow
    if found[0].location_auroc is None:
        varying = sorted(found, key=partial(_contribution_key, found))
    else:
        varying = sorted(by_place, key=lambda one: (one.contribution != VARIES, one.contribution == NONE))
    for_contribution = [one.layer for one in varying]
    return tuple(
        replace(one, rank=rank, contribution_rank=for_contribution.index(one.layer) + 1)
        for rank, one in enumerate(by_place, start=1)
    )


def _place_key(found: Sequence[LayerAdvice], advice: LayerAdvice) -> tuple[bool, bool, float]:
    """Return the sort key: layers near the best first, the others by their figure."""
    regions = advice.location_auroc is not None  # the same at every layer
    legal = any(one.contribution != NONE for one in found)
    figures = {one.layer: one.auroc if one.location_auroc is None else one.location_auroc for one in found}
    best = max(figures[one.layer] for one in found if one.contribution != NONE or not legal)
    near = figures[advice.layer] >= best - (REGION_TOLERANCE if regions else TOLERANCE)
    return advice.contribution == NONE, not near, 0.0 if near else -figures[advice.layer]


def _contribution_key(found: Sequence[LayerAdvice], advice: LayerAdvice) -> tuple[bool, bool, bool, float]:
    """Return the sort key: layers near the best with varying contribution first, the others by AUROC."""
    legal = [one.auroc for one in found if one.contribution == VARIES] or [one.auroc for one in found]
    near = advice.auroc >= max(legal) - TOLERANCE
    kind = advice.contribution
    return kind != VARIES, kind == NONE, not near, 0.0 if near else -advice.auroc


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
