"""What is explained of an image: a class's logit, or a scalar of the user's own from the network's output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from sacv.model import Aim, OutputTarget, Select, VisionModel

PREDICTED = "predicted"

Target = int | str | Callable[[Any], torch.Tensor]
"""A class by index or name, "predicted", or a function from the network's output to a scalar of each image."""


def name_of(target: Target) -> int | str:
    """Give the target's name, as an explanation records it."""
    return str(getattr(target, "__name__", type(target).__name__)) if callable(target) else target


def classes_of(model: VisionModel, target: int | str, logits: torch.Tensor) -> torch.Tensor:
    """Give the class explained of each image, int `(n,)`.

    Raises
    ------
    TargetError
        If there is no such class.
    """
    if target == PREDICTED and PREDICTED not in (model.class_names or ()):
        return logits.argmax(dim=1)
    index = model.class_index(target, logits.shape[1])
    return torch.full((len(logits),), index, device=logits.device)


def select_of(model: VisionModel, target: Target) -> Select:
    """Give what is explained of each image of a batch."""
    if callable(target):
        return OutputTarget(target)
    return lambda logits: logits.gather(1, classes_of(model, target, logits)[:, None])[:, 0]


def aim_of(model: VisionModel, target: Target, logits: torch.Tensor | None) -> Aim:
    """Give what is explained of images by number, now that the batch's `logits` say which class is each one's."""
    if callable(target) or logits is None:
        select = select_of(model, target)
        return lambda rows: select
    classes = classes_of(model, target, logits)
    return lambda rows: lambda found: found.gather(1, classes[rows.to(classes.device)][:, None])[:, 0]
