"""Whether an answer can be trusted: checks on a bank, its model and images, and which layer of a bank to ask."""

from sacv.trust.advice import LayerAdvice, advise, ranked
from sacv.trust.audit import Audit, Finding, audit

__all__ = ["Audit", "Finding", "LayerAdvice", "advise", "audit", "ranked"]
