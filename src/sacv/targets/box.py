"""`BoxScore`: a detector's score of a box.

The scalar is the greatest score of a class among the detected boxes that overlap the given box, by intersection over
union. Without such a box, it is 0 and nothing contributes.
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
    """A detector's score of a box, for networks with outputs like torchvision's detectors.

    The output is a dict for each image with boxes `(found, 4)`, scores `(found,)` and labels `(found,)`. The scores
    must have a gradient, like the scores of torchvision's detectors. For a different box for each image use `Each`.

    Parameters
    ----------
    box
        Left, top, right and bottom in pixels of the network's input.
    class_
        The label, by number or by name.
    overlap
        Least intersection over union, in (0, 1].
    names
        Names of all labels; `sacv` fills in the model's.

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
            raise TargetError(f"a box must be left, top, right, bottom with left < right and top < bottom, not {box}")
        if not 0 < self.overlap <= 1:
            raise TargetError(f"overlap must be above 0 and at most 1, not {self.overlap}")
        object.__setattr__(self, "box", box)

    def values(self, output: Any) -> torch.Tensor:
        """Compute the scores; see `Target.values`."""
        if not (isinstance(output, list | tuple) and output and all(map(_is_detection, output))):
            raise TargetError(
                f"the network gives {describe_output(output)}; a box's score needs detections, a dict of boxes, scores "
                "and labels for each image"
            )
        return torch.stack([self._score(found) for found in output])

    def _score(self, found: Mapping[str, torch.Tensor]) -> torch.Tensor:
        boxes, scores, labels = (found[name] for name in FIELDS)
        if torch.is_grad_enabled() and not scores.requires_grad:
            raise TargetError(
                "the detector's scores carry no gradient: a step between the layer and the scores is not "
                "differentiable; choose another layer, or let the network return its class logits and explain those"
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
        """Name of the scalar."""
        return f"the score of {self}"

    @property
    def note(self) -> str:
        """Explanation of the scalar for readers."""
        return (
            f"The target is the detector's score of {self}; if no box of that class overlaps it by {self.overlap:g}, "
            "the score is 0 and nothing contributes."
        )

    def __str__(self) -> str:
        name = self.class_ if self.names is None or self.class_ in self.names else self.names[self._label]
        return f"{name} in the box {', '.join(f'{side:g}' for side in self.box)}"


def _is_detection(found: Any) -> bool:
    return isinstance(found, Mapping) and all(isinstance(found.get(name), torch.Tensor) for name in FIELDS)


def _overlap(boxes: torch.Tensor, box: torch.Tensor) -> torch.Tensor:
    """Return the intersection over union of boxes `(k, 4)` with a box `(4,)`, as `(k,)`."""
    sides = (torch.minimum(boxes[:, 2:], box[2:]) - torch.maximum(boxes[:, :2], box[:2])).clamp_min(0)
    both = sides.prod(dim=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1) + (box[2:] - box[:2]).prod()
    return both / (areas - both).clamp_min(torch.finfo(boxes.dtype).tiny)
