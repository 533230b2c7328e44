"""`Each`: a target of its own for each image, such as its own region, box or class."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from sacv.errors import TargetError
from sacv.model import target_identity
from sacv.targets.base import Target
from sacv.targets.parsing import Given, target_of

SHOWN = 8
"""Targets whose own text stands in that of `Each`."""


@dataclass(frozen=True, eq=False)
class Each(Target):
    """A target for each image, in the order of the images explained.

    Parameters
    ----------
    targets
        As many as images: classes by name or index, or any targets.

    Raises
    ------
    TargetError
        If there is none.
    """

    targets: Sequence[Given]

    def __post_init__(self) -> None:
        object.__setattr__(self, "targets", tuple(target_of(one, None) for one in self.targets))
        if not self.targets:
            raise TargetError("no target is given for any image; give one for each")

    @property
    def _parts(self) -> tuple[Target, ...]:
        return tuple(target_of(one, None) for one in self.targets)

    def values(self, output: Any) -> torch.Tensor:
        """Return the scalars; see `Target.values`."""
        found = {one: one.values(output) for one in dict.fromkeys(self._parts)}
        if any(len(values) != len(self.targets) for values in found.values()):
            raise TargetError(f"there are targets for {len(self.targets)} images, but the network gives others")
        return torch.stack([found[one][row] for row, one in enumerate(self._parts)])

    def named(self, names: Sequence[str] | None) -> Each:
        """Return the targets for a model whose classes have these names."""
        return Each([one.named(names) for one in self._parts])

    def at(self, rows: Sequence[int]) -> Each:
        """Return those of some images."""
        return Each([self.targets[row] for row in rows])

    def settled(self, logits: torch.Tensor) -> Each:
        """Return the targets where what is predicted is known."""
        return Each([one.settled(logits[row : row + 1]) for row, one in enumerate(self._parts)])

    def classes(self, logits: torch.Tensor) -> torch.Tensor | None:
        """Return the class of each image, `(n,)`, if all are classes."""
        found = [one.classes(logits[row : row + 1]) for row, one in enumerate(self._parts)]
        known = [one for one in found if one is not None]
        return torch.cat(known) if len(known) == len(found) else None

    @property
    def images(self) -> int:
        """Number of images."""
        return len(self.targets)

    @property
    def of_classes(self) -> bool:  # type: ignore[override]
        """Whether all are of classes."""
        return all(one.of_classes for one in self._parts)

    @property
    def unit(self) -> str:
        """Unit of the scalar."""
        return self._shared([one.unit for one in self._parts]) or "the target's unit"

    @property
    def value(self) -> str:
        """What the scalar is."""
        return self._shared([one.value for one in self._parts]) or "the value explained of the image"

    @property
    def told(self) -> str | None:
        """What a reader must know of it."""
        return self._shared([one.told for one in self._parts]) or f"Explained is {self}."

    def __str__(self) -> str:
        shared = self._shared([str(one) for one in self._parts])
        return shared if shared is not None else f"what is given for each of {len(self.targets)} images"

    def __repr__(self) -> str:
        if len(self.targets) <= SHOWN:
            return f"Each({list(self._parts)!r})"
        marks = "".join(map(target_identity, self._parts))
        return f"Each(<{len(self.targets)} targets, sha256 {hashlib.sha256(marks.encode()).hexdigest()[:16]}>)"

    @staticmethod
    def _shared(texts: Sequence[str | None]) -> str | None:
        return texts[0] if len(set(texts)) == 1 else None
