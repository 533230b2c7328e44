"""Integrated gradients along the concept's direction.

The path leads from the activation without the concept, a(p) - s(p) v at every location, to the activation as it is::

    a_u(p) = a(p) - (1 - u) s(p) v,        u from 0 to 1
    I(p)   = s(p) * integral of v . dz/da(p) at a_u over u

The sum over p is the logit as it is minus the logit without the concept (completeness; Sundararajan, Taly and Yan,
"Axiomatic attribution for deep networks", arXiv 1703.01365).

Between two neighbouring points of the path the gradients g and h of both are mixed, (1 - w) g + w h, and the weight w
is the one, of [0, 1], that gives the change of the logit between them. That is exact where the logit bends once
between them, as it does where a ReLU opens, and of second order where it is smooth.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from sacv.errors import OptionError
from sacv.maps.methods.base import Method, Scene

BASELINES = ("mean", "threshold")


@dataclass(frozen=True)
class IntegratedGradients(Method):
    """The gradient along v, integrated from no concept to what is there.

    It misses what the concept does together with others at places that only change when both go.

    Parameters
    ----------
    steps
        Parts of the path; each point between two is a forward and a backward pass from the layer on.
    baseline
        What counts as no concept: "mean", the pool's mean along v; or "threshold", which is where the concept begins.

    Raises
    ------
    OptionError
        If `steps` is below 1, or there is no such baseline.
    """

    steps: int = 50
    baseline: str = "mean"

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise OptionError(f"steps must be at least 1, not {self.steps}")
        if self.baseline not in BASELINES:
            raise OptionError(f"baseline must be one of {', '.join(BASELINES)}, not {self.baseline!r}")

    @property
    def unit(self) -> str:
        """Unit of the map."""
        return "logits"

    @property
    def meaning(self) -> str:
        """What the map says."""
        return "what a place gives to the value explained, on the way from no concept anywhere to what is there"

    def maps(self, scene: Scene) -> torch.Tensor:
        """Give I(p); see `Method.maps`."""
        amounts = scene.amount()
        if self.baseline == "threshold":
            amounts = scene.amount(beyond_threshold=True)
        found = torch.zeros_like(amounts)
        left = torch.linspace(1, 0, self.steps + 1, dtype=torch.float64, device=amounts.device)
        for row, cells in enumerate(scene.cells.double()):
            for number in range(len(scene.cavs)):
                vector, amount = scene.direction(number), amounts[row, number]
                points = cells - (left.reshape(-1, *[1] * amount.ndim) * amount)[..., None] * vector
                found[row, number] = amount * self._mean(scene, row, points, vector, amount)
        return found.float()

    def _mean(
        self, scene: Scene, row: int, points: torch.Tensor, vector: torch.Tensor, amount: torch.Tensor
    ) -> torch.Tensor:
        """Give the mean of v . dz/da(p) over the path, `(*grid)`, from the points `(steps + 1, *grid, channels)`."""
        parts = torch.split(points.to(scene.cells.dtype), scene.batch_size)
        found = [_derivative(scene, row, part) for part in parts]
        values = torch.cat([scalars for scalars, _ in found])
        along = torch.cat([gradients @ vector for _, gradients in found])
        slopes = (along * amount).flatten(1).sum(dim=1)
        rises, steps = values.diff() * self.steps, slopes.diff()
        shares = torch.where(steps == 0, 0.5, (rises - slopes[:-1]) / torch.where(steps == 0, 1.0, steps)).clamp(0, 1)
        shares = shares.reshape(-1, *[1] * amount.ndim)
        return ((1 - shares) * along[:-1] + shares * along[1:]).mean(dim=0)


def _derivative(scene: Scene, row: int, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Give the scalar explained at activations `(m, *grid, channels)`, and its gradient there, float64."""
    start = points.detach().requires_grad_()
    scalars = scene.model.resume(scene.inputs[row : row + 1], scene.layer, start, scene.selects[row])
    gradient = None
    if scalars.requires_grad:
        (gradient,) = torch.autograd.grad(scalars.sum(), start, allow_unused=True)
    slopes = torch.zeros_like(points, dtype=torch.float64) if gradient is None else gradient.double()
    return scalars.detach().double(), slopes
