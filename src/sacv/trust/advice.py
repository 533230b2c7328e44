"""Which layer of a bank to ask, from held-out quality alone.

The deeper the layer, the better guidance is told apart, but the more of a picture each location sees, and the less the
layer still keeps what the question needs. So the advice is the shallowest layer that tells guidance apart nearly as
well as the best one does::

    held-out AUROC of the layer >= best of all layers - 0.02        the mean over concepts

docs/bench.md says how it was chosen. A layer
where a contribution cannot vary comes last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from sacv.cav import ConceptBank
from sacv.model import VARIES, VisionModel, contributing

TOLERANCE = 0.02
"""How much less than the best AUROC is near enough."""


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
        What the logit's gradient does there (`sacv.model.contributing`).
    near_best
        Whether `auroc` is near enough to the best.
    """

    layer: str
    auroc: float
    least_auroc: float
    run_cosine: float | None
    contribution: str
    near_best: bool


def advise(model: VisionModel, bank: ConceptBank, inputs: torch.Tensor | None = None) -> tuple[LayerAdvice, ...]:
    """Rank the layers of a bank, the one to ask first.

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
    varies = contributing(model, inputs, layers)
    quality = {layer: [bank.cav(layer, concept).quality for concept in bank.concepts] for layer in layers}
    means = {layer: float(np.mean([one.auroc for one in found])) for layer, found in quality.items()}
    best = max(means[layer] for layer in layers if varies[layer] == VARIES or VARIES not in varies.values())
    found = [
        LayerAdvice(
            layer,
            means[layer],
            min(one.auroc for one in quality[layer]),
            _mean([one.run_cosine for one in quality[layer]]),
            varies[layer],
            means[layer] >= best - TOLERANCE,
        )
        for layer in layers
    ]
    # What is near the best keeps its order, from shallow to deep; the rest follows by its AUROC.
    return tuple(sorted(found, key=_rank))


def _rank(advice: LayerAdvice) -> tuple[bool, bool, float]:
    return advice.contribution != VARIES, not advice.near_best, 0.0 if advice.near_best else -advice.auroc


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
