"""From what a user gives as a target to a `Target`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch

from sacv.errors import OptionError, TargetError
from sacv.model import Aim, VisionModel
from sacv.targets.base import Aimed, Target
from sacv.targets.classes import PREDICTED, Class, Predicted
from sacv.targets.function import Function

Given: TypeAlias = int | str | Target | Callable[[Any], torch.Tensor]
"""A class by index or name, "predicted", an object of `sacv.targets`, or a function from the output to scalars."""


def target_of(given: Given, names: Sequence[str] | None) -> Target:
    """Return the target that is meant, for a model whose classes have these names.

    Raises
    ------
    TargetError
        If it is none.
    """
    if isinstance(given, Target):
        return given.named(names)
    if callable(given):
        return Function(given)
    if isinstance(given, str):
        return Predicted() if given == PREDICTED and given not in (names or ()) else Class(given).named(names)
    if isinstance(given, int | np.integer) and not isinstance(given, bool):
        return Class(int(given)).named(names)
    raise TargetError(
        f"the target must be a class's name or index, an object of sacv.targets or a function, not {given!r}"
    )


def given_targets(given: Given | Sequence[Given]) -> list[Given]:
    """Return the targets, one or several, as a list.

    Raises
    ------
    OptionError
        If there is none.
    """
    if isinstance(given, int | np.integer | str | Target) or callable(given):
        return [given]
    if not isinstance(given, Sequence):
        target_of(given, None)  # says what is legal
    if not given:
        raise OptionError("no target is given; name a class by its name or index")
    return list(given)


def is_single(given: Given | Sequence[Given]) -> bool:
    """Return whether one target is given, and not several."""
    return isinstance(given, int | np.integer | str | Target) or callable(given)


def name_of(given: Given, names: Sequence[str] | None) -> int | str:
    """Return the target's name, as results record it: a class as it is given."""
    return str(target_of(given, names)) if isinstance(given, Target) or callable(given) else given


def require_images(target: Target, count: int) -> None:
    """Require a target that has something for each image to have it for so many.

    Raises
    ------
    TargetError
        If it has it for others.
    """
    if target.images not in (None, count):
        raise TargetError(
            f"the target {target} has something for each of {target.images} images, but there are {count}; give one "
            "for all, or one for each image that is explained, in their order"
        )


def aim_of(target: Target, logits: torch.Tensor | None) -> Aim:
    """Return what is explained of a batch's images by number, now that its `logits` say what is predicted of each."""
    fixed = target if logits is None else target.settled(logits)
    return lambda rows: Aimed(fixed.at(rows.tolist()))


def names_of(model: VisionModel) -> list[str] | None:
    """Return the names of a model's classes."""
    return None if model.class_names is None else [str(name) for name in model.class_names]
