"""Compare a CAV with the other concepts of its layer: cosines, and the AUROC of one concept against another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from sacv.cav.layer_fit import FittedCAV
from sacv.cav.quality import area
from sacv.cav.statistics import SetStatistics
from sacv.cav.vector import CAV


def with_other_concepts(
    fit: FittedCAV, fitted: Sequence[FittedCAV], statistics: Mapping[tuple[str, str], SetStatistics]
) -> CAV:
    """Return the CAV with its figures against the other concepts of its layer."""
    others = [other for other in fitted if other is not fit]
    quality = replace(
        fit.cav.quality,
        cosine={other.cav.concept: float(fit.cav.vector @ other.cav.vector) for other in others},
        conditional_auroc={other.cav.concept: _auroc_against(fit, other, statistics) for other in others},
    )
    return replace(fit.cav, quality=quality)


def _auroc_against(fit: FittedCAV, other: FittedCAV, statistics: Mapping[tuple[str, str], SetStatistics]) -> float:
    """Return the AUROC of the locations of a concept against those of another concept.

    Concepts from tables share images. For them only images that show the other concept but not this one are used, held
    out if they are random images of this concept; the AUROC is 0.5 if there are none.
    """
    concept, random = fit.held_out
    found = statistics[fit.cav.layer, other.entry.key].sample
    scores, weights = found.vectors @ fit.cav.detector, found.weights
    if fit.entry.missing is not None:
        theirs, own = ({image.digest for image in side.entry.images} for side in (other, fit))
        images = fit.against.images
        lacking = [number for number, image in enumerate(images) if image.count == 1 and image.digest in theirs]
        if lacking:
            held = random.part(np.isin(random.image, lacking))
            scores, weights = held.scores, held.weights
        else:
            apart = [number for number, image in enumerate(other.entry.images) if image.digest not in own]
            mask = np.isin(found.image, apart)
            scores, weights = scores[mask], weights[mask]
    return area(concept.scores, scores, concept.weights, weights) if len(scores) else 0.5
