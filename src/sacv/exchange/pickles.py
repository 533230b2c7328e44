"""Untrusted pickles, read without running code from them.

A pickle names functions, and `pickle.load` calls them. Only the few names that rebuild numpy arrays and
plain numbers are allowed, and settings of a library, which become empty objects; other names are refused.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sacv.errors import CorruptFileError


class Settings:
    """An empty object that replaces an object of a library's settings."""

    def __new__(cls, *given: object) -> Settings:
        """Create an empty object from any arguments."""
        return super().__new__(cls)

    def __init__(self, *given: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...


SETTINGS = "HParams"
"""Name of the classes, of whichever package, that hold the hyperparameters of tensorflow/tcav."""


def _empty(*given: object) -> Settings:
    return Settings()


def _latin1(text: str, encoding: str) -> bytes:
    return text.encode("latin1")


_ARRAYS: dict[str, Any] = {
    "ndarray": np.ndarray,
    "dtype": np.dtype,
    "_reconstruct": np.ndarray(0).__reduce__()[0],
    "scalar": np.float64(0).__reduce__()[0],
    "_frombuffer": np.zeros(1).__reduce_ex__(5)[0],
}
"""The names in numpy's pickles; their modules depend on numpy's version."""

_PLAIN: dict[str, Any] = {
    "float": float, "int": int, "bool": bool, "str": str, "set": set, "frozenset": frozenset, "object": Settings,
    "long": int, "unicode": str,
}  # fmt: skip


def _allowed(module: str, name: str) -> Callable[..., Any] | None:
    """Return the object of a name; None if it is refused."""
    if module.partition(".")[0] == "numpy":
        return _ARRAYS.get(name)
    if module in ("builtins", "__builtin__"):
        return _PLAIN.get(name)
    if (module, name) == ("collections", "OrderedDict"):
        return OrderedDict
    if (module, name) == ("_codecs", "encode"):
        return _latin1
    if module in ("copyreg", "copy_reg") and name in ("_reconstructor", "__newobj__"):
        return _empty
    return Settings if name == SETTINGS else None


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        found = _allowed(module, name)
        if found is None:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is no array and no plain value")
        return found


def read_pickle(file: str | Path) -> Any:
    """Read a pickle of arrays and plain values.

    Raises
    ------
    CorruptFileError
        If the file cannot be read, is no pickle, or contains another name.
    """
    try:
        return _Unpickler(io.BytesIO(Path(file).read_bytes()), encoding="latin1").load()
    except OSError as error:
        raise CorruptFileError(f"{file} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # damaged pickles raise errors of many classes
        raise CorruptFileError(
            f"{file} is no pickle of arrays and plain values: {error}; no code of it was run. If you trust it, load "
            "it with pickle and write its arrays with numpy.savez"
        ) from error
