"""Concept activation vectors: fit them, judge them, keep them in a bank."""
