"""Base class of contribution methods, and their input.

The amount of the concept at a location is the distance of its activation from the pool's mean mu along v::

    s(p) = v . (a(p) - mu)        in units of activation along v

Taking the concept out of a location moves its activation to a(p) - s(p) v.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch

from sacv.cav import CAV, ConceptBank
from sacv.deprecation import RenamedAttribute
from sacv.model import Rest


@dataclass(frozen=True, eq=False)
class Scene:
    """A batch of images at one layer, the input of a contribution method.

    Parameters
    ----------
    rest
        The layer, its activations, and the rest of the network.
    values
        The explained value of each image, `(n,)`.
    gradients
        Its gradient, `(n, *grid, channels)`.
    read
        The activations after the bank's preprocessing, `(n, *grid, channels)`.
    relevance
        Float32 `(n, concepts, *grid)`; see `sacv.maps.relevance`.
    position
        Float32 `(n, concepts, *grid)`: v . a(p), a after the bank's preprocessing.
    derivative
        Float32 `(n, concepts, *grid)`: v . dz/da(p).
    cavs, bank
        One CAV for each concept, and their bank.
    """

    rest: Rest
    values: torch.Tensor
    gradients: torch.Tensor
    read: torch.Tensor
    relevance: torch.Tensor
    position: torch.Tensor
    derivative: torch.Tensor
    cavs: Sequence[CAV]
    bank: ConceptBank
    _found: dict[str, torch.Tensor] = field(default_factory=dict, init=False, repr=False)

    seen_of_one = RenamedAttribute("detector_gain")
    edited = RenamedAttribute("ablated")
    without = RenamedAttribute("ablated_values")
    keep_without = RenamedAttribute("set_ablated_values")

    @property
    def layer(self) -> str:
        """Name of the layer."""
        return self.rest.layer

    @property
    def cells(self) -> torch.Tensor:
        """The layer's activations `(n, *grid, channels)`."""
        return self.rest.record.cells

    def amount(self, *, beyond_threshold: bool = False) -> torch.Tensor:
        """Return the concept's amount s(p), float64 `(n, concepts, *grid)`.

        The amount is in units of the activation, also for banks of activations of unit length. With `beyond_threshold`
        it is measured from relevance 0 instead of mu.
        """
        if beyond_threshold:
            found = self.relevance.double() / self.detector_gain()
        else:
            means = [self.bank.random(self.layer, cav.concept).total().mean for cav in self.cavs]
            offsets = torch.tensor(
                [float(cav.vector @ mean) for cav, mean in zip(self.cavs, means, strict=True)], dtype=torch.float64
            )
            found = self.position.double() - _per_concept(offsets, self.position)
        if self.bank.normalised:
            found = found * torch.linalg.vector_norm(self.cells.double(), dim=-1)[:, None]
        return found

    def probability(self) -> torch.Tensor:
        """Return the calibrated probability that a location shows the concept, float64 `(n, concepts, *grid)`.

        It is 1/2 at the threshold. Its logit is the log-likelihood ratio of two normal distributions of equal spread,
        `(s / sd^2) r(p)`, with s the step from the random mean to the concept's along w and sd the standard deviation
        of random locations along w.
        """
        slopes = []
        for cav in self.cavs:
            pool = self.bank.random(self.layer, cav.concept).total()
            step = self.bank.statistics[self.layer, f"concept/{cav.concept}"].total().mean - pool.mean
            spread = float(cav.detector @ pool.covariance @ cav.detector)
            slopes.append(float(cav.detector @ step) / max(spread, 1e-300))
        slope = _per_concept(torch.tensor(slopes, dtype=torch.float64), self.relevance)
        return torch.sigmoid(slope * self.relevance.double())

    def detector_gain(self) -> torch.Tensor:
        """Return w . v of each concept: the evidence of one unit of activation along v."""
        parts = [1.0 if cav.own_detector is None else float(cav.detector @ cav.vector) for cav in self.cavs]
        return _per_concept(torch.tensor(parts, dtype=torch.float64), self.relevance)

    def direction(self, number: int) -> torch.Tensor:
        """Return the vector of a concept, float64 `(channels,)`, on the device of the activations."""
        return torch.from_numpy(np.array(self.cavs[number].vector)).to(self.cells.device)

    def explained(self, row: int, cells: torch.Tensor) -> torch.Tensor:
        """Return the explained value of an image, float64 `(m,)`, for other activations `(m, *grid, channels)`."""
        return self.rest.values(torch.full((len(cells),), row), cells)

    def ablated(
        self, numbers: Sequence[int], amounts: torch.Tensor, share: float = 1.0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Take a share of `amounts` `(n, concepts, *grid)` of some concepts out everywhere, each by itself.

        Returns
        -------
        Numbers of the images, int `(concepts * n,)`, concept by concept, and their activations
        `(concepts * n, *grid, channels)`.
        """
        dtype = self.cells.dtype
        moved = [
            self.cells - (share * amounts[:, number, ..., None]).to(dtype) * self.direction(number).to(dtype)
            for number in numbers
        ]
        return torch.arange(len(self.cells)).repeat(len(numbers)), torch.cat(moved)

    def groups(self) -> list[list[int]]:
        """Divide the concepts into groups whose edited activations fill about one pass."""
        size = max(1, self.rest.width // len(self.cells))
        numbers = list(range(len(self.cavs)))
        return [numbers[start : start + size] for start in range(0, len(numbers), size)]

    @property
    def ablated_values(self) -> torch.Tensor:
        """The explained value of each image with a concept taken out everywhere, float64 `(n, concepts)`.

        One forward pass from the layer on for each image and concept, unless the method has run it
        (`set_ablated_values`).
        """
        if "without" not in self._found:
            amounts = self.amount()
            parts = [self.rest.values(*self.ablated(group, amounts)).reshape(len(group), -1) for group in self.groups()]
            self.set_ablated_values(torch.cat(parts).T)
        return self._found["without"]

    def set_ablated_values(self, values: torch.Tensor) -> None:
        """Set `ablated_values`, float64 `(n, concepts)`, which the method has computed."""
        self._found["without"] = values


def _per_concept(values: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    return values.to(maps.device).reshape(1, -1, *[1] * (maps.ndim - 2))


@dataclass(frozen=True)
class Method(ABC):
    """Base class of contribution methods: a frozen dataclass whose fields are recorded in the explanation."""

    @property
    @abstractmethod
    def unit(self) -> str:
        """Unit of the map."""

    @property
    @abstractmethod
    def meaning(self) -> str:
        """Meaning of the map, in words that complete "contribution is"."""

    @abstractmethod
    def maps(self, scene: Scene) -> torch.Tensor:
        """Return the contribution of every location, float32 `(n, concepts, *grid)`, signed."""

    def describe(self) -> dict[str, Any]:
        """Return the method's name and parameters, as an explanation records them."""
        return {"name": type(self).__name__, "parameters": asdict(self), "unit": self.unit, "meaning": self.meaning}
