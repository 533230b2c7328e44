r"""Activation preprocessing, before a direction is applied.

There is no preprocessing, or activations are divided by their norm and averaged over neighbouring locations::

    a'(p) = sum over q of w(p - q) a(q) / \|a(q)\|        w Gaussian, with a standard deviation in locations

At the edge of the grid, w is normalised to sum to 1 over the locations of the grid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, prod
from typing import Any

import torch

from sacv.solvers import Solver, UnitLength

REACH = 3
"""Number of standard deviations at which the weights are cut off."""


@dataclass(frozen=True)
class Preprocessing:
    """The activation preprocessing of a bank.

    Parameters
    ----------
    normalised
        Whether activations are divided by their L2 norm; a zero activation stays zero.
    smoothing
        Standard deviation of the weights of neighbours, in locations; 0 for no averaging.
    """

    normalised: bool = False
    smoothing: float = 0.0

    @classmethod
    def of(cls, solver: Solver) -> Preprocessing:
        """Return the preprocessing that a solver needs."""
        return cls(True, solver.smoothing) if isinstance(solver, UnitLength) else cls()

    @classmethod
    def described(cls, solver: Mapping[str, Any]) -> Preprocessing:
        """Return the preprocessing from the result of `Solver.describe`."""
        if solver["name"] != UnitLength.__name__:
            return cls()
        return cls(True, float(solver["parameters"].get("smoothing", 0.0)))

    def __str__(self) -> str:
        """Describe the preprocessing in words."""
        if not self.normalised:
            return "without preprocessing"
        averaged = f", averaged over neighbours (sd {self.smoothing:g} locations)" if self.smoothing else ""
        return f"divided by their norm{averaged}"

    def __call__(self, cells: torch.Tensor) -> torch.Tensor:
        """Preprocess activations `(n, *grid, channels)`. Normalised activations are at least float32."""
        if not self.normalised:
            return cells
        found = unit_length(cells if cells.dtype == torch.float64 else cells.float()).contiguous()
        shape = found.shape
        for axis in range(1, cells.ndim - 1) if self.smoothing else ():
            weights = _weights(shape[axis], self.smoothing).to(found)
            rows = found.reshape(prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :]))
            found = (weights @ rows).reshape(shape)
        return found


def unit_length(cells: torch.Tensor) -> torch.Tensor:
    """Divide activations `(..., channels)` by their L2 norm; a zero activation stays zero."""
    return torch.nn.functional.normalize(cells, dim=-1)


def _weights(side: int, deviation: float) -> torch.Tensor:
    """Return the smoothing matrix along one axis, `(side, side)`; its rows sum to 1."""
    positions = torch.arange(side, dtype=torch.float64)
    distances = (positions[:, None] - positions[None]).abs()
    weights = torch.exp(-((distances / deviation) ** 2) / 2) * (distances <= ceil(REACH * deviation))
    return weights / weights.sum(dim=1, keepdim=True)
