"""Relevance and contribution maps, and the explanation that holds them."""

from sacv.maps import methods
from sacv.maps.explain import explain
from sacv.maps.explanation import Explanation, Note
from sacv.maps.explanations import Explanations, open_saved
from sacv.maps.images import ExplainedImage
from sacv.maps.layer_maps import LayerMaps
from sacv.maps.reliability import Checks

__all__ = [
    "Checks",
    "ExplainedImage",
    "Explanation",
    "Explanations",
    "LayerMaps",
    "Note",
    "explain",
    "methods",
    "open_saved",
]
