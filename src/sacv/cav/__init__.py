"""Concept activation vectors: fit, judge and store them in a bank."""

from typing import TYPE_CHECKING

from sacv.cav.bank import ConceptBank
from sacv.cav.fit import fit
from sacv.cav.image_scores import ImageScores
from sacv.cav.merge import merge
from sacv.cav.preprocessing import Preprocessing
from sacv.cav.quality_thresholds import require_strong, weaknesses
from sacv.cav.random_runs import DrawnCAVs
from sacv.cav.refit import refit
from sacv.cav.sets import RANDOM
from sacv.cav.vector import CAV, Quality
from sacv.deprecation import renamed_names

__all__ = [
    "CAV",
    "RANDOM",
    "ConceptBank",
    "DrawnCAVs",
    "ImageScores",
    "Preprocessing",
    "Quality",
    "fit",
    "merge",
    "refit",
    "require_strong",
    "weaknesses",
]

if not TYPE_CHECKING:  # for a type checker, `__getattr__` would make every name exist
    __getattr__ = renamed_names(__name__, {"Reading": "Preprocessing"})
