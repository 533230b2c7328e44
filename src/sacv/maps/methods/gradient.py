"""Methods that use only the gradient, without further passes.

With r the relevance, P the probability of presence and c(p) = v . dz/da(p)::

    Gradient                  c(p)             the paper, arXiv 2205.11511
    Gated                     P(p) c(p)        zero where the concept is absent
    GradientTimesConcept      r(p) c(p)        first-order change of the logit from the threshold to the activation

A gradient describes an infinitesimal step. It may be small for a concept that decides, if the logit saturates;
`IntegratedGradients` and `Ablation` use the whole step. If r is measured along a detector w other than v, the
step along v is r / (w . v).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from sacv.maps.methods.base import Method, Scene


@dataclass(frozen=True)
class Gradient(Method):
    """The directional derivative of the logit along v: the paper's contribution.

    It estimates the effect of slightly more of the concept at a location, whether or not the concept is there.
    """

    unit = "logits per unit of v"
    meaning = "how the value explained would change if the activation at a location moved along v"

    def maps(self, scene: Scene) -> torch.Tensor:
        """Return v . dz/da(p); see `Method.maps`."""
        return scene.derivative


@dataclass(frozen=True)
class Gated(Method):
    """The directional derivative, weighted by the probability that the concept is there."""

    unit = "logits per unit of v, weighted by presence"
    meaning = "the derivative along v, weighted by the probability that the concept is there"

    def maps(self, scene: Scene) -> torch.Tensor:
        """Return P(p) v . dz/da(p); see `Method.maps`."""
        return (scene.probability() * scene.derivative).float()


@dataclass(frozen=True)
class GradientTimesConcept(Method):
    """The directional derivative times the relevance.

    Where the concept is absent (relevance below 0), a positive derivative gives a negative contribution: the logit is
    lower than it would be at the threshold.
    """

    unit = "logits, to first order"
    meaning = "how the value explained changes, to first order, from the threshold to the activation"

    def maps(self, scene: Scene) -> torch.Tensor:
        """Return r(p) / (w . v) times v . dz/da(p); see `Method.maps`."""
        return (scene.relevance.double() / scene.detector_gain() * scene.derivative).float()
