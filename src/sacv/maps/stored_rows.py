"""`StoredRows`: arrays on disk to which the rows of images are appended."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sacv.errors import StorageError
from sacv.files import Array


@dataclass(frozen=True)
class _Kind:
    """The file of an array, and the type and shape of its rows."""

    file: Path
    dtype: np.dtype[np.generic]
    row: tuple[int, ...]


class StoredRows:
    """Named arrays whose first axis is the images, in a temporary folder that is removed with this object.

    Raises
    ------
    StorageError
        If the folder cannot be created.
    """

    def __init__(self) -> None:
        with _storage_error(tempfile.gettempdir()):
            folder = tempfile.mkdtemp(prefix="sacv-maps-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._folder = Path(folder)
        self._kinds: dict[str, _Kind] = {}
        self._lengths: dict[str, int] = {}
        self._files = 0

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def append(self, arrays: Mapping[str, Array]) -> None:
        """Add the rows of some images.

        Raises StorageError if the disk is full.
        """
        for name, values in arrays.items():
            if name not in self._kinds:
                self._kinds[name] = _Kind(self._folder / str(self._files), values.dtype, values.shape[1:])
                self._lengths[name] = 0
                self._files += 1
            kind = self._kinds[name]
            with _storage_error(self._folder.parent), kind.file.open("ab") as opened:
                opened.write(np.ascontiguousarray(values, dtype=kind.dtype).data)
            self._lengths[name] += len(values)

    def read(self, name: str) -> Array:
        """Return an array, mapped into memory. Changes to it do not reach the disk."""
        kind = self._kinds[name]
        return np.asarray(np.memmap(kind.file, kind.dtype, "c", shape=(self._lengths[name], *kind.row)))

    def remove(self, name: str) -> None:
        """Remove an array."""
        self._kinds.pop(name).file.unlink()
        del self._lengths[name]


@contextmanager
def _storage_error(folder: str | Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"the maps could not be written to {folder}: {error.strerror or error}; set the environment variable "
            "TMPDIR to a folder with more room"
        ) from error
