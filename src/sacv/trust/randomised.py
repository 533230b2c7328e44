"""Randomised weights: maps of a network with shuffled weights must differ from those of the trained one.

Every parameter is shuffled within itself, which preserves its distribution and removes what was learnt (Adebayo et al.,
"Sanity checks for saliency maps", arXiv 1810.03292).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr

from sacv.cav import CAV, Preprocessing
from sacv.model import VisionModel

Map = NDArray[np.float64]


def shuffled(model: VisionModel, seed: int) -> VisionModel:
    """Return a copy of the model with every parameter shuffled within itself."""
    net = copy.deepcopy(model.net)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in net.parameters():
            order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
            parameter.copy_(parameter.flatten()[order].reshape(parameter.shape))
    return replace(model, net=net)


def similarity(
    model: VisionModel,
    other: VisionModel,
    inputs: torch.Tensor,
    layer: str,
    cavs: Sequence[CAV],
    preprocessing: Preprocessing,
    inside: NDArray[np.bool_] | None = None,
) -> dict[str, float]:
    """Return, for each concept, the mean rank correlation over images of the two models' relevance maps.

    `inside`, bool `(n, *grid)`, selects the locations that count; all by default.
    """
    maps = [_relevance(one, inputs, layer, cavs, preprocessing) for one in (model, other)]
    found = {}
    for number, cav in enumerate(cavs):
        pairs = list(zip(*(both[:, number] for both in maps), strict=True))
        if inside is not None:
            counts = inside.reshape(len(inside), -1)
            pairs = [(one[part], two[part]) for (one, two), part in zip(pairs, counts, strict=True)]
        values = [
            float(spearmanr(one, two).statistic) if np.ptp(one) > 0 and np.ptp(two) > 0 else 0.0 for one, two in pairs
        ]
        found[cav.concept] = float(np.mean(values))
    return found


def _relevance(
    model: VisionModel, inputs: torch.Tensor, layer: str, cavs: Sequence[CAV], preprocessing: Preprocessing
) -> Map:
    """Return `(n, concepts, locations)` without thresholds, which do not change ranks, and with 0 for NaN."""
    cells = preprocessing(model.activations(inputs, [layer])[layer].cells.double()).flatten(1, -2)
    vectors = torch.from_numpy(np.stack([cav.detector for cav in cavs], axis=1)).to(cells.device)
    along = cells @ vectors
    found: Map = along.transpose(1, 2).cpu().numpy()
    return np.where(np.isfinite(found), found, 0.0)
