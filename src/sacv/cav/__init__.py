"""Concept activation vectors: fit them, judge them, keep them in a bank."""

from sacv.cav.bank import ConceptBank
from sacv.cav.fit import fit
from sacv.cav.vector import CAV, Quality

__all__ = ["CAV", "ConceptBank", "Quality", "fit"]
