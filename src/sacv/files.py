"""Read and write folders of results.

A result folder holds JSON for metadata and safetensors for arrays, never pickle. `write_folder` fills a new folder next
to its destination and then renames it, so that a full disk or a crash leaves the old folder unchanged.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import isfinite, prod
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as parse_arrays
from safetensors.numpy import save_file

from sacv.errors import CorruptFileError, StorageError

Array = np.ndarray[Any, np.dtype[Any]]

_SAFE = {"i8": "I64", "f8": "F64", "f4": "F32", "b1": "BOOL"}
"""The safetensors names of the dtypes that can be streamed, in their order within a file."""


def write_folder(folder: Path, marker: str, fill: Callable[[Path], None]) -> None:
    """Write a result folder. A failure leaves an existing folder unchanged.

    An existing folder must be empty or hold the file `marker`, as every folder of this kind does. `fill` writes the
    files into a new, empty folder, whose path is its argument.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise StorageError(f"{folder} is a file; name a folder to write to")
    if folder.exists() and any(folder.iterdir()) and not (folder / marker).exists():
        raise StorageError(
            f"{folder} is not empty and holds no {marker}, so it will not be overwritten; name another folder"
        )
    fresh: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        fresh.chmod(0o755)
        fill(fresh)
        _swap(fresh, folder)
    except OSError as error:
        raise StorageError(
            f"{folder} could not be written: {error.strerror or error}; its previous content is unchanged"
        ) from error
    finally:
        if fresh is not None:
            shutil.rmtree(fresh, ignore_errors=True)


def _swap(fresh: Path, folder: Path) -> None:
    if not folder.exists():
        fresh.rename(folder)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
    folder.rename(old / "folder")
    try:
        fresh.rename(folder)
    except OSError:
        (old / "folder").rename(folder)
        old.rmdir()
        raise
    shutil.rmtree(old, ignore_errors=True)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON with a stable order and layout. A number that is not finite raises ValueError."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


class _NotFinite(str):
    """The text of a number in a JSON file that is not finite."""


def _number(written: str) -> float | _NotFinite:
    value = float(written)
    return value if isfinite(value) else _NotFinite(written)


def _not_finite(value: Any, where: str) -> Iterable[str]:
    """Yield a message for each field whose number is not finite."""
    if isinstance(value, _NotFinite):
        yield f"{where} is {value}"
    for name, inside in value.items() if isinstance(value, dict) else ():
        yield from _not_finite(inside, f"{where}.{name}" if where else name)
    for index, inside in enumerate(value) if isinstance(value, list) else ():
        yield from _not_finite(inside, f"{where}[{index}]")


def read_json(path: Path, *, kind: str, format_version: int) -> dict[str, Any]:
    """Read a JSON file written by `write_json` and check its kind and `format_version`."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_NotFinite, parse_float=_number)
        wrong = next(iter(_not_finite(content, "")), None)
    except FileNotFoundError as error:
        raise CorruptFileError(f"{path.parent} is not a sacv {kind}: it holds no {path.name}") from error
    except (OSError, ValueError, RecursionError) as error:  # invalid JSON or UTF-8, or unbounded digits or nesting
        raise CorruptFileError(f"{path} cannot be read ({error}); create the {kind} again") from error
    if wrong is not None:
        raise CorruptFileError(
            f"{path} is damaged: {wrong}, not a finite number; restore the file, or create the {kind} again"
        )
    if not isinstance(content, dict) or content.get("kind") != kind:
        raise CorruptFileError(f"{path} is not the JSON file of a sacv {kind}")
    found = content.get("format_version")
    if found != format_version:
        raise CorruptFileError(
            f"{path} has format_version {found!r}; this version of sacv reads {format_version}; create the {kind} again"
        )
    return content


def write_arrays(path: Path, arrays: Mapping[str, Array], labels: Mapping[str, str] | None = None) -> None:
    """Write named arrays as safetensors, sorted by name, with optional text metadata."""
    named = {name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)}
    try:
        save_file(named, path, metadata=None if labels is None else dict(labels))
    except SafetensorError as error:  # such as a full disk
        raise OSError(str(error)) from error


def digest_of(arrays: Mapping[str, Array]) -> str:
    """Return the SHA-256, in hexadecimal, of the names, dtypes, shapes and values of arrays."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name}:{array.dtype}:{array.shape}:".encode())
        digest.update(array.data)
    return digest.hexdigest()


@dataclass(frozen=True)
class Streamed:
    """An array that is written in pieces. `pieces` returns them in order along the first axis."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    pieces: Callable[[], Iterable[Array]]


def stream_arrays(path: Path, arrays: Mapping[str, Streamed]) -> None:
    """Write the same bytes as `write_arrays`, with at most one piece in memory.

    The file holds the length of a JSON header in 8 bytes, the header, and the arrays, the widest dtypes first
    (https://github.com/huggingface/safetensors).
    """
    kinds = {name: array.dtype.str[1:] for name, array in arrays.items()}
    ordered = sorted(arrays, key=lambda name: (list(_SAFE).index(kinds[name]), name))
    header: dict[str, Any] = {}
    end = 0
    for name in ordered:
        array = arrays[name]
        start, end = end, end + array.dtype.itemsize * prod(array.shape)
        header[name] = {"dtype": _SAFE[kinds[name]], "shape": list(array.shape), "data_offsets": [start, end]}
    labels = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    labels += b" " * (-len(labels) % 8)
    with path.open("wb") as file:
        file.write(len(labels).to_bytes(8, "little") + labels)
        for name in ordered:
            for piece in arrays[name].pieces():
                file.write(np.ascontiguousarray(piece, dtype=arrays[name].dtype.newbyteorder("<")).data)


def read_arrays(path: Path) -> dict[str, Array]:
    """Read the named arrays of a safetensors file."""
    try:
        return dict(parse_arrays(path.read_bytes()))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:  # ValueError: an unknown dtype
        raise CorruptFileError(
            f"{path} cannot be read ({error}); restore the file, or create the folder again"
        ) from error
