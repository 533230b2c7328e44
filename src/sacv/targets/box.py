"""`BoxScore`: what a detector thinks of a box.

The scalar is the greatest score of a class among the boxes found that overlap the given one, by intersection over
union. Where none does it is 0 and nothing contributes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import torch

from sacv.errors import TargetError
from sacv.model import class_index, describe_output
from sacv.targets.base import Target

FIELDS = ("boxes", "scores", "labels")


@dataclass(frozen=True, eq=False)
class BoxScore(Target):
    """The score that a detector gives a box, for networks that give detections as torchvision's do.

    That is a dict for each image with boxes `(found, 4)`, scores `(found,)` and labels `(found,)`. The scores must
    carry a gradient, as those of torchvision's detectors do. A box of its own for each image is given by `Each`.

    Parameters
    ----------
    box
        Left, top, right and bottom in pixels of the network's input.
    class_
        The label, by number or by the model's name for it.
    overlap
        Least intersection over union, of (0, 1].
    names
        Of all labels; `sacv` gives the model's.

    Raises
    ------
    TargetError
        If the box has no area, or `overlap` is not in (0, 1].
    """

    of_classes: ClassVar[bool] = False

    box: tuple[float, float, float, float]
    class_: int | str
    overlap: float = 0.5
    names: tuple[str, ...] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        box = tuple(float(side) for side in self.box)
        if len(box) != 4 or not (box[0] < box[2] and box[1] < box[3]):
            raise TargetError(f"a box is left, top, right, bottom with left < right and top < bottom, not {box}")
        if not 0 < self.overlap <= 1:
            raise TargetError(f"overlap must be above 0 and at most 1, not {self.overlap}")
        object.__setattr__(self, "box", box)

    def values(self, output: Any) -> torch.Tensor:
        """Return the scores; see `Target.values`."""
        if not (isinstance(output, list | tuple) and output and all(map(_detected, output))):
            raise TargetError(
                f"the network gives {describe_output(output)}; a box's score needs detections: for each image a dict of "
                "boxes, scores and labels"
            )
        return torch.stack([self._score(found) for found in output])

    def _score(self, found: Mapping[str, torch.Tensor]) -> torch.Tensor:
        boxes, scores, labels = (found[name] for name in FIELDS)
        if torch.is_grad_enabled() and not scores.requires_grad:
            raise TargetError(
                "the detector's scores carry no gradient: something between the layer and them is not differentiable; "
                "ask about a layer that leads to them, or let the network give its class logits and explain those"
            )
        overlaps = _overlap(boxes.detach(), boxes.new_tensor(self.box))
        chosen = (labels == self._label) & (overlaps >= self.overlap)
        return scores[chosen].max() if bool(chosen.any()) else scores.sum() * 0

    @property
    def _label(self) -> int:
        if self.names is not None:
            return class_index(self.class_, self.names, len(self.names))
        if not str(self.class_).isdecimal():
            raise TargetError(f"the label {self.class_!r} is a name, but the model has no class names; give its number")
        return int(self.class_)

    def named(self, names: Sequence[str] | None) -> BoxScore:
        """Return the target for a model whose labels have these names."""
        return self if self.names is not None or names is None else replace(self, names=tuple(map(str, names)))

    @property
    def unit(self) -> str:
        """Unit of the scalar."""
        return "score"

    @property
    def value(self) -> str:
        """What the scalar is."""
        return f"the score of {self}"

    @property
    def told(self) -> str:
        """What a reader must know of it."""
        return (
            f"Explained is the detector's score of {self}; where no box of that class overlaps it by {self.overlap:g} "
            "the score is 0 and nothing contributes."
        )

    def __str__(self) -> str:
        name = self.class_ if self.names is None or self.class_ in self.names else self.names[self._label]
        return f"{name} in the box {', '.join(f'{side:g}' for side in self.box)}"


def _detected(found: Any) -> bool:
    return isinstance(found, Mapping) and all(isinstance(found.get(name), torch.Tensor) for name in FIELDS)


def _overlap(boxes: torch.Tensor, one: torch.Tensor) -> torch.Tensor:
    """Return the intersection over union of boxes `(k, 4)` with one, `(k,)`."""
    sides = (torch.minimum(boxes[:, 2:], one[2:]) - torch.maximum(boxes[:, :2], one[:2])).clamp_min(0)
    both = sides.prod(dim=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1) + (one[2:] - one[:2]).prod()
    return both / (areas - both).clamp_min(torch.finfo(boxes.dtype).tiny)
