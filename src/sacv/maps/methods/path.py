"""Integrated gradients along the concept's direction.

The path leads from the activation without the concept, a(p) - s(p) v at every location, to the activation itself::

    a_u(p) = a(p) - (1 - u) s(p) v,        u from 0 to 1
    I(p)   = s(p) * integral of v . dz/da(p) at a_u over u

The sum over p is the logit minus the logit without the concept (completeness; Sundararajan, Taly and Yan,
"Axiomatic attribution for deep networks", arXiv 1703.01365).

Between neighbouring points of the path, their gradients g and h are mixed, m = (1 - w) g + w h, with the weight w in
[0, 1] whose prediction is closest to the change of the logit between them. The rest of that change is divided among the
locations in proportion to ::

    s(p)^2 (c(p) + mean of c)        c(p) half of |v . g(p)| + |v . h(p)|

since the curvature of the logit contributes with the square of the step. So the map sums to the change of the logit
exactly for any number of points, and two points are enough if the logit is linear along the path.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch

from sacv.errors import OptionError
from sacv.maps.methods.base import Method, Scene

BASELINES = ("mean", "threshold")


@dataclass(frozen=True)
class IntegratedGradients(Method):
    """The gradient along v, integrated from no concept to the activation.

    It misses effects that the concept has only together with other concepts.

    Parameters
    ----------
    steps
        Number of steps of the path. Each takes a forward and a backward pass from the layer on, per image and concept.
    baseline
        The activation without the concept: "mean", the pool's mean along v; or "threshold", where relevance is 0.
    budget
        Maximum work for the paths of all concepts, in forward and backward passes of the whole network; the number of
        steps is lowered to it, by the share of the network after the layer (`sacv.model.cost`), to at least one. A
        single concept has all steps. None for no bound.

    Raises
    ------
    OptionError
        If `steps` is below 1, `budget` not above 0, or there is no such baseline.
    """

    steps: int = 50
    baseline: str = "mean"
    budget: float | None = None

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise OptionError(f"steps must be at least 1, not {self.steps}")
        if self.budget is not None and self.budget <= 0:
            raise OptionError(f"budget must be above 0, or None for no bound, not {self.budget}")
        if self.baseline not in BASELINES:
            raise OptionError(f"baseline must be one of {', '.join(BASELINES)}, not {self.baseline!r}")

    unit = "logits"
    meaning = "the part of a location in the change of the value explained, from no concept anywhere to the image"

    def steps_at(self, share: float, concepts: int) -> int:
        """Return the number of steps at a layer with this share of the network's work after it."""
        if self.budget is None:
            return self.steps
        together = max(self.budget / max(share, 1e-9), self.steps)
        return int(min(max(together / concepts, 1), self.steps))

    def maps(self, scene: Scene) -> torch.Tensor:
        """Return I(p); see `Method.maps`."""
        amounts = scene.amount(beyond_threshold=self.baseline == "threshold")
        steps = self.steps_at(scene.rest.share, len(scene.cavs))
        starts, maps = zip(*(_integral(scene, group, amounts, steps) for group in scene.groups()), strict=True)
        if self.baseline == "mean":
            scene.set_ablated_values(torch.cat(starts, dim=1))
        return torch.cat(maps, dim=1).float()


def _integral(scene: Scene, group: list[int], amounts: torch.Tensor, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return z at the start of the paths of some concepts, `(n, concepts)`, and I(p), `(n, concepts, *grid)`."""
    amount = amounts[:, group]
    points = [_point(scene, group, amounts, 1 - number / steps) for number in range(steps)]
    points.append((scene.values.double()[:, None].expand(-1, len(group)), scene.derivative[:, group].double()))
    found = torch.zeros_like(amount)
    for (before, first), (after, second) in pairwise(points):
        found += _between(amount, steps * (after - before), first, second) / steps
    return points[0][0], found


def _between(amount: torch.Tensor, rise: torch.Tensor, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Divide the rise of z `(n, concepts)` over a step, per unit of the path, among the locations."""
    axes = tuple(range(2, amount.ndim))
    low, high = ((amount * along).sum(dim=axes) for along in (first, second))
    apart = high - low
    share = torch.where(apart == 0, 0.5, (rise - low) / torch.where(apart == 0, 1.0, apart)).clamp(0, 1)
    mixed = amount * torch.lerp(first, second, _over(share, amount))
    slope = (first.abs() + second.abs()) / 2
    bend = amount.square() * (slope + slope.mean(dim=axes, keepdim=True))
    whole = bend.sum(dim=axes)
    missing = torch.where(whole == 0, 0.0, (rise - mixed.sum(dim=axes)) / torch.where(whole == 0, 1.0, whole))
    return mixed + _over(missing, amount) * bend


def _over(values: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    return values.reshape(*values.shape, *[1] * (maps.ndim - 2))


def _point(scene: Scene, group: list[int], amounts: torch.Tensor, share: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return z `(n, concepts)` and v . dz/da(p) `(n, concepts, *grid)` with a share of each concept taken out."""
    values, gradients = scene.rest.slopes(*scene.ablated(group, amounts, share))
    by_concept = gradients.reshape(len(group), len(scene.cells), *gradients.shape[1:])
    along = torch.stack([by_concept[at] @ scene.direction(number) for at, number in enumerate(group)], dim=1)
    return values.reshape(len(group), -1).T, along
