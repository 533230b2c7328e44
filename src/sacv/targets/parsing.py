"""Convert the values of the parameter `target` to `Target` objects."""

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
    """Return the target of a value, for a model whose classes have these names.

    Raises
    ------
    TargetError
        If the value is not legal.
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
        f"the target must be a class name or index, an object of sacv.targets or a function, not {given!r}"
    )


def given_targets(given: Given | Sequence[Given]) -> list[Given]:
    """Return one or several targets as a list.

    Raises
    ------
    OptionError
        If the list is empty.
    """
    if isinstance(given, int | np.integer | str | Target) or callable(given):
        return [given]
    if not isinstance(given, Sequence):
        target_of(given, None)  # raises the error
    if not given:
        raise OptionError("no target is given; name a class by its name or index")
    return list(given)


def is_single(given: Given | Sequence[Given]) -> bool:
    """Return whether `given` is one target and not a sequence of targets."""
    return isinstance(given, int | np.integer | str | Target) or callable(given)


def name_of(given: Given, names: Sequence[str] | None) -> int | str:
    """Return the target's name in results; a class name or index is unchanged."""
    return str(target_of(given, names)) if isinstance(given, Target) or callable(given) else given


def require_images(target: Target, count: int) -> None:
    """Check that a target with a part for each image has as many parts as there are images.

    Raises
    ------
    TargetError
        If the numbers differ.
    """
    if target.images not in (None, count):
        raise TargetError(
            f"there are targets for {target.images} images, but {count} images; give one target for all, or one for "
            "each image that is explained, in their order"
        )


def aim_of(target: Target, logits: torch.Tensor | None) -> Aim:
    """Return the function from indices of a batch's images to their target; `logits` fix the predicted classes."""
    fixed = target if logits is None else target.settled(logits)
    return lambda rows: Aimed(fixed.at(rows.tolist()))


def names_of(model: VisionModel) -> list[str] | None:
    """Return the names of a model's classes."""
    return None if model.class_names is None else [str(name) for name in model.class_names]
