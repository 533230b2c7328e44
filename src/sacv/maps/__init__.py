"""Relevance and contribution maps, and the explanation that holds them."""

from sacv.maps import methods
from sacv.maps.checks import Checks
from sacv.maps.explain import explain
from sacv.maps.explanation import ExplainedImage, Explanation, LayerMaps, Note

__all__ = ["Checks", "ExplainedImage", "Explanation", "LayerMaps", "Note", "explain", "methods"]
