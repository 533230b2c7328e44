"""`Target`: base of all that can be explained of an image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from sacv.model import OutputTarget, target_identity


@dataclass(frozen=True, eq=False, repr=False)
class Target(ABC):
    """What is explained: a scalar of each image, from the network's output.

    One's own target is a frozen data class with `values`. Its fields are what finished work is known by, and `str` is
    its name for people. Two targets are equal if they are of one class and their fields are the same.
    """

    of_classes: ClassVar[bool] = True
    """Whether the network's output is logits of classes, so that the class predicted is worth telling."""

    @abstractmethod
    def values(self, output: Any) -> torch.Tensor:
        """Return what is explained of each of n images, float `(n,)`, from the network's output for them.

        Raises
        ------
        TargetError
            If the output holds no such thing.
        """

    def named(self, names: Sequence[str] | None) -> Target:
        """Return the target for a model whose classes have these names."""
        return self

    def at(self, rows: Sequence[int]) -> Target:
        """Return the target for some of the images that it stands for, by their numbers."""
        return self

    def settled(self, logits: torch.Tensor) -> Target:
        """Return the target for a batch whose logits `(n, classes)` are known, which says what is predicted."""
        return self

    def classes(self, logits: torch.Tensor) -> torch.Tensor | None:
        """Return the class explained of each image, int `(n,)`, if it is one."""
        return None

    @property
    def images(self) -> int | None:
        """Number of images that it has something for each of; none if it is the same for all."""
        return None

    @property
    def unit(self) -> str:
        """Unit of the scalar."""
        return "logits"

    @property
    def value(self) -> str:
        """What the scalar is, in words that follow "changes"."""
        return "the value explained"

    @property
    def told(self) -> str | None:
        """What a reader must know of it, as a sentence."""
        return None

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and target_identity(self) == target_identity(other)

    def __hash__(self) -> int:
        return hash(target_identity(self))


@dataclass(frozen=True)
class Aimed(OutputTarget):
    """A target as the network's passes take it."""

    function: Target

    def of(self, rows: range) -> Aimed:
        """Return the target of some images of the batch."""
        return Aimed(self.function.at(rows))

    def scalars(self, output: Any) -> torch.Tensor:
        """Return what is explained of each image."""
        return self.function.values(output)
