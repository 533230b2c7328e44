"""How a CAV relates to the other concepts of its layer: cosines, and the AUROC of one concept against another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from sacv.cav.layer_fit import FittedCAV
from sacv.cav.quality import area
from sacv.cav.statistics import SetStatistics
from sacv.cav.vector import CAV


def with_other_concepts(
    one: FittedCAV, fitted: Sequence[FittedCAV], statistics: Mapping[tuple[str, str], SetStatistics]
) -> CAV:
    """Add how the CAV stands to the other concepts of its layer."""
    others = [other for other in fitted if other is not one]
    quality = replace(
        one.cav.quality,
        cosine={other.cav.concept: float(one.cav.vector @ other.cav.vector) for other in others},
        conditional_auroc={other.cav.concept: _auroc_against(one, other, statistics) for other in others},
    )
    return replace(one.cav, quality=quality)


def _auroc_against(one: FittedCAV, other: FittedCAV, statistics: Mapping[tuple[str, str], SetStatistics]) -> float:
    """Give the AUROC of a concept against another.

    Concepts of tables share pictures: there it is against those that show the other and lack the one, held out where
    they are its random images. It is 0.5 where there are none.
    """
    concept, random = one.held_out
    found = statistics[one.cav.layer, other.entry.key].sample
    scores, weights = found.vectors @ one.cav.detector, found.weights
    if one.entry.missing is not None:
        theirs, own = ({image.digest for image in side.entry.images} for side in (other, one))
        images = one.against.images
        lacking = [number for number, image in enumerate(images) if image.count == 1 and image.digest in theirs]
        if lacking:
            held = random.part(np.isin(random.image, lacking))
            scores, weights = held.scores, held.weights
        else:
            apart = [number for number, image in enumerate(other.entry.images) if image.digest not in own]
            kept = np.isin(found.image, apart)
            scores, weights = scores[kept], weights[kept]
    return area(concept.scores, scores, concept.weights, weights) if len(scores) else 0.5
