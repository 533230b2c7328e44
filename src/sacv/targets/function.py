"""`Function`: a custom target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from sacv.targets.base import Target


@dataclass(frozen=True, eq=False)
class Function(Target):
    """A function from the network's unchanged output to a float tensor `(n,)`, one scalar for each image."""

    function: Callable[[Any], torch.Tensor]

    def values(self, output: Any) -> torch.Tensor:
        """Call the function; see `Target.values`."""
        return self.function(output)

    def __repr__(self) -> str:
        return f"Function({self})"

    def __str__(self) -> str:
        return str(getattr(self.function, "__name__", type(self.function).__name__))
