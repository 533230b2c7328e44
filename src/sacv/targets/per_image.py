"""`Each`: a different target for each image, such as a region, box or class."""

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
"""Most targets that `repr` writes in full."""


@dataclass(frozen=True, eq=False)
class Each(Target):
    """A target for each image, in the order of the images explained.

    Parameters
    ----------
    targets
        One for each image: classes by name or index, or any targets.

    Raises
    ------
    TargetError
        If there are none.
    """

    targets: Sequence[Given]

    def __post_init__(self) -> None:
        object.__setattr__(self, "targets", tuple(target_of(target, None) for target in self.targets))
        if not self.targets:
            raise TargetError("no target is given; give one for each image")

    @property
    def _parts(self) -> tuple[Target, ...]:
        return tuple(target_of(target, None) for target in self.targets)

    def values(self, output: Any) -> torch.Tensor:
        """Compute the scalars; see `Target.values`."""
        found = {part: part.values(output) for part in dict.fromkeys(self._parts)}
        if any(len(values) != len(self.targets) for values in found.values()):
            raise TargetError(f"there are targets for {len(self.targets)} images, but the output is for another number")
        return torch.stack([found[part][row] for row, part in enumerate(self._parts)])

    def named(self, names: Sequence[str] | None) -> Each:
        """Return the targets for a model whose classes have these names."""
        return Each([part.named(names) for part in self._parts])

    def at(self, rows: Sequence[int]) -> Each:
        """Return the targets of some images."""
        return Each([self.targets[row] for row in rows])

    def settled(self, logits: torch.Tensor) -> Each:
        """Return the targets with predicted classes replaced by fixed ones."""
        return Each([part.settled(logits[row : row + 1]) for row, part in enumerate(self._parts)])

    def classes(self, logits: torch.Tensor) -> torch.Tensor | None:
        """Return the class of each image, `(n,)`, if all targets are classes."""
        found = [part.classes(logits[row : row + 1]) for row, part in enumerate(self._parts)]
        known = [classes for classes in found if classes is not None]
        return torch.cat(known) if len(known) == len(found) else None

    @property
    def images(self) -> int:
        """Number of images."""
        return len(self.targets)

    @property
    def of_classes(self) -> bool:  # type: ignore[override]
        """Whether all targets are logits of classes."""
        return all(part.of_classes for part in self._parts)

    @property
    def unit(self) -> str:
        """Unit of the scalar."""
        return self._shared([part.unit for part in self._parts]) or "the target's unit"

    @property
    def value(self) -> str:
        """Name of the scalar."""
        return self._shared([part.value for part in self._parts]) or "the value explained of the image"

    @property
    def note(self) -> str | None:
        """Explanation of the scalar for readers."""
        return self._shared([part.note for part in self._parts]) or f"The target is {self}."

    def __str__(self) -> str:
        shared = self._shared([str(part) for part in self._parts])
        return shared if shared is not None else f"a different target for each of {len(self.targets)} images"

    def __repr__(self) -> str:
        if len(self.targets) <= SHOWN:
            return f"Each({list(self._parts)!r})"
        identity = "".join(map(target_identity, self._parts))
        return f"Each(<{len(self.targets)} targets, sha256 {hashlib.sha256(identity.encode()).hexdigest()[:16]}>)"

    @staticmethod
    def _shared(texts: Sequence[str | None]) -> str | None:
        return texts[0] if len(set(texts)) == 1 else None
