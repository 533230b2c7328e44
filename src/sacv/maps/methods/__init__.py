"""Contribution methods: how much the concept at each location contributes to the explained logit."""

from typing import TYPE_CHECKING, Any

from sacv.maps.methods.ablation import Ablation
from sacv.maps.methods.base import Method, Scene
from sacv.maps.methods.gradient import Gated, Gradient, GradientTimesConcept
from sacv.maps.methods.path import IntegratedGradients
from sacv.registry import METHODS, class_named

DEFAULT = IntegratedGradients(steps=3, budget=2.4)
"""The default method of `explain`, chosen with `sacv bench` (docs/contribution.md)."""

__all__ = ["DEFAULT", "Ablation", "Gated", "Gradient", "GradientTimesConcept", "IntegratedGradients", "Method", "Scene"]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Return a registered method that is not imported above (`sacv.registry`)."""
        return class_named(METHODS, name, __name__)
