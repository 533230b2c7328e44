r"""Which layer of a bank to take, from the bank alone: once for the place of a concept, once for its contribution.

**Place.** Where concepts are marked on photos, the deepest layer that finds the marks on held-out photos nearly as well
as the best one::

    AUROC of marked locations over the photo's others >= best of all layers - 0.01    the mean over photos and concepts

Where they are whole images, such as textures, that cannot be measured, and telling guidance apart saturates long before
a layer sees the concept as photos show it. On real networks the late layers do and the early ones see edges. So it is
the *deepest* layer that tells guidance apart nearly as well as the best one does::

    held-out AUROC of the layer >= best of all layers - 0.02        the mean over concepts

A layer that does not lead to the logits (patch tokens after the last attention) comes last.

**Contribution.** Where concepts are marked on photos, the same order. Where whole images show them, a late layer has
learnt that what fills the frame is background, and contributes with the wrong sign. So it is the *shallowest* layer
that tells guidance apart nearly as well as the best one. Layers where a contribution cannot vary over locations and
images come last.

docs/bench.md has the figures behind both rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from sacv.cav import ConceptBank
from sacv.model import VARIES, VisionModel, contributing
from sacv.model.gradient_locality import NONE

TOLERANCE = 0.02
"""How much less than the best AUROC is near enough."""

PLACE_TOLERANCE = 0.01
"""How much less than the best AUROC of place is near enough; few photos do not tell layers apart better."""


@dataclass(frozen=True)
class LayerAdvice:
    """What a bank says of one of its layers.

    Parameters
    ----------
    layer
        Its name.
    auroc
        Of held-out locations, the mean over concepts.
    least_auroc
        The least over concepts.
    run_cosine
        Between random runs, the mean over concepts; none where fewer than two were drawn.
    contribution
        What the logit's gradient does there (`sacv.model.gradient_locality`).
    near_best
        Whether `auroc` is near enough to the best.
    place_auroc
        How well marks are found on held-out photos, the mean over marked concepts; none where there is none.
    rank, contribution_rank
        From 1, for place and for contribution.
    """

    layer: str
    auroc: float
    least_auroc: float
    run_cosine: float | None
    contribution: str
    near_best: bool
    place_auroc: float | None
    rank: int = 0
    contribution_rank: int = 0


def advise(model: VisionModel, bank: ConceptBank, inputs: torch.Tensor | None = None) -> tuple[LayerAdvice, ...]:
    """Rank the layers of a bank for place and for contribution; give them in the order for place.

    Parameters
    ----------
    model
        The model that the bank was made with.
    bank
        With one or more layers.
    inputs
        Of the size that will be explained, `(n, channels, *size)`; the model's own by default.

    Raises
    ------
    MismatchError
        If the bank was made with another model.
    """
    bank.require(model)
    inputs = model.example() if inputs is None else inputs
    order = list(model.survey(inputs))
    layers = sorted(bank.layers, key=order.index)
    return ranked(bank, layers, contributing(model, inputs, layers))


def ranked(bank: ConceptBank, layers: Sequence[str], varies: Mapping[str, str]) -> tuple[LayerAdvice, ...]:
    """Rank the layers of a bank, in the order for place, where what contributions do is known already.

    Parameters
    ----------
    bank
        With one or more layers.
    layers
        All of the bank, from shallow to deep.
    varies
        By layer, what the logit's gradient does there (`sacv.model.gradient_locality`).
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
            _mean([one.place_auroc for one in quality[layer]]),
        )
        for layer in layers
    ]
    by_place = sorted(reversed(found), key=partial(_place_key, found))  # from deep to shallow where the rest is equal
    if found[0].place_auroc is None:
        varying = sorted(found, key=partial(_contribution_key, found))
    else:
        varying = sorted(by_place, key=lambda one: (one.contribution != VARIES, one.contribution == NONE))
    for_contribution = [one.layer for one in varying]
    return tuple(
        replace(one, rank=rank, contribution_rank=for_contribution.index(one.layer) + 1)
        for rank, one in enumerate(by_place, start=1)
    )


def _place_key(found: Sequence[LayerAdvice], advice: LayerAdvice) -> tuple[bool, bool, float]:
    """Put first what is near the best; the rest follows by its figure."""
    marked = advice.place_auroc is not None  # so it is at every layer, or at none
    legal = any(one.contribution != NONE for one in found)
    figures = {one.layer: one.auroc if one.place_auroc is None else one.place_auroc for one in found}
    best = max(figures[one.layer] for one in found if one.contribution != NONE or not legal)
    near = figures[advice.layer] >= best - (PLACE_TOLERANCE if marked else TOLERANCE)
    return advice.contribution == NONE, not near, 0.0 if near else -figures[advice.layer]


def _contribution_key(found: Sequence[LayerAdvice], advice: LayerAdvice) -> tuple[bool, bool, bool, float]:
    """Put first what is near the best of the layers where a contribution varies; the rest follows by AUROC."""
    legal = [one.auroc for one in found if one.contribution == VARIES] or [one.auroc for one in found]
    near = advice.auroc >= max(legal) - TOLERANCE
    kind = advice.contribution
    return kind != VARIES, kind == NONE, not near, 0.0 if near else -advice.auroc


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
