"""Concept activation vectors: fit them, judge them, keep them in a bank."""

from sacv.cav.bank import ConceptBank
from sacv.cav.fit import fit
from sacv.cav.image_scores import ImageScores
from sacv.cav.merge import merge
from sacv.cav.preprocessing import Reading
from sacv.cav.quality_thresholds import require_strong, weaknesses
from sacv.cav.random_runs import DrawnCAVs
from sacv.cav.refit import refit
from sacv.cav.sets import RANDOM
from sacv.cav.vector import CAV, Quality

__all__ = [
    "CAV",
    "RANDOM",
    "ConceptBank",
    "DrawnCAVs",
    "ImageScores",
    "Quality",
    "Reading",
    "fit",
    "merge",
    "refit",
    "require_strong",
    "weaknesses",
]
