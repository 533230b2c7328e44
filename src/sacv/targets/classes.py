"""A class as the target: by its name or index, or the predicted class of each image.

The scalar is the logit of the class; if there are logits for each location, their mean over all locations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from sacv.model import class_index, class_logits
from sacv.targets.base import Target

PREDICTED = "predicted"


@dataclass(frozen=True, eq=False)
class Class(Target):
    """The logit of a class.

    Parameters
    ----------
    which
        Its name or index.
    names
        Names of all classes, in the order of the logits; `sacv` fills in the model's.
    """

    which: int | str
    names: tuple[str, ...] | None = field(default=None, repr=False)

    def values(self, output: Any) -> torch.Tensor:
        """Compute the logits; see `Target.values`."""
        logits = class_logits(output)
        return logits[:, self.index(logits.shape[1])]

    def index(self, classes: int) -> int:
        """Return the index of the class in a network with this number of classes.

        Raises
        ------
        TargetError
            If there is no such class.
        """
        return class_index(self.which, self.names, classes)

    def named(self, names: Sequence[str] | None) -> Class:
        """Return the class for a model whose classes have these names."""
        return self if self.names is not None or names is None else replace(self, names=tuple(map(str, names)))

    def classes(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the class, `(n,)`."""
        return torch.full((len(logits),), self.index(logits.shape[1]), device=logits.device)

    @property
    def value(self) -> str:
        """Name of the scalar."""
        return "the logit"

    def __str__(self) -> str:
        if self.names is None or self.which in self.names:
            return str(self.which)
        index = int(self.which) if str(self.which).isdecimal() else len(self.names)
        return self.names[index] if index < len(self.names) else str(self.which)


@dataclass(frozen=True, eq=False)
class Predicted(Target):
    """The greatest logit of each image: the logit of its predicted class."""

    def values(self, output: Any) -> torch.Tensor:
        """Compute the logits; see `Target.values`."""
        return self.settled(class_logits(output)).values(output)

    def settled(self, logits: torch.Tensor) -> Target:
        """Return the target of the classes predicted by `logits`, which no longer change."""
        return _Chosen(self.classes(logits))

    def classes(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the class of each image, `(n,)`."""
        return logits.argmax(dim=1)

    @property
    def value(self) -> str:
        """Name of the scalar."""
        return "the logit"

    def __str__(self) -> str:
        return PREDICTED


@dataclass(frozen=True, eq=False)
class _Chosen(Target):
    """The logits of given classes, int `(n,)`, one for each image."""

    chosen: torch.Tensor

    def values(self, output: Any) -> torch.Tensor:
        logits = class_logits(output)
        chosen = self.chosen.to(logits.device).expand(len(logits))  # one class may be used for many activations
        return logits.gather(1, chosen[:, None])[:, 0]

    def at(self, rows: Sequence[int]) -> Target:
        return _Chosen(self.chosen[list(rows)])
