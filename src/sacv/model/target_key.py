"""Identify a target, so that stored shards are reused only for the same target."""

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
    """Return a text that is equal only for equal targets, also in another process.

    A function is identified by its code, closure and defaults, and the values and functions of its module that it
    reads; a data class, such as those of `sacv.targets`, by its fields; any other object by its `repr`. If the `repr`
    contains an address, shards of another process are never reused.
    """
    return _identity(target, set())


def _identity(value: Any, seen: set[int]) -> str:
    if isinstance(value, OutputTarget):
        return _identity(value.function, seen)
    if isinstance(value, partial):
        named = [(name, _identity(one, seen)) for name, one in sorted(value.keywords.items())]
        return repr((_identity(value.func, seen), [_identity(one, seen) for one in value.args], named))
    if isinstance(value, list | tuple):
        return repr((type(value).__name__, [_identity(one, seen) for one in value]))
    if isinstance(value, torch.Tensor):
        return _identity(value.detach().cpu().float().numpy(), seen) + str(value.dtype)
    if isinstance(value, np.ndarray) and value.dtype != object:
        return repr((str(value.dtype), value.shape, hashlib.sha256(np.ascontiguousarray(value).data).hexdigest()))
    if isinstance(value, torch.nn.Module):
        return repr((repr(value), [(name, _identity(one, seen)) for name, one in value.state_dict().items()]))
    if isinstance(value, BuiltinFunctionType):
        return value.__qualname__
    if is_dataclass(value) and not isinstance(value, type):
        return _object(value, seen)
    return _function(value, seen) if isinstance(value, FunctionType) else repr(value)


def _function(function: FunctionType, seen: set[int]) -> str:
    if id(function) in seen:  # identified at its first occurrence
        return function.__qualname__
    seen.add(id(function))
    closed = [_identity(cell.cell_contents, seen) for cell in function.__closure__ or ()]
    given = _identity([function.__defaults__, sorted((function.__kwdefaults__ or {}).items())], seen)
    read = [
        (name, _identity(function.__globals__[name], seen))
        for name in sorted(set(_names(function.__code__)))
        if _own(function, function.__globals__.get(name))
    ]
    return repr((function.__qualname__, _code(function.__code__), closed, given, read))


def _object(value: Any, seen: set[int]) -> str:
    """Identify a data class by its fields, its other public attributes, and, outside sacv, its methods."""
    kind = type(value)
    names = [field.name for field in fields(value)]
    names += sorted(name for name in getattr(value, "__dict__", {}) if name not in names and not name.startswith("_"))
    inside = [(name, _identity(getattr(value, name), seen)) for name in names]
    methods = [
        _identity(method, seen)
        for name, method in sorted(vars(kind).items())
        if isinstance(method, FunctionType) and (name == "__call__" or not name.startswith("__"))
    ]
    code = [] if kind.__module__.partition(".")[0] == __name__.partition(".")[0] else methods
    return repr((kind.__module__, kind.__qualname__, inside, code))


def _own(function: FunctionType, value: object) -> bool:
    """Return whether a global value identifies a function: plain data, or a function of the same module."""
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
