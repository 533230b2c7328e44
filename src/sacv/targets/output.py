"""`Output`: a number of the network's output, as in regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from sacv.errors import TargetError
from sacv.model import describe_output, tensor_of
from sacv.targets.base import Target


@dataclass(frozen=True, eq=False)
class Output(Target):
    """One number of an output `(n, numbers)` or `(n,)`.

    Parameters
    ----------
    index
        Index of the number.
    """

    of_classes: ClassVar[bool] = False

    index: int = 0

    def values(self, output: Any) -> torch.Tensor:
        """Select the numbers; see `Target.values`."""
        found = tensor_of(output)
        if found is None or found.ndim not in (1, 2):
            raise TargetError(
                f"the network gives {describe_output(output)}; {self} needs (images, numbers) or (images,)"
            )
        columns = found[:, None] if found.ndim == 1 else found
        if not 0 <= self.index < columns.shape[1]:
            raise TargetError(f"output {self.index} is out of range; legal are 0 to {columns.shape[1] - 1}")
        return columns[:, self.index]

    @property
    def unit(self) -> str:
        """Unit of the scalar."""
        return "units of the output"

    @property
    def value(self) -> str:
        """Name of the scalar."""
        return str(self)

    @property
    def note(self) -> str:
        """Explanation of the scalar for readers."""
        return f"The target is {self} of the network; contributions are in its unit."

    def __str__(self) -> str:
        return f"output {self.index}"
