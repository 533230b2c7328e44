"""Relevance and contribution maps, and the explanation that holds them."""

from sacv.maps.explain import explain
from sacv.maps.explanation import ExplainedImage, Explanation, Note

__all__ = ["ExplainedImage", "Explanation", "Note", "explain"]
