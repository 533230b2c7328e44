"""Look up classes by name or index."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from sacv.errors import TargetError


def class_index(target: int | str, names: Sequence[str] | None, classes: int) -> int:
    """Return the index of a class, given by index or name, among `classes` logits.

    Raises
    ------
    TargetError
        If there is no such class; the message contains the closest names or the legal range.
    """
    if names is not None and len(names) != classes:
        raise TargetError(f"{len(names)} class names were given, but the network has {classes} logits")
    if isinstance(target, str) and names is not None and target in names:
        return list(names).index(target)
    if isinstance(target, str) and not target.isdecimal():
        if names is None:
            raise TargetError(
                f"target {target!r} is a name, but the model has no class names; give class names "
                f"(class_names=..., --class-names FILE), or an index from 0 to {classes - 1}"
            )
        near = difflib.get_close_matches(target, names, n=4, cutoff=0.4) or list(names)[:4]
        raise TargetError(f"the model has no class {target!r}; the nearest names are {', '.join(near)}")
    index = int(target)
    if not 0 <= index < classes:
        raise TargetError(f"target {index} is out of range; the model's classes go from 0 to {classes - 1}")
    return index
