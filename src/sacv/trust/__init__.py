"""Checks on a bank, its model and images, and advice which layer of a bank to use."""

from sacv.trust.advice import LayerAdvice, advise, ranked
from sacv.trust.audit import audit
from sacv.trust.findings import Audit, Finding

__all__ = ["Audit", "Finding", "LayerAdvice", "advise", "audit", "ranked"]
