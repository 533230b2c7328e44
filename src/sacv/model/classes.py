"""Read the names of classes, and look up classes by name or index."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from pathlib import Path

from sacv.errors import OptionError, TargetError


def read_class_names(file: str | Path) -> list[str]:
    """Read names from a JSON list, or from a file with a name in each line."""
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"the class names {file} cannot be read: {error}") from error
    if not text.lstrip().startswith("["):
        return [line.strip() for line in text.splitlines() if line.strip()]
    try:
        names = json.loads(text)
    except json.JSONDecodeError as error:
        raise OptionError(f"the class names {file} are not a JSON list: {error}") from error
    if not all(isinstance(name, str) for name in names):
        raise OptionError(f"the class names {file} must be a list of strings")
    return [str(name) for name in names]


def class_index(target: int | str, names: Sequence[str] | None, classes: int) -> int:
    """Return the index of a class, given by index or name, among `classes` logits."""
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
