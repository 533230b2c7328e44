"""Whether an answer can be trusted: checks on a bank, its model and images."""

from sacv.trust.audit import Audit, Finding, audit

__all__ = ["Audit", "Finding", "audit"]
