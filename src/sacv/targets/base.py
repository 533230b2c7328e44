"""`Target`: the base class of all targets."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from sacv.model import OutputTarget, target_identity


@dataclass(frozen=True, eq=False, repr=False)
class Target(ABC):
    """The scalar that is explained of each image, computed from the network's output.

    A custom target is a frozen data class with `values`. Stored shards are identified by its fields, and `str` is its
    name in results. Two targets are equal if they have the same class and equal fields.
    """

    of_classes: ClassVar[bool] = True
    """Whether the network's output is logits of classes, so that results name the predicted class."""

    def __init_subclass__(cls) -> None:
        if "told" in vars(cls):
            warnings.warn(f"{cls.__name__}.told is deprecated; rename it to note", DeprecationWarning, stacklevel=2)
            cls.note = vars(cls)["told"]  # type: ignore[method-assign]

    @abstractmethod
    def values(self, output: Any) -> torch.Tensor:
        """Compute the scalars of n images, float `(n,)`, from the network's output for them.

        Raises
        ------
        TargetError
            If the output does not fit the target.
        """

    def named(self, names: Sequence[str] | None) -> Target:
        """Return the target for a model whose classes have these names."""
        return self

    def at(self, rows: Sequence[int]) -> Target:
        """Return the target for some of its images, by their indices."""
        return self

    def settled(self, logits: torch.Tensor) -> Target:
        """Return the target for a batch with logits `(n, classes)`, with predicted classes replaced by fixed ones."""
        return self

    def classes(self, logits: torch.Tensor) -> torch.Tensor | None:
        """Return the class explained of each image, int `(n,)`; None if the target is not a class."""
        return None

    @property
    def images(self) -> int | None:
        """Number of images if the target differs between images; None if it is the same for all."""
        return None

    @property
    def unit(self) -> str:
        """Unit of the scalar."""
        return "logits"

    @property
    def value(self) -> str:
        """Name of the scalar, in words that follow "changes"."""
        return "the value explained"

    @property
    def note(self) -> str | None:
        """Explanation of the scalar for readers of the results, as a sentence; None if none is needed."""
        return None

    @property
    def told(self) -> str | None:
        """Deprecated name of `note`."""
        warnings.warn("Target.told is deprecated; use Target.note", DeprecationWarning, stacklevel=2)
        return self.note

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and target_identity(self) == target_identity(other)

    def __hash__(self) -> int:
        return hash(target_identity(self))


@dataclass(frozen=True)
class Aimed(OutputTarget):
    """A `Target` as an `OutputTarget` of `VisionModel.trace`."""

    function: Target

    def of(self, rows: range) -> Aimed:
        """Return the target of some images of the batch."""
        return Aimed(self.function.at(rows))

    def scalars(self, output: Any) -> torch.Tensor:
        """Compute the scalar of each image."""
        return self.function.values(output)
