"""`Difference`: why one class rather than another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from sacv.errors import TargetError
from sacv.model import class_logits
from sacv.targets.base import Target
from sacv.targets.classes import Class
from sacv.targets.parsing import Given, target_of


@dataclass(frozen=True, eq=False)
class Difference(Target):
    """The difference of two targets, such as two logits: why one class rather than another.

    Parameters
    ----------
    one, other
        Classes by name or index, or any two targets.

    Raises
    ------
    TargetError
        If both are the same.
    """

    one: Given
    other: Given

    def __post_init__(self) -> None:
        if target_of(self.one, None) == target_of(self.other, None):
            self._refuse()

    def _refuse(self) -> None:
        raise TargetError(f"the target {self._parts[0]} is compared with itself; name another class (--against)")

    @property
    def _parts(self) -> tuple[Target, Target]:
        return target_of(self.one, None), target_of(self.other, None)

    def values(self, output: Any) -> torch.Tensor:
        """Compute the difference; see `Target.values`."""
        one, other = self._parts
        if isinstance(one, Class) and isinstance(other, Class):
            classes = class_logits(output).shape[1]
            if one.index(classes) == other.index(classes):
                self._refuse()
        return one.values(output) - other.values(output)

    def named(self, names: Sequence[str] | None) -> Difference:
        """Return the difference for a model whose classes have these names."""
        return Difference(target_of(self.one, names), target_of(self.other, names))

    def at(self, rows: Sequence[int]) -> Difference:
        """Return the difference for some images."""
        return self._of(*(part.at(rows) for part in self._parts))

    def settled(self, logits: torch.Tensor) -> Difference:
        """Return the difference with predicted classes replaced by fixed ones."""
        return self._of(*(part.settled(logits) for part in self._parts))

    def _of(self, one: Target, other: Target) -> Difference:
        unchanged = one is self.one and other is self.other
        return self if unchanged else Difference(one, other)

    @property
    def images(self) -> int | None:
        """Number of images if a part differs between images."""
        return next((part.images for part in self._parts if part.images is not None), None)

    @property
    def of_classes(self) -> bool:  # type: ignore[override]
        """Whether both parts are logits of classes."""
        return all(part.of_classes for part in self._parts)

    @property
    def unit(self) -> str:
        """Unit of the scalar."""
        return self._parts[0].unit

    @property
    def value(self) -> str:
        """Name of the scalar."""
        return f"the difference {self}"

    @property
    def note(self) -> str:
        """Explanation of the scalar for readers."""
        one, other = self._parts
        return (
            f"The target is the difference {self}: positive derivatives and contributions favour {one} rather than "
            f"{other}, negative ones {other} rather than {one}; what changes both equally gives 0."
        )

    def __repr__(self) -> str:
        one, other = self._parts
        return f"Difference({one!r}, {other!r})"

    def __str__(self) -> str:
        one, other = self._parts
        return f"{one} - {other}"
