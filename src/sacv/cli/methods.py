"""The one place where names on the command line become contribution methods.

gradient   gated   gradient-times-concept   integrated-gradients[:STEPS]   ablation[:WINDOW]
"""

from __future__ import annotations

from sacv.errors import OptionError
from sacv.maps.methods import Ablation, Gated, Gradient, GradientTimesConcept, IntegratedGradients, Method

LEGAL = "gradient, gated, gradient-times-concept, integrated-gradients[:STEPS], ablation[:WINDOW]"
"""What may be given, for people."""

_PLAIN: dict[str, type[Gradient | Gated | GradientTimesConcept]] = {
    "gradient": Gradient,
    "gated": Gated,
    "gradient-times-concept": GradientTimesConcept,
}
_COUNTED: dict[str, type[IntegratedGradients | Ablation]] = {
    "integrated-gradients": IntegratedGradients,
    "ablation": Ablation,
}


def parse_method(text: str) -> Method:
    """Read a contribution method.

    Raises
    ------
    OptionError
        If there is no such method, or its number is outside what is legal.
    """
    name, colon, value = text.partition(":")
    if name in _PLAIN and not colon:
        return _PLAIN[name]()
    if name in _COUNTED and not colon:
        return _COUNTED[name]()
    if name in _COUNTED and value.isdecimal():
        return _COUNTED[name](int(value))
    raise OptionError(f"--method {text}: give one of {LEGAL}")
