"""Return what a target is, so that finished parts of another are not taken for its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import partial
from types import BuiltinFunctionType, CodeType, FunctionType
from typing import Any

import numpy as np
import torch

from sacv.model.outputs import OutputTarget


def target_identity(target: Any) -> str:
    """Return what a target is: the same text only for the same target, also in another process.

    Of a function that is its code, what it closes over, its defaults, and the values and functions of its own module
    that it reads; of a data class, such as those of `sacv.targets`, its fields. An object of another kind has the text
    of its `repr`; where that holds an address, parts of another process are never taken.
    """
    return _mark(target, set())


def _mark(value: Any, seen: set[int]) -> str:
    if isinstance(value, OutputTarget):
        return _mark(value.function, seen)
    if isinstance(value, partial):
        named = [(name, _mark(one, seen)) for name, one in sorted(value.keywords.items())]
        return repr((_mark(value.func, seen), [_mark(one, seen) for one in value.args], named))
    if isinstance(value, list | tuple):
        return repr((type(value).__name__, [_mark(one, seen) for one in value]))
    if isinstance(value, torch.Tensor):
        return _mark(value.detach().cpu().float().numpy(), seen) + str(value.dtype)
    if isinstance(value, np.ndarray) and value.dtype != object:
        return repr((str(value.dtype), value.shape, hashlib.sha256(np.ascontiguousarray(value).data).hexdigest()))
    if isinstance(value, torch.nn.Module):
        return repr((repr(value), [(name, _mark(one, seen)) for name, one in value.state_dict().items()]))
    if isinstance(value, BuiltinFunctionType):
        return value.__qualname__
    if is_dataclass(value) and not isinstance(value, type):
        return _object(value, seen)
    return _function(value, seen) if isinstance(value, FunctionType) else repr(value)


def _function(function: FunctionType, seen: set[int]) -> str:
    if id(function) in seen:  # it is told where it was met first
        return function.__qualname__
    seen.add(id(function))
    closed = [_mark(cell.cell_contents, seen) for cell in function.__closure__ or ()]
    given = _mark([function.__defaults__, sorted((function.__kwdefaults__ or {}).items())], seen)
    read = [
        (name, _mark(function.__globals__[name], seen))
        for name in sorted(set(_names(function.__code__)))
        if _own(function, function.__globals__.get(name))
    ]
    return repr((function.__qualname__, _code(function.__code__), closed, given, read))


def _object(value: Any, seen: set[int]) -> str:
    """Return the mark of a data class: its fields, its other public attributes, and the methods of one of the user's."""
    kind = type(value)
    names = [field.name for field in fields(value)]
    names += sorted(name for name in getattr(value, "__dict__", {}) if name not in names and not name.startswith("_"))
    inside = [(name, _mark(getattr(value, name), seen)) for name in names]
    methods = [
        _mark(method, seen)
        for name, method in sorted(vars(kind).items())
        if isinstance(method, FunctionType) and (name == "__call__" or not name.startswith("__"))
    ]
    code = [] if kind.__module__.partition(".")[0] == __name__.partition(".")[0] else methods
    return repr((kind.__module__, kind.__qualname__, inside, code))


def _own(function: FunctionType, value: object) -> bool:
    """Return whether a value that a function reads is followed: a plain one, or a function of the same module."""
    plain = isinstance(value, bool | int | float | str | list | tuple | np.ndarray | torch.Tensor | torch.nn.Module)
    return plain or (isinstance(value, FunctionType) and value.__module__ == function.__module__)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _names(one)


def _code(code: CodeType) -> tuple[object, ...]:
    constants = [_code(one) if isinstance(one, CodeType) else repr(one) for one in code.co_consts]
    return code.co_code, code.co_names, constants
