"""The one place where names on the command line become contribution methods.

default   gradient   gated   gradient-times-concept   integrated-gradients[:STEPS]   ablation[:WINDOW]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sacv.errors import OptionError

if TYPE_CHECKING:
    from sacv.maps.methods import Ablation, Gated, Gradient, GradientTimesConcept, IntegratedGradients, Method

LEGAL = "default, gradient, gated, gradient-times-concept, integrated-gradients[:STEPS], ablation[:WINDOW]"
"""What may be given, for people."""


def parse_method(text: str) -> Method:
    """Read a contribution method.

    Raises
    ------
    OptionError
        If there is no such method, or its number is outside what is legal.
    """
    from sacv.maps.methods import DEFAULT, Ablation, Gated, Gradient, GradientTimesConcept, IntegratedGradients

    if text == "default":
        return DEFAULT
    plain: dict[str, type[Gradient | Gated | GradientTimesConcept]] = {
        "gradient": Gradient,
        "gated": Gated,
        "gradient-times-concept": GradientTimesConcept,
    }
    counted: dict[str, type[IntegratedGradients | Ablation]] = {
        "integrated-gradients": IntegratedGradients,
        "ablation": Ablation,
    }
    name, colon, value = text.partition(":")
    if name in plain and not colon:
        return plain[name]()
    if name in counted and not colon:
        return counted[name]()
    if name in counted and value.isdecimal():
        return counted[name](int(value))
    raise OptionError(f"--method {text}: give one of {LEGAL}")
