"""Old public names that still work, with a `DeprecationWarning` that gives the new one."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import wraps
from importlib import import_module
from typing import Any, TypeVar

Kind = TypeVar("Kind", bound=type)


def warn_renamed(old: str, new: str, *, stacklevel: int = 3) -> None:
    """Warn that a name has changed."""
    warnings.warn(f"{old} is deprecated; use {new}", DeprecationWarning, stacklevel=stacklevel)


def renamed_names(module: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a module that gives attributes by their old names, the keys of `names`."""

    def attribute(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        warn_renamed(f"{module}.{name}", f"{module}.{names[name]}")
        return getattr(import_module(module), names[name])

    return attribute


class RenamedAttribute:
    """A read-only attribute or method of a class under its old name.

    `keyword` is the constructor's keyword that sets it, if that is not `new`; see `old_keywords`.
    """

    def __init__(self, new: str, keyword: str | None = None) -> None:
        self.new = new
        self.keyword = keyword or new

    def __set_name__(self, owner: type, name: str) -> None:
        self.old = name

    def __get__(self, instance: object, owner: type) -> Any:
        if instance is None:
            return self
        warn_renamed(f"{owner.__name__}.{self.old}", f"{owner.__name__}.{self.new}")
        return getattr(instance, self.new)


def old_keywords(kind: Kind) -> Kind:
    """Let the constructor of a dataclass accept the old name of a field, given by a `RenamedAttribute`, as keyword."""
    renamed = {name: value.keyword for name, value in vars(kind).items() if isinstance(value, RenamedAttribute)}
    create = vars(kind)["__init__"]

    @wraps(create)
    def init(self: object, *values: Any, **fields: Any) -> None:
        for old in renamed.keys() & fields.keys():
            warn_renamed(f"{kind.__name__}({old}=)", f"{kind.__name__}({renamed[old]}=)")
            fields[renamed[old]] = fields.pop(old)
        create(self, *values, **fields)

    setattr(kind, "__init__", init)  # noqa: B010 - mypy refuses the assignment
    return kind
