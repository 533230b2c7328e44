r"""How activations are read before a direction is applied to them.

As they are; or at unit length and averaged over neighbouring locations::

    a'(p) = sum over q of w(p - q) a(q) / \|a(q)\|        w normal, with a standard deviation of so many locations

The average is over the locations that there are: at the edge of the grid, w is scaled to sum to 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, prod
from typing import Any

import torch

from sacv.solvers import Solver, UnitLength

REACH = 3
"""Standard deviations beyond which a neighbour has no weight."""


@dataclass(frozen=True)
class Reading:
    """How a bank's CAVs are read.

    Parameters
    ----------
    normalised
        Whether activations are divided by their L2 norm; a zero activation stays zero.
    smoothing
        Standard deviation of the weights of neighbours, in locations; 0 for none.
    """

    normalised: bool = False
    smoothing: float = 0.0

    @classmethod
    def of(cls, solver: Solver) -> Reading:
        """Give the reading that a solver asks for."""
        return cls(True, solver.smoothing) if isinstance(solver, UnitLength) else cls()

    @classmethod
    def described(cls, solver: Mapping[str, Any]) -> Reading:
        """Give the reading of a solver as `Solver.describe` tells of it."""
        if solver["name"] != UnitLength.__name__:
            return cls()
        return cls(True, float(solver["parameters"].get("smoothing", 0.0)))

    def __str__(self) -> str:
        """Say what activations are, in words."""
        if not self.normalised:
            return "as they are"
        averaged = f", averaged over neighbours (sd {self.smoothing:g} locations)" if self.smoothing else ""
        return f"divided by their norm{averaged}"

    def __call__(self, cells: torch.Tensor) -> torch.Tensor:
        """Read activations `(n, *grid, channels)`, of the same shape; in float32 at least, unless as they are."""
        if not self.normalised:
            return cells
        read = unit_length(cells if cells.dtype == torch.float64 else cells.float()).contiguous()
        shape = read.shape
        for axis in range(1, cells.ndim - 1) if self.smoothing else ():
            weights = _weights(shape[axis], self.smoothing).to(read)
            rows = read.reshape(prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :]))
            read = (weights @ rows).reshape(shape)
        return read


def unit_length(cells: torch.Tensor) -> torch.Tensor:
    """Divide activations `(..., channels)` by their L2 norm; a zero activation stays zero."""
    return torch.nn.functional.normalize(cells, dim=-1)


def _weights(side: int, deviation: float) -> torch.Tensor:
    """Give the weight of each location of a row for each, `(side, side)`, whose rows sum to 1."""
    places = torch.arange(side, dtype=torch.float64)
    apart = (places[:, None] - places[None]).abs()
    weights = torch.exp(-((apart / deviation) ** 2) / 2) * (apart <= ceil(REACH * deviation))
    return weights / weights.sum(dim=1, keepdim=True)
